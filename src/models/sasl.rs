//! SASL (Li et al., "Spatially Adaptive Self-Supervised Learning for Real-World Image Denoising", CVPR 2023,
//! <https://arxiv.org/abs/2303.14934>, <https://github.com/nagejacob/SpatiallyAdaptiveSSID>): a network with a large
//! blind spot for flat areas (BNN), one that sees a few neighbours only for texture ([`Lan`]), and a U-Net
//! ([`super::distilled_unet`]) that learns of both.
//!
//! BNN is the network of HQ-SSL ([`super::hq_ssl::BlindUNet`]) with a larger shift, and no more than the mean as output.
//! All take and give values in `[0, 255]`.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Keys, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::distilled_unet::{self, MODEL_NOTE, UNetConfig};
use super::hq_ssl::{BLIND_SQUARE_NOTE, BlindUNet, BlindUNetConfig};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::{Convolve, Then, conv1x1, conv3x3, pixel_mean, scale_channels};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// Three networks are of this article.
const PAPER: Paper = Paper {
    title: "Spatially Adaptive Self-Supervised Learning for Real-World Image Denoising",
    authors: "Li, Zhang, Liu, Feng, Wang, Lei, Zuo",
    year: 2023,
    url: "https://arxiv.org/abs/2303.14934",
};

/// The last stage: what the network is and what it demands.
pub const UNET: Card = Card {
    id: "sasl-unet",
    title: "SASL U-Net",
    summary: "U-Net that learned flat areas and texture from two networks; for the noise of cameras.",
    paper: PAPER,
    repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
    family: "distilled-unet",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 32,
    receptive_field: 157,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "noise of cameras (sRGB), correlated between pixels",
    correlated: true,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 266_393,
    parameters: 1_083_747,
    objective: "sasl",
    training: Training { own: &["sasl"], ..Training::GENERAL },
    presets: presets(1_083_747, 121_635),
    weights: Some(Bundled {
        file: "sasl-unet.safetensors",
        bytes: 970_558,
        sha256: "9c5279ef4c88647306aeb189ef49a1f8b1045ab4bb9084cdf77f606bbf6e6ee8",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// The first stage: a teacher for flat areas.
pub const BNN: Card = Card {
    id: "sasl-bnn",
    title: "SASL BNN",
    summary: "Does not see 9x9 pixels around each; smooth, for flat areas and as a teacher.",
    paper: PAPER,
    repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
    family: "hq-ssl",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 32,
    receptive_field: 319,
    tile_pixels: 704 * 704,
    scale: 1,
    noise: "noise of cameras (sRGB), correlated between pixels",
    correlated: true,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 1_249_029,
    parameters: 1_268_547,
    objective: "blind-spot-l1",
    training: Training { general: false, own: &["blind-spot-l1"], ..Training::GENERAL },
    presets: presets(1_268_547, 142_275),
    weights: None,
    default: false,
};

/// The second stage: a teacher for texture.
pub const LAN: Card = Card {
    id: "sasl-lan",
    title: "SASL LAN",
    summary: "Sees 3x3 pixels, and averages over the whole tile for attention, so tiles may differ slightly; a teacher for texture.",
    paper: PAPER,
    repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
    family: "sasl-lan",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 1,
    receptive_field: 1,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "noise of cameras (sRGB), correlated between pixels",
    correlated: true,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 90_496,
    parameters: 94_939,
    objective: "sasl",
    training: Training { own: &["sasl"], ..Training::GENERAL },
    presets: presets(94_939, 17_353),
    weights: Some(Bundled {
        file: "sasl-lan.safetensors",
        bytes: 196_894,
        sha256: "ec51390d39e37cda3905593f0f8b32aa11637519f00676fb2188e3d9e496b875",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Side of the square that BNN does not see, where a checkpoint does not note another.
pub const BLIND_SQUARE: usize = 9;

/// Features of [`Lan`] over features of its channel attention.
const SQUEEZE: usize = 16;

/// The last stage: the network of [`distilled_unet`], on values in `[0, 255]`.
#[derive(Module, Debug)]
pub struct UNet {
    network: distilled_unet::UNet,
}

impl Architecture for UNet {
    type Config = UNetConfig;

    const CARDS: &'static [Card] = &[UNET];

    fn preset(_: &Card, size: Size) -> UNetConfig {
        distilled_unet::UNet::preset(&distilled_unet::CARD, size)
    }

    fn infer(state: &StateDict) -> Result<UNetConfig> {
        UNetConfig::infer(state)
    }

    fn init(config: &UNetConfig, device: &Device) -> Self {
        Self { network: config.init(device) }
    }

    /// Only the note of their model tells its weights from those of [`distilled_unet`].
    fn recognise(state: &StateDict) -> Option<&'static str> {
        let noted = state.metadata.get(MODEL_NOTE).is_some_and(|model| model == UNET.id);
        (noted && distilled_unet::is_it(state)).then_some(UNET.id)
    }

    fn official_key(path: &str) -> String {
        distilled_unet::UNet::official_key(inner(path))
    }

    fn channels(&self) -> [usize; 2] {
        self.network.channels()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.network.forward(x)
    }

    fn notes(&self) -> Vec<(String, String)> {
        vec![(MODEL_NOTE.into(), UNET.id.into())]
    }
}

/// The first stage: the network of HQ-SSL with a larger blind square, and the mean as its only output.
#[derive(Module, Debug)]
pub struct Bnn {
    network: BlindUNet,
}

impl Architecture for Bnn {
    type Config = BlindUNetConfig;

    const CARDS: &'static [Card] = &[BNN];

    fn preset(_: &Card, size: Size) -> BlindUNetConfig {
        let config = match size {
            Size::Published => BlindUNetConfig::new(),
            Size::Small => BlindUNetConfig::new().with_features(16),
        };
        let colours = config.channels;
        config.with_outputs(colours).with_shift(BLIND_SQUARE.div_ceil(2))
    }

    fn infer(state: &StateDict) -> Result<BlindUNetConfig> {
        infer_bnn(state)
    }

    fn init(config: &BlindUNetConfig, device: &Device) -> Self {
        Self { network: config.init(device) }
    }

    /// HQ-SSL's network that predicts the mean alone has the same arrays; the note tells them apart.
    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.metadata.get(BLIND_SQUARE_NOTE).and(infer_bnn(state).ok()).map(|_| BNN.id)
    }

    fn official_key(path: &str) -> String {
        BlindUNet::key(inner(path))
    }

    fn channels(&self) -> [usize; 2] {
        [self.network.channels, self.network.outputs]
    }

    fn demands(&self) -> Demands {
        self.network.demands()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.network.forward(x)
    }

    /// Official checkpoints hold one tensor twice.
    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        Cow::Owned(state.filtered(|key| !key.starts_with("output_conv.")))
    }

    fn notes(&self) -> Vec<(String, String)> {
        vec![(BLIND_SQUARE_NOTE.into(), (2 * self.network.shift - 1).to_string())]
    }
}

/// A path in the network that [`UNet`] and [`Bnn`] hold.
fn inner(path: &str) -> &str {
    path.strip_prefix("network.").unwrap_or(path)
}

/// The configuration of a BNN checkpoint. Shapes do not tell the side of the blind square; the
/// note `blindspot` does.
///
/// # Errors
/// [`Kind::Weights`] when the arrays do not tell a blind network, or the noted side is not odd.
fn infer_bnn(state: &StateDict) -> Result<BlindUNetConfig> {
    let config = BlindUNetConfig::infer(state, "")?;
    let side = state.note(BLIND_SQUARE_NOTE)?.unwrap_or(BLIND_SQUARE);
    if config.shift == 0 || side % 2 == 0 {
        let message = format!("these weights have no blind spot of {side} pixels");
        return Err(Error::new(Kind::Weights, message));
    }
    Ok(config.with_shift(side.div_ceil(2)))
}

/// Depth and width of [`Lan`].
#[derive(Config, Debug, PartialEq)]
pub struct LanConfig {
    /// Image channels, in and out.
    #[config(default = 3)]
    pub channels: usize,
    /// Features.
    #[config(default = 64)]
    pub features: usize,
    /// 3x3 convolutions: the network sees a square of `2 * neighbours + 1` pixels.
    #[config(default = 1)]
    pub neighbours: usize,
    /// Residual blocks.
    #[config(default = 6)]
    pub blocks: usize,
}

/// The local aware network: 1x1 convolutions except for the first few. Takes any size. Its channel attention averages
/// over the whole picture, so tiles are not exactly what the picture in one piece is.
#[derive(Module, Debug)]
pub struct Lan {
    first: Conv2d,
    neighbours: Vec<Conv2d>,
    blocks: Vec<Block>,
    tail: Conv2d,
    last: Conv2d,
    /// Image channels.
    pub channels: usize,
}

/// Residual block with channel attention.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    squeeze: Conv2d,
    excite: Conv2d,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.conv2.run(self.conv1.then(x.clone(), Then::relu()));
        let average = pixel_mean(h.clone());
        let attention = sigmoid(self.excite.run(self.squeeze.then(average, Then::relu())));
        scale_channels(h, attention, Then::nothing().add(x))
    }
}

impl LanConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> Lan {
        let (channels, features) = (self.channels, self.features);
        let block = |_| Block {
            conv1: conv1x1(features, features, device),
            conv2: conv1x1(features, features, device),
            squeeze: conv1x1(features, features / SQUEEZE, device),
            excite: conv1x1(features / SQUEEZE, features, device),
        };
        Lan {
            first: conv1x1(channels, features, device),
            neighbours: (0..self.neighbours).map(|_| conv3x3(features, features, device)).collect(),
            blocks: (0..self.blocks).map(block).collect(),
            tail: conv1x1(features, features, device),
            last: conv1x1(features, channels, device),
            channels,
        }
    }

    /// The configuration that the keys and shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the first convolution is missing, has another rank or too few features.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let [features, channels, ..] = state.dims::<4>("conv.0.weight")?;
        let is_there = |key: String| state.shape(&key).is_some();
        let neighbours = (1..).take_while(|i| is_there(format!("conv.{}.weight", 2 * i))).count();
        let body = format!("conv.{}.body", 2 * neighbours + 2);
        let blocks = (0..).take_while(|i| is_there(format!("{body}.{i}.conv1.weight"))).count();
        if features < SQUEEZE {
            let message = format!("{features} features are too few; channel attention needs {SQUEEZE}");
            return Err(Error::new(Kind::Weights, message));
        }
        Ok(Self { channels, features, neighbours, blocks })
    }
}

impl Architecture for Lan {
    configured_by!(LanConfig);

    const CARDS: &'static [Card] = &[LAN];

    fn preset(_: &Card, size: Size) -> LanConfig {
        match size {
            Size::Published => LanConfig::new(),
            Size::Small => LanConfig::new().with_features(32).with_blocks(3),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        LanConfig::infer(state).ok().filter(|config| config.blocks > 0).map(|_| LAN.id)
    }

    fn keys(&self) -> Keys {
        let neighbours = self.neighbours.len();
        Box::new(move |path| Self::key(neighbours, path))
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels; 2]
    }

    /// But for the channel attention, which sees everything.
    fn demands(&self) -> Demands {
        Demands { size_multiple: 1, radius: self.neighbours.len() }
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, any size
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.first.then(x, Then::relu());
        let h = self.neighbours.iter().fold(h, |h, conv| conv.then(h, Then::relu()));
        let refined = self.blocks.iter().fold(h.clone(), |h, block| block.forward(h));
        self.last.run(self.tail.then(refined, Then::nothing().add(h)))
    }
}

impl Lan {
    /// The official key of a parameter at `path` in a network with so many 3x3 convolutions.
    pub fn key(neighbours: usize, path: &str) -> String {
        // In the official Sequential, each convolution but the last is followed by its activation.
        let body = 2 * neighbours + 2;
        let parts: Vec<&str> = path.split('.').collect();
        match parts[..] {
            ["first", name] => format!("conv.0.{name}"),
            ["neighbours", i, name] => {
                format!("conv.{}.{name}", 2 * i.parse::<usize>().unwrap_or_default() + 2)
            }
            ["blocks", i, "squeeze", name] => format!("conv.{body}.body.{i}.cuca.conv_du.0.{name}"),
            ["blocks", i, "excite", name] => format!("conv.{body}.body.{i}.cuca.conv_du.2.{name}"),
            ["blocks", i, conv, name] => format!("conv.{body}.body.{i}.{conv}.{name}"),
            ["tail", name] => format!("conv.{body}.tail.{name}"),
            ["last", name] => format!("conv.{}.{name}", body + 1),
            _ => path.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{blind_spot, card};

    #[test]
    fn published_sizes() {
        let device = Device::flex();
        let bnn = BlindUNetConfig::new().with_outputs(3).with_shift(5).init(&device);
        assert_eq!(bnn.num_params() as u64, card("sasl-bnn").unwrap().parameters);
        let lan = LanConfig::new().init(&device);
        assert_eq!(lan.num_params() as u64, card("sasl-lan").unwrap().parameters);
    }

    #[test]
    fn the_blind_square_is_blind() {
        let device = Device::flex();
        device.seed(6);
        let config = BlindUNetConfig::new().with_features(4).with_outputs(3);
        for side in [1, 3, 9] {
            let network = config.clone().with_shift(usize::div_ceil(side, 2)).init(&device);
            blind_spot::check(3, 32, 64, side / 2, |x| network.forward(x));
        }
    }

    #[test]
    fn the_local_network_takes_any_size() {
        let device = Device::flex();
        let network = LanConfig::new().with_features(16).with_blocks(1).init(&device);
        for size in [[1, 3, 1, 1], [1, 3, 7, 5], [2, 3, 31, 62]] {
            assert_eq!(network.forward(Tensor::zeros(size, &device)).dims(), size);
        }
    }
}
