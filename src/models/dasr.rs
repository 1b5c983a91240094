//! DASR (Wang et al., "Unsupervised Degradation Representation Learning for Blind Super-Resolution", CVPR 2021,
//! <https://arxiv.org/abs/2104.00416>), as in <https://github.com/The-Learning-And-Vision-Atelier-LAVA/DASR>.
//!
//! An encoder looks at the whole picture and describes how it was degraded (blur, noise) as one vector. A generator
//! enlarges the picture two, three or four times; in each of its blocks the vector chooses the kernels of a depthwise
//! convolution and the weights of the channels. Given the vector the generator is local, so that tiles which share
//! one vector agree.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, PixelShuffle};
use burn::tensor::activation::{leaky_relu, log_softmax, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};

use super::architecture::{Architecture, Conditions, GlobalContext, Keys, Size, configured_by};
use super::card::{Bundled, Card, Paper, TILE_PIXELS, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::{Convolve, LEAKY_SLOPE, Then, conv3x3, depthwise_of_each, pixel_mean, scale_channels};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// The card of the network that enlarges 2 times.
pub const X2: Card = Card {
    id: "dasr-x2",
    title: "DASR, 2x",
    summary: "Enlarges a blurred, noisy photo to twice its size.",
    paper: Paper {
        title: "Unsupervised Degradation Representation Learning for Blind Super-Resolution",
        authors: "Wang, Wang, Dong, Xu, Yang, An, Guo",
        year: 2021,
        url: "https://arxiv.org/abs/2104.00416",
    },
    repository: "https://github.com/The-Learning-And-Vision-Atelier-LAVA/DASR",
    family: "dasr-x2",
    channels: 3,
    range: [0.0, 255.0],
    size_multiple: 1,
    // 107 in the body and 2 in the tail, in input pixels; the embedding, which all tiles share, sees the whole photo.
    receptive_field: 109,
    tile_pixels: TILE_PIXELS,
    scale: 2,
    noise: "Gaussian blur of any direction, white Gaussian noise, sigma 0 to 25 of 255",
    correlated: false,
    adapt: Some(Adapt::X2),
    mac_per_pixel: 2_603_309,
    parameters: 5_821_571,
    objective: "contrastive-super-resolution",
    training: Training { general: false, own: &["contrastive-super-resolution"], ..Training::GENERAL },
    presets: presets(5_821_571, 1_519_875),
    weights: Some(Bundled {
        file: "dasr-x2.safetensors",
        bytes: 2_698_542,
        sha256: "3a22f9790eea0207a6eaae8c735308ff10c99edbae1e36d6fe0cb5599aa1fa45",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// The card of the network that enlarges 3 times.
pub const X3: Card = Card {
    id: "dasr-x3",
    family: "dasr-x3",
    title: "DASR, 3x",
    summary: "Enlarges a blurred, noisy photo to three times its size.",
    scale: 3,
    mac_per_pixel: 2_796_314,
    parameters: 6_006_211,
    presets: presets(6_006_211, 1_566_115),
    weights: Some(Bundled {
        file: "dasr-x3.safetensors",
        bytes: 2_906_382,
        sha256: "3db5adf70e87668e6d8375055ba805c7bd9934a9b4211b9fba677db20d0166ff",
        licence: "MIT OR Apache-2.0",
    }),
    ..X2
};

/// The card of the network that enlarges 4 times.
pub const X4: Card = Card {
    id: "dasr-x4",
    family: "dasr-x4",
    title: "DASR, 4x",
    summary: "Enlarges a blurred, noisy photo to four times its size.",
    scale: 4,
    adapt: Some(Adapt::X4),
    mac_per_pixel: 3_213_977,
    parameters: 5_969_283,
    presets: presets(5_969_283, 1_556_867),
    weights: Some(Bundled {
        file: "dasr-x4.safetensors",
        bytes: 2_864_990,
        sha256: "2a4e35a355abe914747662cb8f1a848505e2c1f7ba0ec94adbd40ea26f509ab9",
        licence: "MIT OR Apache-2.0",
    }),
    ..X2
};

/// Mean colour of the training pictures, in `[0, 1]`.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// Temperature of the contrastive loss.
const TEMPERATURE: f32 = 0.07;

/// How much of the key encoder stays in each step of training by the contrastive loss.
pub const MOMENTUM: f32 = 0.999;

/// Input pixels that the tail enlarges at once: at four times the size each of them takes 8 KB.
const TAIL_PIXELS: usize = 1 << 16;

/// Rows of context that the tail needs around a band (its reach is 1 + 1/2 + 1/4 rows, rounded up).
const TAIL_REACH: usize = 2;

/// Size of the [`Dasr`] network.
#[derive(Config, Debug, PartialEq)]
pub struct DasrConfig {
    /// Output size over input size: 2, 3 or 4.
    pub scale: usize,
    /// Groups of blocks.
    #[config(default = 5)]
    pub groups: usize,
    /// Blocks in a group.
    #[config(default = 5)]
    pub blocks: usize,
    /// Features of the generator.
    #[config(default = 64)]
    pub features: usize,
    /// By how much the channel attention narrows.
    #[config(default = 8)]
    pub reduction: usize,
    /// Features of the encoder's three levels; the last one is the length of the embedding.
    #[config(default = "[64, 128, 256]")]
    pub encoder: [usize; 3],
}

/// Encoder and generator. Takes and gives RGB in `0..=255`, any size.
#[derive(Module, Debug)]
pub struct Dasr {
    encoder: Encoder,
    generator: Generator,
}

/// The degradation encoder.
#[derive(Module, Debug)]
pub struct Encoder {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    /// Head of the contrastive loss; the generator does not use it.
    mlp: [Linear; 2],
}

#[derive(Module, Debug)]
struct Generator {
    sub_mean: Conv2d,
    head: Conv2d,
    compress: Linear,
    groups: Vec<Group>,
    conv: Conv2d,
    tail: Tail,
    add_mean: Conv2d,
}

#[derive(Module, Debug)]
struct Group {
    blocks: Vec<Block>,
    conv: Conv2d,
}

#[derive(Module, Debug)]
struct Block {
    da_conv1: DaConv,
    conv1: Conv2d,
    da_conv2: DaConv,
    conv2: Conv2d,
}

/// The degradation-aware convolution.
#[derive(Module, Debug)]
pub struct DaConv {
    /// From the embedding to one 3x3 kernel per channel.
    kernel: [Linear; 2],
    conv: Conv2d,
    /// From the embedding to one weight per channel.
    attention: [Conv2d; 2],
}

#[derive(Module, Debug)]
struct Tail {
    /// Convolutions before each pixel shuffle.
    up: Vec<Conv2d>,
    shuffle: PixelShuffle,
    last: Conv2d,
}

impl DasrConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> Dasr {
        Dasr { encoder: self.init_encoder(device), generator: self.init_generator(device) }
    }

    /// Only the encoder.
    pub fn init_encoder(&self, device: &Device) -> Encoder {
        let [a, b, c] = self.encoder;
        let layers = [(3, a, 1), (a, a, 1), (a, b, 2), (b, b, 1), (b, c, 2), (c, c, 1)];
        let conv = |(channels_in, channels_out, stride): (usize, usize, usize)| {
            Conv2dConfig::new([channels_in, channels_out], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        Encoder {
            convs: layers.into_iter().map(conv).collect(),
            norms: layers.iter().map(|l| BatchNormConfig::new(l.1).init(device)).collect(),
            mlp: [LinearConfig::new(c, c).init(device), LinearConfig::new(c, c).init(device)],
        }
    }

    fn init_generator(&self, device: &Device) -> Generator {
        let n = self.features;
        let (factor, stages) = if self.scale == 3 { (3, 1) } else { (2, self.scale.ilog2()) };
        let group = || Group {
            blocks: (0..self.blocks).map(|_| self.init_block(device)).collect(),
            conv: conv3x3(n, n, device),
        };
        Generator {
            sub_mean: shift(-1.0, device),
            head: conv3x3(3, n, device),
            compress: LinearConfig::new(self.encoder[2], n).with_bias(false).init(device),
            groups: (0..self.groups).map(|_| group()).collect(),
            conv: conv3x3(n, n, device),
            tail: Tail {
                up: (0..stages).map(|_| conv3x3(n, n * factor * factor, device)).collect(),
                shuffle: PixelShuffle { upscale_factor: factor },
                last: conv3x3(n, 3, device),
            },
            add_mean: shift(1.0, device),
        }
    }

    fn init_block(&self, device: &Device) -> Block {
        let n = self.features;
        Block {
            da_conv1: self.init_da_conv(device),
            conv1: conv3x3(n, n, device),
            da_conv2: self.init_da_conv(device),
            conv2: conv3x3(n, n, device),
        }
    }

    /// Only one degradation-aware convolution.
    pub fn init_da_conv(&self, device: &Device) -> DaConv {
        let n = self.features;
        let linear = |out| LinearConfig::new(n, out).with_bias(false).init(device);
        let narrow = (n / self.reduction).max(1);
        DaConv {
            kernel: [linear(n), linear(9 * n)],
            conv: conv1x1(n, n, true, device),
            attention: [conv1x1(n, narrow, false, device), conv1x1(narrow, n, false, device)],
        }
    }

    /// The configuration that the shapes of a checkpoint speak of.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing or has an impossible shape.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let [features, _] = conv_shape(state, "G.head.0.weight")?;
        let [tail, _] = conv_shape(state, "G.tail.0.0.weight")?;
        let second = state.shape("G.tail.0.2.weight").is_some();
        let scale = match (tail / features, second) {
            (4, false) => 2,
            (9, false) => 3,
            (4, true) => 4,
            _ => {
                let message = format!("`G.tail.0.0.weight` with {tail} features is of no known scale");
                return Err(Error::new(Kind::Weights, message));
            }
        };
        let count =
            |key: &dyn Fn(usize) -> String| (0..).take_while(|&i| state.shape(&key(i)).is_some()).count();
        let [narrow, _] = conv_shape(state, "G.body.0.body.0.da_conv1.ca.conv_du.0.weight")?;
        Ok(Self {
            scale,
            groups: count(&|g| format!("G.body.{g}.body.0.conv1.weight")),
            blocks: count(&|b| format!("G.body.0.body.{b}.conv1.weight")),
            features,
            reduction: (features / narrow).max(1),
            encoder: Self::infer_encoder(state)?,
        })
    }

    /// The widths of the encoder, from a checkpoint's shapes.
    ///
    /// # Errors
    /// As [`DasrConfig::infer`].
    pub fn infer_encoder(state: &StateDict) -> Result<[usize; 3]> {
        let width = |layer| Ok::<_, Error>(conv_shape(state, &format!("E.encoder_q.E.{layer}.weight"))?[0]);
        Ok([width(0)?, width(6)?, width(12)?])
    }

    /// The official key of a parameter at `path` in the [`Dasr`] module.
    pub fn key(&self, path: &str) -> String {
        if let Some(rest) = path.strip_prefix("encoder.") {
            return format!("E.encoder_q.{}", Encoder::key(rest));
        }
        let parts: Vec<&str> = path.split('.').skip(1).collect();
        let inner = match parts[..] {
            [layer @ ("head" | "compress"), name] => format!("{layer}.0.{name}"),
            ["conv", name] => format!("body.{}.{name}", self.groups),
            ["groups", g, "conv", name] => format!("body.{g}.body.{}.{name}", self.blocks),
            ["groups", g, "blocks", b, ref rest @ ..] => {
                let rest = match rest {
                    [da, rest @ ..] if da.starts_with("da_") => {
                        format!("{da}.{}", DaConv::key(&rest.join(".")))
                    }
                    rest => rest.join("."),
                };
                format!("body.{g}.body.{b}.{rest}")
            }
            ["tail", "up", i, name] => format!("tail.0.{}.{name}", 2 * index(i)),
            ["tail", "last", name] => format!("tail.1.{name}"),
            ref rest => rest.join("."),
        };
        format!("G.{inner}")
    }
}

/// Numbers in paths come from our own modules.
fn index(digits: &str) -> usize {
    digits.parse().unwrap_or_default()
}

/// `[out, in]` of a convolution of the checkpoint.
fn conv_shape(state: &StateDict, key: &str) -> Result<[usize; 2]> {
    match state.shape(key) {
        Some(&[out, input, _, _]) if out > 0 && input > 0 => Ok([out, input]),
        Some(other) => {
            let message = format!("`{key}` has the shape {other:?}, not that of a convolution");
            Err(Error::new(Kind::Weights, message))
        }
        None => {
            let message = format!("these are not weights of this network: `{key}` is missing");
            Err(Error::new(Kind::Weights, message))
        }
    }
}

fn conv1x1(channels_in: usize, channels_out: usize, bias: bool, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [1, 1]).with_bias(bias).init(device)
}

/// A frozen 1x1 convolution that adds the mean colour, `sign` times.
fn shift(sign: f32, device: &Device) -> Conv2d {
    let mut conv = conv1x1(3, 3, true, device);
    let identity = TensorData::new(vec![1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], [3, 3, 1, 1]);
    let mean = TensorData::new(MEAN.map(|m| sign * 255.0 * m).to_vec(), [3]);
    conv.weight = Param::from_data(identity, device).set_require_grad(false);
    conv.bias = Some(Param::from_data(mean, device).set_require_grad(false));
    conv
}

impl Architecture for Dasr {
    configured_by!(DasrConfig);

    const CARDS: &'static [Card] = &[X2, X3, X4];

    fn preset(card: &Card, size: Size) -> DasrConfig {
        match size {
            Size::Published => DasrConfig::new(card.scale),
            Size::Small => DasrConfig::new(card.scale).with_groups(2).with_blocks(2).with_features(32),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        state.shape("E.encoder_q.E.0.weight")?;
        match DasrConfig::infer(state).ok()?.scale {
            2 => Some(X2.id),
            3 => Some(X3.id),
            _ => Some(X4.id),
        }
    }

    fn keys(&self) -> Keys {
        let config = self.config();
        Box::new(move |path| config.key(path))
    }

    fn channels(&self) -> [usize; 2] {
        [3, 3]
    }

    fn demands(&self) -> Demands {
        // Convolutions of 3x3 one after the other: the head, four in each block and one after each group, the body's last,
        // and up to two in the tail.
        let DasrConfig { groups, blocks, .. } = self.config();
        Demands { size_multiple: 1, radius: 1 + groups * (4 * blocks + 1) + 1 + 2 }
    }

    /// Enlarges pictures, each with the embedding of itself.
    ///
    /// # Shapes
    /// - `x`: `[N, 3, H, W]`
    /// - output: `[N, 3, scale * H, scale * W]`, not clipped
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let embedding = self.encoder.embed(x.clone());
        self.upscale(x, embedding)
    }

    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        Cow::Owned(without_training_state(state))
    }

    fn has_global_context(&self) -> bool {
        true
    }

    fn global_context(&self, photo: Tensor<4>) -> Option<GlobalContext> {
        Some(GlobalContext(self.embed(photo * 255.0)))
    }

    fn denoise_in_context(&self, x: Tensor<4>, _: &Conditions, context: &GlobalContext) -> Tensor<4> {
        self.in_range_of_card(x, |x| self.upscale(x, context.0.clone()))
    }
}

impl Dasr {
    /// What degraded the pictures.
    ///
    /// # Shapes
    /// - `x`: `[N, 3, H, W]`
    /// - output: `[N, embedding]`
    pub fn embed(&self, x: Tensor<4>) -> Tensor<2> {
        self.encoder.embed(x)
    }

    /// Enlarges pictures, or parts of them, whose embedding is known.
    ///
    /// # Shapes
    /// - `x`: `[N, 3, H, W]`
    /// - `embedding`: `[N, embedding]`
    /// - output: `[N, 3, scale * H, scale * W]`, not clipped
    pub fn upscale(&self, x: Tensor<4>, embedding: Tensor<2>) -> Tensor<4> {
        self.generator.forward(x, self.generator.compress(embedding))
    }

    /// The embedding as the generator's blocks see it: `[N, embedding]` to `[N, features]`.
    pub fn compress(&self, embedding: Tensor<2>) -> Tensor<2> {
        self.generator.compress(embedding)
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The configuration it was made with.
    pub fn config(&self) -> DasrConfig {
        let tail = &self.generator.tail;
        let [a, _, b, _, c, _] = [0, 1, 2, 3, 4, 5].map(|i| self.encoder.convs[i].weight.lazy_shape()[0]);
        let attention = &self.generator.groups[0].blocks[0].da_conv1.attention[0];
        let [narrow, features, ..] = attention.weight.lazy_shape().dims::<4>();
        DasrConfig {
            scale: tail.scale(),
            groups: self.generator.groups.len(),
            blocks: self.generator.groups[0].blocks.len(),
            features,
            reduction: features / narrow,
            encoder: [a, b, c],
        }
    }
}

impl Encoder {
    /// The embedding, as the generator wants it: `[N, 3, H, W]` to `[N, embedding]`.
    pub fn embed(&self, x: Tensor<4>) -> Tensor<2> {
        let layers = self.convs.iter().zip(&self.norms);
        let x = layers.fold(x, |x, (conv, norm)| leaky_relu(norm.forward(conv.run(x)), LEAKY_SLOPE));
        let [n, channels, ..] = x.dims();
        pixel_mean(x).reshape([n, channels])
    }

    /// From the embedding to where the contrastive loss compares: `[N, embedding]` to the same.
    pub fn project(&self, embedding: Tensor<2>) -> Tensor<2> {
        let [first, second] = &self.mlp;
        second.forward(leaky_relu(first.forward(embedding), LEAKY_SLOPE))
    }

    /// The official key, without the name of the encoder, of a parameter at `path`.
    pub fn key(path: &str) -> String {
        match path.split('.').collect::<Vec<_>>()[..] {
            // Convolution, normalisation and activation stand in threes in the official Sequential.
            ["convs", i, name] => format!("E.{}.{name}", 3 * index(i)),
            ["norms", i, name] => format!("E.{}.{name}", 3 * index(i) + 1),
            ["mlp", i, name] => format!("mlp.{}.{name}", 2 * index(i)),
            _ => path.to_string(),
        }
    }
}

/// Logits of the contrastive loss (MoCo): of each query against its own key first, then against the keys of other
/// degradations.
///
/// # Shapes
/// - `query`, `key`: `[N, D]`, projected embeddings
/// - `queue`: `[D, K]`, normalised
/// - output: `[N, 1 + K]`
pub fn contrastive_logits(query: Tensor<2>, key: Tensor<2>, queue: Tensor<2>) -> Tensor<2> {
    let normalise = |v: Tensor<2>| v.clone() / v.powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
    let (query, key) = (normalise(query), normalise(key));
    let positive = (query.clone() * key).sum_dim(1);
    Tensor::cat(vec![positive, query.matmul(queue)], 1) / TEMPERATURE
}

/// The contrastive loss: how little each query's own key, the first column of [`contrastive_logits`], stands out.
pub fn contrastive_loss(logits: Tensor<2>) -> Tensor<1> {
    -log_softmax(logits, 1).narrow(1, 0, 1).mean()
}

impl Generator {
    fn compress(&self, embedding: Tensor<2>) -> Tensor<2> {
        leaky_relu(self.compress.forward(embedding), LEAKY_SLOPE)
    }

    fn forward(&self, x: Tensor<4>, k: Tensor<2>) -> Tensor<4> {
        let x = self.head.run(self.sub_mean.run(x));
        let deep = self.groups.iter().fold(x.clone(), |x, group| group.forward(x, &k));
        let x = self.conv.then(deep, Then::nothing().add(x));
        self.add_mean.run(self.tail.forward(x, TAIL_PIXELS))
    }
}

impl Group {
    fn forward(&self, x: Tensor<4>, k: &Tensor<2>) -> Tensor<4> {
        let deep = self.blocks.iter().fold(x.clone(), |x, block| block.forward(x, k));
        self.conv.then(deep, Then::nothing().add(x))
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>, k: &Tensor<2>) -> Tensor<4> {
        let active = || Then::leaky_relu(LEAKY_SLOPE);
        let y = leaky_relu(self.da_conv1.forward(x.clone(), k.clone()), LEAKY_SLOPE);
        let y = self.conv1.then(y, active());
        let y = leaky_relu(self.da_conv2.forward(y, k.clone()), LEAKY_SLOPE);
        self.conv2.then(y, Then::nothing().add(x))
    }
}

impl DaConv {
    /// # Shapes
    /// - `x`: `[N, C, H, W]`
    /// - `k`: `[N, C]`, the compressed embedding
    /// - output: `[N, C, H, W]`
    pub fn forward(&self, x: Tensor<4>, k: Tensor<2>) -> Tensor<4> {
        let [n, channels, ..] = x.dims();
        let [first, second] = &self.kernel;
        let kernels = second.forward(leaky_relu(first.forward(k.clone()), LEAKY_SLOPE));
        let y = depthwise_of_each(x.clone(), kernels, 3, Then::leaky_relu(LEAKY_SLOPE));
        let [narrow, wide] = &self.attention;
        let narrow = narrow.then(k.reshape([n, channels, 1, 1]), Then::leaky_relu(LEAKY_SLOPE));
        let weighted = scale_channels(x, sigmoid(wide.run(narrow)), Then::nothing());
        self.conv.then(y, Then::nothing().add(weighted))
    }

    /// The official key of a parameter at `path`.
    pub fn key(path: &str) -> String {
        match path.split('.').collect::<Vec<_>>()[..] {
            ["kernel", i, name] => format!("kernel.{}.{name}", 2 * index(i)),
            ["attention", i, name] => format!("ca.conv_du.{}.{name}", 2 * index(i)),
            _ => path.to_string(),
        }
    }
}

impl Tail {
    fn scale(&self) -> usize {
        self.shuffle.upscale_factor.pow(self.up.len() as u32)
    }

    /// Enlarges in bands of about `pixels` input pixels: the widest activations of the network are here, and a whole
    /// tile of them would not fit a browser's memory.
    fn forward(&self, x: Tensor<4>, pixels: usize) -> Tensor<4> {
        let [n, _, height, width] = x.dims();
        let rows = (pixels / (n * width)).max(1);
        if rows >= height {
            return self.enlarge(x);
        }
        let bands = (0..height).step_by(rows).map(|start| {
            let end = (start + rows).min(height);
            let (from, to) = (start.saturating_sub(TAIL_REACH), (end + TAIL_REACH).min(height));
            let large = self.enlarge(x.clone().slice_dim(2, from..to));
            large.slice_dim(2, (start - from) * self.scale()..(end - from) * self.scale())
        });
        Tensor::cat(bands.collect(), 2)
    }

    fn enlarge(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.up.iter().fold(x, |x, conv| self.shuffle.forward(conv.run(x)));
        self.last.run(x)
    }
}

/// What the official trainer leaves in a checkpoint beside the network: counters of the normalisations, and the
/// momentum encoder and queue of the contrastive loss.
pub fn without_training_state(state: &StateDict) -> StateDict {
    state.filtered(|key| {
        !key.ends_with(".num_batches_tracked")
            && !key.starts_with("E.encoder_k.")
            && !key.starts_with("E.queue")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Model, card, recognise};
    use crate::nn::read;
    use crate::weights::{export, load};
    use burn::tensor::Distribution;

    fn tiny(scale: usize) -> DasrConfig {
        DasrConfig::new(scale).with_groups(2).with_blocks(3).with_features(8).with_encoder([4, 6, 8])
    }

    fn random(shape: [usize; 4]) -> Tensor<4> {
        Tensor::random(shape, Distribution::Uniform(0.0, 255.0), &Device::flex())
    }

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    fn assert_close(a: &[f32], b: &[f32]) {
        let peak = a.iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * peak));
    }

    #[test]
    fn every_scale_is_told_by_the_weights() {
        for scale in [2, 3, 4] {
            let (config, device) = (tiny(scale), Device::flex());
            let network = config.init(&device);
            assert_eq!(network.config(), config);
            let state = pollster::block_on(export(&network, |path| config.key(path))).unwrap();
            assert_eq!(DasrConfig::infer(&state).unwrap(), config);
            let id = recognise(&state).unwrap().id;
            assert_eq!(id, format!("dasr-x{scale}"));
            assert_eq!(card(id).unwrap().scale, scale);
            let again = load(config.init(&device), &state, |path| config.key(path)).unwrap();
            let x = random([1, 3, 5, 7]);
            assert_eq!(values(network.forward(x.clone())), values(again.forward(x)));
        }
    }

    #[test]
    fn leftovers_of_the_training_are_ignored_and_anything_else_is_refused() {
        let (config, device) = (tiny(2), Device::flex());
        let network = config.init(&device);
        let mut state = pollster::block_on(export(&network, |path| config.key(path))).unwrap();
        let norm = state.arrays["E.encoder_q.E.1.weight"].clone();
        for key in ["E.queue", "E.queue_ptr", "E.encoder_k.E.1.weight", "E.encoder_q.E.1.num_batches_tracked"]
        {
            state.arrays.insert(key.into(), norm.clone());
        }
        assert!(Model::load("dasr-x2", &state, &device).is_ok());
        let message = Model::load("dasr-x4", &state, &device).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("`dasr-x2`"), "{message}");
        for key in ["G.a", "G.b", "G.c", "G.d"] {
            state.arrays.insert(key.into(), norm.clone());
        }
        let message = Model::load("dasr-x2", &state, &device).map(|_| ()).unwrap_err().to_string();
        assert!(["`G.a`", "`G.b`", "`G.c`", "and 1 more"].iter().all(|s| message.contains(s)), "{message}");
    }

    #[test]
    fn the_published_sizes_are_as_on_the_cards() {
        for scale in [2, 3, 4] {
            let config = DasrConfig::new(scale);
            let network = config.init(&Device::flex());
            let state = pollster::block_on(export(&network, |path| config.key(path))).unwrap();
            let trained = state.filtered(|key| !key.contains("_mean") && !key.contains("running_"));
            let card = card(&format!("dasr-x{scale}")).unwrap();
            assert_eq!(trained.parameters() as u64, card.parameters, "{scale}");
        }
    }

    #[test]
    fn the_tail_in_bands_equals_the_tail_in_one_piece() {
        for scale in [2, 3, 4] {
            let tail = tiny(scale).init(&Device::flex()).generator.tail;
            let x = random([2, 8, 13, 6]);
            let whole = values(tail.forward(x.clone(), usize::MAX));
            for rows in [1, 4, 12] {
                assert_close(&whole, &values(tail.forward(x.clone(), 2 * 6 * rows)));
            }
        }
    }

    #[test]
    fn each_picture_of_a_batch_has_kernels_of_its_own() {
        let network = tiny(2).init(&Device::flex());
        let (a, b) = (random([1, 3, 6, 9]), random([1, 3, 6, 9]) * 0.1);
        let both = values(network.forward(Tensor::cat(vec![a.clone(), b.clone()], 0)));
        let one_by_one = [values(network.forward(a)), values(network.forward(b))].concat();
        assert_close(&both, &one_by_one);
    }

    #[test]
    fn with_one_embedding_it_sees_no_further_than_its_receptive_field() {
        let config =
            DasrConfig::new(4).with_groups(1).with_blocks(1).with_features(8).with_encoder([4, 4, 8]);
        let network = config.init(&Device::flex());
        let x = random([1, 3, 1, 31]);
        let embedding = network.embed(x.clone());
        let before = values(network.upscale(x.clone(), embedding.clone()));
        let changed = x.clone().slice_dim(3, 0..30);
        let changed = Tensor::cat(vec![changed, x.slice_dim(3, 30..31) + 50.0], 3);
        let after = values(network.upscale(changed, embedding));
        // Convolutions in a transformed domain see four pixels at once: what lies beyond cancels but for rounding.
        let peak = after.iter().fold(0f32, |peak, v| peak.max(v.abs()));
        let moved = |i: usize| (before[i] - after[i]).abs() > 1e-6 * peak;
        // Head, four in the block, group, body, tail: 1 + 4 + 1 + 1 + 2.
        assert!((0..4 * (30 - 9)).all(|i| !moved(i)));
        assert!(moved(4 * 30));
    }
}
