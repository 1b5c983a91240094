//! Noise transplantation: the network's own result is taken for the truth, and noise from the photo's flat parts is put
//! on it ([`crate::noise::NoiseBlocks`]). The network learns to take off this photo's noise, with all its correlation, of
//! this photo's structure. What it took away before would not do for that: where it left noise, it would learn to leave
//! it. Related: Chen et al., CVPR 2018 (noise from smooth blocks), R2R (Pang et al., CVPR 2021).

use burn::tensor::Tensor;

use super::{Lesson, l1};
use crate::models::Network;
use crate::photo::Planar;
use crate::train::{Draw, Scene, patch, stack};

/// Patches of the result with noise, and without.
#[derive(Debug)]
pub struct NoiseTransplant;

impl Lesson for NoiseTransplant {
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for spot in &spots {
            let target = patch(first(&draw.material.scenes[spot.scene]), spot);
            let noise = draw.noise(spot);
            let data = target.data.iter().zip(&noise).map(|(v, n)| v + n).collect();
            sources.push(Planar { data, ..target.clone() });
            targets.push(target);
        }
        let [source, target] = [sources, targets].map(|patches| stack(&patches, &draw.device));
        l1(network.learn(source), target)
    }
}

/// What the network made of a scene before it learned.
pub(super) fn first(scene: &Scene) -> &Planar {
    scene.first.as_ref().unwrap_or(&scene.shots[0])
}
