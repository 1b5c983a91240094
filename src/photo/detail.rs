//! Gives back some of the fine luminance that denoising took away.

use super::{Photo, reflect};

/// Standard deviation of the blur that tells fine from coarse, pixels.
const SIGMA: f32 = 2.0;
/// How far the blur reaches.
const RADIUS: usize = 6;
/// Rows worked on at a time: large photos are never held as floats.
const STRIP: usize = 128;
/// Rec. 709.
const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Adds to `out` the share `detail` of the fine luminance of what was removed, `strength * (original - denoised)`. All
/// three photos are of one layout.
pub(super) fn give_back(out: &mut Photo, denoised: &Photo, original: &Photo, strength: f32, detail: f32) {
    let kernel = gaussian();
    let (width, height, n) = (out.width, out.height, out.samples_per_pixel());
    for top in (0..height).step_by(STRIP) {
        let rows = STRIP.min(height - top);
        let removed = removed_luminance(denoised, original, strength, top, rows + 2 * RADIUS);
        let coarse = blur_columns(&blur_rows(&removed, width, &kernel), width, rows, &kernel);
        for (i, coarse) in coarse.iter().enumerate() {
            let fine = removed[i + RADIUS * width] - coarse;
            let first = (top * width + i) * n;
            for sample in first..first + out.colors {
                let value = out.samples.get(sample) + detail * fine;
                out.samples.set(sample, value);
            }
        }
    }
}

/// Luminance of what was removed, `rows` rows from [`RADIUS`] above `top` on; the photo is reflected at its borders.
fn removed_luminance(denoised: &Photo, original: &Photo, strength: f32, top: usize, rows: usize) -> Vec<f32> {
    let (width, colors, n) = (denoised.width, denoised.colors, denoised.samples_per_pixel());
    let weights = if colors == 1 { &[1.0][..] } else { &LUMINANCE };
    let mut out = Vec::with_capacity(rows * width);
    for row in 0..rows {
        let y = reflect((top + row) as isize - RADIUS as isize, denoised.height);
        for x in 0..width {
            let first = (y * width + x) * n;
            let removed = |c: usize| {
                let difference = original.samples.get(first + c) - denoised.samples.get(first + c);
                if difference.is_finite() { difference } else { 0.0 }
            };
            out.push(strength * weights.iter().enumerate().map(|(c, w)| w * removed(c)).sum::<f32>());
        }
    }
    out
}

/// Weights from the middle outwards; all of them, both sides counted, are 1 in sum.
fn gaussian() -> [f32; RADIUS + 1] {
    let mut kernel = std::array::from_fn(|i| (-((i * i) as f32) / (2.0 * SIGMA * SIGMA)).exp());
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    for weight in &mut kernel {
        *weight /= sum;
    }
    kernel
}

fn blur_rows(plane: &[f32], width: usize, kernel: &[f32; RADIUS + 1]) -> Vec<f32> {
    let mut padded = vec![0.0; width + 2 * RADIUS];
    let mut out = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        for (i, value) in padded.iter_mut().enumerate() {
            *value = row[reflect(i as isize - RADIUS as isize, width)];
        }
        out.extend((0..width).map(|x| weighted(kernel, |d| padded[(x + RADIUS).wrapping_add_signed(d)])));
    }
    out
}

/// The inner `rows` of a plane that has [`RADIUS`] rows more above and below.
fn blur_columns(plane: &[f32], width: usize, rows: usize, kernel: &[f32; RADIUS + 1]) -> Vec<f32> {
    (RADIUS * width..(RADIUS + rows) * width)
        .map(|i| weighted(kernel, |d| plane[i.wrapping_add_signed(d * width as isize)]))
        .collect()
}

fn weighted(kernel: &[f32; RADIUS + 1], at: impl Fn(isize) -> f32) -> f32 {
    let sides = kernel.iter().enumerate().skip(1);
    kernel[0] * at(0) + sides.map(|(d, w)| w * (at(d as isize) + at(-(d as isize)))).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::super::Samples;
    use super::*;

    const WIDTH: usize = 40;
    const HEIGHT: usize = 300;

    fn photo(colors: usize, alpha: bool, value: impl Fn(usize, usize, usize) -> f32) -> Photo {
        let n = colors + usize::from(alpha);
        let samples = (0..WIDTH * HEIGHT * n).map(|i| value(i / n % WIDTH, i / n / WIDTH, i % n)).collect();
        Photo::new(WIDTH, HEIGHT, colors, alpha, Samples::F32(samples)).unwrap()
    }

    fn worst(a: &Photo, b: &Photo) -> f32 {
        a.float32().iter().zip(b.float32()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// Between two pixels +1 and -1.
    fn checkered(x: usize, y: usize) -> f32 {
        if (x + y).is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    #[test]
    fn fine_luminance_comes_back_in_full_and_alpha_is_left_alone() {
        let clean = photo(3, true, |_, _, _| 0.5);
        let noisy = photo(3, true, |x, y, c| if c < 3 { 0.5 + 0.1 * checkered(x, y) } else { 0.5 });
        assert!(worst(&clean.blend(&noisy, 1.0, 1.0).unwrap(), &noisy) < 2e-3);
        let half = photo(3, true, |x, y, c| if c < 3 { 0.5 + 0.05 * checkered(x, y) } else { 0.5 });
        assert!(worst(&clean.blend(&noisy, 1.0, 0.5).unwrap(), &half) < 1e-3);
        // What strength had left of the noise is not given back a second time.
        assert!(worst(&clean.blend(&noisy, 0.5, 1.0).unwrap(), &noisy) < 2e-3);
    }

    #[test]
    fn neither_coarse_luminance_nor_colour_comes_back() {
        let clean = photo(3, false, |_, _, _| 0.5);
        let brighter = photo(3, false, |_, _, _| 0.6);
        assert!(worst(&clean.blend(&brighter, 1.0, 1.0).unwrap(), &clean) < 1e-6);
        let tint = [0.1, 0.0, -0.1 * LUMINANCE[0] / LUMINANCE[2]];
        let colours = photo(3, false, |x, y, c| 0.5 + tint[c] * checkered(x, y));
        assert!(worst(&clean.blend(&colours, 1.0, 1.0).unwrap(), &clean) < 1e-6);
    }

    #[test]
    fn strips_leave_no_seam_and_small_photos_work() {
        let noisy = photo(1, false, |x, y, _| 0.5 + 0.1 * checkered(x, y));
        let clean = photo(1, false, |_, _, _| 0.5);
        let result = clean.blend(&noisy, 1.0, 0.7).unwrap().float32();
        let row = |y: usize| &result[y * WIDTH..(y + 1) * WIDTH];
        for y in 0..HEIGHT - 2 {
            assert!(row(y).iter().zip(row(y + 2)).all(|(a, b)| (a - b).abs() < 1e-6), "{y}");
        }
        let one = |value| Photo::new(1, 1, 1, false, Samples::U8(vec![value])).unwrap();
        assert_eq!(one(10).blend(&one(90), 1.0, 1.0).unwrap(), one(10));
    }
}
