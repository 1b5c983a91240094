//! What is done value by value, wherever the values lie.

use crate::simd::{Task, Vector, with_simd};

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
