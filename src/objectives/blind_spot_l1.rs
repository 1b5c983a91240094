//! Blind-spot networks learn the noisy photo itself, from everything around each pixel. Noise of cameras spreads over
//! neighbours, so they learn on pixel-shuffle downsampled photos, where it does not (Lee et al., "AP-BSN", CVPR 2022; Li
//! et al., TBSN, 2024).

use burn::tensor::Tensor;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use super::loss::l1;
use crate::models::Network;
use crate::nn::shuffle::pd_phase;
use crate::sampling::BatchSampler;

/// The objective.
pub const OBJECTIVE: Definition = Definition::special(
    ObjectiveCard {
        id: "blind-spot-l1",
        title: "Blind-spot L1",
        summary: "Predicts each pixel from its surroundings, on sub-images whose noise is independent.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/2203.11799",
    },
    |setting| Box::new(BlindSpotL1 { pd: setting.pd }),
);

/// Patches of the photo, every `pd`-th pixel of them; the mean absolute error against themselves.
#[derive(Debug)]
pub struct BlindSpotL1 {
    /// Factor of the downsampling; 1 for white noise.
    pub pd: usize,
}

impl TrainingLoss for BlindSpotL1 {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch * self.pd);
        let noisy = pd_phase(batches.cut(&spots, |scene| &scene.shots[0]), self.pd, 0, 0);
        l1(network.forward_training(noisy.clone()), noisy)
    }
}
