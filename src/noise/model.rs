//! A model of a photo's noise, good enough to make more of it.
//!
//! Noise is a Gaussian field (white, or with a spectrum and a correlation of the channels), whose variance depends on
//! brightness; or, where white noise grows as photons are counted, counts of photons (Foi et al., "Practical
//! Poissonian-Gaussian noise modeling and fitting for single-image raw-data", TIP 2008). To it come offsets of rows and
//! columns, impulses, clipping and rounding.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use serde::{Deserialize, Serialize};

use super::defects::{Defects, Lines};
use super::frequencies::{AREA, Matrix, SIDE, ZERO, map_eigenvalues, matrix, picture_of};
use super::summary::NoiseSummary;
use crate::error::{Error, Kind, Result};
use crate::nn::Symmetry;
use crate::photo::Planar;

/// Variance per brightness from which photons are counted one by one; of finer ones the normal distribution is as good.
const COARSE_PHOTONS: f32 = 0.002;
/// Most photons that are counted one by one.
const COUNTED: f32 = 60.0;
/// Parts of the largest weight below which a neighbour has no say in correlated noise.
const SMALL_WEIGHT: f32 = 0.004;

/// Correlation along an axis from which noise is taken to spread along it; across, up to which it is taken not to.
const STREAKY: [f32; 2] = [0.3, 0.15];
/// Pixels that are looked at along it: further ones are in the next block already.
const LONGEST_STREAK: usize = SIDE / 2 - 1;
/// Correlation of channels from which what one channel shows of the noise tells that of another.
const SHARED: f32 = 0.5;

/// Noise that spreads along rows or along columns, and not across them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streaks {
    /// Whether it spreads along rows, else along columns.
    pub along_rows: bool,
    /// Pixels that it spreads over, to each side.
    pub reach: usize,
}

impl Streaks {
    /// The same in a turned picture.
    #[must_use]
    pub fn turned(self, turn: Symmetry) -> Self {
        Self { along_rows: self.along_rows != turn.transpose, ..self }
    }
}

/// The noise of a photo. As JSON it can be kept, and used for other photos of the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoiseModel {
    /// Channels: 1 (gray) or 3 (RGB).
    pub channels: usize,
    /// Variance of the field at black, half-way between and at white, as control points of a quadratic Bézier curve, mean
    /// of the channels, in squares of `[0, 1]` units.
    pub variance: [f32; 3],
    /// Covariance of the channels at each frequency, relative to that variance: frequencies of 16x16 blocks, each with its
    /// matrix row by row. White noise has the same everywhere.
    pub spectrum: Vec<f32>,
    /// Impulses, and offsets of rows and columns.
    pub defects: Defects,
    /// Steps from black to white that values are rounded to; `None` for more than 255.
    pub steps: Option<u16>,
}

impl NoiseModel {
    /// White Gaussian noise of a standard deviation (`[0, 1]` units), independent in the channels.
    pub fn white(sigma: f32, channels: usize) -> Self {
        let identity = (0..channels * channels).map(|i| f32::from(u8::from(i % (channels + 1) == 0)));
        let spectrum = identity.collect::<Vec<f32>>().repeat(AREA);
        Self { channels, variance: [sigma * sigma; 3], spectrum, defects: Defects::default(), steps: None }
    }

    /// Reads what [`NoiseModel::to_json`] has written.
    ///
    /// # Errors
    /// [`Kind::Option`] when it is not a model of noise.
    pub fn from_json(json: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(Kind::Option, format!("this is no model of noise: {what}"));
        let model: Self = serde_json::from_str(json).map_err(|e| wrong(e.to_string()))?;
        let squares = model.channels * model.channels;
        if ![1, 3].contains(&model.channels) || model.spectrum.len() != AREA * squares {
            return Err(wrong(format!("{} values for {} channels", model.spectrum.len(), model.channels)));
        }
        let Defects { impulses, rows, columns } = &model.defects;
        if [rows, columns].into_iter().flatten().any(|lines| lines.covariance.len() != squares) {
            return Err(wrong("lines of another number of channels".into()));
        }
        let colours = if impulses.as_ref().is_some_and(|i| i.together) { model.channels } else { 1 };
        if impulses.iter().any(|i| i.colours.is_empty() || i.colours.iter().any(|c| c.len() != colours)) {
            return Err(wrong("impulses of another number of channels".into()));
        }
        let numbers = model.variance.iter().chain(&model.spectrum);
        if numbers.clone().any(|v| !v.is_finite()) || model.variance.iter().any(|v| *v < 0.0) {
            return Err(wrong("variances must be numbers from 0 up".into()));
        }
        Ok(model)
    }

    /// Noise of the same kind whose field is so many times as strong.
    #[must_use]
    pub fn times(&self, factor: f32) -> Self {
        Self { variance: self.variance.map(|v| factor * factor * v), ..self.clone() }
    }

    /// As JSON.
    ///
    /// # Errors
    /// [`Kind::Internal`], never in practice.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::new(Kind::Internal, e.to_string()))
    }

    /// Standard deviation of the field in a channel at a brightness of 0 to 1, without lines and impulses.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn sigma_at(&self, channel: usize, level: f32) -> f32 {
        let share = (0..AREA).map(|f| self.covariance(f)[channel][channel]).sum::<f32>() / AREA as f32;
        (self.variance_at(level) * share).max(0.0).sqrt()
    }

    /// The same at middle brightness, mean of the channels.
    pub fn sigma(&self) -> f32 {
        (0..self.channels).map(|channel| self.sigma_at(channel, 0.5)).sum::<f32>() / self.channels as f32
    }

    /// Correlation of the field between a pixel and the one so many to the right and below (up to 8), mean of the
    /// channels: -1 to 1.
    pub fn correlation(&self, right: usize, down: usize) -> f32 {
        let trace = |f: usize| (0..self.channels).map(|c| self.covariance(f)[c][c]).sum::<f32>();
        let covariances = picture_of(&std::array::from_fn(trace));
        covariances[down % SIDE * SIDE + right % SIDE] / covariances[0].max(f32::MIN_POSITIVE)
    }

    /// Correlation of the field between two channels of a pixel: -1 to 1.
    pub fn channel_correlation(&self, a: usize, b: usize) -> f32 {
        let sum = |a: usize, b: usize| (0..AREA).map(|f| self.covariance(f)[a][b]).sum::<f32>();
        sum(a, b) / (sum(a, a) * sum(b, b)).sqrt().max(f32::MIN_POSITIVE)
    }

    /// Along what the field spreads, where it does so along one axis only.
    pub fn streaks(&self) -> Option<Streaks> {
        let [long, across] = STREAKY;
        let found = |along_rows: bool| {
            let at = |far: usize, along: bool| match along == along_rows {
                true => self.correlation(far, 0),
                false => self.correlation(0, far),
            };
            let reach = (1..=LONGEST_STREAK).take_while(|&far| at(far, true) > across).last()?;
            (at(1, true) > long && at(1, false) < across).then_some(Streaks { along_rows, reach })
        };
        found(true).or_else(|| found(false))
    }

    /// Whether the channels share the noise so far that one tells of another.
    pub fn is_shared(&self) -> bool {
        self.channels > 1 && self.channel_correlation(0, 1) > SHARED
    }

    /// What the noise is like, for people.
    pub fn summary(&self) -> NoiseSummary {
        NoiseSummary::of(self)
    }

    /// Power of the field at each frequency, mean of the channels, over its mean: 16x16 values, row by row, from half a cycle
    /// per pixel to the left and above; in the middle, at row and column 8, is no change at all. White noise is 1 everywhere.
    pub fn power(&self) -> Vec<f32> {
        let trace = |f: usize| (0..self.channels).map(|c| self.covariance(f)[c][c]).sum::<f32>();
        let mean = (0..AREA).map(trace).sum::<f32>() / AREA as f32;
        let from_middle = |i: usize| (i + SIDE / 2) % SIDE;
        let at = |i: usize| from_middle(i / SIDE) * SIDE + from_middle(i % SIDE);
        (0..AREA).map(|i| trace(at(i)) / mean.max(f32::MIN_POSITIVE)).collect()
    }

    /// Whether the noise is that of few photons, which are counted one by one.
    pub fn is_of_photons(&self) -> bool {
        photons(self).is_some()
    }

    /// Whether the field is white: the same at all frequencies.
    pub fn is_white(&self) -> bool {
        let first = self.covariance(0);
        (0..AREA).all(|f| self.covariance(f) == first)
    }

    /// The level function.
    pub(super) fn variance_at(&self, level: f32) -> f32 {
        bernstein(level).iter().zip(self.variance).map(|(basis, control)| basis * control).sum()
    }

    /// Covariance of the channels at a frequency, relative to the level function.
    pub(super) fn covariance(&self, frequency: usize) -> Matrix {
        let n = self.channels;
        let values = &self.spectrum[frequency * n * n..];
        matrix(|a, b| if a < n && b < n { values[a * n + b] } else { 0.0 })
    }

    /// Makes ready to draw noise.
    pub fn sampler(&self) -> Sampler {
        Sampler::new(self.clone())
    }
}

/// The quadratic Bernstein polynomials at a brightness.
pub(super) fn bernstein(level: f32) -> [f32; 3] {
    let x = level.clamp(0.0, 1.0);
    [(1.0 - x) * (1.0 - x), 2.0 * x * (1.0 - x), x * x]
}

/// Draws noise after a [`NoiseModel`].
#[derive(Clone, Debug)]
pub struct Sampler {
    model: NoiseModel,
    /// Which white values a correlated one is made of: `[right, down]`, and weights by channel.
    weights: Vec<([isize; 2], Matrix)>,
    rows: Option<Matrix>,
    columns: Option<Matrix>,
    /// Brightness of one photon, and variance of the rest at black and by the square of brightness, by channel.
    photons: Option<[[f32; 3]; 3]>,
}

impl Sampler {
    fn new(model: NoiseModel) -> Self {
        let weights = weights(&model);
        let root =
            |lines: &Option<Lines>| lines.as_ref().map(|lines| root(&lines.covariance, model.channels));
        let (rows, columns) = (root(&model.defects.rows), root(&model.defects.columns));
        let photons = photons(&model);
        Self { model, weights, rows, columns, photons }
    }

    /// The model that it draws after.
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    /// The noise that would be on `clean` (`[0, 1]`), as a sum: without impulses, clipping and rounding. Gray noise is the
    /// same in all channels.
    ///
    /// # Panics
    /// When `clean` has fewer channels than the model.
    pub fn field(&self, clean: &Planar, rng: &mut ChaCha8Rng) -> Planar {
        let mut field = self.unit_field(clean.width, clean.height, rng);
        for (i, value) in field.data.iter_mut().enumerate() {
            *value *= self.model.variance_at(clean.data[i]).sqrt();
        }
        let mut field = in_all_channels(field, clean.channels);
        self.add_lines(&mut field, rng);
        field
    }

    /// What a photo of `clean` (`[0, 1]`) would be: with noise, impulses, clipped and rounded.
    pub fn noisy(&self, clean: &Planar, rng: &mut ChaCha8Rng) -> Planar {
        let mut noisy = match &self.photons {
            Some(photons) => self.counted(clean, photons, rng),
            None => {
                let field = self.field(clean, rng);
                let data = clean.data.iter().zip(&field.data).map(|(v, n)| v + n).collect();
                Planar { data, ..*clean }
            }
        };
        self.strike(&mut noisy, rng);
        for value in &mut noisy.data {
            *value = value.clamp(0.0, 1.0);
            if let Some(steps) = self.model.steps {
                *value = (*value * f32::from(steps)).round() / f32::from(steps);
            }
        }
        noisy
    }

    /// Noise of variance 1, with the spectrum of the model.
    fn unit_field(&self, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Planar {
        let (channels, reach) = (self.model.channels, SIDE / 2);
        let reach = if self.weights.len() == 1 { 0 } else { reach };
        let (wide, high) = (width + 2 * reach, height + 2 * reach);
        let white: Vec<f32> = (0..channels * wide * high).map(|_| StandardNormal.sample(rng)).collect();
        let mut data = vec![0.0; channels * width * height];
        for ([right, down], mix) in &self.weights {
            for to in 0..channels {
                for from in (0..channels).filter(|from| mix[to][*from] != 0.0) {
                    for y in 0..height {
                        let row = (y + reach).wrapping_add_signed(*down);
                        let start = (from * high + row) * wide + reach.wrapping_add_signed(*right);
                        let source = &white[start..start + width];
                        let target = &mut data[(to * height + y) * width..][..width];
                        target.iter_mut().zip(source).for_each(|(t, s)| *t += mix[to][from] * s);
                    }
                }
            }
        }
        Planar { channels, height, width, data }
    }

    fn add_lines(&self, picture: &mut Planar, rng: &mut ChaCha8Rng) {
        let (width, height, channels) = (picture.width, picture.height, picture.channels);
        for (root, count, is_row) in [(&self.rows, height, true), (&self.columns, width, false)] {
            let Some(root) = root else { continue };
            for line in 0..count {
                let white: [f32; 3] = std::array::from_fn(|_| StandardNormal.sample(rng));
                for c in 0..channels {
                    let offset: f32 = (0..self.model.channels)
                        .map(|k| root[c.min(self.model.channels - 1)][k] * white[k])
                        .sum();
                    for i in 0..if is_row { width } else { height } {
                        let (x, y) = if is_row { (i, line) } else { (line, i) };
                        picture.data[(c * height + y) * width + x] += offset;
                    }
                }
            }
        }
    }

    /// Photons, counted, and the rest of the noise, which is normal.
    fn counted(&self, clean: &Planar, photons: &[[f32; 3]; 3], rng: &mut ChaCha8Rng) -> Planar {
        let area = clean.width * clean.height;
        let mut data = vec![0.0; self.model.channels * area];
        for (i, value) in data.iter_mut().enumerate() {
            let [one, black, white] = photons[i / area];
            let level = clean.data[i].max(0.0);
            let expected = level / one;
            let normal: f32 = StandardNormal.sample(rng);
            let rest = normal * (black + white * level * level).max(0.0).sqrt();
            let count = match Poisson::new(expected) {
                Ok(counts) if expected < COUNTED => counts.sample(rng),
                _ => {
                    let normal: f32 = StandardNormal.sample(rng);
                    expected + normal * expected.sqrt()
                }
            };
            *value = one * count + rest;
        }
        let counted = Planar { channels: self.model.channels, data, ..*clean };
        let mut noisy = in_all_channels(counted, clean.channels);
        self.add_lines(&mut noisy, rng);
        noisy
    }

    fn strike(&self, picture: &mut Planar, rng: &mut ChaCha8Rng) {
        let Some(impulses) = &self.model.defects.impulses else { return };
        let area = picture.width * picture.height;
        // Gray noise falls on all channels of a picture alike.
        let together = impulses.together || self.model.channels == 1;
        for i in 0..if together { area } else { picture.data.len() } {
            if rng.random::<f32>() >= impulses.density {
                continue;
            }
            let colour = &impulses.colours[rng.random_range(0..impulses.colours.len() as u32) as usize];
            match together {
                true => {
                    for c in 0..picture.channels {
                        picture.data[c * area + i] = colour[c.min(colour.len() - 1)];
                    }
                }
                false => picture.data[i] = colour[0],
            }
        }
    }
}

/// Repeats what is gray.
fn in_all_channels(picture: Planar, channels: usize) -> Planar {
    if picture.channels == channels {
        return picture;
    }
    Planar { channels, data: picture.data.repeat(channels), ..picture }
}

/// The weights by which white noise becomes noise of the model's spectrum: the transform of the spectrum's root.
fn weights(model: &NoiseModel) -> Vec<([isize; 2], Matrix)> {
    let roots: Vec<Matrix> =
        (0..AREA).map(|f| map_eigenvalues(&model.covariance(f), |v| v.max(0.0).sqrt())).collect();
    if model.is_white() {
        return vec![([0, 0], roots[0])];
    }
    let mut kernel = vec![ZERO; AREA];
    for a in 0..model.channels {
        for b in 0..model.channels {
            let values = picture_of(&std::array::from_fn(|f| roots[f][a][b]));
            kernel.iter_mut().zip(values).for_each(|(mix, value)| mix[a][b] = value);
        }
    }
    let size = |mix: &Matrix| mix.as_flattened().iter().fold(0f32, |most, v| most.max(v.abs()));
    let limit = SMALL_WEIGHT * kernel.iter().map(size).fold(0.0, f32::max);
    let signed = |i: usize| if i < SIDE / 2 { i as isize } else { i as isize - SIDE as isize };
    let place = |i: usize| [signed(i % SIDE), signed(i / SIDE)];
    let all = kernel.into_iter().enumerate();
    all.filter(|(_, mix)| size(mix) >= limit).map(|(i, mix)| (place(i), mix)).collect()
}

/// The root of a covariance of channels.
fn root(covariance: &[f32], channels: usize) -> Matrix {
    let covariance = matrix(|a, b| match a < channels && b < channels {
        true => covariance[a * channels + b],
        false => 0.0,
    });
    map_eigenvalues(&covariance, |v| v.max(0.0).sqrt())
}

/// Where noise is white, the same in no two channels, and grows with brightness: brightness of a photon and variance of
/// the rest, by channel.
fn photons(model: &NoiseModel) -> Option<[[f32; 3]; 3]> {
    let [black, middle, white] = model.variance;
    let covariance = model.covariance(0);
    let apart = (0..model.channels).all(|a| (0..a).all(|b| covariance[a][b] == 0.0));
    // Variance is black + gain x + square x^2.
    let (gain, square) = (2.0 * (middle - black), black - 2.0 * middle + white);
    let coarse = gain > COARSE_PHOTONS && square > -0.5 * gain;
    (model.is_white() && apart && coarse)
        .then(|| std::array::from_fn(|c| [gain, black, square].map(|part| part * covariance[c][c])))
}
