//! What is done number by number to features that lie alike.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::adam::together;
use super::epilogue::activate;
use super::features::numbers;
use super::gather::cubes;

/// Threads of a workgroup.
const THREADS: u32 = 256;

#[cube(launch_unchecked)]
fn activated_sum<N: Size>(
    a: &[Vector<f32, N>],
    b: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    slope: f32,
    count: u32,
) {
    let at = ABSOLUTE_POS;
    if at >= count as usize {
        terminate!();
    }
    output[at] = activate(a[at] + b[at], slope);
}

#[cube(launch_unchecked)]
fn activation_gradient<N: Size>(
    gradient: &[Vector<f32, N>],
    y: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    slope: f32,
    count: u32,
) {
    let at = ABSOLUTE_POS;
    if at >= count as usize {
        terminate!();
    }
    let (full, value) = (gradient[at], y[at]);
    let mut result = full * Vector::<f32, N>::new(slope);
    let size = N::value();
    #[unroll]
    for i in 0..size {
        if value.extract(i) > 0.0 {
            result.insert(i, full.extract(i));
        }
    }
    output[at] = result;
}

/// `leaky(a + b, slope)` of `count` numbers.
pub fn activated_sum_into(client: &Client, [a, b]: [&Handle; 2], slope: f32, output: &Handle, count: usize) {
    let size = together(count);
    // SAFETY: the kernel stays below `count`.
    unsafe {
        activated_sum::launch_unchecked(
            client,
            cubes(count / size, THREADS),
            CubeDim::new_1d(THREADS),
            size,
            numbers(a, count),
            numbers(b, count),
            numbers(output, count),
            slope,
            (count / size) as u32,
        );
    }
}

/// The gradient before a leaky ReLU (slope 0: ReLU), from that after it and the result `y`; `count` numbers.
pub fn activation_gradient_into(
    client: &Client,
    gradient: &Handle,
    y: &Handle,
    slope: f32,
    output: &Handle,
    count: usize,
) {
    let size = together(count);
    // SAFETY: the kernel stays below `count`.
    unsafe {
        activation_gradient::launch_unchecked(
            client,
            cubes(count / size, THREADS),
            CubeDim::new_1d(THREADS),
            size,
            numbers(gradient, count),
            numbers(y, count),
            numbers(output, count),
            slope,
            (count / size) as u32,
        );
    }
}
