//! Learning from what a teacher made of the same photo: TBSN's student (Li et al., 2024, "Rethinking Transformer-Based
//! Blind-Spot Network for Self-Supervised Image Denoising"), and the second stage of SASL.

use burn::tensor::Tensor;

use super::{Lesson, l1};
use crate::models::Network;
use crate::train::Draw;

/// Patches of the photo, with the last teacher's result as target.
#[derive(Debug)]
pub struct Distillation;

impl Lesson for Distillation {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let noisy = draw.cut(&spots, |scene| &scene.shots[0]);
        let target = draw.cut(&spots, |scene| scene.taught.last().unwrap_or(&scene.shots[0]));
        l1(network.learn(noisy), target)
    }
}
