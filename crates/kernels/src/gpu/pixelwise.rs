//! What is done number by number to two buffers that lie alike.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::epilogue::activate;
use super::features::numbers;
use super::gather::cubes;

/// Threads of a workgroup.
const THREADS: u32 = 256;

/// Numbers that a thread takes: four where that fits.
pub(super) fn together(count: usize) -> usize {
    if count.is_multiple_of(4) { 4 } else { 1 }
}

/// What is made of two numbers, `a` and `b`, with a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pairwise {
    /// `leaky(a + b, factor)`.
    ActivatedSum,
    /// The gradient before a leaky ReLU of slope `factor` (0: ReLU), from that after it, `a`, and the result, `b`.
    ActivationGradient,
    /// `factor * a + (1 - factor) * b`.
    Mix,
}

#[cube(launch_unchecked)]
fn combine<N: Size>(
    a: &[Vector<f32, N>],
    b: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    factor: f32,
    count: u32,
    #[comptime] what: Pairwise,
) {
    let at = ABSOLUTE_POS;
    if at >= count as usize {
        terminate!();
    }
    let (a, b) = (a[at], b[at]);
    if comptime![what == Pairwise::ActivatedSum] {
        output[at] = activate(a + b, factor);
    } else if comptime![what == Pairwise::Mix] {
        output[at] = a * Vector::<f32, N>::new(factor) + b * Vector::<f32, N>::new(1.0 - factor);
    } else {
        let mut result = a * Vector::<f32, N>::new(factor);
        let size = N::value();
        #[unroll]
        for i in 0..size {
            if b.extract(i) > 0.0 {
                result.insert(i, a.extract(i));
            }
        }
        output[at] = result;
    }
}

/// Makes one number of each of `count` pairs.
pub fn pairwise_into(
    client: &Client,
    what: Pairwise,
    [a, b]: [&Handle; 2],
    factor: f32,
    output: &Handle,
    count: usize,
) {
    let size = together(count);
    // SAFETY: the kernel stays below `count`.
    unsafe {
        combine::launch_unchecked(
            client,
            cubes(count / size, THREADS),
            CubeDim::new_1d(THREADS),
            size,
            numbers(a, count),
            numbers(b, count),
            numbers(output, count),
            factor,
            (count / size) as u32,
            what,
        );
    }
}
