//! Winograd's F(4, 3) along rows: four outputs beside each other from six inputs in each of three rows, by 18 products
//! instead of 36. Rows stay apart, so what lies in a row that an output does not see cannot reach it, not even as
//! rounding: for the shifted convolutions of blind-spot networks.

use crate::convolution::{Finish, Geometry, Weights};
use crate::product::{place_in_panel, product};
use crate::scratch::Scratch;
use crate::simd::{Task, Vector, with_simd};
use crate::view::{View, pitch};
use crate::winograd::{self, CELL, SEEN};

/// Rows of a kernel.
const ROWS: usize = 3;

/// Whether this algorithm computes such a convolution: where [`winograd`] does not for its uneven padding above and below.
pub(crate) fn serves(geometry: &Geometry) -> bool {
    let [_, _, left, right] = geometry.padding;
    winograd::has_shape(geometry) && geometry.dilation == [1, 1] && left == right
}

/// Transformed weights: for each of the 6 points a packed matrix.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    weights: Vec<f32>,
    /// Zeros above and to the left of the input.
    padding: [usize; 2],
    /// The pitches of all inputs.
    depth: usize,
    outputs: usize,
}

impl Packed {
    pub(crate) fn new(geometry: &Geometry, weights: &Weights) -> Self {
        let channels = winograd::channels_of_rows(geometry);
        let (depth, outputs) = (channels.len(), geometry.outputs);
        let step = ROWS * depth * pitch(outputs);
        let mut packed = vec![0.0; SEEN * step];
        with_simd(Transform { weights, channels: &channels, outputs, step, packed: &mut packed });
        let [top, _, left, _] = geometry.padding;
        Self { weights: packed, padding: [top, left], depth, outputs }
    }

    /// # Safety
    /// Inputs and output have the sizes that the geometry says.
    #[inline(always)]
    pub(crate) unsafe fn run<V: Vector>(
        &self,
        inputs: &[View],
        finish: &Finish,
        [height, width]: [usize; 2],
        out: &mut [f32],
    ) {
        let columns = pitch(self.outputs);
        let depth = ROWS * self.depth;
        let strip = winograd::strip(SEEN, depth + columns, V::ROWS);
        let mut seen = Scratch::take(0, SEEN * strip * depth);
        let mut sums = Scratch::take(1, SEEN * strip * columns);
        let across = width.div_ceil(CELL);
        let total = inputs[0].batch * height * across;
        for first in (0..total).step_by(strip) {
            let count = strip.min(total - first);
            let rows = count.next_multiple_of(V::ROWS);
            // Image, row and first column of a cell.
            let place = |cell: usize| {
                let (line, column) = ((first + cell) / across, (first + cell) % across * CELL);
                [line / height, line % height, column]
            };
            for cell in 0..count {
                unsafe { self.look::<V>(inputs, place(cell), &mut seen, [cell, rows]) };
            }
            for point in 0..SEEN {
                unsafe {
                    let seen = seen.as_ptr().add(point * rows * depth);
                    let weights = self.weights.as_ptr().add(point * depth * columns);
                    let sums = sums.as_mut_ptr().add(point * rows * columns);
                    product::<V>(seen, weights, sums, [rows, depth, columns]);
                }
            }
            for cell in 0..count {
                let [n, y, x] = place(cell);
                let at = (n * height + y) * width + x;
                let sums = &sums[cell * columns..];
                unsafe { self.write::<V>(sums, rows * columns, finish, [at, width - x], out) };
            }
        }
    }

    /// Writes B^T d of each of three rows that a cell sees into `seen[point][cell][row][channel]`.
    #[inline(always)]
    unsafe fn look<V: Vector>(
        &self,
        inputs: &[View],
        [n, y, x]: [usize; 3],
        seen: &mut [f32],
        [cell, rows]: [usize; 2],
    ) {
        let step = rows * ROWS * self.depth;
        let x = x as isize - self.padding[1] as isize;
        for row in 0..ROWS {
            let y = (y + row) as isize - self.padding[0] as isize;
            let mut to = unsafe { seen.as_mut_ptr().add((cell * ROWS + row) * self.depth) };
            for input in inputs {
                let there = (0..input.height as isize).contains(&y);
                let width = input.width as isize;
                let inside = there && x >= 0 && x + (SEEN as isize) <= width;
                let pitch = input.pitch() as isize;
                let image = unsafe { input.data.as_ptr().add(n * input.image()) };
                let at = image.wrapping_offset((y * width + x) * pitch);
                for c in (0..input.pitch()).step_by(V::LANES) {
                    unsafe {
                        let mut line = [V::splat(0.0); SEEN];
                        for (j, value) in line.iter_mut().enumerate() {
                            let j = j as isize;
                            if inside || (there && x + j >= 0 && x + j < width) {
                                *value = V::load(at.wrapping_offset(j * pitch + c as isize));
                            }
                        }
                        for (point, value) in winograd::transform_line(line).into_iter().enumerate() {
                            value.store(to.add(point * step));
                        }
                        to = to.add(V::LANES);
                    }
                }
            }
        }
    }

    /// Writes A^T m of a cell's sums into the output from pixel `at` on, at most `left` pixels.
    #[inline(always)]
    unsafe fn write<V: Vector>(
        &self,
        sums: &[f32],
        step: usize,
        finish: &Finish,
        [at, left]: [usize; 2],
        out: &mut [f32],
    ) {
        let pitch = pitch(self.outputs);
        for c in (0..pitch).step_by(V::LANES) {
            unsafe {
                let from = sums.as_ptr().add(c);
                let mut line = [V::splat(0.0); SEEN];
                for (point, value) in line.iter_mut().enumerate() {
                    *value = V::load(from.add(point * step));
                }
                for (j, value) in winograd::output_line(line).into_iter().enumerate().take(left) {
                    let at = (at + j) * pitch + c;
                    finish.write(value, c, at, out);
                }
            }
        }
    }
}

/// Writes w G^T of the rows of all kernels into the matrices of [`Packed`].
struct Transform<'a> {
    weights: &'a Weights<'a>,
    channels: &'a [Option<usize>],
    outputs: usize,
    /// Floats from the matrix of one point to the next.
    step: usize,
    packed: &'a mut [f32],
}

impl Task for Transform<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { weights, channels, outputs, step, packed } = self;
        let depth = channels.len();
        let write = |output: usize, row: usize, taps: [V; 9]| {
            for (ky, &taps) in taps.as_chunks::<3>().0.iter().enumerate() {
                let place =
                    place_in_panel(V::LANES, [ROWS * depth, pitch(outputs)], ky * depth + row, output);
                let points = packed[place..].as_mut_ptr();
                for (point, value) in unsafe { winograd::kernel_line(taps) }.into_iter().enumerate() {
                    unsafe { value.store(points.add(point * step)) };
                }
            }
        };
        unsafe { winograd::for_each_taps::<V>(weights, channels, outputs, write) };
    }
}
