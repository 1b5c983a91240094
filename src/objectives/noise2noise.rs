//! Noise2Noise: one noisy shot of a scene is the target of another (Lehtinen et al., ICML 2018). Where noise has mean
//! zero, the mean of what a pixel may be is the clean value.

use burn::tensor::Tensor;
use rand::RngExt;

use super::definition::{Definition, ObjectiveCard, TrainingLoss, Validation};
use super::loss::mse;
use crate::models::Network;
use crate::sampling::BatchSampler;

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    validation: Validation::Loss,
    ..Definition::general(
        ObjectiveCard {
            id: "noise2noise",
            title: "Noise2Noise",
            summary: "Learns one noisy shot from another of the same scene. Needs two or more shots.",
            shots: 2,
            clean: false,
            url: "https://arxiv.org/abs/1803.04189",
        },
        |_| Box::new(Noise2Noise),
    )
};

/// Pairs of two different shots, drawn anew for each batch.
#[derive(Debug)]
pub struct Noise2Noise;

impl TrainingLoss for Noise2Noise {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let shots = batches.material.scenes[0].shots.len() as u32;
        let source = batches.rng.random_range(0..shots);
        let target = (source + batches.rng.random_range(1..shots.max(2))) % shots;
        let [source, target] =
            [source, target].map(|i| batches.cut(&spots, |scene| &scene.shots[i as usize]));
        mse(network.forward_training(source), target)
    }
}
