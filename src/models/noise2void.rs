//! Noise2Void (Krull, Buchholz, Jug, "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019,
//! <https://arxiv.org/abs/1811.10980>), the U-Net of its authors' PyTorch library,
//! <https://github.com/CAREamics/careamics>, with the options of N2V2 (Höck et al., "N2V2 - Fixing Noise2Void
//! Checkerboard Artifacts", ECCV 2022 workshops, <https://arxiv.org/abs/2211.08512>).
//!
//! Masking and loss are in [`crate::objectives::noise2void`]. The network itself is not blind: at test time it sees the
//! whole picture.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Conditions, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::kernels::Geometry;
use crate::nn::{Convolve, Then, convolve, max_pool_2x2, plane_by_plane, upsample_bilinear_x2};
use crate::photo::tiles::Demands;
use crate::weights::{self, StateDict};

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "noise2void",
    title: "Noise2Void",
    summary: "Small U-Net that learns from one noisy photo: it restores pixels that were hidden from it.",
    paper: Paper {
        title: "Noise2Void - Learning Denoising from Single Noisy Images",
        authors: "Krull, Buchholz, Jug",
        year: 2019,
        url: "https://arxiv.org/abs/1811.10980",
    },
    repository: "https://github.com/CAREamics/careamics",
    family: "noise2void",
    channels: 3,
    range: [-3.0, 3.0],
    size_multiple: 4,
    receptive_field: 26,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian noise, sigma 5 to 55 of 255, blind",
    correlated: false,
    adapt: Some(Adapt::X2),
    mac_per_pixel: 83_904,
    parameters: 334_371,
    objective: "noise2void",
    training: Training::GENERAL,
    presets: presets(334_371, 84_243),
    weights: Some(Bundled {
        file: "noise2void.safetensors",
        bytes: 678_718,
        sha256: "cf3d7ab7241eb7aace5fea712d70a2ffe9ecf4d5178cafebfdfdba8a274dd839",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Most downsamplings that a checkpoint may ask for.
const MOST_LEVELS: usize = 6;

/// Size and options of the [`UNet`].
#[derive(Config, Debug, PartialEq)]
pub struct UNetConfig {
    /// Image channels, in and out.
    #[config(default = 3)]
    pub channels: usize,
    /// Features of the first level; each level below has twice as many.
    #[config(default = 32)]
    pub features: usize,
    /// Downsamplings.
    #[config(default = 2)]
    pub depth: usize,
    /// Whether convolutions are normalised.
    #[config(default = true)]
    pub batch_norm: bool,
    /// Whether every image channel has a U-Net of its own.
    #[config(default = false)]
    pub independent_channels: bool,
    /// N2V2: pooling blurs, and the first level is not skipped to the last.
    #[config(default = false)]
    pub n2v2: bool,
    /// Whether the output is added to the input.
    #[config(default = false)]
    pub residual: bool,
}

/// The U-Net. Both sides must be multiples of `2^depth`. Takes and gives values of mean 0 and deviation 1, channel by
/// channel.
#[derive(Module, Debug)]
pub struct UNet {
    encoder: Vec<Block>,
    bottleneck: Block,
    /// Deepest level first.
    decoder: Vec<Block>,
    final_conv: Conv2d,
    /// Image channels.
    pub channels: usize,
    /// Number of separate U-Nets that run side by side.
    groups: usize,
    n2v2: bool,
    residual: bool,
    /// Mean and deviation of each channel of the pictures that the network was trained on, if the weights say so.
    #[module(skip)]
    statistics: Option<Statistics>,
}

/// Mean and deviation of each channel of pictures.
#[derive(Clone, Debug, PartialEq)]
struct Statistics {
    channels: Vec<[f32; 2]>,
    /// Whether they are in the numbers of the files, as careamics has them, instead of `[0, 1]`.
    raw: bool,
}

/// Two 3x3 convolutions, each normalised and activated.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    batch_norm1: Option<BatchNorm>,
    conv2: Conv2d,
    batch_norm2: Option<BatchNorm>,
}

impl Block {
    /// All channels are those of one group.
    fn init(channels: [usize; 3], config: &UNetConfig, device: &Device) -> Self {
        let groups = config.groups();
        let [input, between, output] = channels.map(|c| c * groups);
        let conv = |i, o| {
            Conv2dConfig::new([i, o], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_groups(groups)
                .init(device)
        };
        let norm = |c| config.batch_norm.then(|| BatchNormConfig::new(c).init(device));
        Self {
            conv1: conv(input, between),
            batch_norm1: norm(between),
            conv2: conv(between, output),
            batch_norm2: norm(output),
        }
    }

    /// Tensors are concatenated along channels.
    fn forward(&self, x: Vec<Tensor<4>>) -> Tensor<4> {
        let stages = [(&self.conv1, &self.batch_norm1), (&self.conv2, &self.batch_norm2)];
        let stage = |x, (conv, norm): (&Conv2d, &Option<BatchNorm>)| match norm {
            Some(norm) => activated_norm(norm, conv.concat_then(x, Then::nothing())),
            None => conv.concat_then(x, Then::relu()),
        };
        stages.into_iter().fold(x, |x, layers| vec![stage(x, layers)]).remove(0)
    }
}

/// Batch normalisation and ReLU. What was measured in training is a factor and a summand for each channel: a depthwise
/// convolution of one tap.
fn activated_norm(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    if x.device().is_autodiff() {
        return relu(norm.forward(x));
    }
    let channels = x.dims()[1];
    let factor = norm.gamma.val() / (norm.running_var.value() + norm.epsilon).sqrt();
    let summand = norm.beta.val() - norm.running_mean.value() * factor.clone();
    let geometry = Geometry { groups: channels, ..Geometry::same(1, channels, channels) };
    convolve(vec![x], factor.reshape([channels, 1, 1, 1]), Some(summand), geometry, Then::relu())
}

impl UNetConfig {
    fn groups(&self) -> usize {
        if self.independent_channels { self.channels } else { 1 }
    }

    /// A network with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        let groups = self.groups();
        let width = |level: usize| self.features << level;
        let encoder = |level| {
            let input = if level == 0 { self.channels / groups } else { width(level - 1) };
            Block::init([input, width(level), width(level)], self, device)
        };
        let decoder = |level| {
            let output = width(level) / if level == 0 { 1 } else { 2 };
            let between = if level == 0 { output } else { 2 * output };
            let skip = if level == 0 && self.n2v2 { 0 } else { width(level) };
            Block::init([width(level) + skip, between, output], self, device)
        };
        let (bottom, top) = (width(self.depth), width(self.depth) / 2);
        UNet {
            encoder: (0..self.depth).map(encoder).collect(),
            bottleneck: Block::init([top, bottom, top], self, device),
            decoder: (0..self.depth).rev().map(decoder).collect(),
            final_conv: Conv2dConfig::new([self.features * groups, self.channels], [1, 1])
                .with_groups(groups)
                .init(device),
            channels: self.channels,
            groups,
            n2v2: self.n2v2,
            residual: self.residual,
            statistics: None,
        }
    }

    /// The configuration that the keys, shapes and notes of a checkpoint speak of. Shapes do not tell `batch_norm` (its
    /// arrays are there even when it is not used) nor `residual`: notes of these names do.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing or has another rank, or a note is neither `true`
    /// nor `false`.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let encoder = |level: usize| format!("encoder.encoder_blocks.{}.conv1.weight", 2 * level);
        let [_, input, ..] = state.dims::<4>(&encoder(0))?;
        let [channels, features, ..] = state.dims::<4>("final_conv.weight")?;
        let depth = (0..).take_while(|&level| state.shape(&encoder(level)).is_some()).count();
        if depth > MOST_LEVELS {
            let message = format!("{depth} levels are too many; there can be {MOST_LEVELS}");
            return Err(Error::new(Kind::Weights, message));
        }
        let last = format!("decoder.decoder_blocks.{}.conv1.weight", 2 * depth - 1);
        let [_, merged, ..] = state.dims::<4>(&last)?;
        let normalised = state.shape("decoder.bottleneck.batch_norm1.weight").is_some();
        Ok(Self {
            channels,
            features,
            depth,
            batch_norm: normalised && state.note("batch_norm")?.unwrap_or(true),
            independent_channels: channels > 1 && input == 1,
            n2v2: merged == features,
            residual: state.note("residual")?.unwrap_or(false),
        })
    }

    /// A checkpoint without the arrays that the network does not use.
    pub fn clean(&self, state: &StateDict) -> StateDict {
        let mut state = state.clone();
        state.arrays.retain(|key, _| {
            !key.ends_with("num_batches_tracked") && (self.batch_norm || !key.contains(".batch_norm"))
        });
        state
    }
}

impl Statistics {
    /// The statistics in `[0, 1]`, for pictures whose 0 and 1 are these numbers in their files.
    fn in_range(&self, [black, white]: [f32; 2]) -> Self {
        let Self { channels, raw } = self;
        let share = |&[mean, std]: &[f32; 2]| [(mean - black) / (white - black), std / (white - black).abs()];
        let channels = if *raw { channels.iter().map(share).collect() } else { channels.clone() };
        Self { channels, raw: false }
    }
}

/// Mean and deviation of each channel as a checkpoint notes them, e.g. `mean` = `[0.4, 0.4, 0.3]`, or as careamics does
/// ([`weights::IMAGE_MEANS`]), in the numbers of the files.
///
/// # Errors
/// [`Kind::Weights`] when a note is no list of as many numbers as there are channels.
fn statistics(state: &StateDict, channels: usize) -> Result<Option<Statistics>> {
    let list = |note: &str| -> Result<Option<Vec<f32>>> {
        let Some(text) = state.metadata.get(note) else { return Ok(None) };
        serde_json::from_str::<Vec<f32>>(text)
            .ok()
            .filter(|list| list.len() == channels && list.iter().all(|v| v.is_finite()))
            .map(Some)
            .ok_or_else(|| {
                let message = format!("the weights' note `{note}` is not a list of {channels} numbers");
                Error::new(Kind::Weights, message)
            })
    };
    let pairs = |mean: &str, std: &str, raw: bool| -> Result<Option<Statistics>> {
        let pair = list(mean)?.zip(list(std)?);
        let channels = pair.map(|(mean, std)| mean.into_iter().zip(std).map(|(m, s)| [m, s]).collect());
        Ok(channels.map(|channels| Statistics { channels, raw }))
    };
    match pairs("mean", "std", false)? {
        Some(statistics) => Ok(Some(statistics)),
        None => pairs(weights::IMAGE_MEANS, weights::IMAGE_STDS, true),
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
        state.shape("final_conv.weight")?;
        UNetConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        // Pooling and upsampling hold every second place in the official lists.
        let place = |i: &str| 2 * i.parse::<usize>().unwrap_or_default();
        let (part, rest) = path.split_once('.').unwrap_or((path, ""));
        match (part, rest.split_once('.')) {
            ("encoder", Some((i, rest))) => format!("encoder.encoder_blocks.{}.{rest}", place(i)),
            ("decoder", Some((i, rest))) => format!("decoder.decoder_blocks.{}.{rest}", place(i) + 1),
            ("bottleneck", _) => format!("decoder.{path}"),
            _ => path.to_string(),
        }
    }

    fn channels(&self) -> [usize; 2] {
        [self.channels; 2]
    }

    fn demands(&self) -> Demands {
        let size_multiple = 1 << self.encoder.len();
        // Convolutions of all levels add up; blurring while pooling adds to that.
        let radius = if self.n2v2 { 9 * size_multiple - 7 } else { 8 * size_multiple - 6 };
        Demands { size_multiple, radius }
    }

    /// Denoises a batch of standardised pictures.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of `2^depth`
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut skips = Vec::with_capacity(self.encoder.len());
        let mut h = x.clone();
        for block in &self.encoder {
            let features = block.forward(vec![h]);
            h = if self.n2v2 { blurred_max_pool(features.clone()) } else { max_pool_2x2(features.clone()) };
            skips.push(features);
        }
        h = self.bottleneck.forward(vec![h]);
        for (block, skip) in self.decoder.iter().zip((0..skips.len()).rev()) {
            h = upsample_bilinear_x2(h);
            let merged = skip > 0 || !self.n2v2;
            h = block.forward(if merged { self.merge(h, skips[skip].clone()) } else { vec![h] });
        }
        self.final_conv.then(h, if self.residual { Then::nothing().add(x) } else { Then::nothing() })
    }

    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        match UNetConfig::infer(state) {
            Ok(config) => Cow::Owned(config.clean(state)),
            // Loading says what is wrong.
            Err(_) => Cow::Borrowed(state),
        }
    }

    fn with_notes(self, state: &StateDict) -> Result<Self> {
        let statistics = statistics(state, self.channels)?;
        Ok(Self { statistics, ..self })
    }

    fn notes(&self) -> Vec<(String, String)> {
        let mut notes = vec![
            ("batch_norm".to_string(), self.bottleneck.batch_norm1.is_some().to_string()),
            ("residual".to_string(), self.residual.to_string()),
        ];
        if let Some(Statistics { channels, raw }) = &self.statistics {
            let names = if *raw { [weights::IMAGE_MEANS, weights::IMAGE_STDS] } else { ["mean", "std"] };
            for (i, name) in names.into_iter().enumerate() {
                let list: Vec<String> = channels.iter().map(|pair| pair[i].to_string()).collect();
                notes.push((name.to_string(), format!("[{}]", list.join(", "))));
            }
        }
        notes
    }

    /// Denoises a batch with values in `[0, 1]`: standardised by the statistics of the weights, or else, as when
    /// training on the very picture, by those of each picture. Statistics in the numbers of a file are taken for those of 8 bits:
    /// see [`Architecture::in_range`].
    fn denoise(&self, x: Tensor<4>, _conditions: &Conditions) -> Tensor<4> {
        plane_by_plane(x, self.channels, |x| self.standardised(x))
    }

    fn in_range(mut self, range: [f32; 2]) -> Self {
        self.statistics = self.statistics.map(|statistics| statistics.in_range(range));
        self
    }

    fn with_statistics(mut self, statistics: &[[f32; 2]]) -> Self {
        if self.channels == statistics.len() {
            self.statistics = Some(Statistics { channels: statistics.to_vec(), raw: false });
        }
        self
    }
}

impl UNet {
    /// Runs the network on a batch with values in `[0, 1]`, standardised and back.
    fn standardised(&self, x: Tensor<4>) -> Tensor<4> {
        let (mean, std) = match &self.statistics {
            Some(statistics) => {
                let Statistics { channels, .. } = statistics.in_range([0.0, 255.0]);
                let tensor = |i: usize| {
                    let values: Vec<f32> = channels.iter().map(|pair| pair[i]).collect();
                    Tensor::<1>::from_floats(values.as_slice(), &x.device()).reshape([1, self.channels, 1, 1])
                };
                (tensor(0), tensor(1))
            }
            None => {
                let mean = x.clone().mean_dim(2).mean_dim(3);
                let variance = (x.clone() - mean.clone()).square().mean_dim(2).mean_dim(3);
                (mean, variance.sqrt())
            }
        };
        let std = std + 1e-6;
        self.forward((x - mean.clone()) / std.clone()) * std + mean
    }

    /// What is to be concatenated so that the features of each group follow those of the same group.
    fn merge(&self, a: Tensor<4>, b: Tensor<4>) -> Vec<Tensor<4>> {
        if self.groups == 1 {
            return vec![a, b];
        }
        let grouped = |x: Tensor<4>| {
            let [n, c, h, w] = x.dims();
            x.reshape([n, self.groups, c / self.groups, h, w])
        };
        let merged: Tensor<5> = Tensor::cat(vec![grouped(a), grouped(b)], 2);
        let [n, groups, c, h, w] = merged.dims();
        vec![merged.reshape([n, groups * c, h, w])]
    }
}

/// N2V2's pooling: the maximum over 2x2 windows at every place, then a binomial blur (zeros beyond the border), of which
/// every second row and column is kept.
fn blurred_max_pool(x: Tensor<4>) -> Tensor<4> {
    let [_, channels, ..] = x.dims();
    let largest = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([1, 1]));
    let row = [1.0, 2.0, 1.0].map(|v: f32| v / 4.0);
    let kernel: Vec<f32> = row.iter().flat_map(|a| row.map(|b| a * b)).collect();
    let kernel = Tensor::<1>::from_floats(kernel.as_slice(), &largest.device());
    let kernel = kernel.reshape([1, 1, 3, 3]).repeat_dim(0, channels);
    conv2d(largest, kernel, None, ConvOptions::new([2, 2], [1, 1], [1, 1], channels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::card;
    use crate::nn::read;
    use burn::tensor::Distribution;

    #[test]
    fn the_published_size() {
        let network = UNetConfig::new().init(&Device::flex());
        let state = pollster::block_on(network.export()).unwrap();
        let statistics = |key: &str| key.contains("running_");
        let learned = state.arrays.iter().filter(|(key, _)| !statistics(key)).map(|(_, a)| a.data.len());
        let card = card("noise2void").unwrap();
        assert_eq!(learned.sum::<usize>() as u64, card.parameters);
        assert_eq!(network.demands(), card.demands());
    }

    #[test]
    fn every_option_loads_what_it_exports() {
        let device = Device::flex();
        device.seed(7);
        let x = Tensor::<4>::random([1, 3, 8, 4], Distribution::Uniform(0.0, 1.0), &device);
        let base = UNetConfig::new().with_features(4);
        let configs = [
            base.clone().with_batch_norm(false),
            base.clone().with_independent_channels(true),
            base.clone().with_n2v2(true).with_depth(1),
            base.with_residual(true),
        ];
        for config in configs {
            let statistics = config
                .residual
                .then(|| Statistics { channels: vec![[0.4, 0.2], [0.5, 0.25], [0.25, 0.125]], raw: false });
            let network = UNet { statistics, ..config.init(&device) };
            let state = pollster::block_on(network.export()).unwrap();
            assert_eq!(UNetConfig::infer(&state).unwrap(), config);
            let again = UNet::load(&state, &device).unwrap();
            assert_eq!(again.statistics, network.statistics);
            let [a, b] =
                [&network, &again].map(|n| pollster::block_on(read(n.standardised(x.clone()))).unwrap());
            assert_eq!(a, b);
            assert!(a.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn statistics_in_the_numbers_of_the_file_mean_the_same() {
        let device = Device::flex();
        device.seed(3);
        let network = UNetConfig::new().with_features(4).init(&device);
        let x = Tensor::<4>::random([1, 3, 8, 4], Distribution::Uniform(0.0, 1.0), &device);
        let of = |statistics: Statistics, range: [f32; 2]| {
            let network = UNet { statistics: Some(statistics), ..network.clone() };
            pollster::block_on(read(network.in_range(range).standardised(x.clone()))).unwrap()
        };
        let channels = vec![[0.4, 0.2], [0.5, 0.25], [0.25, 0.125]];
        let want = of(Statistics { channels: channels.clone(), raw: false }, [100.0, 300.0]);
        let in_file = channels.iter().map(|[m, s]| [100.0 + 200.0 * m, 200.0 * s]).collect();
        let got = of(Statistics { channels: in_file, raw: true }, [100.0, 300.0]);
        assert!(want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
