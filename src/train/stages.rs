//! What a run consists of: looks at the photo, teachers that learn first, and the learner.

use std::sync::Arc;

use burn::module::Module;

use super::options::Options;
use crate::error::{Error, Kind, Result};
use crate::inference::Execution;
use crate::models::{Adapt, Card, Conditions, Mode, Model, Network};
use crate::noise::{NoiseEstimate, NoiseModel, is_noise_erased};
use crate::objectives::{Definition, Setting, TrainingLoss, Validation};
use crate::photo::Photo;
use crate::sampling::Material;

/// Side of the squares that networks are validated on.
const VALIDATION_SIDE: usize = 128;

/// Part of its loss by which a trained network must be beaten, where that is its score. The risk tells by itself
/// how sure it is ([`super::validation::ValidationReport::is_surely_better`]).
const MARGIN: f32 = 0.05;

/// Factor of pixel-shuffle downsampling for noise that spreads over neighbouring pixels.
const CORRELATED_PD: usize = 2;

/// Share of the noise that a network leaves, in mean squares, from which it has much to learn.
const MUCH_LEFT: f32 = 0.5;
/// Least part of the learning rate, for a network that leaves hardly any.
const LEAST_RATE: f64 = 1.0 / 3.0;

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
#[derive(Clone, Copy)]
pub(super) enum Stage {
    /// A network denoises the material, for others (or itself) to learn from.
    Look(Who),
    /// A network learns, for a share of the steps.
    Learn { who: Who, objective: &'static Definition, share: f64 },
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
    /// How one that has gone a quarter of the way is run, on this photo and on any: as it was before, with more of its plain result, as
    /// it knows the noise a little better; not where JPEG has erased noise and left more of it in place than it knows.
    quarter_way: Adapt,
    pub quarter_way_mode: Mode,
    /// Factor of pixel-shuffle downsampling at which the noise is independent from pixel to pixel.
    pub pd: usize,
    /// Patches of a batch.
    pub batch: usize,
    /// Side of the patches that the network sees.
    pub patch: usize,
    /// Side of the squares that networks are validated on.
    pub validation_side: usize,
    /// Share of its loss by which the network before training must be beaten.
    pub margin: f32,
    /// Whether JPEG has erased noise.
    pub erased: bool,
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
        model: &Model,
        objective: &Definition,
        material: &Material,
        shots: &[Arc<Photo>],
        options: &Options,
    ) -> Result<Self> {
        let card = model.card();
        let noise = match material.defects.is_empty() {
            true => NoiseEstimate::of_photo(&shots[0]),
            false => NoiseEstimate::of(&material.scenes[0].shots[0]),
        };
        let multiple = model.network().demands().size_multiple * objective.divides;
        let [trained, random] = objective.settings;
        let defaults = if model.is_random() { random } else { trained };
        let wanted = options.patch.unwrap_or(defaults.patch);
        let most = material.side() / card.scale / multiple * multiple;
        if most == 0 {
            let least = multiple * card.scale;
            let message =
                format!("this network needs a photo of at least {least}x{least} pixels to learn from");
            return Err(Error::new(Kind::Option, message));
        }
        let validation_side = (VALIDATION_SIDE.div_ceil(multiple) * multiple).min(most);
        let patch = (wanted.div_ceil(multiple) * multiple).min(most);
        let pd = if noise.correlated { CORRELATED_PD } else { 1 };
        let mode = options.adapt.or(model.mode());
        let pixels = shots[0].width() * shots[0].height();
        // JPEG makes 8 bits, no more.
        let erased =
            shots[0].bit_depth() == 8 && material.scenes.iter().any(|scene| is_noise_erased(&scene.shots[0]));
        let quarter_way_mode = if mode == Mode::Auto && !erased { Mode::Shared } else { mode };
        Ok(Self {
            untuned: mode.choose(card, &&noise, pixels)?,
            quarter_way: quarter_way_mode.choose(card, &&noise, pixels)?,
            quarter_way_mode,
            pd: pd.min((material.side() / patch).max(1)),
            batch: options.batch.unwrap_or(defaults.batch),
            patch,
            validation_side,
            margin: match objective.validation {
                Validation::Loss if !model.is_random() => MARGIN,
                _ => 0.0,
            },
            erased,
            rate: options.learning_rate.unwrap_or(defaults.rate),
            steps: options.steps.unwrap_or(defaults.steps),
            statistics: statistics(material),
            noise,
            scale: card.scale,
        })
    }

    /// How a network looks at the photo to learn from the result: the learner as it is run on any photo; of teachers, noise
    /// that spreads over neighbouring pixels is taken apart by pixel-shuffle downsampling.
    pub(super) fn look(&self, who: Who, options: &Options) -> Execution {
        let adapt = match who {
            Who::Learner => self.untuned,
            Who::Teacher(_) if self.noise.correlated => Adapt { pd: CORRELATED_PD, ..Adapt::PLAIN },
            Who::Teacher(_) => Adapt::PLAIN,
        };
        Execution { adapt, ..self.tuned_execution(options) }
    }

    /// How a tuned network is run: it has learned the photo's noise as it is, so nothing is done around it but turns, or to
    /// hold it back as the untuned one was.
    fn tuned(&self) -> Adapt {
        Adapt { wiener: self.untuned.wiener, self_ensemble: self.untuned.self_ensemble, ..Adapt::PLAIN }
    }

    /// The same for any photo.
    pub(super) fn tuned_mode(&self) -> Mode {
        if self.untuned.wiener.is_some() { Mode::Wiener } else { Mode::Fixed(self.tuned()) }
    }

    /// How a tuned network is run on this photo.
    pub(super) fn tuned_execution(&self, options: &Options) -> Execution {
        let conditions = Conditions { sigma: Some(self.noise.sigma), ..options.conditions };
        Execution { conditions, adapt: self.tuned() }
    }

    /// How a network that has gone a quarter of the way is run on this photo.
    pub(super) fn quarter_way_execution(&self, options: &Options) -> Execution {
        Execution { adapt: self.quarter_way, ..self.tuned_execution(options) }
    }

    /// What an objective has to know.
    fn setting(&self, noise: Option<&NoiseModel>) -> Setting {
        Setting {
            pd: self.pd,
            sigma: self.noise.sigma,
            scale: self.scale,
            streaks: noise.and_then(NoiseModel::streaks),
            together: noise.is_some_and(NoiseModel::is_shared),
        }
    }

    /// The training loss of an objective, for noise of a model, where there is one.
    pub(super) fn training_loss(
        &self,
        objective: &Definition,
        noise: Option<&NoiseModel>,
    ) -> Box<dyn TrainingLoss> {
        (objective.training_loss)(&self.setting(noise))
    }
}

/// Part of the learning rate for trained weights that leave such a share of the noise: those that know it well are harmed by
/// large steps more than they learn by them.
pub(super) fn rate_for(left: f32) -> f64 {
    f64::from(left / MUCH_LEFT).clamp(LEAST_RATE, 1.0)
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
pub(super) fn micro_batch(card: &Card, network: &Network, facts: &Facts) -> usize {
    let Some(pixels) = card.training.micro_batch_pixels else { return facts.batch };
    let narrower = (card.parameters as f64 / network.num_params() as f64).sqrt().max(1.0);
    let patches = (pixels * narrower / (facts.patch * facts.patch) as f64) as usize;
    patches.clamp(1, facts.batch)
}

/// The models of a run, the learner first, and its stages.
pub(super) fn plan(
    objective: &'static Definition,
    learner: Model,
    options: &Options,
) -> Result<(Vec<Model>, Vec<Stage>)> {
    let curriculum = (objective.curriculum)(learner.card());
    let device = learner.device().clone();
    let looks = objective.validation == Validation::Risk && !learner.is_random();
    let mut models = vec![learner];
    let mut stages = Vec::new();
    for (i, teacher) in curriculum.teachers.iter().enumerate() {
        models.push(Model::random(teacher.network, "small", options.seed.wrapping_add(i as u64), &device)?);
        let who = Who::Teacher(i);
        let learns = Stage::Learn { who, objective: teacher.objective, share: teacher.share };
        stages.extend([learns, Stage::Look(who)]);
    }
    if looks {
        stages.push(Stage::Look(Who::Learner));
    }
    let share = 1.0 - curriculum.teachers.iter().map(|teacher| teacher.share).sum::<f64>();
    let objective = curriculum.learner.unwrap_or(objective);
    stages.push(Stage::Learn { who: Who::Learner, objective, share });
    Ok((models, stages))
}
