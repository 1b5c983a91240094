//! Weights of convolutions, in the order in which workgroups read them.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Four, numbers};
use super::gather::cubes;
use super::{Geometry, Tiling};

/// Weights as networks have them: a buffer and where they lie in it. Those of one pair of channels follow each other
/// row by row.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The buffer.
    pub handle: Handle,
    /// Step to the next output channel, in numbers.
    pub output_step: usize,
    /// Step to the next input channel, in numbers.
    pub input_step: usize,
    /// Numbers in the buffer.
    pub len: usize,
}

/// Weights in the order in which workgroups read them: each reads one piece from its beginning to its end, four output
/// channels at a time. Block of output channels, phase, input channel, tap, four output channels of the block; zero where
/// there is no such channel or tap.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) handle: Handle,
    pub(super) geometry: Geometry,
    pub(super) tiling: Tiling,
    outputs: usize,
    fours: usize,
}

impl Packed {
    /// Packs the weights of a convolution of one input or two, of so many channels each, to `outputs` channels.
    ///
    /// # Panics
    /// When there are neither one nor two inputs.
    pub fn new(
        client: &Client,
        weights: &Weights,
        geometry: Geometry,
        inputs: &[usize],
        outputs: usize,
    ) -> Self {
        let (first, second) = match *inputs {
            [first] => (first, 0),
            [first, second] => (first, second),
            _ => panic!("a convolution takes one input or two"),
        };
        let plane = client.properties().hardware.plane_size_max as usize;
        let tiling = Tiling::choose(&geometry, outputs, plane);
        let fours = (first.div_ceil(4) + second.div_ceil(4)).next_multiple_of(tiling.depth);
        let mut packed = Self { handle: weights.handle.clone(), geometry, tiling, outputs, fours };
        packed.handle = client.empty(16 * packed.len());
        let sizes = [first, second, outputs, fours, weights.output_step, weights.input_step];
        let [first, second, outputs, fours, output_step, input_step] = sizes.map(|size| size as u32);
        // SAFETY: the kernel writes `len` fours, and reads weights that there are.
        unsafe {
            pack::launch_unchecked(
                client,
                cubes(packed.len(), THREADS),
                CubeDim::new_1d(THREADS),
                numbers(&weights.handle, weights.len),
                packed.buffer(),
                SizesLaunch::new(packed.len() as u32, first, second, outputs, fours, output_step, input_step),
                geometry,
                tiling.block,
            );
        }
        packed
    }

    /// Workgroups that share the output channels.
    pub(super) fn blocks(&self) -> usize {
        self.outputs.div_ceil(4 * self.tiling.block)
    }

    /// Fours of input channels, of both inputs, with those that fill the last step up.
    pub(super) fn fours(&self) -> usize {
        self.fours
    }

    /// The weights, for a kernel.
    pub(super) fn buffer(&self) -> BufferArg {
        // SAFETY: that is the size of the buffer.
        unsafe { numbers(&self.handle, self.len()) }
    }

    /// Fours of output channels in the buffer.
    fn len(&self) -> usize {
        let phases = self.geometry.phases() * self.geometry.phases();
        let taps = self.geometry.taps(0) * self.geometry.taps(1);
        self.blocks() * phases * 4 * self.fours * taps * self.tiling.block
    }
}

/// Threads of a workgroup.
const THREADS: u32 = 64;

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct Sizes {
    count: u32,
    first: u32,
    second: u32,
    outputs: u32,
    fours: u32,
    output_step: u32,
    input_step: u32,
}

#[cube(launch_unchecked)]
fn pack(
    weights: &[f32],
    output: &mut [Four],
    sizes: Sizes,
    #[comptime] geometry: Geometry,
    #[comptime] block: usize,
) {
    if ABSOLUTE_POS >= sizes.count as usize {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32;
    let (taps_h, taps_w) = comptime![(geometry.taps(0) as u32, geometry.taps(1) as u32)];
    let phases = comptime![geometry.phases() as u32];
    let stride = comptime![geometry.stride as u32];
    let four = at % comptime![block as u32];
    let rest = at / comptime![block as u32];
    let mut tap_h = rest / taps_w % taps_h;
    let mut tap_w = rest % taps_w;
    let rest = rest / comptime![taps_h * taps_w];
    let channel = rest % (4 * sizes.fours);
    let rest = rest / (4 * sizes.fours);
    let k = 4 * (rest / comptime![phases * phases] * comptime![block as u32] + four);

    let padded = sizes.first.div_ceil(4) * 4;
    let mut input = channel;
    let mut known = channel < sizes.first;
    if channel >= padded {
        input = sizes.first + channel - padded;
        known = channel - padded < sizes.second;
    }
    if comptime![geometry.transposed] {
        let phase = rest % comptime![phases * phases];
        tap_h = (phase / phases + comptime![geometry.padding[0] as u32]) % stride + tap_h * stride;
        tap_w = (phase % phases + comptime![geometry.padding[1] as u32]) % stride + tap_w * stride;
        let inside =
            tap_h < comptime![geometry.kernel[0] as u32] && tap_w < comptime![geometry.kernel[1] as u32];
        known = known && inside;
    }
    let from = input * sizes.input_step + tap_h * comptime![geometry.kernel[1] as u32] + tap_w;
    let mut value = Four::new(0.0);
    if known {
        #[unroll]
        for j in 0..4usize {
            if k + (j as u32) < sizes.outputs {
                value.insert(j, weights[(from + (k + j as u32) * sizes.output_step) as usize]);
            }
        }
    }
    output[ABSOLUTE_POS] = value;
}
