//! What a run consists of: looks at the photo, teachers that learn first, and the learner.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;

use super::material::Material;
use super::options::Options;
use crate::adapt::{Adapt, Mode};
use crate::error::{Error, Kind, Result};
use crate::models::{self, Card, Network, Run};
use crate::noise::{NoiseEstimate, is_noise_erased};
use crate::objectives::blind_spot_l1::BlindSpotL1;
use crate::objectives::blind_spot_nll::BlindSpotNll;
use crate::objectives::distillation::Distillation;
use crate::objectives::masked::Masked;
use crate::objectives::neighbor2neighbor::Neighbor2Neighbor;
use crate::objectives::noise_model::NoiseModel;
use crate::objectives::noise2noise::Noise2Noise;
use crate::objectives::noise2void::{Masking, Noise2Void, Replacement};
use crate::objectives::recorruption::Recorrupted;
use crate::objectives::residual_recorruption::ResidualRecorruption;
use crate::objectives::sasl::Sasl;
use crate::objectives::supervised::Supervised;
use crate::objectives::zero_shot::ZeroShot;
use crate::objectives::{Lesson, Objective};
use crate::photo::Photo;

/// Side of the squares that networks are judged by.
const JUDGED: usize = 128;

/// What a run is like when nobody says otherwise.
struct Defaults {
    /// Steps of the optimiser.
    steps: usize,
    /// Peak of the learning rate.
    rate: f64,
    /// Patches of a batch.
    batch: usize,
    /// Their side, pixels.
    patch: usize,
}

/// For trained weights: 25 steps are two thirds of what 100 gain.
const TRAINED: Defaults = Defaults { steps: 100, rate: 3e-4, batch: 4, patch: 64 };
/// For random weights: many small steps.
const RANDOM: Defaults = Defaults { steps: 600, rate: 2e-3, batch: 8, patch: 48 };
/// For super-resolution with trained weights; patches are of the small picture.
const ZERO_SHOT: Defaults = Defaults { steps: 100, rate: 5e-5, batch: 4, patch: 32 };

impl Defaults {
    fn of(objective: Objective, random: bool) -> Self {
        match (objective, random) {
            (Objective::ContrastiveSuperResolution, false) => ZERO_SHOT,
            (Objective::ContrastiveSuperResolution, true) => Self { rate: 1e-4, steps: 600, ..ZERO_SHOT },
            (_, true) => RANDOM,
            (_, false) => TRAINED,
        }
    }
}

/// Part of its loss by which a trained network must be beaten, where that is what it is judged by.
const MARGIN: f32 = 0.05;
/// The same where JPEG has erased noise. The estimate then takes too little for noise, and promised gains of up to 0.26 for
/// what lost 0.5 dB.
const ERASED_MARGIN: f32 = 0.5;

/// Share of pixels that Noise2Void masks on a single photo: more than published, as there are fewer pictures.
const MASKED_SHARE: f32 = 0.02;

/// Factor of pixel-shuffle downsampling for noise that spreads over neighbouring pixels.
const CORRELATED_PD: usize = 2;

/// Which network a stage is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Learner,
    /// The first, the second.
    Teacher(usize),
}

impl Who {
    /// Where the trainer keeps it.
    pub(super) fn index(self) -> usize {
        match self {
            Who::Learner => 0,
            Who::Teacher(number) => 1 + number,
        }
    }
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// A network denoises the material, for others (or itself) to learn from.
    Look(Who),
    /// A network learns, for a share of the steps.
    Learn { who: Who, objective: Objective, share: f64 },
}

impl Stage {
    /// Share of the steps.
    pub(super) fn share(&self) -> f64 {
        match self {
            Stage::Look(_) => 0.0,
            Stage::Learn { share, .. } => *share,
        }
    }
}

/// What is known of photo and network before the run, and what follows for it.
pub(super) struct Facts {
    /// The photo's noise.
    pub noise: NoiseEstimate,
    /// How the learner is run before it learns.
    untuned: Adapt,
    /// Factor of pixel-shuffle downsampling at which the noise is independent from pixel to pixel.
    pub pd: usize,
    /// Patches of a batch.
    pub batch: usize,
    /// Side of the patches that the network sees.
    pub patch: usize,
    /// Side of the squares that networks are judged by.
    pub judged: usize,
    /// Part of its score by which the network from before must be beaten.
    pub margin: f32,
    /// Peak of the learning rate.
    pub rate: f64,
    /// Steps of the optimiser, over all stages.
    pub steps: usize,
    /// Mean and deviation of each channel of the photo.
    pub statistics: Vec<[f32; 2]>,
    /// Output size over input size.
    scale: usize,
}

impl Facts {
    pub(super) fn of(
        card: &Card,
        objective: Objective,
        network: &Network,
        material: &Material,
        shots: &[Arc<Photo>],
        options: &Options,
    ) -> Result<Self> {
        let noise = match material.defects.is_empty() {
            true => NoiseEstimate::of_photo(&shots[0]),
            false => NoiseEstimate::of(&material.scenes[0].shots[0]),
        };
        let multiple = network.demands(card).size_multiple * grid(objective);
        let zero_shot = objective == Objective::ContrastiveSuperResolution;
        let defaults = Defaults::of(objective, options.random);
        let wanted = options.patch.unwrap_or(defaults.patch);
        let enlarged = if zero_shot { card.scale } else { 1 };
        let most = material.side() / enlarged / multiple * multiple;
        if most == 0 {
            let least = multiple * enlarged;
            let message =
                format!("this network needs a photo of at least {least}x{least} pixels to learn from");
            return Err(Error::new(Kind::Option, message));
        }
        let judged = (JUDGED.div_ceil(multiple) * multiple).min(most);
        let patch = (wanted.div_ceil(multiple) * multiple).min(most);
        let pd = if noise.correlated { CORRELATED_PD } else { 1 };
        let untuned = options.adapt.choose(card, &noise, shots[0].width() * shots[0].height())?;
        Ok(Self {
            untuned,
            pd: pd.min((material.side() / patch).max(1)),
            batch: options.batch.unwrap_or(defaults.batch),
            patch,
            judged,
            margin: margin(objective, material, shots[0].bit_depth() == 8, options),
            rate: options.learning_rate.unwrap_or(defaults.rate),
            steps: options.steps.unwrap_or(defaults.steps),
            statistics: statistics(material),
            noise,
            scale: card.scale,
        })
    }

    /// How a network looks at the photo to learn from the result: the learner as it is run on any photo; of teachers, noise
    /// that spreads over neighbouring pixels is taken apart by pixel-shuffle downsampling.
    pub(super) fn look(&self, who: Who, options: &Options) -> (Run, Adapt) {
        let adapt = match who {
            Who::Learner => self.untuned,
            Who::Teacher(_) if self.noise.correlated => Adapt { pd: CORRELATED_PD, ..Adapt::PLAIN },
            Who::Teacher(_) => Adapt::PLAIN,
        };
        (self.tuned_run(options), adapt)
    }

    /// How the learner is run before it learns.
    pub(super) fn untuned_run(&self, options: &Options) -> Run {
        Run { adapt: self.untuned, ..self.tuned_run(options) }
    }

    /// How a tuned network is run: it has learned the photo's noise as it is, so nothing is done around it but turns, or to
    /// hold it back as the untuned one was.
    pub(super) fn tuned(&self) -> Adapt {
        Adapt { wiener: self.untuned.wiener, turns: self.untuned.turns, ..Adapt::PLAIN }
    }

    /// The same for any photo.
    pub(super) fn tuned_mode(&self) -> Mode {
        if self.untuned.wiener.is_some() { Mode::Wiener } else { Mode::Fixed(self.tuned()) }
    }

    /// What a tuned network is told.
    pub(super) fn tuned_run(&self, options: &Options) -> Run {
        Run { adapt: self.tuned(), sigma: Some(self.noise.sigma), ..options.run }
    }
}

/// Anything is better than random weights; trained ones are given up for a clear gain only. The risk tells by itself how sure
/// it is ([`super::guard::Judgement::is_surely_better`]), but where JPEG has erased noise. JPEG makes 8 bits, no
/// more.
fn margin(objective: Objective, material: &Material, eight_bits: bool, options: &Options) -> f32 {
    let erased = || eight_bits && material.scenes.iter().any(|scene| is_noise_erased(&scene.shots[0]));
    match (options.random, objective.is_judged_by_risk()) {
        (true, _) => 0.0,
        (false, true) if erased() => ERASED_MARGIN,
        (false, true) => 0.0,
        (false, false) => MARGIN,
    }
}

/// By how much an objective divides a patch before the network sees it.
fn grid(objective: Objective) -> usize {
    if objective == Objective::Neighbor2neighbor { 2 } else { 1 }
}

/// Mean and deviation of each channel.
fn statistics(material: &Material) -> Vec<[f32; 2]> {
    let shots = || material.scenes.iter().map(|scene| &scene.shots[0]);
    let channels = shots().next().map_or(0, |shot| shot.channels);
    let of = |channel: usize| {
        let values = || {
            shots().flat_map(move |shot| {
                let area = shot.width * shot.height;
                shot.data[channel * area..(channel + 1) * area].iter().map(|&v| f64::from(v))
            })
        };
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        [mean as f32, variance.sqrt() as f32]
    };
    (0..channels).map(of).collect()
}

/// Patches that a backward pass may hold: of large transformers not all of a batch, which took 4 to 5 GB, but about 1 GB.
/// Smaller configurations need less, as their features are fewer: about by the root of their weights.
pub(super) fn at_once(card: &Card, network: &Network, facts: &Facts) -> usize {
    let pixels: f64 = match card.id {
        "tbsn" => 3500.0,
        "masked-denoising" => 5000.0,
        _ => return facts.batch,
    };
    let narrower = (card.parameters as f64 / network.num_params() as f64).sqrt().max(1.0);
    let patches = (pixels * narrower / (facts.patch * facts.patch) as f64) as usize;
    patches.clamp(1, facts.batch)
}

/// The networks of a run, the learner first.
pub(super) type Networks = Vec<(&'static Card, Network)>;

/// The networks of a run, and its stages.
pub(super) fn plan(
    objective: Objective,
    card: &'static Card,
    learner: Network,
    options: &Options,
    device: &Device,
) -> Result<(Networks, Vec<Stage>)> {
    let mut networks = vec![(card, learner)];
    let mut stages = Vec::new();
    let teachers: &[(&str, Objective, f64)] = match (objective, card.id) {
        (Objective::Distillation, _) => &[("tbsn", Objective::BlindSpotL1, 0.6)],
        (Objective::Sasl, "sasl-lan") => &[("sasl-bnn", Objective::BlindSpotL1, 0.5)],
        (Objective::Sasl, _) => {
            &[("sasl-bnn", Objective::BlindSpotL1, 0.4), ("sasl-lan", Objective::Distillation, 0.2)]
        }
        _ => &[],
    };
    for (i, &(id, objective, share)) in teachers.iter().enumerate() {
        let teacher = Network::random(id, "small", options.seed.wrapping_add(i as u64), device)?;
        networks.push((models::card(id)?, teacher));
        let who = Who::Teacher(i);
        stages.extend([Stage::Learn { who, objective, share }, Stage::Look(who)]);
    }
    if objective.is_judged_by_risk() && !options.random {
        stages.push(Stage::Look(Who::Learner));
    }
    let share = 1.0 - teachers.iter().map(|(.., share)| share).sum::<f64>();
    // SASL's local network learns from the blind-spot network's result, and from nothing else.
    let objective = if card.id == "sasl-lan" && objective == Objective::Sasl {
        Objective::Distillation
    } else {
        objective
    };
    stages.push(Stage::Learn { who: Who::Learner, objective, share });
    Ok((networks, stages))
}

/// The lesson of an objective.
pub(super) fn lesson(objective: Objective, facts: &Facts) -> Box<dyn Lesson> {
    let Facts { pd, scale, .. } = *facts;
    let sigma = facts.noise.sigma;
    let masking = |replacement| Masking { share: MASKED_SHARE, replacement, ..Masking::default() };
    match objective {
        Objective::NoiseModel => Box::new(NoiseModel),
        Objective::ResidualRecorruption => Box::new(ResidualRecorruption),
        Objective::Noise2void => Box::new(Noise2Void { pd, masking: masking(Replacement::Uniform) }),
        Objective::N2v2 => Box::new(Noise2Void { pd, masking: masking(Replacement::Median) }),
        Objective::Neighbor2neighbor => Box::new(Neighbor2Neighbor { pd }),
        Objective::Recorrupted2recorrupted => Box::new(Recorrupted),
        Objective::BlindSpotNll => Box::new(BlindSpotNll { sigma }),
        Objective::BlindSpotL1 => Box::new(BlindSpotL1 { pd }),
        Objective::Masked => Box::new(Masked),
        Objective::Distillation => Box::new(Distillation),
        Objective::Sasl => Box::new(Sasl),
        Objective::ContrastiveSuperResolution => Box::new(ZeroShot::new(scale, sigma)),
        Objective::Noise2noise => Box::new(Noise2Noise),
        Objective::Supervised => Box::new(Supervised),
    }
}
