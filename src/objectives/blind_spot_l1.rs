//! Blind-spot networks learn the noisy photo itself, from everything around each pixel. Noise of cameras spreads over
//! neighbours, so they learn on pixel-shuffle downsampled photos, where it does not (Lee et al., "AP-BSN", CVPR 2022; Li
//! et al., TBSN, 2024).

use burn::tensor::Tensor;

use super::{Lesson, l1};
use crate::adapt::pd_phase;
use crate::models::Network;
use crate::train::Draw;

/// Patches of the photo, every `pd`-th pixel of them; the mean absolute error against themselves.
#[derive(Debug)]
pub struct BlindSpotL1 {
    /// Factor of the downsampling; 1 for white noise.
    pub pd: usize,
}

impl Lesson for BlindSpotL1 {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch * self.pd);
        let noisy = pd_phase(draw.cut(&spots, |scene| &scene.shots[0]), self.pd, 0, 0);
        l1(network.learn(noisy.clone()), noisy)
    }
}
