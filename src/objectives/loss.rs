//! Losses that more than one objective uses.

use burn::tensor::Tensor;

/// Mean squared error over all elements.
pub fn mse(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).square().mean()
}

/// Mean absolute error over all elements.
pub fn l1(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).abs().mean()
}

/// Mean of `sqrt(d^2 + epsilon^2)` of the differences: like [`l1`], but smooth.
pub fn charbonnier(a: Tensor<4>, b: Tensor<4>, epsilon: f32) -> Tensor<1> {
    ((a - b).square() + epsilon * epsilon).sqrt().mean()
}
