//! How a picture gets small and bad, as blind super-resolution models it: blurred by a Gaussian that may be
//! stretched and turned, shrunk, noisy, rounded to 8 bits. For training on pairs made from one photo.

use burn::tensor::module::conv2d;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData};

use crate::photo::bicubic::Taps;

/// Side of the blur kernels.
pub const KERNEL: usize = 21;

/// A Gaussian blur kernel, `KERNEL` x `KERNEL`, row-major, of sum 1. `deviations` are its standard deviations in
/// pixels along two axes, the first of which points `angle` (radians) from the columns' towards the rows' direction.
pub fn gaussian_kernel(deviations: [f64; 2], angle: f64) -> Vec<f32> {
    let (sin, cos) = angle.sin_cos();
    let center = (KERNEL / 2) as f64;
    let raw: Vec<f64> = (0..KERNEL * KERNEL)
        .map(|i| {
            let (x, y) = ((i % KERNEL) as f64 - center, (i / KERNEL) as f64 - center);
            let (along, across) = (cos * x + sin * y, cos * y - sin * x);
            (-0.5 * ((along / deviations[0]).powi(2) + (across / deviations[1]).powi(2))).exp()
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|v| (v / sum) as f32).collect()
}

/// Degrades pictures of `0..=255`.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, sides larger than 10
/// - `kernels`: `[N, KERNEL, KERNEL]`
/// - `noise`: `[N, C, H / scale, W / scale]`, added before the rounding
/// - output: `[N, C, H / scale, W / scale]`, whole numbers in `0..=255`
pub fn degrade(x: Tensor<4>, kernels: Tensor<3>, scale: usize, noise: Option<Tensor<4>>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let small = resize(blur(x, kernels), height / scale, width / scale);
    let noisy = match noise {
        Some(noise) => small + noise,
        None => small,
    };
    noisy.round().clamp(0.0, 255.0)
}

/// Correlates each picture with a kernel of its own; what lies outside is reflected.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, sides larger than half a kernel
/// - `kernels`: `[N, K, K]`, `K` odd
/// - output: `[N, C, H, W]`
pub fn blur(x: Tensor<4>, kernels: Tensor<3>) -> Tensor<4> {
    let [n, channels, height, width] = x.dims();
    let [_, side, _] = kernels.dims();
    let pad = side / 2;
    let padded = x.pad((pad, pad, pad, pad), PadMode::Reflect);
    let blurred = conv2d(
        padded.reshape([1, n * channels, height + 2 * pad, width + 2 * pad]),
        kernels.unsqueeze_dim::<4>(1).repeat_dim(1, channels).reshape([n * channels, 1, side, side]),
        None,
        ConvOptions::new([1, 1], [0, 0], [1, 1], n * channels),
    );
    blurred.reshape([n, channels, height, width])
}

/// Bicubic resizing as Matlab's `imresize` does it: `[N, C, H, W]` to `[N, C, height, width]`.
pub fn resize(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [_, _, from_height, from_width] = x.dims();
    let device = x.device();
    let rows = resizing_matrix(from_height, height, &device);
    let columns = resizing_matrix(from_width, width, &device).transpose();
    rows.unsqueeze::<4>().matmul(x).matmul(columns.unsqueeze::<4>())
}

/// `[to, from]`: each row makes one output sample.
fn resizing_matrix(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut matrix = vec![0f32; to * from];
    for (i, row) in matrix.chunks_exact_mut(from).enumerate() {
        for (j, weight) in Taps::new(i, from, to).iter() {
            row[j] += weight;
        }
    }
    Tensor::from_data(TensorData::new(matrix, [to, from]), device)
}
