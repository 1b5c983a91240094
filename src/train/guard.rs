//! Whether learning has helped, told without the truth.
//!
//! The risk of a denoiser is estimated by Stein's method, made general for noise of any covariance and computed by Monte
//! Carlo (Eldar, "Generalized SURE for Exponential Families", 2009; Ramani, Blu, Unser, "Monte-Carlo SURE", 2008): the
//! distance of the result from the noisy photo, corrected by how much the result follows the noise. How much it does is
//! measured by adding more noise: noise from the photo's flat parts ([`crate::noise::NoiseBlocks`]), which has the same
//! correlation and the same dependence on brightness.

use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::material::{Draw, FRESH_FIELDS, Material, Spot, Square};
use crate::adapt::mean;
use crate::error::Result;
use crate::models::{Card, Network, Run};
use crate::nn::read;
use crate::objectives::Lesson;

/// Squares that are judged by, at most.
const SQUARES: usize = 8;
/// Batches of a lesson that are judged by, where there is no risk to estimate.
const BATCHES: usize = 4;

/// What networks are judged by; the same for every network of a run.
pub enum Guard {
    /// The estimated risk of denoising.
    Risk {
        /// Noisy squares, `[N, C, S, S]`.
        noisy: Box<Tensor<4>>,
        /// Noise to add to them, each by itself.
        noise: Vec<Tensor<4>>,
    },
    /// The loss of the objective itself on parts of the photo that are not learned from: for objectives whose target is
    /// not the noisy photo.
    Loss,
}

/// How good a network is, by what is not learned from: the less the better. A score is of use beside others only.
pub type Score = f32;

impl Guard {
    /// Squares of `side` that are held out (or any, of a small photo), and noise for them. Where the photo is too small to
    /// tell its noise, the objective's loss has to do.
    pub fn risk(material: &Material, side: usize, seed: u64, device: &Device) -> Self {
        if material.scenes.iter().any(|scene| scene.fresh_noise.is_empty()) {
            return Guard::Loss;
        }
        let mut draw = Draw {
            material,
            rng: ChaCha8Rng::seed_from_u64(seed),
            device: device.clone(),
            batch: 1,
            patch: side,
            progress: 0.0,
            held_out: false,
        };
        let spots = squares(&mut draw, side);
        let noisy = draw.cut(&spots, |scene| &scene.shots[0]);
        let noise = (0..FRESH_FIELDS).map(|i| draw.cut(&spots, |scene| &scene.fresh_noise[i])).collect();
        Guard::Risk { noisy: Box::new(noisy), noise }
    }

    /// The score of a network that is not learning (after `valid()`), run as `run` says.
    ///
    /// # Errors
    /// [`crate::Kind::Device`] when the device fails.
    pub async fn score(
        &self,
        (card, network, run): (&Card, &Network, &Run),
        lesson: &mut dyn Lesson,
        draw: &mut Draw<'_>,
    ) -> Result<Score> {
        match self {
            Guard::Risk { noisy, noise } => {
                let denoise = |x| network.denoise_adapted(x, card, run, None, ([0, 0], run.seed));
                let risk = risk(noisy, noise, denoise);
                Ok(read(risk).await?[0])
            }
            Guard::Loss => {
                let mut total = 0.0;
                for _ in 0..BATCHES {
                    total += read(lesson.loss(network, draw)).await?[0];
                }
                Ok(total / BATCHES as f32)
            }
        }
    }

    /// The score of leaving the photo as it is, where that can be told.
    ///
    /// # Errors
    /// As [`Guard::score`].
    pub async fn score_of_nothing(&self) -> Result<Option<Score>> {
        match self {
            Guard::Risk { noisy, noise } => Ok(Some(read(risk(noisy, noise, |x| x)).await?[0])),
            Guard::Loss => Ok(None),
        }
    }
}

/// The estimated risk, short of a constant: the same for all denoisers of one photo.
fn risk(noisy: &Tensor<4>, noise: &[Tensor<4>], denoise: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<1> {
    let output = denoise(noisy.clone());
    let follows = noise.iter().map(|z| {
        let moved = denoise(noisy.clone() + z.clone());
        ((moved - output.clone()) * z.clone()).mean() * 2.0
    });
    let follows = mean(follows);
    (output - noisy.clone()).square().mean() + follows
}

/// What is held out; of a photo too small to hold out anything, what comes.
fn squares(draw: &mut Draw<'_>, side: usize) -> Vec<Spot> {
    let scenes = draw.material.scenes.iter().enumerate();
    let held = scenes.flat_map(|(scene, s)| s.held_out.iter().map(move |square| (scene, *square)));
    let mut spots: Vec<Spot> = held
        .filter(|(_, square)| square.side >= side)
        .map(|(scene, square)| Spot { scene, square: Square { side, ..square }, turn: 0 })
        .collect();
    // Spread over the photo, when there are too many.
    let step = spots.len().div_ceil(SQUARES).max(1);
    spots = spots.into_iter().step_by(step).collect();
    while spots.len() < 2 {
        let spot = draw.spot(side);
        spots.push(Spot { turn: 0, ..spot });
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
        let estimated = |k: f32| value(risk(&noisy, &fields, |x| x * k));
        let true_risk = |k: f32| value((noisy.clone() * k - clean.clone()).square().mean());
        for (a, b) in [(0.5, 0.3), (0.5, 0.7), (0.3, 1.0), (0.5, 0.0)] {
            let difference = (estimated(a) - estimated(b)) - (true_risk(a) - true_risk(b));
            assert!(difference.abs() < 1e-3, "{a} {b}: {difference}");
            assert!(estimated(a) < estimated(b));
        }
    }
}
