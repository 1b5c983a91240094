//! Noise2Noise (Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018,
//! <https://arxiv.org/abs/1803.04189>), the U-Net of <https://github.com/joeylitalien/noise2noise-pytorch>.
//!
//! Levels 2 to 5 of the encoder share one convolution and the last three levels of the decoder share one block: that
//! is how the public weights were trained. The paper's own network (separate weights, nearest-neighbour upsampling)
//! has other keys and is another network.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::{Convolve, LEAKY_SLOPE, Then, conv3x3, deconv3x3_x2, max_pool_2x2};
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
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
    family: "noise2noise",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 32,
    receptive_field: 189,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian, sigma 0 to 50 of 255",
    correlated: false,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 201_505,
    parameters: 700_611,
    objective: "noise2noise",
    training: Training::GENERAL,
    presets: presets(700_611, 81_315),
    weights: Some(Bundled {
        file: "noise2noise.safetensors",
        bytes: 1_405_006,
        sha256: "c534c03d61a9681cb9d9af1bb32e71a85f54b3c35270b2d171e8c1c7c0239518",
        licence: "MIT",
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
    pub head: [usize; 2],
}

/// The U-Net: five poolings, so both sides must be multiples of 32. Takes and gives values in `[0, 1]`.
#[derive(Module, Debug)]
pub struct UNet {
    /// Level 1, full resolution: two convolutions, then pooling.
    block1: [Conv2d; 2],
    /// Levels 2 to 5, shared: one convolution, then pooling.
    block2: Conv2d,
    /// Bottom: a convolution, then a transposed one.
    block3: Bottom,
    /// First decoder level: two convolutions, then a transposed one.
    block4: Up,
    /// The next three decoder levels, shared.
    block5: Up,
    /// Full resolution: three convolutions.
    block6: [Conv2d; 3],
}

#[derive(Module, Debug)]
struct Bottom {
    conv: Conv2d,
    up: ConvTranspose2d,
}

#[derive(Module, Debug)]
struct Up {
    convs: [Conv2d; 2],
    up: ConvTranspose2d,
}

impl Up {
    fn init(channels_in: usize, channels: usize, device: &Device) -> Self {
        Self {
            convs: [conv3x3(channels_in, channels, device), conv3x3(channels, channels, device)],
            up: deconv3x3_x2(channels, channels, device),
        }
    }

    fn forward(&self, x: Tensor<4>, skip: Tensor<4>) -> Tensor<4> {
        let [first, second] = &self.convs;
        let x = first.concat_then(vec![x, skip], Then::relu());
        self.up.run(second.then(x, Then::relu()))
    }
}

impl UNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let (channels, enc, dec) = (self.channels, self.encoder, self.decoder);
        let [wide, narrow] = self.head;
        UNet {
            block1: [conv3x3(channels, enc, device), conv3x3(enc, enc, device)],
            block2: conv3x3(enc, enc, device),
            block3: Bottom { conv: conv3x3(enc, enc, device), up: deconv3x3_x2(enc, enc, device) },
            block4: Up::init(2 * enc, dec, device),
            block5: Up::init(dec + enc, dec, device),
            block6: [
                conv3x3(dec + channels, wide, device),
                conv3x3(wide, narrow, device),
                conv3x3(narrow, channels, device),
            ],
        }
    }

    /// The configuration that the shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing or has another rank.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let shape = |key: &str| match state.shape(key) {
            Some(&[out, input, 3, 3]) => Ok((out, input)),
            Some(other) => Err(Error::new(
                Kind::Weights,
                format!("`{key}` has the shape {other:?}, not that of a 3x3 convolution"),
            )),
            None => Err(Error::new(
                Kind::Weights,
                format!("these are not weights of this network: `{key}` is missing"),
            )),
        };
        let (encoder, channels) = shape("_block1.0.weight")?;
        let (decoder, _) = shape("_block5.0.weight")?;
        let (wide, _) = shape("_block6.0.weight")?;
        let (narrow, _) = shape("_block6.2.weight")?;
        Ok(Self { channels, encoder, decoder, head: [wide, narrow] })
    }
}

impl Architecture for UNet {
    configured_by!(UNetConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> UNetConfig {
        match size {
            Size::Published => UNetConfig::new(),
            Size::Small => UNetConfig::new().with_encoder(16).with_decoder(32).with_head([24, 16]),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("_block6.4.weight")?;
        UNetConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        let (block, rest) = path.split_once('.').unwrap_or((path, ""));
        let (layer, name) = rest.rsplit_once('.').map_or(("", rest), |(l, n)| (l, n));
        // Positions in the official Sequential: convolutions stand at 0, 2, 4, with their activations between them.
        let position = match (block, layer) {
            ("block1" | "block6", index) => 2 * index.parse::<usize>().unwrap_or_default(),
            ("block3", "up") | ("block4" | "block5", "convs.1") => 2,
            ("block4" | "block5", "up") => 4,
            _ => 0,
        };
        format!("_{block}.{position}.{name}")
    }

    fn channels(&self) -> [usize; 2] {
        let [_, channels, ..] = self.block1[0].weight.lazy_shape().dims::<4>();
        [channels, channels]
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let features = self.block1.iter().fold(x.clone(), |x, conv| conv.then(x, Then::relu()));
        let mut pools = vec![max_pool_2x2(features)];
        for _ in 0..4 {
            let deeper = self.block2.then(pools[pools.len() - 1].clone(), Then::relu());
            pools.push(max_pool_2x2(deeper));
        }
        let bottom = pools.pop().expect("five poolings");
        let mut up = self.block3.up.run(self.block3.conv.then(bottom, Then::relu()));
        for (level, pool) in pools.into_iter().rev().enumerate() {
            let block = if level == 0 { &self.block4 } else { &self.block5 };
            up = block.forward(up, pool);
        }
        let [first, second, last] = &self.block6;
        let x = first.concat_then(vec![up, x], Then::relu());
        let x = second.then(x, Then::relu());
        last.then(x, Then::leaky_relu(LEAKY_SLOPE))
    }
}
