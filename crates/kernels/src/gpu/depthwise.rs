//! Convolutions of every channel by itself.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::Geometry;
use super::epilogue::{Epilogue, Finish, Place, Slopes, SlopesLaunch, finish};
use super::features::{Features, Four, View, numbers};
use super::gather::cubes;

/// Neighbouring pixels that a thread makes.
const PIXELS: usize = 4;
/// Threads of a workgroup.
const THREADS: u32 = 64;

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    images: u32,
    fours: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
}

#[cube(launch_unchecked)]
fn depthwise<N: Size>(
    input: &[Four],
    weights: &[f32],
    bias: ComptimeOption<&[f32]>,
    residual: ComptimeOption<&[Vector<f32, N>]>,
    output: &mut [Vector<f32, N>],
    view_residual: View,
    view_output: View,
    slopes: Slopes,
    sizes: Sizes,
    #[comptime] geometry: Geometry,
    #[comptime] recipe: Finish,
) {
    let stride = comptime![geometry.stride as u32];
    let dilation = comptime![geometry.dilation as u32];
    let taps = comptime![geometry.kernel[0] * geometry.kernel[1]];
    let groups = sizes.out_width.div_ceil(comptime![PIXELS as u32]);
    if ABSOLUTE_POS >= (sizes.fours * groups * sizes.out_height * sizes.images) as usize {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32;
    let four = at % sizes.fours;
    let rest = at / sizes.fours;
    let left = rest % groups * comptime![PIXELS as u32];
    let rest = rest / groups;
    let row = rest % sizes.out_height;
    let image = rest / sizes.out_height;

    let mut sums = Array::<Four>::new(PIXELS);
    #[unroll]
    for i in 0..PIXELS {
        sums[i] = Four::new(0.0);
    }
    for tap_h in 0..comptime![geometry.kernel[0] as u32] {
        // What lies above the image is a very large number.
        let y = row * stride + tap_h * dilation - comptime![geometry.padding[0] as u32];
        if y < sizes.height {
            let line = (image * sizes.height + y) * sizes.width;
            for tap_w in 0..comptime![geometry.kernel[1] as u32] {
                let tap = (tap_h * comptime![geometry.kernel[1] as u32] + tap_w) as usize;
                let mut filter = Four::new(0.0);
                #[unroll]
                for j in 0..4usize {
                    filter.insert(j, weights[(4 * four as usize + j) * taps + tap]);
                }
                #[unroll]
                for i in 0..PIXELS {
                    let x =
                        (left + i as u32) * stride + tap_w * dilation - comptime![geometry.padding[1] as u32];
                    if x < sizes.width {
                        sums[i] = fma(input[((line + x) * sizes.fours + four) as usize], filter, sums[i]);
                    }
                }
            }
        }
    }
    #[unroll]
    for i in 0..PIXELS {
        let column = left + i as u32;
        if column < sizes.out_width {
            let place = Place { image, row, column, channel: 4 * four };
            finish(sums[i], &place, bias, residual, output, &view_residual, &view_output, &slopes, recipe);
        }
    }
}

/// Convolves every channel of `[N, C, H, W]`, which lie channels last in memory without gaps, with its own `[C, 1, h, w]`;
/// C is a multiple of 4.
pub fn depthwise_into(
    client: &Client,
    input: &Features,
    weights: &Handle,
    epilogue: &Epilogue,
    geometry: Geometry,
    output: &Features,
) {
    let [n, c, height, width] = input.shape;
    let [_, _, out_height, out_width] = output.shape;
    let units = n * c / 4 * out_height * out_width.div_ceil(PIXELS);
    let residual = epilogue.residual.as_ref();
    let sizes = [n, c / 4, height, width, out_height, out_width].map(|size| size as u32);
    let [images, fours, height, width, out_height, out_width] = sizes;
    // SAFETY: the kernel stays inside of both images.
    unsafe {
        depthwise::launch_unchecked(
            client,
            cubes(units, THREADS),
            CubeDim::new_1d(THREADS),
            epilogue.vector(output),
            input.buffer(),
            numbers(weights, c * geometry.kernel[0] * geometry.kernel[1]),
            epilogue.bias.as_ref().map(|bias| numbers(bias, c)).into(),
            residual.map(Features::buffer).into(),
            output.buffer(),
            residual.unwrap_or(output).view(),
            output.view(),
            SlopesLaunch::new(epilogue.slope, epilogue.slope_after),
            SizesLaunch::new(images, fours, height, width, out_height, out_width),
            geometry,
            epilogue.finish(),
        );
    }
}
