//! How a photo is seen whose numbers are no shares of white: counts of a microscope, floats in any unit. Networks and the
//! eye get them stretched to `[0, 1]`; what the network changed is written back in the photo's own units.

use super::{Photo, Samples};

/// Share of the pixels at either end that may lie outside the range.
const TAIL: f64 = 0.001;
/// Room at either end, for noise, as a share of the range.
const ROOM: f32 = 0.05;
/// How far beyond `[0, 1]` a level may be. What is beyond that goes around the network.
const MARGIN: f32 = 0.25;
/// Numbers that use less than this share of what they could are stretched.
const NARROW: f32 = 0.25;
/// Floats as large stand for what was not measured: maps have -3.4e38 there.
const NOTHING: f32 = 1e30;
/// Values that the range is told by, at most.
const MAX_VALUES: usize = 1 << 20;

/// Whether a sample's value is one that was measured.
#[inline]
pub(super) fn is_number(value: f32) -> bool {
    value.abs() < NOTHING
}

/// A range of a photo's numbers that is seen as black to white.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    /// What is black, as [`Samples::get`] tells it.
    black: f32,
    /// What is white. Less than black where small numbers are bright.
    white: f32,
    /// Numbers in place of those that are none, by their index.
    holes: Vec<(u32, f32)>,
}

impl View {
    /// The view that a photo from a file needs; `None` where its numbers are shares of white as they are.
    pub fn of(photo: &Photo) -> Option<Self> {
        let inverted = photo.metadata.page.as_ref().is_some_and(|page| page.white_is_zero);
        if matches!(photo.samples, Samples::U8(_)) {
            return None;
        }
        let values = sorted_values(photo);
        // Where nothing is a number, all of it is filled in.
        let (least, most) =
            values.first().zip(values.last()).map_or((0.0, 1.0), |(least, most)| (*least, *most));
        let last = values.len().saturating_sub(1);
        let at = |share: f64| values.get((last as f64 * share).round() as usize).copied().unwrap_or(least);
        let (mut low, mut high) = (at(TAIL), at(1.0 - TAIL));
        if low == high {
            (low, high) = (least, most);
        }
        let holes = holes(photo, f32::midpoint(low, high));
        let inside = least >= 0.0 && most <= 1.0;
        if inside && (high - low >= NARROW || low == high) && holes.is_empty() && !inverted {
            return None;
        }
        if inside && high - low >= NARROW {
            (low, high) = (0.0, 1.0);
        } else if low == high {
            (low, high) = (low - 0.5, high + 0.5);
        } else {
            let room = ROOM * (high - low);
            (low, high) = (low - room, high + room);
        }
        let (black, white) = if inverted { (high, low) } else { (low, high) };
        Some(Self { black, white, holes })
    }

    /// The range of another photo, with this one's holes.
    pub fn in_range_of(&self, other: &View) -> Self {
        Self { holes: self.holes.clone(), ..*other }
    }

    /// What is black and what is white.
    pub fn range(&self) -> [f32; 2] {
        [self.black, self.white]
    }

    /// Brightness of the sample with this index and value, which may be no number.
    #[inline]
    pub fn level(&self, index: usize, value: f32) -> f32 {
        let value = if is_number(value) { value } else { self.filled(index) };
        ((value - self.black) / (self.white - self.black)).clamp(-MARGIN, 1.0 + MARGIN)
    }

    fn filled(&self, index: usize) -> f32 {
        let found = self.holes.binary_search_by_key(&(index as u32), |(at, _)| *at);
        found.map_or(f32::midpoint(self.black, self.white), |at| self.holes[at].1)
    }

    /// The value of a level.
    #[inline]
    pub fn value(&self, level: f32) -> f32 {
        self.black + level * self.span()
    }

    /// The difference between white and black.
    #[inline]
    pub fn span(&self) -> f32 {
        self.white - self.black
    }
}

/// The colours that are numbers, or some of them, in order.
fn sorted_values(photo: &Photo) -> Vec<f32> {
    let (n, colors) = (photo.samples_per_pixel(), photo.colors);
    let pixels = photo.width * photo.height;
    let step = (pixels * colors).div_ceil(MAX_VALUES).max(1);
    let all = (0..pixels).step_by(step).flat_map(|i| (0..colors).map(move |c| i * n + c));
    let mut values: Vec<f32> = all.map(|i| photo.samples.get(i)).filter(|v| is_number(*v)).collect();
    values.sort_unstable_by(f32::total_cmp);
    values
}

/// Values for what is no number: the mean of the next ones to the left and right that are, or else `middle`.
fn holes(photo: &Photo, middle: f32) -> Vec<(u32, f32)> {
    let Samples::F32(samples) = &photo.samples else { return Vec::new() };
    if samples.iter().all(|v| is_number(*v)) {
        return Vec::new();
    }
    let (width, n) = (photo.width, photo.samples_per_pixel());
    let mut holes = Vec::new();
    for (y, row) in samples.chunks_exact(width * n).enumerate() {
        for c in 0..photo.colors {
            let finite = |x: usize| Some(row[x * n + c]).filter(|v| is_number(*v));
            let mut x = 0;
            while x < width {
                let end = (x..width).find(|&x| finite(x).is_some()).unwrap_or(width);
                let before = x.checked_sub(1).and_then(finite);
                let after = (end < width).then(|| finite(end)).flatten();
                let value = match (before, after) {
                    (Some(a), Some(b)) => f32::midpoint(a, b),
                    (Some(v), None) | (None, Some(v)) => v,
                    (None, None) => middle,
                };
                holes.extend((x..end).map(|x| (((y * width + x) * n + c) as u32, value)));
                x = end + 1;
            }
        }
    }
    holes.sort_unstable_by_key(|(at, _)| *at);
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: usize, values: Vec<f32>) -> Photo {
        let height = values.len() / width;
        Photo::new(width, height, 1, false, Samples::F32(values)).unwrap()
    }

    #[test]
    fn shares_of_white_are_seen_as_they_are() {
        assert_eq!(View::of(&gray(4, vec![0.0, 0.3, 0.9, 1.0])), None);
        assert_eq!(View::of(&gray(2, vec![0.4, 0.4])), None);
        let eight = Photo::new(2, 1, 1, false, Samples::U8(vec![1, 2])).unwrap();
        assert_eq!(View::of(&eight), None);
    }

    #[test]
    fn counts_are_stretched_and_come_back() {
        let counts = Samples::U16((0..300).map(|i| 100 + i).collect());
        let view = View::of(&Photo::new(300, 1, 1, false, counts).unwrap()).unwrap();
        let [black, white] = view.range().map(|v| v * 65535.0);
        assert!((70.0..100.0).contains(&black) && (399.0..430.0).contains(&white), "{black} {white}");
        let value = 250.0 / 65535.0;
        assert!((view.value(view.level(0, value)) - value).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_gets_the_mean_of_its_neighbours() {
        let (nan, inf, nothing) = (f32::NAN, f32::INFINITY, f32::MIN);
        let view = View::of(&gray(4, vec![0.0, nan, inf, 1.0, nothing, 0.5, 0.25, nan])).unwrap();
        assert_eq!(view.holes, [(1, 0.5), (2, 0.5), (4, 0.5), (7, 0.25)]);
        assert_eq!(view.range(), [0.0, 1.0]);
        let nothing = gray(2, vec![nan; 4]).stretched();
        assert!(nothing.planar().data.iter().all(|v| v.is_finite()));
    }
}
