//! The U-Net body with five poolings that this literature passes on: Noise2Noise, HQ-SSL, Neighbor2Neighbor, SASL and
//! the distilled U-Net differ in its upsampling, activation and last stage only.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::{Device, Tensor};

use super::blind::{conv3x3_upwards, max_pool_2x2_upwards};
use crate::error::Result;
use crate::nn::{Convolve, Then, conv3x3, max_pool_2x2, upsample_nearest_x2};
use crate::weights::StateDict;

/// Poolings, and so levels of the decoder.
const LEVELS: usize = 5;

/// Widths and kind of a [`FiveLevel`] body.
#[derive(Config, Debug, PartialEq)]
pub struct FiveLevelConfig {
    /// Image channels.
    pub channels: usize,
    /// Features of the encoder.
    pub encoder: usize,
    /// Features of the decoder at levels 5 to 2.
    pub decoder: usize,
    /// Features of the two convolutions at full resolution.
    pub last: [usize; 2],
    /// Whether everything looks upwards only (see [`super::in_four_directions`]).
    #[config(default = false)]
    pub upwards: bool,
    /// Whether upsampling is a learned, transposed 2x2 convolution instead of repeating pixels.
    #[config(default = false)]
    pub deconv: bool,
    /// Slope of the LeakyReLU.
    #[config(default = 0.1)]
    pub slope: f64,
}

/// The body. Both sides of its input must be multiples of 32.
#[derive(Module, Debug)]
pub struct FiveLevel {
    encoder: Vec<Conv2d>,
    /// Deepest level first; empty when pixels are repeated.
    up: Vec<ConvTranspose2d>,
    /// Deepest level first.
    decoder: Vec<[Conv2d; 2]>,
    upwards: bool,
    slope: f64,
}

impl FiveLevelConfig {
    /// A body with random weights.
    pub fn init(&self, device: &Device) -> FiveLevel {
        let (channels, enc, dec) = (self.channels, self.encoder, self.decoder);
        let conv = |i, o| if self.upwards { conv3x3_upwards(i, o, device) } else { conv3x3(i, o, device) };
        let encoder = (0..LEVELS + 2).map(|i| conv(if i == 0 { channels } else { enc }, enc));
        let below = |i| if i == 0 { enc } else { dec };
        let level = |i| {
            let (skip, [a, b]) = if i + 1 == LEVELS { (channels, self.last) } else { (enc, [dec, dec]) };
            [conv(below(i) + skip, a), conv(a, b)]
        };
        let up =
            |i| ConvTranspose2dConfig::new([below(i), below(i)], [2, 2]).with_stride([2, 2]).init(device);
        FiveLevel {
            encoder: encoder.collect(),
            up: (0..if self.deconv { LEVELS } else { 0 }).map(up).collect(),
            decoder: (0..LEVELS).map(level).collect(),
            upwards: self.upwards,
            slope: self.slope,
        }
    }

    /// Channels and widths that the shapes of a checkpoint speak of; `key` turns paths in the body into its keys.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when one of the arrays that tell it is missing or has another rank.
    pub fn infer(state: &StateDict, key: impl Fn(&str) -> String) -> Result<Self> {
        let shape = |path: &str| state.dims::<4>(&key(path));
        let [encoder, channels, ..] = shape("encoder.0.weight")?;
        let [decoder, ..] = shape("decoder.0.0.weight")?;
        let [wide, ..] = shape("decoder.4.0.weight")?;
        let [narrow, ..] = shape("decoder.4.1.weight")?;
        Ok(Self::new(channels, encoder, decoder, [wide, narrow]))
    }
}

impl FiveLevel {
    /// Both sides of its input must be multiples of this.
    pub const SIZE_MULTIPLE: usize = 1 << LEVELS;
    /// How far it sees, in pixels.
    pub const RADIUS: usize = 157;
    /// How far up it sees when it looks upwards only.
    pub const RADIUS_UPWARDS: usize = 2 * Self::RADIUS;

    /// Features at full resolution, activated.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: `[N, last[1], H, W]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pool = if self.upwards { max_pool_2x2_upwards } else { max_pool_2x2 };
        let mut skips = vec![x.clone()];
        let mut h = self.active(&self.encoder[0], x);
        for conv in &self.encoder[1..=LEVELS] {
            h = pool(self.active(conv, h));
            skips.push(h.clone());
        }
        // The deepest pooling is the bottom itself, not a skip.
        skips.pop();
        h = self.active(&self.encoder[LEVELS + 1], h);
        for (level, convs) in self.decoder.iter().enumerate() {
            h = match self.up.get(level) {
                Some(up) => up.run(h),
                None => upsample_nearest_x2(h),
            };
            let skip = skips.pop().expect("as many skips as levels");
            let [first, second] = convs;
            h = self.active(second, self.active_concat(first, vec![h, skip]));
        }
        h
    }

    /// A convolution and the body's activation.
    pub fn active(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        self.active_concat(conv, vec![x])
    }

    /// A convolution of several tensors, concatenated along channels, and the body's activation.
    pub fn active_concat(&self, conv: &Conv2d, x: Vec<Tensor<4>>) -> Tensor<4> {
        conv.concat_then(x, Then::leaky_relu(self.slope))
    }
}
