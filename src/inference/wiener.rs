//! Wiener shares: networks for cameras that learned little take texture for noise. What they take away is noise and texture;
//! where, in a window, it is more than the noise, the share of the noise in it is the best share to take.

use burn::tensor::Tensor;

use super::window::energy;

/// `noisy` without what `denoised` lacks; where that is more than noise of deviation `sigma`, without the noise's share of
/// it: of noise and texture that do not depend on each other, the share whose mean square error is the least.
pub fn hold_back(noisy: Tensor<4>, denoised: Tensor<4>, sigma: f32) -> Tensor<4> {
    let taken = noisy.clone() - denoised;
    let energy = energy(taken.clone()).clamp_min(sigma * sigma);
    noisy - taken * energy.recip() * (sigma * sigma)
}
