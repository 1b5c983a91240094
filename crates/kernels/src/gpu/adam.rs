//! Steps of Adam.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::numbers;
use super::gather::cubes;
use super::pixelwise::together;
use crate::AdamStep;

/// Threads of a workgroup.
const THREADS: u32 = 64;

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Step {
    beta: f32,
    beta_squares: f32,
    scale: f32,
    scale_squares: f32,
    epsilon: f32,
    rate: f32,
    kept: f32,
}

#[cube(launch_unchecked)]
fn adam<N: Size>(
    gradient: &[Vector<f32, N>],
    weights: &[Vector<f32, N>],
    means: &[Vector<f32, N>],
    squares: &[Vector<f32, N>],
    new_weights: &mut [Vector<f32, N>],
    new_means: &mut [Vector<f32, N>],
    new_squares: &mut [Vector<f32, N>],
    step: Step,
    count: u32,
) {
    let at = ABSOLUTE_POS;
    if at >= count as usize {
        terminate!();
    }
    let g = gradient[at];
    let m = fma(Vector::<f32, N>::new(step.beta), means[at], Vector::<f32, N>::new(1.0 - step.beta) * g);
    let v = fma(
        Vector::<f32, N>::new(step.beta_squares),
        squares[at],
        Vector::<f32, N>::new(1.0 - step.beta_squares) * g * g,
    );
    let root = (v * Vector::<f32, N>::new(step.scale_squares)).sqrt();
    let change = m * Vector::<f32, N>::new(step.scale) / (root + Vector::<f32, N>::new(step.epsilon));
    new_means[at] = m;
    new_squares[at] = v;
    new_weights[at] =
        weights[at] * Vector::<f32, N>::new(step.kept) - change * Vector::<f32, N>::new(step.rate);
}

/// One step for `count` numbers: `from` are weights, means of gradients and of their squares, `to` the same after it.
pub fn adam_into(
    client: &Client,
    step: &AdamStep,
    gradient: &Handle,
    from: [&Handle; 3],
    to: [&Handle; 3],
    count: usize,
) {
    let AdamStep { betas: [beta, beta_squares], corrections, epsilon, rate, kept } = *step;
    let [scale, scale_squares] = corrections.map(f32::recip);
    let size = together(count);
    // SAFETY: the kernel stays below `count`.
    unsafe {
        adam::launch_unchecked(
            client,
            cubes(count / size, THREADS),
            CubeDim::new_1d(THREADS),
            size,
            numbers(gradient, count),
            numbers(from[0], count),
            numbers(from[1], count),
            numbers(from[2], count),
            numbers(to[0], count),
            numbers(to[1], count),
            numbers(to[2], count),
            StepLaunch::new(beta, beta_squares, scale, scale_squares, epsilon, rate, kept),
            (count / size) as u32,
        );
    }
}
