//! RED-Net (Mao, Shen, Yang, "Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric
//! Skip Connections", NIPS 2016, <https://arxiv.org/abs/1603.09056>): RED10, RED20 and RED30, with the keys of
//! <https://github.com/yjn870/REDNet-pytorch>.
//!
//! The article's network works on gray pictures at full resolution, the PyTorch one on RGB with a stride of 2 in the
//! first and last layer. Both are here; the shapes do not tell the stride, so a checkpoint without the note `stride`
//! is taken for what the public one is, stride 2.

use burn::config::Config;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Keys, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use crate::error::{Error, Kind, Result};
use crate::nn::{Convolve, Then, conv3x3, deconv3x3_x2};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "rednet",
    title: "RED-Net",
    summary: "Deep encoder and decoder with symmetric skips, learned from clean pictures.",
    paper: Paper {
        title: "Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric Skip Connections",
        authors: "Mao, Shen, Yang",
        year: 2016,
        url: "https://arxiv.org/abs/1603.09056",
    },
    repository: "https://github.com/yjn870/REDNet-pytorch",
    family: "rednet",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 2,
    receptive_field: 58,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian noise up to sigma 55 of 255, blind",
    correlated: false,
    adapt: None,
    mac_per_pixel: 258_912,
    parameters: 1_037_507,
    objective: "supervised",
    training: Training::GENERAL,
    presets: presets(1_037_507, 75_747),
    weights: Some(Bundled {
        file: "rednet.safetensors",
        bytes: 1_341_134,
        sha256: "8ad4220f8eeb0bb35d2401fd211a8a67fdac02865bf41d2a072d7534ea2e9d7c",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Depth and width of a [`RedNet`].
#[derive(Config, Debug, PartialEq)]
pub struct RedNetConfig {
    /// Convolutions, and as many transposed ones: 5, 10 or 15 for RED10, RED20 and RED30.
    #[config(default = 15)]
    pub layers: usize,
    /// Features.
    #[config(default = 64)]
    pub features: usize,
    /// Image channels.
    #[config(default = 3)]
    pub channels: usize,
    /// Stride of the first convolution and of the last transposed one.
    #[config(default = 2)]
    pub stride: usize,
}

/// The network. With stride 2, both sides must be even. Takes and gives values in `[0, 1]`; the output is never
/// negative.
#[derive(Module, Debug)]
pub struct RedNet {
    conv_layers: Vec<Conv2d>,
    deconv_layers: Vec<ConvTranspose2d>,
    /// Image channels.
    pub channels: usize,
    /// See [`RedNetConfig::stride`].
    pub stride: usize,
}

impl RedNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> RedNet {
        let (features, channels) = (self.features, self.channels);
        let conv = |i: usize| {
            if i > 0 {
                return conv3x3(features, features, device);
            }
            Conv2dConfig::new([channels, features], [3, 3])
                .with_stride([self.stride, self.stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let deconv = |i: usize| {
            let last = i + 1 == self.layers;
            let out = if last { channels } else { features };
            if last && self.stride == 2 {
                return deconv3x3_x2(features, out, device);
            }
            ConvTranspose2dConfig::new([features, out], [3, 3]).with_padding([1, 1]).init(device)
        };
        RedNet {
            conv_layers: (0..self.layers).map(conv).collect(),
            deconv_layers: (0..self.layers).map(deconv).collect(),
            channels,
            stride: self.stride,
        }
    }

    /// The configuration that the keys, shapes and notes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the first convolution is missing, or a stride other than 1 and 2 is noted.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let [features, channels, ..] = state.dims::<4>("conv_layers.0.0.weight")?;
        let present = |i: &usize| state.shape(&format!("conv_layers.{i}.0.weight")).is_some();
        let layers = (0..).take_while(present).count();
        let stride = state.note("stride")?.unwrap_or(2);
        if !(1..=2).contains(&stride) {
            return Err(Error::new(
                Kind::Weights,
                format!("a stride of {stride} is noted; it can be 1 or 2"),
            ));
        }
        Ok(Self { layers, features, channels, stride })
    }
}

impl Architecture for RedNet {
    configured_by!(RedNetConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> RedNetConfig {
        match size {
            Size::Published => RedNetConfig::new(),
            Size::Small => RedNetConfig::new().with_layers(5).with_features(32),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("conv_layers.0.0.weight")?;
        RedNetConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn keys(&self) -> Keys {
        let layers = self.layers();
        Box::new(move |path| Self::key(layers, path))
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels; 2]
    }

    fn demands(&self) -> Demands {
        let layers = self.layers();
        // With a stride, all but one convolution on either side reach twice as far.
        let radius = if self.stride == 1 { 2 * layers } else { 4 * layers - 2 };
        Demands { size_multiple: self.stride, radius }
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of the stride
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.forward_linear(x))
    }

    fn notes(&self) -> Vec<(String, String)> {
        vec![("stride".into(), self.stride.to_string())]
    }

    /// Without the ReLU at its end, behind which nothing can be learned of what is too dark.
    fn forward_training(&self, x: Tensor<4>) -> Tensor<4> {
        self.in_range_of_card(x, |x| self.forward_linear(x))
    }
}

impl RedNet {
    /// [`Architecture::forward`] without the ReLU at its end.
    pub fn forward_linear(&self, x: Tensor<4>) -> Tensor<4> {
        let layers = self.layers();
        let mut skips = Vec::new();
        let mut h = x.clone();
        for (i, conv) in self.conv_layers.iter().enumerate() {
            h = conv.then(h, Then::relu());
            if is_skipped(i + 1, layers) {
                skips.push(h.clone());
            }
        }
        for (i, deconv) in self.deconv_layers.iter().enumerate() {
            let then = if i + 1 == layers {
                Then::nothing().add(x.clone())
            } else if is_skipped(layers - (i + 1), layers) {
                Then::relu().add_relu(skips.pop().expect("a skip for each that is taken"))
            } else {
                Then::relu()
            };
            h = deconv.then(h, then);
        }
        h
    }

    /// Number of convolutions, and of deconvolutions.
    pub fn layers(&self) -> usize {
        self.conv_layers.len()
    }

    /// The official key of a parameter at `path` in a network of `layers` convolutions.
    pub fn key(layers: usize, path: &str) -> String {
        let last = format!("deconv_layers.{}.", layers - 1);
        match path.rsplit_once('.') {
            // All but the last stand in a Sequential with their activation.
            Some((layer, name)) if !path.starts_with(&last) => format!("{layer}.0.{name}"),
            _ => path.to_string(),
        }
    }
}

/// Whether the features of convolution `number` (from 1) go to their mirror: those of every second one, except in RED10,
/// where only the input does.
fn is_skipped(number: usize, layers: usize) -> bool {
    layers > 5 && number > 0 && number.is_multiple_of(2) && number < layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;

    #[test]
    fn published_sizes() {
        let device = Device::flex();
        for (layers, parameters) in [(5, 298_947), (10, 668_227), (15, 1_037_507)] {
            let network = RedNetConfig::new().with_layers(layers).init(&device);
            assert_eq!(network.num_params(), parameters);
        }
        let card = card("rednet").unwrap();
        assert_eq!(card.parameters, 1_037_507);
        assert_eq!(RedNetConfig::new().init(&device).demands(), card.demands());
    }

    #[test]
    fn stride_1_takes_any_size() {
        let device = Device::flex();
        let config = RedNetConfig::new().with_features(4).with_layers(10).with_stride(1).with_channels(1);
        let network = config.init(&device);
        for size in [[1, 1, 1, 1], [1, 1, 7, 5], [2, 1, 3, 31]] {
            assert_eq!(network.forward(Tensor::zeros(size, &device)).dims(), size);
        }
    }
}
