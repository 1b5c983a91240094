//! The networks: one file each, a closed set, and a card for each that says what it is and what it wants.

pub mod dasr;
pub mod noise2noise;
pub mod unet;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Serialize;

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
        id: "unet",
        title: "unnoise U-Net",
        summary: "Small and fast, for any noise level; the one to start with.",
        paper: Paper {
            title: "Robust and interpretable blind image denoising via bias-free convolutional neural networks",
            authors: "Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda",
            year: 2020,
            url: "https://arxiv.org/abs/1906.05478",
        },
        repository: "pkg-config/pretrain/nets/unet.py",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 8,
        receptive_field: 67,
        scale: 1,
        noise: "white Gaussian of any strength",
        mac_per_pixel: 72_528,
        parameters: 1_079_808,
        weights: None,
        default: false,
    },
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
    DASR_X2,
    DASR_X3,
    DASR_X4,
];

const DASR_X2: Card = Card {
    id: "dasr-x2",
    title: "DASR, 2x",
    summary: "Enlarges a blurred, noisy photo to twice its size.",
    paper: Paper {
        title: "Unsupervised Degradation Representation Learning for Blind Super-Resolution",
        authors: "Wang, Wang, Dong, Xu, Yang, An, Guo",
        year: 2021,
        url: "https://arxiv.org/abs/2104.00416",
    },
    repository: "https://github.com/The-Learning-And-Vision-Atelier-LAVA/DASR",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 1,
    // 107 in the body and 2 in the tail, in input pixels; the embedding, which all tiles share, sees the whole photo.
    receptive_field: 109,
    scale: 2,
    noise: "Gaussian blur of any direction, white Gaussian noise, sigma 0 to 25 of 255",
    mac_per_pixel: 2_603_309,
    parameters: 5_821_571,
    weights: None,
    default: false,
};

const DASR_X3: Card = Card {
    id: "dasr-x3",
    title: "DASR, 3x",
    summary: "Enlarges a blurred, noisy photo to three times its size.",
    scale: 3,
    mac_per_pixel: 2_796_314,
    parameters: 6_006_211,
    ..DASR_X2
};

const DASR_X4: Card = Card {
    id: "dasr-x4",
    title: "DASR, 4x",
    summary: "Enlarges a blurred, noisy photo to four times its size.",
    scale: 4,
    mac_per_pixel: 3_213_977,
    parameters: 5_969_283,
    ..DASR_X2
};

/// The tests by which [`recognise`] knows whose weights it has been given: each tells the card's id, or nothing.
const RECOGNISERS: &[fn(&StateDict) -> Option<&'static str>] =
    &[noise2noise::recognise, unet::recognise, dasr::recognise];

/// The card of the network that these weights are of, told by their keys and shapes.
///
/// # Errors
/// [`Kind::Weights`] when they are of none; the message shows what they begin with.
pub fn recognise(state: &StateDict) -> Result<&'static Card> {
    match RECOGNISERS.iter().find_map(|test| test(state)) {
        Some(id) => card(id),
        None => {
            let message = format!("these are weights of no known network: {}", state.beginning());
            Err(Error::new(Kind::Weights, message))
        }
    }
}

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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
    pub seed: u64,
    /// Standard deviation of the noise in `[0, 1]` units, where it is known.
    pub sigma: Option<f32>,
}

/// What a network makes of the whole photo before it sees the tiles.
#[derive(Clone, Debug)]
pub struct Survey {
    embedding: Tensor<2>,
}

/// Any of the networks.
#[allow(clippy::large_enum_variant, reason = "there are few of them, and their weights are elsewhere")]
#[derive(Module, Debug)]
pub enum Network {
    /// [`noise2noise`].
    Noise2Noise(noise2noise::UNet),
    /// [`unet`].
    UNet(unet::UNet),
    /// [`dasr`].
    Dasr(dasr::Dasr),
}

impl Network {
    /// The network `id` with the given weights; its configuration is told by their shapes.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown `id`, [`Kind::Weights`] for weights that are not of this network.
    pub fn load(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        let card = card(id)?;
        if let Ok(other) = recognise(state)
            && other.id != card.id
        {
            let message =
                format!("these are weights of `{}`, not of `{}`: {}", other.id, card.id, state.beginning());
            return Err(Error::new(Kind::Weights, message));
        }
        match card.id {
            "noise2noise" => {
                let network = noise2noise::UNetConfig::infer(state)?.init(device);
                let network = weights::load(network, state, noise2noise::UNet::key)?;
                Ok(Network::Noise2Noise(network))
            }
            "unet" => {
                let network = unet::UNetConfig::infer(state)?.init(device);
                Ok(Network::UNet(weights::load(network, state, unet::UNet::key)?))
            }
            "dasr-x2" | "dasr-x3" | "dasr-x4" => {
                let state = dasr::without_training_state(state);
                let config = dasr::DasrConfig::infer(&state)?;
                let network = weights::load(config.init(device), &state, |path| config.key(path))?;
                Ok(Network::Dasr(network))
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
            Network::UNet(network) => weights::export(network, unet::UNet::key).await,
            Network::Dasr(network) => {
                let config = network.config();
                weights::export(network, |path| config.key(path)).await
            }
        }
    }

    /// Denoises a batch of images in `[0, 1]`.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `C` and the size multiple as on the [`Card`]
    /// - output: the same, both sides times the card's `scale`
    pub fn denoise(&self, x: Tensor<4>, _run: &Run) -> Tensor<4> {
        match self {
            Network::Noise2Noise(network) => network.forward(x),
            Network::UNet(network) => network.forward(x),
            Network::Dasr(network) => network.forward(x * 255.0) / 255.0,
        }
    }

    /// Looks at the whole photo, for networks whose result depends on all of it: what comes out is handed to
    /// [`Network::denoise_tile`] with every tile, so that they agree. `None` for networks that see no further than
    /// their receptive field.
    pub fn survey(&self, photo: impl FnOnce() -> Tensor<4>) -> Option<Survey> {
        match self {
            Network::Dasr(network) => Some(Survey { embedding: network.embed(photo() * 255.0) }),
            _ => None,
        }
    }

    /// Denoises a part of a photo, with what [`Network::survey`] made of the whole. Shapes as [`Network::denoise`].
    pub fn denoise_tile(&self, x: Tensor<4>, run: &Run, survey: Option<&Survey>) -> Tensor<4> {
        match (self, survey) {
            (Network::Dasr(network), Some(survey)) => {
                network.upscale(x * 255.0, survey.embedding.clone()) / 255.0
            }
            _ => self.denoise(x, run),
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
