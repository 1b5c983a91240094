//! Learning from the clean twin of a photo, as RED-Net does (Mao et al., NeurIPS 2016).

use burn::tensor::Tensor;

use super::{Lesson, charbonnier};
use crate::models::Network;
use crate::train::Draw;

/// Where the [`charbonnier`] loss turns from square to straight.
const EPSILON: f32 = 1e-3;

/// Patches of the noisy shots, with those of the clean twin as targets.
#[derive(Debug)]
pub struct Supervised;

impl Lesson for Supervised {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let noisy = draw.cut(&spots, |scene| &scene.shots[0]);
        let clean = draw.cut(&spots, |scene| scene.clean.as_ref().unwrap_or(&scene.shots[0]));
        charbonnier(network.learn(noisy), clean, EPSILON)
    }
}
