//! Attention of the pixels of a window to each other, with a bias for each pair (Swin transformers).

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::numbers;
use super::plan::{THREADS, WORKGROUP_BYTES};

/// Windows that fill an image, and their heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Side of a window, in pixels.
    pub side: usize,
    /// Pixels by which the windows are moved, around the borders of the image. Pixels that meet only there do not attend
    /// to each other: 100 is taken from their products.
    pub shift: usize,
    /// Heads.
    pub heads: usize,
    /// Features of a head.
    pub features: usize,
}

impl Windows {
    /// Whether a workgroup can hold the keys and values of a window.
    pub fn fits(&self) -> bool {
        let pixels = self.side * self.side;
        pixels <= THREADS && 2 * 4 * pixels * self.features <= WORKGROUP_BYTES
    }

    /// Features that are loaded at once.
    fn vector(&self) -> usize {
        [4, 2].into_iter().find(|&size| self.features.is_multiple_of(size)).unwrap_or(1)
    }
}

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    height: u32,
    width: u32,
    shift: u32,
    scale: f32,
}

/// Sum of the products of a query with the key at `at`.
#[cube]
fn dot<N: Size>(
    query: &Array<Vector<f32, N>>,
    keys: &Shared<[Vector<f32, N>]>,
    at: usize,
    #[comptime] parts: usize,
) -> f32 {
    let size = N::value();
    let mut sums = Vector::<f32, N>::new(0.0);
    #[unroll]
    for i in 0..parts {
        sums = fma(query[i], keys[at + i], sums);
    }
    let mut sum = sums.extract(0usize);
    #[unroll]
    for i in 1..size {
        sum += sums.extract(i);
    }
    sum
}

/// A workgroup takes one head of one window, a thread one of its queries.
#[cube(launch_unchecked)]
fn attend<N: Size>(
    qkv: &[Vector<f32, N>],
    bias: &[f32],
    output: &mut [Vector<f32, N>],
    sizes: Sizes,
    #[comptime] side: usize,
    #[comptime] heads: usize,
    #[comptime] features: usize,
) {
    let size = N::value();
    let parts = comptime![features / size];
    let pixels = comptime![side * side];
    let inner = comptime![heads * parts];
    let mut keys = Shared::<[Vector<f32, N>]>::new_slice(comptime![pixels * parts]);
    let mut values = Shared::<[Vector<f32, N>]>::new_slice(comptime![pixels * parts]);

    let head = CUBE_POS_X as usize % heads;
    let left = CUBE_POS_X / comptime![heads as u32] * comptime![side as u32];
    let top = CUBE_POS_Y * comptime![side as u32];
    // Where the pixel lies once the image is rolled, and in the image.
    let row = top + UNIT_POS / comptime![side as u32];
    let column = left + UNIT_POS % comptime![side as u32];
    let y = (row + sizes.shift) % sizes.height;
    let x = (column + sizes.shift) % sizes.width;
    let pixel = ((CUBE_POS_Z * sizes.height + y) * sizes.width + x) as usize;
    let own = UNIT_POS as usize * parts;
    let from = pixel * 3 * inner + head * parts;
    let mut query = Array::<Vector<f32, N>>::new(parts);
    let mut sums = Array::<Vector<f32, N>>::new(parts);
    #[unroll]
    for i in 0..parts {
        query[i] = qkv[from + i] * Vector::<f32, N>::new(sizes.scale);
        keys[own + i] = qkv[from + inner + i];
        values[own + i] = qkv[from + 2 * inner + i];
        sums[i] = Vector::<f32, N>::new(0.0);
    }
    sync_cube();

    // Beyond these, pixels come from the other border.
    let (last_row, last_column) = (sizes.height - sizes.shift, sizes.width - sizes.shift);
    let mut largest = f32::new(-1e30);
    let mut total = f32::new(0.0);
    for k in 0..comptime![side as u32] {
        let apart = (top + k >= last_row) != (row >= last_row);
        let mut logits = Array::<f32>::new(side);
        let mut here = largest;
        #[unroll]
        for j in 0..side {
            let key = k as usize * side + j;
            let mut logit = dot(&query, &keys, key * parts, parts);
            logit += bias[(head * pixels + key) * pixels + UNIT_POS as usize];
            if apart || (left + j as u32 >= last_column) != (column >= last_column) {
                logit -= 100.0;
            }
            logits[j] = logit;
            here = max(here, logit);
        }
        let shrink = (largest - here).exp();
        largest = here;
        total *= shrink;
        #[unroll]
        for i in 0..parts {
            sums[i] = sums[i] * Vector::<f32, N>::new(shrink);
        }
        #[unroll]
        for j in 0..side {
            let share = (logits[j] - here).exp();
            total += share;
            let at = (k as usize * side + j) * parts;
            #[unroll]
            for i in 0..parts {
                sums[i] = fma(Vector::<f32, N>::new(share), values[at + i], sums[i]);
            }
        }
    }
    #[unroll]
    for i in 0..parts {
        output[pixel * inner + head * parts + i] = sums[i] / Vector::<f32, N>::new(total);
    }
}

/// Attends within windows: `[N, 3 * heads * d, H, W]` (queries, keys, values) to `[N, heads * d, H, W]`, both channels last
/// in memory, both sides multiples of the window's. `bias`, `[heads, keys, queries]`, is added to the products of queries
/// and keys over the root of d.
///
/// # Panics
/// When the windows do not [fit](Windows::fits).
pub fn attend_into(
    client: &Client,
    qkv: &Handle,
    bias: &Handle,
    windows: Windows,
    [n, height, width]: [usize; 3],
    output: &Handle,
) {
    assert!(windows.fits(), "a workgroup cannot hold {windows:?}");
    let Windows { side, shift, heads, features } = windows;
    let (pixels, inner) = (side * side, heads * features);
    let cubes = CubeCount::Static((width / side * heads) as u32, (height / side) as u32, n as u32);
    let scale = (features as f32).powf(-0.5);
    // SAFETY: the kernel stays inside of the image, whose sides are multiples of the window's.
    unsafe {
        attend::launch_unchecked(
            client,
            cubes,
            CubeDim::new_1d(pixels as u32),
            windows.vector(),
            numbers(qkv, n * 3 * inner * height * width),
            numbers(bias, heads * pixels * pixels),
            numbers(output, n * inner * height * width),
            SizesLaunch::new(height as u32, width as u32, shift as u32, scale),
            side,
            heads,
            features,
        );
    }
}
