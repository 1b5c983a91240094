//! Blind spots by shifting: a network that only ever looks upwards, run in four directions (Laine et al., 2019).

use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{Device, Tensor};

use crate::nn::{Symmetry, max_pool_2x2};

/// A 3x3 convolution with bias whose output row r sees the input rows r-2 to r, never one below.
pub fn conv3x3_upwards(channels_in: usize, channels_out: usize, device: &Device) -> Conv2d {
    // One row of zeros more on top and one less at the bottom is the same as shifting the result down by a row.
    Conv2dConfig::new([channels_in, channels_out], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(2, 1, 0, 1))
        .init(device)
}

/// Moves the picture down; zeros come in on top.
pub fn shift_down(x: Tensor<4>, rows: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    if rows >= h {
        return x.zeros_like();
    }
    let zeros = Tensor::zeros([n, c, rows, w], &x.device());
    Tensor::cat(vec![zeros, x.narrow(2, 0, h - rows)], 2)
}

/// Maximum over 2x2 cells that lie one row higher, so that no output row sees below its own upper half.
pub fn max_pool_2x2_upwards(x: Tensor<4>) -> Tensor<4> {
    max_pool_2x2(shift_down(x, 1))
}

/// Which way a picture is turned from one direction to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To the right.
    Clockwise,
    /// To the left.
    CounterClockwise,
}

/// Shows `features`, which looks upwards and keeps the size, the picture in all four directions: `[N, C, H, W]` to
/// `[N, F, H, W]` for each of the rotations by 0, 90, 180 and 270 degrees, turned back. `shift` rows are left out
/// between a pixel and what is seen for it: 1 hides the pixel itself.
pub fn in_four_directions(
    x: Tensor<4>,
    turn: Turn,
    shift: usize,
    features: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Vec<Tensor<4>> {
    // Only opposite directions have the same shape and can share a batch; so the picture need not be a square.
    let pair = |a, b| {
        let seen = shift_down(features(Tensor::cat(vec![a, b], 0)), shift);
        let halves = seen.chunk(2, 0);
        <[Tensor<4>; 2]>::try_from(halves).expect("two halves")
    };
    let [up, down] = pair(x.clone(), Symmetry::HALF.apply(x.clone()));
    let [right, left] = pair(Symmetry::QUARTER.apply(x.clone()), Symmetry::THREE_QUARTERS.apply(x));
    let (right, left) = (Symmetry::THREE_QUARTERS.apply(right), Symmetry::QUARTER.apply(left));
    let (second, fourth) = match turn {
        Turn::Clockwise => (right, left),
        Turn::CounterClockwise => (left, right),
    };
    vec![up, second, Symmetry::HALF.apply(down), fourth]
}
