//! Numbers moved to other places: other memory orders, pixels into channels and back, phases, repeated pixels.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::numbers;

/// Where numbers along one axis of the output come from: index `i` is cut into `i / (outer * inner)`,
/// `i / inner % outer` and `i % inner`, and each of them is worth a number of steps in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Size of the output.
    pub size: usize,
    /// Values of the middle part.
    pub outer: usize,
    /// Values of the last part.
    pub inner: usize,
    /// Steps in the input of the three parts.
    pub steps: [usize; 3],
}

impl Axis {
    /// An axis that is as in the input, where neighbours are `step` apart.
    pub fn plain(size: usize, step: usize) -> Self {
        Self { size, outer: 1, inner: 1, steps: [step, 0, 0] }
    }

    /// `first` for each `parts`th of the indices, `last` between them.
    pub fn split(size: usize, parts: usize, first: usize, last: usize) -> Self {
        Self { size, outer: 1, inner: parts, steps: [first, 0, last] }
    }

    /// Whether neighbours lie beside each other in fours.
    fn in_fours(&self) -> bool {
        self.size.is_multiple_of(4) && self.outer * self.inner == 1 && self.steps[0] == 1
    }

    /// Whether all steps keep fours together.
    fn keeps_fours(&self) -> bool {
        self.steps.iter().all(|step| step.is_multiple_of(4))
    }

    /// The furthest place in the input.
    fn last(&self) -> usize {
        let block = self.outer * self.inner;
        let [a, b, c] = self.steps;
        (self.size - 1) / block * a + (self.outer - 1) * b + (self.inner - 1) * c
    }
}

#[derive(CubeLaunch, CubeType, Clone, Copy)]
struct AxisSteps {
    size: u32,
    outer: u32,
    inner: u32,
    step_a: u32,
    step_b: u32,
    step_c: u32,
}

#[cube]
fn place(index: u32, axis: &AxisSteps) -> u32 {
    let rest = index / axis.inner;
    rest / axis.outer * axis.step_a + rest % axis.outer * axis.step_b + index % axis.inner * axis.step_c
}

#[cube(launch_unchecked)]
fn gather<N: Size>(
    input: &[Vector<f32, N>],
    output: &mut [Vector<f32, N>],
    a: AxisSteps,
    b: AxisSteps,
    c: AxisSteps,
    d: AxisSteps,
) {
    let size = N::value();
    if ABSOLUTE_POS >= (a.size * b.size * c.size * d.size) as usize / size {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32 * size as u32;
    let rest = at / d.size;
    let rest_b = rest / c.size;
    let from = place(rest_b / b.size, &a)
        + place(rest_b % b.size, &b)
        + place(rest % c.size, &c)
        + place(at % d.size, &d);
    output[ABSOLUTE_POS] = input[from as usize / size];
}

/// Threads of a workgroup.
const THREADS: u32 = 256;

/// Workgroups for `count` threads, in two dimensions where one does not reach.
pub(super) fn cubes(count: usize, threads: u32) -> CubeCount {
    const LARGEST: u32 = 65535;
    let groups = count.div_ceil(threads as usize) as u32;
    if groups <= LARGEST {
        return CubeCount::Static(groups, 1, 1);
    }
    CubeCount::Static(LARGEST, groups.div_ceil(LARGEST), 1)
}

/// Writes an output without gaps whose axes, in the order of its memory, take their numbers from `input`, beginning
/// where the handle does.
pub fn gather_into(client: &Client, input: &Handle, output: &Handle, axes: [Axis; 4]) {
    let [a, b, c, d] = axes;
    let fours = d.in_fours() && [a, b, c].iter().all(Axis::keeps_fours);
    let size = if fours { 4 } else { 1 };
    let count: usize = axes.iter().map(|axis| axis.size).product();
    let reach = axes.iter().map(Axis::last).sum::<usize>() + 1;
    let steps = |Axis { size, outer, inner, steps: [a, b, c] }: Axis| {
        let [size, outer, inner, a, b, c] = [size, outer, inner, a, b, c].map(|value| value as u32);
        AxisStepsLaunch::new(size, outer, inner, a, b, c)
    };
    // SAFETY: no axis leads further than `reach`, and the kernel writes `count` numbers.
    unsafe {
        gather::launch_unchecked(
            client,
            cubes(count / size, THREADS),
            CubeDim::new_1d(THREADS),
            size,
            numbers(input, reach),
            numbers(output, count),
            steps(a),
            steps(b),
            steps(c),
            steps(d),
        );
    }
}
