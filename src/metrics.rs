//! How close one photo is to another: PSNR and SSIM, on 8-bit colours.

use crate::error::{Error, Kind, Result};
use crate::photo::{Photo, Samples};

/// Peak signal-to-noise ratio in dB over all colour samples, both photos rounded to 8 bits; infinite for equal photos.
///
/// # Errors
/// [`Kind::Option`] when the photos differ in size or colours.
pub fn psnr(a: &Photo, b: &Photo) -> Result<f64> {
    let (a, b) = comparable(a, b)?;
    let n = a.len() as f64;
    let mse = a.iter().zip(&b).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / n;
    Ok(10.0 * (255.0 * 255.0 / mse).log10())
}

/// Structural similarity (Wang et al. 2004): 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, only
/// windows that lie inside, mean over the colours. A photo smaller than the window is compared as one window.
///
/// # Errors
/// [`Kind::Option`] when the photos differ in size or colours.
pub fn ssim(a: &Photo, b: &Photo) -> Result<f64> {
    let (width, height, colors) = (a.width(), a.height(), a.colors());
    let (a, b) = comparable(a, b)?;
    let total: f64 = (0..colors)
        .map(|c| {
            let plane = |v: &[f64]| v.iter().skip(c).step_by(colors).copied().collect::<Vec<_>>();
            ssim_plane(&plane(&a), &plane(&b), width, height)
        })
        .sum();
    Ok(total / colors as f64)
}

fn ssim_plane(a: &[f64], b: &[f64], width: usize, height: usize) -> f64 {
    const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).collect::<Vec<_>>();
    let blur = |v: &[f64]| gaussian(v, width, height);
    let (ma, mb) = (blur(a), blur(b));
    let (aa, bb, ab) = (blur(&product(a, a)), blur(&product(b, b)), blur(&product(a, b)));
    let sum: f64 = (0..ma.len())
        .map(|i| {
            let (va, vb) = (aa[i] - ma[i] * ma[i], bb[i] - mb[i] * mb[i]);
            let cov = ab[i] - ma[i] * mb[i];
            (2.0 * ma[i] * mb[i] + C1) * (2.0 * cov + C2)
                / ((ma[i] * ma[i] + mb[i] * mb[i] + C1) * (va + vb + C2))
        })
        .sum();
    sum / ma.len() as f64
}

/// Separable Gaussian window, valid positions only.
fn gaussian(v: &[f64], width: usize, height: usize) -> Vec<f64> {
    let window = |n: usize| {
        let n = n.min(11);
        let center = (n as f64 - 1.0) / 2.0;
        let w: Vec<f64> = (0..n).map(|i| (-(i as f64 - center).powi(2) / 4.5).exp()).collect();
        let sum: f64 = w.iter().sum();
        w.into_iter().map(|x| x / sum).collect::<Vec<_>>()
    };
    let (wx, wy) = (window(width), window(height));
    let (out_w, out_h) = (width - wx.len() + 1, height - wy.len() + 1);
    let mut rows = vec![0.0; out_w * height];
    for y in 0..height {
        for x in 0..out_w {
            rows[y * out_w + x] = wx.iter().enumerate().map(|(k, w)| w * v[y * width + x + k]).sum();
        }
    }
    let mut out = vec![0.0; out_w * out_h];
    for y in 0..out_h {
        for x in 0..out_w {
            out[y * out_w + x] = wy.iter().enumerate().map(|(k, w)| w * rows[(y + k) * out_w + x]).sum();
        }
    }
    out
}

/// The 8-bit colour samples of both, interleaved.
fn comparable(a: &Photo, b: &Photo) -> Result<(Vec<f64>, Vec<f64>)> {
    if (a.width(), a.height(), a.colors()) != (b.width(), b.height(), b.colors()) {
        let message = format!(
            "a {}x{} photo with {} colours cannot be compared with one of {}x{} with {}",
            a.width(),
            a.height(),
            a.colors(),
            b.width(),
            b.height(),
            b.colors()
        );
        return Err(Error::new(Kind::Option, message));
    }
    Ok((colors(a), colors(b)))
}

fn colors(photo: &Photo) -> Vec<f64> {
    let n = photo.samples_per_pixel();
    let eight = photo.to_8bit();
    let Samples::U8(v) = eight.samples() else {
        unreachable!("to_8bit gives 8-bit samples");
    };
    v.chunks_exact(n).flat_map(|p| p[..photo.colors()].iter().map(|&s| f64::from(s))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::add_white_gaussian;

    fn photo(f: impl Fn(usize, usize) -> u8) -> Photo {
        let samples = (0..48 * 40).map(|i| f(i % 48, i / 48)).collect();
        Photo::new(48, 40, 1, false, Samples::U8(samples)).unwrap()
    }

    #[test]
    fn known_values() {
        let flat = photo(|_, _| 100);
        assert!(psnr(&flat, &flat).unwrap().is_infinite());
        assert!((ssim(&flat, &flat).unwrap() - 1.0).abs() < 1e-12);
        // A constant offset of 16: MSE 256, and of SSIM only the luminance term is left.
        let brighter = photo(|_, _| 116);
        assert!((psnr(&flat, &brighter).unwrap() - 24.0485).abs() < 1e-3);
        let luminance = (2.0 * 100.0 * 116.0 + 6.5025) / (100.0f64.powi(2) + 116.0f64.powi(2) + 6.5025);
        assert!((ssim(&flat, &brighter).unwrap() - luminance).abs() < 1e-9);
    }

    #[test]
    fn noise_lowers_ssim_and_other_sizes_are_refused() {
        let ramp = photo(|x, y| (x * 3 + y * 2) as u8);
        let noisy = add_white_gaussian(&ramp, 20.0, 3);
        let value = ssim(&ramp, &noisy).unwrap();
        assert!((0.05..0.8).contains(&value), "{value}");
        let small = Photo::new(1, 1, 1, false, Samples::U8(vec![0])).unwrap();
        assert_eq!(psnr(&ramp, &small).unwrap_err().kind(), Kind::Option);
        assert!((ssim(&small, &small).unwrap() - 1.0).abs() < 1e-12);
    }
}
