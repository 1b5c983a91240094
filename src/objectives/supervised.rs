//! Learning from the clean twin of a photo, as RED-Net does (Mao et al., NeurIPS 2016).

use burn::tensor::Tensor;

use super::definition::{Definition, ObjectiveCard, TrainingLoss, Validation};
use super::loss::charbonnier;
use crate::models::Network;
use crate::sampling::BatchSampler;

/// Where the [`charbonnier`] loss turns from square to straight.
const EPSILON: f32 = 1e-3;

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    validation: Validation::Loss,
    ..Definition::general(
        ObjectiveCard {
            id: "supervised",
            title: "Supervised",
            summary: "Learns the clean photo. Needs the same scene without noise.",
            shots: 1,
            clean: true,
            url: "https://arxiv.org/abs/1603.09056",
        },
        |_| Box::new(Supervised),
    )
};

/// Patches of the noisy shots, with those of the clean twin as targets.
#[derive(Debug)]
pub struct Supervised;

impl TrainingLoss for Supervised {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let noisy = batches.cut(&spots, |scene| &scene.shots[0]);
        let clean = batches.cut(&spots, |scene| scene.clean.as_ref().unwrap_or(&scene.shots[0]));
        charbonnier(network.forward_training(noisy), clean, EPSILON)
    }
}
