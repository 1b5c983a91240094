//! A model of the photo's noise: the network's own result is taken for the truth, and fresh noise of a model that was
//! estimated from the photo ([`crate::noise::NoiseModel`]) is put on it. The network learns to take off this photo's noise,
//! of this photo's structure. As it gets better, so does what it takes for the truth. Related: Chen et al., "Image Blind
//! Denoising With Generative Adversarial Network Based Noise Modeling", CVPR 2018; Cao et al., "Pseudo-ISP", 2021;
//! Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021.

use burn::tensor::Tensor;

use super::definition::{Curriculum, Definition, ObjectiveCard, RANDOM, TRAINED, TrainingLoss, Validation};
use super::loss::mse;
use crate::models::Network;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, Scene, patch, stack};

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    card: ObjectiveCard {
        id: "noise-model",
        title: "Noise model",
        summary: "Finds out what the photo's noise is like, puts more of it on the network's own result, and learns to take it off again. For networks with trained weights.",
        shots: 1,
        clean: false,
        url: "https://openaccess.thecvf.com/content_cvpr_2018/html/Chen_Image_Blind_Denoising_CVPR_2018_paper.html",
    },
    general: true,
    settings: [TRAINED, RANDOM],
    validation: Validation::Risk,
    divides: 1,
    learns_from_itself: true,
    curriculum: |_| Curriculum::ALONE,
    training_loss: |_| Box::new(NoiseModel),
};

/// Patches of the result with noise, and without.
#[derive(Debug)]
pub struct NoiseModel;

impl TrainingLoss for NoiseModel {
    fn loss(&mut self, network: &Network, draw: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = draw.spots(draw.patch);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for spot in &spots {
            let mut target = patch(first(&draw.material.scenes[spot.scene]), spot);
            target.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            sources.push(draw.noisy(&target));
            targets.push(target);
        }
        let [source, target] = [sources, targets].map(|patches| stack(&patches, &draw.device));
        mse(network.forward_training(source), target)
    }
}

/// What the network makes of a scene.
pub(super) fn first(scene: &Scene) -> &Planar {
    scene.first.as_ref().unwrap_or(&scene.shots[0])
}
