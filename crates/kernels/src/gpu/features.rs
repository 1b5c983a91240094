//! Features as kernels take them.

use cubecl::prelude::*;
use cubecl::server::Handle;

/// Four neighbouring channels of a pixel.
pub(super) type Four = Vector<f32, Const<4>>;

/// A buffer of so many numbers, for a kernel.
///
/// # Safety
/// It has as many.
pub(super) unsafe fn numbers(handle: &Handle, len: usize) -> BufferArg {
    // SAFETY: as asked for.
    unsafe { BufferArg::from_raw_parts(handle.clone(), len) }
}

/// A view of features: a buffer and where `[N, C, H, W]` lie in it.
#[derive(Clone, Debug)]
pub struct Features {
    /// The buffer, from the first number on.
    pub handle: Handle,
    /// `[N, C, H, W]`.
    pub shape: [usize; 4],
    /// Steps of N, C, H and W, in numbers.
    pub strides: [usize; 4],
}

impl Features {
    /// A view that lies channels last, without gaps.
    pub fn channels_last(handle: Handle, shape: [usize; 4]) -> Self {
        let [_, c, h, w] = shape;
        Self { handle, shape, strides: [h * w * c, 1, w * c, c] }
    }

    /// A view that lies plane by plane, without gaps.
    pub fn planar(handle: Handle, shape: [usize; 4]) -> Self {
        let [_, c, h, w] = shape;
        Self { handle, shape, strides: [c * h * w, h * w, w, 1] }
    }

    /// Channels that are loaded at once: four where that can be done, else one.
    pub(super) fn vector(&self) -> usize {
        let [n, c, h, w] = self.strides;
        let fours = c == 1 && [self.shape[1], n, h, w].iter().all(|step| step.is_multiple_of(4));
        if fours { 4 } else { 1 }
    }

    /// The buffer, up to the last number of the view.
    pub(super) fn buffer(&self) -> BufferArg {
        let steps = self.shape.iter().zip(&self.strides).map(|(size, step)| (size - 1) * step);
        // SAFETY: the view lies in the buffer.
        unsafe { numbers(&self.handle, steps.sum::<usize>() + 1) }
    }

    /// The view, for a kernel.
    pub(super) fn view(&self) -> ViewLaunch {
        let [n, c, h, w] = self.strides.map(|step| step as u32);
        ViewLaunch::new(self.shape[1] as u32, n, c, h, w)
    }
}

/// [`Features`] in a kernel.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct View {
    pub channels: u32,
    pub step_n: u32,
    pub step_c: u32,
    pub step_h: u32,
    pub step_w: u32,
}

/// Four channels of a pixel from channel `first` on; zero outside, and where there is no such channel.
#[cube]
pub(super) fn load<N: Size>(
    input: &[Vector<f32, N>],
    view: &View,
    image: u32,
    row: u32,
    column: u32,
    first: u32,
    inside: bool,
) -> Four {
    let mut value = Four::new(0.0);
    if inside {
        let at = image * view.step_n + row * view.step_h + column * view.step_w + first * view.step_c;
        let size = N::value();
        if comptime![size == 4] {
            value = Four::cast_from(input[at as usize / 4]);
        } else {
            #[unroll]
            for i in 0..4usize {
                if first + (i as u32) < view.channels {
                    let number = input[at as usize + i * view.step_c as usize];
                    value.insert(i, number.extract(0usize));
                }
            }
        }
    }
    value
}
