//! Bicubic resampling as Matlab's `imresize` does it, the one that super-resolution is measured with: Keys' kernel
//! with a = -1/2, widened when shrinking (so that nothing aliases).

use super::{Photo, Planar};

/// What one output sample is made of along one axis.
pub struct Taps {
    /// First input sample, clamped to the input as all that follow are.
    start: isize,
    /// Weights of the samples from there on; their sum is 1.
    weights: Vec<f32>,
    /// Number of input samples.
    length: usize,
}

impl Taps {
    /// The taps of output sample `i` when `length` samples become `resized`.
    pub fn new(i: usize, length: usize, resized: usize) -> Self {
        let scale = resized as f64 / length as f64;
        let shrink = scale.min(1.0);
        let center = (i as f64 + 0.5) / scale - 0.5;
        let reach = 2.0 / shrink;
        let (start, end) = ((center - reach).ceil() as isize, (center + reach).floor() as isize);
        let raw: Vec<f64> = (start..=end).map(|j| keys((center - j as f64) * shrink)).collect();
        let sum: f64 = raw.iter().sum();
        Self { start, weights: raw.iter().map(|w| (w / sum) as f32).collect(), length }
    }

    /// Input samples and their weights; at the borders one sample may come several times.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        let last = self.length as isize - 1;
        self.weights
            .iter()
            .enumerate()
            .map(move |(k, &w)| ((self.start + k as isize).clamp(0, last) as usize, w))
    }
}

/// Keys' cubic convolution kernel.
fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// A window of a photo enlarged `scale` times: all its samples, alpha as the last plane where there is one.
pub(super) fn enlarge(
    photo: &Photo,
    scale: usize,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> Planar {
    let taps = |from: usize, count: usize, length: usize| -> Vec<Taps> {
        (from..from + count).map(|i| Taps::new(i, length, scale * length)).collect()
    };
    let (columns, rows) = (taps(x, width, photo.width), taps(y, height, photo.height));
    let needed = || rows.iter().flat_map(|taps| taps.iter().map(|(row, _)| row));
    let (first, last) = (needed().min().unwrap_or(0), needed().max().unwrap_or(0));
    let channels = photo.samples_per_pixel();
    let mut data = Vec::with_capacity(channels * width * height);
    for c in 0..channels {
        let wide: Vec<Vec<f32>> = (first..=last)
            .map(|row| {
                let sample = |col| {
                    let i = (row * photo.width + col) * channels + c;
                    if c < photo.colors { photo.level(i) } else { photo.samples.get(i) }
                };
                columns.iter().map(|taps| taps.iter().map(|(col, w)| w * sample(col)).sum()).collect()
            })
            .collect();
        for taps in &rows {
            data.extend(
                (0..width).map(|i| taps.iter().map(|(row, w)| w * wide[row - first][i]).sum::<f32>()),
            );
        }
    }
    Planar { channels, height, width, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::Samples;

    #[test]
    fn a_ramp_stays_a_ramp_away_from_the_borders() {
        let ramp = (0..12).map(|i| i as f32).collect();
        let photo = Photo::new(12, 1, 1, false, Samples::F32(ramp)).unwrap();
        let large = enlarge(&photo, 3, 0, 0, 36, 3);
        for (i, v) in large.data.iter().enumerate().filter(|(i, _)| (6..30).contains(&(i % 36))) {
            assert!((v - ((i % 36) as f32 - 1.0) / 3.0).abs() < 1e-5, "{i}: {v}");
        }
    }

    #[test]
    fn a_window_is_the_same_as_that_part_of_the_whole() {
        let samples = (0..7 * 5 * 4).map(|i| (i * 37 % 255) as u8).collect();
        let photo = Photo::new(7, 5, 3, true, Samples::U8(samples)).unwrap();
        let whole = enlarge(&photo, 2, 0, 0, 14, 10);
        assert_eq!(enlarge(&photo, 2, 3, 4, 8, 5), whole.crop(3, 4, 8, 5));
        let flat = Photo::new(1, 1, 1, false, Samples::F32(vec![0.25])).unwrap();
        assert!(enlarge(&flat, 4, 0, 0, 4, 4).data.iter().all(|v| (v - 0.25).abs() < 1e-6));
    }
}
