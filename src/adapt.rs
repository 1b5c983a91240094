//! Ways of running a network on noise that it was not made for, without changing its weights.
//!
//! Networks for white noise fail on photos of cameras, whose noise spreads over neighbouring pixels. Pixel-shuffle
//! downsampling (PD; Zhou et al., "When AWGN-based Denoiser Meets Real Noises", AAAI 2020) takes pixels apart until
//! their noise is independent; random-replacing refinement (R3; Lee et al., "AP-BSN: Self-Supervised Denoising for
//! Real-World Images via Asymmetric PD and Blind-Spot Network", CVPR 2022) brings back the detail that this costs. For
//! networks without a blind spot it is better to put no noise back: to run the network on its result. Beside that, the
//! plain result is kept where the two differ by more than noise can explain.
//!
//! Networks for cameras that learned little take texture for noise. What they take away is noise and texture; where, in a
//! window, it is more than the noise, the share of the noise in it is the best share to take (Wiener).
//!
//! Any network gains a little as the mean of its results for the turned and mirrored photo (self-ensemble; Timofte, Rothe,
//! Van Gool, "Seven Ways to Improve Example-Based Single Image Super Resolution", CVPR 2016).

use std::fmt;
use std::str::FromStr;

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::models::Card;
use crate::nn::padding::{crop, reflect_to_multiple};
use crate::nn::rotate_180;
pub use crate::nn::shuffle::{pd_down, pd_phase, pd_up};
use crate::noise::NoiseEstimate;
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// Share of the values that R3 puts back, as published.
pub const R3_RATE: f64 = 0.16;
/// Passes of R3, as published.
pub const R3_PASSES: usize = 8;
/// Side of the window in which results are compared with each other or with the photo, pixels.
const WINDOW: usize = 7;
/// Deviation below which [`Mode::Auto`] takes a photo for free of noise.
const NO_NOISE: f32 = 0.2 / 255.0;
/// Correlation 3 pixels apart from which phases 2 apart are not independent enough: PD 3 is taken.
const WIDE: f32 = 0.23;
/// Turns that [`Mode::Auto`] affords: more gain hundredths of a decibel.
const FEW_TURNS: usize = 2;
/// Photos of at most so many pixels get them: larger ones take long as it is.
const SMALL_PHOTO: usize = 1 << 20;
/// Smallest difference that is taken for detail: estimates of weak noise are not to be relied on.
const SMALLEST_DETAIL: f32 = 0.01;

/// Note of weights that says how they want to be run.
pub const NOTE: &str = "adapt";

/// How a network is asked to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mode {
    /// As the photo's noise wants it, or as the network's card does.
    #[default]
    Auto,
    /// Plain, but taking away no more than the photo's noise explains.
    Wiener,
    /// This way.
    Fixed(Adapt),
}

impl Mode {
    /// The names of all modes.
    pub const NAMES: [&str; 10] = ["auto", "plain", "wiener", "x2", "x8", "pd2", "pd3", "pd4", "pd5", "r3"];

    /// What weights say of themselves, in their note `adapt`: tuned ones want to be run as they were tuned, and some
    /// of those in the package take too much unless they are held back.
    ///
    /// # Errors
    /// [`Kind::Option`] when the note is none of [`Mode::NAMES`].
    pub fn noted(weights: &StateDict) -> Result<Self> {
        weights.metadata.get(NOTE).map_or(Ok(Mode::Auto), |name| name.parse())
    }

    /// What is run on a photo of so many pixels with this noise. By itself, PD is chosen only for noise that is correlated,
    /// and for networks that gain by it.
    ///
    /// # Errors
    /// [`Kind::Option`] when a network that enlarges is asked for anything but plain.
    pub fn choose(self, card: &Card, noise: &NoiseEstimate, pixels: usize) -> Result<Adapt> {
        match self {
            Mode::Auto => Ok(match card.adapt {
                Some(adapt) if pixels > SMALL_PHOTO => Adapt { turns: 1, ..adapt },
                Some(adapt) => adapt,
                None => Adapt::for_noise(noise, pixels),
            }),
            Mode::Fixed(adapt) if adapt == Adapt::PLAIN => Ok(adapt),
            Mode::Fixed(_) | Mode::Wiener if card.scale > 1 => {
                let message = format!("`{}` enlarges, and so can only be run plain", card.id);
                Err(Error::new(Kind::Option, message))
            }
            Mode::Wiener => Ok(Adapt::wiener(noise)),
            Mode::Fixed(adapt) => Ok(adapt),
        }
    }
}

impl FromStr for Mode {
    type Err = Error;

    /// One of [`Mode::NAMES`]; `x2` and `x8` are the mean of so many turns, `r3` is PD 2 and R3, as published.
    fn from_str(name: &str) -> Result<Self> {
        let turns = |turns| Ok(Mode::Fixed(Adapt { turns, ..Adapt::PLAIN }));
        let pd = |pd| Ok(Mode::Fixed(Adapt { pd, ..Adapt::PLAIN }));
        match name {
            "auto" => Ok(Mode::Auto),
            "plain" => turns(1),
            "wiener" => Ok(Mode::Wiener),
            "x2" => turns(2),
            "x8" => turns(TURNS),
            "pd2" => pd(2),
            "pd3" => pd(3),
            "pd4" => pd(4),
            "pd5" => pd(5),
            "r3" => Ok(Mode::Fixed(Adapt::R3)),
            _ => {
                let message = format!("there is no mode `{name}`; there are: {}", Self::NAMES.join(", "));
                Err(Error::new(Kind::Option, message))
            }
        }
    }
}

/// How a network is run: as it is, on PD phases, or on PD phases with something after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adapt {
    /// PD factor; 1 leaves the pixels together. Camera photos: 2 for networks trained on phases 5 apart.
    pub pd: usize,
    /// Passes of R3 over the result of PD; 0 does without.
    pub refinements: usize,
    /// Whether the network is run once more, on the result so far.
    pub again: bool,
    /// Where the plain result differs from this one by more than this (root mean square of a window, `[0, 1]` units), it
    /// is detail, and the plain result is kept.
    pub detail: Option<f32>,
    /// Deviation of the noise (`[0, 1]` units): where what is taken away is more than that (root mean square of a window),
    /// only the noise's share of it is.
    pub wiener: Option<f32>,
    /// Turns and mirrorings that are averaged, 1 to 8: those of the run again, else of the run on phases.
    pub turns: usize,
}

impl Adapt {
    /// The network as it is.
    pub const PLAIN: Self =
        Self { pd: 1, refinements: 0, again: false, detail: None, wiener: None, turns: 1 };
    /// The mean of a few turns. [`Mode::Auto`] affords them for small photos only.
    pub const TURNED: Self = Self { turns: FEW_TURNS, ..Self::PLAIN };
    /// PD 2 and R3, as published for networks with a blind spot.
    pub const R3: Self = Self { pd: 2, refinements: R3_PASSES, ..Self::PLAIN };

    /// Plain, held back; without noise there is nothing to hold it back by.
    fn wiener(noise: &NoiseEstimate) -> Self {
        Self { wiener: (noise.sigma >= NO_NOISE).then_some(noise.sigma), ..Self::PLAIN }
    }

    /// What is best, by the public halves of CC15 and PolyU100, for noise of this level and correlation.
    fn for_noise(noise: &NoiseEstimate, pixels: usize) -> Self {
        if noise.sigma < NO_NOISE {
            return Self::PLAIN;
        }
        let again = pixels <= SMALL_PHOTO;
        let turns = if again { FEW_TURNS } else { 1 };
        if !noise.correlated {
            return Self { turns, ..Self::PLAIN };
        }
        let [.., far] = noise.correlation.chroma.unwrap_or(noise.correlation.luma);
        let detail = noise.sigma.hypot(SMALLEST_DETAIL);
        Self { pd: if far > WIDE { 3 } else { 2 }, again, detail: Some(detail), turns, ..Self::PLAIN }
    }

    /// What tiles need, for a network with these demands: phases see further, and every pass after the first one sees
    /// what the one before has seen.
    #[must_use]
    pub fn demands(&self, network: Demands) -> Demands {
        let Demands { size_multiple, radius } = network;
        let after = usize::from(self.refinements > 0) + usize::from(self.again);
        let window = if self.detail.or(self.wiener).is_some() { WINDOW / 2 } else { 0 };
        Demands { size_multiple: size_multiple * self.pd, radius: radius * (self.pd + after) + window }
    }

    /// Runs `forward` (same size out as in, both sides multiples of `multiple`) on `x`, `[N, C, H, W]`, which begins at
    /// column `at[0]` and row `at[1]` of its photo. What is random depends on `seed` and the place in the photo alone,
    /// so that tiles agree.
    pub fn apply(
        &self,
        x: Tensor<4>,
        at: [usize; 2],
        multiple: usize,
        seed: u64,
        forward: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let plain = |x: Tensor<4>| {
            let [_, _, height, width] = x.dims();
            crop(forward(reflect_to_multiple(x, multiple)), height, width)
        };
        let turns = if self.again { 1 } else { self.turns };
        let mut result = pd(x.clone(), self.pd, multiple, |x| in_turns(turns, x, &forward));
        if self.refinements > 0 {
            let (shape, device) = (x.dims(), x.device());
            let masks = (0..self.refinements).map(|pass| replaced(shape, at, pass, seed, &device));
            result = refine(x.clone(), result, masks, plain);
        }
        if self.again {
            result = in_turns(self.turns, result, plain);
        }
        if let Some(detail) = self.detail {
            result = keep_detail(plain(x.clone()), result, detail);
        }
        match self.wiener {
            Some(sigma) => hold_back(x, result, sigma),
            None => result,
        }
    }
}

impl Default for Adapt {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl fmt::Display for Adapt {
    /// `plain`, or for example `x2`, `pd2`, `pd2+r3`, `pd3+again+detail+x2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = [
            (self.pd > 1, format!("pd{}", self.pd)),
            (self.refinements > 0, "r3".to_string()),
            (self.again, "again".to_string()),
            (self.detail.is_some(), "detail".to_string()),
            (self.wiener.is_some(), "wiener".to_string()),
            (self.turns > 1, format!("x{}", self.turns)),
        ];
        let names: Vec<_> = shares.into_iter().filter_map(|(there, name)| there.then_some(name)).collect();
        f.write_str(if names.is_empty() { "plain" } else { "" })?;
        f.write_str(&names.join("+"))
    }
}

/// Runs `forward` on the PD phases of `x` (all of them, as one batch) and puts them together again.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, any size: it is padded until the phases' sides are multiples of `multiple`
/// - output: the same
pub fn pd(
    x: Tensor<4>,
    factor: usize,
    multiple: usize,
    forward: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let padded = reflect_to_multiple(x, factor * multiple);
    if factor == 1 {
        return crop(forward(padded), height, width);
    }
    crop(pd_up(forward(pd_down(padded, factor)), factor), height, width)
}

/// R3: where a mask is 1, the noisy value stands in for the first result; all these mixtures are denoised at full
/// resolution and averaged. There must be at least one mask.
///
/// # Shapes
/// - `noisy`, `first`, each of `masks`, output: `[N, C, H, W]`
pub fn refine(
    noisy: Tensor<4>,
    first: Tensor<4>,
    masks: impl IntoIterator<Item = Tensor<4>>,
    forward: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let mixture = |mask: Tensor<4>| noisy.clone() * mask.clone() + first.clone() * (mask.neg() + 1.0);
    mean(masks.into_iter().map(|mask| forward(mixture(mask))))
}

/// How many ways there are to turn and mirror a picture.
const TURNS: usize = 8;

/// The mean of what `forward` makes of `x` in the first so many turns.
fn in_turns(turns: usize, x: Tensor<4>, forward: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    mean((0..turns).map(|turn| in_turn(turn, x.clone(), &forward)))
}

/// What `forward` makes of `x` turned or mirrored in the given way, turned back; 0 leaves it as it is.
fn in_turn(turn: usize, x: Tensor<4>, forward: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    // Each of the three is its own inverse. Half turns come first: they differ most.
    let (upside_down, on_its_side, mirrored) = (turn & 1 > 0, turn & 2 > 0, turn & 4 > 0);
    let mirror = |x: Tensor<4>| if mirrored { x.flip([3]) } else { x };
    let lay = |x: Tensor<4>| if on_its_side { x.swap_dims(2, 3) } else { x };
    let rotate = |x: Tensor<4>| if upside_down { rotate_180(x) } else { x };
    mirror(lay(rotate(forward(rotate(lay(mirror(x)))))))
}

/// `other`, and `plain` where the two differ by more than `detail`: by root mean squares of windows over all channels,
/// from `detail` on gradually.
fn keep_detail(plain: Tensor<4>, other: Tensor<4>, detail: f32) -> Tensor<4> {
    let difference = plain - other.clone();
    let weight = (energy(difference.clone()) / (detail * detail) - 1.0).clamp(0.0, 1.0);
    other + difference * weight
}

/// `noisy` without what `denoised` lacks; where that is more than noise of deviation `sigma`, without the noise's share of
/// it: of noise and texture that do not depend on each other, the share whose mean square error is the least.
fn hold_back(noisy: Tensor<4>, denoised: Tensor<4>, sigma: f32) -> Tensor<4> {
    let taken = noisy.clone() - denoised;
    let energy = energy(taken.clone()).clamp_min(sigma * sigma);
    noisy - taken * energy.recip() * (sigma * sigma)
}

/// Mean square of the window around each pixel, over all channels: `[N, C, H, W]` to `[N, 1, H, W]`.
fn energy(x: Tensor<4>) -> Tensor<4> {
    let window = AvgPoolOptions::new([WINDOW; 2])
        .with_stride([1; 2])
        .with_padding([WINDOW / 2; 2])
        .with_count_include_pad(false);
    avg_pool2d(x.square().mean_dim(1), window)
}

/// The mask of a pass of R3: 1 with probability [`R3_RATE`], else 0, by seed, pass and place in the photo.
fn replaced(shape: [usize; 4], at: [usize; 2], pass: usize, seed: u64, device: &Device) -> Tensor<4> {
    let [n, channels, height, width] = shape;
    let threshold = (R3_RATE * 2f64.powi(64)) as u64;
    let mut values = Vec::with_capacity(n * channels * height * width);
    for plane in 0..n * channels {
        let layer = scatter(scatter(seed) ^ (pass as u64) << 32 ^ plane as u64);
        for row in at[1]..at[1] + height {
            let line = scatter(layer ^ row as u64);
            let value = |column| f32::from(scatter(line ^ column as u64) < threshold);
            values.extend((at[0]..at[0] + width).map(value));
        }
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A number that looks random: the step of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
fn scatter(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The mean of tensors of one shape, of which there must be at least one.
pub(crate) fn mean<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    let mut count = 0;
    let sum = tensors.inspect(|_| count += 1).reduce(|sum, next| sum + next);
    sum.expect("at least one tensor") / count as f32
}

/// Independent values, 1 with probability `rate`, else 0. Made on the CPU, so that a seed means the same everywhere.
pub(crate) fn bernoulli<const D: usize>(
    shape: [usize; D],
    rate: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| f32::from(rng.random_bool(rate))).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    fn image(shape: [usize; 4]) -> Tensor<4> {
        let count: usize = shape.iter().product();
        let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7 + 0.3).sin()).collect();
        Tensor::from_data(TensorData::new(data, shape), &Device::flex())
    }

    #[test]
    fn an_identity_network_stays_one_at_any_size_and_factor() {
        for (height, width) in [(1, 1), (7, 5), (13, 31), (8, 64)] {
            for pd in 1..=5 {
                let x = image([2, 3, height, width]);
                let got = Adapt { pd, detail: Some(0.1), ..Adapt::PLAIN };
                let got = got.apply(x.clone(), [0; 2], 4, 0, |x| {
                    assert!(x.dims()[2] % 4 == 0 && x.dims()[3] % 4 == 0);
                    x
                });
                assert_eq!(values(got), values(x));
            }
        }
    }

    #[test]
    fn all_turns_treat_a_picture_as_they_treat_the_turned_one() {
        // Looks to the right and, less, downwards.
        let lopsided = |x: Tensor<4>| {
            let [_, _, height, width] = x.dims();
            let left = x.clone().slice([0..1, 0..3, 0..height, 0..1]);
            let right = Tensor::cat(vec![x.clone().slice([0..1, 0..3, 0..height, 1..width]), left], 3);
            let top = x.clone().slice([0..1, 0..3, 0..1, 0..width]);
            let below = Tensor::cat(vec![x.clone().slice([0..1, 0..3, 1..height, 0..width]), top], 2);
            x + right * 0.5 + below * 0.25
        };
        let run = |x: Tensor<4>, turns| Adapt { turns, ..Adapt::PLAIN }.apply(x, [0; 2], 4, 0, lopsided);
        let worst = |a: Tensor<4>, b: Tensor<4>| {
            let (a, b) = (values(a), values(b));
            a.iter().zip(&b).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()))
        };
        let x = image([1, 3, 8, 12]);
        for turn in 0..TURNS {
            assert_eq!(values(in_turn(turn, x.clone(), |x| x)), values(x.clone()), "turn {turn}");
            let turned = in_turn(turn, x.clone(), |x| run(x, TURNS));
            assert!(worst(turned, run(x.clone(), TURNS)) < 1e-5, "turn {turn}");
        }
        let half = in_turn(1, x.clone(), |x| run(x, 2));
        assert!(worst(half, run(x.clone(), 2)) < 1e-5);
        assert!(worst(in_turn(1, x.clone(), |x| run(x, 1)), run(x.clone(), 1)) > 0.1);
        assert!(worst(in_turn(2, x.clone(), |x| run(x, 2)), run(x, 2)) > 0.1);
    }

    #[test]
    fn a_phase_is_an_element_of_the_batch() {
        let x = image([2, 3, 6, 9]);
        let phase = values(pd_phase(x.clone(), 3, 1, 2));
        let batch = values(pd_down(x, 3));
        let image = 3 * 2 * 3;
        assert_eq!(phase[..image], batch[5 * image..6 * image]);
        assert_eq!(phase[image..], batch[14 * image..15 * image]);
    }

    #[test]
    fn refinement_puts_noisy_values_back_by_seed() {
        let x = image([1, 3, 32, 32]);
        let run = |seed| {
            // Black where the network saw phases, itself at full resolution: what is left is what was put back.
            let adapt = Adapt { refinements: 4, ..Adapt::R3 };
            values(adapt.apply(x.clone(), [0; 2], 8, seed, |x| if x.dims()[0] == 4 { x * 0.0 } else { x }))
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let kept: f32 = run(1).iter().zip(values(x.clone())).map(|(got, noisy)| got / noisy).sum();
        assert!((kept / (3.0 * 32.0 * 32.0) - R3_RATE as f32).abs() < 0.02);
    }

    #[test]
    fn what_is_put_back_depends_on_the_place_in_the_photo_alone() {
        let device = Device::flex();
        let whole = replaced([1, 3, 40, 50], [0; 2], 2, 7, &device);
        let part = replaced([1, 3, 16, 24], [17, 9], 2, 7, &device);
        assert_eq!(values(whole.clone().slice([0..1, 0..3, 9..25, 17..41])), values(part));
        assert_ne!(values(whole), values(replaced([1, 3, 40, 50], [0; 2], 1, 7, &device)));
    }

    #[test]
    fn the_plain_result_is_kept_where_the_other_lost_detail() {
        let device = Device::flex();
        let plain = Tensor::<4>::ones([1, 3, 20, 40], &device);
        // They differ by 0.1 on the left, by 0.5 on the right.
        let left = Tensor::<4>::full([1, 3, 20, 20], 0.9, &device);
        let right = Tensor::<4>::full([1, 3, 20, 20], 0.5, &device);
        let got = values(keep_detail(plain, Tensor::cat(vec![left, right], 3), 0.2));
        let at = |x: usize| got[10 * 40 + x];
        assert!((at(0) - 0.9).abs() < 1e-6 && (at(39) - 1.0).abs() < 1e-6, "{} {}", at(0), at(39));
    }

    #[test]
    fn no_more_is_taken_than_noise_explains() {
        let device = Device::flex();
        let noisy = Tensor::<4>::ones([1, 3, 20, 40], &device);
        // A tenth is taken on the left, a half on the right.
        let network = |x: Tensor<4>| {
            let right = x.clone().slice([0..1, 0..3, 0..20, 20..40]) - 0.4;
            (x - 0.1).slice_assign([0..1, 0..3, 0..20, 20..40], right - 0.1)
        };
        let adapt = Adapt { wiener: Some(0.25), ..Adapt::PLAIN };
        let got = values(adapt.apply(noisy, [0; 2], 4, 0, network));
        let at = |x: usize| got[10 * 40 + x];
        assert!((at(0) - 0.9).abs() < 1e-6, "{}", at(0));
        assert!((at(39) - (1.0 - 0.5 * 0.25)).abs() < 1e-6, "{}", at(39));
    }

    #[test]
    fn modes_are_read_by_name_and_adapts_have_names() {
        for name in Mode::NAMES {
            match name.parse().unwrap() {
                Mode::Auto => assert_eq!(name, "auto"),
                Mode::Wiener => assert_eq!(name, "wiener"),
                Mode::Fixed(adapt) => assert!(adapt.to_string().ends_with(name), "{adapt}"),
            }
        }
        for turns in [1, 2, 8] {
            let adapt = Adapt { turns, ..Adapt::PLAIN };
            assert_eq!(adapt.to_string().parse::<Mode>().unwrap(), Mode::Fixed(adapt));
        }
        assert_eq!("pd6".parse::<Mode>().unwrap_err().kind(), Kind::Option);
        assert_eq!(Adapt { detail: Some(0.1), ..Adapt::R3 }.to_string(), "pd2+r3+detail");
    }

    #[test]
    fn the_card_and_the_noise_choose() {
        let noise = |luma, chroma, sigma| {
            let correlation = crate::noise::Correlation { luma, chroma: Some(chroma) };
            NoiseEstimate { sigma, channels: vec![], correlated: correlation.is_high(), correlation }
        };
        let of_size = |id: &str, noise, pixels| {
            Mode::Auto.choose(crate::models::card(id).unwrap(), &noise, pixels).unwrap()
        };
        let choose = |id: &str, noise| of_size(id, noise, SMALL_PHOTO + 1);
        let camera = noise([0.4, 0.0, 0.0], [0.7, 0.4, 0.1], 0.02);
        assert_eq!(choose("unet", noise([-0.1, 0.0, 0.0], [0.0; 3], 0.1)), Adapt::PLAIN);
        assert_eq!(choose("unet", noise([0.4, 0.0, 0.0], [0.7, 0.4, 0.1], 0.0)), Adapt::PLAIN);
        let white = of_size("unet", noise([-0.1, 0.0, 0.0], [0.0; 3], 0.1), SMALL_PHOTO);
        assert_eq!(white.to_string(), "x2");
        assert_eq!(choose("unet", camera.clone()).to_string(), "pd2+detail");
        assert_eq!(choose("unet", noise([0.4, 0.1, 0.0], [0.7, 0.5, 0.3], 0.02)).to_string(), "pd3+detail");
        assert_eq!(of_size("unet", camera.clone(), SMALL_PHOTO).to_string(), "pd2+again+detail+x2");
        assert_eq!(choose("unet-large", camera.clone()), Adapt::PLAIN);
        assert_eq!(of_size("unet-large", camera.clone(), SMALL_PHOTO), Adapt::TURNED);
        assert_eq!(choose("tbsn", camera.clone()), Adapt::R3);
        assert_eq!(choose("noise2noise", camera.clone()), Adapt::PLAIN);
        assert_eq!(choose("dasr-x2", camera.clone()), Adapt::PLAIN);
        let dasr = crate::models::card("dasr-x2").unwrap();
        assert_eq!(Mode::Fixed(Adapt::R3).choose(dasr, &camera, 1).unwrap_err().kind(), Kind::Option);
    }
}
