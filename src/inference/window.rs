//! Windows in which results are compared with each other or with the photo.

use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;

/// Side of the window, pixels.
pub const WINDOW: usize = 7;

/// Mean square of the window around each pixel, over all channels: `[N, C, H, W]` to `[N, 1, H, W]`.
pub fn energy(x: Tensor<4>) -> Tensor<4> {
    let window = AvgPoolOptions::new([WINDOW; 2])
        .with_stride([1; 2])
        .with_padding([WINDOW / 2; 2])
        .with_count_include_pad(false);
    avg_pool2d(x.square().mean_dim(1), window)
}
