//! Pixels and patches moved between space and batch or channels.

use burn::tensor::Tensor;

/// Pixel-shuffle downsampling (PD): every image becomes its `factor`² phases, each a smaller image whose neighbouring
/// pixels were `factor` apart, so that noise which spreads over a few pixels looks independent.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, both sides multiples of `factor`
/// - output: `[N * factor², C, H / factor, W / factor]`, the phases of an image row by row, one after the other
pub fn pd_down(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [n, channels, height, width] = x.dims();
    let (rows, columns) = (height / factor, width / factor);
    x.reshape([n, channels, rows, factor, columns, factor]).permute([0, 3, 5, 1, 2, 4]).reshape([
        n * factor * factor,
        channels,
        rows,
        columns,
    ])
}

/// Undoes [`pd_down`].
///
/// # Shapes
/// - `x`: `[N * factor², C, H, W]`
/// - output: `[N, C, H * factor, W * factor]`
pub fn pd_up(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [phases, channels, rows, columns] = x.dims();
    let n = phases / (factor * factor);
    x.reshape([n, factor, factor, channels, rows, columns]).permute([0, 3, 4, 1, 5, 2]).reshape([
        n,
        channels,
        rows * factor,
        columns * factor,
    ])
}

/// One of the phases of [`pd_down`], the one that starts at `row`, `column` (both below `factor`).
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, both sides multiples of `factor`
/// - output: `[N, C, H / factor, W / factor]`
pub fn pd_phase(x: Tensor<4>, factor: usize, row: usize, column: usize) -> Tensor<4> {
    let [n, channels, height, width] = x.dims();
    let (rows, columns) = (height / factor, width / factor);
    x.reshape([n * channels, rows, factor, columns, factor])
        .slice([0..n * channels, 0..rows, row..row + 1, 0..columns, column..column + 1])
        .reshape([n, channels, rows, columns])
}

/// Halves both sides by moving 2x2 patches, not pixels, into channels: patch `(Y, X)` of channel `c` becomes patch
/// `(Y / 2, X / 2)` of channel `4 c + 2 (Y mod 2) + X mod 2`. The pixels in a patch stay where they are, and so do
/// the even and odd rows and columns that a blind spot of even dilations depends on.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, both sides multiples of 4
/// - output: `[N, 4 C, H / 2, W / 2]`
pub fn patch_unshuffle(x: Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = x.dims();
    // Rows first, then columns: ndarray knows no more than six dimensions.
    let x = x.reshape([n * channels, height / 4, 2, 2 * width]).permute([0, 2, 1, 3]);
    let x = x.reshape([n * channels * 2, height / 2, width / 4, 2, 2]).permute([0, 3, 1, 2, 4]);
    x.reshape([n, 4 * channels, height / 2, width / 2])
}

/// Undoes [`patch_unshuffle`].
///
/// # Shapes
/// - `x`: `[N, 4 C, H, W]`, both sides even
/// - output: `[N, C, 2 H, 2 W]`
pub fn patch_shuffle(x: Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = x.dims();
    let x = x.reshape([n * channels / 2, 2, height, width / 2, 2]).permute([0, 2, 3, 1, 4]);
    let x = x.reshape([n * channels / 4, 2, height / 2, 4 * width]).permute([0, 2, 1, 3]);
    x.reshape([n, channels / 4, 2 * height, 2 * width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::nn::read;

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    fn image(shape: [usize; 4]) -> Tensor<4> {
        let count: usize = shape.iter().product();
        let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7 + 0.3).sin()).collect();
        Tensor::from_data(TensorData::new(data, shape), &Device::flex())
    }

    #[test]
    fn a_phase_is_an_element_of_the_batch() {
        let x = image([2, 3, 6, 9]);
        let phase = values(pd_phase(x.clone(), 3, 1, 2));
        let batch = values(pd_down(x, 3));
        let image = 3 * 2 * 3;
        assert_eq!(phase[..image], batch[5 * image..6 * image]);
        assert_eq!(phase[image..], batch[14 * image..15 * image]);
    }
}
