//! What is done value by value, wherever the values lie, and means over pixels.

use crate::simd::{Task, Vector, with_simd};
use crate::view::View;

/// `leaky(a + b, slope)`, into `a`.
///
/// # Panics
/// When `a` and `b` are not equally long.
pub fn add(a: &mut [f32], b: &[f32], slope: f32) {
    assert_eq!(a.len(), b.len(), "both are equally long");
    with_simd(Add { a, b, slope });
}

/// The gradient before a leaky ReLU (slope 0: ReLU), from that after it and the result `y`; into `gradient`.
///
/// # Panics
/// When `gradient` and `y` are not equally long.
pub fn activation_gradient(gradient: &mut [f32], y: &[f32], slope: f32) {
    assert_eq!(gradient.len(), y.len(), "both are equally long");
    // A comparison and a choice: compilers make vectors of it.
    for (gradient, &y) in gradient.iter_mut().zip(y) {
        *gradient *= if y > 0.0 { 1.0 } else { slope };
    }
}

/// GELU, `x * Phi(x)` with the normal distribution's function, in place. The error function by formula 7.1.26 of Abramowitz
/// and Stegun, "Handbook of mathematical functions", to 1.5e-7.
pub fn gelu(x: &mut [f32]) {
    with_simd(Gelu(x));
}

struct Gelu<'a>(&'a mut [f32]);

impl Task for Gelu<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut chunks = self.0.chunks_exact_mut(V::LANES);
        for chunk in &mut chunks {
            unsafe { gelu_of(V::load(chunk.as_ptr())).store(chunk.as_mut_ptr()) };
        }
        let rest = chunks.into_remainder();
        let mut last = [0.0; crate::LANES];
        last[..rest.len()].copy_from_slice(rest);
        unsafe { gelu_of(V::load(last.as_ptr())).store(last.as_mut_ptr()) };
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `max(x, 0) - |x| / 2 * erfc(|x| / sqrt(2))`.
#[inline(always)]
unsafe fn gelu_of<V: Vector>(x: V) -> V {
    const SERIES: [f32; 4] = [-1.453_152_1, 1.421_413_7, -0.284_496_74, 0.254_829_6];
    unsafe {
        let zero = V::splat(0.0);
        let size = x.max(zero.sub(x));
        let z = size.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = V::splat(1.0).div(z.mul_add(V::splat(0.327_591_1), V::splat(1.0)));
        let mut sum = V::splat(1.061_405_4);
        for term in SERIES {
            sum = sum.mul_add(t, V::splat(term));
        }
        let complement = sum.mul(t).mul(zero.sub(z).mul(z).exp_of_negative());
        x.max(zero).sub(size.mul(V::splat(0.5)).mul(complement))
    }
}

/// The mean of each channel over the pixels of each image, image by image.
pub fn pixel_means(x: View) -> Vec<f32> {
    let pixels = (x.height * x.width) as f64;
    let images = x.data.chunks_exact(x.image().max(1));
    images.flat_map(|image| pixel_sums(&x, image)).map(|sum| (sum / pixels) as f32).collect()
}

/// The sum of each channel over all pixels of `rows`, which lie as those of `x` do.
pub(crate) fn pixel_sums(x: &View, rows: &[f32]) -> Vec<f64> {
    let mut sums = vec![0.0; x.channels];
    // Row by row, so that rounding stays small.
    for row in rows.chunks_exact((x.width * x.pitch()).max(1)) {
        let mut of_row = vec![0.0f32; x.channels];
        for pixel in row.chunks_exact(x.pitch()) {
            of_row.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
        sums.iter_mut().zip(of_row).for_each(|(sum, value)| *sum += f64::from(value));
    }
    sums
}

struct Add<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
    slope: f32,
}

impl Task for Add<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { a, b, slope } = self;
        let whole = a.len() / V::LANES * V::LANES;
        for i in (0..whole).step_by(V::LANES) {
            unsafe {
                let sum = V::load(a.as_ptr().add(i)).add(V::load(b.as_ptr().add(i)));
                sum.max(sum.mul(V::splat(slope))).store(a.as_mut_ptr().add(i));
            }
        }
        for (a, b) in a[whole..].iter_mut().zip(&b[whole..]) {
            let sum = *a + b;
            *a = sum.max(sum * slope);
        }
    }
}
