//! For tests: whether a network sees the pixel that it must not see.

use burn::tensor::{Device, Distribution, Tensor};

use crate::nn::read;

/// Changes pixels of a random picture, in the middle, off the middle and in corners, and panics unless the output
/// changes, but by exactly nothing within `radius` of the changed pixel.
pub fn check(
    channels: usize,
    height: usize,
    width: usize,
    radius: usize,
    f: impl Fn(Tensor<4>) -> Tensor<4>,
) {
    let device = Device::flex();
    let x = Tensor::<4>::random([1, channels, height, width], Distribution::Uniform(0.0, 1.0), &device);
    let before = f(x.clone());
    let (middle_y, middle_x) = (height / 2, width / 2);
    let places =
        [(middle_y, middle_x), (0, 0), (height - 1, width - 1), (middle_y + 1, middle_x - 1), (10, 8)];
    for (row, column) in places {
        let place = [0..1, 0..channels, row..row + 1, column..column + 1];
        let changed = x.clone().slice(place.clone()) + 0.5;
        let response = (f(x.clone().slice_assign(place, changed)) - before.clone()).abs();
        let [_, _, h, w] = response.dims();
        let rows = row.saturating_sub(radius)..(row + radius + 1).min(h);
        let columns = column.saturating_sub(radius)..(column + radius + 1).min(w);
        let (all, blind) =
            (largest(response.clone()), largest(response.slice([0..1, 0..channels, rows, columns])));
        assert!(all > 0.0, "nothing sees ({row}, {column})");
        assert_eq!(blind, 0.0, "({row}, {column}) is seen");
    }
}

fn largest(x: Tensor<4>) -> f32 {
    pollster::block_on(read(x.max())).expect("the CPU does not fail")[0]
}
