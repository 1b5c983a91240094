//! Zero-shot super-resolution (Shocher et al., CVPR 2018) for DASR (Wang et al., CVPR 2021): the photo itself is the large
//! picture, and what many degradations make of it the small ones. Beside the pixels, the degradation encoder learns by
//! contrast (MoCo): two patches of one degraded photo are alike, others are not.

use std::f64::consts::PI;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::definition::{Definition, ObjectiveCard, Settings, TrainingLoss, Validation};
use super::loss::l1;
use crate::degradation::{KERNEL, degrade, gaussian_kernel};
use crate::models::Network;
use crate::models::dasr::{Dasr, MOMENTUM, contrastive_logits, contrastive_loss};
use crate::sampling::BatchSampler;
use crate::weights::average;

/// Keys of earlier degradations that are kept to contrast with.
const QUEUE: usize = 256;
/// Weight of the contrastive loss, which is about as large as the other one on `0..=255`.
const CONTRAST: f32 = 1.0;

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    settings: [ZERO_SHOT, Settings { rate: 1e-4, steps: 600, ..ZERO_SHOT }],
    validation: Validation::Loss,
    ..Definition::special(
        ObjectiveCard {
            id: "contrastive-super-resolution",
            title: "Zero-shot super-resolution",
            summary: "Shrinks the photo in many ways and learns to undo it.",
            shots: 1,
            clean: false,
            url: "https://arxiv.org/abs/1712.06087",
        },
        |setting| Box::new(ZeroShot::new(setting.scale, setting.sigma)),
    )
};

/// For trained weights.
const ZERO_SHOT: Settings = Settings { steps: 100, rate: 5e-5, batch: 4, patch: 32 };

/// Patches of the photo, and what random degradations make of them.
#[derive(Debug)]
pub struct ZeroShot {
    /// Output size over input size.
    pub scale: usize,
    /// Standard deviation of the photo's noise in `[0, 1]` units: small pictures get up to as much again.
    pub sigma: f32,
    key_network: Option<Dasr>,
    /// Normalised keys of earlier degradations, `[D, K]`.
    queue: Option<Tensor<2>>,
}

impl ZeroShot {
    /// Nothing to contrast with yet.
    pub fn new(scale: usize, sigma: f32) -> Self {
        Self { scale, sigma, key_network: None, queue: None }
    }

    /// Two small patches of each of some degraded photos, and the large ones of the first: values in `0..=255`.
    fn batch(&self, batches: &mut BatchSampler<'_>) -> [Tensor<4>; 3] {
        let side = batches.patch * self.scale;
        let first = batches.spots(side);
        let second: Vec<_> = first
            .iter()
            .map(|spot| {
                let mut other = batches.spot(side);
                other.scene = spot.scene;
                other
            })
            .collect();
        let [large, other] = [&first, &second].map(|spots| batches.cut(spots, |s| &s.shots[0]) * 255.0);
        let kernels = self.kernels(batches);
        let shrink = |x: Tensor<4>, batches: &mut BatchSampler<'_>| {
            let [n, channels, ..] = x.dims();
            let noise = self.noise([n, channels, batches.patch, batches.patch], batches);
            degrade(x, kernels.clone(), self.scale, Some(noise))
        };
        let query = shrink(large.clone(), batches);
        let key = shrink(other, batches);
        [query, key, large]
    }

    /// One kernel for each picture, half of them isotropic; deviations as published.
    fn kernels(&self, batches: &mut BatchSampler<'_>) -> Tensor<3> {
        let widest = self.scale as f64;
        let mut values = Vec::with_capacity(batches.batch * KERNEL * KERNEL);
        for _ in 0..batches.batch {
            let a = batches.rng.random_range(0.2..widest);
            let b = if batches.rng.random_bool(0.5) { a } else { batches.rng.random_range(0.2..widest) };
            values.extend(gaussian_kernel([a, b], batches.rng.random_range(0.0..PI)));
        }
        Tensor::from_data(TensorData::new(values, [batches.batch, KERNEL, KERNEL]), &batches.device)
    }

    fn noise(&self, shape: [usize; 4], batches: &mut BatchSampler<'_>) -> Tensor<4> {
        let count = shape.iter().product::<usize>() / shape[0];
        let mut values = Vec::with_capacity(shape[0] * count);
        for _ in 0..shape[0] {
            let sigma = 255.0 * self.sigma * batches.rng.random_range(0.0..1.0f32);
            for _ in 0..count {
                let normal: f32 = StandardNormal.sample(&mut batches.rng);
                values.push(sigma * normal);
            }
        }
        Tensor::from_data(TensorData::new(values, shape), &batches.device)
    }

    /// The contrastive loss of a batch; nothing before there are keys to contrast with.
    fn contrast(&mut self, network: &Dasr, embedding: Tensor<2>, other: Tensor<4>) -> Option<Tensor<1>> {
        let follower = match self.key_network.take() {
            None => network.valid(),
            Some(follower) => average(follower, network, MOMENTUM),
        };
        let key = follower.encoder().project(follower.embed(other.without_autodiff()));
        self.key_network = Some(follower);
        let key = Tensor::from_inner(key);
        let queue = self.queue.take();
        let entry = (key.clone() / key.clone().square().sum_dim(1).sqrt().clamp_min(1e-12)).transpose();
        self.queue = Some(match queue.clone() {
            None => entry,
            Some(queue) => {
                let all = Tensor::cat(vec![entry, queue], 1);
                let kept = all.dims()[1].min(QUEUE);
                all.narrow(1, 0, kept)
            }
        });
        let logits = contrastive_logits(network.encoder().project(embedding), key, queue?);
        Some(contrastive_loss(logits))
    }
}

impl TrainingLoss for ZeroShot {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let network: &Dasr = network.try_into().expect("this objective is for DASR");
        let [query, key, large] = self.batch(batches);
        let embedding = network.embed(query.clone());
        let difference = l1(network.upscale(query, embedding.clone()), large);
        match self.contrast(network, embedding, key) {
            Some(contrast) => difference + contrast * CONTRAST,
            None => difference,
        }
    }
}
