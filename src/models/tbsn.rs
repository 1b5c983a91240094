//! TBSN (Li, Zhang, Zuo, "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising",
//! AAAI 2025, <https://arxiv.org/abs/2404.07846>), as in <https://github.com/nagejacob/TBSN>.
//!
//! A U-shaped transformer whose output at a pixel does not depend on the input at that pixel, but for the channel
//! attention: the first convolution has no centre, and everything after it joins only pixels an even number of rows
//! and columns apart (dilation 2; 2x2 patches instead of pixels when a level is left). The statistics of the channel
//! attention are over all pixels, so a trace of the pixel itself comes back through them, smaller in larger images.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::softmax;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor, TensorData, s};
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, Size, configured_by};
use super::card::{Bundled, Card, Optimiser, Paper, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::kernels::Geometry;
use crate::nn::kernels::attention::{
    Positions, Windows, channel_products, gelu, normalised, windowed_attention,
};
use crate::nn::shuffle::{patch_shuffle, patch_unshuffle, pd_down, pd_up};
use crate::nn::windows::in_chunks;
use crate::nn::{Convolve, Then, convolve};
use crate::weights::StateDict;

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "tbsn",
    title: "TBSN",
    summary: "Transformer with a blind spot, trained on noisy camera photos only; thorough, and slow.",
    paper: Paper {
        title: "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising",
        authors: "Li, Zhang, Zuo",
        year: 2025,
        url: "https://arxiv.org/abs/2404.07846",
    },
    repository: "https://github.com/nagejacob/TBSN",
    family: "tbsn",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 32,
    // The channel attention sees all of a tile; this is how far the convolutions and windows of the first level see.
    receptive_field: 64,
    tile_pixels: 512 * 512,
    scale: 1,
    noise: "noise of cameras (sRGB), correlated between pixels",
    correlated: true,
    adapt: Some(Adapt::R3),
    mac_per_pixel: 4_860_792,
    parameters: 12_746_780,
    objective: "blind-spot-l1",
    training: Training {
        general: false,
        own: &["blind-spot-l1"],
        optimiser: Optimiser::AdamW,
        micro_batch_pixels: Some(3500.0),
    },
    presets: presets(12_746_780, 392_971),
    weights: Some(Bundled {
        file: "tbsn.safetensors",
        bytes: 2_813_470,
        sha256: "551d40351dc300ffeeecb71a1836a492c599b9bc5551954247710e880a7956dd",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Queries of the spatial attention come in windows of this side, in image pixels.
const WINDOW: usize = 8;
/// Their keys come from a window this much larger on each side.
const OVERLAP: usize = 2;
/// Windows (of each phase and head) that are attended to at once.
const CHUNK: usize = 4096;

/// Configuration of a [`Tbsn`]; the defaults are the published one.
#[derive(Config, Debug, PartialEq)]
pub struct TbsnConfig {
    /// Image channels, in and out.
    #[config(default = 3)]
    pub channels: usize,
    /// Features of the first level; twice as many in the second, four times in the third.
    #[config(default = 48)]
    pub dim: usize,
    /// Blocks per level.
    #[config(default = "[4, 4, 4]")]
    pub blocks: [usize; 3],
    /// Blocks after the decoder.
    #[config(default = 4)]
    pub refinement: usize,
    /// Heads (channel groups) of the channel attention, per level.
    #[config(default = "[1, 2, 4]")]
    pub channel_heads: [usize; 3],
    /// Heads of the spatial attention, per level.
    #[config(default = "[2, 2, 3]")]
    pub spatial_heads: [usize; 3],
    /// Features per head of the spatial attention.
    #[config(default = 16)]
    pub dim_head: usize,
    /// Hidden over outer features of the feed-forward networks.
    #[config(default = 1.0)]
    pub ffn_expansion: f64,
    /// Which convolutions add a bias.
    #[config(default = "Biases::default()")]
    pub biases: Biases,
    /// Whether the normalisation takes the mean away and adds a bias (`LayerNorm_type="WithBias"`).
    #[config(default = false)]
    pub with_bias_norm: bool,
}

/// Which convolutions add a bias; none does in the published network. The public constructor's `bias=True` is the attentions'
/// and the feed-forward networks'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Biases {
    /// The first convolution.
    pub embed: bool,
    /// The channel attention's.
    pub channel: bool,
    /// The spatial attention's.
    pub spatial: bool,
    /// The feed-forward networks'.
    pub ffn: bool,
    /// Those between levels.
    pub resize: bool,
    /// The one after the concatenation in the second level.
    pub reduce: bool,
    /// The last one.
    pub output: bool,
}

/// The network. Takes and gives values in `[0, 255]`; both sides must be multiples of 32.
#[derive(Module, Debug)]
pub struct Tbsn {
    patch_embed: PatchEmbed,
    encoder_level1: Vec<Block>,
    down1_2: Conv2d,
    encoder_level2: Vec<Block>,
    down2_3: Conv2d,
    latent: Vec<Block>,
    up3_2: Conv2d,
    reduce_chan_level2: Conv2d,
    decoder_level2: Vec<Block>,
    up2_1: Conv2d,
    decoder_level1: Vec<Block>,
    refinement: Vec<Block>,
    output: Conv2d,
}

/// Channel attention and spatial attention, each with a feed-forward network after it.
#[derive(Module, Debug)]
struct Block {
    norm1: Norm,
    channel_attn: ChannelAttention,
    norm2: Norm,
    channel_ffn: FeedForward,
    norm3: Norm,
    spatial_attn: SpatialAttention,
    norm4: Norm,
    spatial_ffn: FeedForward,
}

/// Sizes of a [`Block`].
#[derive(Clone, Copy)]
struct BlockConfig {
    dim: usize,
    channel_heads: usize,
    spatial_heads: usize,
    dim_head: usize,
    hidden: usize,
    biases: Biases,
    with_bias_norm: bool,
}

fn conv1x1(channels_in: usize, channels_out: usize, bias: bool, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [1, 1]).with_bias(bias).init(device)
}

fn dilated3x3([channels_in, channels_out]: [usize; 2], groups: usize, bias: bool, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2))
        .with_dilation([2, 2])
        .with_groups(groups)
        .with_bias(bias)
        .init(device)
}

impl TbsnConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> Tbsn {
        let dim = self.dim;
        let Biases { embed, resize, reduce, output, .. } = self.biases;
        // Decoder and refinement of the first level keep the features of the skip and of what came up.
        let blocks = |count: usize, level: usize, dim: usize| -> Vec<Block> {
            (0..count).map(|_| self.block(level, dim).init(device)).collect()
        };
        Tbsn {
            patch_embed: PatchEmbed {
                proj: Conv2dConfig::new([self.channels, dim], [3, 3]).with_bias(embed).init(device),
            },
            encoder_level1: blocks(self.blocks[0], 0, dim),
            down1_2: conv1x1(dim, dim / 2, resize, device),
            encoder_level2: blocks(self.blocks[1], 1, 2 * dim),
            down2_3: conv1x1(2 * dim, dim, resize, device),
            latent: blocks(self.blocks[2], 2, 4 * dim),
            up3_2: conv1x1(4 * dim, 8 * dim, resize, device),
            reduce_chan_level2: conv1x1(4 * dim, 2 * dim, reduce, device),
            decoder_level2: blocks(self.blocks[1], 1, 2 * dim),
            up2_1: conv1x1(2 * dim, 4 * dim, resize, device),
            decoder_level1: blocks(self.blocks[0], 0, 2 * dim),
            refinement: blocks(self.refinement, 0, 2 * dim),
            output: conv1x1(2 * dim, self.channels, output, device),
        }
    }

    fn block(&self, level: usize, dim: usize) -> BlockConfig {
        BlockConfig {
            dim,
            channel_heads: self.channel_heads[level],
            spatial_heads: self.spatial_heads[level],
            dim_head: self.dim_head,
            hidden: (dim as f64 * self.ffn_expansion) as usize,
            biases: self.biases,
            with_bias_norm: self.with_bias_norm,
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
        let count = |level: &str| (0..).take_while(|i| state.shape(&norm_of(level, *i)).is_some()).count();
        let levels = ["encoder_level1", "encoder_level2", "latent"];
        let dim = size("patch_embed.proj.weight", 0)?;
        let dim_head = size("encoder_level1.0.spatial_attn.rel_pos_emb.rel_height", 1)?;
        let (mut channel_heads, mut spatial_heads) = ([1; 3], [1; 3]);
        for (level, name) in levels.iter().enumerate() {
            channel_heads[level] = size(&format!("{name}.0.channel_attn.temperature"), 0)?;
            spatial_heads[level] = size(&format!("{name}.0.spatial_attn.project_out.weight"), 1)? / dim_head;
            if !(dim << level).is_multiple_of(2 * channel_heads[level]) || spatial_heads[level] == 0 {
                let heads = channel_heads[level];
                let what = format!("has {dim} features, which {heads} heads of {name} cannot share");
                return Err(bad("patch_embed.proj.weight", &what));
            }
        }
        Ok(Self {
            channels: size("patch_embed.proj.weight", 1)?,
            dim,
            blocks: levels.map(count),
            refinement: count("refinement"),
            channel_heads,
            spatial_heads,
            dim_head,
            ffn_expansion: size("latent.0.channel_ffn.project_in.weight", 0)? as f64 / (4 * dim) as f64,
            biases: Biases::infer(state),
            with_bias_norm: state.shape("encoder_level1.0.norm1.body.bias").is_some(),
        })
    }
}

impl Biases {
    /// Those that a checkpoint has.
    fn infer(state: &StateDict) -> Self {
        let there = |owner: &str| state.shape(&format!("{owner}.bias")).is_some();
        Self {
            embed: there("patch_embed.proj"),
            channel: there("encoder_level1.0.channel_attn.qkv"),
            spatial: there("encoder_level1.0.spatial_attn.qkv"),
            ffn: there("encoder_level1.0.channel_ffn.project_in"),
            resize: there("down1_2.body.0"),
            reduce: there("reduce_chan_level2"),
            output: there("output"),
        }
    }
}

fn norm_of(level: &str, block: usize) -> String {
    format!("{level}.{block}.norm1.body.weight")
}

impl Architecture for Tbsn {
    configured_by!(TbsnConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> TbsnConfig {
        match size {
            Size::Published => TbsnConfig::new(),
            Size::Small => TbsnConfig::new().with_dim(16).with_blocks([1, 1, 1]).with_refinement(1),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("encoder_level1.0.spatial_attn.qkv.weight")?;
        TbsnConfig::infer(state).ok().map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        let (owner, name) = path.rsplit_once('.').unwrap_or(("", path));
        let inside = match (owner.rsplit('.').next().unwrap_or_default(), name) {
            ("norm1" | "norm2" | "norm3" | "norm4", _) => "body.",
            ("down1_2" | "down2_3" | "up3_2" | "up2_1", _) => "body.0.",
            (_, "rel_height" | "rel_width") => "rel_pos_emb.",
            _ => "",
        };
        format!("{owner}.{inside}{name}")
    }

    fn channels(&self) -> [usize; 2] {
        [self.patch_embed.proj.weight.lazy_shape()[1]; 2]
    }

    /// Denoises a batch.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let skip1 = run(&self.encoder_level1, self.patch_embed.forward(x));
        let x = patch_unshuffle(self.down1_2.run(skip1.clone()));
        let skip2 = run(&self.encoder_level2, x);
        let x = patch_unshuffle(self.down2_3.run(skip2.clone()));
        let x = run(&self.latent, x);
        let x = patch_shuffle(self.up3_2.run(x));
        let x = self.reduce_chan_level2.concat_then(vec![x, skip2], Then::nothing());
        let x = run(&self.decoder_level2, x);
        let x = patch_shuffle(self.up2_1.run(x));
        let x = run(&self.decoder_level1, Tensor::cat(vec![x, skip1], 1));
        self.output.run(run(&self.refinement, x))
    }

    /// Without the constant masks that official checkpoints carry.
    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        let masks =
            |key: &str| key == "patch_embed.proj.mask" || key.ends_with(".fixed_pos_emb.attention_mask");
        Cow::Owned(state.filtered(|key| !masks(key)))
    }
}

fn run(blocks: &[Block], x: Tensor<4>) -> Tensor<4> {
    blocks.iter().fold(x, |x, block| block.forward(x))
}

/// A 3x3 convolution that does not see the pixel in its middle.
#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Conv2d,
}

impl PatchEmbed {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.proj.weight.val();
        let centre = [[[[0f32, 0., 0.], [0., 1., 0.], [0., 0., 0.]]]];
        let centre = Tensor::<4>::from_data(centre, &weight.device());
        // Taken away as a constant: the public training computes a gradient for the centre too.
        let masked = weight.clone() - (weight * centre).detach();
        let bias = self.proj.bias.as_ref().map(Param::val);
        let [outputs, inputs, ..] = masked.dims();
        convolve(vec![x], masked, bias, Geometry::same(3, inputs, outputs), Then::nothing())
    }
}

impl BlockConfig {
    fn init(&self, device: &Device) -> Block {
        let Biases { channel, spatial, ffn, .. } = self.biases;
        let norm = || Norm {
            weight: Initializer::Ones.init([self.dim], device),
            bias: self.with_bias_norm.then(|| Initializer::Zeros.init([self.dim], device)),
        };
        let ffn = || FeedForward {
            project_in: dilated3x3([self.dim, self.hidden], 1, ffn, device),
            project_out: dilated3x3([self.hidden, self.dim], 1, ffn, device),
        };
        Block {
            norm1: norm(),
            channel_attn: ChannelAttention::init(self.dim, self.channel_heads, channel, device),
            norm2: norm(),
            channel_ffn: ffn(),
            norm3: norm(),
            spatial_attn: SpatialAttention::init(
                self.dim,
                [self.spatial_heads, self.dim_head],
                spatial,
                device,
            ),
            norm4: norm(),
            spatial_ffn: ffn(),
        }
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.channel_attn.forward(self.norm1.forward(x.clone()), Then::nothing().add(x));
        let x = self.channel_ffn.forward(self.norm2.forward(x.clone()), Then::nothing().add(x));
        let x = self.spatial_attn.forward(self.norm3.forward(x.clone()), Then::nothing().add(x));
        self.spatial_ffn.forward(self.norm4.forward(x.clone()), Then::nothing().add(x))
    }
}

/// Layer normalisation over channels that divides by the deviation. Without a bias it does not take the mean away either.
#[derive(Module, Debug)]
struct Norm {
    weight: Param<Tensor<1>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Norm {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        const EPSILON: f32 = 1e-5;
        let bias = self.bias.as_ref().map(Param::val);
        if let Some(normalised) = normalised(&x, &self.weight.val(), bias.as_ref(), EPSILON, None) {
            return normalised;
        }
        // Channels last, as the convolutions leave them: means run along memory.
        let by_channel = |values: &Param<Tensor<1>>| values.val().reshape([1, 1, 1, -1]);
        let x = x.permute([0, 2, 3, 1]);
        let centred = x.clone() - x.clone().mean_dim(3);
        let deviation = ((centred.clone() * centred.clone()).mean_dim(3) + EPSILON).sqrt();
        let y = match &self.bias {
            None => x / deviation * by_channel(&self.weight),
            Some(bias) => centred / deviation * by_channel(&self.weight) + by_channel(bias),
        };
        y.permute([0, 3, 1, 2])
    }
}

#[derive(Module, Debug)]
struct FeedForward {
    project_in: Conv2d,
    project_out: Conv2d,
}

impl FeedForward {
    fn forward(&self, x: Tensor<4>, then: Then) -> Tensor<4> {
        self.project_out.then(gelu(self.project_in.run(x)), then)
    }
}

/// Attention of channels to the other channels of their group, over all pixels.
#[derive(Module, Debug)]
pub(crate) struct ChannelAttention {
    temperature: Param<Tensor<3>>,
    qkv: Conv2d,
    qkv_dwconv: Conv2d,
    project_out: Conv2d,
}

impl ChannelAttention {
    pub(crate) fn init(dim: usize, heads: usize, bias: bool, device: &Device) -> Self {
        Self {
            temperature: Initializer::Ones.init([heads, 1, 1], device),
            qkv: conv1x1(dim, 3 * dim, bias, device),
            qkv_dwconv: dilated3x3([3 * dim, 3 * dim], 3 * dim, bias, device),
            project_out: conv1x1(dim, dim, bias, device),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<4>, then: Then) -> Tensor<4> {
        let [n, channels, height, width] = x.dims();
        let temperature = self.temperature.val();
        let heads = temperature.dims()[0];
        let qkv = self.qkv_dwconv.run(self.qkv.run(x));
        if let Some(products) = channel_products(&qkv, 2 * channels) {
            return self.attend(qkv, products, then);
        }
        let qkv = qkv.reshape([n, 3, heads, channels / heads, height * width]);
        let part = |i: usize| qkv.clone().slice_dim(1, i..i + 1).squeeze_dim::<4>(1);
        let (q, k) = (part(0), part(1));
        let norm = |t: &Tensor<4>| (t.clone() * t.clone()).sum_dim(3).sqrt().clamp_min(1e-12);
        // Dividing the products by the norms is the same as multiplying unit vectors, without copies of them.
        let norms = norm(&q).matmul(norm(&k).swap_dims(2, 3));
        let logits = q.matmul(k.swap_dims(2, 3)) / norms * temperature.unsqueeze();
        let attended = softmax(logits, 3).matmul(part(2));
        self.project_out.then(attended.reshape([n, channels, height, width]), then)
    }

    /// The rest of [`ChannelAttention::forward`], from the products of all queries and keys: heads are blocks of these.
    ///
    /// # Shapes
    /// - `qkv`: `[1, 3 C, H, W]`
    /// - `products`: `[2 C, 2 C]`
    /// - output: `[1, C, H, W]`
    fn attend(&self, qkv: Tensor<4>, products: Tensor<2>, then: Then) -> Tensor<4> {
        let (device, channels) = (qkv.device(), qkv.dims()[1] / 3);
        let temperature = self.temperature.val();
        let heads = temperature.dims()[0];
        let size = channels / heads;
        let norms =
            (products.clone() * Tensor::eye(2 * channels, &device)).sum_dim(1).sqrt().clamp_min(1e-12);
        let (of_q, of_k) = (norms.clone().slice(s![..channels, ..]), norms.slice(s![channels.., ..]));
        let logits = products.slice(s![..channels, channels..]) / of_q / of_k.transpose();
        let logits = logits.reshape([heads, size, channels]) * temperature;
        let shares = softmax(logits.reshape([channels, channels]) + self.between_heads(size, &device), 1);
        // What is done with the values afterwards is as linear as the attention itself.
        let weights = self.project_out.weight.val().reshape([-1, channels as i32]).matmul(shares);
        let outputs = weights.dims()[0];
        let values = qkv.slice_dim(1, 2 * channels..3 * channels);
        let weights = weights.reshape([outputs, channels, 1, 1]);
        let bias = self.project_out.bias.as_ref().map(Param::val);
        convolve(vec![values], weights, bias, Geometry::same(1, channels, outputs), then)
    }

    /// What keeps channels from attending to those of other heads of `size` channels: `[C, C]`, 0 within a head.
    fn between_heads(&self, size: usize, device: &Device) -> Tensor<2> {
        let channels = size * self.temperature.dims()[0];
        let at = |i: usize| if i / channels / size == i % channels / size { 0.0 } else { -1e9 };
        let values: Vec<f32> = (0..channels * channels).map(at).collect();
        Tensor::from_data(TensorData::new(values, [channels, channels]), device)
    }
}

/// Attention of pixels to those in a larger window around theirs, an even number of rows and columns away.
#[derive(Module, Debug)]
pub(crate) struct SpatialAttention {
    qkv: Conv2d,
    project_out: Conv2d,
    /// Of key row minus query row, plus 11.
    rel_height: Param<Tensor<2>>,
    /// Of key column minus query column, plus 11.
    rel_width: Param<Tensor<2>>,
}

/// A window's side among pixels of one phase, and that of its keys.
const SIDE: usize = WINDOW / 2;
const KEYS: usize = (WINDOW + 2 * OVERLAP) / 2;
/// Relative positions along an axis between the two, and rows of the public tables, which hold odd distances too.
const OFFSETS: usize = SIDE + KEYS - 1;
const TABLE: usize = 2 * (WINDOW + 2 * OVERLAP) - 1;

impl SpatialAttention {
    pub(crate) fn init(dim: usize, [heads, dim_head]: [usize; 2], bias: bool, device: &Device) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std: (dim_head as f64).powf(-0.5) };
        Self {
            qkv: conv1x1(dim, 3 * heads * dim_head, bias, device),
            project_out: conv1x1(heads * dim_head, dim, bias, device),
            rel_height: normal.init([TABLE, dim_head], device),
            rel_width: normal.init([TABLE, dim_head], device),
        }
    }

    /// Pixels an even number of rows and columns apart are of one phase of PD 2: attention that is dilated in the
    /// image is ordinary attention within each of the four phases, and nothing has to be masked.
    pub(crate) fn forward(&self, x: Tensor<4>, then: Then) -> Tensor<4> {
        let dim_head = self.rel_height.dims()[1];
        let qkv = self.qkv.run(x);
        let windows = Windows { queries: SIDE, keys: KEYS, dilation: 2, shift: 0 };
        let (by_row, by_column) = (self.rel_height.val(), self.rel_width.val());
        if let Some(attended) = windowed_attention(&qkv, Positions::Tables(&by_row, &by_column), windows) {
            return self.project_out.then(attended, then);
        }
        let qkv = pd_down(qkv, 2);
        let [n, channels, rows, columns] = qkv.dims();
        let inner = channels / 3;
        let part = |i: usize| qkv.clone().slice_dim(1, i * inner..(i + 1) * inner);
        let scale = (dim_head as f32).powf(-0.5);
        let q = queries(part(0) * scale, dim_head);
        let (k, v) = (keys(part(1), dim_head), keys(part(2), dim_head));
        let attended = in_chunks(q.dims()[0], CHUNK, |range| {
            let chunk = |t: &Tensor<3>| t.clone().slice_dim(0, range.clone());
            self.attend(chunk(&q), chunk(&k), chunk(&v))
        });
        let attended = attended
            .reshape([n * inner / dim_head, rows / SIDE, columns / SIDE, SIDE, SIDE, dim_head])
            .permute([0, 5, 1, 3, 2, 4])
            .reshape([n, inner, rows, columns]);
        self.project_out.then(pd_up(attended, 2), then)
    }

    /// # Shapes
    /// - `q`: `[windows, SIDE², dim_head]`
    /// - `k`, `v`: `[windows, KEYS², dim_head]`
    /// - output: `[windows, SIDE², dim_head]`
    fn attend(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let windows = q.dims()[0];
        let (by_row, by_column) = self.relative(q.clone());
        let logits = q.matmul(k.swap_dims(1, 2)).reshape([windows, SIDE * SIDE, KEYS, KEYS]);
        let logits = logits + by_row + by_column;
        softmax(logits.reshape([windows, SIDE * SIDE, KEYS * KEYS]), 2).matmul(v)
    }

    /// What the relative positions add to the logits: `[windows, SIDE², KEYS, 1]` and `[windows, SIDE², 1, KEYS]`.
    fn relative(&self, q: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        let [windows, tokens, dim_head] = q.dims();
        // Distances within a phase are even in the image: from -6 (first key, last query) to 10.
        let first = TABLE / 2 - (WINDOW - 2);
        let table = |t: &Param<Tensor<2>>| t.val().slice(s![first..first + 2 * OFFSETS - 1;2, ..]);
        let tables = Tensor::cat(vec![table(&self.rel_height), table(&self.rel_width)], 0);
        let products = q.reshape([windows * tokens, dim_head]).matmul(tables.transpose());
        let products = products.reshape([windows, SIDE, SIDE, 2 * OFFSETS]);
        // The query at `at` meets the keys at distances -at, ..., KEYS - 1 - at.
        let pick = |axis: usize| {
            let rows = (0..SIDE).map(|at| {
                let start = axis * OFFSETS + SIDE - 1 - at;
                products.clone().slice_dim(1 + axis, at..at + 1).slice_dim(3, start..start + KEYS)
            });
            Tensor::cat(rows.collect(), 1 + axis)
        };
        let shape = [windows, tokens, KEYS, 1];
        (pick(0).reshape(shape), pick(1).reshape(shape).swap_dims(2, 3))
    }
}

/// `[N, heads * d, H, W]` to `[N * heads * H/SIDE * W/SIDE, SIDE², d]`.
fn queries(x: Tensor<4>, dim_head: usize) -> Tensor<3> {
    let [n, channels, height, width] = x.dims();
    let (rows, columns, heads) = (height / SIDE, width / SIDE, channels / dim_head);
    let x = x.reshape([n * heads, dim_head, rows, SIDE, columns, SIDE]);
    x.permute([0, 2, 4, 3, 5, 1]).reshape([n * heads * rows * columns, SIDE * SIDE, dim_head])
}

/// `[N, heads * d, H, W]` to `[N * heads * H/SIDE * W/SIDE, KEYS², d]`: overlapping windows, zero outside the image.
fn keys(x: Tensor<4>, dim_head: usize) -> Tensor<3> {
    let [n, channels, height, width] = x.dims();
    let (rows, columns, heads) = (height / SIDE, width / SIDE, channels / dim_head);
    // Padded to one window more than there are, so that each can take what overlaps from the next.
    let margin = (OVERLAP / 2, SIDE - OVERLAP / 2);
    let x = x.pad([margin, margin], PadMode::Constant(0.0));
    let x = overlapping(x.reshape([n * channels, rows + 1, SIDE, width + SIDE]));
    let x = overlapping(x.reshape([n * channels * rows * KEYS, columns + 1, SIDE, 1]));
    let x = x.reshape([n * heads, dim_head, rows, KEYS, columns, KEYS]);
    x.permute([0, 2, 4, 3, 5, 1]).reshape([n * heads * rows * columns, KEYS * KEYS, dim_head])
}

/// `[P, count + 1, SIDE, W]` to `[P, count, KEYS, W]`: each part with the first rows of the next.
fn overlapping(x: Tensor<4>) -> Tensor<4> {
    let count = x.dims()[1] - 1;
    let next = x.clone().slice_dim(1, 1..count + 1).slice_dim(2, 0..KEYS - SIDE);
    Tensor::cat(vec![x.slice_dim(1, 0..count), next], 2)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::read;
    use crate::weights;

    fn small() -> TbsnConfig {
        TbsnConfig::new()
            .with_dim(8)
            .with_blocks([1, 1, 1])
            .with_refinement(1)
            .with_spatial_heads([4, 1, 2])
            .with_dim_head(4)
    }

    /// Noise between 0 and 255.
    fn image(shape: [usize; 4]) -> Vec<f32> {
        let count: usize = shape.iter().product();
        (0..count).map(|i| 127.5 + 127.5 * ((i * i) as f32 * 0.37).sin()).collect()
    }

    fn forward(network: &Tbsn, values: Vec<f32>, shape: [usize; 4]) -> Vec<f32> {
        let x = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
        pollster::block_on(read(network.forward(x))).unwrap()
    }

    /// How much the output changes when the input does at one pixel: there, and at most elsewhere.
    fn response(network: &Tbsn, side: usize, row: usize, column: usize) -> (f32, f32) {
        let shape = [1, 3, side, side];
        let before = forward(network, image(shape), shape);
        let mut input = image(shape);
        let at = |channel: usize| (channel * side + row) * side + column;
        (0..3).for_each(|channel| input[at(channel)] += 50.0);
        let after = forward(network, input, shape);
        let change: Vec<f32> = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).collect();
        let there = (0..3).map(|channel| change[at(channel)]).fold(0.0, f32::max);
        let elsewhere = change.iter().enumerate().filter(|(i, _)| (0..3).all(|c| *i != at(c)));
        (there, elsewhere.map(|(_, change)| *change).fold(0.0, f32::max))
    }

    const PIXELS: [(usize, usize); 5] = [(0, 0), (31, 31), (16, 16), (10, 8), (17, 15)];

    /// Weights that are the same in every run: a test that looks for a bound must not depend on luck.
    fn seeded(channel_attention: bool) -> Tbsn {
        let network = small().init(&Device::flex());
        let mut state = pollster::block_on(weights::export(&network, Tbsn::official_key)).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (key, array) in state.arrays.iter_mut().filter(|(_, array)| array.shape.len() != 1) {
            let off = !channel_attention && key.ends_with(".channel_attn.project_out.weight");
            let fan_in: usize = array.shape[1..].iter().product();
            let bound = if off { 0.0 } else { (3.0 / fan_in as f32).sqrt() };
            array.data.fill_with(|| bound * (2.0 * rng.random::<f32>() - 1.0));
        }
        Tbsn::load(&state, &Device::flex()).unwrap()
    }

    #[test]
    fn strictly_blind_without_channel_attention() {
        let network = seeded(false);
        for (row, column) in PIXELS {
            let (there, elsewhere) = response(&network, 32, row, column);
            assert_eq!(there, 0.0, "at {row}, {column}");
            assert!(elsewhere > 0.0);
        }
    }

    #[test]
    fn what_leaks_through_channel_attention_is_small() {
        let network = seeded(true);
        for (row, column) in PIXELS {
            let (there, elsewhere) = response(&network, 64, row, column);
            assert!(there < 0.05 * elsewhere, "{there} against {elsewhere} at {row}, {column}");
        }
    }

    #[test]
    fn a_checkpoint_tells_its_configuration_through_any_wrapper() {
        let config = small().with_ffn_expansion(2.66).with_blocks([1, 2, 3]).with_channel_heads([2, 2, 4]);
        loads_what_it_exports(&config);
        let network = config.init(&Device::flex());
        let state = pollster::block_on(weights::export(&network, Tbsn::official_key)).unwrap();
        let arrays = state.arrays.iter().map(|(key, array)| (format!("module.bsn.{key}"), array.clone()));
        let wrapped = StateDict { arrays: arrays.collect(), ..StateDict::default() };
        let bare = StateDict::read(&wrapped.to_safetensors(weights::Precision::F32).unwrap()).unwrap();
        assert_eq!(Tbsn::recognise(&bare), Some("tbsn"));
        let again = Tbsn::load(&bare, &Device::flex()).unwrap();
        assert_eq!(pollster::block_on(weights::export(&again, Tbsn::official_key)).unwrap(), state);
        let error = TbsnConfig::infer(&StateDict::default()).unwrap_err();
        assert!(error.to_string().contains("`patch_embed.proj.weight` is missing"), "{error}");
    }

    fn loads_what_it_exports(config: &TbsnConfig) {
        let device = Device::flex();
        let network = config.init(&device);
        let state = pollster::block_on(network.export()).unwrap();
        assert_eq!(TbsnConfig::infer(&state).unwrap().biases, config.biases);
        let again = Tbsn::load(&state, &device).unwrap();
        assert_eq!(pollster::block_on(again.export()).unwrap(), state);
        let shape = [1, 3, 32, 32];
        assert_eq!(forward(&network, image(shape), shape), forward(&again, image(shape), shape));
    }

    #[test]
    fn options_of_the_public_constructor_are_told_by_the_keys() {
        let inner = Biases { channel: true, spatial: true, ffn: true, ..Biases::default() };
        let all = Biases { embed: true, resize: true, reduce: true, output: true, ..inner };
        for biases in [inner, all] {
            loads_what_it_exports(&small().with_biases(biases).with_with_bias_norm(true));
        }
    }

    #[test]
    fn normalisation_with_a_bias_takes_the_mean_away() {
        let device = Device::flex();
        let values = |v: [f32; 2]| {
            Initializer::Zeros.init([2], &device).map(|t: Tensor<1>| t + Tensor::from_floats(v, &device))
        };
        let norm = Norm { weight: values([2.0, 2.0]), bias: Some(values([1.0, 0.0])) };
        let x = Tensor::<4>::from_data([[[[10.0f32]], [[14.0]]]], &device);
        let y = pollster::block_on(read(norm.forward(x.clone()))).unwrap();
        assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 2.0).abs() < 1e-4, "{y:?}");
        let plain = pollster::block_on(read(Norm { bias: None, ..norm }.forward(x))).unwrap();
        assert!((plain[0] - 10.0).abs() < 1e-3 && (plain[1] - 14.0).abs() < 1e-3, "{plain:?}");
    }

    #[test]
    fn the_published_size_is_the_default() {
        assert_eq!(TbsnConfig::new().init(&Device::flex()).num_params(), 12_746_780);
    }

    #[test]
    fn a_batch_is_its_images_one_by_one() {
        let network = small().init(&Device::flex());
        let (one, two) = ([1, 3, 96, 96], [2, 3, 96, 96]);
        let both = image(two);
        let (first, second) = both.split_at(both.len() / 2);
        // Together, the windows are more than are attended to at once; alone, they are not.
        let got = forward(&network, both.clone(), two);
        let want = [forward(&network, first.to_vec(), one), forward(&network, second.to_vec(), one)].concat();
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}
