//! The negative log-likelihood of noisy pixels under a blind-spot network's prediction (Laine et al., NeurIPS 2019). The
//! distribution, and the loss as a function of tensors, are in `crate::layers::posterior`.

use burn::tensor::Tensor;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use super::loss::mse;
use crate::models::Network;
use crate::sampling::BatchSampler;

/// The objective.
pub const OBJECTIVE: Definition = Definition::special(
    ObjectiveCard {
        id: "blind-spot-nll",
        title: "Blind-spot likelihood",
        summary: "Predicts each pixel's distribution from its surroundings, and mixes in what the pixel says (HQ-SSL).",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/1901.10277",
    },
    |setting| Box::new(BlindSpotNll { sigma: setting.sigma }),
);

/// Patches of the photo under the network's prediction of them.
#[derive(Debug)]
pub struct BlindSpotNll {
    /// Standard deviation of the noise in `[0, 1]` units, for networks that neither learn nor estimate it.
    pub sigma: f32,
}

impl TrainingLoss for BlindSpotNll {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let noisy = batches.cut(&spots, |scene| &scene.shots[0]);
        match network.negative_log_likelihood(noisy.clone(), self.sigma) {
            Some(likelihood) => likelihood.mean(),
            // A network that predicts a mean and no more.
            None => mse(network.forward_training(noisy.clone()), noisy),
        }
    }
}
