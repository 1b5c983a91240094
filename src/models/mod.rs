//! The networks: one file each, a closed set, and a card for each that says what it is and what it wants.

pub mod masked_denoising;
pub mod noise2noise;
pub mod tbsn;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::adapt::Adapt;
use crate::error::{Error, Kind, Result};
use crate::photo::tiles::Demands;
use crate::weights::{self, StateDict};

/// The article that describes a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paper {
    /// Title.
    pub title: &'static str,
    /// Authors.
    pub authors: &'static str,
    /// Year of publication.
    pub year: u16,
    /// Where to read it.
    pub url: &'static str,
}

/// Weights that come with the package, under `pkg-config/weights/`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bundled {
    /// File name.
    pub file: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
}

/// What a network is, and what it demands. Rust, the npm package and the page read the same cards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Stable name, for code and command lines.
    pub id: &'static str,
    /// Name, for people.
    pub title: &'static str,
    /// One sentence: when to take it.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: Paper,
    /// The public implementation that it is numerically equal to.
    pub repository: &'static str,
    /// Image channels it takes.
    pub channels: usize,
    /// Range of its input.
    pub range: [f32; 2],
    /// Both sides of its input must be multiples of this; photos of other sizes are padded and cropped.
    pub size_multiple: usize,
    /// Receptive field: how far an output pixel sees, in pixels.
    pub receptive_field: usize,
    /// Output size over input size.
    pub scale: usize,
    /// What noise its bundled weights know.
    pub noise: &'static str,
    /// Multiply-accumulates per pixel.
    pub mac_per_pixel: u64,
    /// Number of weights.
    pub parameters: u64,
    /// The weights in the package, if there are any.
    pub weights: Option<Bundled>,
    /// Whether this is the one to start with.
    pub default: bool,
}

impl Card {
    /// What [`crate::photo::tiles::Plan`] has to know.
    pub fn demands(&self) -> Demands {
        Demands { size_multiple: self.size_multiple, radius: self.receptive_field }
    }
}

/// All cards, in the order in which they should be shown.
pub const CARDS: &[Card] = &[
    Card {
        id: "noise2noise",
        title: "Noise2Noise",
        summary: "U-Net trained on pairs of noisy pictures only; for strong, even grain.",
        paper: Paper {
            title: "Noise2Noise: Learning Image Restoration without Clean Data",
            authors: "Lehtinen, Munkberg, Hasselgren, Laine, Karras, Aittala, Aila",
            year: 2018,
            url: "https://arxiv.org/abs/1803.04189",
        },
        repository: "https://github.com/joeylitalien/noise2noise-pytorch",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 32,
        receptive_field: 189,
        scale: 1,
        noise: "white Gaussian, sigma 0 to 50 of 255",
        mac_per_pixel: 201_505,
        parameters: 700_611,
        weights: Some(Bundled {
            file: "noise2noise.safetensors",
            bytes: 1_403_814,
            sha256: "87021965749005fbb68232deb2836ab573c7d1b82b5629e2d6a305e82e9eec3f",
            licence: "MIT",
        }),
        default: true,
    },
    Card {
        id: "tbsn",
        title: "TBSN",
        summary: "Transformer with a blind spot, trained on noisy camera photos only; thorough, and slow.",
        paper: Paper {
            title: "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising",
            authors: "Li, Zhang, Zuo",
            year: 2025,
            url: "https://arxiv.org/abs/2404.07846",
        },
        repository: "https://github.com/nagejacob/TBSN",
        channels: 3,
        range: [0.0, 255.0],
        size_multiple: 32,
        // The channel attention sees all of a tile; this is how far the convolutions and windows of the first level see.
        receptive_field: 64,
        scale: 1,
        noise: "camera noise",
        mac_per_pixel: 4_860_792,
        parameters: 12_746_780,
        weights: None,
        default: false,
    },
    Card {
        id: "masked_denoising",
        title: "Masked Denoising",
        summary: "Transformer trained on pictures with most of their pixels hidden; for noise that it was not trained on.",
        paper: Paper {
            title: "Masked Image Training for Generalizable Deep Image Denoising",
            authors: "Chen, Gu, Liu, Magid, Dong, Wang, Pfister, Zhu",
            year: 2023,
            url: "https://arxiv.org/abs/2303.13132",
        },
        repository: "https://github.com/haoyuc/MaskedDenoising",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 8,
        receptive_field: 179,
        scale: 1,
        noise: "white Gaussian, sigma 15 of 255; generalises to others",
        mac_per_pixel: 959_445,
        parameters: 824_118,
        weights: None,
        default: false,
    },
];

/// The card of a network.
///
/// # Errors
/// [`Kind::Model`] when there is none of that name; the message lists those that there are.
pub fn card(id: &str) -> Result<&'static Card> {
    CARDS.iter().find(|card| card.id == id).ok_or_else(|| {
        let known: Vec<&str> = CARDS.iter().map(|card| card.id).collect();
        Error::new(Kind::Model, format!("there is no network `{id}`; there are: {}", known.join(", ")))
    })
}

/// The card of the network to start with.
pub fn default_card() -> &'static Card {
    CARDS.iter().find(|card| card.default).unwrap_or(&CARDS[0])
}

/// What a network may want to know beside the pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
    pub seed: u64,
    /// Standard deviation of the noise in `[0, 1]` units, where it is known.
    pub sigma: Option<f32>,
    /// Whether networks that were trained with random masks keep them, as published.
    pub masks: bool,
    /// Passes that are averaged where the result is random.
    pub passes: usize,
    /// Pixel-shuffle downsampling and refinement around the network.
    pub adapt: Adapt,
}

impl Default for Run {
    fn default() -> Self {
        Self { seed: 0, sigma: None, masks: true, passes: 1, adapt: Adapt::PLAIN }
    }
}

/// Any of the networks.
#[derive(Module, Debug)]
pub enum Network {
    /// [`noise2noise`].
    Noise2Noise(noise2noise::UNet),
    /// [`tbsn`].
    Tbsn(tbsn::Tbsn),
    /// [`masked_denoising`].
    MaskedDenoising(masked_denoising::SwinIr),
}

impl Network {
    /// The network `id` with the given weights; its configuration is told by their shapes.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown `id`, [`Kind::Weights`] for weights that are not of this network.
    pub fn load(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        match card(id)?.id {
            "noise2noise" => {
                let network = noise2noise::UNetConfig::infer(state)?.init(device);
                let network = weights::load(network, state, noise2noise::UNet::key)?;
                Ok(Network::Noise2Noise(network))
            }
            "tbsn" => Ok(Network::Tbsn(tbsn::Tbsn::load(state, device)?)),
            "masked_denoising" => {
                Ok(Network::MaskedDenoising(masked_denoising::SwinIr::load(state, device)?))
            }
            other => unreachable!("the card `{other}` has no network"),
        }
    }

    /// The weights under their official keys.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn export(&self) -> Result<StateDict> {
        match self {
            Network::Noise2Noise(network) => weights::export(network, noise2noise::UNet::key).await,
            Network::Tbsn(network) => weights::export(network, tbsn::Tbsn::key).await,
            Network::MaskedDenoising(network) => {
                weights::export(network, masked_denoising::SwinIr::key).await
            }
        }
    }

    /// Denoises a batch of images in `[0, 1]`.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `C` and the size multiple as on the [`Card`]
    /// - output: the same, both sides times the card's `scale`
    pub fn denoise(&self, x: Tensor<4>, run: &Run) -> Tensor<4> {
        match self {
            Network::Noise2Noise(network) => network.forward(x),
            Network::Tbsn(network) => {
                run.adapt.apply(x, 32, run.seed, |x| network.forward(x * 255.0) / 255.0)
            }
            Network::MaskedDenoising(network) if run.masks => network.forward_masked(x, run.passes, run.seed),
            Network::MaskedDenoising(network) => network.forward_unmasked(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_unique_and_one_is_the_default() {
        for card in CARDS {
            assert_eq!(CARDS.iter().filter(|c| c.id == card.id).count(), 1, "{}", card.id);
        }
        assert_eq!(CARDS.iter().filter(|c| c.default).count(), 1);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = card("noise3noise").unwrap_err();
        assert_eq!(error.kind(), Kind::Model);
        assert!(error.to_string().contains("noise2noise"));
    }
}
