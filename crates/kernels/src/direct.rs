//! Convolutions of any geometry as products whose left operand is fetched by pointers: one for each tap and pixel.

use crate::convolution::{Finish, Geometry, Weights};
use crate::product::pack;
use crate::simd::{Vector, lanes};
use crate::view::{View, pitch};

/// Weights, for each phase of the output.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    phases: Vec<Phase>,
    groups: usize,
    outputs: usize,
}

/// Output pixels that the same taps lead to: all of them in a plain convolution; in a transposed one of stride 2, a
/// quarter.
#[derive(Clone, Debug)]
struct Phase {
    /// The first output row and column.
    first: [usize; 2],
    /// From one output pixel to the next.
    step: [usize; 2],
    /// How many input pixels that is.
    scale: [usize; 2],
    /// Where each tap looks, from the input pixel that belongs to the output pixel.
    taps: Vec<[isize; 2]>,
    /// For each group a packed matrix: a row for each tap, input and channel; a column for each output channel.
    weights: Vec<Vec<f32>>,
}

impl Packed {
    pub(crate) fn new(geometry: &Geometry, weights: &Weights) -> Self {
        let steps = if geometry.transposed { geometry.stride } else { [1, 1] };
        let phases = (0..steps[0]).flat_map(|y| (0..steps[1]).map(move |x| [y, x]));
        let phases = phases.map(|first| Phase::new(geometry, weights, first)).collect();
        Self { phases, groups: geometry.groups, outputs: geometry.outputs }
    }

    /// # Safety
    /// Inputs and output have the sizes that the geometry says.
    #[inline(always)]
    pub(crate) unsafe fn run<V: Vector>(
        &self,
        inputs: &[View],
        finish: &Finish,
        size: [usize; 2],
        out: &mut [f32],
    ) {
        unsafe {
            match V::ROWS {
                12 => self.run_rows::<V, 12>(inputs, finish, size, out),
                8 => self.run_rows::<V, 8>(inputs, finish, size, out),
                6 => self.run_rows::<V, 6>(inputs, finish, size, out),
                _ => self.run_rows::<V, 4>(inputs, finish, size, out),
            }
        }
    }

    #[inline(always)]
    unsafe fn run_rows<V: Vector, const R: usize>(
        &self,
        inputs: &[View],
        finish: &Finish,
        size: [usize; 2],
        out: &mut [f32],
    ) {
        let zeros = vec![0.0; inputs.iter().map(View::pitch).max().unwrap_or(0)];
        let per_group: Vec<usize> = inputs.iter().map(|x| x.channels / self.groups).collect();
        for phase in &self.phases {
            let mut pointers = vec![[zeros.as_ptr(); R]; phase.taps.len() * inputs.len()];
            let counts = [0, 1].map(|i| size[i].saturating_sub(phase.first[i]).div_ceil(phase.step[i]));
            for (n, qy) in (0..inputs[0].batch).flat_map(|n| (0..counts[0]).map(move |qy| (n, qy))) {
                let oy = phase.first[0] + qy * phase.step[0];
                for qx in (0..counts[1]).step_by(R) {
                    let valid = R.min(counts[1] - qx);
                    phase.fetch(inputs, &zeros, n, [qy, qx], valid, &mut pointers);
                    let pixel = |r: usize| {
                        let ox = phase.first[1] + (qx + r) * phase.step[1];
                        ((n * size[0] + oy) * size[1] + ox) * pitch(self.outputs)
                    };
                    let at: [usize; R] = std::array::from_fn(|r| pixel(r.min(valid - 1)));
                    for group in 0..self.groups {
                        let weights = &phase.weights[group];
                        let task =
                            Block { group, valid, at, pointers: &pointers, per_group: &per_group, weights };
                        unsafe { self.block::<V, R>(&task, finish, out) };
                    }
                    for at in &at[..valid] {
                        out[at + self.outputs..at + pitch(self.outputs)].fill(0.0);
                    }
                }
            }
        }
    }

    /// Some pixels, all output channels of a group.
    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize>(&self, task: &Block<R>, finish: &Finish, out: &mut [f32]) {
        let outputs = self.outputs / self.groups;
        let first = task.group * outputs;
        // Groups begin at any channel, and may not write into the next one.
        let writable = if self.groups == 1 { pitch(outputs) } else { outputs };
        let columns = outputs.next_multiple_of(V::LANES);
        let depth = task.weights.len() / columns;
        for j in (0..columns).step_by(2 * V::LANES) {
            unsafe {
                let panel = task.weights.as_ptr().add(j * depth);
                if j + V::LANES == columns {
                    task.finish(&task.sums::<V, 1>(panel), [first + j, writable - j], finish, out);
                } else {
                    task.finish(&task.sums::<V, 2>(panel), [first + j, writable - j], finish, out);
                }
            }
        }
    }
}

/// What [`Packed::block`] computes.
struct Block<'a, const R: usize> {
    group: usize,
    /// How many of the pixels are wanted.
    valid: usize,
    /// Where the pixels lie in the output.
    at: [usize; R],
    /// For each tap and input, where its channels lie for each pixel.
    pointers: &'a [[*const f32; R]],
    /// Channels of a group, of each input.
    per_group: &'a [usize],
    weights: &'a [f32],
}

impl<const R: usize> Block<'_, R> {
    /// The sums of a panel's `N` vectors of output channels, of all pixels.
    #[inline(always)]
    unsafe fn sums<V: Vector, const N: usize>(&self, mut panel: *const f32) -> [[V; N]; R] {
        unsafe {
            let mut sums = [[V::splat(0.0); N]; R];
            let inputs = self.per_group.len();
            for (i, pointers) in self.pointers.iter().enumerate() {
                let channels = self.per_group[if inputs == 1 { 0 } else { i % inputs }];
                let pointers = pointers.map(|pointer| pointer.add(self.group * channels));
                for c in 0..channels {
                    let mut weights = [V::splat(0.0); N];
                    for (i, weights) in weights.iter_mut().enumerate() {
                        *weights = V::load(panel.add(i * V::LANES));
                    }
                    panel = panel.add(N * V::LANES);
                    for r in 0..R {
                        let x = V::splat(*pointers[r].add(c));
                        for (sum, weights) in sums[r].iter_mut().zip(weights) {
                            *sum = x.mul_add(weights, *sum);
                        }
                    }
                }
            }
            // A copy: what is indexed by a variable later does not stay in registers above.
            let mut all = [[V::splat(0.0); N]; R];
            for (all, sums) in all.iter_mut().zip(sums) {
                *all = sums;
            }
            all
        }
    }

    /// Writes the sums of the channels from `channel` on, of which `writable` may be written.
    #[inline(always)]
    unsafe fn finish<V: Vector, const N: usize>(
        &self,
        sums: &[[V; N]; R],
        [channel, writable]: [usize; 2],
        finish: &Finish,
        out: &mut [f32],
    ) {
        let pixels = self.at.iter().map(|at| at + channel).zip(sums).take(self.valid);
        // Two loops: one that asks for each vector takes a tenth more of the whole convolution's time.
        if N * V::LANES <= writable {
            for (at, sums) in pixels {
                for (i, &sum) in sums.iter().enumerate() {
                    unsafe { finish.write(sum, channel + i * V::LANES, at + i * V::LANES, out) };
                }
            }
            return;
        }
        for (at, sums) in pixels {
            for (first, &sum) in (0..).step_by(V::LANES).zip(sums) {
                if first + V::LANES <= writable {
                    unsafe { finish.write(sum, channel + first, at + first, out) };
                } else if first < writable {
                    let rest = &mut out[at + first..at + writable];
                    finish.write_in_part(sum, channel + first, at + first, rest);
                }
            }
        }
    }
}

impl Phase {
    fn new(geometry: &Geometry, weights: &Weights, first: [usize; 2]) -> Self {
        let Geometry { transposed, stride, padding, dilation, groups, outputs, .. } = *geometry;
        // Which input row (or column) a tap looks at, if any.
        let shift = |tap: usize, axis: usize| {
            let at = (tap * dilation[axis]) as isize - padding[2 * axis] as isize;
            if !transposed {
                return Some(at);
            }
            let (back, step) = (first[axis] as isize - at, stride[axis] as isize);
            (back.rem_euclid(step) == 0).then(|| back.div_euclid(step))
        };
        let all = (0..geometry.kernel[0]).flat_map(|y| (0..geometry.kernel[1]).map(move |x| [y, x]));
        let taps: Vec<([usize; 2], [isize; 2])> =
            all.filter_map(|tap| Some((tap, [shift(tap[0], 0)?, shift(tap[1], 1)?]))).collect();
        let (inputs, group_outputs) = (geometry.channels() / groups, outputs / groups);
        let group = |g: usize| {
            pack(taps.len() * inputs, group_outputs, lanes(), |row, column| {
                weights.at(g * group_outputs + column, row % inputs, taps[row / inputs].0)
            })
        };
        Self {
            first,
            step: if transposed { stride } else { [1, 1] },
            scale: if transposed { [1, 1] } else { stride },
            weights: (0..groups).map(group).collect(),
            taps: taps.into_iter().map(|(_, shift)| shift).collect(),
        }
    }

    /// Points at what each tap sees of each input, for the pixels from (qy, qx) on.
    #[inline(always)]
    fn fetch<const R: usize>(
        &self,
        inputs: &[View],
        zeros: &[f32],
        n: usize,
        [qy, qx]: [usize; 2],
        valid: usize,
        pointers: &mut [[*const f32; R]],
    ) {
        for (tap, pointers) in self.taps.iter().zip(pointers.chunks_exact_mut(inputs.len())) {
            let y = (qy * self.scale[0]) as isize + tap[0];
            for (x, pointers) in inputs.iter().zip(pointers) {
                let inside = (0..x.height as isize).contains(&y);
                for (r, pointer) in pointers.iter_mut().enumerate() {
                    let column = ((qx + r.min(valid - 1)) * self.scale[1]) as isize + tap[1];
                    *pointer = if inside && (0..x.width as isize).contains(&column) {
                        let at = (n * x.height + y as usize) * x.width + column as usize;
                        x.data[at * x.pitch()..].as_ptr()
                    } else {
                        zeros.as_ptr()
                    };
                }
            }
        }
    }
}
