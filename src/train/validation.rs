//! Whether learning has helped, estimated without the clean photo, in two ways.
//!
//! The risk of a denoiser is estimated by Stein's method, made general for noise of any covariance and computed by Monte
//! Carlo (Eldar, "Generalized SURE for Exponential Families", 2009; Ramani, Blu, Unser, "Monte-Carlo SURE", 2008): the
//! distance of the result from the noisy photo, corrected by how much the result follows the noise. How much it does is
//! measured by adding a little more noise of the photo's model ([`crate::noise::NoiseModel`]). Impulses and offsets of lines,
//! for which the method is not made, are taken out of photos before.
//!
//! Simulated pairs tell it with the truth at hand, but for another picture: what the network made of the photo before it
//! learned, with noise of the model.

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::inference::Execution;
use crate::models::Network;
use crate::nn::{Symmetry, mean, read, read_together};
use crate::objectives::TrainingLoss;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, Material, Spot, Square, patch, stack};

/// Held-out squares, at most.
const SQUARES: usize = 8;
/// Batches whose loss is averaged, where there is no risk to estimate.
const BATCHES: usize = 4;
/// Fields of noise that are added, each by itself.
const FIELDS: usize = 2;
/// How much of each: little, as the method asks for.
const LITTLE: f32 = 0.25;
/// Side of the blocks that squares are divided into, pixels.
const BLOCK: usize = 32;
/// Share of a block's samples that may be black or white in the photo. What is cut off there is no noise of zero mean any more:
/// for pictures of few photons, dark nearly everywhere, the estimate promised much for what lost 1.4 dB.
const MAX_CLIPPED: f32 = 3.0 / 8.0;
/// Standard errors by which the risk must have fallen.
const SURE: f32 = 1.0;
/// How many times the mean square by which the result has moved the risk must have fallen. By this, it has fallen also when
/// only half of what the estimate says of the direction is true: where texture was taken for noise, and the noise for
/// stronger than it is, the estimate promised 0.8 dB for what lost 0.3.
const MOVED: f32 = 1.0;
/// What a mean of weights before and after has to prove to be kept without the doubt of [`MOVED`]: the less error it makes on simulated
/// pairs, the less of the risk. Half of the way does a quarter of the harm that all of it may do: the eleven pictures of cameras, with
/// grain, coarse noise and few photons for which one was kept by this rule gained 0.1 to 1.2 dB each.
const HALF_WAY: [Proof; 3] = [
    Proof { simulated: 0.93, doubts: [0.8, 1.2], sure: SURE },
    Proof { simulated: 0.9, doubts: [1.0, 1.0], sure: SURE },
    // Few fields of noise in blotches tell little of the risk, where the pairs leave no doubt.
    Proof { simulated: 0.6, doubts: [1.0, 1.0], sure: 0.0 },
];
/// Share of a block's samples that may be black or white, for any block, where less proof has to do: on a micrograph, with a
/// quarter of them black, that lost 0.3 dB; with a seventh, of coarse noise, it would give up 1.2 dB.
const HALF_WAY_CLIPPED: f32 = 3.0 / 16.0;

/// What is asked of the risk where simulated pairs say so much.
struct Proof {
    /// How many times the error on simulated pairs there may be, at most.
    simulated: f32,
    /// How many times the variance that was found the noise may have.
    doubts: [f32; 2],
    /// Standard errors by which the risk must have fallen.
    sure: f32,
}

/// How far the estimated risk can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trust {
    /// As far as any.
    Usual,
    /// Impulses or offsets of lines were taken out: medians and corrections stand in their place, which are no noise of any
    /// model, and a result is as likely to follow them as the photo.
    Mended,
    /// Not at all: JPEG has erased noise, so flat blocks show too little of it, and what JPEG made of texture besides. On
    /// seven crops of CC15 for which that is so, the estimate promised a gain each time; three gained, 0.2 dB at most.
    Erased,
}

impl Trust {
    /// How many times the variance that was found the noise may have.
    const fn doubts(self) -> [f32; 2] {
        match self {
            Self::Usual => [0.8, 1.2],
            Self::Mended | Self::Erased => [0.0, 3.0],
        }
    }

    /// How many times the mean square of the noise that was found a network may take away without having taken detail.
    ///
    /// What the model does not know of (correlations of far pixels, texture in flat blocks) looks like detail: on photos of
    /// cameras, each network that came nearer to the noisy photo lost 0.1 to 0.8 dB by it. Of mended photos, where noise may
    /// be no part of the risk, the distance is all that there is to go by.
    const fn explains(self) -> f32 {
        match self {
            Self::Usual => 4.0,
            Self::Mended | Self::Erased => 0.0,
        }
    }
}

/// What networks are validated by; the same for every network of a run.
pub enum Validator {
    /// The estimated risk of denoising, and the error on simulated pairs.
    Risk(Box<Squares>),
    /// The loss of the objective itself on parts of the photo that are not learned from: for objectives whose target is
    /// not the noisy photo.
    Loss,
}

/// Squares of the photo, `[N, C, S, S]`.
pub struct Squares {
    noisy: Tensor<4>,
    /// Noise to add, each by itself.
    noise: Vec<Tensor<4>>,
    /// Mean square of that noise.
    noise_square: f32,
    /// Share of each block's samples that are black or white.
    clipped: Vec<f32>,
    /// What the network made of them before it learned, and that with noise.
    simulated: [Tensor<4>; 2],
    /// How far the model of the noise can be trusted.
    trust: Trust,
}

/// How good a network is, by what is not learned from: the less the better. A score is of use beside others only.
pub type Score = f32;

/// What is found out about a network.
#[derive(Clone, Debug)]
pub struct ValidationReport {
    /// The estimated risk, or the loss.
    pub score: Score,
    /// Mean square error on simulated pairs, where there are such.
    pub simulated: Option<Score>,
    /// The blocks of the squares; none where the score is a loss.
    blocks: Vec<Block>,
    /// What the network makes of the squares.
    result: Option<Tensor<4>>,
    /// How far the model of the noise can be trusted.
    trust: Trust,
    /// Mean square of the noise that was found.
    noise: f32,
}

/// What is found out about a block of a square: mean squares.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Distance from the photo, a part of the risk.
    distance: f32,
    /// How much the result follows the noise, the other part.
    follows: f32,
    /// Distance from the result of the network before.
    moved: f32,
    /// Share of the photo's samples that are black or white.
    clipped: f32,
}

impl Block {
    /// The risk, if the noise has so many times the variance that it was found to have.
    fn risk(&self, noise: f32) -> f32 {
        self.distance + noise * self.follows
    }

    /// Whether the risk can be told there.
    fn counts(&self) -> bool {
        self.clipped <= MAX_CLIPPED
    }
}

impl ValidationReport {
    fn of_loss(score: Score) -> Self {
        Self { score, simulated: None, blocks: Vec::new(), result: None, trust: Trust::Usual, noise: 0.0 }
    }

    /// Whether a network is better than the one `before`, which it was validated beside, as sure as that can be told: by
    /// blocks that agree, also if the photo's noise were weaker or stronger than it was found to be, and by simulated pairs.
    pub fn is_surely_better(&self, before: &Self) -> bool {
        if self.blocks.is_empty() {
            return self.score < before.score;
        }
        let simulated = self.simulated.zip(before.simulated).is_none_or(|(after, before)| after < before);
        simulated
            && self.trust != Trust::Erased
            && self.trust.doubts().iter().all(|doubt| self.loss_to(before, *doubt, [MOVED, SURE]) < 0.0)
    }

    /// Whether a mean of the weights `before` and after is worth to be kept: with less proof than
    /// [`ValidationReport::is_surely_better`] asks for, and only where nothing is known that makes the noise's model doubtful; not
    /// where parts of the photo are black or white.
    pub fn is_better_half_way(&self, before: &Self) -> bool {
        let Some((after, then)) = self.simulated.zip(before.simulated) else { return false };
        let sound =
            self.trust == Trust::Usual && self.blocks.iter().all(|block| block.clipped <= HALF_WAY_CLIPPED);
        let proven = |Proof { simulated, doubts, sure }: &Proof| {
            after < simulated * then
                && doubts.iter().all(|doubt| self.loss_to(before, *doubt, [0.0, *sure]) < 0.0)
        };
        sound && HALF_WAY.iter().any(proven)
    }

    /// Whether a mean with three parts of the weights `before` is worth to be kept, run as these: it moves the result so little that it
    /// is enough that nothing speaks against it. The risk must not have grown; where JPEG has erased noise, and so the risk is
    /// not to be trusted, the result must not have come nearer to the noisy photo.
    ///
    /// Of 18 photos of cameras and nine pictures with grain, coarse noise and few photons, those of which this is said gained up to
    /// 1 dB but for two, which lost 0.03 at most.
    pub fn is_better_quarter_way(&self, before: &Self) -> bool {
        let Some((after, then)) = self.simulated.zip(before.simulated) else { return false };
        after < then
            && match self.trust {
                Trust::Usual => self.loss_to(before, 1.0, [0.0, 0.0]) < 0.0,
                Trust::Mended => false,
                Trust::Erased => self.distance() >= before.distance(),
            }
    }

    /// How far the result is from the noisy photo: the mean of all blocks.
    fn distance(&self) -> f32 {
        self.blocks.iter().map(|block| block.distance).sum::<f32>() / self.blocks.len().max(1) as f32
    }

    /// By how much the risk has grown, at most, if the noise has so many times the variance that it was found to have, with
    /// so many times the mean square by which the result has moved on top, and so many standard errors. Without two blocks where that can be told, it may
    /// have grown by anything.
    fn loss_to(&self, before: &Self, noise: f32, [moved, sure]: [f32; 2]) -> f32 {
        let pairs: Vec<_> = self.blocks.iter().zip(&before.blocks).filter(|(now, _)| now.counts()).collect();
        if pairs.len() < 2 {
            return f32::INFINITY;
        }
        let count = pairs.len() as f32;
        let mean_of = |of: &dyn Fn(&Block, &Block) -> f32| {
            pairs.iter().map(|(now, then)| of(now, then)).sum::<f32>() / count
        };
        let growth = |now: &Block, then: &Block| now.risk(noise) - then.risk(noise) + moved * now.moved;
        let mean = mean_of(&growth);
        let variance = mean_of(&|now, then| (growth(now, then) - mean).powi(2)) * count / (count - 1.0);
        // To have come nearer to the noisy photo is no gain as long as noise explains the distance.
        let explained = self.trust.explains() * self.noise;
        let [now, then] = [mean_of(&|now, _| now.distance), mean_of(&|_, then| then.distance)];
        let unproven = (then.min(explained) - now.min(explained)).max(0.0);
        mean + unproven + sure * (variance / count).sqrt()
    }
}

impl Validator {
    /// Squares of `side` that are held out (or any, of a small photo), and noise for them. Where there is no model of the
    /// noise, the objective's loss has to do. The model of a photo whose noise JPEG has `erased` is trusted less.
    pub fn risk(material: &Material, side: usize, seed: u64, erased: bool, device: &Device) -> Self {
        if material.sampler.is_none() {
            return Validator::Loss;
        }
        let mut batches = BatchSampler {
            material,
            rng: ChaCha8Rng::seed_from_u64(seed),
            device: device.clone(),
            batch: 1,
            patch: side,
            progress: 0.0,
            held_out: false,
        };
        let spots = squares(&mut batches, side);
        let first = |spot: &Spot| {
            let scene = &material.scenes[spot.scene];
            let mut first = patch(scene.first.as_ref().unwrap_or(&scene.shots[0]), spot);
            first.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            first
        };
        let clean: Vec<Planar> = spots.iter().map(first).collect();
        let mut field = || clean.iter().map(|clean| batches.noise(clean)).collect::<Vec<Planar>>();
        let fields: Vec<Vec<Planar>> = (0..FIELDS).map(|_| field()).collect();
        // As learned; where nothing but these pairs tells that too much is taken away, as strong as in the photo.
        let simulate = |clean: &Planar| if erased { batches.noisy(clean) } else { batches.noisier(clean) };
        let simulated: Vec<Planar> = clean.iter().map(simulate).collect();
        let noisy: Vec<Planar> =
            spots.iter().map(|spot| patch(&material.scenes[spot.scene].shots[0], spot)).collect();
        // Black is where no photon was counted: nothing is cut off there.
        let photons = material.sampler.as_ref().is_some_and(|sampler| sampler.model().is_of_photons());
        let is_cut = |value: f32| value >= 1.0 || (value <= 0.0 && !photons);
        Validator::Risk(Box::new(Squares {
            noise_square: mean_square(fields.iter().flatten()),
            clipped: noisy.iter().flat_map(|picture| clipped(picture, is_cut)).collect(),
            noisy: stack(&noisy, device),
            noise: fields.iter().map(|field| stack(field, device)).collect(),
            simulated: [clean, simulated].map(|pictures| stack(&pictures, device)),
            trust: match (material.defects.is_empty(), erased) {
                (false, _) => Trust::Mended,
                (true, true) => Trust::Erased,
                (true, false) => Trust::Usual,
            },
        }))
    }

    /// Validates a network that is not learning (after `valid()`), run as `execution` says, beside the one from before, if any.
    ///
    /// # Errors
    /// [`crate::Kind::Device`] when the device fails.
    pub async fn validate(
        &self,
        (network, execution): (&Network, &Execution),
        before: Option<&ValidationReport>,
        training_loss: &mut dyn TrainingLoss,
        batches: &mut BatchSampler<'_>,
    ) -> Result<ValidationReport> {
        match self {
            Validator::Risk(squares) => {
                let place = ([0, 0], execution.conditions.seed);
                squares.validate(|x| execution.denoise(network, x, None, place), before).await
            }
            Validator::Loss => {
                let losses = (0..BATCHES).map(|_| training_loss.loss(network, batches)).collect();
                let total: f32 = read(Tensor::cat(losses, 0)).await?.iter().sum();
                Ok(ValidationReport::of_loss(total / BATCHES as f32))
            }
        }
    }

    /// Share of the noise of simulated pairs, in mean squares, that a network leaves, by its report; `None` without such
    /// pairs.
    ///
    /// # Errors
    /// As [`Validator::validate`].
    pub async fn share_left(&self, report: &ValidationReport) -> Result<Option<f32>> {
        let (Validator::Risk(squares), Some(error)) = (self, report.simulated) else { return Ok(None) };
        let [clean, noisy] = squares.simulated.clone();
        let noise = read((noisy - clean).square().mean()).await?[0];
        Ok((noise > 0.0).then_some(error / noise))
    }

    /// Validates leaving the photo as it is, where that can be told.
    ///
    /// # Errors
    /// As [`Validator::validate`].
    pub async fn validate_identity(&self) -> Result<Option<ValidationReport>> {
        match self {
            Validator::Risk(squares) => Ok(Some(squares.validate(|x| x, None).await?)),
            Validator::Loss => Ok(None),
        }
    }
}

impl Squares {
    async fn validate(
        &self,
        denoise: impl Fn(Tensor<4>) -> Tensor<4>,
        before: Option<&ValidationReport>,
    ) -> Result<ValidationReport> {
        let result = denoise(self.noisy.clone());
        let [distance, follows] = risk(&self.noisy, &result, &self.noise, &denoise);
        let from = before.and_then(|before| before.result.clone()).unwrap_or_else(|| result.clone());
        let moved = blocks((result.clone() - from).square());
        let [clean, noisy] = self.simulated.clone();
        let error = (denoise(noisy).clamp(0.0, 1.0) - clean).square().mean();
        let [distance, follows, moved] = [distance, follows, moved].map(|of_blocks| of_blocks.flatten(0, 3));
        let [distance, follows, moved, error] = read_together([distance, follows, moved, error]).await?;
        let parts = distance.into_iter().zip(follows).zip(moved).zip(&self.clipped);
        let block = |(((distance, follows), moved), &clipped)| Block { distance, follows, moved, clipped };
        let blocks: Vec<Block> = parts.map(block).collect();
        let told = blocks.iter().any(Block::counts);
        let risks: Vec<f32> =
            blocks.iter().filter(|block| block.counts() || !told).map(|block| block.risk(1.0)).collect();
        let score = risks.iter().sum::<f32>() / risks.len() as f32;
        let simulated = error.first().copied();
        let (trust, noise) = (self.trust, self.noise_square);
        Ok(ValidationReport { score, simulated, blocks, result: Some(result), trust, noise })
    }
}

/// The two parts of the estimated risk, short of a constant that is the same for all denoisers of one photo: distance, and
/// how much the result follows the noise, of each block.
fn risk(
    noisy: &Tensor<4>,
    result: &Tensor<4>,
    noise: &[Tensor<4>],
    denoise: impl Fn(Tensor<4>) -> Tensor<4>,
) -> [Tensor<4>; 2] {
    let follows = noise.iter().map(|z| {
        let moved = denoise(noisy.clone() + z.clone() * LITTLE);
        (moved - result.clone()) * z.clone() * (2.0 / LITTLE)
    });
    let follows = mean(follows);
    [(result.clone() - noisy.clone()).square(), follows].map(blocks)
}

/// Means of the blocks that lie wholly in a picture, over all channels; of a picture smaller than that, of all of it.
fn blocks(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let side = BLOCK.min(height).min(width);
    avg_pool2d(x.mean_dim(1), AvgPoolOptions::new([side, side]).with_stride([side, side]))
}

/// Share of the samples of each of a picture's [`blocks`] that are cut off, as is told of a value.
fn clipped(picture: &Planar, is_cut: impl Fn(f32) -> bool) -> Vec<f32> {
    let Planar { channels, height, width, .. } = *picture;
    let side = BLOCK.min(height).min(width);
    let corners = (0..height / side).flat_map(|row| (0..width / side).map(move |column| [row, column]));
    let share = |[row, column]: [usize; 2]| {
        let block = picture.crop(column * side, row * side, side, side);
        let at_ends = block.data.iter().filter(|v| is_cut(**v)).count();
        at_ends as f32 / (channels * side * side) as f32
    };
    corners.map(share).collect()
}

fn mean_square<'a>(pictures: impl Iterator<Item = &'a Planar>) -> f32 {
    let (mut sum, mut count) = (0.0, 0);
    for picture in pictures {
        sum += picture.data.iter().map(|v| f64::from(v * v)).sum::<f64>();
        count += picture.data.len();
    }
    (sum / count.max(1) as f64) as f32
}

/// What is held out; of a photo too small to hold out anything, what comes.
fn squares(batches: &mut BatchSampler<'_>, side: usize) -> Vec<Spot> {
    let scenes = batches.material.scenes.iter().enumerate();
    let held = scenes.flat_map(|(scene, s)| s.held_out.iter().map(move |square| (scene, *square)));
    let mut spots: Vec<Spot> = held
        .filter(|(_, square)| square.side >= side)
        .map(|(scene, square)| Spot { scene, square: Square { side, ..square }, turn: Symmetry::IDENTITY })
        .collect();
    // Spread over the photo, when there are too many.
    let step = spots.len().div_ceil(SQUARES).max(1);
    spots = spots.into_iter().step_by(step).collect();
    while spots.len() < 2 {
        let spot = batches.spot(side);
        spots.push(Spot { turn: Symmetry::IDENTITY, ..spot });
    }
    spots
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_risk_of_shrinking_is_least_where_the_truth_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let device = Device::flex();
        let mut normal = |sigma: f32| {
            let values: Vec<f32> =
                (0..20_000).map(|_| StandardNormal.sample(&mut rng)).map(|n: f32| sigma * n).collect();
            Tensor::<4>::from_data(TensorData::new(values, [2, 1, 100, 100]), &device)
        };
        // Of signal and noise of like strength, the best multiple is a half.
        let (clean, noise) = (normal(0.1), normal(0.1));
        let fields = [normal(0.1), normal(0.1)];
        let noisy = clean.clone() + noise;
        let value = |t: Tensor<1>| pollster::block_on(read(t)).unwrap()[0];
        let estimated = |k: f32| {
            let [distances, follows] = risk(&noisy, &(noisy.clone() * k), &fields, |x| x * k);
            value((distances + follows).mean())
        };
        let true_risk = |k: f32| {
            let error = (noisy.clone() * k - clean.clone()).square();
            value(blocks(error).mean())
        };
        for (a, b) in [(0.5, 0.3), (0.5, 0.7), (0.3, 1.0), (0.5, 0.0)] {
            let difference = (estimated(a) - estimated(b)) - (true_risk(a) - true_risk(b));
            assert!(difference.abs() < 1e-3, "{a} {b}: {difference}");
            assert!(estimated(a) < estimated(b));
        }
    }

    #[test]
    fn only_what_is_surely_better_is_taken_for_it() {
        let doubted = |[distance, follows, moved]: [f32; 3], simulated, trust| ValidationReport {
            score: distance + follows,
            simulated: Some(simulated),
            blocks: vec![Block { distance, follows, moved, clipped: 0.0 }; 4],
            result: None,
            trust,
            noise: 1.0,
        };
        let report = |block, simulated| doubted(block, simulated, Trust::Usual);
        let before = report([1.0, 1.0, 0.0], 1.0);
        assert!(report([1.1, 0.7, 0.05], 0.9).is_surely_better(&before));
        // Simulated pairs say otherwise.
        assert!(!report([1.1, 0.7, 0.05], 1.1).is_surely_better(&before));
        // Were the noise a little weaker, it would be worse.
        assert!(!report([1.27, 0.7, 0.0], 0.9).is_surely_better(&before));
        // It has moved further than it has got better.
        assert!(!report([1.1, 0.7, 0.2], 0.9).is_surely_better(&before));
        // JPEG has erased noise.
        assert!(!doubted([1.1, 0.7, 0.05], 0.9, Trust::Erased).is_surely_better(&before));
        // Impulses were taken out, and the noise may be nothing at all.
        assert!(!doubted([1.1, 0.7, 0.05], 0.9, Trust::Mended).is_surely_better(&before));
        assert!(doubted([0.9, 0.7, 0.05], 0.9, Trust::Mended).is_surely_better(&before));
        // It is nearer to the noisy photo, which proves nothing, if the network did not take away more than the noise before.
        let nearer = [0.5, 1.0, 0.05];
        assert!(!report(nearer, 0.9).is_surely_better(&before));
        assert!(report(nearer, 0.9).is_surely_better(&report([6.0, 1.0, 0.0], 1.0)));
        // A mean of weights may have moved as far as that, but not where the model is doubtful, or the pairs see little of it.
        let half = [1.1, 0.7, 0.2];
        assert!(report(half, 0.8).is_better_half_way(&before));
        assert!(report(half, 0.92).is_better_half_way(&before));
        assert!(!report(half, 0.95).is_better_half_way(&before));
        // The less error on the pairs, the less the noise has to be doubted.
        assert!(report([1.27, 0.7, 0.2], 0.85).is_better_half_way(&before));
        assert!(!report([1.27, 0.7, 0.2], 0.92).is_better_half_way(&before));
        assert!(!report([1.31, 0.7, 0.2], 0.5).is_better_half_way(&before));
        assert!(!doubted(half, 0.8, Trust::Erased).is_better_half_way(&before));
        assert!(!report([0.5, 1.0, 0.2], 0.8).is_better_half_way(&before));
        // A quarter of the way is gone where nothing speaks against it.
        assert!(report([1.2, 0.7, 0.5], 0.99).is_better_quarter_way(&before));
        assert!(!report([1.31, 0.7, 0.0], 0.9).is_better_quarter_way(&before));
        assert!(!report([1.2, 0.7, 0.5], 1.01).is_better_quarter_way(&before));
        assert!(!doubted([1.2, 0.7, 0.5], 0.9, Trust::Mended).is_better_quarter_way(&before));
        assert!(doubted([1.2, 1.7, 0.5], 0.9, Trust::Erased).is_better_quarter_way(&before));
        assert!(!doubted([0.9, 0.7, 0.5], 0.9, Trust::Erased).is_better_quarter_way(&before));
        // Blocks do not agree.
        let mut apart = report([1.0, 0.0, 0.0], 0.9);
        apart.blocks[2..].iter_mut().for_each(|block| block.follows = 1.9);
        assert!(!apart.is_surely_better(&before));
        assert!(!apart.is_better_half_way(&before));
        // The pairs leave no doubt.
        apart.simulated = Some(0.5);
        assert!(apart.is_better_half_way(&before));
        // Where the photo is black, nothing can be told.
        let mut dark = report([1.1, 0.7, 0.05], 0.9);
        assert!(dark.is_better_half_way(&report([1.0, 1.0, 0.0], 1.1)));
        dark.blocks[0] = Block { distance: 9.0, clipped: 0.5, ..dark.blocks[0] };
        assert!(dark.is_surely_better(&before));
        assert!(!dark.is_better_half_way(&report([1.0, 1.0, 0.0], 1.1)));
        dark.blocks.iter_mut().for_each(|block| block.clipped = 0.5);
        assert!(!dark.is_surely_better(&before));
    }
}
