//! Noise2Void: some pixels are replaced by neighbours, and the network must restore what they were (Krull et al., CVPR
//! 2019). Masks are made on the CPU, channel by channel, from a seed. Where noise spreads along rows or columns, what lies beside a
//! masked pixel is hidden as well (StructN2V: Broaddus et al., "Removing Structured Noise with Self-Supervised Blind-Spot
//! Networks", ISBI 2020).

use burn::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::definition::{Definition, ObjectiveCard, Setting, TrainingLoss};
use crate::models::Network;
use crate::noise::Streaks;
use crate::photo::Planar;
use crate::sampling::{BatchSampler, patch, stack};

/// What a masked pixel becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Any other pixel of the window.
    Uniform,
    /// The mean of the window without its centre.
    Mean,
    /// The median of the window without its centre (N2V2).
    Median,
}

/// How pixels are masked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masking {
    /// Share of the pixels that are masked.
    pub share: f32,
    /// Half the side of the window that replacements come from; windows end at the border of the picture.
    pub radius: usize,
    /// What a masked pixel becomes.
    pub replacement: Replacement,
    /// Where noise spreads to from a pixel: what lies there becomes anything from the picture.
    pub streaks: Option<Streaks>,
    /// Whether the same pixels are masked in all channels: for noise that these share. Those of a gray picture always are.
    pub together: bool,
}

impl Default for Masking {
    /// Those of careamics: 0.2 % of the pixels, windows of 11x11.
    fn default() -> Self {
        Self { share: 0.002, radius: 5, replacement: Replacement::Uniform, streaks: None, together: false }
    }
}

/// A picture with some pixels replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    /// The picture with the replacements.
    pub picture: Planar,
    /// Ones where a pixel was replaced, else zeros.
    pub mask: Planar,
}

impl Masking {
    /// Masks each channel on its own, or all alike where they would show each other what is hidden. One seed gives one result.
    pub fn apply(&self, picture: &Planar, seed: u64) -> Masked {
        let together = self.together || picture.is_gray();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (height, width) = (picture.height, picture.width);
        let mut masked = Masked {
            picture: picture.clone(),
            mask: Planar { data: vec![0.0; picture.data.len()], ..picture.clone() },
        };
        for channel in 0..picture.channels {
            if together {
                rng = ChaCha8Rng::seed_from_u64(seed);
            }
            let start = channel * height * width;
            let plane = Plane { data: &picture.data[start..start + height * width], height, width };
            let hidden = &mut masked.picture.data[start..start + height * width];
            for [row, column] in stratified(height, width, self.share, &mut rng) {
                for [row, column] in self.beside([row, column], [height, width]) {
                    hidden[row * width + column] = plane.data[rng.random_range(0..plane.data.len())];
                }
                hidden[row * width + column] = self.replace(plane, [row, column], &mut rng);
                masked.mask.data[start + row * width + column] = 1.0;
            }
        }
        masked
    }

    /// The places that noise spreads to from a pixel.
    fn beside(&self, [row, column]: [usize; 2], [height, width]: [usize; 2]) -> Vec<[usize; 2]> {
        let Some(Streaks { along_rows, reach }) = self.streaks else { return Vec::new() };
        let near = |at: usize, length: usize| {
            (at.saturating_sub(reach)..(at + reach + 1).min(length)).filter(move |other| *other != at)
        };
        match along_rows {
            true => near(column, width).map(|column| [row, column]).collect(),
            false => near(row, height).map(|row| [row, column]).collect(),
        }
    }

    fn replace(&self, plane: Plane, [row, column]: [usize; 2], rng: &mut ChaCha8Rng) -> f32 {
        let window = plane.window([row, column], self.radius);
        match self.replacement {
            Replacement::Mean => mean(window.others()),
            Replacement::Median => median(window.others()),
            Replacement::Uniform => {
                let others = window.others();
                if others.is_empty() {
                    return plane.data[row * plane.width + column];
                }
                others[rng.random_range(0..others.len() as u32) as usize]
            }
        }
    }
}

/// One pixel in each square box of a grid, anywhere in it; those that fall outside the picture are dropped.
pub fn stratified(height: usize, width: usize, share: f32, rng: &mut ChaCha8Rng) -> Vec<[usize; 2]> {
    let side = (1.0 / share.clamp(1e-6, 1.0)).sqrt().round().max(1.0) as u32;
    let boxes = |length: usize| (0..(length as u32).div_ceil(side)).map(move |i| i * side);
    let mut places = Vec::new();
    for top in boxes(height) {
        for left in boxes(width) {
            let place = [top, left].map(|start| (start + rng.random_range(0..side)) as usize);
            if place[0] < height && place[1] < width {
                places.push(place);
            }
        }
    }
    places
}

/// One channel of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Row by row.
    pub data: &'a [f32],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// The part of a plane around a pixel, cut off at the border.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values, row by row.
    pub values: Vec<f32>,
    /// Index of the pixel itself in `values`.
    pub centre: usize,
}

impl Plane<'_> {
    /// The window of side `2 * radius + 1` around a pixel, as far as it lies in the plane.
    pub fn window(&self, [row, column]: [usize; 2], radius: usize) -> Window {
        let range = |at: usize, length: usize| at.saturating_sub(radius)..(at + radius + 1).min(length);
        let (rows, columns) = (range(row, self.height), range(column, self.width));
        let values =
            rows.clone().flat_map(|y| self.data[y * self.width..][columns.clone()].iter().copied()).collect();
        let centre = (row - rows.start) * columns.len() + column - columns.start;
        Window { height: rows.len(), width: columns.len(), values, centre }
    }

    /// The 24 values around a pixel in a window of 5x5 (for radius 2), border pixels repeated beyond the border.
    pub fn window_repeating_border(&self, [row, column]: [usize; 2], radius: usize) -> Window {
        let side = 2 * radius + 1;
        let near = |at: usize, step: usize, length: usize| (at + step).saturating_sub(radius).min(length - 1);
        let values = (0..side * side)
            .map(|i| {
                let (y, x) = (near(row, i / side, self.height), near(column, i % side, self.width));
                self.data[y * self.width + x]
            })
            .collect();
        Window { height: side, width: side, values, centre: side * side / 2 }
    }
}

impl Window {
    /// All values but the pixel itself.
    pub fn others(&self) -> Vec<f32> {
        let others = self.values.iter().enumerate().filter(|(i, _)| *i != self.centre);
        others.map(|(_, &v)| v).collect()
    }
}

/// The mean; 0 of nothing.
pub fn mean(values: Vec<f32>) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// The median: of an even number of values, the mean of the middle two; 0 of nothing.
pub fn median(values: Vec<f32>) -> f32 {
    let count = values.len();
    let (low, high) = (order(&values, count.saturating_sub(1) / 2), order(&values, count / 2));
    (low + high) / 2.0
}

/// The lower one of the middle two values, as PyTorch's median is.
pub fn lower_median(values: Vec<f32>) -> f32 {
    order(&values, values.len().saturating_sub(1) / 2)
}

/// The value at `rank` among the sorted ones.
fn order(values: &[f32], rank: usize) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(rank).copied().unwrap_or_default()
}

/// Mean squared error over the masked pixels only. All are `[N, C, H, W]`.
pub fn loss(output: Tensor<4>, original: Tensor<4>, mask: Tensor<4>) -> Tensor<1> {
    let count = mask.clone().sum().clamp_min(1.0);
    ((output - original).square() * mask).sum() / count
}

/// The objective, masked pixels replaced by a neighbour.
pub const NOISE2VOID: Definition = Definition::general(
    ObjectiveCard {
        id: "noise2void",
        title: "Noise2Void",
        summary: "Hides some pixels and learns to predict them from those around. For any network, also one without weights.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/1811.10980",
    },
    |setting| noise2void(setting, Replacement::Uniform),
);

/// The objective, masked pixels replaced by the median around them.
pub const N2V2: Definition = Definition::general(
    ObjectiveCard {
        id: "n2v2",
        title: "N2V2",
        summary: "Noise2Void with the median in place of hidden pixels: fewer checkerboards.",
        shots: 1,
        clean: false,
        url: "https://arxiv.org/abs/2211.08512",
    },
    |setting| noise2void(setting, Replacement::Median),
);

/// Share of pixels that are masked on a single photo: more than published, as there are fewer pictures.
const MASKED_SHARE: f32 = 0.02;

fn noise2void(setting: &Setting, replacement: Replacement) -> Box<dyn TrainingLoss> {
    let Setting { streaks, together, .. } = *setting;
    // Each masked pixel hides those beside it: fewer are, for enough to be left.
    let share = MASKED_SHARE / streaks.map_or(1.0, |streaks| (1 + streaks.reach) as f32);
    let pd = if streaks.is_some() { 1 } else { setting.pd };
    let masking = Masking { share, replacement, streaks, together, ..Masking::default() };
    Box::new(Noise2Void { pd, masking })
}

/// Patches of the photo, every `pd`-th pixel of them, with masked pixels.
#[derive(Debug)]
pub struct Noise2Void {
    /// Factor of pixel-shuffle downsampling; 1 for white noise.
    pub pd: usize,
    /// How pixels are masked.
    pub masking: Masking,
}

impl TrainingLoss for Noise2Void {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch * self.pd);
        let (mut masked, mut masks, mut originals) = (Vec::new(), Vec::new(), Vec::new());
        for spot in &spots {
            let original = every(&patch(&batches.material.scenes[spot.scene].shots[0], spot), self.pd);
            let streaks = self.masking.streaks.map(|streaks| streaks.turned(spot.turn));
            let masking = Masking { streaks, ..self.masking };
            let Masked { picture, mask } = masking.apply(&original, batches.rng.random());
            masked.push(picture);
            masks.push(mask);
            originals.push(original);
        }
        let [masked, mask, original] = [masked, masks, originals].map(|p| stack(&p, &batches.device));
        loss(network.forward_training(masked), original, mask)
    }
}

/// Every `step`-th pixel of every `step`-th row.
fn every(picture: &Planar, step: usize) -> Planar {
    if step == 1 {
        return picture.clone();
    }
    let (height, width) = (picture.height / step, picture.width / step);
    let mut data = Vec::with_capacity(picture.channels * height * width);
    for plane in picture.data.chunks(picture.height * picture.width) {
        for row in 0..height {
            let row = &plane[row * step * picture.width..][..picture.width];
            data.extend(row.iter().step_by(step).take(width));
        }
    }
    Planar { channels: picture.channels, height, width, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(height: usize, width: usize) -> Planar {
        let data = (0..2 * height * width).map(|v| v as f32).collect();
        Planar { channels: 2, height, width, data }
    }

    #[test]
    fn masks_are_stratified_repeatable_and_different_in_each_channel() {
        let picture = picture(60, 50);
        let masking = Masking { share: 0.01, ..Masking::default() };
        let masked = masking.apply(&picture, 1);
        assert_eq!(masked, masking.apply(&picture, 1));
        assert_ne!(masked, masking.apply(&picture, 2));
        let planes: Vec<&[f32]> = masked.mask.data.chunks(3000).collect();
        assert_ne!(planes[0], planes[1]);
        for plane in planes {
            assert_eq!(plane.iter().sum::<f32>(), 30.0);
        }
        // All values of the picture differ: what is masked has changed, and nothing else.
        for ((before, after), mask) in picture.data.iter().zip(&masked.picture.data).zip(&masked.mask.data) {
            assert_eq!(before != after, *mask == 1.0);
        }
    }

    #[test]
    fn channels_of_a_gray_picture_do_not_show_what_is_hidden() {
        let one = picture(60, 50).planes(0, 1);
        let gray = Planar { channels: 3, data: one.data.repeat(3), ..one };
        let masked = Masking::default().apply(&gray, 4);
        assert!(masked.picture.is_gray() && masked.mask.is_gray());
        assert_ne!(masked.picture, gray);
    }

    #[test]
    fn noise_along_rows_is_hidden_with_the_pixel() {
        let picture = picture(60, 50);
        let streaks = Some(Streaks { along_rows: true, reach: 3 });
        let masking = Masking { share: 0.001, streaks, together: true, ..Masking::default() };
        let Masked { picture: hidden, mask } = masking.apply(&picture, 5);
        let changed = |row: usize, column: usize| {
            let place = row * 50 + column;
            hidden.data[place] != picture.data[place]
        };
        let centres: Vec<usize> = (0..3000).filter(|&place| mask.data[place] == 1.0).collect();
        assert!(!centres.is_empty());
        for centre in centres {
            let (row, column) = (centre / 50, centre % 50);
            let near = column.saturating_sub(3)..(column + 4).min(50);
            // Any value of the picture may be the one that was there.
            assert!(near.clone().filter(|&column| changed(row, column)).count() + 1 >= near.len());
        }
        let differing = (0..3000).filter(|&place| changed(place / 50, place % 50)).count() as f32;
        assert!(differing <= 7.0 * mask.data[..3000].iter().sum::<f32>());
        assert_eq!(mask.data[..3000], mask.data[3000..]);
    }

    #[test]
    fn odd_and_tiny_pictures_can_be_masked() {
        for replacement in [Replacement::Uniform, Replacement::Mean, Replacement::Median] {
            for (height, width) in [(1, 1), (7, 5), (1, 31)] {
                let streaks = Some(Streaks { along_rows: false, reach: 4 });
                let masking = Masking { share: 0.5, radius: 5, replacement, streaks, together: false };
                let masked = masking.apply(&picture(height, width), 3);
                assert!(masked.picture.data.iter().all(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(lower_median(vec![4.0, 1.0, 3.0, 2.0]), 2.0);
        assert_eq!(median(vec![5.0, 1.0, 3.0]), 3.0);
    }
}
