//! A convolution: its geometry, its packed weights, and the choice of an algorithm.

use crate::simd::{Task, Vector, with_simd};
use crate::view::{LANES, View, pitch};
use crate::{depthwise, direct, winograd, winograd_rows};

/// What a convolution is but for its weights. Rows first in all pairs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Whether it is the transpose of a convolution (with stride 2 it doubles both sides).
    pub transposed: bool,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Steps from one output pixel to the next (of the input, where it is transposed).
    pub stride: [usize; 2],
    /// Zeros around the input: top, bottom, left, right. Where it is transposed, what is cut off.
    pub padding: [usize; 4],
    /// Rows and columns that are added at the end; only where it is transposed.
    pub output_padding: [usize; 2],
    /// Steps from one tap to the next.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Channels of each input; they are concatenated in this order.
    pub inputs: Vec<usize>,
    /// Channels of the output.
    pub outputs: usize,
}

impl Geometry {
    /// A plain convolution of stride 1 whose output is as large as its input; `kernel` is odd.
    pub fn same(kernel: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            transposed: false,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 4],
            output_padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            inputs: vec![inputs],
            outputs,
        }
    }

    /// Size of the output for an input of this size.
    ///
    /// # Panics
    /// When the kernel is larger than the input with its padding.
    pub fn output_size(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let one = |size: usize, axis: usize| {
            let reach = self.dilation[axis] * (self.kernel[axis] - 1);
            let padding = self.padding[2 * axis] + self.padding[2 * axis + 1];
            if self.transposed {
                return (size - 1) * self.stride[axis] + reach + 1 + self.output_padding[axis] - padding;
            }
            assert!(size + padding > reach, "the kernel is larger than the input");
            (size + padding - reach - 1) / self.stride[axis] + 1
        };
        [one(height, 0), one(width, 1)]
    }

    /// Input channels in all.
    pub fn channels(&self) -> usize {
        self.inputs.iter().sum()
    }

    /// The convolution that takes a gradient of the output to one of the input of size `[height, width]`. It has the
    /// same weights, turned by the packing, and one input.
    pub fn adjoint(&self, size: [usize; 2]) -> Self {
        let mut adjoint = Self {
            transposed: !self.transposed,
            inputs: vec![self.outputs],
            outputs: self.channels(),
            output_padding: [0; 2],
            ..self.clone()
        };
        if !self.transposed {
            // Rows at the end that the stride stepped over.
            let small = adjoint.output_size(self.output_size(size));
            adjoint.output_padding = [size[0] - small[0], size[1] - small[1]];
        }
        adjoint
    }

    /// Whether every channel is convolved for itself.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1
            && self.groups == self.channels()
            && self.groups == self.outputs
            && self.inputs.len() == 1
            && !self.transposed
    }

    /// A transposed convolution of stride 1 is a convolution with the kernel turned by half and other padding.
    fn straightened(&self) -> Option<Self> {
        let reach = [0, 1].map(|axis| self.dilation[axis] * (self.kernel[axis] - 1));
        let fits = (0..4).all(|i| self.padding[i] <= reach[i / 2]) && self.output_padding == [0; 2];
        (self.transposed && self.stride == [1; 2] && fits).then(|| {
            let padding = std::array::from_fn(|i| reach[i / 2] - self.padding[i]);
            Self { transposed: false, padding, ..self.clone() }
        })
    }
}

/// Weights in the order of PyTorch: `[outputs, inputs / groups, rows, columns]`, where the convolution is transposed
/// `[inputs, outputs / groups, rows, columns]`.
pub(crate) struct Weights<'a> {
    data: &'a [f32],
    geometry: &'a Geometry,
    input_first: bool,
    /// Whether taps are counted from the other end.
    turned: bool,
}

impl Weights<'_> {
    /// The weight from an input channel (of its group) to an output channel at a tap.
    #[inline]
    pub(crate) fn at(&self, output: usize, input: usize, [ky, kx]: [usize; 2]) -> f32 {
        let [h, w] = self.geometry.kernel;
        let [ky, kx] = if self.turned { [h - 1 - ky, w - 1 - kx] } else { [ky, kx] };
        self.data[self.kernel(output, input) * h * w + ky * w + kx]
    }

    /// The number of the kernel from an input channel (of its group) to an output channel.
    #[inline]
    fn kernel(&self, output: usize, input: usize) -> usize {
        let Geometry { groups, outputs, .. } = *self.geometry;
        let (in_group, out_group) = (self.geometry.channels() / groups, outputs / groups);
        if self.input_first {
            (output / out_group * in_group + input) * out_group + output % out_group
        } else {
            output * in_group + input
        }
    }

    /// The taps of the 3x3 kernels from an input channel to a vector of output channels; zeros for those that there are not.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    pub(crate) unsafe fn taps<V: Vector>(&self, output: usize, input: usize) -> [V; 9] {
        let mut lanes = [[0.0; LANES]; 9];
        let kernels = self.data.as_chunks::<9>().0;
        for lane in 0..V::LANES.min(self.geometry.outputs - output) {
            let kernel = kernels[self.kernel(output + lane, input)];
            for tap in 0..9 {
                lanes[tap][lane] = kernel[if self.turned { 8 - tap } else { tap }];
            }
        }
        let mut taps = [unsafe { V::splat(0.0) }; 9];
        for (tap, lanes) in taps.iter_mut().zip(&lanes) {
            *tap = unsafe { V::load(lanes.as_ptr()) };
        }
        taps
    }
}

/// What is done to the sums of a convolution before they are written:
/// `leaky(leaky(sums + bias, slope) + add, slope_after)`.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// One for each output channel.
    pub bias: Option<&'a [f32]>,
    /// Slope for negative values: 1 changes nothing, 0 is ReLU. In `[0, 1]`.
    pub slope: f32,
    /// What is added.
    pub add: Addend<'a>,
    /// The slope after that.
    pub slope_after: f32,
}

/// What is added to the sums of a convolution.
#[derive(Clone, Copy, Debug)]
pub enum Addend<'a> {
    /// Nothing.
    Nothing,
    /// Images of the size of the output.
    Images(View<'a>),
    /// What stands in the output already: each value is read before it is written.
    Output,
}

impl Epilogue<'_> {
    /// Nothing.
    pub const NONE: Self = Self { bias: None, slope: 1.0, add: Addend::Nothing, slope_after: 1.0 };
}

/// A convolution ready to run: its geometry, and its weights in the order in which the kernels read them.
#[derive(Clone, Debug)]
pub struct Convolution {
    geometry: Geometry,
    kernel: Kernel,
}

#[derive(Clone, Debug)]
enum Kernel {
    Winograd(winograd::Packed),
    WinogradRows(winograd_rows::Packed),
    Direct(direct::Packed),
    Depthwise(depthwise::Packed),
}

impl Convolution {
    /// Packs weights in the order of PyTorch: `[outputs, inputs / groups, rows, columns]`, where it is transposed
    /// `[inputs, outputs / groups, rows, columns]`.
    ///
    /// # Panics
    /// When there are more or fewer weights than the geometry asks for, groups do not divide the channels, or several
    /// inputs meet several groups.
    pub fn new(weights: &[f32], geometry: Geometry) -> Self {
        let Geometry { kernel: [h, w], groups, outputs, .. } = geometry;
        let channels = geometry.channels();
        assert!(channels.is_multiple_of(groups) && outputs.is_multiple_of(groups), "groups divide channels");
        assert!(groups == 1 || geometry.inputs.len() == 1, "groups of one input");
        assert_eq!(weights.len(), channels * outputs / groups * h * w, "the weights have another shape");
        let straight = geometry.straightened();
        let turned = straight.is_some();
        let plain = straight.unwrap_or_else(|| geometry.clone());
        let weights = Weights { data: weights, geometry: &plain, input_first: geometry.transposed, turned };
        let kernel = if winograd::serves(&plain) {
            Kernel::Winograd(winograd::Packed::new(&plain, &weights))
        } else if winograd_rows::serves(&plain) {
            Kernel::WinogradRows(winograd_rows::Packed::new(&plain, &weights))
        } else if plain.is_depthwise() {
            Kernel::Depthwise(depthwise::Packed::new(&plain, &weights))
        } else {
            Kernel::Direct(direct::Packed::new(&plain, &weights))
        };
        Self { geometry, kernel }
    }

    /// What it was made for.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The kernel, where it is Winograd's of cells of pixels side by side.
    pub(crate) fn by_cells(&self) -> Option<&winograd::Packed> {
        match &self.kernel {
            Kernel::Winograd(packed) if self.geometry.dilation == [1; 2] => Some(packed),
            _ => None,
        }
    }

    /// Convolves. `out` is `batch * height * width * pitch(outputs)` floats, `[height, width]` the
    /// [`Geometry::output_size`] of the inputs.
    ///
    /// # Panics
    /// When the inputs are not of one size and the channels of the geometry, or `out`, `bias` or `add` are of another
    /// size.
    pub fn run(&self, inputs: &[View], epilogue: &Epilogue, out: &mut [f32]) {
        let first = inputs[0];
        let channels: Vec<usize> = inputs.iter().map(|x| x.channels).collect();
        assert_eq!(channels, self.geometry.inputs, "the inputs have other channels");
        let size = |x: &View| [x.batch, x.height, x.width];
        assert!(inputs.iter().all(|x| size(x) == size(&first)), "the inputs are of several sizes");
        let [height, width] = self.geometry.output_size([first.height, first.width]);
        let outputs = self.geometry.outputs;
        assert_eq!(out.len(), first.batch * height * width * pitch(outputs), "the output has another size");
        assert!(epilogue.bias.is_none_or(|b| b.len() == outputs), "as many biases as output channels");
        let expected = ([first.batch, height, width], outputs);
        if let Addend::Images(add) = epilogue.add {
            assert!((size(&add), add.channels) == expected, "what is added has another size");
        }
        if out.is_empty() {
            return;
        }
        let finish = Finish::new(epilogue, outputs);
        let task = Run { kernel: &self.kernel, inputs, finish: &finish, size: [height, width], out };
        with_simd(task);
    }
}

struct Run<'a> {
    kernel: &'a Kernel,
    inputs: &'a [View<'a>],
    finish: &'a Finish<'a>,
    size: [usize; 2],
    out: &'a mut [f32],
}

impl Task for Run<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { kernel, inputs, finish, size, out } = self;
        match kernel {
            Kernel::Winograd(packed) => unsafe { packed.run::<V>(inputs, finish, size, out) },
            Kernel::WinogradRows(packed) => unsafe { packed.run::<V>(inputs, finish, size, out) },
            Kernel::Direct(packed) => unsafe { packed.run::<V>(inputs, finish, size, out) },
            Kernel::Depthwise(packed) => unsafe { packed.run::<V>(inputs[0], finish, size, out) },
        }
    }
}

/// An [`Epilogue`] as the kernels apply it: biases filled up to the pitch.
pub(crate) struct Finish<'a> {
    bias: Vec<f32>,
    slope: f32,
    add: Addend<'a>,
    slope_after: f32,
}

impl<'a> Finish<'a> {
    pub(crate) fn new(epilogue: &Epilogue<'a>, outputs: usize) -> Self {
        let mut bias = epilogue.bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec);
        // Kernels read a vector from any channel below the pitch.
        bias.resize(pitch(outputs), 0.0);
        Self { bias, slope: epilogue.slope, add: epilogue.add, slope_after: epilogue.slope_after }
    }

    /// Writes what becomes of the sums for the channels from `channel` on to `at` in the output.
    ///
    /// # Safety
    /// A vector of channels begins at `channel`, below the pitch; and at `at` in the output and in what is added.
    #[inline(always)]
    pub(crate) unsafe fn write<V: Vector>(&self, sums: V, channel: usize, at: usize, out: &mut [f32]) {
        unsafe {
            let to = out.as_mut_ptr().add(at);
            let y = sums.add(V::load(self.bias.as_ptr().add(channel)));
            let y = y.max(y.mul(V::splat(self.slope)));
            let add = match self.add {
                Addend::Nothing => return y.store(to),
                Addend::Images(add) => add.data.as_ptr().add(at),
                Addend::Output => to.cast_const(),
            };
            let y = y.add(V::load(add));
            y.max(y.mul(V::splat(self.slope_after))).store(to);
        }
    }

    /// The same where a whole vector would reach into what others write: only for as many channels as `out`, which begins at
    /// `at` in the output, has room for.
    #[inline(always)]
    pub(crate) fn write_in_part<V: Vector>(&self, sums: V, channel: usize, at: usize, out: &mut [f32]) {
        let mut lanes = [0.0; LANES];
        // Safety: no vector is longer.
        unsafe { sums.store(lanes.as_mut_ptr()) };
        let leaky = |y: f32, slope: f32| y.max(y * slope);
        for (i, (value, out)) in lanes.into_iter().zip(out).enumerate() {
            let y = leaky(value + self.bias[channel + i], self.slope);
            *out = match self.add {
                Addend::Nothing => y,
                Addend::Images(add) => leaky(y + add.data[at + i], self.slope_after),
                Addend::Output => leaky(y + *out, self.slope_after),
            };
        }
    }
}
