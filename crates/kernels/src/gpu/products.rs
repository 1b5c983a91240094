//! Products of two images, channel by channel, summed over pixels: gradients of weights, and the logits of attention
//! between channels.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Features, Four, View, load, numbers};
use super::gather::cubes;

/// Rows and columns of pixels in workgroup memory.
const TILE: [usize; 2] = [4, 8];
/// Fours of channels, of each image, that a workgroup joins.
const BLOCK: usize = 8;
/// Threads of a workgroup.
const THREADS: usize = BLOCK * BLOCK;
/// Pixels, about, whose products a workgroup sums.
const PART: usize = 2048;

/// A window of the second image that moves over it with the pixels of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Taps {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps in the second image for each pixel of the first.
    pub stride: usize,
    /// Rows above and columns left of the second image where the window begins.
    pub padding: [usize; 2],
    /// Pixels between two of the window.
    pub dilation: usize,
}

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    channels_a: u32,
    channels_b: u32,
    height: u32,
    width: u32,
    height_b: u32,
    width_b: u32,
    images: u32,
    parts: u32,
}

#[cube(launch_unchecked)]
fn multiply<NA: Size, NB: Size>(
    a: &[Vector<f32, NA>],
    b: &[Vector<f32, NB>],
    output: &mut [f32],
    view_a: View,
    view_b: View,
    sizes: Sizes,
    #[comptime] taps: Taps,
) {
    let (rows, columns) = comptime![(TILE[0] as u32, TILE[1] as u32)];
    let block = comptime![BLOCK as u32];
    let threads = comptime![THREADS as u32];
    let stride = comptime![taps.stride as u32];
    let dilation = comptime![taps.dilation as u32];
    let (taps_h, taps_w) = comptime![(taps.kernel[0] as u32, taps.kernel[1] as u32)];
    let window = comptime![(columns - 1) * stride + (taps_w - 1) * dilation + 1];

    let mut of_a = Shared::<[Four]>::new_slice(comptime![(rows * columns * block) as usize]);
    let mut of_b = Shared::<[Four]>::new_slice(comptime![(rows * window * block) as usize]);
    let four_a = UNIT_POS % block;
    let four_b = UNIT_POS / block;
    let first_a = CUBE_POS_X * block;
    let first_b = CUBE_POS_Y * block;
    let tap_h = CUBE_POS_Z % taps_h;
    let part = CUBE_POS_Z / taps_h;

    let mut sums = Array::<Four>::new(comptime![4 * taps.kernel[1]]);
    #[unroll]
    for i in 0..comptime![4 * taps.kernel[1]] {
        sums[i] = Four::new(0.0);
    }
    let across = sizes.width.div_ceil(columns);
    let tiles = across * sizes.height.div_ceil(rows);
    for tile in range_stepped(part, tiles * sizes.images, sizes.parts) {
        let image = tile / tiles;
        let top = tile % tiles / across * rows;
        let left = tile % across * columns;
        for i in range_stepped(UNIT_POS, comptime![rows * columns * block], threads) {
            let four = first_a + i % block;
            let (y, x) = (top + i / block / columns, left + i / block % columns);
            let inside = y < sizes.height && x < sizes.width && 4 * four < view_a.channels;
            of_a[i as usize] = load(a, &view_a, image, y, x, 4 * four, inside);
        }
        for i in range_stepped(UNIT_POS, comptime![rows * window * block], threads) {
            let four = first_b + i % block;
            // What lies above or to the left of the image is a very large number.
            let y =
                (top + i / block / window) * stride + tap_h * dilation - comptime![taps.padding[0] as u32];
            let x = left * stride + i / block % window - comptime![taps.padding[1] as u32];
            let inside = y < sizes.height_b && x < sizes.width_b && 4 * four < view_b.channels;
            of_b[i as usize] = load(b, &view_b, image, y, x, 4 * four, inside);
        }
        sync_cube();
        for y in 0..rows {
            for x in 0..columns {
                let value = of_a[((y * columns + x) * block + four_a) as usize];
                #[unroll]
                for tap_w in 0..comptime![taps.kernel[1]] {
                    let column = x * stride + tap_w as u32 * dilation;
                    let other = of_b[((y * window + column) * block + four_b) as usize];
                    #[unroll]
                    for i in 0..4usize {
                        let of = comptime![4 * tap_w + i];
                        sums[of] = fma(value, Four::new(other.extract(i)), sums[of]);
                    }
                }
            }
        }
        sync_cube();
    }

    #[unroll]
    for j in 0..4usize {
        let channel_a = 4 * (first_a + four_a) + j as u32;
        #[unroll]
        for i in 0..4usize {
            let channel_b = 4 * (first_b + four_b) + i as u32;
            if channel_a < sizes.channels_a && channel_b < sizes.channels_b {
                let pair = (part * sizes.channels_a + channel_a) * sizes.channels_b + channel_b;
                #[unroll]
                for tap_w in 0..comptime![taps.kernel[1]] {
                    let to = (pair * taps_h + tap_h) * taps_w + tap_w as u32;
                    output[to as usize] = sums[comptime![4 * tap_w + i]].extract(j);
                }
            }
        }
    }
}

#[cube(launch_unchecked)]
fn sum_parts(input: &[f32], output: &mut [f32], count: u32, parts: u32) {
    if ABSOLUTE_POS >= count as usize {
        terminate!();
    }
    let mut sum = f32::new(0.0);
    for part in 0..parts {
        sum += input[(part * count) as usize + ABSOLUTE_POS];
    }
    output[ABSOLUTE_POS] = sum;
}

/// Products of `a` `[N, A, H, W]` and `b` `[N, B, H', W']`, summed over images and the pixels of `a`, for every tap:
/// `[A, B, h, w]`.
pub fn products(client: &Client, a: &Features, b: &Features, taps: Taps) -> Handle {
    let [n, channels_a, height, width] = a.shape;
    let [_, channels_b, height_b, width_b] = b.shape;
    let count = channels_a * channels_b * taps.kernel[0] * taps.kernel[1];
    let tiles = n * height.div_ceil(TILE[0]) * width.div_ceil(TILE[1]);
    let parts = tiles.div_ceil(PART / (TILE[0] * TILE[1])).clamp(1, 65535 / taps.kernel[0]);
    let partial = client.empty(4 * count * parts);
    let groups = |channels: usize| channels.div_ceil(4 * BLOCK) as u32;
    let cubes_of_parts =
        CubeCount::Static(groups(channels_a), groups(channels_b), (parts * taps.kernel[0]) as u32);
    let sizes = [channels_a, channels_b, height, width, height_b, width_b, n, parts].map(|size| size as u32);
    let [channels_a, channels_b, height, width, height_b, width_b, images, all] = sizes;
    // SAFETY: the views end where their buffers do, and the kernels stay inside of images and weights.
    unsafe {
        multiply::launch_unchecked(
            client,
            cubes_of_parts,
            CubeDim::new_1d(THREADS as u32),
            a.vector(),
            b.vector(),
            a.buffer(),
            b.buffer(),
            numbers(&partial, count * parts),
            a.view(),
            b.view(),
            SizesLaunch::new(channels_a, channels_b, height, width, height_b, width_b, images, all),
            taps,
        );
        if parts == 1 {
            return partial;
        }
        let output = client.empty(4 * count);
        sum_parts::launch_unchecked(
            client,
            cubes(count, 64),
            CubeDim::new_1d(64),
            numbers(&partial, count * parts),
            numbers(&output, count),
            count as u32,
            all,
        );
        output
    }
}
