//! More of a photo's own noise: blocks of its flat parts, where nothing but noise is left when a plane is taken off, are
//! mixed into fields of any size. So the noise keeps its correlation within and between channels (demosaicing, JPEG), and
//! its dependence on brightness. Noise from smooth blocks was first used to train denoisers by Chen et al., "Image Blind
//! Denoising With Generative Adversarial Network Based Noise Modeling", CVPR 2018.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::photo::Planar;

/// Side of a block, pixels.
const SIDE: usize = 32;
/// Blocks begin at every so many pixels.
const STRIDE: usize = 8;
/// Share of the blocks that is taken for flat, in each of [`GROUPS`] groups of like brightness.
const FLAT_SHARE: f64 = 0.1;
/// Groups of like brightness.
const GROUPS: usize = 4;
/// Blocks of a group that are taken at least.
const LEAST: usize = 4;
/// Blocks that are kept, at most.
const MOST: usize = 512;
/// Where even the flattest blocks have more structure than noise, only so many of the very flattest are taken.
const TEXTURED: usize = 60;
/// Values that are taken for clipped: below, above.
const CLIPPED: [f32; 2] = [0.004, 0.995];
/// Blocks that a field mixes at each place.
const MIXED: usize = 2;
/// Points of the noise level function.
const LEVELS: usize = 16;
/// Brightness is the mean over this many pixels to each side.
const RADIUS: usize = 4;

/// Blocks of noise, and how strong noise is by brightness.
#[derive(Clone, Debug)]
pub struct NoiseBlocks {
    channels: usize,
    /// `[C, SIDE, SIDE]` each, as multiples of the deviation that [`LevelFunction`] gives.
    blocks: Vec<Vec<f32>>,
    levels: LevelFunction,
}

impl NoiseBlocks {
    /// From pictures and what a denoiser made of them (all of one number of channels, in `[0, 1]`); `None` when they are
    /// smaller than a block.
    pub fn of(pictures: &[(&Planar, &Planar)]) -> Option<Self> {
        let brightness: Vec<Planar> = pictures.iter().map(|(_, first)| brightness(first)).collect();
        let levels = LevelFunction::of(pictures, &brightness);
        let mut places = Vec::new();
        for (picture, (noisy, first)) in pictures.iter().enumerate() {
            for y in (0..(noisy.height + 1).saturating_sub(SIDE)).step_by(STRIDE) {
                for x in (0..(noisy.width + 1).saturating_sub(SIDE)).step_by(STRIDE) {
                    places.push(Place::new(picture, [x, y], noisy, first, &brightness[picture], &levels));
                }
            }
        }
        let flat = flattest(places);
        let block = |place: &Place| {
            let mut block = detrended(pictures[place.picture].0, place.at);
            for (values, level) in block.chunks_mut(SIDE * SIDE).zip(&place.sigma) {
                values.iter_mut().for_each(|v| *v /= level.max(1e-4));
            }
            block
        };
        let step = flat.len().div_ceil(MOST).max(1);
        let blocks: Vec<Vec<f32>> = flat.iter().step_by(step).map(block).collect();
        let channels = pictures.first()?.0.channels;
        (!blocks.is_empty()).then_some(Self { channels, blocks, levels })
    }

    /// A field of noise for a picture, of which `first` is a denoised version: it tells how bright it is where.
    pub fn field(&self, first: &Planar, rng: &mut ChaCha8Rng) -> Planar {
        let (width, height) = (first.width, first.height);
        let mut field = Planar { data: vec![0.0; first.data.len()], ..first.clone() };
        let half = SIDE / 2;
        // Windows of blocks that overlap by half, squared, add up to one: so the variance is the same everywhere.
        let window: Vec<f32> =
            (0..SIDE).map(|i| (std::f32::consts::PI * (i as f32 + 0.5) / SIDE as f32).sin()).collect();
        for top in (0..height + half).step_by(half) {
            for left in (0..width + half).step_by(half) {
                let block = self.mixture(rng);
                for row in (0..SIDE).filter(|row| (half..height + half).contains(&(top + row))) {
                    let y = top + row - half;
                    for column in (0..SIDE).filter(|column| (half..width + half).contains(&(left + column))) {
                        let x = left + column - half;
                        let weight = window[row] * window[column];
                        for c in 0..self.channels {
                            field.data[(c * height + y) * width + x] +=
                                weight * block[(c * SIDE + row) * SIDE + column];
                        }
                    }
                }
            }
        }
        let brightness = brightness(first);
        for (i, value) in field.data.iter_mut().enumerate() {
            *value *= self.levels.at(i / (width * height), brightness.data[i]);
        }
        field
    }

    /// Some blocks with random weights whose squares sum to one, turned in one of eight ways.
    fn mixture(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let weights: [f32; MIXED] = std::array::from_fn(|_| StandardNormal.sample(rng));
        let norm = weights.iter().map(|w| w * w).sum::<f32>().sqrt().max(1e-6);
        let turn = rng.random_range(0..8u32);
        let mut mixture = vec![0.0; self.channels * SIDE * SIDE];
        for weight in weights {
            let block = &self.blocks[rng.random_range(0..self.blocks.len() as u32) as usize];
            for (i, value) in mixture.iter_mut().enumerate() {
                let (plane, row, column) = (i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE);
                let (row, column) = if turn & 4 == 0 { (row, column) } else { (column, row) };
                let row = if turn & 2 == 0 { row } else { SIDE - 1 - row };
                let column = if turn & 1 == 0 { column } else { SIDE - 1 - column };
                *value += weight / norm * block[(plane * SIDE + row) * SIDE + column];
            }
        }
        mixture
    }
}

/// Deviation of the noise by brightness, for each channel.
#[derive(Clone, Debug)]
struct LevelFunction {
    channels: Vec<[f32; LEVELS]>,
}

impl LevelFunction {
    /// Of what a denoiser took away. It need not be all of the noise: blocks are relative to it.
    fn of(pictures: &[(&Planar, &Planar)], brightness: &[Planar]) -> Self {
        let channels = pictures.first().map_or(0, |(noisy, _)| noisy.channels);
        let channel = |c: usize| {
            let (mut sums, mut counts) = ([0f64; LEVELS], [0f64; LEVELS]);
            for ((noisy, first), bright) in pictures.iter().zip(brightness) {
                let area = noisy.width * noisy.height;
                for i in c * area..(c + 1) * area {
                    let level = (bright.data[i].clamp(0.0, 1.0) * (LEVELS - 1) as f32).round() as usize;
                    let residual = f64::from(noisy.data[i] - first.data[i].clamp(0.0, 1.0));
                    sums[level] += residual * residual;
                    counts[level] += 1.0;
                }
            }
            let count: f64 = counts.iter().sum::<f64>().max(1.0);
            let mean = sums.iter().sum::<f64>() / count;
            // Levels that hardly occur lean on the mean, and each on its neighbours.
            let prior = 0.01 * count;
            let variance = |l: usize| (sums[l] + prior * mean) / (counts[l] + prior);
            std::array::from_fn(|l| {
                let around = [l.saturating_sub(1), l, (l + 1).min(LEVELS - 1)];
                (around.map(variance).iter().sum::<f64>() / 3.0).sqrt() as f32
            })
        };
        Self { channels: (0..channels).map(channel).collect() }
    }

    fn at(&self, channel: usize, brightness: f32) -> f32 {
        let position = brightness.clamp(0.0, 1.0) * (LEVELS - 1) as f32;
        let low = (position as usize).min(LEVELS - 2);
        let [a, b] = [low, low + 1].map(|level| self.channels[channel][level]);
        a + (position - low as f32) * (b - a)
    }
}

/// A block that may be flat.
struct Place {
    picture: usize,
    at: [usize; 2],
    /// Mean over all channels.
    brightness: f32,
    /// Deviation of the noise in each channel.
    sigma: Vec<f32>,
    /// Variance of the denoised picture around a plane, relative to the noise's.
    structure: f32,
    clipped: bool,
}

impl Place {
    fn new(
        picture: usize,
        at: [usize; 2],
        noisy: &Planar,
        first: &Planar,
        brightness: &Planar,
        levels: &LevelFunction,
    ) -> Self {
        let means: Vec<f32> = (0..noisy.channels).map(|c| mean(samples(brightness, at, c))).collect();
        let sigma: Vec<f32> = means.iter().enumerate().map(|(c, &mean)| levels.at(c, mean)).collect();
        let flat = detrended(first, at);
        let variances = flat.chunks(SIDE * SIDE).map(|plane| mean(plane.iter().map(|v| v * v)));
        let relative = variances.zip(&sigma).map(|(variance, sigma)| variance / (sigma * sigma).max(1e-7));
        let mut values = (0..noisy.channels).flat_map(|c| samples(noisy, at, c));
        Self {
            picture,
            at,
            brightness: mean(means.iter().copied()),
            structure: mean(relative),
            clipped: values.any(|v| !(CLIPPED[0]..=CLIPPED[1]).contains(&v)),
            sigma,
        }
    }
}

/// The flattest places, some of every brightness; those with clipped values only where there are hardly others.
fn flattest(mut places: Vec<Place>) -> Vec<Place> {
    const FEW: usize = 20;
    if places.iter().filter(|place| !place.clipped).count() >= FEW {
        places.retain(|place| !place.clipped);
    }
    let mut structures: Vec<f32> = places.iter().map(|place| place.structure).collect();
    structures.sort_by(f32::total_cmp);
    let limit = ((1.5 * FLAT_SHARE * places.len() as f64) as usize).min(places.len().saturating_sub(1));
    let limit = structures.get(limit).copied().unwrap_or_default();
    places.sort_by(|a, b| a.brightness.total_cmp(&b.brightness));
    let size = places.len().div_ceil(GROUPS).max(1);
    let mut flat = Vec::new();
    while !places.is_empty() {
        let mut group: Vec<Place> = places.drain(..size.min(places.len())).collect();
        let taken = LEAST.max((FLAT_SHARE * group.len() as f64) as usize);
        group.sort_by(|a, b| a.structure.total_cmp(&b.structure));
        flat.extend(group.into_iter().take(taken).filter(|place| place.structure <= limit));
    }
    flat.sort_by(|a, b| a.structure.total_cmp(&b.structure));
    if flat.get(flat.len() / 2).is_some_and(|median| median.structure > 1.0) {
        flat.truncate(TEXTURED);
    }
    flat
}

fn samples(picture: &Planar, [x, y]: [usize; 2], channel: usize) -> impl Iterator<Item = f32> + '_ {
    let start = move |row: usize| (channel * picture.height + y + row) * picture.width + x;
    (0..SIDE).flat_map(move |row| picture.data[start(row)..start(row) + SIDE].iter().copied())
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), v| (sum + v, count + 1));
    sum / count.max(1) as f32
}

/// A block less the plane that fits it best, channel by channel.
fn detrended(picture: &Planar, at: [usize; 2]) -> Vec<f32> {
    let centred = |i: usize| i as f32 - (SIDE - 1) as f32 / 2.0;
    let spread = (0..SIDE).map(|i| centred(i) * centred(i)).sum::<f32>() * SIDE as f32;
    let mut block = Vec::with_capacity(picture.channels * SIDE * SIDE);
    for channel in 0..picture.channels {
        let values: Vec<f32> = samples(picture, at, channel).collect();
        let level = mean(values.iter().copied());
        let slope = |along: fn(usize) -> usize| {
            values.iter().enumerate().map(|(i, v)| v * centred(along(i))).sum::<f32>() / spread
        };
        let (right, down) = (slope(|i| i % SIDE), slope(|i| i / SIDE));
        let plane = |i: usize| level + right * centred(i % SIDE) + down * centred(i / SIDE);
        block.extend(values.iter().enumerate().map(|(i, v)| v - plane(i)));
    }
    block
}

fn brightness(picture: &Planar) -> Planar {
    box_blur(picture, RADIUS)
}

/// The mean of `radius` pixels to each side, fewer at the border, clipped to `[0, 1]`.
pub(crate) fn box_blur(picture: &Planar, radius: usize) -> Planar {
    let rows = smoothed(picture, radius, picture.width, 1);
    smoothed(&rows, radius, picture.height, picture.width)
}

/// The mean over `radius` samples to each side along lines of `length` samples that are `step` apart; fewer at the ends.
fn smoothed(picture: &Planar, radius: usize, length: usize, step: usize) -> Planar {
    let mut data = vec![0.0; picture.data.len()];
    for start in (0..picture.data.len()).filter(|i| (i / step).is_multiple_of(length)) {
        let line = |i: usize| picture.data[start + i * step].clamp(0.0, 1.0);
        let mut sum: f32 = (0..radius.min(length)).map(line).sum();
        for i in 0..length {
            if i + radius < length {
                sum += line(i + radius);
            }
            if i > radius {
                sum -= line(i - radius - 1);
            }
            let count = (i + radius + 1).min(length) - i.saturating_sub(radius);
            data[start + i * step] = sum / count as f32;
        }
    }
    Planar { data, ..picture.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const SIZE: usize = 160;

    /// A gray ramp with a textured square, and noise of which each sample leans on the one before.
    fn pictures(sigma: impl Fn(f32) -> f32) -> (Planar, Planar) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let clean: Vec<f32> = (0..SIZE * SIZE)
            .map(|i| {
                let (x, y) = (i % SIZE, i / SIZE);
                let texture = if x < 64 && y < 64 && (x / 2 + y / 2) % 2 == 0 { 0.2 } else { 0.0 };
                0.2 + 0.5 * x as f32 / SIZE as f32 + texture
            })
            .collect();
        let mut last = 0.0;
        let noisy = clean.iter().map(|v| {
            let fresh: f32 = StandardNormal.sample(&mut rng);
            last = 0.6 * last + 0.8 * fresh;
            v + sigma(*v) * last
        });
        let plane = |data| Planar { channels: 1, height: SIZE, width: SIZE, data };
        (plane(noisy.collect()), plane(clean))
    }

    fn covariance(field: &Planar, columns: std::ops::Range<usize>, lag: usize) -> f32 {
        let rows = (0..SIZE).map(|y| &field.data[y * SIZE..][..SIZE]);
        mean(rows.flat_map(|row| columns.clone().map(move |x| row[x] * row[x + lag])))
    }

    #[test]
    fn fields_are_noise_like_the_photos_own() {
        let (noisy, clean) = pictures(|v| 0.02 + 0.1 * v);
        let blocks = NoiseBlocks::of(&[(&noisy, &clean)]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let field = blocks.field(&clean, &mut rng);
        for columns in [8..60, 100..150] {
            let middle = clean.data[100 * SIZE + (columns.start + columns.end) / 2];
            let expected = (0.02 + 0.1 * middle).powi(2);
            let variance = covariance(&field, columns.clone(), 0);
            assert!((variance / expected - 1.0).abs() < 0.3, "{variance}, not {expected}");
        }
        // Turned blocks have the correlation of rows in columns as well: half of the 0.6 in each.
        let correlation = covariance(&field, 70..150, 1) / covariance(&field, 70..150, 0);
        assert!((correlation - 0.3).abs() < 0.1, "{correlation}");
        assert_ne!(blocks.field(&clean, &mut rng), field);
        let mut again = ChaCha8Rng::seed_from_u64(2);
        assert_eq!(blocks.field(&clean, &mut again), field);
    }

    #[test]
    fn texture_is_not_taken_for_noise() {
        let (noisy, clean) = pictures(|_| 0.01);
        let blocks = NoiseBlocks::of(&[(&noisy, &clean)]).unwrap();
        let field = blocks.field(&clean, &mut ChaCha8Rng::seed_from_u64(3));
        assert!(covariance(&field, 0..150, 0).sqrt() < 0.013);
    }

    #[test]
    fn small_and_flat_pictures_do_no_harm() {
        let flat =
            |side: usize| Planar { channels: 3, height: side, width: side, data: vec![0.5; 3 * side * side] };
        assert!(NoiseBlocks::of(&[(&flat(31), &flat(31))]).is_none());
        let blocks = NoiseBlocks::of(&[(&flat(32), &flat(32))]).unwrap();
        let field = blocks.field(&flat(5), &mut ChaCha8Rng::seed_from_u64(3));
        assert!(field.data.iter().all(|v| v.abs() < 1e-6));
        assert!(NoiseBlocks::of(&[]).is_none());
    }
}
