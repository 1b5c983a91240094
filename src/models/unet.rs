//! The network unnoise starts with: a blind, bias-free residual U-Net that works at half resolution, in two sizes: one for
//! any machine ([`CARD`]) and one for a GPU ([`LARGE`]).
//!
//! The definition is `pretrain/nets/unet.py`, in words `pretrain/SPEC.md`. Without biases the
//! network is positively homogeneous, f(a x) = a f(x) for a >= 0, so one set of weights serves all noise levels
//! (Mohan et al., "Robust and interpretable blind image denoising via bias-free convolutional neural networks", ICLR
//! 2020, <https://arxiv.org/abs/1906.05478>).

use burn::config::Config;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::{Convolve, Then, pixel_shuffle, pixel_unshuffle, residual_block};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "unet",
    title: "unnoise U-Net",
    summary: "Small and fast, for any noise level; the one to start with.",
    paper: Paper {
        title: "Robust and interpretable blind image denoising via bias-free convolutional neural networks",
        authors: "Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda",
        year: 2020,
        url: "https://arxiv.org/abs/1906.05478",
    },
    repository: "pretrain/nets/unet.py",
    family: "unet",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 8,
    receptive_field: 75,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian of any strength, that of cameras, grain, stripes, impulses, speckle, few photons",
    correlated: true,
    adapt: None,
    mac_per_pixel: 109_392,
    parameters: 1_227_264,
    objective: "supervised",
    training: Training::GENERAL,
    presets: presets(1_227_264, 311_040),
    weights: Some(Bundled {
        file: "unet.safetensors",
        bytes: 2_457_912,
        sha256: "44a75476fec14c053253058fc80746a96a19e4fdf09898747b98a26264d5a2e5",
        licence: "MIT OR Apache-2.0",
    }),
    default: true,
};

/// The same with four times the weights. The keys are the same; shapes tell the two apart.
pub const LARGE: Card = Card {
    id: "unet-large",
    title: "unnoise U-Net, large",
    summary: "Better and three times slower than the small one, for any noise level; the one to take on a GPU.",
    receptive_field: 91,
    adapt: Some(Adapt::X2),
    mac_per_pixel: 326_656,
    parameters: 4_743_424,
    presets: presets(4_743_424, 311_040),
    weights: Some(Bundled {
        file: "unet-large.safetensors",
        bytes: 9_490_600,
        sha256: "1d09e77c9b88359122c2e63068e17b1a6f58b4001f0be9dd0a5b0359987aa748",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
    ..CARD
};

/// Channels of an RGB picture at half resolution: 3 colours x 4 pixels.
const SHUFFLED: usize = 12;

/// Widths and depths of the [`UNet`]. Level 0 is the finest.
#[derive(Config, Debug, PartialEq)]
pub struct UNetConfig {
    /// Channels of each level; there is one level more than there are downsamplings.
    #[config(default = "vec![64, 96, 112]")]
    pub widths: Vec<usize>,
    /// Blocks before each downsampling.
    #[config(default = "vec![2, 1]")]
    pub enc_blocks: Vec<usize>,
    /// Blocks at the lowest level.
    #[config(default = 2)]
    pub mid_blocks: usize,
    /// Blocks after each upsampling, by level.
    #[config(default = "vec![2, 1]")]
    pub dec_blocks: Vec<usize>,
}

/// The U-Net. Both sides must be multiples of `2 * 2^D`, D the number of downsamplings. Takes and gives values in
/// `[0, 1]`, not clamped.
#[derive(Module, Debug)]
pub struct UNet {
    head: Conv2d,
    enc: Vec<Vec<Block>>,
    down: Vec<Conv2d>,
    mid: Vec<Block>,
    up: Vec<ConvTranspose2d>,
    dec: Vec<Vec<Block>>,
    tail: Conv2d,
}

/// Residual block: two 3x3 convolutions with a ReLU between them.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
}

impl Block {
    fn stack(width: usize, count: usize, device: &Device) -> Vec<Self> {
        (0..count)
            .map(|_| Self { conv1: conv3(width, width, device), conv2: conv3(width, width, device) })
            .collect()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        residual_block(&self.conv1, &self.conv2, x)
    }
}

fn run(blocks: &[Block], x: Tensor<4>) -> Tensor<4> {
    blocks.iter().fold(x, |x, block| block.forward(x))
}

/// 3x3 without bias, zero padding 1.
fn conv3(channels_in: usize, channels_out: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .init(device)
}

impl UNetConfig {
    /// The configuration of [`LARGE`].
    #[must_use]
    pub fn large() -> Self {
        Self::new().with_widths(vec![96, 160, 224]).with_enc_blocks(vec![2, 2]).with_dec_blocks(vec![2, 2])
    }

    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let levels = || self.widths.windows(2).map(|pair| (pair[0], pair[1]));
        let blocks = |counts: &[usize]| {
            let per_level = counts.iter().zip(&self.widths);
            per_level.map(|(&count, &width)| Block::stack(width, count, device)).collect()
        };
        let down = |(fine, coarse): (usize, usize)| {
            Conv2dConfig::new([fine, coarse], [2, 2]).with_stride([2, 2]).with_bias(false).init(device)
        };
        let up = |(fine, coarse): (usize, usize)| {
            ConvTranspose2dConfig::new([coarse, fine], [2, 2])
                .with_stride([2, 2])
                .with_bias(false)
                .init(device)
        };
        let lowest = self.widths[self.widths.len() - 1];
        UNet {
            head: conv3(SHUFFLED, self.widths[0], device),
            enc: blocks(&self.enc_blocks),
            down: levels().map(down).collect(),
            mid: Block::stack(lowest, self.mid_blocks, device),
            up: levels().map(up).collect(),
            dec: blocks(&self.dec_blocks),
            tail: conv3(self.widths[0], SHUFFLED, device),
        }
    }

    /// The configuration that the keys and shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the first convolution is missing or has another shape.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let Some(&[first, SHUFFLED, 3, 3]) = state.shape("head.weight") else {
            let message = match state.shape("head.weight") {
                Some(other) => format!("`head.weight` has the shape {other:?} instead of [width, 12, 3, 3]"),
                None => "these are not weights of this network: `head.weight` is missing".into(),
            };
            return Err(Error::new(Kind::Weights, message));
        };
        let mut widths = vec![first];
        while let Some(&[coarse, _, 2, 2]) = state.shape(&format!("down.{}.weight", widths.len() - 1)) {
            widths.push(coarse);
        }
        let count = |blocks: &str| {
            (0..).take_while(|i| state.shape(&format!("{blocks}.{i}.conv1.weight")).is_some()).count()
        };
        let levels = widths.len() - 1;
        let counts = |part: &str| (0..levels).map(|level| count(&format!("{part}.{level}"))).collect();
        Ok(Self { enc_blocks: counts("enc"), mid_blocks: count("mid"), dec_blocks: counts("dec"), widths })
    }
}

impl Architecture for UNet {
    configured_by!(UNetConfig);

    const CARDS: &'static [Card] = &[CARD, LARGE];

    fn preset(card: &Card, size: Size) -> UNetConfig {
        match size {
            Size::Published if card.id == LARGE.id => UNetConfig::large(),
            Size::Published => UNetConfig::new(),
            Size::Small => UNetConfig::new()
                .with_widths(vec![32, 48, 64])
                .with_enc_blocks(vec![1, 1])
                .with_dec_blocks(vec![1, 1]),
        }
    }

    /// [`LARGE`] for its very configuration.
    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("head.weight")?;
        let config = UNetConfig::infer(state).ok()?;
        Some(if config == UNetConfig::large() { LARGE.id } else { CARD.id })
    }

    fn channels(&self) -> [usize; 2] {
        [3, 3]
    }

    fn demands(&self) -> Demands {
        let levels = self.down.len();
        // Two convolutions of each block, four input pixels wide at the finest level, and the cell of all downsamplings.
        let finer = (0..levels).map(|l| (4 << l) * (self.enc[l].len() + self.dec[l].len())).sum::<usize>();
        let lowest = (4 << levels) * self.mid.len();
        let size_multiple = 2 << levels;
        Demands { size_multiple, radius: 4 + finer + lowest + size_multiple - 1 }
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, 3, H, W]`, `H` and `W` multiples of 8 (of `2 * 2^D`)
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut h = self.head.run(pixel_unshuffle(x.clone(), 2));
        let mut skips = Vec::with_capacity(self.down.len());
        for (blocks, down) in self.enc.iter().zip(&self.down) {
            h = run(blocks, h);
            skips.push(h.clone());
            h = down.run(h);
        }
        h = run(&self.mid, h);
        for ((up, blocks), skip) in self.up.iter().zip(&self.dec).zip(skips).rev() {
            h = run(blocks, up.then(h, Then::nothing().add(skip)));
        }
        x + pixel_shuffle(self.tail.run(h), 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;
    use crate::nn::read;
    use burn::tensor::Distribution;

    #[test]
    fn both_sizes_are_what_their_cards_say_and_shapes_tell_them_apart() {
        for (id, config) in [("unet", UNetConfig::new()), ("unet-large", UNetConfig::large())] {
            let network = config.init(&Device::flex());
            let card = card(id).unwrap();
            assert_eq!(network.num_params() as u64, card.parameters);
            assert_eq!(network.demands(), card.demands());
            let state = pollster::block_on(network.export()).unwrap();
            assert_eq!(UNet::recognise(&state), Some(id));
        }
    }

    #[test]
    fn twice_the_light_gives_twice_the_picture() {
        let device = Device::flex();
        device.seed(1);
        let network = UNetConfig::new().with_widths(vec![8, 12, 16]).init(&device);
        let x = Tensor::<4>::random([1, 3, 16, 24], Distribution::Uniform(0.0, 1.0), &device);
        let twice = network.forward(x.clone() * 2.0);
        let difference = (network.forward(x) * 2.0 - twice).abs().max();
        assert!(pollster::block_on(read(difference)).unwrap()[0] < 1e-5);
    }
}
