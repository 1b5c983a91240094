//! Milliseconds of the convolutions of a U-Net at 128x128: `cargo run --release --example speed`.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::time::Instant;

use unnoise_kernels::{Convolution, Epilogue, Geometry, View, pitch, weight_gradient};

fn main() {
    let cases = [
        ("3x3 64 to 64, 128x128", Geometry::same(3, 64, 64), 128),
        ("3x3 96 to 96, 64x64", Geometry::same(3, 96, 96), 64),
        ("3x3 112 to 112, 32x32", Geometry::same(3, 112, 112), 32),
        ("3x3 12 to 64, 128x128", Geometry::same(3, 12, 64), 128),
        ("3x3 3 to 48, 128x128", Geometry::same(3, 3, 48), 128),
        ("1x1 96 to 96, 128x128", Geometry::same(1, 96, 96), 128),
        ("2x2 down 64 to 96", Geometry { stride: [2; 2], padding: [0; 4], ..Geometry::same(2, 64, 96) }, 128),
        (
            "2x2 up 96 to 64",
            Geometry { transposed: true, stride: [2; 2], padding: [0; 4], ..Geometry::same(2, 96, 64) },
            64,
        ),
        ("depthwise 3x3 96", Geometry { groups: 96, ..Geometry::same(3, 96, 96) }, 128),
    ];
    for (name, geometry, size) in cases {
        let channels = geometry.channels();
        let x = vec![0.5; size * size * pitch(channels)];
        let view = View::new(&x, [1, channels, size, size]);
        let [h, w] = geometry.output_size([size, size]);
        let mut out = vec![0.25; h * w * pitch(geometry.outputs)];
        let count = channels * geometry.outputs / geometry.groups * geometry.kernel[0] * geometry.kernel[1];
        let weights = vec![0.1; count];
        let convolution = Convolution::new(&weights, geometry.clone());
        let macs = (if geometry.transposed { size * size } else { h * w }) * count;
        let best = best(|| convolution.run(&[view], &Epilogue::NONE, &mut out));
        let packing = best_of(|| drop(Convolution::new(&weights, geometry.clone())));
        let gradient = View::new(&out, [1, geometry.outputs, h, w]);
        let backward = best_of(|| drop(weight_gradient(&geometry, view, gradient)));
        println!(
            "{name:24} {best:7.2} ms {:6.1} GMAC/s, weights' gradient {backward:7.2} ms, packing {packing:6.2} ms",
            macs as f64 / best / 1e6,
        );
    }
}

fn best(f: impl FnMut()) -> f64 {
    best_of(f)
}

/// The best of ten, in milliseconds.
fn best_of(mut f: impl FnMut()) -> f64 {
    (0..10).fold(f64::MAX, |best, _| {
        let start = Instant::now();
        f();
        best.min(start.elapsed().as_secs_f64() * 1e3)
    })
}
