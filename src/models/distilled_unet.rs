//! The small U-Net that the blind-spot networks of cameras' noise are distilled into: the student of TBSN (Li et al.,
//! "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising", AAAI 2025,
//! <https://arxiv.org/abs/2404.07846>, <https://github.com/nagejacob/TBSN>) and the last stage of SASL (Li et al.,
//! "Spatially Adaptive Self-Supervised Learning for Real-World Image Denoising", CVPR 2023,
//! <https://arxiv.org/abs/2303.14934>). One network; the first takes values in `[0, 1]`, the second in `[0, 255]`.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, Optimiser, Paper, TILE_PIXELS, Training, presets};
use super::hq_ssl::BlindUNet;
use super::mode::Adapt;
use crate::error::Result;
use crate::layers::{FiveLevel, FiveLevelConfig};
use crate::nn::{Convolve, conv1x1};
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "distilled-unet",
    title: "TBSN distilled U-Net",
    summary: "U-Net that learned from a large blind-spot network; for the noise of cameras.",
    paper: Paper {
        title: "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising",
        authors: "Li, Zhang, Zuo",
        year: 2025,
        url: "https://arxiv.org/abs/2404.07846",
    },
    repository: "https://github.com/nagejacob/TBSN",
    family: "distilled-unet",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 32,
    receptive_field: 157,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "noise of cameras (sRGB), correlated between pixels",
    correlated: true,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 266_393,
    parameters: 1_083_747,
    objective: "distillation",
    training: Training { own: &["distillation"], optimiser: Optimiser::AdamW, ..Training::GENERAL },
    presets: presets(1_083_747, 121_635),
    weights: Some(Bundled {
        file: "distilled-unet.safetensors",
        bytes: 970_126,
        sha256: "daed6f77ea031ee663843e83d32ab818de1c373599d80771f2e8e179d6ae06e0",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Note of weights that says which network they are of.
pub(super) const MODEL_NOTE: &str = "model";

/// What that note is for the last stage of [`super::sasl`].
const SASL: &str = "sasl-unet";

/// Whether these are weights of the [`UNet`], for whomever.
pub(super) fn is_it(state: &StateDict) -> bool {
    let is_larger = state.shape("output_block.0.weight").is_some();
    UNetConfig::infer(state).is_ok() && !is_larger
}

/// Widths of the [`UNet`].
#[derive(Config, Debug, PartialEq)]
pub struct UNetConfig {
    /// Image channels.
    #[config(default = 3)]
    pub channels: usize,
    /// Output channels.
    #[config(default = 3)]
    pub outputs: usize,
    /// Features of the encoder; the decoder has twice as many.
    #[config(default = 48)]
    pub features: usize,
}

/// The U-Net: five poolings, so both sides must be multiples of 32.
#[derive(Module, Debug)]
pub struct UNet {
    body: FiveLevel,
    output_conv: Conv2d,
    /// Image channels.
    pub channels: usize,
    /// Output channels.
    pub outputs: usize,
}

impl UNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let decoder = 2 * self.features;
        let body = FiveLevelConfig::new(self.channels, self.features, decoder, [decoder, decoder]);
        UNet {
            body: body.init(device),
            output_conv: conv1x1(decoder, self.outputs, device),
            channels: self.channels,
            outputs: self.outputs,
        }
    }

    /// The configuration that the shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when one of the arrays that tell it is missing or has another rank.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let body = FiveLevelConfig::infer(state, |path| UNet::official_key(&format!("body.{path}")))?;
        let [outputs, ..] = state.dims::<4>("output_conv.weight")?;
        Ok(Self { channels: body.channels, outputs, features: body.encoder })
    }
}

impl Architecture for UNet {
    configured_by!(UNetConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> UNetConfig {
        match size {
            Size::Published => UNetConfig::new(),
            Size::Small => UNetConfig::new().with_features(16),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        // SASL's network is the same, and says so in a note.
        let other = state.metadata.get(MODEL_NOTE).is_some_and(|model| model == SASL);
        (is_it(state) && !other).then_some(CARD.id)
    }

    /// The official key of a parameter at `path` in this module: the body's are those of HQ-SSL.
    fn official_key(path: &str) -> String {
        BlindUNet::key(path)
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels, self.outputs]
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.output_conv.run(self.body.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;

    #[test]
    fn the_published_size() {
        let network = UNetConfig::new().init(&Device::flex());
        for id in ["distilled-unet", "sasl-unet"] {
            assert_eq!(network.num_params() as u64, card(id).unwrap().parameters);
        }
    }
}
