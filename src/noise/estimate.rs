//! The noise of a photo, estimated from the photo alone.
//!
//! Flat blocks show the noise: of 8x8 blocks of like brightness, those with the least energy at low frequencies are
//! taken, and the noise is measured at the high frequencies of their DCT, where the choice has no say (Ponomarenko et
//! al., "An automatic approach to lossy compression of AVIRIS images", IGARSS 2007; Colom, Buades, "Analysis and
//! Extension of the Ponomarenko et al. Method", IPOL 2013). By brightness, because a sensor's noise grows with the
//! signal (Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", TIP 2008;
//! Liu et al., "Estimation of signal-dependent noise level function from a single image", 2014). Demosaicing and JPEG
//! move noise from high to low frequencies (Lebrun, Colom, Morel, "The Noise Clinic", IPOL 2015): where the spectrum
//! falls, the lower frequencies are counted too.

use serde::{Deserialize, Serialize};

use super::dct::{AREA, LOW, SIDE, dct, low_dct, transposed};
use super::order::median;
use crate::photo::{Photo, Planar};

/// Blocks that are looked at, at most: those of larger photos are further apart. Of smaller ones, a block for so many
/// pixels, but not fewer than these.
const MAX_BLOCKS: usize = 1 << 16;
const MIN_BLOCKS: usize = 1 << 14;
const PIXELS_PER_BLOCK: usize = 12;
/// Groups of like brightness, of equally many blocks.
const GROUPS: usize = 6;
/// Share of a group's blocks that is taken for flat, and the number that is taken at least.
const FLATTEST: (f64, usize) = (0.01, 32);
/// Share of a block's samples that may be clipped.
const MAX_CLIPPED: f32 = 1.0 / 8.0;
/// Variance that is nothing, of a quarter of a step of 8 bits: less than rounding makes. Blocks with less between
/// neighbouring pixels were crushed to black or flattened by JPEG, and say nothing about the noise elsewhere.
const NOTHING: f32 = 0.25 / 255.0 * (0.25 / 255.0);
/// Groups that are this many times more textured than the flattest one tell nothing about the noise.
const MAX_TEXTURE: f32 = 16.0;
/// Amplitude at middle over high frequencies from which noise counts as correlated: by no means, in full.
const COLORED: (f32, f32) = (1.2, 1.6);
/// Correlation of neighbouring pixels from which it counts as correlated. Cameras have more (0.39 and up in luma, 0.43
/// in chroma, over CC15 and PolyU100); white noise has below 0.12, texture without noise up to 0.36 in luma.
const CORRELATED: f32 = 0.3;

/// The noise of a photo, estimated from the photo alone. Standard deviations are on the scale 0 to 1.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseEstimate {
    /// Standard deviation over all channels and levels.
    pub sigma: f32,
    /// Each colour channel by itself.
    pub channels: Vec<ChannelNoise>,
    /// Whether the noise spreads over neighbouring pixels, as that of cameras does. Without noise it means nothing.
    pub correlated: bool,
    /// Correlation between pixels.
    pub correlation: Correlation,
}

/// Noise of one channel.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelNoise {
    /// Standard deviation over all levels.
    pub sigma: f32,
    /// The noise level function: deviation by brightness, darkest first; at least one point.
    pub levels: Vec<LevelNoise>,
}

/// Noise at a brightness.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelNoise {
    /// Brightness, 0 to 1.
    pub level: f32,
    /// Standard deviation there.
    pub sigma: f32,
}

/// Autocorrelation of the noise at 1, 2 and 3 pixels (mean of both directions): 0 for white noise, near 1 for blotches.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correlation {
    /// Of the mean of the colours. Includes what texture there is in the flattest parts of the photo.
    pub luma: [f32; 3],
    /// Of the colour differences, where there are colours. Texture hardly shows in these.
    pub chroma: Option<[f32; 3]>,
}

impl Correlation {
    /// Whether that is more than white noise or texture has.
    pub(crate) fn is_high(&self) -> bool {
        self.luma[0] > CORRELATED && self.chroma.is_none_or(|chroma| chroma[0] > CORRELATED)
    }
}

impl NoiseEstimate {
    /// Estimates the noise of a planar image of 1 or 3 channels in `[0, 1]`. Images with no 8x8 block of unclipped
    /// pixels are taken for free of noise.
    pub fn of(image: &Planar) -> Self {
        let plane = image.width * image.height;
        let read = |c: usize, x: usize, y: usize, out: &mut [f32]| {
            let first = c * plane + y * image.width + x;
            out.copy_from_slice(&image.data[first..first + out.len()]);
        };
        estimate(&View { width: image.width, height: image.height, channels: image.channels, read })
    }

    /// [`NoiseEstimate::of`] the colours of a photo, as they are seen (see [`Photo::stretched`]).
    pub fn of_photo(photo: &Photo) -> Self {
        let read = |c: usize, x: usize, y: usize, out: &mut [f32]| photo.levels(c, x, y, out);
        estimate(&View { width: photo.width(), height: photo.height(), channels: photo.colors(), read })
    }

    /// Deviation in `channel` at a brightness: between the points of the noise level function linear, beyond them
    /// constant.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn sigma_at(&self, channel: usize, level: f32) -> f32 {
        let levels = &self.channels[channel].levels;
        let above = levels.partition_point(|point| point.level < level);
        let (Some(high), Some(low)) = (levels.get(above), levels[..above].last()) else {
            return levels[above.min(levels.len() - 1)].sigma;
        };
        let position = (level - low.level) / (high.level - low.level);
        low.sigma + position * (high.sigma - low.sigma)
    }
}

/// Any image that can be read row by row: `read(channel, x, y, out)` fills `out` with the samples from `(x, y)` on.
struct View<F> {
    width: usize,
    height: usize,
    channels: usize,
    read: F,
}

impl<F: Fn(usize, usize, usize, &mut [f32])> View<F> {
    /// The channels of a block.
    fn block(&self, x: usize, y: usize) -> Vec<[f32; AREA]> {
        let channel = |c| {
            let mut block = [0.0; AREA];
            block.chunks_exact_mut(SIDE).enumerate().for_each(|(i, row)| (self.read)(c, x, y + i, row));
            block
        };
        (0..self.channels).map(channel).collect()
    }

    fn candidates(&self) -> Vec<Candidate> {
        let (columns, rows) = ((self.width + 1).saturating_sub(SIDE), (self.height + 1).saturating_sub(SIDE));
        let most = (self.width * self.height / PIXELS_PER_BLOCK).clamp(MIN_BLOCKS, MAX_BLOCKS);
        let step = (1..).find(|step| columns.div_ceil(*step) * rows.div_ceil(*step) <= most);
        let step = step.unwrap_or(1);
        if columns == 0 {
            return Vec::new();
        }
        let mut band = Band::new(self.channels, self.width, step);
        (0..rows).step_by(step).flat_map(|y| band.candidates(self, y, columns, step)).collect()
    }
}

/// What is known of a row of blocks. All that is asked of a block is computed for the blocks at all columns (where these
/// are even, for those) at once: such loops over columns become vectors, and blocks share what they overlap in.
struct Band {
    channels: usize,
    /// Columns between cells of 2x2 pixels: 2 where all blocks begin at even ones.
    stride: usize,
    /// Pairs of rows, by the upper one modulo [`SIDE`].
    pairs: [Pair; SIDE],
    columns: Columns,
    /// By cell, over all channels and rows of the band.
    clipped: Vec<f32>,
    within: Vec<f32>,
    /// By block, over all channels.
    brightness: Vec<f32>,
    texture: Vec<f32>,
    fine: Vec<f32>,
    mean: Vec<f32>,
}

/// Two rows, in cells of 2x2 pixels, channel after channel.
struct Pair {
    /// The upper row.
    row: Option<usize>,
    means: Vec<f32>,
    /// Squared differences from the means.
    within: Vec<f32>,
    /// Samples that are clipped.
    clipped: Vec<f32>,
}

/// More than a block has samples: what a sample that is no number counts as.
const NO_NUMBER: f32 = 1e6;

impl Band {
    fn new(channels: usize, width: usize, step: usize) -> Self {
        let stride = if step.is_multiple_of(2) { 2 } else { 1 };
        let cells = (width - 1).div_ceil(stride);
        let blocks = (width + 1 - SIDE).div_ceil(stride);
        let pair = || Pair {
            row: None,
            means: vec![0.0; channels * cells],
            within: vec![0.0; channels * cells],
            clipped: vec![0.0; channels * cells],
        };
        Self {
            channels,
            stride,
            pairs: std::array::from_fn(|_| pair()),
            columns: Columns::new(width),
            clipped: vec![0.0; cells],
            within: vec![0.0; cells],
            brightness: vec![0.0; blocks],
            texture: vec![0.0; blocks],
            fine: vec![0.0; blocks],
            mean: vec![0.0; blocks],
        }
    }

    /// Every `step`-th block from row `y` on, but for those with more than [`MAX_CLIPPED`] of black or white, or with
    /// something that is no number.
    fn candidates<F: Fn(usize, usize, usize, &mut [f32])>(
        &mut self,
        view: &View<F>,
        y: usize,
        columns: usize,
        step: usize,
    ) -> Vec<Candidate> {
        for row in (y..y + SIDE).step_by(2) {
            let pair = &mut self.pairs[row % SIDE];
            if pair.row.replace(row) != Some(row) {
                pair.measure(view, row, self.stride, &mut self.columns);
            }
        }
        for sums in [&mut self.clipped, &mut self.brightness, &mut self.texture, &mut self.fine] {
            sums.fill(0.0);
        }
        for channel in 0..self.channels {
            self.measure(y, channel);
        }
        let count = self.channels as f32;
        let most = MAX_CLIPPED * count * AREA as f32;
        let candidate = |x: usize| {
            let i = x / self.stride;
            let clipped: f32 = cells(self.stride).map(|cell| self.clipped[i + cell]).iter().sum();
            (clipped <= most).then(|| Candidate {
                x,
                y,
                brightness: self.brightness[i] / count,
                texture: self.texture[i],
                fine: self.fine[i] / count,
            })
        };
        (0..columns).step_by(step).filter_map(candidate).collect()
    }

    /// Adds what a channel has to say about the blocks at all columns.
    fn measure(&mut self, y: usize, channel: usize) {
        let Self { pairs, stride, clipped, within, brightness, texture, fine, mean, .. } = self;
        let count = within.len();
        let pairs = [0, 2, 4, 6].map(|row| &pairs[(y + row) % SIDE]);
        let of_channel = channel * count..(channel + 1) * count;
        let means = pairs.map(|pair| &pair.means[of_channel.clone()]);
        within.fill(0.0);
        for pair in pairs {
            add(clipped, &pair.clipped[of_channel.clone()], 1.0);
            add(within, &pair.within[of_channel.clone()], 1.0);
        }
        mean.fill(0.0);
        for (means, cell) in means.iter().flat_map(|means| cells(*stride).map(|cell| (means, cell))) {
            add(mean, &means[cell..], 1.0 / 16.0);
        }
        for (means, cell) in means.iter().flat_map(|means| cells(*stride).map(|cell| (means, cell))) {
            for ((texture, mean), v) in texture.iter_mut().zip(&*mean).zip(&means[cell..]) {
                *texture += (v - mean) * (v - mean) / 16.0;
            }
        }
        for cell in cells(*stride) {
            add(fine, &within[cell..], 1.0 / AREA as f32);
        }
        add(brightness, mean, 1.0);
    }
}

/// Where the cells of a block lie, beside its first one.
fn cells(stride: usize) -> [usize; SIDE / 2] {
    std::array::from_fn(|i| 2 * i / stride)
}

fn add(sums: &mut [f32], values: &[f32], factor: f32) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * factor);
}

impl Pair {
    fn measure<F: Fn(usize, usize, usize, &mut [f32])>(
        &mut self,
        view: &View<F>,
        row: usize,
        stride: usize,
        columns: &mut Columns,
    ) {
        for channel in 0..view.channels {
            (view.read)(channel, 0, row, &mut columns.upper);
            (view.read)(channel, 0, row + 1, &mut columns.lower);
            columns.measure();
            match stride {
                1 => self.cells::<1>(columns, channel),
                _ => self.cells::<2>(columns, channel),
            }
        }
    }

    fn cells<const STRIDE: usize>(&mut self, columns: &Columns, channel: usize) {
        let Columns { sums, squares, clipped, .. } = columns;
        let count = (sums.len() - 1).div_ceil(STRIDE);
        let of_channel = channel * count..(channel + 1) * count;
        let means = &mut self.means[of_channel.clone()];
        let within = &mut self.within[of_channel.clone()];
        let clips = &mut self.clipped[of_channel];
        for i in 0..count {
            let (left, right) = (i * STRIDE, i * STRIDE + 1);
            let across = sums[left] - sums[right];
            means[i] = (sums[left] + sums[right]) / 4.0;
            within[i] = across * across / 4.0 + (squares[left] + squares[right]) / 2.0;
            clips[i] = clipped[left] + clipped[right];
        }
    }
}

/// Two rows, and what pairs of pixels, one above the other, add to the cells that they are in.
struct Columns {
    upper: Vec<f32>,
    lower: Vec<f32>,
    sums: Vec<f32>,
    /// Of their difference.
    squares: Vec<f32>,
    /// How many of them are clipped.
    clipped: Vec<f32>,
}

impl Columns {
    fn new(width: usize) -> Self {
        let [upper, lower, sums, squares, clipped] = std::array::from_fn(|_| vec![0.0; width]);
        Self { upper, lower, sums, squares, clipped }
    }

    fn measure(&mut self) {
        let Self { upper, lower, sums, squares, clipped } = self;
        let clip = |v: f32| {
            let outside = if v > 0.0 && v < 1.0 { 0.0 } else { 1.0 };
            if v.is_finite() { outside } else { NO_NUMBER }
        };
        let width = upper.len();
        let (lower, sums) = (&lower[..width], &mut sums[..width]);
        let (squares, clipped) = (&mut squares[..width], &mut clipped[..width]);
        for x in 0..width {
            let (a, b) = (upper[x], lower[x]);
            sums[x] = a + b;
            squares[x] = (a - b) * (a - b);
            clipped[x] = clip(a) + clip(b);
        }
    }
}

/// A block that may be flat.
#[derive(Clone, Copy)]
struct Candidate {
    x: usize,
    y: usize,
    brightness: f32,
    /// Energy at low frequencies: variance of the means of 2x2 pixels, over all channels.
    texture: f32,
    /// Variance of pixels around the means of their 2x2, mean of the channels.
    fine: f32,
}

fn estimate<F: Fn(usize, usize, usize, &mut [f32])>(view: &View<F>) -> NoiseEstimate {
    let mut candidates = view.candidates();
    let all = candidates.len();
    candidates.retain(|block| block.fine > NOTHING);
    // What has no noise counts as such, but the others tell how much the rest has.
    let share = candidates.len() as f32 / all.max(1) as f32;
    let groups: Vec<Group> =
        by_brightness(&mut candidates).into_iter().map(|group| Group::measure(view, group)).collect();
    let flattest = groups.iter().map(Group::texture).fold(f32::INFINITY, f32::min);
    let weighted: Vec<(f32, &Group)> = groups
        .iter()
        .map(|group| (group.texture() / flattest, group))
        .filter(|(texture, _)| *texture <= MAX_TEXTURE)
        .map(|(texture, group)| (group.blocks as f32 / texture, group))
        .collect();
    let colored = coloredness(&weighted, view.channels);
    let channels: Vec<_> = (0..view.channels).map(|c| channel_noise(&weighted, c, colored, share)).collect();
    let sigma = channels.iter().map(|c| c.sigma.powi(2)).sum::<f32>() / view.channels as f32;
    let correlation = correlation(&weighted, view.channels);
    NoiseEstimate { sigma: sigma.sqrt(), channels, correlated: correlation.is_high(), correlation }
}

/// The blocks in [`GROUPS`] of equally many and like brightness, darkest first.
fn by_brightness(mut blocks: &mut [Candidate]) -> Vec<&mut [Candidate]> {
    let size = blocks.len().div_ceil(GROUPS).max(1);
    let mut groups = Vec::with_capacity(GROUPS);
    while blocks.len() > size {
        blocks.select_nth_unstable_by(size, |a, b| a.brightness.total_cmp(&b.brightness));
        let (darkest, brighter) = blocks.split_at_mut(size);
        groups.push(darkest);
        blocks = brighter;
    }
    groups.extend((!blocks.is_empty()).then_some(blocks));
    groups
}

/// How far the low frequencies are noise too: 0 for white noise, 1 where the spectrum falls as that of a camera does.
/// Told by the colour differences where there are any, as texture is mostly gray.
fn coloredness(groups: &[(f32, &Group)], channels: usize) -> f32 {
    let sum = |f: fn(&Spectrum) -> f32| {
        groups.iter().map(|(w, g)| w * g.differences(channels).iter().map(f).sum::<f32>()).sum::<f32>()
    };
    let ratio = ((sum(|s| s.middle) + NOTHING) / (sum(|s| s.high) + NOTHING)).sqrt();
    ((ratio - COLORED.0) / (COLORED.1 - COLORED.0)).clamp(0.0, 1.0)
}

/// Noise of a channel, of which the `share` of the photo that the groups are of has any.
fn channel_noise(groups: &[(f32, &Group)], channel: usize, colored: f32, share: f32) -> ChannelNoise {
    let variance = |group: &Group| group.spectra[channel].variance(colored);
    let weight: f32 = groups.iter().map(|(w, _)| w).sum();
    let mean = groups.iter().map(|(w, g)| w * variance(g)).sum::<f32>() / weight.max(f32::MIN_POSITIVE);
    let point = |group: &Group| LevelNoise { level: group.levels[channel], sigma: variance(group).sqrt() };
    let mut levels: Vec<LevelNoise> = groups.iter().map(|(_, group)| point(group)).collect();
    levels.sort_by(|a, b| a.level.total_cmp(&b.level));
    levels.dedup_by(|next, kept| next.level - kept.level < 1.0 / 255.0);
    if levels.is_empty() {
        levels.push(LevelNoise { level: 0.5, sigma: 0.0 });
    }
    ChannelNoise { sigma: (share * mean).sqrt(), levels }
}

fn correlation(groups: &[(f32, &Group)], channels: usize) -> Correlation {
    let of = |planes: std::ops::Range<usize>| {
        let sum = |lag: usize| -> f32 {
            let group = |g: &Group| planes.clone().map(|p| g.products[p][lag]).sum::<f32>();
            groups.iter().map(|(w, g)| w * group(g)).sum()
        };
        let energy = sum(0);
        [1, 2, 3].map(|lag| if energy > 0.0 { (sum(lag) / energy).clamp(-1.0, 1.0) } else { 0.0 })
    };
    match channels {
        3 => Correlation { luma: of(3..4), chroma: Some(of(4..6)) },
        _ => Correlation { luma: of(0..1), chroma: None },
    }
}

/// The flattest blocks of like brightness, measured. Planes are the channels and, for three of them, also their mean and
/// differences.
struct Group {
    /// How many blocks the flattest ones were chosen of.
    blocks: usize,
    /// Brightness, by channel.
    levels: Vec<f32>,
    /// By plane.
    spectra: Vec<Spectrum>,
    /// Mean products of pixels 0 to 3 apart, by plane.
    products: Vec<[f32; 4]>,
}

impl Group {
    fn measure<F: Fn(usize, usize, usize, &mut [f32])>(view: &View<F>, blocks: &mut [Candidate]) -> Self {
        let share = (blocks.len() as f64 * FLATTEST.0) as usize;
        let count = share.max(FLATTEST.1).min(blocks.len());
        blocks.select_nth_unstable_by(count - 1, |a, b| a.texture.total_cmp(&b.texture));
        let chosen = &blocks[..count];
        let channels: Vec<_> = chosen.iter().map(|b| view.block(b.x, b.y)).collect();
        let mean = |c: usize| channels.iter().flat_map(|b| &b[c]).sum::<f32>() / (count * AREA) as f32;
        let levels = (0..view.channels).map(mean).collect();
        let bands: Vec<_> = channels.iter().map(|b| by_plane(b, dct, energies)).collect();
        let around = chosen.iter().flat_map(|b| neighbours(b, view)).map(|(x, y)| view.block(x, y));
        let around: Vec<_> = around.map(|b| by_plane(&b, low_dct, low_energy)).collect();
        let inside: Vec<_> = channels.into_iter().map(planes).collect();
        let planes = inside[0].len();
        Self {
            blocks: blocks.len(),
            levels,
            spectra: (0..planes).map(|p| Spectrum::measure(&bands, &around, p)).collect(),
            products: (0..planes).map(|p| lag_products(inside.iter().map(|b| &b[p]))).collect(),
        }
    }

    /// Low over high frequencies of the brightness.
    fn texture(&self) -> f32 {
        let luma = &self.spectra[if self.spectra.len() == 1 { 0 } else { 3 }];
        (luma.low_inside + NOTHING) / (luma.high + NOTHING)
    }

    /// The colour differences, or the only channel.
    fn differences(&self, channels: usize) -> &[Spectrum] {
        if channels == 3 { &self.spectra[4..] } else { &self.spectra }
    }
}

/// The blocks at the four sides of a block, as far as they lie in the image.
fn neighbours<F>(block: &Candidate, view: &View<F>) -> impl Iterator<Item = (usize, usize)> {
    let (x, y) = (block.x as isize, block.y as isize);
    let (right, bottom) = ((view.width - SIDE) as isize, (view.height - SIDE) as isize);
    let side = SIDE as isize;
    [(x - side, y), (x + side, y), (x, y - side), (x, y + side)]
        .into_iter()
        .filter(move |(x, y)| (0..=right).contains(x) && (0..=bottom).contains(y))
        .map(|(x, y)| (x as usize, y as usize))
}

/// Three channels and, after them, the orthonormal opponent colours: noise that is independent in the channels has in
/// these the same deviation.
fn planes<const N: usize>(mut channels: Vec<[f32; N]>) -> Vec<[f32; N]> {
    if let [r, g, b] = channels[..] {
        let mix = |k: [f32; 3], norm: f32| {
            std::array::from_fn(|i| (k[0] * r[i] + k[1] * g[i] + k[2] * b[i]) / norm.sqrt())
        };
        channels.extend([mix([1.0, 1.0, 1.0], 3.0), mix([1.0, 0.0, -1.0], 2.0), mix([1.0, -2.0, 1.0], 6.0)]);
    }
    channels
}

/// What `energy` tells of a `transform` of each plane. Transforms of sums are sums of transforms, so that only the channels
/// need be transformed.
fn by_plane<const N: usize, T>(
    channels: &[[f32; AREA]],
    transform: fn(&[f32; AREA]) -> [f32; N],
    energy: fn(&[f32; N]) -> T,
) -> Vec<T> {
    planes(channels.iter().map(transform).collect()).iter().map(energy).collect()
}

/// Variance of the noise at the frequencies `u + v` below 4, below 9, and above, of a DCT.
#[derive(Clone, Copy)]
struct Spectrum {
    low: f32,
    /// Of the chosen blocks alone.
    low_inside: f32,
    middle: f32,
    high: f32,
}

impl Spectrum {
    /// Medians over blocks, so that a few textured ones do not matter. The blocks inside were chosen for their low
    /// frequencies, which are therefore measured on those around them. Of each block, the energies of its planes by band.
    fn measure(inside: &[Vec<[f32; 3]>], around: &[Vec<f32>], plane: usize) -> Self {
        let [low_inside, middle, high] =
            [0, 1, 2].map(|band| median(inside.iter().map(|planes| planes[plane][band]).collect()));
        let low = match around {
            [] => low_inside,
            _ => median(around.iter().map(|planes| planes[plane]).collect()),
        };
        Self { low, low_inside, middle, high }
    }

    /// Variance of a pixel; `colored` as [`coloredness`] tells.
    fn variance(&self, colored: f32) -> f32 {
        let [low, middle, high] = BAND_SIZES;
        let all = (self.low * low + self.middle * middle + self.high * high) / (low + middle + high);
        self.high + colored * (all - self.high)
    }
}

/// Coefficients of each band.
const BAND_SIZES: [f32; 3] = [9.0, 33.0, 21.0];
/// For each band, 1 at its coefficients and 0 elsewhere. The first coefficient, the mean, is in none.
const BANDS: [[f32; AREA]; 3] = {
    let mut bands = [[0.0; AREA]; 3];
    let mut i = 1;
    while i < AREA {
        let band = match i % SIDE + i / SIDE {
            0..4 => 0,
            4..9 => 1,
            _ => 2,
        };
        bands[band][i] = 1.0;
        i += 1;
    }
    bands
};

/// Mean energy of a block's DCT coefficients, by band.
fn energies(coefficients: &[f32; AREA]) -> [f32; 3] {
    let squares = coefficients.map(|coefficient| coefficient * coefficient);
    [0, 1, 2].map(|band| mean_energy(sum_of_products(&squares, &BANDS[band]), band))
}

/// Of the lowest band alone, from the coefficients of the lowest frequencies.
fn low_energy(coefficients: &[f32; LOW * LOW]) -> f32 {
    let mut sum = 0.0;
    for (v, row) in coefficients.chunks_exact(LOW).enumerate() {
        sum += row[..LOW - v].iter().map(|coefficient| coefficient * coefficient).sum::<f32>();
    }
    mean_energy(sum - coefficients[0] * coefficients[0], 0)
}

fn mean_energy(sum: f32, band: usize) -> f32 {
    // The median over blocks, taken next, of a mean of n squares is below their variance.
    let below = (1.0 - 2.0 / (9.0 * BAND_SIZES[band])).powi(3);
    sum / BAND_SIZES[band] / below
}

/// Mean products of a block's pixels and those 0 to 3 to the right or below, less the block's mean.
fn lag_products<'a>(blocks: impl Iterator<Item = &'a [f32; AREA]>) -> [f32; 4] {
    let mut sums = [0.0; 4];
    for block in blocks {
        let mean = block.iter().sum::<f32>() / AREA as f32;
        let centred = block.map(|v| v - mean);
        for directed in [centred, transposed(&centred)] {
            for (lag, sum) in sums.iter_mut().enumerate() {
                let apart = lag * SIDE;
                let products = sum_of_products(&directed[apart..], &directed[..AREA - apart]);
                *sum += products / (2 * SIDE * (SIDE - lag)) as f32;
            }
        }
    }
    sums
}

/// Sum of the products of whole rows of two blocks, summed up column by column first: a vector.
fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let mut columns = [0.0; SIDE];
    for (a, b) in a.chunks_exact(SIDE).zip(b.chunks_exact(SIDE)) {
        columns.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    columns.iter().sum()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::noise::add_white_gaussian;
    use crate::photo::{Samples, decode};

    fn kodak23() -> Photo {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fixtures/kodak23_clean.png");
        decode(&std::fs::read(path).unwrap()).unwrap()
    }

    fn normal(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    /// Every plane of `image` plus `sigma(level)` times noise, of which each value is the mean of `spread`² white ones,
    /// of unit variance.
    fn with_noise(image: &Planar, spread: usize, sigma: impl Fn(f32) -> f32) -> Planar {
        let (width, height) = (image.width, image.height);
        let white = normal(image.channels * (width + spread) * (height + spread), 3);
        let noise = |i: usize| {
            let (x, y, c) = (i % width, i / width % height, i / width / height);
            let row = |dy: usize| ((c * (height + spread) + y + dy) * (width + spread)) + x;
            let sum: f32 = (0..spread).map(|dy| white[row(dy)..row(dy) + spread].iter().sum::<f32>()).sum();
            sum / spread as f32
        };
        let data = image.data.iter().enumerate().map(|(i, v)| v + sigma(*v) * noise(i)).collect();
        Planar { data, ..*image }
    }

    fn gray(width: usize, height: usize, f: impl Fn(usize, usize) -> f32) -> Planar {
        let data = (0..width * height).map(|i| f(i % width, i / width)).collect();
        Planar { channels: 1, height, width, data }
    }

    fn finite(estimate: &NoiseEstimate) -> bool {
        let c = &estimate.correlation;
        let correlations = c.luma.into_iter().chain(c.chroma.unwrap_or_default());
        let levels = estimate.channels.iter().flat_map(|c| c.levels.iter().flat_map(|l| [l.level, l.sigma]));
        let sigmas = estimate.channels.iter().map(|c| c.sigma).chain([estimate.sigma]);
        correlations.chain(levels).chain(sigmas).all(f32::is_finite)
    }

    #[test]
    fn white_noise_is_measured_and_known_as_white() {
        let clean = kodak23();
        for sigma in [5.0, 15.0, 25.0, 50.0] {
            let estimate = NoiseEstimate::of_photo(&add_white_gaussian(&clean, sigma, 1));
            let got = estimate.sigma * 255.0;
            assert!((got / sigma - 1.0).abs() < 0.1, "{sigma}: {got}");
            assert!(!estimate.correlated, "{:?}", estimate.correlation);
            assert_eq!(estimate.channels.len(), 3);
        }
    }

    #[test]
    fn a_photo_and_its_planes_are_the_same() {
        let photo = kodak23();
        assert_eq!(NoiseEstimate::of_photo(&photo), NoiseEstimate::of(&photo.planar()));
    }

    #[test]
    fn a_photo_without_noise_has_next_to_none() {
        let sigma = NoiseEstimate::of_photo(&kodak23()).sigma * 255.0;
        assert!(sigma < 2.0, "{sigma}");
    }

    #[test]
    fn correlated_noise_is_recognised_and_measured() {
        let clean = kodak23().planar();
        for sigma in [5.0, 15.0] {
            let estimate = NoiseEstimate::of(&with_noise(&clean, 3, |_| sigma / 255.0));
            let got = estimate.sigma * 255.0;
            assert!((got / sigma - 1.0).abs() < 0.25, "{sigma}: {got}");
            assert!(estimate.correlated);
            let [one, two, three] = estimate.correlation.chroma.unwrap();
            assert!(one > two && two > three, "{one} {two} {three}");
        }
    }

    #[test]
    fn noise_that_grows_with_the_signal_does_so_in_the_estimate() {
        let ramp = gray(256, 256, |x, _| 0.1 + 0.8 * x as f32 / 255.0);
        let estimate = NoiseEstimate::of(&with_noise(&ramp, 1, |level| 0.1 * level.sqrt()));
        for level in [0.2f32, 0.4, 0.6, 0.8] {
            let (got, want) = (estimate.sigma_at(0, level), 0.1 * level.sqrt());
            assert!((got / want - 1.0).abs() < 0.15, "{level}: {got} for {want}");
        }
        let points = &estimate.channels[0].levels;
        assert_eq!(estimate.sigma_at(0, 0.0), points[0].sigma);
        assert_eq!(estimate.sigma_at(0, 1.0), points[points.len() - 1].sigma);
    }

    #[test]
    fn flat_tiny_saturated_and_broken_images_are_free_of_noise() {
        let images = [
            gray(1, 1, |_, _| 0.5),
            gray(7, 300, |_, _| 0.5),
            gray(8, 8, |_, _| 0.5),
            gray(64, 64, |_, _| 0.0),
            gray(64, 64, |_, _| 1.0),
            gray(64, 64, |_, _| 0.25),
            gray(64, 64, |x, _| if x % 2 == 0 { 0.0 } else { 1.0 }),
            gray(64, 64, |_, _| f32::NAN),
        ];
        for image in images {
            let estimate = NoiseEstimate::of(&image);
            assert!(finite(&estimate) && estimate.sigma < 1e-6, "{estimate:?}");
            assert!(estimate.sigma_at(0, 0.3) < 1e-6);
        }
        let colors = Photo::new(9, 8, 3, false, Samples::U8(vec![77; 216])).unwrap();
        assert!(finite(&NoiseEstimate::of_photo(&colors)));
    }

    #[test]
    fn an_estimate_goes_through_json() {
        let estimate = NoiseEstimate::of_photo(&kodak23());
        let json = serde_json::to_string(&estimate).unwrap();
        assert_eq!(serde_json::from_str::<NoiseEstimate>(&json).unwrap(), estimate);
    }
}
