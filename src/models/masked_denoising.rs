//! Masked Denoising (Chen, Gu, Liu, Magid, Dong, Wang, Pfister, Zhu, "Masked Image Training for Generalizable Deep
//! Image Denoising", CVPR 2023, <https://arxiv.org/abs/2303.13132>), the SwinIR of
//! <https://github.com/haoyuc/MaskedDenoising>.
//!
//! Training hides most pixels from the network and most tokens from each of its attentions, so that it learns pictures
//! rather than one sort of noise. The attentions' masks stay at test time, so its results are random: a few passes can
//! be averaged, or the masks left out.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::architecture::{Architecture, Conditions, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::kernels::Geometry;
use crate::nn::kernels::attention::{self, Positions, Windows, normalised, windowed_attention};
use crate::nn::padding::{crop, reflect_to_multiple};
use crate::nn::windows::{in_chunks, merge, split};
use crate::nn::{Convolve, Then, bernoulli, conv3x3, convolve, mean};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "masked-denoising",
    title: "Masked Denoising",
    summary: "Transformer trained on pictures with most of their pixels hidden; for noise that it was not trained on.",
    paper: Paper {
        title: "Masked Image Training for Generalizable Deep Image Denoising",
        authors: "Chen, Gu, Liu, Magid, Dong, Wang, Pfister, Zhu",
        year: 2023,
        url: "https://arxiv.org/abs/2303.13132",
    },
    repository: "https://github.com/haoyuc/MaskedDenoising",
    family: "masked-denoising",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 8,
    receptive_field: 179,
    tile_pixels: TILE_PIXELS,
    scale: 1,
    noise: "white Gaussian, sigma 15 of 255; generalises to others",
    correlated: false,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 959_445,
    parameters: 824_118,
    objective: "masked",
    training: Training { own: &["masked"], micro_batch_pixels: Some(5000.0), ..Training::GENERAL },
    presets: presets(824_118, 31_923),
    weights: Some(Bundled {
        file: "masked-denoising.safetensors",
        bytes: 400_774,
        sha256: "b013f7900bd4f331daa7f711edc7a5730e2b12e3c5e7b4ca68c0c75fcda204c6",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Mean of the training photos, which the network works relative to.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];
/// Share of an attention's tokens that are kept, as published.
const KEPT_TOKENS: f64 = 0.25;
/// Added to the logits of pixels that are neighbours only because the image was rolled.
const APART: f32 = -100.0;
/// Windows that are attended to at once.
const CHUNK: usize = 256;

/// Configuration of a [`SwinIr`]; the defaults are the published one.
#[derive(Config, Debug, PartialEq)]
pub struct SwinIrConfig {
    /// Image channels, in and out.
    #[config(default = 3)]
    pub channels: usize,
    /// Features.
    #[config(default = 60)]
    pub dim: usize,
    /// Blocks of each layer.
    #[config(default = "vec![6; 4]")]
    pub depths: Vec<usize>,
    /// Attention heads of each layer.
    #[config(default = "vec![6; 4]")]
    pub heads: Vec<usize>,
    /// Side of the windows.
    #[config(default = 8)]
    pub window: usize,
    /// Hidden features of the blocks' perceptrons.
    #[config(default = 120)]
    pub hidden: usize,
    /// Whether one 3x3 convolution takes the place of each bottleneck (`resi_connection="1conv"`).
    #[config(default = false)]
    pub single_conv: bool,
    /// Whether queries, keys and values have a bias (`qkv_bias`).
    #[config(default = true)]
    pub qkv_bias: bool,
    /// Whether the embedded pixels are normalised (`patch_norm`).
    #[config(default = true)]
    pub patch_norm: bool,
}

/// The network. Takes and gives values in `[0, 1]`, images of any size.
#[derive(Module, Debug)]
pub struct SwinIr {
    conv_first: Conv2d,
    patch_embed: Option<LayerNorm>,
    layers: Vec<Layer>,
    norm: LayerNorm,
    conv_after_body: Bottleneck,
    conv_last: Conv2d,
}

/// Swin blocks, every second of them with its windows shifted by half, and a bottleneck; with a residual connection.
#[derive(Module, Debug)]
struct Layer {
    blocks: Vec<Block>,
    conv: Bottleneck,
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

#[derive(Module, Debug)]
struct Attention {
    relative_position_bias_table: Param<Tensor<2>>,
    qkv: Linear,
    proj: Linear,
}

/// 3x3, 1x1 and 3x3 convolution with a quarter of the features in between; or one 3x3 convolution.
#[derive(Module, Debug)]
struct Bottleneck {
    convs: Vec<Conv2d>,
    single: Option<Conv2d>,
}

fn conv1x1(channels_in: usize, channels_out: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [1, 1]).init(device)
}

impl SwinIrConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> SwinIr {
        let norm = || LayerNormConfig::new(self.dim).init(device);
        let layers = self.depths.iter().zip(&self.heads).map(|(&depth, &heads)| Layer {
            blocks: (0..depth).map(|_| self.block(heads, device)).collect(),
            conv: Bottleneck::init(self.dim, self.single_conv, device),
        });
        SwinIr {
            conv_first: conv1x1(self.channels, self.dim, device),
            patch_embed: self.patch_norm.then(norm),
            layers: layers.collect(),
            norm: norm(),
            conv_after_body: Bottleneck::init(self.dim, self.single_conv, device),
            conv_last: conv3x3(self.dim, self.channels, device),
        }
    }

    fn block(&self, heads: usize, device: &Device) -> Block {
        let norm = || LayerNormConfig::new(self.dim).init(device);
        let linear = |from: usize, to: usize| LinearConfig::new(from, to).init(device);
        let positions = (2 * self.window - 1) * (2 * self.window - 1);
        Block {
            norm1: norm(),
            attn: Attention {
                relative_position_bias_table: Initializer::Normal { mean: 0.0, std: 0.02 }
                    .init([positions, heads], device),
                qkv: LinearConfig::new(self.dim, 3 * self.dim).with_bias(self.qkv_bias).init(device),
                proj: linear(self.dim, self.dim),
            },
            norm2: norm(),
            fc1: linear(self.dim, self.hidden),
            fc2: linear(self.hidden, self.dim),
        }
    }

    /// The configuration that the shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing or makes no sense.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let bad = |key: &str, what: &str| Error::new(Kind::Weights, format!("`{key}` {what}"));
        let size = |key: &str, dim: usize| match state.shape(key) {
            Some(shape) if shape.get(dim).is_some_and(|&n| n > 0) => Ok(shape[dim]),
            Some(shape) => Err(bad(key, &format!("has the shape {shape:?}, which this network cannot have"))),
            None => Err(bad(key, "is missing: these are not weights of this network")),
        };
        let table = |layer: usize, block: usize| {
            format!("layers.{layer}.residual_group.blocks.{block}.attn.relative_position_bias_table")
        };
        let depth = |layer: usize| (0..).take_while(|b| state.shape(&table(layer, *b)).is_some()).count();
        let depths: Vec<usize> = (0..).map(depth).take_while(|&depth| depth > 0).collect();
        let heads = (0..depths.len()).map(|layer| size(&table(layer, 0), 1)).collect::<Result<Vec<_>>>()?;
        let dim = size("conv_first.weight", 0)?;
        let positions = size(&table(0, 0), 0)?;
        let side = positions.isqrt();
        if side * side != positions || side.is_multiple_of(2) {
            return Err(bad(&table(0, 0), &format!("has {positions} rows, which no window's positions are")));
        }
        if heads.iter().any(|heads| !dim.is_multiple_of(*heads)) || dim < 4 {
            return Err(bad("conv_first.weight", &format!("has {dim} features for heads {heads:?}")));
        }
        Ok(Self {
            channels: size("conv_first.weight", 1)?,
            dim,
            depths,
            heads,
            window: side.div_ceil(2),
            hidden: size("layers.0.residual_group.blocks.0.mlp.fc1.weight", 0)?,
            single_conv: state.shape("conv_after_body.weight").is_some(),
            qkv_bias: state.shape("layers.0.residual_group.blocks.0.attn.qkv.bias").is_some(),
            patch_norm: state.shape("patch_embed.norm.weight").is_some(),
        })
    }
}

impl Architecture for SwinIr {
    configured_by!(SwinIrConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> SwinIrConfig {
        match size {
            Size::Published => SwinIrConfig::new(),
            Size::Small => SwinIrConfig::new()
                .with_dim(24)
                .with_hidden(48)
                .with_depths(vec![2, 2])
                .with_heads(vec![4, 4]),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("layers.0.residual_group.blocks.0.attn.relative_position_bias_table")?;
        state.shape("conv_last.weight")?;
        SwinIrConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        let mut key = path
            .replace("patch_embed.", "patch_embed.norm.")
            .replace(".blocks.", ".residual_group.blocks.")
            .replace(".fc", ".mlp.fc");
        // Positions in the official Sequential: convolutions stand at 0, 2, 4, with their activations between them.
        for position in [2, 1, 0] {
            key = key.replace(&format!(".convs.{position}."), &format!(".{}.", 2 * position));
        }
        key.replace(".single.", ".")
    }

    fn channels(&self) -> [usize; 2] {
        [self.conv_first.weight.lazy_shape()[1]; 2]
    }

    fn demands(&self) -> Demands {
        let window = self.layers.first().map_or(1, Layer::window);
        let blocks: usize = self.layers.iter().map(|layer| layer.blocks.len()).sum();
        // A window reaches from one of its sides to the other; each layer has two 3x3 convolutions, and three follow.
        Demands { size_multiple: window, radius: blocks * (window - 1) + 2 * self.layers.len() + 3 }
    }

    /// Denoises a batch without masks. Shapes as [`SwinIr::forward_seeing`].
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_seeing(x, &mut |_| None)
    }

    /// Without the constant buffers that official checkpoints carry.
    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        let buffers = |key: &str| key.ends_with(".attn_mask") || key.ends_with(".relative_position_index");
        Cow::Owned(state.filtered(|key| !buffers(key)))
    }

    fn denoise(&self, x: Tensor<4>, conditions: &Conditions) -> Tensor<4> {
        let Conditions { masks, passes, seed, .. } = *conditions;
        self.in_range_of_card(
            x,
            |x| {
                if masks { self.forward_masked(x, passes, seed) } else { self.forward(x) }
            },
        )
    }

    fn forward_training_masked(&self, x: Tensor<4>, seed: u64) -> Tensor<4> {
        self.in_range_of_card(x, |x| self.forward_masked(x, 1, seed))
    }
}

impl SwinIr {
    /// Denoises a batch. `keep` is asked once per block, in their order, which tokens its attention may see: it gives 1
    /// (kept) or 0 for each of the windows and tokens that it is told the numbers of, or `None` for all of them.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, any size
    /// - output: the same
    pub fn forward_seeing(
        &self,
        x: Tensor<4>,
        keep: &mut dyn FnMut([usize; 2]) -> Option<Tensor<2>>,
    ) -> Tensor<4> {
        let [_, channels, height, width] = x.dims();
        let window = self.layers.first().map_or(1, Layer::window);
        let x = reflect_to_multiple(x, window);
        let mean = if channels == MEAN.len() { MEAN.to_vec() } else { vec![0.0; channels] };
        let mean = Tensor::<4>::from_data(TensorData::new(mean, [1, channels, 1, 1]), &x.device());
        let x = self.conv_first.run(x - mean.clone());
        let mut tokens = match &self.patch_embed {
            Some(norm) => normalise_pixels(norm, x),
            None => x,
        }
        .permute([0, 2, 3, 1]);
        for layer in &self.layers {
            tokens = layer.forward(tokens, keep);
        }
        let x = normalise_pixels(&self.norm, tokens.permute([0, 3, 1, 2]));
        let x = self.conv_last.run(self.conv_after_body.forward(x));
        crop(x + mean, height, width)
    }

    /// The mean of `passes` (at least one) runs of [`SwinIr::forward_seeing`] with random masks that keep a quarter of the
    /// tokens.
    pub fn forward_masked(&self, x: Tensor<4>, passes: usize, seed: u64) -> Tensor<4> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let device = x.device();
        let mut keep = |shape| Some(bernoulli(shape, KEPT_TOKENS, &mut rng, &device));
        mean((0..passes.max(1)).map(|_| self.forward_seeing(x.clone(), &mut keep)))
    }
}

impl Bottleneck {
    fn init(dim: usize, single: bool, device: &Device) -> Self {
        if single {
            return Self { convs: Vec::new(), single: Some(conv3x3(dim, dim, device)) };
        }
        let narrow = dim / 4;
        let convs =
            vec![conv3x3(dim, narrow, device), conv1x1(narrow, narrow, device), conv3x3(narrow, dim, device)];
        Self { convs, single: None }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if let Some(conv) = &self.single {
            return conv.run(x);
        }
        let last = self.convs.len().saturating_sub(1);
        self.convs
            .iter()
            .enumerate()
            .fold(x, |x, (i, conv)| if i < last { conv.then(x, Then::leaky_relu(0.2)) } else { conv.run(x) })
    }
}

impl Layer {
    fn window(&self) -> usize {
        self.blocks.first().map_or(1, |block| block.attn.window())
    }

    fn forward(&self, x: Tensor<4>, keep: &mut dyn FnMut([usize; 2]) -> Option<Tensor<2>>) -> Tensor<4> {
        let mut features = x.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            let shift = if i % 2 == 1 { block.attn.window() / 2 } else { 0 };
            features = block.forward(features, shift, keep);
        }
        x + self.conv.forward(features.permute([0, 3, 1, 2])).permute([0, 2, 3, 1])
    }
}

impl Block {
    /// All that a block does stays within windows, once the image is rolled and cut.
    fn forward(
        &self,
        x: Tensor<4>,
        shift: usize,
        keep: &mut dyn FnMut([usize; 2]) -> Option<Tensor<2>>,
    ) -> Tensor<4> {
        let [n, height, width, _] = x.dims();
        let window = self.attn.window();
        let (count, tokens) = (n * height * width / (window * window), window * window);
        let keep = keep([count, tokens]);
        let bias = self.attn.bias();
        if let Some(result) = self.by_kernels(&x, shift, keep.as_ref(), &bias) {
            return result;
        }
        let roll = shift as isize;
        let windows = split(x.roll(&[-roll, -roll], &[1, 2]), window);
        let borders = Borders { rows: height / window, columns: width / window, window, shift };
        let result = in_chunks(count, CHUNK, |range| {
            let x = windows.clone().slice_dim(0, range.clone());
            let mut seen = self.norm1.forward(x.clone());
            if let Some(keep) = &keep {
                seen = seen * keep.clone().slice_dim(0, range.clone()).unsqueeze_dim(2);
            }
            let bias = match shift {
                0 => bias.clone(),
                _ => bias.clone() + borders.mask(range, &x.device()),
            };
            let x = x + self.attn.forward(seen, bias);
            x.clone() + self.fc2.forward(gelu(self.fc1.forward(self.norm2.forward(x))))
        });
        merge(result, window, height, width).roll(&[roll, roll], &[1, 2])
    }

    /// The same where the device has kernels for it: the image stays whole, and linear layers are 1x1 convolutions.
    fn by_kernels(
        &self,
        x: &Tensor<4>,
        shift: usize,
        keep: Option<&Tensor<2>>,
        bias: &Tensor<4>,
    ) -> Option<Tensor<4>> {
        let [n, height, width, _] = x.dims();
        let window = self.attn.window();
        let roll = shift as isize;
        let factor = keep.map(|keep| {
            let image = merge(keep.clone().unsqueeze_dim(2), window, height, width);
            image.roll(&[roll, roll], &[1, 2]).reshape([n, 1, height, width])
        });
        let x = x.clone().permute([0, 3, 1, 2]);
        let seen = normalise(&self.norm1, &x, factor.as_ref())?;
        let qkv = pixelwise(&self.attn.qkv, seen, Then::nothing());
        let windows = Windows { queries: window, keys: window, dilation: 1, shift };
        let attended = windowed_attention(&qkv, Positions::Bias(&bias.clone().squeeze_dim(0)), windows)?;
        let x = pixelwise(&self.attn.proj, attended, Then::nothing().add(x));
        let hidden = pixelwise(&self.fc1, normalise(&self.norm2, &x, None)?, Then::nothing());
        let x = pixelwise(&self.fc2, attention::gelu(hidden), Then::nothing().add(x));
        Some(x.permute([0, 2, 3, 1]))
    }
}

/// Layer normalisation of an image `[N, C, H, W]`, each pixel then times its `factor`, where the device has a kernel for it.
fn normalise(norm: &LayerNorm, x: &Tensor<4>, factor: Option<&Tensor<4>>) -> Option<Tensor<4>> {
    const EPSILON: f32 = 1e-5;
    let bias = norm.beta.as_ref().map(Param::val);
    normalised(x, &norm.gamma.val(), bias.as_ref(), EPSILON, factor)
}

/// Layer normalisation of an image `[N, C, H, W]`.
fn normalise_pixels(norm: &LayerNorm, x: Tensor<4>) -> Tensor<4> {
    normalise(norm, &x, None).unwrap_or_else(|| norm.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]))
}

/// A linear layer on every pixel of an image `[N, C, H, W]`.
fn pixelwise(layer: &Linear, x: Tensor<4>, then: Then) -> Tensor<4> {
    let weight = layer.weight.val();
    let [inputs, outputs] = weight.dims();
    // A view, whatever the device: kernels know weights again that they have packed.
    let weight = weight.reshape([inputs, outputs, 1, 1]).swap_dims(0, 1);
    let bias = layer.bias.as_ref().map(Param::val);
    convolve(vec![x], weight, bias, Geometry::same(1, inputs, outputs), then)
}

impl Attention {
    fn window(&self) -> usize {
        self.relative_position_bias_table.dims()[0].isqrt().div_ceil(2)
    }

    /// What the relative positions add to the logits: `[1, heads, tokens, tokens]`.
    fn bias(&self) -> Tensor<4> {
        let table = self.relative_position_bias_table.val();
        let index = relative_position_index(self.window());
        let (tokens, heads) = (index.len().isqrt(), table.dims()[1]);
        let count = index.len();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [count]), &table.device());
        table.select(0, index).reshape([1, tokens, tokens, heads]).permute([0, 3, 1, 2])
    }

    /// # Shapes
    /// - `x`: `[windows, tokens, C]`
    /// - `bias`: `[windows or 1, heads, tokens, tokens]`
    /// - output: as `x`
    fn forward(&self, x: Tensor<3>, bias: Tensor<4>) -> Tensor<3> {
        let [windows, tokens, channels] = x.dims();
        let heads = bias.dims()[1];
        let qkv = self.qkv.forward(x).reshape([windows, tokens, 3, heads, channels / heads]);
        let qkv = qkv.permute([2, 0, 3, 1, 4]);
        let part = |i: usize| qkv.clone().slice_dim(0, i..i + 1).squeeze_dim::<4>(0);
        let scale = ((channels / heads) as f32).powf(-0.5);
        let logits = (part(0) * scale).matmul(part(1).swap_dims(2, 3)) + bias;
        let attended = softmax(logits, 3).matmul(part(2));
        self.proj.forward(attended.permute([0, 2, 1, 3]).reshape([windows, tokens, channels]))
    }
}

/// Row of the bias table for each pair of query and key of a window: `[tokens, tokens]`, row-major.
pub(crate) fn relative_position_index(window: usize) -> Vec<i32> {
    let tokens = window * window;
    let entry = |i: usize| {
        let (query, key) = (i / tokens, i % tokens);
        let (dy, dx) = (query / window + window - key / window, query % window + window - key % window);
        ((dy - 1) * (2 * window - 1) + dx - 1) as i32
    };
    (0..tokens * tokens).map(entry).collect()
}

/// The windows of a rolled image: those of the last row and column hold pixels from opposite sides of it.
pub(crate) struct Borders {
    pub rows: usize,
    pub columns: usize,
    pub window: usize,
    pub shift: usize,
}

impl Borders {
    /// What is added to the logits of the windows in `range`, counted through all images of a batch:
    /// `[windows, 1, tokens, tokens]`.
    pub(crate) fn mask(&self, range: std::ops::Range<usize>, device: &Device) -> Tensor<4> {
        let tokens = self.window * self.window;
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        let table: Vec<f32> = kinds.iter().flat_map(|&(bottom, right)| self.mask_of(bottom, right)).collect();
        let table = Tensor::<4>::from_data(TensorData::new(table, [4, 1, tokens, tokens]), device);
        let kind = |i: usize| {
            let (row, column) = (i / self.columns % self.rows, i % self.columns);
            2 * i32::from(row + 1 == self.rows) + i32::from(column + 1 == self.columns)
        };
        let count = range.len();
        let kinds: Vec<i32> = range.map(kind).collect();
        table.select(0, Tensor::<1, Int>::from_data(TensorData::new(kinds, [count]), device))
    }

    fn mask_of(&self, bottom: bool, right: bool) -> Vec<f32> {
        let tokens = self.window * self.window;
        let side = |token: usize| {
            let (row, column) = (token / self.window, token % self.window);
            let wrapped = |at: usize| at >= self.window - self.shift;
            (bottom && wrapped(row), right && wrapped(column))
        };
        let entry = |i: usize| if side(i / tokens) == side(i % tokens) { 0.0 } else { APART };
        (0..tokens * tokens).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;
    use crate::weights;

    fn small() -> SwinIr {
        SwinIrConfig::new()
            .with_dim(12)
            .with_depths(vec![2, 2])
            .with_heads(vec![3, 2])
            .with_window(4)
            .with_hidden(24)
            .init(&Device::flex())
    }

    fn image(shape: [usize; 4]) -> Tensor<4> {
        let count: usize = shape.iter().product();
        let data: Vec<f32> = (0..count).map(|i| 0.5 + 0.5 * ((i * i) as f32 * 0.37).sin()).collect();
        Tensor::from_data(TensorData::new(data, shape), &Device::flex())
    }

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    #[test]
    fn any_size_goes() {
        let network = small();
        for (height, width) in [(1, 1), (7, 5), (2, 41), (16, 16)] {
            let output = network.forward(image([1, 3, height, width]));
            assert_eq!(output.dims(), [1, 3, height, width]);
            assert!(values(output).iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn masks_are_told_by_their_seed_and_average_out() {
        let (network, x) = (small(), image([1, 3, 13, 18]));
        let masked = |passes, seed| values(network.forward_masked(x.clone(), passes, seed));
        assert_eq!(masked(1, 3), masked(1, 3));
        assert_ne!(masked(1, 3), masked(1, 4));
        assert_ne!(masked(1, 3), values(network.forward(x.clone())));
        let distance = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        assert!(distance(masked(16, 1), masked(16, 2)) < 0.5 * distance(masked(1, 1), masked(1, 2)));
    }

    #[test]
    fn a_mask_hides_what_it_says() {
        let (network, x) = (small(), image([2, 3, 8, 12]));
        let mut asked = Vec::new();
        let all = network.forward_seeing(x.clone(), &mut |shape| {
            asked.push(shape);
            Some(Tensor::ones(shape, &Device::flex()))
        });
        assert_eq!(asked, [[12, 16]; 4]);
        assert_eq!(values(all), values(network.forward(x)));
    }

    #[test]
    fn a_batch_is_its_images_one_by_one() {
        let (network, both) = (small(), image([2, 3, 48, 48]));
        // Together, the windows are more than are attended to at once; alone, they are not.
        let got = values(network.forward(both.clone()));
        let one = |i: usize| values(network.forward(both.clone().slice_dim(0, i..i + 1)));
        assert!(got.iter().zip([one(0), one(1)].concat()).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_checkpoint_tells_its_configuration_through_any_wrapper() {
        let state = pollster::block_on(weights::export(&small(), SwinIr::official_key)).unwrap();
        let arrays = state.arrays.iter().map(|(key, array)| (format!("params.{key}"), array.clone()));
        let wrapped = StateDict { arrays: arrays.collect(), ..StateDict::default() };
        let bare = StateDict::read(&wrapped.to_safetensors(weights::Precision::F32).unwrap()).unwrap();
        assert_eq!(SwinIr::recognise(&bare), Some("masked-denoising"));
        let again = SwinIr::load(&bare, &Device::flex()).unwrap();
        assert_eq!(pollster::block_on(weights::export(&again, SwinIr::official_key)).unwrap(), state);
        let error = SwinIrConfig::infer(&StateDict::default()).unwrap_err();
        assert!(error.to_string().contains("`conv_first.weight` is missing"), "{error}");
    }

    #[test]
    fn the_published_size_is_the_default() {
        let network = SwinIrConfig::new().init(&Device::flex());
        assert_eq!(network.num_params() as u64, CARD.parameters);
        assert_eq!(network.demands(), CARD.demands());
    }
}
