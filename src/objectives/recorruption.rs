//! Recorrupted-to-Recorrupted (R2R; Pang et al., CVPR 2021): the photo plus fresh noise, and the photo minus the same
//! noise scaled the other way, are two pictures of one scene whose noise is uncorrelated, if the fresh noise has the
//! covariance of the photo's own. That is drawn after a model of the
//! photo's noise ([`crate::noise::NoiseModel`]).

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use super::loss::mse;
use super::noise_model::first;
use crate::models::Network;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, patch, stack};
use burn::tensor::Tensor;

/// How much noise is added, relative to what there is; the rest of the pair is divided by it.
pub const ALPHA: f32 = 0.7;

/// The pair of a patch: `[y + a z, y - z / a]` with fresh noise `z`.
pub fn pair(noisy: &Planar, z: &[f32]) -> [Planar; 2] {
    [ALPHA, -1.0 / ALPHA].map(|factor| Planar {
        data: noisy.data.iter().zip(z).map(|(y, z)| y + factor * z).collect(),
        ..noisy.clone()
    })
}

/// The objective.
pub const OBJECTIVE: Definition = Definition::general(
    ObjectiveCard {
        id: "recorrupted2recorrupted",
        title: "Recorrupted-to-Recorrupted",
        summary: "Adds more of the photo's noise, and takes as much away: two noisy pictures of one scene, each to be learned from the other.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/2102.02234",
    },
    |_| Box::new(Recorrupted),
);

/// Pairs made of patches of the photo.
#[derive(Debug)]
pub struct Recorrupted;

impl TrainingLoss for Recorrupted {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for spot in &spots {
            let scene = &batches.material.scenes[spot.scene];
            let noisy = patch(&scene.shots[0], spot);
            let noise = batches.noise(&patch(first(scene), spot));
            let [source, target] = pair(&noisy, &noise.data);
            sources.push(source);
            targets.push(target);
        }
        let [source, target] = [sources, targets].map(|patches| stack(&patches, &batches.device));
        mse(network.forward_training(source), target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_two_of_a_pair_have_uncorrelated_noise() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut white = || -> Vec<f32> {
            (0..40_000).map(|_| StandardNormal.sample(&mut rng)).map(|n: f32| 0.1 * n).collect()
        };
        let data = white().iter().map(|n| 0.5 + n).collect();
        let [a, b] = pair(&Planar { channels: 1, height: 200, width: 200, data }, &white());
        let mean = |f: &dyn Fn(f32, f32) -> f32| {
            a.data.iter().zip(&b.data).map(|(a, b)| f(a - 0.5, b - 0.5)).sum::<f32>() / 4e4
        };
        let variance = 0.01;
        assert!(mean(&|a, b| a * b).abs() < 0.05 * variance);
        assert!((mean(&|a, _| a * a) / variance - (1.0 + ALPHA * ALPHA)).abs() < 0.05);
        assert!((mean(&|_, b| b * b) / variance - (1.0 + 1.0 / (ALPHA * ALPHA))).abs() < 0.1);
    }
}
