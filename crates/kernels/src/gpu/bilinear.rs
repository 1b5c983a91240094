//! Bilinear interpolation to twice the size.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Four, numbers};
use super::gather::cubes;

/// Threads of a workgroup.
const THREADS: u32 = 256;

/// The pixel that an output pixel lies beside, next to the one that it lies nearest to; beyond the border both are one.
#[cube]
fn neighbour(at: u32, size: u32) -> u32 {
    let own = at / 2;
    let before = select(own > 0, own, 1u32) - 1;
    let after = select(own + 1 < size, own + 1, own);
    select((at & 1) == 0, before, after)
}

#[cube(launch_unchecked)]
fn double(input: &[Four], output: &mut [Four], height: u32, width: u32, fours: u32, count: u32) {
    if ABSOLUTE_POS >= count as usize {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32;
    let (channel, pixel) = (at % fours, at / fours);
    let (x, line) = (pixel % (2 * width), pixel / (2 * width));
    let (y, image) = (line % (2 * height), line / (2 * height));
    let (own_y, other_y) = (y / 2, neighbour(y, height));
    let (own_x, other_x) = (x / 2, neighbour(x, width));
    let first = image * height;
    let near = ((first + own_y) * width + own_x) * fours + channel;
    let beside = ((first + own_y) * width + other_x) * fours + channel;
    let above = ((first + other_y) * width + own_x) * fours + channel;
    let across = ((first + other_y) * width + other_x) * fours + channel;
    let (much, little) = (Four::new(0.75), Four::new(0.25));
    let own_row = input[near as usize] * much + input[beside as usize] * little;
    let other_row = input[above as usize] * much + input[across as usize] * little;
    output[ABSOLUTE_POS] = own_row * much + other_row * little;
}

/// Doubles both sides of images `[N, H, W, C]`, C a multiple of 4, with half-pixel centres.
pub fn double_into(
    client: &Client,
    input: &Handle,
    [batch, channels, height, width]: [usize; 4],
    output: &Handle,
) {
    let count = batch * channels * height * width;
    // SAFETY: the kernel stays inside of the images.
    unsafe {
        double::launch_unchecked(
            client,
            cubes(count, THREADS),
            CubeDim::new_1d(THREADS),
            numbers(input, count),
            numbers(output, 4 * count),
            height as u32,
            width as u32,
            (channels / 4) as u32,
            count as u32,
        );
    }
}
