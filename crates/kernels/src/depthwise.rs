//! Depthwise convolutions: every channel for itself, a vector of channels at a time.

use std::ops::Range;

use crate::convolution::{Finish, Geometry, Weights};
use crate::simd::Vector;
use crate::view::{View, pitch};

/// Weights, for each tap a row of channels.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    geometry: Geometry,
    weights: Vec<f32>,
}

impl Packed {
    pub(crate) fn new(geometry: &Geometry, weights: &Weights) -> Self {
        let (channels, [height, width]) = (geometry.outputs, geometry.kernel);
        let mut rows = vec![0.0; height * width * pitch(channels)];
        for (tap, row) in rows.chunks_exact_mut(pitch(channels)).enumerate() {
            for (c, value) in row[..channels].iter_mut().enumerate() {
                *value = weights.at(c, 0, [tap / width, tap % width]);
            }
        }
        Self { geometry: geometry.clone(), weights: rows }
    }

    /// # Safety
    /// Input and output have the sizes that the geometry says.
    #[inline(always)]
    pub(crate) unsafe fn run<V: Vector>(
        &self,
        x: View,
        finish: &Finish,
        [height, width]: [usize; 2],
        out: &mut [f32],
    ) {
        let pitch = x.pitch();
        let inner = self.inner(x.width, width);
        let step = self.geometry.stride[1] * pitch;
        let mut taps = Vec::with_capacity(self.geometry.kernel[0] * self.geometry.kernel[1]);
        for (n, oy) in (0..x.batch).flat_map(|n| (0..height).map(move |y| (n, y))) {
            let mut ox = 0;
            while ox < width {
                // Within the row all taps see a pixel, those of the next output pixel a step further on.
                let count = if ox == inner.start { inner.len().max(1) } else { 1 };
                self.fetch(x, n, [oy, ox], &mut taps);
                for i in 0..count {
                    let at = ((n * height + oy) * width + ox + i) * pitch;
                    for c in (0..pitch).step_by(V::LANES) {
                        unsafe {
                            let mut sum = V::splat(0.0);
                            for &(input, weights) in &taps {
                                sum = V::load(input.add(i * step + c)).mul_add(V::load(weights.add(c)), sum);
                            }
                            finish.write(sum, c, at + c, out);
                        }
                    }
                }
                ox += count;
            }
        }
    }

    /// The output columns for which every tap sees a column of the input, of so many columns.
    fn inner(&self, input: usize, output: usize) -> Range<usize> {
        let Geometry { kernel, stride, dilation, padding, .. } = &self.geometry;
        let reach = (kernel[1] - 1) * dilation[1];
        let first = padding[2].div_ceil(stride[1]).min(output);
        let end =
            (input + padding[2]).checked_sub(reach).map_or(first, |columns| columns.div_ceil(stride[1]));
        first..end.clamp(first, output)
    }

    /// The pixels that the taps see, those inside of the picture, with their weights.
    #[inline(always)]
    fn fetch(&self, x: View, n: usize, [oy, ox]: [usize; 2], taps: &mut Vec<(*const f32, *const f32)>) {
        let Geometry { kernel, stride, dilation, padding, .. } = &self.geometry;
        taps.clear();
        for ky in 0..kernel[0] {
            let y = (oy * stride[0] + ky * dilation[0]).wrapping_sub(padding[0]);
            if y >= x.height {
                continue;
            }
            for kx in 0..kernel[1] {
                let column = (ox * stride[1] + kx * dilation[1]).wrapping_sub(padding[2]);
                if column < x.width {
                    let input = &x.data[((n * x.height + y) * x.width + column) * x.pitch()..];
                    let weights = &self.weights[(ky * kernel[1] + kx) * x.pitch()..];
                    taps.push((input.as_ptr(), weights.as_ptr()));
                }
            }
        }
    }
}
