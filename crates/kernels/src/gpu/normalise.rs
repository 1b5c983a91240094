//! Layer normalisation over channels.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Four, numbers};
use super::gather::cubes;

/// Threads that share a pixel.
const LANES: usize = 8;
/// Threads of a workgroup.
const THREADS: usize = 64;

/// The sum of a number over the threads that share a pixel. All threads of the workgroup come here.
#[cube]
fn over_lanes(value: Four, shared: &mut Shared<[f32]>) -> f32 {
    let lanes = comptime![LANES as u32];
    sync_cube();
    shared[UNIT_POS as usize] =
        value.extract(0usize) + value.extract(1usize) + value.extract(2usize) + value.extract(3usize);
    sync_cube();
    let first = UNIT_POS / lanes * lanes;
    let mut sum = f32::new(0.0);
    #[unroll]
    for i in 0..lanes {
        sum += shared[(first + i) as usize];
    }
    sum
}

#[cube(launch_unchecked)]
fn normalise(
    input: &[Four],
    weight: &[Four],
    bias: ComptimeOption<&[Four]>,
    factors: ComptimeOption<&[f32]>,
    output: &mut [Four],
    pixels: u32,
    fours: u32,
    epsilon: f32,
) {
    let lanes = comptime![LANES as u32];
    let mut shared = Shared::<[f32]>::new_slice(THREADS);
    let pixel = ABSOLUTE_POS as u32 / lanes;
    let lane = UNIT_POS % lanes;
    let first = select(pixel < pixels, lane, fours);
    let count = (4 * fours) as f32;

    let mut sum = Four::new(0.0);
    for i in range_stepped(first, fours, lanes) {
        sum += input[(pixel * fours + i) as usize];
    }
    let mean = Four::new(over_lanes(sum, &mut shared) / count);
    let mut squares = Four::new(0.0);
    for i in range_stepped(first, fours, lanes) {
        let centred = input[(pixel * fours + i) as usize] - mean;
        squares = fma(centred, centred, squares);
    }
    let variance = over_lanes(squares, &mut shared) / count;
    let scale = Four::new(1.0 / (variance + epsilon).sqrt());
    for i in range_stepped(first, fours, lanes) {
        let at = (pixel * fours + i) as usize;
        let mut value = input[at];
        #[comptime]
        if let ComptimeOption::Some(bias) = bias {
            value = fma((value - mean) * scale, weight[i as usize], bias[i as usize]);
        } else {
            value = value * scale * weight[i as usize];
        }
        #[comptime]
        if let ComptimeOption::Some(factors) = factors {
            value *= Four::new(factors[pixel as usize]);
        }
        output[at] = value;
    }
}

/// What every pixel is normalised by.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// `[C]`: every channel is multiplied by it.
    pub weight: &'a Handle,
    /// `[C]`: with it, the mean of the channels is taken away first, and it is added at last; without it, the mean stays.
    pub bias: Option<&'a Handle>,
    /// Added to the variance.
    pub epsilon: f32,
    /// `[pixels]`: every pixel is multiplied by its own at the end.
    pub factors: Option<&'a Handle>,
}

/// Divides every pixel's channels by their deviation, the root of their variance: `[pixels, C]`, C a multiple of 4.
pub fn normalise_into(
    client: &Client,
    input: &Handle,
    norm: Norm,
    [pixels, channels]: [usize; 2],
    output: &Handle,
) {
    // SAFETY: the kernel stays inside of the image.
    unsafe {
        normalise::launch_unchecked(
            client,
            cubes(pixels * LANES, THREADS as u32),
            CubeDim::new_1d(THREADS as u32),
            numbers(input, pixels * channels),
            numbers(norm.weight, channels),
            norm.bias.map(|bias| numbers(bias, channels)).into(),
            norm.factors.map(|factors| numbers(factors, pixels)).into(),
            numbers(output, pixels * channels),
            pixels as u32,
            (channels / 4) as u32,
            norm.epsilon,
        );
    }
}
