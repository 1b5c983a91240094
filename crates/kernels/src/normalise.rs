//! Layer normalisation over the channels of each pixel.

use crate::simd::{Task, Vector, with_simd};
use crate::view::View;

/// Divides every pixel by the deviation of its channels (the root of their variance plus `epsilon`) and multiplies it by
/// `weight`; with a `bias`, the mean is taken away first and the bias added at last. What comes out is multiplied by the
/// pixel's own `factor`, where there are such.
///
/// # Shapes
/// - `weight`, `bias`: a value for each channel
/// - `factor`: a value for each pixel of the batch
/// - `out`: as the data of `x`
///
/// # Panics
/// When one of them has another length.
pub fn normalise(
    x: View,
    weight: &[f32],
    bias: Option<&[f32]>,
    epsilon: f32,
    factor: Option<&[f32]>,
    out: &mut [f32],
) {
    let pixels = x.batch * x.height * x.width;
    assert_eq!(out.len(), x.data.len(), "the result has the size of the images");
    assert_eq!(weight.len(), x.channels, "a weight for each channel");
    assert!(bias.is_none_or(|bias| bias.len() == x.channels), "a bias for each channel");
    assert!(factor.is_none_or(|factor| factor.len() == pixels), "a factor for each pixel");
    let filled = |values: &[f32]| {
        let mut filled = vec![0.0; x.pitch()];
        filled[..values.len()].copy_from_slice(values);
        filled
    };
    let (weight, bias) = (filled(weight), bias.map(filled));
    let present = filled(&vec![1.0; x.channels]);
    let bias = bias.as_deref();
    with_simd(Normalise { x, weight: &weight, bias, present: &present, epsilon, factor, out });
}

struct Normalise<'a> {
    x: View<'a>,
    /// Up to the pitch.
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    /// One for channels, zero for what fills up.
    present: &'a [f32],
    epsilon: f32,
    factor: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl Task for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, weight, bias, present, epsilon, factor, out } = self;
        let (pitch, channels) = (x.pitch(), x.channels as f32);
        let zeros = vec![0.0; pitch];
        let pixels = x.data.chunks_exact(pitch).zip(out.chunks_exact_mut(pitch));
        for (i, (pixel, out)) in pixels.enumerate() {
            let factor = factor.map_or(1.0, |factor| factor[i]);
            unsafe {
                let [mean, variance] = moments::<V>(pixel, present, channels);
                let share = V::splat(factor / (variance + epsilon).sqrt());
                let centre = V::splat(if bias.is_some() { mean } else { 0.0 });
                let bias = bias.unwrap_or(&zeros);
                for c in (0..pitch).step_by(V::LANES) {
                    let value = V::load(pixel.as_ptr().add(c)).sub(centre).mul(share);
                    let added = V::load(bias.as_ptr().add(c)).mul(V::splat(factor));
                    value.mul_add(V::load(weight.as_ptr().add(c)), added).store(out.as_mut_ptr().add(c));
                }
            }
        }
    }
}

/// Mean and variance of a pixel's channels.
#[inline(always)]
unsafe fn moments<V: Vector>(pixel: &[f32], present: &[f32], channels: f32) -> [f32; 2] {
    unsafe {
        let mut sum = V::splat(0.0);
        for c in (0..pixel.len()).step_by(V::LANES) {
            sum = sum.add(V::load(pixel.as_ptr().add(c)));
        }
        let mean = sum.total() / channels;
        let mut squares = V::splat(0.0);
        for c in (0..pixel.len()).step_by(V::LANES) {
            let off = V::load(pixel.as_ptr().add(c)).sub(V::splat(mean));
            let off = off.mul(V::load(present.as_ptr().add(c)));
            squares = off.mul_add(off, squares);
        }
        [mean, squares.total() / channels]
    }
}
