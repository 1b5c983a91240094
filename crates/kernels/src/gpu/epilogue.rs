//! What follows the sums of a convolution, on their way out.

use cubecl::prelude::*;
use cubecl::server::Handle;

use super::features::{Features, Four, View};

/// What follows the sums: `leaky(leaky(sums + bias, slope) + residual, slope_after)`. A slope of 1 changes nothing, 0 is
/// ReLU.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// `[K]`.
    pub bias: Option<Handle>,
    /// `[N, K, H, W]`.
    pub residual: Option<Features>,
    /// Slope for negative values before the addition.
    pub slope: f32,
    /// Slope for negative values after it.
    pub slope_after: f32,
}

impl Epilogue {
    /// Nothing follows.
    pub const NOTHING: Self = Self { bias: None, residual: None, slope: 1.0, slope_after: 1.0 };

    /// Channels that are written at once.
    pub(super) fn vector(&self, output: &Features) -> usize {
        self.residual.as_ref().map_or(4, Features::vector).min(output.vector())
    }

    pub(super) fn finish(&self) -> Finish {
        Finish { activated: self.slope != 1.0, activated_after: self.slope_after != 1.0 }
    }
}

/// Which activations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Finish {
    activated: bool,
    activated_after: bool,
}

#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct Slopes {
    slope: f32,
    after: f32,
}

/// Where four channels lie, `channel` the first of them.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    pub image: u32,
    pub row: u32,
    pub column: u32,
    pub channel: u32,
}

#[cube]
fn at(place: &Place, view: &View, #[comptime] channel: u32) -> u32 {
    place.image * view.step_n
        + place.row * view.step_h
        + place.column * view.step_w
        + (place.channel + channel) * view.step_c
}

/// Finishes four sums and writes those that there are channels for.
#[cube]
pub(super) fn finish<N: Size>(
    sums: Four,
    place: &Place,
    bias: ComptimeOption<&[f32]>,
    residual: ComptimeOption<&[Vector<f32, N>]>,
    output: &mut [Vector<f32, N>],
    view_residual: &View,
    view_output: &View,
    slopes: &Slopes,
    #[comptime] finish: Finish,
) {
    let size = N::value();
    #[unroll]
    for i in 0..comptime![4 / size] {
        let first = comptime![(i * size) as u32];
        if place.channel + first < view_output.channels {
            let mut value = Vector::<f32, N>::new(0.0);
            #[unroll]
            for j in 0..size {
                value.insert(j, sums.extract(comptime![i * size + j]));
            }
            #[comptime]
            if let ComptimeOption::Some(bias) = bias {
                #[unroll]
                for j in 0..size {
                    value.insert(j, value.extract(j) + bias[(place.channel + first) as usize + j]);
                }
            }
            if comptime![finish.activated] {
                value = activate(value, slopes.slope);
            }
            #[comptime]
            if let ComptimeOption::Some(residual) = residual {
                value += residual[at(place, view_residual, first) as usize / size];
            }
            if comptime![finish.activated_after] {
                value = activate(value, slopes.after);
            }
            output[at(place, view_output, first) as usize / size] = value;
        }
    }
}

/// ReLU with `slope` instead of zero.
#[cube]
pub(super) fn activate<N: Size>(value: Vector<f32, N>, slope: f32) -> Vector<f32, N> {
    let zero = Vector::<f32, N>::new(0.0);
    max(value, zero) + min(value, zero) * Vector::<f32, N>::new(slope)
}
