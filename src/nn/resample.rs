//! Between resolutions: pixel shuffling and upsampling by two.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use super::kernels::Kernels;

/// Moves `factor` x `factor` cells into channels, in PyTorch's order (colour, row, column):
/// `[N, C, H * factor, W * factor]` to `[N, C * factor^2, H, W]`.
pub fn pixel_unshuffle(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let (h, w) = (h / factor, w / factor);
    x.reshape([n, c, h, factor, w, factor]).permute([0, 1, 3, 5, 2, 4]).reshape([
        n,
        c * factor * factor,
        h,
        w,
    ])
}

/// The inverse of [`pixel_unshuffle`]: `[N, C * factor^2, H, W]` to `[N, C, H * factor, W * factor]`.
pub fn pixel_shuffle(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    let c = channels / (factor * factor);
    x.reshape([n, c, factor, factor, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([
        n,
        c,
        h * factor,
        w * factor,
    ])
}

/// Repeats every pixel in a 2x2 cell: `[N, C, H, W]` to `[N, C, 2H, 2W]`.
pub fn upsample_nearest_x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::upsample(x.into_dispatch()))
}

/// Bilinear interpolation with half-pixel centres (`align_corners=False`): `[N, C, H, W]` to `[N, C, 2H, 2W]`.
pub fn upsample_bilinear_x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::upsample_bilinear(x.into_dispatch()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;
    use burn::tensor::{Device, TensorData};

    fn ramp(shape: [usize; 4]) -> Tensor<4> {
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|v| v as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    #[test]
    fn pixel_shuffling_keeps_pytorch_order() {
        let x = ramp([1, 2, 2, 4]);
        let small = pixel_unshuffle(x.clone(), 2);
        assert_eq!(small.dims(), [1, 8, 1, 2]);
        let expected = [0., 2., 1., 3., 4., 6., 5., 7., 8., 10., 9., 11., 12., 14., 13., 15.];
        assert_eq!(values(small.clone()), expected);
        assert_eq!(values(pixel_shuffle(small, 2)), values(x));
    }

    #[test]
    fn nearest_repeats() {
        assert_eq!(values(upsample_nearest_x2(ramp([1, 1, 1, 2]))), [0., 0., 1., 1., 0., 0., 1., 1.]);
    }

    #[test]
    fn bilinear_has_half_pixel_centres_and_takes_single_pixels() {
        let row = [0., 0.25, 0.75, 1.25, 1.75, 2.];
        let expected: Vec<f32> = row.iter().chain(&row).copied().collect();
        assert_eq!(values(upsample_bilinear_x2(ramp([1, 1, 1, 3]))), expected);
        let one = upsample_bilinear_x2(ramp([1, 1, 1, 1]) + 2.0);
        assert_eq!(values(one), [2.; 4]);
    }
}
