//! Training losses as functions of tensors, and the sampling that they need: one file for each family.

pub mod blind_spot_nll;
pub mod neighbor2neighbor;
pub mod noise2void;
pub mod sasl;

use burn::tensor::Tensor;

/// Mean squared error over all elements.
pub fn mse(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).square().mean()
}

/// Mean absolute error over all elements.
pub fn l1(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).abs().mean()
}
