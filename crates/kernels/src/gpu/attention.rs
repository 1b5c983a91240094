//! Attention of pixels to those in a larger window around theirs, within phases of every second pixel.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Four, numbers};
use super::gather::cubes;

/// Threads of a workgroup.
const THREADS: u32 = 64;

/// Windows among the pixels of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    /// Side of a window of queries.
    pub queries: usize,
    /// Side of a window of keys: `queries` and the same margin on both sides.
    pub keys: usize,
    /// Pixels of the image between two of a phase.
    pub dilation: usize,
    /// Features of a head, a multiple of 4.
    pub features: usize,
    /// Row of the tables for a key in the place of its query.
    pub centre: usize,
}

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    images: u32,
    height: u32,
    width: u32,
    heads: u32,
    scale: f32,
}

/// Product of two heads' features.
#[cube]
fn dot(a: &Array<Four>, b: &[Four], at: usize, #[comptime] fours: usize) -> f32 {
    let mut sums = Four::new(0.0);
    #[unroll]
    for i in 0..fours {
        sums = fma(a[i], b[at + i], sums);
    }
    sums.extract(0usize) + sums.extract(1usize) + sums.extract(2usize) + sums.extract(3usize)
}

#[cube(launch_unchecked)]
fn windowed(
    qkv: &[Four],
    by_row: &[Four],
    by_column: &[Four],
    output: &mut [Four],
    sizes: Sizes,
    #[comptime] windows: Windows,
) {
    let fours = comptime![windows.features / 4];
    let dilation = comptime![windows.dilation as u32];
    let side = comptime![windows.queries as u32];
    let keys = comptime![windows.keys];
    let margin = comptime![((windows.keys - windows.queries) / 2) as u32];
    if ABSOLUTE_POS >= (sizes.images * sizes.height * sizes.width * sizes.heads) as usize {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32;
    let head = at % sizes.heads;
    let pixel = at / sizes.heads;
    let x = pixel % sizes.width;
    let line = pixel / sizes.width;
    let y = line % sizes.height;
    let image = line / sizes.height;

    // All of a pixel: queries of every head, then keys, then values.
    let inner = sizes.heads as usize * fours;
    let mut query = Array::<Four>::new(fours);
    #[unroll]
    for i in 0..fours {
        query[i] = qkv[pixel as usize * 3 * inner + head as usize * fours + i] * Four::new(sizes.scale);
    }
    let (row, column) = (y / dilation % side, x / dilation % side);
    // The first key; above or to the left of the image, this is a very large number.
    let top = y - (row + margin) * dilation;
    let left = x - (column + margin) * dilation;

    let mut columns = Array::<f32>::new(keys);
    #[unroll]
    for k in 0..keys {
        let distance =
            (comptime![windows.centre as u32] + (k as u32) * dilation) - (column + margin) * dilation;
        columns[k] = dot(&query, by_column, distance as usize * fours, fours);
    }

    let mut largest = f32::new(-1e30);
    let mut total = f32::new(0.0);
    let mut sums = Array::<Four>::new(fours);
    #[unroll]
    for i in 0..fours {
        sums[i] = Four::new(0.0);
    }
    for k in 0..comptime![keys as u32] {
        let key_y = top + k * dilation;
        let distance = (comptime![windows.centre as u32] + k * dilation) - (row + margin) * dilation;
        let of_row = dot(&query, by_row, distance as usize * fours, fours);
        let mut logits = Array::<f32>::new(keys);
        let mut here = largest;
        #[unroll]
        for j in 0..keys {
            let key_x = left + (j as u32) * dilation;
            let mut logit = of_row + columns[j];
            if key_y < sizes.height && key_x < sizes.width {
                let of = ((image * sizes.height + key_y) * sizes.width + key_x) as usize;
                logit += dot(&query, qkv, of * 3 * inner + inner + head as usize * fours, fours);
            }
            logits[j] = logit;
            here = max(here, logit);
        }
        let shrink = (largest - here).exp();
        largest = here;
        total *= shrink;
        #[unroll]
        for i in 0..fours {
            sums[i] = sums[i] * Four::new(shrink);
        }
        #[unroll]
        for j in 0..keys {
            let key_x = left + (j as u32) * dilation;
            let share = (logits[j] - here).exp();
            total += share;
            if key_y < sizes.height && key_x < sizes.width {
                let of = ((image * sizes.height + key_y) * sizes.width + key_x) as usize;
                let from = of * 3 * inner + 2 * inner + head as usize * fours;
                #[unroll]
                for i in 0..fours {
                    sums[i] = fma(Four::new(share), qkv[from + i], sums[i]);
                }
            }
        }
    }
    #[unroll]
    for i in 0..fours {
        output[pixel as usize * inner + head as usize * fours + i] = sums[i] / Four::new(total);
    }
}

/// Attends within windows: `[N, 3 * heads * d, H, W]` (queries, keys, values) to `[N, heads * d, H, W]`, both channels
/// last in memory. To the products of queries and keys, those of queries with the rows of two tables `[rows, d]` are
/// added, one by the distance in rows and one by that in columns. Keys and values outside the image are zero.
pub fn windowed_into(
    client: &Client,
    qkv: &Handle,
    [by_row, by_column]: [&Handle; 2],
    table_rows: usize,
    windows: Windows,
    heads: usize,
    [n, height, width]: [usize; 3],
    output: &Handle,
) {
    let inner = heads * windows.features;
    let scale = (windows.features as f32).powf(-0.5);
    // SAFETY: pixels outside the image are not read, and the tables hold all distances.
    unsafe {
        windowed::launch_unchecked(
            client,
            cubes(n * heads * height * width, THREADS),
            CubeDim::new_1d(THREADS),
            numbers(qkv, n * 3 * inner * height * width),
            numbers(by_row, table_rows * windows.features),
            numbers(by_column, table_rows * windows.features),
            numbers(output, n * inner * height * width),
            SizesLaunch::new(n as u32, height as u32, width as u32, heads as u32, scale),
            windows,
        );
    }
}
