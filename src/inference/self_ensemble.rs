//! Self-ensemble (Timofte, Rothe, Van Gool, "Seven Ways to Improve Example-Based Single Image Super Resolution", CVPR 2016): any
//! network gains a little as the mean of its results for the turned and mirrored photo.

use burn::tensor::Tensor;

use crate::nn::{Symmetry, mean};

/// The mean of what `forward` makes of `x` in the first so many (at least one) of [`Symmetry::ALL`], turned back.
pub fn self_ensemble(count: usize, x: Tensor<4>, forward: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let result = |symmetry: &Symmetry| symmetry.inverse().apply(forward(symmetry.apply(x.clone())));
    mean(Symmetry::ALL[..count].iter().map(result))
}
