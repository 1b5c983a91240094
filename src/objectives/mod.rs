//! What networks learn by: one file for each loss, with the sampling that it needs. Losses are functions of tensors; a
//! [`Lesson`] draws a batch and gives its loss.

pub mod blind_spot_l1;
pub mod blind_spot_nll;
pub mod distillation;
pub mod masked;
pub mod neighbor2neighbor;
pub mod noise2noise;
pub mod noise2void;
pub mod noise_model;
pub mod recorruption;
pub mod residual_recorruption;
pub mod sasl;
pub mod supervised;
pub mod zero_shot;

use burn::tensor::Tensor;
use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network};
use crate::train::Draw;

/// Mean squared error over all elements.
pub fn mse(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).square().mean()
}

/// Mean absolute error over all elements.
pub fn l1(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).abs().mean()
}

/// Mean of `sqrt(d^2 + epsilon^2)` of the differences: like [`l1`], but smooth.
pub fn charbonnier(a: Tensor<4>, b: Tensor<4>, epsilon: f32) -> Tensor<1> {
    ((a - b).square() + epsilon * epsilon).sqrt().mean()
}

/// Draws batches and tells how far a network is from what it is to learn.
pub trait Lesson: Send {
    /// The loss of one batch, with gradients to the network's weights.
    fn loss(&mut self, network: &Network, draw: &mut Draw<'_>) -> Tensor<1>;
}

/// An objective: what a network learns by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// [`noise_model`].
    NoiseModel,
    /// [`residual_recorruption`].
    ResidualRecorruption,
    /// [`noise2void`], masked pixels replaced by a neighbour.
    Noise2void,
    /// [`noise2void`], masked pixels replaced by the median around them.
    N2v2,
    /// [`neighbor2neighbor`].
    Neighbor2neighbor,
    /// [`recorruption`].
    Recorrupted2recorrupted,
    /// [`blind_spot_nll`].
    BlindSpotNll,
    /// [`blind_spot_l1`].
    BlindSpotL1,
    /// [`masked`].
    Masked,
    /// [`distillation`].
    Distillation,
    /// [`sasl`].
    Sasl,
    /// [`zero_shot`].
    ContrastiveSuperResolution,
    /// [`noise2noise`].
    Noise2noise,
    /// [`supervised`].
    Supervised,
}

/// What an objective is, for people who choose one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveCard {
    /// Stable name, for code and command lines.
    pub id: Objective,
    /// Name, for people.
    pub title: &'static str,
    /// One sentence: what is learned, and when to take it.
    pub summary: &'static str,
    /// Noisy shots of one scene that it needs, at least.
    pub shots: usize,
    /// Whether it needs the scene without noise.
    pub clean: bool,
    /// Where it was published.
    pub url: &'static str,
}

const fn single(
    id: Objective,
    title: &'static str,
    summary: &'static str,
    url: &'static str,
) -> ObjectiveCard {
    ObjectiveCard { id, title, summary, shots: 1, clean: false, url }
}

/// All objectives.
pub const OBJECTIVES: &[ObjectiveCard] = &[
    single(
        Objective::NoiseModel,
        "Noise model",
        "Finds out what the photo's noise is like, puts more of it on the network's own result, and learns to take it off again. For networks with trained weights.",
        "https://openaccess.thecvf.com/content_cvpr_2018/html/Chen_Image_Blind_Denoising_CVPR_2018_paper.html",
    ),
    single(
        Objective::ResidualRecorruption,
        "Residual recorruption",
        "Like the noise model, with what the network took away for noise. For networks that leave no noise behind.",
        "https://arxiv.org/abs/2102.02234",
    ),
    single(
        Objective::Noise2void,
        "Noise2Void",
        "Hides some pixels and learns to tell them from those around. For any network, also one without weights.",
        "https://arxiv.org/abs/1811.10980",
    ),
    single(
        Objective::N2v2,
        "N2V2",
        "Noise2Void with the median in place of hidden pixels: fewer checkerboards.",
        "https://arxiv.org/abs/2211.08512",
    ),
    single(
        Objective::Neighbor2neighbor,
        "Neighbor2Neighbor",
        "Learns to tell one half of the pixels from their neighbours. For noise that differs from pixel to pixel.",
        "https://arxiv.org/abs/2101.02824",
    ),
    single(
        Objective::Recorrupted2recorrupted,
        "Recorrupted-to-Recorrupted",
        "Adds more of the photo's noise, and takes as much away: two noisy pictures of one scene, each to be learned from the other.",
        "https://arxiv.org/abs/2102.02234",
    ),
    single(
        Objective::BlindSpotNll,
        "Blind-spot likelihood",
        "Predicts each pixel's distribution from its surroundings, and mixes in what the pixel says (HQ-SSL).",
        "https://arxiv.org/abs/1901.10277",
    ),
    single(
        Objective::BlindSpotL1,
        "Blind-spot L1",
        "Predicts each pixel from its surroundings, on sub-images whose noise is independent.",
        "https://arxiv.org/abs/2203.11799",
    ),
    single(
        Objective::Masked,
        "Masked training",
        "Hides most of the pixels and learns to paint them in.",
        "https://arxiv.org/abs/2303.13132",
    ),
    single(
        Objective::Distillation,
        "Distillation from TBSN",
        "A small TBSN learns the photo first; this network learns from it.",
        "https://arxiv.org/abs/2404.07846",
    ),
    single(
        Objective::Sasl,
        "SASL",
        "Learns flat areas from a blind-spot network and texture from a local one.",
        "https://arxiv.org/abs/2303.14934",
    ),
    single(
        Objective::ContrastiveSuperResolution,
        "Zero-shot super-resolution",
        "Shrinks the photo in many ways and learns to undo it.",
        "https://arxiv.org/abs/1712.06087",
    ),
    ObjectiveCard {
        id: Objective::Noise2noise,
        title: "Noise2Noise",
        summary: "Learns one noisy shot from another of the same scene. Needs two or more shots.",
        shots: 2,
        clean: false,
        url: "https://arxiv.org/abs/1803.04189",
    },
    ObjectiveCard {
        id: Objective::Supervised,
        title: "Supervised",
        summary: "Learns the clean photo. Needs the same scene without noise.",
        shots: 1,
        clean: true,
        url: "https://arxiv.org/abs/1603.09056",
    },
];

/// What fits any network that gives a photo of the size that it takes.
const GENERAL: &[Objective] = &[
    Objective::NoiseModel,
    Objective::ResidualRecorruption,
    Objective::Noise2void,
    Objective::N2v2,
    Objective::Neighbor2neighbor,
    Objective::Recorrupted2recorrupted,
    Objective::Noise2noise,
    Objective::Supervised,
];

impl Objective {
    /// Its card.
    pub fn card(self) -> &'static ObjectiveCard {
        OBJECTIVES.iter().find(|card| card.id == self).unwrap_or(&OBJECTIVES[0])
    }

    /// Its stable name.
    pub fn id(self) -> &'static str {
        match self {
            Self::NoiseModel => "noise-model",
            Self::ResidualRecorruption => "residual-recorruption",
            Self::Noise2void => "noise2void",
            Self::N2v2 => "n2v2",
            Self::Neighbor2neighbor => "neighbor2neighbor",
            Self::Recorrupted2recorrupted => "recorrupted2recorrupted",
            Self::BlindSpotNll => "blind-spot-nll",
            Self::BlindSpotL1 => "blind-spot-l1",
            Self::Masked => "masked",
            Self::Distillation => "distillation",
            Self::Sasl => "sasl",
            Self::ContrastiveSuperResolution => "contrastive-super-resolution",
            Self::Noise2noise => "noise2noise",
            Self::Supervised => "supervised",
        }
    }

    /// Whether its success is told by the estimated risk of denoising. Where the target is not the noisy photo itself, the
    /// loss on what is held out tells.
    pub fn is_judged_by_risk(self) -> bool {
        let card = self.card();
        !card.clean && card.shots == 1 && self != Objective::ContrastiveSuperResolution
    }

    /// The objectives that suit a network, the default with trained weights first.
    pub fn of(card: &Card) -> Vec<Objective> {
        let own: &[Objective] = match card.id {
            "dasr-x2" | "dasr-x3" | "dasr-x4" => return vec![Self::ContrastiveSuperResolution],
            "hq-ssl" => return vec![Self::BlindSpotNll],
            "tbsn" | "sasl-bnn" => return vec![Self::BlindSpotL1],
            "masked-denoising" => &[Self::Masked],
            "distilled-unet" => &[Self::Distillation],
            "sasl-lan" | "sasl-unet" => &[Self::Sasl],
            _ => &[],
        };
        GENERAL.iter().chain(own).copied().collect()
    }

    /// The objective to take when nobody says which: for trained weights, or for random ones.
    pub fn default_of(card: &Card, random: bool) -> Objective {
        let suitable = Self::of(card);
        // Measured on camera photos, from random weights: R2R with the photo's own noise gains where Noise2Void, which
        // wants noise that is independent from pixel to pixel, loses.
        let wanted = if random { Self::Recorrupted2recorrupted } else { Self::NoiseModel };
        if suitable.contains(&wanted) { wanted } else { suitable[0] }
    }
}

impl std::str::FromStr for Objective {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        OBJECTIVES.iter().map(|card| card.id).find(|objective| objective.id() == id).ok_or_else(|| {
            let known: Vec<&str> = OBJECTIVES.iter().map(|card| card.id.id()).collect();
            Error::new(Kind::Option, format!("there is no objective `{id}`; there are: {}", known.join(", ")))
        })
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::CARDS;

    #[test]
    fn every_objective_has_a_card_under_its_own_name() {
        for card in OBJECTIVES {
            assert_eq!(card.id.id().parse::<Objective>().unwrap(), card.id);
            assert_eq!(serde_json::to_value(card.id).unwrap(), card.id.id());
            assert!(!card.title.is_empty() && !card.summary.is_empty());
        }
        assert!("magic".parse::<Objective>().unwrap_err().to_string().contains("noise2void"));
    }

    #[test]
    fn every_network_can_learn_from_a_single_photo() {
        for card in CARDS {
            for random in [true, false] {
                let objective = Objective::default_of(card, random);
                assert!(objective.card().shots == 1 && !objective.card().clean, "{}", card.id);
                assert!(Objective::of(card).contains(&objective), "{}", card.id);
            }
            assert!(
                Objective::of(card).iter().any(|o| o.id() == card.objective)
                    || card.objective == "supervised",
                "{}: {}",
                card.id,
                card.objective
            );
        }
    }
}
