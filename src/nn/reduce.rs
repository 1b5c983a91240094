//! Means of tensors, and random masks.

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::kernels::Kernels;

/// The mean of tensors of one shape, of which there must be at least one.
pub fn mean<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    let mut count = 0;
    let sum = tensors.inspect(|_| count += 1).reduce(|sum, next| sum + next).expect("at least one tensor");
    // A division by one would be a pass over all of it.
    if count == 1 { sum } else { sum / count as f32 }
}

/// The mean of each channel over all pixels.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - output: `[N, C, 1, 1]`
pub fn pixel_mean(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::pixel_mean(x.into_dispatch()))
}

/// Independent values, 1 with probability `rate`, else 0. Made on the CPU, so that a seed means the same everywhere.
pub fn bernoulli<const D: usize>(
    shape: [usize; D],
    rate: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| f32::from(rng.random_bool(rate))).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
