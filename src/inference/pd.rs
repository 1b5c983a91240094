//! Pixel-shuffle downsampling (PD; Zhou et al., "When AWGN-based Denoiser Meets Real Noises", AAAI 2020): networks for white
//! noise fail on photos of cameras, whose noise spreads over neighbouring pixels; PD takes pixels apart until their noise is
//! independent.

use burn::tensor::Tensor;

use crate::nn::padding::{crop, reflect_to_multiple};
use crate::nn::shuffle::{pd_down, pd_up};

/// Runs `forward` on the PD phases of `x` (all of them, as one batch) and puts them together again.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, any size: it is padded until the phases' sides are multiples of `multiple`
/// - output: the same
pub fn pd(
    x: Tensor<4>,
    factor: usize,
    multiple: usize,
    forward: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let padded = reflect_to_multiple(x, factor * multiple);
    if factor == 1 {
        return crop(forward(padded), height, width);
    }
    crop(pd_up(forward(pd_down(padded, factor)), factor), height, width)
}
