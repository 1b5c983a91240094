//! A model of the photo's noise: the network's own result is taken for the truth, and fresh noise of a model that was
//! estimated from the photo ([`crate::noise::NoiseModel`]) is put on it. The network learns to take off this photo's noise,
//! of this photo's structure. As it gets better, so does what it takes for the truth. Related: Chen et al., "Image Blind
//! Denoising With Generative Adversarial Network Based Noise Modeling", CVPR 2018; Cao et al., "Pseudo-ISP", 2021;
//! Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021.

use burn::tensor::Tensor;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use super::loss::mse;
use crate::models::Network;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, Scene, patch, stack};

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    learns_from_itself: true,
    ..Definition::general(
        ObjectiveCard {
            id: "noise-model",
            title: "Noise model",
            summary: "Measures the photo's noise, adds noise of that kind to the network's own result, and learns to remove it. For networks with trained weights.",
            shots: 1,
            clean: false,
            url: "https://openaccess.thecvf.com/content_cvpr_2018/html/Chen_Image_Blind_Denoising_CVPR_2018_paper.html",
        },
        |_| Box::new(NoiseModel),
    )
};

/// Patches of the result with noise, and without.
#[derive(Debug)]
pub struct NoiseModel;

impl TrainingLoss for NoiseModel {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for spot in &spots {
            let mut target = patch(first(&batches.material.scenes[spot.scene]), spot);
            target.data.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            sources.push(batches.noisier(&target));
            targets.push(target);
        }
        let [source, target] = [sources, targets].map(|patches| stack(&patches, &batches.device));
        mse(network.forward_training(source), target)
    }
}

/// What the network makes of a scene.
pub(super) fn first(scene: &Scene) -> &Planar {
    scene.first.as_ref().unwrap_or(&scene.shots[0])
}
