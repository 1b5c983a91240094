//! The networks as training runs them: without masks, downsampling or refinement around them, unless the objective is
//! about those.

use burn::tensor::Tensor;

use super::{Network, Run, dasr, masked_denoising, noise2void};
use crate::adapt::Adapt;
use crate::nn::plane_by_plane;

impl Network {
    /// The network's output for `x`, to be compared with a target.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]` in `[0, 1]`, sides multiples of what [`Network::demands`] says
    /// - output: the same, not clipped
    pub fn learn(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            // Without the ReLU at its end, behind which nothing can be learned of what is too dark.
            Network::RedNet(network) => plane_by_plane(x, network.channels, |x| network.forward_linear(x)),
            _ => self.denoise(x, &Run { masks: false, adapt: Adapt::PLAIN, ..Run::default() }),
        }
    }

    /// As [`Network::learn`], but of `x` it sees only pixels where `keep`, `[N, 1, H, W]`, is 1, and only some tokens.
    pub fn learn_masked(&self, x: Tensor<4>, keep: Tensor<4>, seed: u64) -> Tensor<4> {
        let hidden = masked_denoising::hide_pixels(x, keep);
        match self {
            Network::MaskedDenoising(network) => {
                plane_by_plane(hidden, network.channels(), |x| network.forward_masked(x, 1, seed))
            }
            _ => self.learn(hidden),
        }
    }

    /// Negative log-likelihood of noisy pictures, one value for each, if the network predicts distributions.
    ///
    /// `sigma` is the standard deviation of the noise for networks that neither learn nor estimate it.
    pub fn likelihood(&self, noisy: Tensor<4>, sigma: f32) -> Option<Tensor<1>> {
        match self {
            Network::HqSsl(network) => network.loss(noisy, sigma),
            _ => None,
        }
    }

    /// DASR, if it is that.
    pub fn dasr(&self) -> Option<&dasr::Dasr> {
        match self {
            Network::Dasr(network) => Some(network),
            _ => None,
        }
    }

    /// Tells a fresh network the mean and deviation of each channel that its inputs will have, if it wants to know.
    #[must_use]
    pub fn with_statistics(self, statistics: &[[f32; 2]]) -> Self {
        match self {
            Network::Noise2Void(network) if network.channels == statistics.len() => {
                Network::Noise2Void(noise2void::UNet::with_statistics(network, statistics.to_vec()))
            }
            other => other,
        }
    }
}
