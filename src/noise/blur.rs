//! The mean of the pixels around each.

use crate::photo::Planar;

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
