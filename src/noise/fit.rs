//! How a [`NoiseModel`] is found: from blocks of a photo that are flat as a network sees them.
//!
//! Flat blocks show the noise (see [`super::estimate`]), but on most photos they have texture, too. What of it the network
//! sees is taken off: of a block's power at a frequency that of the network's result is subtracted. Where the network
//! leaves noise in its result, all blocks have it alike, while texture differs from block to block: a low quantile over the
//! blocks tells the two apart (power of noise is exponentially distributed), and that much is given back. Noise level and
//! spectrum are found in turns; in the end, noise of the model is measured in the same way, and the model is corrected by
//! what comes out differently: windows and the removal of trends change spectra.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::clipping::{is_cut_at_black, unclipped};
use super::defects::Defects;
use super::flat::{self, Place, STRIDE, flattest, places};
use super::frequencies::{
    AREA, Complex, Matrix, SIDE, ZERO, cycles, detrended, fineness, map_eigenvalues, matrix, opposite,
    picture_of, product, spectrum, transposed,
};
use super::level::{LEAST_VARIANCE, fit, least_squares, straight, value};
use super::model::NoiseModel;
use super::order::quantile;
use crate::photo::Planar;

/// Finest frequency, in cycles per pixel, that is left out of account when levels are measured: texture is coarse.
const COARSE: f32 = 0.12;
/// Frequencies that tell the level of white noise.
const FINE: f32 = 0.3;
/// Power at frequencies with less than this part of the largest tells nothing of the level.
const WEAK: f32 = 0.05;
/// Quantile over blocks of what the network left: texture is not in all of them.
const LEFT: f32 = 0.25;
/// Turns in which level and spectrum are found.
const TURNS: usize = 4;
/// Correlation of neighbouring pixels, and of channels, below which there is none.
const UNCORRELATED: f32 = 0.1;
/// Rounds of correction, side of the field that is measured in each, and limits of a correction.
const CORRECTIONS: (usize, usize, [f32; 2]) = (4, 192, [0.6, 1.8]);
impl NoiseModel {
    /// Finds the model.
    ///
    /// - `pictures`: photos without their defects ([`Defects::removed`]), and what a network made of them; all of one
    ///   number of channels, in `[0, 1]`
    /// - `defects`: what was removed
    ///
    /// `None` when they are smaller than a block.
    pub fn of(pictures: &[(&Planar, &Planar)], defects: Defects) -> Option<Self> {
        let gray = pictures.iter().all(|(calm, _)| calm.is_gray());
        let first = |p: &Planar| p.planes(0, if gray { 1 } else { p.channels });
        let planes: Vec<(Planar, Planar)> =
            pictures.iter().map(|(calm, seen)| (first(calm), first(seen))).collect();
        let flat = Flat::of(&planes, &defects)?;
        let mut model = flat.model(gray_defects(defects, planes[0].0.channels));
        model.steps = pictures.iter().all(|(calm, _)| is_8bit(calm)).then_some(255);
        Some(model)
    }
}

/// Whether most values are those of 8 bits; medians and what was brought to a level need not be.
fn is_8bit(picture: &Planar) -> bool {
    let whole = |v: &&f32| (**v * 255.0 - (**v * 255.0).round()).abs() < 1e-3;
    2 * picture.data.iter().filter(whole).count() > picture.data.len()
}

/// Those of a gray photo that was given as three channels.
fn gray_defects(mut defects: Defects, channels: usize) -> Defects {
    if channels == 1 {
        for lines in [&mut defects.rows, &mut defects.columns].into_iter().flatten() {
            lines.covariance.truncate(1);
        }
        for colour in defects.impulses.iter_mut().flat_map(|impulses| &mut impulses.colours) {
            colour.truncate(1);
        }
    }
    defects
}

/// The flat blocks of some pictures, as frequencies: of the photo, and of what the network made of it.
struct Flat {
    channels: usize,
    /// Mean of each channel.
    levels: Vec<Vec<f32>>,
    noisy: Vec<Vec<[Complex; AREA]>>,
    seen: Vec<Vec<[Complex; AREA]>>,
    /// Frequencies that tell the level: neither coarse nor those of lines.
    telling: [bool; AREA],
    /// Frequencies of lines, where there are such.
    lines: [bool; AREA],
    /// Whether black cuts noise off, or no photons are counted there.
    cut_at_black: bool,
}

impl Flat {
    fn of(pictures: &[(Planar, Planar)], defects: &Defects) -> Option<Self> {
        let channels = pictures.first()?.0.channels;
        let places = flattest(places(pictures));
        if places.is_empty() {
            return None;
        }
        let frequencies = |picture: &Planar, place: &Place| -> Vec<[Complex; AREA]> {
            detrended(picture, place.at).0.chunks(AREA).map(spectrum).collect()
        };
        let near = |index: usize| cycles(index).abs() < 1.5 / SIDE as f32;
        let lines: [bool; AREA] = std::array::from_fn(|f| {
            (defects.rows.is_some() && near(f % SIDE)) || (defects.columns.is_some() && near(f / SIDE))
        });
        let noisy = |place: &Place| pictures[place.picture].0.crop(place.at[0], place.at[1], SIDE, SIDE).data;
        let cut_at_black = is_cut_at_black(places.iter().flat_map(noisy));
        // What is cut off has another mean; counts have the right one, which networks see too low.
        let levels = |place: Place| match cut_at_black {
            true => place.levels,
            false => noisy(&place).chunks(AREA).map(|b| b.iter().sum::<f32>() / AREA as f32).collect(),
        };
        Some(Self {
            channels,
            noisy: places.iter().map(|p| frequencies(&pictures[p.picture].0, p)).collect(),
            seen: places.iter().map(|p| frequencies(&pictures[p.picture].1, p)).collect(),
            cut_at_black,
            levels: places.into_iter().map(levels).collect(),
            telling: std::array::from_fn(|f| fineness(f) > COARSE && !lines[f]),
            lines,
        })
    }

    fn model(&self, defects: Defects) -> NoiseModel {
        let (variance, kept) = self.level();
        let measured = self.covariances(variance, &kept);
        let mut model = self.simplified(variance, measured.clone(), defects);
        if !model.is_white() {
            for round in 0..CORRECTIONS.0 {
                self.correct(&mut model, &measured, round as u64);
            }
        }
        model
    }

    /// The level function, and the blocks that are not too textured for it.
    fn level(&self) -> ([f32; 3], Vec<usize>) {
        let power = |blocks: &[Vec<[Complex; AREA]>], n: usize, c: usize, f: usize| norm(blocks[n][c][f]);
        let count = self.levels.len();
        let mut relative = vec![[1.0; AREA]; self.channels];
        let mut left = vec![[0.0; AREA]; self.channels];
        let mut variance = [self.mean_power(); 3];
        let mut kept: Vec<usize> = (0..count).collect();
        for _ in 0..TURNS {
            let mut measured = Vec::with_capacity(count * self.channels);
            for n in 0..count {
                for c in 0..self.channels {
                    let most = self.telling_of(&relative[c]).fold(0.0, f32::max);
                    let expected = value(variance, self.levels[n][c]);
                    let (mut sum, mut frequencies) = (0.0, 0);
                    for f in (0..AREA).filter(|f| self.telling[*f] && relative[c][*f] > WEAK * most) {
                        let noise =
                            power(&self.noisy, n, c, f) - power(&self.seen, n, c, f) + expected * left[c][f];
                        sum += noise / relative[c][f];
                        frequencies += 1;
                    }
                    measured.push([self.levels[n][c], (sum / frequencies.max(1) as f32).max(0.0)]);
                }
            }
            let limit;
            (variance, limit) = fit(&measured);
            kept = (0..count).filter(|n| self.is_calm(*n, &measured, variance, limit)).collect();
            if kept.len() < 2 * flat::LEAST {
                kept = (0..count).collect();
            }
            for c in 0..self.channels {
                for f in 0..AREA {
                    let expected = |n: &usize| value(variance, self.levels[*n][c]);
                    let seen = kept.iter().map(|n| power(&self.seen, *n, c, f) / expected(n));
                    let taken = kept
                        .iter()
                        .map(|n| (power(&self.noisy, *n, c, f) - power(&self.seen, *n, c, f)) / expected(n));
                    left[c][f] = low_quantile(seen.collect());
                    relative[c][f] = taken.sum::<f32>() / kept.len() as f32 + left[c][f];
                }
                let most = relative[c].iter().copied().fold(0.0, f32::max);
                for f in 0..AREA {
                    relative[c][f] = relative[c][f].max(1e-3 * most).max(f32::MIN_POSITIVE);
                    left[c][f] = left[c][f].min(relative[c][f]);
                }
            }
        }
        (variance, kept)
    }

    fn telling_of<'a>(&'a self, values: &'a [f32; AREA]) -> impl Iterator<Item = f32> + 'a {
        values.iter().zip(&self.telling).filter(|(_, telling)| **telling).map(|(value, _)| *value)
    }

    fn mean_power(&self) -> f32 {
        let blocks = || self.noisy.iter().flatten();
        let all = blocks().flat_map(|block| block.iter().zip(&self.telling));
        let (sum, count) = all
            .filter(|(_, telling)| **telling)
            .fold((0f64, 0usize), |(sum, count), (v, _)| (sum + f64::from(norm(*v)), count + 1));
        ((sum / count.max(1) as f64) as f32).max(LEAST_VARIANCE)
    }

    /// Whether a block has no more power than noise explains.
    fn is_calm(&self, n: usize, measured: &[[f32; 2]], variance: [f32; 3], limit: f32) -> bool {
        let channels = &measured[n * self.channels..(n + 1) * self.channels];
        let ratio = channels.iter().map(|[level, power]| power / value(variance, *level)).sum::<f32>();
        ratio / (self.channels as f32) < limit
    }

    /// Covariance of the channels at each frequency, relative to the level function. Brightness and colour differences are
    /// looked at apart: texture is mostly gray.
    fn covariances(&self, variance: [f32; 3], kept: &[usize]) -> Vec<Matrix> {
        let opponents = opponents(self.channels);
        let mixed = |blocks: &[Vec<[Complex; AREA]>], n: usize, f: usize| -> [Complex; 3] {
            let scaled = |c: usize| {
                let scale = value(variance, self.levels[n][c]).sqrt().recip();
                blocks[n][c][f].map(|v| scale * v)
            };
            std::array::from_fn(|k| {
                (0..self.channels).fold([0.0; 2], |[re, im], c| {
                    let [a, b] = scaled(c);
                    [re + opponents[k][c] * a, im + opponents[k][c] * b]
                })
            })
        };
        let at = |f: usize| {
            let noisy: Vec<[Complex; 3]> = kept.iter().map(|n| mixed(&self.noisy, *n, f)).collect();
            let seen: Vec<[Complex; 3]> = kept.iter().map(|n| mixed(&self.seen, *n, f)).collect();
            let mean = |values: &[[Complex; 3]], a: usize, b: usize| {
                values.iter().map(|v| inner(v[a], v[b])).sum::<f32>() / values.len().max(1) as f32
            };
            let quantile = |f: &dyn Fn(&[Complex; 3]) -> Complex| {
                low_quantile(seen.iter().map(|v| norm(f(v))).collect())
            };
            let left = |a: usize, b: usize| match a == b {
                true => quantile(&|v| v[a]),
                false => {
                    let sum = quantile(&|v| [v[a][0] + v[b][0], v[a][1] + v[b][1]]);
                    let difference = quantile(&|v| [v[a][0] - v[b][0], v[a][1] - v[b][1]]);
                    (sum - difference) / 4.0
                }
            };
            matrix(|a, b| mean(&noisy, a, b) - mean(&seen, a, b) + left(a, b))
        };
        let all: Vec<Matrix> = (0..AREA).map(at).collect();
        let mut covariances: Vec<Matrix> = (0..AREA)
            .map(|f| {
                let both = matrix(|a, b| 0.5 * (all[f][a][b] + all[opposite(f)][a][b]));
                product(&transposed(&opponents), &product(&both, &opponents))
            })
            .collect();
        if self.lines.contains(&true) {
            let others = mean_of(&covariances, |f| self.telling[f]);
            (0..AREA).filter(|f| self.lines[*f]).for_each(|f| covariances[f] = others);
        }
        covariances
    }

    /// The model with these covariances, white and without correlation of channels where there is hardly any.
    fn simplified(&self, variance: [f32; 3], mut covariances: Vec<Matrix>, defects: Defects) -> NoiseModel {
        fill_coarsest(&mut covariances);
        let traces = std::array::from_fn(|f| trace(&covariances[f]));
        let near = picture_of(&traces);
        if near[1].abs().max(near[SIDE].abs()) < UNCORRELATED * near[0] {
            let fine = mean_of(&covariances, |f| self.telling[f] && fineness(f) > FINE);
            covariances = vec![fine; AREA];
        }
        let mean = mean_of(&covariances, |_| true);
        let related =
            |a: usize, b: usize| mean[a][b].abs() > UNCORRELATED * (mean[a][a] * mean[b][b]).max(0.0).sqrt();
        if ![(0, 1), (0, 2), (1, 2)].into_iter().any(|(a, b)| related(a, b)) {
            for covariance in &mut covariances {
                *covariance = matrix(|a, b| if a == b { covariance[a][b] } else { 0.0 });
            }
        }
        let variance = self.unclipped(variance);
        let mut model =
            NoiseModel { channels: self.channels, variance, spectrum: Vec::new(), defects, steps: None };
        set(&mut model, &covariances);
        model
    }

    /// The level function of the noise before black and white clipped it: what was measured near these is less.
    fn unclipped(&self, variance: [f32; 3]) -> [f32; 3] {
        let black = if self.cut_at_black { 0.0 } else { f32::NEG_INFINITY };
        let points = self
            .levels
            .iter()
            .flatten()
            .map(|&level| [level, unclipped(level, value(variance, level), [black, 1.0])]);
        let points: Vec<[f32; 2]> = points.collect();
        let weights: Vec<f32> = points.iter().map(|[_, v]| v.max(LEAST_VARIANCE).recip()).collect();
        match self.cut_at_black {
            true => least_squares(&points, &weights).map(|v| v.max(0.0)),
            false => straight(&points, &weights),
        }
    }

    /// Measures noise of the model as the photo's was measured, and corrects the model by the difference.
    fn correct(&self, model: &mut NoiseModel, wanted: &[Matrix], seed: u64) {
        let (_, side, [least, most]) = CORRECTIONS;
        let channels = self.channels;
        let unit = NoiseModel { variance: [1.0; 3], defects: Defects::default(), ..model.clone() };
        let flat = Planar { channels, height: side, width: side, data: vec![0.5; channels * side * side] };
        let field = unit.sampler().field(&flat, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut measured = vec![ZERO; AREA];
        for top in (0..=side - SIDE).step_by(STRIDE) {
            for left in (0..=side - SIDE).step_by(STRIDE) {
                let block: Vec<[Complex; AREA]> =
                    detrended(&field, [left, top]).0.chunks(AREA).map(spectrum).collect();
                for (f, sum) in measured.iter_mut().enumerate() {
                    (0..channels).for_each(|c| sum[c][c] += norm(block[c][f]));
                }
            }
        }
        let blocks = ((side - SIDE) / STRIDE + 1).pow(2) as f32;
        let mut covariances: Vec<Matrix> = (0..AREA).map(|f| model.covariance(f)).collect();
        for f in (1..AREA).filter(|f| !self.lines[*f]) {
            let factor = |c: usize| {
                let got = 0.5 * (measured[f][c][c] + measured[opposite(f)][c][c]) / blocks;
                (wanted[f][c][c].max(0.0) / got.max(1e-9)).sqrt().clamp(least, most)
            };
            covariances[f] = matrix(|a, b| {
                let scale = if a < channels && b < channels { factor(a) * factor(b) } else { 1.0 };
                covariances[f][a][b] * scale
            });
        }
        extend_to_none(&mut covariances);
        set(model, &covariances);
    }
}

/// Writes covariances into the model, as far as they are such.
fn set(model: &mut NoiseModel, covariances: &[Matrix]) {
    let most = covariances.iter().map(trace).fold(0.0, f32::max);
    let n = model.channels;
    model.spectrum = covariances
        .iter()
        .flat_map(|covariance| {
            let covariance = map_eigenvalues(covariance, |v| v.max(1e-5 * most));
            (0..n * n).map(move |i| covariance[i / n][i % n])
        })
        .collect();
    // What has no correlation stays without, to the last bit.
    for (values, covariance) in model.spectrum.chunks_mut(n * n).zip(covariances) {
        (0..n * n).filter(|i| covariance[i / n][i % n] == 0.0).for_each(|i| values[i] = 0.0);
    }
}

/// The coarsest frequencies, which trends hide, as those next to them.
fn fill_coarsest(covariances: &mut [Matrix]) {
    let mean =
        |places: [usize; 3]| matrix(|a, b| places.iter().map(|f| covariances[*f][a][b]).sum::<f32>() / 3.0);
    let last = (SIDE - 1) * SIDE;
    let right = mean([2, SIDE + 2, last + 2]);
    let down = mean([2 * SIDE, 2 * SIDE + 1, 2 * SIDE + SIDE - 1]);
    for f in [1, SIDE - 1] {
        covariances[f] = right;
    }
    for f in [SIDE, last] {
        covariances[f] = down;
    }
    covariances[0] = matrix(|a, b| 0.5 * (right[a][b] + down[a][b]));
}

/// No change at all, as the next two frequencies let it expect: a spectrum's logarithm is round at its top.
fn extend_to_none(covariances: &mut [Matrix]) {
    let around = matrix(|a, b| 0.5 * (covariances[1][a][b] + covariances[SIDE][a][b]));
    let rise = |c: usize| {
        let power = |f: usize| covariances[f][c][c].max(1e-9);
        let along = |step: usize| (power(step) / power(2 * step)).powf(1.0 / 3.0);
        (0.5 * (along(1) + along(SIDE))).clamp(1.0, 2.0).sqrt()
    };
    let rises = [0, 1, 2].map(rise);
    covariances[0] = matrix(|a, b| around[a][b] * rises[a] * rises[b]);
}

fn trace(covariance: &Matrix) -> f32 {
    (0..3).map(|c| covariance[c][c]).sum()
}

fn mean_of(covariances: &[Matrix], of: impl Fn(usize) -> bool) -> Matrix {
    let chosen: Vec<&Matrix> = (0..AREA).filter(|f| of(*f)).map(|f| &covariances[f]).collect();
    matrix(|a, b| chosen.iter().map(|m| m[a][b]).sum::<f32>() / chosen.len().max(1) as f32)
}

/// The orthonormal opponent colours: brightness, and two differences.
fn opponents(channels: usize) -> Matrix {
    if channels == 1 {
        return matrix(|a, b| f32::from(u8::from(a == 0 && b == 0)));
    }
    let row = |values: [f32; 3], norm: f32| values.map(|v| v / norm.sqrt());
    [row([1.0, 1.0, 1.0], 3.0), row([1.0, 0.0, -1.0], 2.0), row([1.0, -2.0, 1.0], 6.0)]
}

fn norm([re, im]: Complex) -> f32 {
    re * re + im * im
}

/// The real part of the product of one and the conjugate of the other.
fn inner(a: Complex, b: Complex) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// The mean of an exponential distribution of which this is the [`LEFT`] quantile.
fn low_quantile(values: Vec<f32>) -> f32 {
    quantile(values, LEFT) / -(1.0 - LEFT).ln()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, Poisson, StandardNormal};

    use super::*;
    use crate::noise::{Streaks, box_blur};
    use crate::photo::decode;

    fn kodak23() -> Planar {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fixtures/kodak23_clean.png");
        decode(&std::fs::read(path).unwrap()).unwrap().planar()
    }

    /// Clipped and rounded to 8 bits, as files are.
    fn filed(mut picture: Planar) -> Planar {
        picture.data.iter_mut().for_each(|v| *v = (v.clamp(0.0, 1.0) * 255.0).round() / 255.0);
        picture
    }

    /// The picture with `noise(value, rng)` for each sample.
    fn with_white(clean: &Planar, noise: impl Fn(f32, &mut ChaCha8Rng) -> f32) -> Planar {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        filed(Planar { data: clean.data.iter().map(|v| noise(*v, &mut rng)).collect(), ..*clean })
    }

    fn normal(rng: &mut ChaCha8Rng) -> f32 {
        StandardNormal.sample(rng)
    }

    /// Means of 3x3 white values, of deviation 1; the same in all channels where it is gray.
    fn smooth_field(like: &Planar, gray: bool) -> Planar {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut data: Vec<f32> = (0..like.data.len()).map(|_| 0.5 + 0.05 * normal(&mut rng)).collect();
        let area = like.width * like.height;
        if gray {
            (area..data.len()).for_each(|i| data[i] = data[i % area]);
        }
        let mut field = box_blur(&Planar { data, ..*like }, 1);
        field.data.iter_mut().for_each(|v| *v = (*v - 0.5) * 60.0);
        field
    }

    /// Deviation of what was added, correlation with the pixel to the right, the one below and two further, and of the first
    /// two channels.
    fn measures(clean: &Planar, noisy: &Planar) -> [f32; 5] {
        let area = clean.width * clean.height;
        let noise: Vec<f32> = noisy.data.iter().zip(&clean.data).map(|(y, x)| y - x).collect();
        let product = |shift: usize, of: &dyn Fn(usize) -> bool| {
            let pairs = (0..noise.len() - shift).filter(|i| of(*i));
            let (sum, count) = pairs.fold((0f64, 0), |(sum, count), i| {
                (sum + f64::from(noise[i]) * f64::from(noise[i + shift]), count + 1)
            });
            (sum / f64::from(count)) as f32
        };
        let variance = product(0, &|_| true);
        let right = |d: usize| product(d, &|i| i % clean.width + d < clean.width) / variance;
        let below = product(clean.width, &|i| i % area + clean.width < area) / variance;
        let colours = product(area, &|i| i < area) / product(0, &|i| i < area);
        [variance.sqrt(), right(1), below, right(2), colours]
    }

    fn model_of(noisy: &Planar, seen: &Planar) -> NoiseModel {
        let defects = Defects::of(&[noisy]);
        NoiseModel::of(&[(&defects.removed(noisy), seen)], defects).unwrap()
    }

    /// What the model makes of the clean picture is like the noisy one: deviations to 5 %, correlations to 0.05.
    fn assert_like(name: &str, clean: &Planar, noisy: &Planar, seen: &Planar) -> NoiseModel {
        let model = model_of(noisy, seen);
        let simulated = model.sampler().noisy(clean, &mut ChaCha8Rng::seed_from_u64(9));
        let (want, got) = (measures(clean, noisy), measures(clean, &simulated));
        assert!((got[0] / want[0] - 1.0).abs() < 0.05, "{name}: {got:?}, not {want:?}; {:?}", model.variance);
        for (got, want) in got[1..].iter().zip(&want[1..]) {
            assert!((got - want).abs() < 0.05, "{name}: {got} for {want}");
        }
        model
    }

    #[test]
    fn white_noise_is_found_however_it_grows_with_brightness() {
        let clean = kodak23();
        for sigma in [5.0, 15.0, 25.0, 50.0] {
            let noisy = with_white(&clean, |v, rng| v + sigma / 255.0 * normal(rng));
            let model = assert_like("white", &clean, &noisy, &clean);
            assert!(model.is_white() && model.channel_correlation(0, 1) == 0.0);
        }
        let photons =
            |v: f32, rng: &mut ChaCha8Rng| Poisson::new(v.max(1e-6) * 30.0).unwrap().sample(rng) / 30.0;
        assert_like("Poisson", &clean, &with_white(&clean, photons), &clean);
        assert_like("speckle", &clean, &with_white(&clean, |v, rng| v + 0.25 * v * normal(rng)), &clean);
    }

    #[test]
    fn blotches_and_gray_grain_are_found_also_where_the_network_leaves_them() {
        let clean = kodak23();
        for gray in [false, true] {
            let field = smooth_field(&clean, gray);
            let data = clean.data.iter().zip(&field.data).map(|(v, n)| v + 0.06 * n).collect();
            let noisy = filed(Planar { data, ..clean.clone() });
            let model = assert_like("blotches", &clean, &noisy, &clean);
            assert!(!model.is_white() && (model.channel_correlation(0, 1) > 0.9) == gray);
            let left = clean.data.iter().zip(&noisy.data).map(|(x, y)| 0.2 * x + 0.8 * y).collect();
            let model = model_of(&noisy, &Planar { data: left, ..clean.clone() });
            let simulated = model.sampler().noisy(&clean, &mut ChaCha8Rng::seed_from_u64(9));
            let ratio = measures(&clean, &simulated)[0] / measures(&clean, &noisy)[0];
            assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
        }
    }

    #[test]
    fn noise_along_rows_or_columns_is_told_from_other_noise() {
        let clean = kodak23();
        let area = clean.width * clean.height;
        let streaky = |far: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(6);
            let white: Vec<f32> = (0..clean.data.len()).map(|_| 0.04 * normal(&mut rng)).collect();
            let value =
                |i: usize| clean.data[i] + (0..3).map(|k| white[(i + k * far) % white.len()]).sum::<f32>();
            filed(Planar { data: (0..3 * area).map(value).collect(), ..clean })
        };
        for (far, along_rows) in [(1, true), (clean.width, false)] {
            let noisy = streaky(far);
            let found = model_of(&noisy, &clean).streaks();
            assert_eq!(found, Some(Streaks { along_rows, reach: 2 }));
            // What is taken for the truth where there is no trained network.
            let found = model_of(&noisy, &box_blur(&noisy, 2)).streaks();
            assert!(
                found.is_some_and(|found| found.along_rows == along_rows && found.reach <= 3),
                "{found:?}"
            );
        }
        let white = with_white(&clean, |v, rng| v + 0.1 * normal(rng));
        assert_eq!(model_of(&white, &clean).streaks(), None);
        let field = smooth_field(&clean, false);
        let data = clean.data.iter().zip(&field.data).map(|(v, n)| v + 0.06 * n).collect();
        assert_eq!(model_of(&filed(Planar { data, ..clean }), &clean).streaks(), None);
    }

    #[test]
    fn lost_pixels_are_found_and_replaced() {
        let clean = kodak23();
        let area = clean.width * clean.height;
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut noisy = clean.clone();
        for i in (0..area).filter(|_| rng.random::<f32>() < 0.04).collect::<Vec<_>>() {
            let value = f32::from(u8::from(rng.random_bool(0.5)));
            (0..3).for_each(|c| noisy.data[c * area + i] = value);
        }
        let model = assert_like("salt and pepper", &clean, &noisy, &clean);
        let impulses = model.defects.impulses.as_ref().unwrap();
        assert!(impulses.together && (impulses.density / 0.04 - 1.0).abs() < 0.1, "{}", impulses.density);
        let calm = model.defects.removed(&noisy);
        assert!(measures(&clean, &calm)[0] < 0.2 * measures(&clean, &noisy)[0]);
        assert!(Defects::of(&[&clean]).is_empty());
    }

    #[test]
    fn rows_that_are_off_are_found_and_levelled() {
        let clean = kodak23();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let offsets: Vec<f32> = (0..clean.height).map(|_| 0.08 * normal(&mut rng)).collect();
        let row = |i: usize| i / clean.width % clean.height;
        let data = clean.data.iter().enumerate().map(|(i, v)| v + offsets[row(i)] + 0.02 * normal(&mut rng));
        let noisy = filed(Planar { data: data.collect(), ..clean.clone() });
        let model = model_of(&noisy, &clean);
        let rows = model.defects.rows.as_ref().unwrap();
        let deviation = (offsets.iter().map(|v| v * v).sum::<f32>() / offsets.len() as f32).sqrt();
        assert!((rows.sigma() / deviation - 1.0).abs() < 0.1, "{} for {deviation}", rows.sigma());
        assert!(model.defects.columns.is_none() && model.defects.impulses.is_none());
        let calm = model.defects.removed(&noisy);
        assert!(measures(&clean, &calm)[0] < 0.45 * measures(&clean, &noisy)[0]);
        let sigma = (0..3).map(|c| model.sigma_at(c, 0.5)).sum::<f32>() / 3.0;
        assert!((0.015..0.03).contains(&sigma), "{sigma}");
    }

    #[test]
    fn a_gray_photo_has_gray_noise_and_photons_are_counted() {
        let colour = kodak23();
        let clean = colour.planes(1, 1);
        let photons =
            |v: f32, rng: &mut ChaCha8Rng| Poisson::new(v.max(1e-6) * 12.0).unwrap().sample(rng) / 12.0;
        let noisy = with_white(&clean, photons);
        let three = |p: &Planar| Planar { channels: 3, data: p.data.repeat(3), ..*p };
        let model = model_of(&three(&noisy), &three(&clean));
        assert_eq!(model.channels, 1);
        let simulated = model.sampler().noisy(&three(&clean), &mut ChaCha8Rng::seed_from_u64(3));
        let area = clean.data.len();
        assert_eq!(simulated.data[..area], simulated.data[area..2 * area]);
        let (want, got) = (measures(&clean, &noisy)[0], measures(&clean, &simulated.planes(0, 1))[0]);
        assert!((got / want - 1.0).abs() < 0.05, "{got} for {want}");
        // Counts come in steps of a photon.
        let dark = Planar { data: vec![0.05; area], ..clean };
        let zeros = model.sampler().noisy(&dark, &mut ChaCha8Rng::seed_from_u64(3));
        let share = zeros.data.iter().filter(|v| **v < 0.03).count() as f32 / area as f32;
        assert!((share - (-0.6f32).exp()).abs() < 0.12, "{share}");
    }

    #[test]
    fn black_without_photons_is_told_from_black_of_normal_noise() {
        let colour = kodak23();
        let mut dark = colour.planes(1, 1);
        dark.data.iter_mut().for_each(|v| *v = 0.5 * v.powi(3));
        let photons =
            |v: f32, rng: &mut ChaCha8Rng| Poisson::new(v.max(1e-6) * 12.0).unwrap().sample(rng) / 12.0;
        // Networks see too little where it is dark.
        let seen = Planar { data: dark.data.iter().map(|v| 0.85 * v).collect(), ..dark.clone() };
        let model = model_of(&with_white(&dark, photons), &seen);
        assert!(model.is_of_photons());
        let normal = model_of(&with_white(&dark, |v, rng| v + 0.1 * normal(rng)), &dark);
        assert!(!normal.is_of_photons());
        for level in [0.05f32, 0.1, 0.2] {
            let ratio = model.sigma_at(0, level) / (level / 12.0).sqrt();
            assert!((ratio - 1.0).abs() < 0.05, "{level}: {ratio}");
            let ratio = normal.sigma_at(0, level) / 0.1;
            assert!((ratio - 1.0).abs() < 0.1, "{level}: {ratio}");
        }
    }

    #[test]
    fn a_model_goes_through_json_and_what_is_none_is_refused() {
        let clean = kodak23();
        let model = model_of(&with_white(&clean, |v, rng| v + 0.1 * normal(rng)), &clean);
        let json = model.to_json().unwrap();
        assert_eq!(NoiseModel::from_json(&json).unwrap(), model);
        let broken =
            [json.replace("\"channels\":3", "\"channels\":1"), "{}".into(), json.replace("variance", "v")];
        for json in broken {
            assert!(NoiseModel::from_json(&json).is_err());
        }
    }

    #[test]
    fn tiny_flat_and_saturated_pictures_do_no_harm() {
        let flat = |side: usize, v: f32| Planar {
            channels: 3,
            height: side,
            width: side,
            data: vec![v; 3 * side * side],
        };
        assert!(NoiseModel::of(&[(&flat(15, 0.5), &flat(15, 0.5))], Defects::default()).is_none());
        assert!(NoiseModel::of(&[], Defects::default()).is_none());
        for value in [0.0, 0.5, 1.0] {
            let picture = flat(64, value);
            let model = model_of(&picture, &picture);
            assert!(model.spectrum.iter().chain(&model.variance).all(|v| v.is_finite()));
            let simulated = model.sampler().noisy(&picture, &mut ChaCha8Rng::seed_from_u64(1));
            assert!(simulated.data.iter().all(|v| (v - value).abs() < 0.02));
            assert_eq!(model.summary().to_string(), "next to no noise");
        }
    }
}
