//! Masked training (Chen et al., CVPR 2023), self-supervised: most pixels are hidden, tokens are hidden from attention,
//! and the noisy photo's hidden pixels are the target.

use burn::tensor::Tensor;
use rand::RngExt;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use crate::models::Network;
use crate::nn::bernoulli;
use crate::sampling::BatchSampler;

/// Share of the pixels that stays visible: between these, drawn for each batch.
const VISIBLE: [f64; 2] = [0.1, 0.2];

/// What a hidden pixel is set to.
const HIDDEN: f32 = -0.1;

/// Hides pixels, as training does: those with 0 in `keep` become -0.1 in all channels.
///
/// # Shapes
/// - `image`: `[N, C, H, W]`
/// - `keep`: `[N, 1, H, W]`, 1 or 0
pub fn hide_pixels(image: Tensor<4>, keep: Tensor<4>) -> Tensor<4> {
    image * keep.clone() + (keep.neg() + 1.0) * HIDDEN
}

/// The mean absolute error over hidden pixels.
///
/// # Shapes
/// - `output`, `noisy`: `[N, C, H, W]`
/// - `keep`: `[N, 1, H, W]`, 1 where a pixel is visible, else 0
pub fn loss(output: Tensor<4>, noisy: Tensor<4>, keep: Tensor<4>) -> Tensor<1> {
    let [_, channels, ..] = noisy.dims();
    let hidden = keep.neg() + 1.0;
    let error = (output - noisy).abs() * hidden.clone();
    error.sum() / (hidden.sum() * channels as f32 + 1e-6)
}

/// The objective.
pub const OBJECTIVE: Definition = Definition::special(
    ObjectiveCard {
        id: "masked",
        title: "Masked training",
        summary: "Hides most of the pixels and learns to paint them in.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/2303.13132",
    },
    |_| Box::new(Masked),
);

/// Patches of the photo with a mask of their own each.
#[derive(Debug)]
pub struct Masked;

impl TrainingLoss for Masked {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let noisy = batches.cut(&spots, |scene| &scene.shots[0]);
        let [n, _, height, width] = noisy.dims();
        let visible = batches.rng.random_range(VISIBLE[0]..VISIBLE[1]);
        let device = batches.device.clone();
        let keep = bernoulli([n, 1, height, width], visible, &mut batches.rng, &device);
        let hidden = hide_pixels(noisy.clone(), keep.clone());
        let output = network.forward_training_masked(hidden, batches.rng.random());
        loss(output, noisy, keep)
    }
}
