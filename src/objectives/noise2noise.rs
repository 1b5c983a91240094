//! Noise2Noise: one noisy shot of a scene is the target of another (Lehtinen et al., ICML 2018). Where noise has mean
//! zero, the mean of what a pixel may be is the clean value.

use burn::tensor::Tensor;
use rand::RngExt;

use super::{Lesson, mse};
use crate::models::Network;
use crate::train::Draw;

/// Pairs of two different shots, drawn anew for each batch.
#[derive(Debug)]
pub struct Noise2Noise;

impl Lesson for Noise2Noise {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let shots = draw.material.scenes[0].shots.len() as u32;
        let source = draw.rng.random_range(0..shots);
        let target = (source + draw.rng.random_range(1..shots.max(2))) % shots;
        let [source, target] = [source, target].map(|i| draw.cut(&spots, |scene| &scene.shots[i as usize]));
        mse(network.learn(source), target)
    }
}
