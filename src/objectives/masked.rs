//! Masked training (Chen et al., CVPR 2023), self-supervised: most pixels are hidden, tokens are hidden from attention,
//! and the noisy photo's hidden pixels are the target.

use burn::tensor::Tensor;
use rand::RngExt;

use super::Lesson;
use crate::adapt::bernoulli;
use crate::models::Network;
use crate::train::Draw;

/// Share of the pixels that stays visible: between these, drawn for each batch.
const VISIBLE: [f64; 2] = [0.1, 0.2];

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

/// Patches of the photo with a mask of their own each.
#[derive(Debug)]
pub struct Masked;

impl Lesson for Masked {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let noisy = draw.cut(&spots, |scene| &scene.shots[0]);
        let [n, _, height, width] = noisy.dims();
        let visible = draw.rng.random_range(VISIBLE[0]..VISIBLE[1]);
        let device = draw.device.clone();
        let keep = bernoulli([n, 1, height, width], visible, &mut draw.rng, &device);
        let output = network.learn_masked(noisy.clone(), keep.clone(), draw.rng.random());
        loss(output, noisy, keep)
    }
}
