//! Depthwise convolutions: every channel for itself, a vector of channels at a time.

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
        let mut taps = Vec::with_capacity(self.geometry.kernel[0] * self.geometry.kernel[1]);
        for pixel in 0..x.batch * height * width {
            let (n, oy, ox) = (pixel / (height * width), pixel / width % height, pixel % width);
            self.fetch(x, n, [oy, ox], &mut taps);
            for c in (0..pitch).step_by(V::LANES) {
                unsafe {
                    let mut sum = V::splat(0.0);
                    for &(input, weights) in &taps {
                        sum = V::load(input.add(c)).mul_add(V::load(weights.add(c)), sum);
                    }
                    let at = pixel * pitch + c;
                    finish.write(sum, c, at, out);
                }
            }
        }
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
