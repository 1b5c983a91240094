//! Neighbor2Neighbor (Huang et al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images", CVPR 2021,
//! <https://arxiv.org/abs/2101.02824>), the U-Net of <https://github.com/TaoHuang2018/Neighbor2Neighbor>, plain or with
//! a blind spot. The sampler and the loss are in [`crate::objectives::neighbor2neighbor`].
//!
//! That it equals that implementation rests on cases recorded from it with random weights, of which `tests/fixtures` holds one
//! (`unet_tiny_gray`): the official weights are not to be had by us. Ours are its architecture, trained by us.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::Result;
use crate::layers::{FiveLevel, FiveLevelConfig, Turn, in_four_directions};
use crate::nn::{Convolve, conv1x1};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "neighbor2neighbor",
    title: "Neighbor2Neighbor",
    summary: "U-Net that learns from one noisy photo: neighbouring pixels are each other's target.",
    paper: Paper {
        title: "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images",
        authors: "Huang, Li, Jia, Lu, Liu",
        year: 2021,
        url: "https://arxiv.org/abs/2101.02824",
    },
    repository: "https://github.com/TaoHuang2018/Neighbor2Neighbor",
    family: "neighbor2neighbor",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 32,
    receptive_field: 157,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian noise, sigma 5 to 55 of 255, blind",
    correlated: false,
    adapt: Some(Adapt::X2),
    mac_per_pixel: 297_074,
    parameters: 1_259_475,
    objective: "neighbor2neighbor",
    training: Training::GENERAL,
    presets: presets(1_259_475, 141_299),
    weights: Some(Bundled {
        file: "neighbor2neighbor.safetensors",
        bytes: 1_127_486,
        sha256: "a7748e8d15226953d92b3ccaba9ef028efacd755948b5123a8cf90523bd98046",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

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
    /// Features at full resolution.
    #[config(default = 96)]
    pub last: usize,
    /// Whether an output pixel must not see the input pixel at its place.
    #[config(default = false)]
    pub blind: bool,
}

/// The U-Net: five poolings, so both sides must be multiples of 32. Takes and gives values in `[0, 1]`.
#[derive(Module, Debug)]
pub struct UNet {
    body: FiveLevel,
    nin: [Conv2d; 3],
    blind: bool,
    /// Image channels.
    pub channels: usize,
    /// Output channels.
    pub outputs: usize,
}

impl UNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let (features, last) = (self.features, self.last);
        let body = FiveLevelConfig::new(self.channels, features, 2 * features, [last, last])
            .with_upwards(self.blind)
            .with_deconv(true)
            .with_slope(0.2);
        let wide = if self.blind { 4 * last } else { last };
        UNet {
            body: body.init(device),
            nin: [
                conv1x1(wide, wide, device),
                conv1x1(wide, last, device),
                conv1x1(last, self.outputs, device),
            ],
            blind: self.blind,
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
        let [wide, ..] = state.dims::<4>("nin_a.weight")?;
        let [outputs, last, ..] = state.dims::<4>("nin_c.weight")?;
        Ok(Self { channels: body.channels, outputs, features: body.encoder, last, blind: wide != last })
    }
}

impl Architecture for UNet {
    configured_by!(UNetConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> UNetConfig {
        match size {
            Size::Published => UNetConfig::new(),
            Size::Small => UNetConfig::new().with_features(16).with_last(32),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("nin_a.weight")?;
        UNetConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        let level = |i: &str| 5 - i.parse::<usize>().unwrap_or_default();
        let letter = |i: &str| ["a", "b", "c"][i.parse::<usize>().unwrap_or_default().min(2)];
        let parts: Vec<&str> = path.split('.').collect();
        match parts[..] {
            ["body", "encoder", i, name] => format!("enc_conv{i}.{name}"),
            ["body", "up", i, name] => format!("up{}.deconv.{name}", level(i)),
            ["body", "decoder", i, second, name] => format!("dec_conv{}{}.{name}", level(i), letter(second)),
            ["nin", i, name] => format!("nin_{}.{name}", letter(i)),
            _ => path.to_string(),
        }
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels, self.outputs]
    }

    fn demands(&self) -> Demands {
        let radius = if self.blind { FiveLevel::RADIUS_UPWARDS + 1 } else { FiveLevel::RADIUS };
        Demands { size_multiple: FiveLevel::SIZE_MULTIPLE, radius }
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let features = if self.blind {
            in_four_directions(x, Turn::Clockwise, 1, |x| self.body.forward(x))
        } else {
            vec![self.body.forward(x)]
        };
        let [a, b, c] = &self.nin;
        c.run(self.body.active(b, self.body.active_concat(a, features)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{blind_spot, card};

    #[test]
    fn the_published_size() {
        let network = UNetConfig::new().init(&Device::flex());
        assert_eq!(network.num_params() as u64, card("neighbor2neighbor").unwrap().parameters);
    }

    #[test]
    fn blind_is_blind() {
        let device = Device::flex();
        device.seed(3);
        let network = UNetConfig::new().with_features(4).with_last(8).with_blind(true).init(&device);
        for (height, width) in [(32, 32), (64, 32)] {
            blind_spot::check(3, height, width, 0, |x| network.forward(x));
        }
    }
}
