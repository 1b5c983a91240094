//! The third stage of SASL: the U-Net learns flat areas of the blind-spot network and texture of the local one (Li et
//! al., CVPR 2023). Pictures are in `[0, 255]`. (The first two stages are plain [`l1`].)

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::{AvgPoolOptions, PadMode};

use super::definition::{Curriculum, Definition, ObjectiveCard, Teacher, TrainingLoss};
use super::loss::l1;
use super::{blind_spot_l1, distillation};
use crate::models::{self, Card, Network};
use crate::sampling::BatchSampler;

/// Side of the window that flatness is measured in.
const WINDOW: usize = 7;
/// Below this deviation an area is flat.
const FLAT: f64 = 1.0;
/// Above this deviation it is texture.
const TEXTURE: f64 = 5.0;

/// Standard deviation of the mean colour in the 7x7 window around each pixel, mirrored at the border:
/// `[N, C, H, W]` to `[N, 1, H, W]`.
pub fn local_std(x: Tensor<4>) -> Tensor<4> {
    let margin = WINDOW / 2;
    let gray = x.mean_dim(1);
    // Deviations from the picture's mean: squares of the values themselves would lose the digits that matter.
    let centred = gray.clone() - gray.mean_dim(2).mean_dim(3);
    let padded = centred.pad((margin, margin, margin, margin), PadMode::Reflect);
    let average = |x| avg_pool2d(x, AvgPoolOptions::new([WINDOW, WINDOW]).with_stride([1, 1]));
    let mean = average(padded.clone());
    (average(padded.square()) - mean.square()).clamp_min(0.0).sqrt()
}

/// How much a pixel is texture, from the deviation around it: below a half where flat, above where not, else a half.
pub fn texture(std: Tensor<4>) -> Tensor<4> {
    let half = std.full_like(0.5);
    let (flat, textured) = (std.clone().lower_elem(FLAT), std.clone().greater_elem(TEXTURE));
    half.mask_where(flat, sigmoid(std.clone() - FLAT)).mask_where(textured, sigmoid(std - TEXTURE))
}

/// The loss of the U-Net's output, given those of the two others and [`texture`] of the blind-spot network's.
pub fn loss(unet: Tensor<4>, bnn: Tensor<4>, lan: Tensor<4>, texture: Tensor<4>) -> Tensor<1> {
    let flat = texture.clone().neg() + 1.0;
    let towards = |target: Tensor<4>, weight: Tensor<4>| l1(target * weight.clone(), unet.clone() * weight);
    towards(bnn, flat) + towards(lan, texture)
}

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    curriculum,
    ..Definition::special(
        ObjectiveCard {
            id: "sasl",
            title: "SASL",
            summary: "Learns flat areas from a blind-spot network and texture from a local one.",
            shots: 1,
            clean: false,
            url: "https://arxiv.org/abs/2303.14934",
        },
        |_| Box::new(Sasl),
    )
};

/// The local network learns from the blind-spot network's result, and from nothing else, whether it is the learner or the second
/// teacher.
fn curriculum(card: &Card) -> Curriculum {
    const ONE: [Teacher; 1] = [bnn(0.5)];
    const TWO: [Teacher; 2] = [
        bnn(0.4),
        Teacher { network: models::sasl::LAN.id, objective: &distillation::OBJECTIVE, share: 0.2 },
    ];
    if card.id == models::sasl::LAN.id {
        return Curriculum { teachers: &ONE, learner: Some(&distillation::OBJECTIVE) };
    }
    Curriculum { teachers: &TWO, learner: None }
}

/// The blind-spot network, the first teacher.
const fn bnn(share: f64) -> Teacher {
    Teacher { network: models::sasl::BNN.id, objective: &blind_spot_l1::OBJECTIVE, share }
}

/// Patches of the photo, with the results of the blind-spot network and of the local one, its two teachers.
#[derive(Debug)]
pub struct Sasl;

impl TrainingLoss for Sasl {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch);
        let noisy = batches.cut(&spots, |scene| &scene.shots[0]);
        let [bnn, lan] = [0, 1].map(|i| batches.cut(&spots, |scene| &scene.taught[i]) * 255.0);
        let texture = texture(local_std(bnn.clone()));
        // A mean over values in 0..=255: brought to the size of the other objectives' losses.
        loss(network.forward_training(noisy) * 255.0, bnn, lan, texture) / 255.0
    }
}
