//! Winograd's F(4x4, 3x3): cells of 4x4 outputs from 6x6 inputs by 36 products instead of 144.
//!
//! A strip of cells is transformed, multiplied and transformed back while it stays in the cache next to the core. Cells
//! lie on a grid from the output's first pixel, so an output pixel has the same bits in any window that begins a multiple
//! of four pixels away. Where taps are several pixels apart, cells are made of pixels as far apart: those of different
//! phases never meet.

use crate::convolution::{Finish, Geometry, Weights};
use crate::product::{place_in_panel, product};
use crate::scratch::Scratch;
use crate::simd::{Task, Vector, with_simd};
use crate::view::{View, pitch};

/// Outputs of a cell on a side.
pub(crate) const CELL: usize = 4;
/// Inputs of a cell on a side.
pub(crate) const SEEN: usize = 6;
/// Products of a cell.
pub(crate) const POINTS: usize = SEEN * SEEN;

/// Whether this algorithm computes such a convolution, and well.
///
/// Not where the padding is uneven: what a cell sees and an output pixel does not see cancels only up to rounding, and
/// the shifted convolutions of blind-spot networks must not see the pixel itself at all.
pub(crate) fn serves(geometry: &Geometry) -> bool {
    let [top, bottom, left, right] = geometry.padding;
    has_shape(geometry) && top == bottom && left == right
}

/// Whether a convolution is 3x3, of stride 1, and has so many channels that transforming them pays.
pub(crate) fn has_shape(geometry: &Geometry) -> bool {
    let Geometry { transposed, kernel, stride, dilation, groups, outputs, .. } = *geometry;
    let shape =
        !transposed && kernel == [3, 3] && stride == [1, 1] && dilation[0] == dilation[1] && groups == 1;
    shape && geometry.channels() >= 8 && outputs >= 8
}

/// Transformed weights: for each of the 36 points a packed matrix.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    weights: Vec<f32>,
    /// Floats from the matrix of one point to the next.
    step: usize,
    padding: [usize; 4],
    dilation: usize,
    /// Rows of the matrices: the pitches of all inputs.
    depth: usize,
    outputs: usize,
}

/// Cells that are transformed at once, with `floats` for each of their `points`: what they need stays in 256 kB.
pub(crate) fn strip(points: usize, floats: usize, rows: usize) -> usize {
    let fitting = (64 * 1024) / (points * floats);
    fitting.clamp(12, 48).next_multiple_of(rows)
}

/// Floats from the matrix of one point to the next, for matrices of so many floats. What a cell writes for all points at once
/// must not fall on the same few lines of the cache, as it does where matrices are powers of two apart.
pub(crate) const fn apart(floats: usize) -> usize {
    floats + 16
}

/// The channel that each row of the packed matrices stands for: none where a pitch is filled up.
pub(crate) fn channels_of_rows(geometry: &Geometry) -> Vec<Option<usize>> {
    let mut channels = Vec::new();
    for &count in &geometry.inputs {
        let before = channels.iter().flatten().count();
        channels.extend((0..pitch(count)).map(|c| (c < count).then_some(before + c)));
    }
    channels
}

impl Packed {
    pub(crate) fn new(geometry: &Geometry, weights: &Weights) -> Self {
        let channels = channels_of_rows(geometry);
        let (depth, outputs) = (channels.len(), geometry.outputs);
        let step = apart(depth * pitch(outputs));
        let mut packed = vec![0.0; POINTS * step];
        with_simd(Transform { weights, channels: &channels, outputs, step, packed: &mut packed });
        let Geometry { padding, dilation: [dilation, _], .. } = *geometry;
        Self { weights: packed, step, padding, dilation, depth, outputs }
    }

    /// Some rows of the output of one input: `above` rows of the input lie above the one at the place of the first. Their number
    /// counts from a multiple of four, or the bits are others than those of the whole.
    pub(crate) fn run_rows(
        &self,
        input: View,
        finish: &Finish,
        above: usize,
        size: [usize; 2],
        out: &mut [f32],
    ) {
        with_simd(Rows { packed: self, input, finish, above, size, out });
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
        unsafe { self.run_grid::<V>(inputs, finish, &self.grid(size), out) };
    }

    fn grid(&self, size: [usize; 2]) -> Grid {
        let padding = [self.padding[0] as isize, self.padding[2] as isize];
        Grid { size, padding, dilation: self.dilation }
    }

    #[inline(always)]
    unsafe fn run_grid<V: Vector>(&self, inputs: &[View], finish: &Finish, grid: &Grid, out: &mut [f32]) {
        let columns = pitch(self.outputs);
        let strip = strip(POINTS, self.depth + columns, V::ROWS);
        let [step_seen, step_sums] = [self.depth, columns].map(|width| apart(strip * width));
        let mut seen = Scratch::take(0, POINTS * step_seen);
        let mut sums = Scratch::take(1, POINTS * step_sums);
        // A strip goes on in the next image: of small ones, as those of a batch are, the weights are not read for each.
        let total = inputs[0].batch * grid.cells();
        for first in (0..total).step_by(strip) {
            let count = strip.min(total - first);
            let rows = count.next_multiple_of(V::ROWS);
            for cell in 0..count {
                let place = grid.place(first + cell);
                unsafe { grid.look::<V>(inputs, place, &mut seen[cell * self.depth..], step_seen) };
            }
            for point in 0..POINTS {
                unsafe {
                    let seen = seen.as_ptr().add(point * step_seen);
                    let weights = self.weights.as_ptr().add(point * self.step);
                    let sums = sums.as_mut_ptr().add(point * step_sums);
                    product::<V>(seen, weights, sums, [rows, self.depth, columns]);
                }
            }
            for cell in 0..count {
                let (sums, place) = (&sums[cell * columns..], grid.place(first + cell));
                unsafe { grid.write::<V>(sums, step_sums, finish, place, self.outputs, out) };
            }
        }
    }
}

/// What [`Packed::run_rows`] computes.
struct Rows<'a> {
    packed: &'a Packed,
    input: View<'a>,
    finish: &'a Finish<'a>,
    above: usize,
    size: [usize; 2],
    out: &'a mut [f32],
}

impl Task for Rows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { packed, input, finish, above, size, out } = self;
        let mut grid = packed.grid(size);
        grid.padding[0] -= above as isize;
        unsafe { packed.run_grid::<V>(&[input], finish, &grid, out) };
    }
}

/// Writes G w G^T of all kernels into the matrices of [`Packed`].
struct Transform<'a> {
    weights: &'a Weights<'a>,
    channels: &'a [Option<usize>],
    outputs: usize,
    step: usize,
    packed: &'a mut [f32],
}

impl Task for Transform<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { weights, channels, outputs, step, packed } = self;
        let size = [channels.len(), pitch(outputs)];
        let write = |output: usize, row: usize, taps: [V; 9]| unsafe {
            let points = packed[place_in_panel(V::LANES, size, row, output)..].as_mut_ptr();
            let left = kernel_line([taps[0], taps[3], taps[6]]);
            let middle = kernel_line([taps[1], taps[4], taps[7]]);
            let right = kernel_line([taps[2], taps[5], taps[8]]);
            for i in 0..SEEN {
                for (j, value) in kernel_line([left[i], middle[i], right[i]]).into_iter().enumerate() {
                    value.store(points.add((i * SEEN + j) * step));
                }
            }
        };
        unsafe { for_each_taps::<V>(weights, channels, outputs, write) };
    }
}

/// Calls `f` with a vector's first output, a row of [`channels_of_rows`] and the taps between the two, for all that there are.
#[inline(always)]
pub(crate) unsafe fn for_each_taps<V: Vector>(
    weights: &Weights,
    channels: &[Option<usize>],
    outputs: usize,
    mut f: impl FnMut(usize, usize, [V; 9]),
) {
    for output in (0..outputs).step_by(V::LANES) {
        for (row, channel) in channels.iter().enumerate() {
            if let Some(channel) = *channel {
                f(output, row, unsafe { weights.taps::<V>(output, channel) });
            }
        }
    }
}

/// G of three weights, for the points 0, 1, -1, 2, -2 and infinity.
#[inline(always)]
pub(crate) unsafe fn kernel_line<V: Vector>(w: [V; 3]) -> [V; SEEN] {
    unsafe {
        let ends = w[0].add(w[2]).mul(V::splat(-1.0 / 6.0));
        let near = w[1].mul(V::splat(1.0 / 6.0));
        let far = w[0].mul(V::splat(1.0 / 24.0)).add(w[2].mul(V::splat(1.0 / 6.0)));
        let half = w[1].mul(V::splat(1.0 / 12.0));
        [w[0].mul(V::splat(0.25)), ends.sub(near), ends.add(near), far.add(half), far.sub(half), w[2]]
    }
}

/// G^T u G of one transformed kernel, whose points lie `step` floats apart: the adjoint of what is done to weights, for
/// gradients.
///
/// # Safety
/// All points are there.
#[inline(always)]
pub(crate) unsafe fn transform_back_kernel<V: Vector>(points: *const f32, step: usize) -> [V; 9] {
    unsafe {
        let mut taps = [V::splat(0.0); 9];
        let square = transform::<V, _, KernelBack, SEEN, 3>(&Points { first: points, step });
        for (taps, row) in taps.chunks_exact_mut(3).zip(square) {
            taps.copy_from_slice(&row);
        }
        taps
    }
}

/// G^T of six values.
#[inline(always)]
unsafe fn kernel_line_back<V: Vector>(u: [V; SEEN]) -> [V; 3] {
    unsafe {
        let near = u[1].add(u[2]).mul(V::splat(-1.0 / 6.0));
        let far = u[3].add(u[4]);
        [
            u[0].mul_add(V::splat(0.25), far.mul_add(V::splat(1.0 / 24.0), near)),
            u[2].sub(u[1]).mul_add(V::splat(1.0 / 6.0), u[3].sub(u[4]).mul(V::splat(1.0 / 12.0))),
            far.mul_add(V::splat(1.0 / 6.0), near.add(u[5])),
        ]
    }
}

/// The cells of an output.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    /// Rows and columns of the output.
    pub(crate) size: [usize; 2],
    /// Zeros above and to the left of the input; less than none where it begins above and to the left of the output.
    pub(crate) padding: [isize; 2],
    /// Rows and columns from one pixel of a cell to the next.
    pub(crate) dilation: usize,
}

impl Grid {
    /// Cells of all phases; some are beyond the output where it is no multiple of the dilation.
    pub(crate) fn cells(&self) -> usize {
        let [down, across] = self.of_phase();
        self.dilation * self.dilation * down * across
    }

    /// The image that a cell of a batch is in, and its number there.
    #[inline(always)]
    pub(crate) fn place(&self, cell: usize) -> (usize, usize) {
        (cell / self.cells(), cell % self.cells())
    }

    /// Rows and columns of cells of a phase.
    fn of_phase(&self) -> [usize; 2] {
        self.size.map(|size| size.div_ceil(self.dilation).div_ceil(CELL))
    }

    /// First output row and column of a cell.
    #[inline(always)]
    fn corner(&self, cell: usize) -> [usize; 2] {
        let [down, across] = self.of_phase();
        let (phase, cell) = (cell / (down * across), cell % (down * across));
        let step = CELL * self.dilation;
        [phase / self.dilation + cell / across * step, phase % self.dilation + cell % across * step]
    }

    /// Writes B^T d B of what a cell sees into `seen[point][channel]`, points lying `step` floats apart.
    ///
    /// # Safety
    /// `seen` holds all points and channels.
    #[inline(always)]
    pub(crate) unsafe fn look<V: Vector>(
        &self,
        inputs: &[View],
        (n, index): (usize, usize),
        seen: &mut [f32],
        step: usize,
    ) {
        let corner = self.corner(index);
        let [y, x] = [0, 1].map(|i| corner[i] as isize - self.padding[i]);
        let mut to = seen.as_mut_ptr();
        let tap = self.dilation as isize;
        let reach = (SEEN as isize - 1) * tap;
        for input in inputs {
            let (height, width) = (input.height as isize, input.width as isize);
            let inside = y >= 0 && x >= 0 && y + reach < height && x + reach < width;
            let image = unsafe { input.data.as_ptr().add(n * input.image()) };
            let (pitch, line) = (input.pitch() as isize, (input.width * input.pitch()) as isize);
            for c in (0..input.pitch()).step_by(V::LANES) {
                unsafe {
                    let first = image.offset(y * line + x * pitch + c as isize);
                    let pixels = Pixels { first, steps: [line * tap, pitch * tap] };
                    let cell = if inside {
                        transform::<V, _, Input, SEEN, SEEN>(&pixels)
                    } else {
                        let within = Within { pixels, corner: [y, x], tap, size: [height, width] };
                        transform::<V, _, Input, SEEN, SEEN>(&within)
                    };
                    for (point, value) in cell.iter().flatten().enumerate() {
                        value.store(to.add(point * step));
                    }
                    to = to.add(V::LANES);
                }
            }
        }
    }

    /// Writes A^T m A of a cell's sums into the output, `m` lying `step` floats from one point to the next.
    ///
    /// # Safety
    /// The sums hold all points and channels; the output is of the grid's size.
    #[inline(always)]
    unsafe fn write<V: Vector>(
        &self,
        sums: &[f32],
        step: usize,
        finish: &Finish,
        (n, index): (usize, usize),
        outputs: usize,
        out: &mut [f32],
    ) {
        let [y, x] = self.corner(index);
        let [height, width] = self.size;
        let within = |at: usize, size: usize| size.saturating_sub(at).div_ceil(self.dilation).min(CELL);
        let (rows, across) = (within(y, height), within(x, width));
        let (pitch, whole) = (pitch(outputs), [rows, across] == [CELL; 2]);
        let first = ((n * height + y) * width + x) * pitch;
        let (down, right) = (self.dilation * width * pitch, self.dilation * pitch);
        for c in (0..pitch).step_by(V::LANES) {
            unsafe {
                let points = Points { first: sums.as_ptr().add(c), step };
                let cell = transform::<V, _, Output, SEEN, CELL>(&points);
                let at = |i: usize, j: usize| first + i * down + j * right + c;
                if whole {
                    // Loops of a known length are unrolled.
                    for (i, row) in cell.iter().enumerate() {
                        for (j, &value) in row.iter().enumerate() {
                            finish.write(value, c, at(i, j), out);
                        }
                    }
                } else {
                    for (i, row) in cell.iter().enumerate().take(rows) {
                        for (j, &value) in row.iter().enumerate().take(across) {
                            finish.write(value, c, at(i, j), out);
                        }
                    }
                }
            }
        }
    }

    /// Writes A g A^T of a gradient of the output into `seen[point][channel]`, points lying `step` floats apart: the adjoint of
    /// what is done to sums.
    ///
    /// # Safety
    /// `seen` holds all points and channels.
    #[inline(always)]
    pub(crate) unsafe fn look_at_gradient<V: Vector>(
        &self,
        gradient: View,
        (n, index): (usize, usize),
        seen: &mut [f32],
        step: usize,
    ) {
        let [y, x] = self.corner(index).map(|at| at as isize);
        let [height, width] = self.size.map(|size| size as isize);
        let (depth, tap) = (gradient.pitch() as isize, self.dilation as isize);
        let image = unsafe { gradient.data.as_ptr().add(n * gradient.image()) };
        for c in (0..gradient.pitch()).step_by(V::LANES) {
            unsafe {
                let first = image.offset((y * width + x) * depth + c as isize);
                let pixels = Pixels { first, steps: [width * depth * tap, depth * tap] };
                let within = Within { pixels, corner: [y, x], tap, size: [height, width] };
                let cell_values = transform::<V, _, Gradient, CELL, SEEN>(&within);
                let to = seen.as_mut_ptr().add(c);
                for (point, value) in cell_values.iter().flatten().enumerate() {
                    value.store(to.add(point * step));
                }
            }
        }
    }
}

/// Where a transform finds its values.
///
/// This and [`Line`] are traits and not closures: a closure is compiled for any processor of its kind, so that where it is not
/// inlined, each operation on a vector within it is a call.
trait Source<V> {
    /// # Safety
    /// There is such a row and column, and the instruction set is there.
    unsafe fn at(&self, row: usize, column: usize) -> V;
}

/// The points of a cell, row by row, so many floats apart.
struct Points {
    first: *const f32,
    step: usize,
}

impl<V: Vector> Source<V> for Points {
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> V {
        unsafe { V::load(self.first.add((row * SEEN + column) * self.step)) }
    }
}

/// The pixels of an image: floats from one row of a cell to the next, and from one column.
#[derive(Clone, Copy)]
struct Pixels {
    first: *const f32,
    steps: [isize; 2],
}

impl<V: Vector> Source<V> for Pixels {
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> V {
        let [down, right] = self.steps;
        unsafe { V::load(self.first.offset(row as isize * down + column as isize * right)) }
    }
}

/// The same where a cell reaches beyond the image: zeros are there.
struct Within {
    pixels: Pixels,
    /// Row and column of the first pixel.
    corner: [isize; 2],
    /// Rows and columns of the image from one pixel to the next.
    tap: isize,
    /// Rows and columns of the image.
    size: [isize; 2],
}

impl<V: Vector> Source<V> for Within {
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> V {
        let [y, x] = self.corner;
        let [height, width] = self.size;
        let (y, x) = (y + row as isize * self.tap, x + column as isize * self.tap);
        let there = y >= 0 && y < height && x >= 0 && x < width;
        unsafe { if there { self.pixels.at(row, column) } else { V::splat(0.0) } }
    }
}

/// What a transform does to a line of values.
trait Line<const IN: usize, const OUT: usize> {
    /// # Safety
    /// The instruction set is there.
    unsafe fn apply<V: Vector>(values: [V; IN]) -> [V; OUT];
}

macro_rules! line {
    ($name:ident, $function:ident, $in:expr, $out:expr) => {
        struct $name;

        impl Line<$in, $out> for $name {
            #[inline(always)]
            unsafe fn apply<V: Vector>(values: [V; $in]) -> [V; $out] {
                unsafe { $function(values) }
            }
        }
    };
}

line!(Input, transform_line, SEEN, SEEN);
line!(Output, output_line, SEEN, CELL);
line!(Gradient, gradient_line, CELL, SEEN);
line!(KernelBack, kernel_line_back, SEEN, 3);

/// A transform of both directions of a cell: columns first, then rows.
///
/// # Safety
/// The source has `IN` rows and columns.
#[inline(always)]
unsafe fn transform<V: Vector, S: Source<V>, L: Line<IN, OUT>, const IN: usize, const OUT: usize>(
    source: &S,
) -> [[V; OUT]; OUT] {
    unsafe {
        let mut half = [[V::splat(0.0); IN]; OUT];
        for column in 0..IN {
            let mut values = [V::splat(0.0); IN];
            for (row, value) in values.iter_mut().enumerate() {
                *value = source.at(row, column);
            }
            for (half, value) in half.iter_mut().zip(L::apply(values)) {
                half[column] = value;
            }
        }
        let mut all = [[V::splat(0.0); OUT]; OUT];
        for (all, half) in all.iter_mut().zip(half) {
            *all = L::apply(half);
        }
        all
    }
}

/// B^T of six values.
#[inline(always)]
pub(crate) unsafe fn transform_line<V: Vector>(d: [V; SEEN]) -> [V; SEEN] {
    unsafe {
        let (four, five, two) = (V::splat(4.0), V::splat(-5.0), V::splat(2.0));
        let minus_four = V::splat(-4.0);
        let even = d[2].mul_add(minus_four, d[4]);
        let odd = d[1].mul_add(minus_four, d[3]);
        let (near, far) = (d[4].sub(d[2]), d[3].sub(d[1]).mul(two));
        [
            d[0].mul_add(four, d[2].mul_add(five, d[4])),
            even.add(odd),
            even.sub(odd),
            near.add(far),
            near.sub(far),
            d[1].mul_add(four, d[3].mul_add(five, d[5])),
        ]
    }
}

/// A^T of six values.
#[inline(always)]
pub(crate) unsafe fn output_line<V: Vector>(m: [V; SEEN]) -> [V; CELL] {
    unsafe {
        let (sum1, difference1) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(sum1.add(sum2)),
            difference2.mul_add(V::splat(2.0), difference1),
            sum2.mul_add(V::splat(4.0), sum1),
            m[5].add(difference2.mul_add(V::splat(8.0), difference1)),
        ]
    }
}

/// A of four values.
#[inline(always)]
unsafe fn gradient_line<V: Vector>(g: [V; CELL]) -> [V; SEEN] {
    unsafe {
        let (even, odd) = (g[0].add(g[2]), g[1].add(g[3]));
        let far_even = g[2].mul_add(V::splat(4.0), g[0]);
        let far_odd = g[3].mul_add(V::splat(8.0), g[1].add(g[1]));
        [g[0], even.add(odd), even.sub(odd), far_even.add(far_odd), far_even.sub(far_odd), g[3]]
    }
}
