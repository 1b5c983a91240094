//! Noise that is no field: single pixels of a value of their own (salt and pepper, hot pixels), and whole rows or columns
//! that are too bright or too dark. It is found before anything else, and taken out of the photo, for whatever looks at
//! means and variances would be led astray by it.

use serde::{Deserialize, Serialize};

use super::order::median;
use crate::photo::Planar;

/// Side of the tiles by which it is judged how much pixels differ from those around them.
const TILE: usize = 16;
/// Least difference of an impulse from the median around it.
const APART: f32 = 0.15;
/// The same, as a multiple of the median difference in its tile.
const OUTSTANDING: f32 = 6.0;
/// Values that count as black or white: impulses are these.
const ENDS: [f32; 2] = [0.01, 0.99];
/// Share of the pixels below which there are no impulses: a photo has single bright points of its own.
const FEWEST: f32 = 0.004;
/// Colours of impulses that are kept, at most.
const COLOURS: usize = 64;
/// Pixels that tell how many impulses go unseen: every so many.
const EVERY: usize = 7;

/// Lines are compared with so many to each side.
const NEIGHBOURS: usize = 4;
/// Parts of a line, which agree on a line's offset and on nothing else.
const PARTS: usize = 4;
/// Samples that tell the median of a part, at most.
const SAMPLES: usize = 32;
/// So many lines of a picture tell whether it is worth looking at all of them.
const FEW_LINES: usize = 128;
/// Least deviation of lines from each other.
const LEAST_OFFSET: f32 = 3.0 / 255.0;
/// What parts of lines have least in common, over what they have in common on the whole.
const AGREEMENT: f32 = 0.5;
/// How much rows of a picture differ from the next ones, over how much offsets do, in variance.
const DOUBT: f32 = 0.03;

/// Impulses and lines of a photo, where there are any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defects {
    /// Pixels of a value of their own.
    pub impulses: Option<Impulses>,
    /// Offsets of rows.
    pub rows: Option<Lines>,
    /// Offsets of columns.
    pub columns: Option<Lines>,
}

/// Pixels that have lost their value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Impulses {
    /// Share of the pixels, or of the samples of each channel, 0 to 1.
    pub density: f32,
    /// Whether all channels of a pixel are lost together.
    pub together: bool,
    /// What they are instead, as samples of what was seen: of all channels where these go together, else of one.
    pub colours: Vec<Vec<f32>>,
}

/// Offsets of lines, each of which is independent of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lines {
    /// Covariance of a line's offsets in the channels, row by row, in squares of `[0, 1]` units.
    pub covariance: Vec<f32>,
}

impl Lines {
    /// Standard deviation, mean of the channels, in `[0, 1]` units.
    pub fn sigma(&self) -> f32 {
        let channels = (self.covariance.len() as f32).sqrt() as usize;
        let trace: f32 = self.covariance.iter().step_by(channels + 1).sum();
        (trace / channels as f32).max(0.0).sqrt()
    }
}

impl Defects {
    /// Finds them in pictures of one photo or of one camera, all of one number of channels, in `[0, 1]`.
    pub fn of(pictures: &[&Planar]) -> Self {
        let impulses = Impulses::of(pictures);
        let known = Self { impulses, rows: None, columns: None };
        let calm: Vec<Planar> = match known.impulses {
            Some(_) => pictures.iter().map(|picture| known.removed(picture)).collect(),
            None => Vec::new(),
        };
        let calm: Vec<&Planar> = if calm.is_empty() { pictures.to_vec() } else { calm.iter().collect() };
        let rows = Lines::of(calm.iter().map(|picture| Sampled::of_rows(picture)).collect());
        let columns = Lines::of(calm.iter().map(|picture| Sampled::of_columns(picture)).collect());
        Self { rows, columns, ..known }
    }

    /// The picture with medians in place of impulses, and lines brought to the level of their neighbours.
    #[must_use]
    pub fn removed(&self, picture: &Planar) -> Planar {
        let mut calm = match &self.impulses {
            Some(impulses) => Outliers::of(picture).removed(picture, impulses.together),
            None => picture.clone(),
        };
        if self.rows.is_some() {
            level(&mut calm);
        }
        if self.columns.is_some() {
            let mut turned = transposed(&calm);
            level(&mut turned);
            calm = transposed(&turned);
        }
        calm
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Samples that differ from those around them more than noise does, and are black or white.
struct Outliers {
    found: Vec<bool>,
    /// Samples that are black or white.
    ends: Vec<bool>,
    medians: Vec<f32>,
    /// Least difference that would be found, by sample.
    limits: Vec<f32>,
}

impl Outliers {
    fn of(picture: &Planar) -> Self {
        let (width, height) = (picture.width, picture.height);
        let medians = medians(picture);
        let difference: Vec<f32> = picture.data.iter().zip(&medians).map(|(v, m)| (v - m).abs()).collect();
        let mut limits = vec![0.0; difference.len()];
        for plane in 0..picture.channels {
            for top in (0..height).step_by(TILE) {
                for left in (0..width).step_by(TILE) {
                    let at = |y: usize, x: usize| (plane * height + y) * width + x;
                    let inside = || {
                        (top..(top + TILE).min(height))
                            .flat_map(move |y| (left..(left + TILE).min(width)).map(move |x| at(y, x)))
                    };
                    let limit = APART.max(OUTSTANDING * median(inside().map(|i| difference[i]).collect()));
                    inside().for_each(|i| limits[i] = limit);
                }
            }
        }
        let ends: Vec<bool> = picture.data.iter().map(|v| is_end(*v)).collect();
        let found = (0..difference.len()).map(|i| difference[i] > limits[i] && ends[i]).collect();
        Self { found, ends, medians, limits }
    }

    /// Whether a pixel is one: black or white in all channels, and unlike those around it in one of them, for an impulse
    /// may come close to a saturated colour in the others.
    fn at(&self, pixel: usize, area: usize) -> bool {
        let of = |samples: &[bool]| samples.iter().skip(pixel).step_by(area).copied().collect::<Vec<bool>>();
        of(&self.ends).into_iter().all(|end| end) && of(&self.found).into_iter().any(|found| found)
    }

    fn removed(&self, picture: &Planar, together: bool) -> Planar {
        let area = picture.width * picture.height;
        let lost = |i: usize| if together { self.at(i % area, area) } else { self.found[i] };
        let value = |i: usize| if lost(i) { self.medians[i] } else { picture.data[i] };
        Planar { data: (0..picture.data.len()).map(value).collect(), ..picture.clone() }
    }
}

impl Impulses {
    fn of(pictures: &[&Planar]) -> Option<Self> {
        let samples: usize = pictures.iter().map(|picture| picture.data.len()).sum();
        // What is one at most, found without a look at all the rest: most photos have none.
        let candidates: usize = pictures.iter().map(|picture| candidates(picture)).sum();
        if (candidates as f32) < FEWEST / 2.0 * samples as f32 {
            return None;
        }
        let (mut lost, mut pixels, mut lost_together) = (0, 0, 0);
        let outliers: Vec<Outliers> = pictures.iter().map(|picture| Outliers::of(picture)).collect();
        for (picture, outliers) in pictures.iter().zip(&outliers) {
            let area = picture.width * picture.height;
            lost += outliers.found.iter().filter(|found| **found).count();
            pixels += area;
            lost_together += (0..area).filter(|pixel| outliers.at(*pixel, area)).count();
        }
        let share = lost as f32 / samples.max(1) as f32;
        if share < FEWEST {
            return None;
        }
        let of_pixels = lost_together as f32 / pixels as f32;
        let together = of_pixels > 0.5 * share;
        let mut colours = Vec::new();
        for (picture, outliers) in pictures.iter().zip(&outliers) {
            colours.extend(colours_of(picture, outliers, together));
        }
        let step = colours.len().div_ceil(COLOURS).max(1);
        let colours: Vec<Vec<f32>> = colours.into_iter().step_by(step).collect();
        let seen =
            pictures.iter().zip(&outliers).map(|(picture, outliers)| seen(picture, outliers, &colours));
        let seen = seen.sum::<f32>() / pictures.len() as f32;
        let density = if together { of_pixels } else { share } / seen.max(0.2);
        Some(Self { density: density.min(1.0), together, colours })
    }
}

/// The colours of impulses, or their values where each channel has its own.
fn colours_of(picture: &Planar, outliers: &Outliers, together: bool) -> Vec<Vec<f32>> {
    let area = picture.width * picture.height;
    let colour = |pixel: usize| picture.data.iter().skip(pixel).step_by(area).copied().collect();
    match together {
        true => (0..area).filter(|pixel| outliers.at(*pixel, area)).map(colour).collect(),
        false => {
            (0..picture.data.len()).filter(|i| outliers.found[*i]).map(|i| vec![picture.data[i]]).collect()
        }
    }
}

/// Share of impulses that can be told from the ground that they fall on.
fn seen(picture: &Planar, outliers: &Outliers, colours: &[Vec<f32>]) -> f32 {
    let area = picture.width * picture.height;
    let (mut all, mut seen) = (0usize, 0usize);
    for pixel in (0..area).step_by(EVERY) {
        for colour in colours {
            let mut channels = (pixel..picture.data.len()).step_by(area).zip(colour.iter().cycle());
            let apart = |(i, v): (usize, &f32)| (v - outliers.medians[i]).abs() > outliers.limits[i];
            // An impulse of all channels shows in any of them.
            let shows = if colour.len() > 1 { channels.any(apart) } else { channels.all(apart) };
            seen += usize::from(shows);
            all += 1;
        }
    }
    seen as f32 / all.max(1) as f32
}

fn is_end(value: f32) -> bool {
    (value <= ENDS[0]) | (value >= ENDS[1])
}

/// Samples that are black or white, and further from the median around them than impulses are at least. About, in large
/// pictures: as many of them are black or white, parts are looked at.
fn candidates(picture: &Planar) -> usize {
    const TOGETHER: usize = 64;
    const ENOUGH: usize = 1 << 19;
    let apart = |i: &usize| {
        let value = picture.data[*i];
        is_end(value) && (value - median_at(picture, *i)).abs() > APART
    };
    let step = (picture.data.len() / ENOUGH).max(1);
    // Most stretches have neither black nor white, which vectors tell fast.
    let ends = |some: &[f32]| some.iter().map(|value| u32::from(is_end(*value))).sum::<u32>();
    let stretches =
        picture.data.chunks(TOGETHER).enumerate().step_by(step).filter(|(_, some)| ends(some) > 0);
    step * stretches
        .map(|(i, some)| (TOGETHER * i..TOGETHER * i + some.len()).filter(apart).count())
        .sum::<usize>()
}

/// The median of each sample and those around it.
fn medians(picture: &Planar) -> Vec<f32> {
    (0..picture.data.len()).map(|i| median_at(picture, i)).collect()
}

/// The median of a sample and the eight around it (fewer at the border).
fn median_at(picture: &Planar, i: usize) -> f32 {
    let (width, height) = (picture.width, picture.height);
    let (x, y, plane) = (i % width, i / width % height, i / width / height);
    let mut around = [f32::INFINITY; 9];
    let mut count = 0;
    for row in y.saturating_sub(1)..(y + 2).min(height) {
        for column in x.saturating_sub(1)..(x + 2).min(width) {
            around[count] = picture.data[(plane * height + row) * width + column];
            count += 1;
        }
    }
    around[..count].sort_by(f32::total_cmp);
    around[count / 2]
}

impl Lines {
    fn of(pictures: Vec<Option<Sampled>>) -> Option<Self> {
        let pictures: Vec<Sampled> = pictures.into_iter().flatten().collect();
        let (few, _) = Self::measure(&pictures, FEW_LINES)?;
        if few.sigma() < LEAST_OFFSET / 2.0 {
            return None;
        }
        let (lines, agree) = Self::measure(&pictures, usize::MAX)?;
        (agree && lines.sigma() > LEAST_OFFSET).then_some(lines)
    }

    /// What far parts of a line have in common, beside what their neighbours have, is the line's offset: noise and texture
    /// are not the same in all parts. And whether all parts agree. By about so many lines of each picture.
    fn measure(pictures: &[Sampled], lines: usize) -> Option<(Self, bool)> {
        let offsets: Vec<Vec<Vec<f32>>> = pictures.iter().map(|picture| picture.offsets(lines)).collect();
        let channels = pictures.first()?.picture.channels;
        let rows = |plane: usize, part: &[f32]| {
            let height = part.len() / channels;
            part[plane * height..(plane + 1) * height].to_vec()
        };
        let common = |a: usize, b: usize| -> Vec<f32> {
            let pairs = (0..PARTS).flat_map(|i| (0..i).map(move |j| (i, j)));
            let mut products: Vec<f32> = pairs
                .map(|(i, j)| {
                    let all = offsets.iter().flat_map(|parts| {
                        rows(a, &parts[i]).into_iter().zip(rows(b, &parts[j])).map(|(x, y)| x * y)
                    });
                    calm_mean(all.collect())
                })
                .collect();
            products.sort_by(f32::total_cmp);
            products
        };
        // An offset relative to the mean of so many neighbours varies a little more than the offset.
        let less = 2.0 * NEIGHBOURS as f32 / (2.0 * NEIGHBOURS as f32 + 1.0);
        let mut covariance = vec![0.0; channels * channels];
        let (mut least, mut middle) = (0.0, 0.0);
        for a in 0..channels {
            for b in 0..channels {
                let products = [common(a, b), common(b, a)].concat();
                covariance[a * channels + b] = less * median(products.clone());
                if a == b {
                    least += products.into_iter().fold(f32::INFINITY, f32::min);
                    middle += covariance[a * channels + b];
                }
            }
        }
        Some((Self { covariance }, least > AGREEMENT * middle))
    }
}

/// The mean, of which no single value may be more than ten times the median. What is no number, as photos of floats may have
/// it, does not count.
fn calm_mean(mut values: Vec<f32>) -> f32 {
    values.retain(|v| v.is_finite());
    let limit = 10.0 * median(values.iter().map(|v| v.abs()).collect());
    values.iter().map(|v| v.clamp(-limit, limit)).sum::<f32>() / values.len().max(1) as f32
}

/// Row `y` of a plane, less the mean of the rows above and below it, a few each way.
fn relative(plane: &[f32], width: usize, y: usize) -> Vec<f32> {
    let height = plane.len() / width;
    let row = |y: usize| &plane[y * width..(y + 1) * width];
    let others =
        || (y.saturating_sub(NEIGHBOURS)..(y + NEIGHBOURS + 1).min(height)).filter(|other| *other != y);
    let mut sums = vec![0.0; width];
    for other in others() {
        sums.iter_mut().zip(row(other)).for_each(|(sum, value)| *sum += value);
    }
    let share = 1.0 / others().count().max(1) as f32;
    row(y).iter().zip(&sums).map(|(value, sum)| value - sum * share).collect()
}

/// The lines of a picture, as rows, and of each only the samples that tell the medians of its parts.
struct Sampled {
    picture: Planar,
    /// Samples of the parts.
    parts: [usize; PARTS],
}

impl Sampled {
    /// Of rows; `None` where the picture is too small to compare them.
    fn of_rows(picture: &Planar) -> Option<Self> {
        let (parts, columns) = samples(picture.width, picture.height)?;
        let mut data = Vec::with_capacity(picture.channels * picture.height * columns.len());
        for row in picture.data.chunks(picture.width) {
            data.extend(columns.iter().map(|x| row[*x]));
        }
        Some(Self { parts, picture: Planar { data, width: columns.len(), ..*picture } })
    }

    /// Of columns; likewise.
    fn of_columns(picture: &Planar) -> Option<Self> {
        let (width, height) = (picture.width, picture.height);
        let (parts, rows) = samples(height, width)?;
        let mut data = Vec::with_capacity(picture.channels * rows.len() * width);
        for plane in picture.data.chunks(width * height) {
            rows.iter().for_each(|y| data.extend_from_slice(&plane[y * width..(y + 1) * width]));
        }
        let few = Planar { data, height: rows.len(), ..*picture };
        Some(Self { parts, picture: transposed(&few) })
    }

    /// Medians of each part of the lines, or of about so many of them, less what the lines beside them have, plane by plane.
    fn offsets(&self, lines: usize) -> Vec<Vec<f32>> {
        let Planar { width, height, .. } = self.picture;
        let step = height.div_ceil(lines);
        let planes = self.picture.data.chunks(width * height);
        let lines: Vec<Vec<f32>> = planes
            .flat_map(|plane| (0..height).step_by(step).map(move |y| relative(plane, width, y)))
            .collect();
        let mut first = 0;
        let part = |&count: &usize| {
            let part = first..first + count;
            first += count;
            lines.iter().map(|line| median(line[part.clone()].to_vec())).collect()
        };
        self.parts.iter().map(part).collect()
    }
}

/// Places along lines of this length, so many of which there are, that tell the medians of the parts, and their number by
/// part; `None` where there is too little to compare.
fn samples(length: usize, lines: usize) -> Option<([usize; PARTS], Vec<usize>)> {
    if length < PARTS * NEIGHBOURS || lines <= 2 * NEIGHBOURS {
        return None;
    }
    let parts: [_; PARTS] = std::array::from_fn(|i| i * length / PARTS..(i + 1) * length / PARTS);
    let places = |part: std::ops::Range<usize>| {
        let step = part.len().div_ceil(SAMPLES).max(1);
        part.step_by(step)
    };
    Some((parts.clone().map(|part| places(part).count()), parts.into_iter().flat_map(places).collect()))
}

/// Takes the offsets of rows off: those that explain best by how much rows differ from the next ones, and are small
/// themselves, as rows of a picture differ, too.
fn level(picture: &mut Planar) {
    let (width, height) = (picture.width, picture.height);
    for plane in picture.data.chunks_mut(width * height) {
        let steps: Vec<f32> = plane
            .chunks(width)
            .zip(plane[width..].chunks(width))
            .map(|(row, next)| median(row.iter().zip(next).map(|(a, b)| b - a).collect()))
            .collect();
        for (row, offset) in plane.chunks_mut(width).zip(offsets(&steps)) {
            row.iter_mut().for_each(|v| *v -= offset);
        }
    }
}

/// The values with the least sum of squares of what their steps are off, and of [`DOUBT`] times themselves. The equations
/// have three unknowns each, and are solved from both ends.
fn offsets(steps: &[f32]) -> Vec<f32> {
    let count = steps.len() + 1;
    let step = |i: usize| steps.get(i).copied().unwrap_or(0.0);
    let (mut factors, mut values) = (vec![0.0; count], vec![0.0; count]);
    for i in 0..count {
        let (first, last) = (i == 0, i + 1 == count);
        let own = DOUBT + f32::from(u8::from(!first)) + f32::from(u8::from(!last));
        let (above, factor) = if first { (0.0, 0.0) } else { (values[i - 1], factors[i - 1]) };
        let known = if first { 0.0 } else { step(i - 1) } - step(i);
        let rest = own - factor;
        factors[i] = if last { 0.0 } else { 1.0 / rest };
        values[i] = (known + above) / rest;
    }
    for i in (0..count - 1).rev() {
        values[i] += factors[i] * values[i + 1];
    }
    values
}

fn transposed(picture: &Planar) -> Planar {
    /// Columns that become rows at once, so that what is read stays in the cache.
    const BLOCK: usize = 16;
    let (width, height) = (picture.width, picture.height);
    let mut data = vec![0.0; picture.data.len()];
    for (from, to) in picture.data.chunks(width * height).zip(data.chunks_mut(width * height)) {
        for left in (0..width).step_by(BLOCK) {
            for (y, row) in from.chunks(width).enumerate() {
                for (x, value) in row.iter().enumerate().skip(left).take(BLOCK) {
                    to[x * height + y] = *value;
                }
            }
        }
    }
    Planar { data, width: height, height: width, ..*picture }
}
