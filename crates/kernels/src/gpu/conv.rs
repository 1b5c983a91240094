//! Convolutions: tiles of inputs and weights in workgroup memory, several pixels and channels a thread, bias,
//! activation and residual on the way out.

use cubecl::prelude::*;

use super::epilogue::{Epilogue, Finish, Place, Slopes, SlopesLaunch, finish};
use super::features::{Features, Four, View, load, numbers};
use super::weights::Packed;
use super::{Geometry, Tiling};

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    out_channels: u32,
    /// Workgroups for the channels of one image.
    blocks: u32,
    /// Steps over the input channels.
    parts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Recipe {
    geometry: Geometry,
    tiling: Tiling,
    finish: Finish,
}

#[cube(launch_unchecked)]
fn convolve<NA: Size, NB: Size, NY: Size>(
    a: &[Vector<f32, NA>],
    b: ComptimeOption<&[Vector<f32, NB>]>,
    weights: &[Four],
    bias: ComptimeOption<&[f32]>,
    residual: ComptimeOption<&[Vector<f32, NY>]>,
    output: &mut [Vector<f32, NY>],
    view_a: View,
    view_b: View,
    view_residual: View,
    view_output: View,
    slopes: Slopes,
    sizes: Sizes,
    #[comptime] recipe: Recipe,
) {
    let g = comptime![recipe.geometry];
    let t = comptime![recipe.tiling];
    let threads = comptime![t.threads() as u32];
    let window_w = comptime![g.window(1, t.tile[1]) as u32];
    let window = comptime![(g.window(0, t.tile[0]) * g.window(1, t.tile[1])) as u32];
    let (taps_h, taps_w) = comptime![(g.taps(0) as u32, g.taps(1) as u32)];
    let taps = comptime![taps_h * taps_w];
    let pitch = comptime![t.pitch() as u32];
    let stride = comptime![g.stride as u32];
    let dilation = comptime![g.dilation as u32];
    let step = comptime![if g.transposed { 1u32 } else { stride }];
    let reused = comptime![step == 1 && g.dilation == 1];

    let mut pixels = Shared::<[Four]>::new_slice(comptime![t.inputs(&g)]);
    let mut filters = Shared::<[Four]>::new_slice(comptime![t.weights(&g) * t.pitch()]);

    // Which part of the output this is.
    let group = UNIT_POS % comptime![(t.block / t.vectors) as u32];
    let place = UNIT_POS / comptime![(t.block / t.vectors) as u32];
    let across = comptime![(t.tile[1] / t.pixels) as u32];
    let row = place / across;
    let column = (place % across) * comptime![t.pixels as u32];
    let block = CUBE_POS_Z % sizes.blocks;
    let rest = CUBE_POS_Z / sizes.blocks;
    let phases = comptime![g.phases() as u32];
    let phase = rest % comptime![phases * phases];
    let phase_w = rest % phases;
    let phase_h = (rest / phases) % phases;
    let image = rest / comptime![phases * phases];
    let top = CUBE_POS_Y * comptime![t.tile[0] as u32];
    let left = CUBE_POS_X * comptime![t.tile[1] as u32];

    // Where the taps of this phase begin in the window.
    let padding_h = comptime![g.padding[0] as u32];
    let padding_w = comptime![g.padding[1] as u32];
    let from_h = (phase_h + padding_h) / stride - comptime![(g.padding[0] / g.stride) as u32]
        + comptime![g.reach(0) as u32];
    let from_w = (phase_w + padding_w) / stride - comptime![(g.padding[1] / g.stride) as u32]
        + comptime![g.reach(1) as u32];

    let mut sums = Array::<Four>::new(comptime![t.pixels * t.vectors]);
    #[unroll]
    for i in 0..comptime![t.pixels * t.vectors] {
        sums[i] = Four::new(0.0);
    }

    let fours_a = view_a.channels.div_ceil(4);
    let mut fours = fours_a;
    if comptime![b.is_some()] {
        fours += view_b.channels.div_ceil(4);
    }
    let depth = comptime![t.depth as u32];
    let piece = comptime![4 * depth * taps * t.block as u32];
    let pieces = (block * comptime![phases * phases] + phase) * sizes.parts;
    for part in 0..sizes.parts {
        // Inputs.
        for i in range_stepped(UNIT_POS, comptime![window * depth], threads) {
            let four = part * depth + i % depth;
            let at = i / depth;
            let y = top * step + at / window_w + comptime![g.origin(0) as u32];
            let x = left * step + at % window_w + comptime![g.origin(1) as u32];
            // What lies above or to the left of the image is a very large number.
            let inside = y < sizes.height && x < sizes.width && four < fours;
            let mut value = load(a, &view_a, image, y, x, 4 * four, inside && four < fours_a);
            #[comptime]
            if let ComptimeOption::Some(b) = b {
                value += load(b, &view_b, image, y, x, 4 * (four - fours_a), inside && four >= fours_a);
            }
            pixels[((i % depth) * window + at) as usize] = value;
        }
        let from = (pieces + part) * piece;
        for i in range_stepped(UNIT_POS, piece, threads) {
            let (of, four) = (i / comptime![t.block as u32], i % comptime![t.block as u32]);
            filters[(of * pitch + four) as usize] = weights[(from + i) as usize];
        }
        sync_cube();

        for d in 0..depth {
            for tap_h in 0..taps_h {
                let mut y = tap_h * dilation;
                if comptime![g.transposed] {
                    y = from_h - y;
                }
                let line = d * window + (row * step + y) * window_w + column * step;
                let filter = (d * 4 * taps + tap_h * taps_w) * pitch + group * comptime![t.vectors as u32];
                if comptime![reused] {
                    // Taps beside each other see the same pixels but for one.
                    let mut left = line;
                    if comptime![g.transposed] {
                        left = line + from_w - comptime![taps_w - 1];
                    }
                    let seen = see(&pixels, left, 1u32, comptime![t.pixels + g.taps(1) - 1]);
                    #[unroll]
                    for tap in 0..comptime![g.taps(1)] {
                        let first = comptime![if g.transposed { g.taps(1) - 1 - tap } else { tap }];
                        add_products(
                            &mut sums,
                            &seen,
                            first,
                            &filters,
                            filter + tap as u32 * pitch,
                            taps * pitch,
                            t,
                        );
                    }
                } else {
                    for tap in 0..taps_w {
                        let mut x = tap * dilation;
                        if comptime![g.transposed] {
                            x = from_w - x;
                        }
                        let seen = see(&pixels, line + x, step, t.pixels);
                        add_products(
                            &mut sums,
                            &seen,
                            0usize,
                            &filters,
                            filter + tap * pitch,
                            taps * pitch,
                            t,
                        );
                    }
                }
            }
        }
        sync_cube();
    }

    let out_row = (top + row) * phases + phase_h;
    #[unroll]
    for i in 0..comptime![t.pixels] {
        let out_column = (left + column + i as u32) * phases + phase_w;
        #[unroll]
        for v in 0..comptime![t.vectors] {
            let k = 4 * (block * comptime![t.block as u32] + group * comptime![t.vectors as u32] + v as u32);
            if out_row < sizes.out_height && out_column < sizes.out_width && k < sizes.out_channels {
                let place = Place { image, row: out_row, column: out_column, channel: k };
                let sums = sums[comptime![i * t.vectors + v]];
                finish(
                    sums,
                    &place,
                    bias,
                    residual,
                    output,
                    &view_residual,
                    &view_output,
                    &slopes,
                    recipe.finish,
                );
            }
        }
    }
}

/// Pixels in workgroup memory, `step` apart.
#[cube]
fn see(pixels: &Shared<[Four]>, first: u32, step: u32, #[comptime] count: usize) -> Sequence<Four> {
    let mut seen = Sequence::<Four>::new();
    #[unroll]
    for i in 0..count {
        seen.push(pixels[(first + i as u32 * step) as usize]);
    }
    seen
}

/// Adds what one tap makes of four input channels of the pixels from `first` on; the weights of an input channel and the
/// next are `step` apart.
#[cube]
fn add_products(
    sums: &mut Array<Four>,
    seen: &Sequence<Four>,
    #[comptime] first: usize,
    filters: &Shared<[Four]>,
    from: u32,
    step: u32,
    #[comptime] tiling: Tiling,
) {
    #[unroll]
    for channel in 0..4usize {
        #[unroll]
        for v in 0..comptime![tiling.vectors] {
            let filter = filters[(from + channel as u32 * step + v as u32) as usize];
            #[unroll]
            for i in 0..comptime![tiling.pixels] {
                let of = comptime![i * tiling.vectors + v];
                let value = *seen.index(comptime![first + i]);
                sums[of] = fma(Four::new(value.extract(channel)), filter, sums[of]);
            }
        }
    }
}

/// Convolves one image batch, or two joined along their channels, and writes `[N, K, H, W]`, channels last in memory.
///
/// # Panics
/// When there are neither one nor two inputs.
pub fn convolve_into(
    client: &Client,
    inputs: &[Features],
    weights: &Packed,
    epilogue: &Epilogue,
    output: &Features,
) {
    let [a, rest @ ..] = inputs else { panic!("a convolution needs an input") };
    let b = match rest {
        [] => None,
        [b] => Some(b),
        _ => panic!("a convolution takes two inputs at most"),
    };
    let [n, k, out_height, out_width] = output.shape;
    let Packed { geometry, tiling, .. } = *weights;
    let (blocks, parts) = (weights.blocks(), weights.fours() / tiling.depth);
    let phases = geometry.phases();
    let tiles = |axis: usize, size: usize| size.div_ceil(phases).div_ceil(tiling.tile[axis]) as u32;
    let cubes =
        CubeCount::Static(tiles(1, out_width), tiles(0, out_height), (n * phases * phases * blocks) as u32);
    let residual = epilogue.residual.as_ref();
    // SAFETY: the views end where their buffers do, and the kernel stays inside of both images.
    unsafe {
        convolve::launch_unchecked(
            client,
            cubes,
            CubeDim::new_1d(tiling.threads() as u32),
            a.vector(),
            b.map_or(1, Features::vector),
            epilogue.vector(output),
            a.buffer(),
            b.map(Features::buffer).into(),
            weights.buffer(),
            epilogue.bias.as_ref().map(|bias| numbers(bias, k)).into(),
            residual.map(Features::buffer).into(),
            output.buffer(),
            a.view(),
            b.unwrap_or(a).view(),
            residual.unwrap_or(output).view(),
            output.view(),
            SlopesLaunch::new(epilogue.slope, epilogue.slope_after),
            SizesLaunch::new(
                a.shape[2] as u32,
                a.shape[3] as u32,
                out_height as u32,
                out_width as u32,
                k as u32,
                blocks as u32,
                parts as u32,
            ),
            Recipe { geometry, tiling, finish: epilogue.finish() },
        );
    }
}
