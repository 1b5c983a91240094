//! Gradients for the weights. The gradient for an input is a convolution, see [`Geometry::adjoint`].

use crate::convolution::Geometry;
use crate::pixelwise::pixel_sums;
use crate::product::add_transposed_product;
use crate::scratch::Scratch;
use crate::simd::{Task, Vector, with_simd};
use crate::view::{LANES, View};
use crate::winograd::{self, Grid, POINTS};

/// The gradient for the weights, in their order, of a convolution of one input: `gradient` is that of its output.
///
/// # Panics
/// When input and gradient are not of the sizes that the geometry says.
pub fn weight_gradient(geometry: &Geometry, input: View, gradient: View) -> Vec<f32> {
    assert_eq!(geometry.inputs, [input.channels], "the input has other channels");
    assert_eq!(geometry.outputs, gradient.channels, "the gradient has other channels");
    let size = geometry.output_size([input.height, input.width]);
    assert_eq!(size, [gradient.height, gradient.width], "the gradient has another size");
    if !geometry.transposed {
        return with_simd(WeightGradient { geometry, input, gradient });
    }
    // The same sums, with input and output in each other's place.
    let plain = Geometry {
        transposed: false,
        output_padding: [0; 2],
        inputs: vec![geometry.outputs],
        outputs: input.channels,
        ..geometry.clone()
    };
    with_simd(WeightGradient { geometry: &plain, input: gradient, gradient: input })
}

/// The gradient for the biases: the sum over all pixels, for each channel.
pub fn bias_gradient(gradient: View) -> Vec<f32> {
    pixel_sums(&gradient, gradient.data).into_iter().map(|sum| sum as f32).collect()
}

struct WeightGradient<'a> {
    geometry: &'a Geometry,
    input: View<'a>,
    gradient: View<'a>,
}

impl Task for WeightGradient<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Vec<f32> {
        unsafe {
            if winograd::serves(self.geometry) {
                self.by_winograd::<V>()
            } else if self.geometry.is_depthwise() {
                self.depthwise::<V>()
            } else {
                self.direct::<V>()
            }
        }
    }
}

impl WeightGradient<'_> {
    /// A product over cells for each of the 36 points.
    #[inline(always)]
    unsafe fn by_winograd<V: Vector>(self) -> Vec<f32> {
        const STRIP: usize = 48;
        let Self { geometry, input, gradient } = self;
        let size = [gradient.height, gradient.width];
        let padding = [geometry.padding[0] as isize, geometry.padding[2] as isize];
        let grid = Grid { size, padding, dilation: geometry.dilation[0] };
        let (depth, width) = (input.pitch(), gradient.pitch());
        let [step_seen, step_back] = [depth, width].map(|width| winograd::apart(STRIP * width));
        let mut seen = Scratch::take(0, POINTS * step_seen);
        let mut back = Scratch::take(1, POINTS * step_back);
        let step_sums = winograd::apart(depth * width);
        let mut sums = Scratch::take(2, POINTS * step_sums);
        sums.fill(0.0);
        let total = input.batch * grid.cells();
        for first in (0..total).step_by(STRIP) {
            let count = STRIP.min(total - first);
            for cell in 0..count {
                let place = grid.place(first + cell);
                unsafe {
                    grid.look::<V>(&[input], place, &mut seen[cell * depth..], step_seen);
                    grid.look_at_gradient::<V>(gradient, place, &mut back[cell * width..], step_back);
                }
            }
            for point in 0..POINTS {
                unsafe {
                    let a = seen.as_ptr().add(point * step_seen);
                    let b = back.as_ptr().add(point * step_back);
                    let out = sums.as_mut_ptr().add(point * step_sums);
                    add_transposed_product::<V>(a, b, out, [count, depth, width], [depth, width]);
                }
            }
        }
        let mut weights = vec![0.0; 9 * input.channels * gradient.channels];
        let mut lanes = [0.0; LANES];
        for channel in 0..input.channels {
            for output in (0..gradient.channels).step_by(V::LANES) {
                let points = &sums[channel * width + output..];
                let taps = unsafe { winograd::transform_back_kernel::<V>(points.as_ptr(), step_sums) };
                let outputs = (output..gradient.channels).take(V::LANES);
                for (tap, values) in taps.into_iter().enumerate() {
                    unsafe { values.store(lanes.as_mut_ptr()) };
                    for (output, value) in outputs.clone().zip(lanes) {
                        weights[(output * input.channels + channel) * 9 + tap] = value;
                    }
                }
            }
        }
        weights
    }

    /// A product over the pixels of a row for each tap.
    #[inline(always)]
    unsafe fn direct<V: Vector>(self) -> Vec<f32> {
        let Self { geometry, input, gradient } = self;
        let [kernel_height, kernel_width] = geometry.kernel;
        let (depth, width) = (input.pitch(), gradient.pitch());
        let taps = kernel_height * kernel_width;
        let mut sums = vec![0.0; taps * depth * width];
        for (tap, sums) in sums.chunks_exact_mut(depth * width).enumerate() {
            self.for_each_run([tap / kernel_width, tap % kernel_width], |x, g, count| unsafe {
                let (a, b) = (input.data[x..].as_ptr(), gradient.data[g..].as_ptr());
                let steps = [geometry.stride[1] * depth, width];
                add_transposed_product::<V>(a, b, sums.as_mut_ptr(), [count, depth, width], steps);
            });
        }
        let (in_group, out_group) = (input.channels / geometry.groups, gradient.channels / geometry.groups);
        let mut weights = Vec::with_capacity(taps * in_group * gradient.channels);
        for output in 0..gradient.channels {
            for channel in 0..in_group {
                let channel = output / out_group * in_group + channel;
                weights.extend((0..taps).map(|tap| sums[(tap * depth + channel) * width + output]));
            }
        }
        weights
    }

    #[inline(always)]
    unsafe fn depthwise<V: Vector>(self) -> Vec<f32> {
        let Self { geometry, input, gradient } = self;
        let [kernel_height, kernel_width] = geometry.kernel;
        let pitch = input.pitch();
        let taps = kernel_height * kernel_width;
        let mut sums = vec![0.0; taps * pitch];
        for (tap, sums) in sums.chunks_exact_mut(pitch).enumerate() {
            self.for_each_run([tap / kernel_width, tap % kernel_width], |x, g, count| {
                for c in (0..pitch).step_by(V::LANES) {
                    unsafe {
                        let mut sum = V::load(sums.as_ptr().add(c));
                        for i in 0..count {
                            let a = V::load(input.data.as_ptr().add(x + i * geometry.stride[1] * pitch + c));
                            let b = V::load(gradient.data.as_ptr().add(g + i * pitch + c));
                            sum = a.mul_add(b, sum);
                        }
                        sum.store(sums.as_mut_ptr().add(c));
                    }
                }
            });
        }
        (0..input.channels)
            .flat_map(|c| (0..taps).map(move |t| (t, c)))
            .map(|(t, c)| sums[t * pitch + c])
            .collect()
    }

    /// Calls `f` with every run of output pixels in a row for which the tap sees a pixel of the input: where the first
    /// such input pixel lies, where the first output pixel lies, and how many there are.
    #[inline(always)]
    fn for_each_run(&self, tap: [usize; 2], mut f: impl FnMut(usize, usize, usize)) {
        let Self { geometry, input, gradient } = self;
        let Geometry { stride, padding, dilation, .. } = geometry;
        let shift = [0, 1].map(|i| (tap[i] * dilation[i]) as isize - padding[2 * i] as isize);
        // Output pixels whose input pixel is not before the first, and those whose is not after the last.
        let first = (-shift[1]).max(0).unsigned_abs().div_ceil(stride[1]);
        let end =
            (input.width as isize - shift[1]).max(0).unsigned_abs().div_ceil(stride[1]).min(gradient.width);
        if first >= end {
            return;
        }
        for (n, oy) in (0..gradient.batch).flat_map(|n| (0..gradient.height).map(move |y| (n, y))) {
            let y = (oy * stride[0]) as isize + shift[0];
            if !(0..input.height as isize).contains(&y) {
                continue;
            }
            let column = ((first * stride[1]) as isize + shift[1]) as usize;
            let x = ((n * input.height + y as usize) * input.width + column) * input.pitch();
            let g = ((n * gradient.height + oy) * gradient.width + first) * gradient.pitch();
            f(x, g, end - first);
        }
    }
}
