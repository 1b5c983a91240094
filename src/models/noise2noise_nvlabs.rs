//! Noise2Noise (Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018,
//! <https://arxiv.org/abs/1803.04189>), the article's own U-Net, equal to <https://github.com/NVlabs/noise2noise>:
//! weights of their own at each level, repeated pixels for upsampling, values from -0.5 to 0.5.
//!
//! The keys are the TensorFlow scopes, weights in PyTorch's order (out, in, height, width).

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::Result;
use crate::layers::{FiveLevel, FiveLevelConfig};
use crate::nn::{Convolve, conv3x3};
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "noise2noise-nvlabs",
    title: "Noise2Noise (NVlabs)",
    summary: "The U-Net of the Noise2Noise article itself; ours learned from pairs of noisy photos, of any strength.",
    paper: super::noise2noise::CARD.paper,
    repository: "https://github.com/NVlabs/noise2noise",
    family: "noise2noise-nvlabs",
    channels: 3,
    range: [-0.5, 0.5],
    size_multiple: 32,
    receptive_field: 158,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian noise up to sigma 55 of 255, blind",
    correlated: false,
    adapt: Some(Adapt::X2),
    mac_per_pixel: 173_945,
    parameters: 991_203,
    objective: "noise2noise",
    training: Training::GENERAL,
    presets: presets(991_203, 113_667),
    weights: Some(Bundled {
        file: "noise2noise-nvlabs.safetensors",
        bytes: 898_366,
        sha256: "87ff41c9da4d011ac311785edc164f41b50fb73b8633a10e9b662f832e901c66",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Widths of the [`UNet`].
#[derive(Config, Debug, PartialEq)]
pub struct UNetConfig {
    /// Image channels, in and out.
    #[config(default = 3)]
    pub channels: usize,
    /// Features of the encoder.
    #[config(default = 48)]
    pub encoder: usize,
    /// Features of the decoder.
    #[config(default = 96)]
    pub decoder: usize,
    /// Features of the last two hidden convolutions.
    #[config(default = "[64, 32]")]
    pub last: [usize; 2],
}

/// The U-Net: five poolings, so both sides must be multiples of 32. Takes and gives values in `[-0.5, 0.5]`.
#[derive(Module, Debug)]
pub struct UNet {
    body: FiveLevel,
    last: Conv2d,
    /// Image channels.
    pub channels: usize,
}

impl UNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let body = FiveLevelConfig::new(self.channels, self.encoder, self.decoder, self.last);
        UNet {
            body: body.init(device),
            last: conv3x3(self.last[1], self.channels, device),
            channels: self.channels,
        }
    }

    /// The configuration that the shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when one of the arrays that tell it is missing or has another rank.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let body = FiveLevelConfig::infer(state, |path| UNet::official_key(&format!("body.{path}")))?;
        let FiveLevelConfig { channels, encoder, decoder, last, .. } = body;
        Ok(Self { channels, encoder, decoder, last })
    }
}

impl Architecture for UNet {
    configured_by!(UNetConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> UNetConfig {
        match size {
            Size::Published => UNetConfig::new(),
            Size::Small => UNetConfig::new().with_encoder(16).with_decoder(32).with_last([24, 16]),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("dec_conv5b.weight")?;
        UNetConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        let parts: Vec<&str> = path.split('.').collect();
        match parts[..] {
            ["body", "encoder", i, name] => format!("enc_conv{i}.{name}"),
            ["body", "decoder", "4", "0", name] => format!("dec_conv1a.{name}"),
            ["body", "decoder", i, second, name] => {
                let level = 5 - i.parse::<usize>().unwrap_or_default();
                let b = if second == "0" { "" } else { "b" };
                format!("dec_conv{level}{b}.{name}")
            }
            ["last", name] => format!("dec_conv1.{name}"),
            _ => path.to_string(),
        }
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels; 2]
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.last.run(self.body.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;

    #[test]
    fn the_published_size() {
        let network = UNetConfig::new().init(&Device::flex());
        assert_eq!(network.num_params() as u64, card("noise2noise-nvlabs").unwrap().parameters);
    }
}
