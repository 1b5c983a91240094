//! Residual recorruption: the network's own result is taken for the truth, what it took away for the photo's noise, with
//! its correlation and its dependence on brightness. Patches of the one, with noise of another place put on, are pairs
//! to learn from: the network learns this photo's noise, and this photo's structure. Akin to R2R (Pang et al., CVPR
//! 2021), without a model of the noise.

use burn::tensor::Tensor;
use rand::RngExt;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use super::loss::l1;
use super::noise_model::first;
use crate::models::Network;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, Spot, patch, stack};

/// Places that are drawn to find noise of like brightness.
const CANDIDATES: usize = 8;

/// The objective.
pub const OBJECTIVE: Definition = Definition::general(
    ObjectiveCard {
        id: "residual-recorruption",
        title: "Residual recorruption",
        summary: "Like the noise model, with the network's residual for noise. For networks that leave no noise behind.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/2102.02234",
    },
    |_| Box::new(ResidualRecorruption),
);

/// Patches of the result with foreign noise, and without.
#[derive(Debug)]
pub struct ResidualRecorruption;

impl TrainingLoss for ResidualRecorruption {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for spot in &spots {
            let target = patch(first(&batches.material.scenes[spot.scene]), spot);
            let noise = like_noise(batches, mean(&target));
            let data = target.data.iter().zip(&noise).map(|(v, n)| v + n).collect();
            sources.push(Planar { data, ..target.clone() });
            targets.push(target);
        }
        let [source, target] = [sources, targets].map(|patches| stack(&patches, &batches.device));
        l1(network.forward_training(source), target)
    }
}

/// The noise of a patch of like brightness from anywhere, turned in any way, its sign drawn.
fn like_noise(batches: &mut BatchSampler<'_>, brightness: f32) -> Vec<f32> {
    let material = batches.material;
    let mut closest: Option<(f32, Spot, Planar)> = None;
    for _ in 0..CANDIDATES {
        let spot = batches.spot(batches.patch);
        let candidate = patch(first(&material.scenes[spot.scene]), &spot);
        let distance = (mean(&candidate) - brightness).abs();
        if closest.as_ref().is_none_or(|(least, ..)| distance < *least) {
            closest = Some((distance, spot, candidate));
        }
    }
    let (_, spot, result) = closest.expect("there are candidates");
    let noisy = patch(&material.scenes[spot.scene].shots[0], &spot);
    let sign = if batches.rng.random_bool(0.5) { 1.0 } else { -1.0 };
    noisy.data.iter().zip(&result.data).map(|(y, x)| sign * (y - x)).collect()
}

fn mean(patch: &Planar) -> f32 {
    patch.data.iter().sum::<f32>() / patch.data.len() as f32
}
