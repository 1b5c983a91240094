//! Learning from what a teacher made of the same photo: TBSN's student (Li et al., 2024, "Rethinking Transformer-Based
//! Blind-Spot Network for Self-Supervised Image Denoising"), and the second stage of SASL.

use burn::tensor::Tensor;

use super::blind_spot_l1;
use super::definition::{Curriculum, Definition, ObjectiveCard, Teacher, TrainingLoss};
use super::loss::l1;
use crate::models::{Network, tbsn};
use crate::sampling::BatchSampler;

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    curriculum: |_| Curriculum { teachers: &[TBSN], learner: None },
    ..Definition::special(
        ObjectiveCard {
            id: "distillation",
            title: "Distillation from TBSN",
            summary: "A small TBSN learns the photo first; this network learns from it.",
            shots: 1,
            clean: false,
            url: "https://arxiv.org/abs/2404.07846",
        },
        |_| Box::new(Distillation),
    )
};

/// The teacher.
const TBSN: Teacher = Teacher { network: tbsn::CARD.id, objective: &blind_spot_l1::OBJECTIVE, share: 0.6 };

/// Patches of the photo, with the last teacher's result as target.
#[derive(Debug)]
pub struct Distillation;

impl TrainingLoss for Distillation {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let noisy = batches.cut(&spots, |scene| &scene.shots[0]);
        let target = batches.cut(&spots, |scene| scene.taught.last().unwrap_or(&scene.shots[0]));
        l1(network.forward_training(noisy), target)
    }
}
