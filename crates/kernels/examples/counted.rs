//! A WebAssembly module whose work `cargo xtask test` counts: `prepare(case)` once, then `run()`.

use std::cell::RefCell;

use unnoise_kernels::{
    Convolution, Epilogue, Geometry, Positions, View, Windows, gelu, normalise, pitch, weight_gradient,
    windowed_attention,
};

/// Rows and columns of the image, and its channels but where a case says otherwise.
const SIDE: usize = 32;
const CHANNELS: usize = 48;

thread_local! {
    static WORK: RefCell<Box<dyn FnMut()>> = RefCell::new(Box::new(|| {}));
}

/// Prepares a case: their names stand in `counted.tsv`, in this order.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(case: u32) {
    let work = match case {
        0 => convolution(Geometry::same(3, CHANNELS, CHANNELS)),
        1 => convolution(Geometry { padding: [2, 0, 1, 1], ..Geometry::same(3, CHANNELS, CHANNELS) }),
        2 => convolution(Geometry::same(1, CHANNELS, CHANNELS)),
        3 => {
            convolution(Geometry { stride: [2; 2], padding: [0; 4], ..Geometry::same(2, CHANNELS, CHANNELS) })
        }
        4 => convolution(Geometry {
            transposed: true,
            stride: [2; 2],
            padding: [0; 4],
            ..Geometry::same(2, CHANNELS, CHANNELS)
        }),
        5 => convolution(Geometry {
            dilation: [2; 2],
            padding: [2; 4],
            groups: CHANNELS,
            ..Geometry::same(3, CHANNELS, CHANNELS)
        }),
        6 => convolution(Geometry::same(3, 3, CHANNELS)),
        7 => gradient(),
        8 => attention(Windows { heads: 3, queries: 4, keys: 6, dilation: 2, shift: 0 }),
        9 => attention(Windows { heads: 6, queries: 8, keys: 8, dilation: 1, shift: 4 }),
        _ => pixelwise(),
    };
    WORK.set(work);
}

/// Does the work of the case.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    WORK.with_borrow_mut(|work| work());
}

fn image(channels: usize) -> Vec<f32> {
    (0..SIDE * SIDE * pitch(channels)).map(|i| (i % 7) as f32 / 7.0).collect()
}

fn convolution(geometry: Geometry) -> Box<dyn FnMut()> {
    let channels = geometry.channels();
    let x = image(channels);
    let [height, width] = geometry.output_size([SIDE, SIDE]);
    let mut out = vec![0.0; height * width * pitch(geometry.outputs)];
    let [rows, columns] = geometry.kernel;
    let weights = vec![0.1; rows * columns * channels * geometry.outputs / geometry.groups];
    let convolution = Convolution::new(&weights, geometry);
    Box::new(move || {
        convolution.run(&[View::new(&x, [1, channels, SIDE, SIDE])], &Epilogue::NONE, &mut out);
    })
}

fn gradient() -> Box<dyn FnMut()> {
    let x = image(CHANNELS);
    Box::new(move || {
        let view = View::new(&x, [1, CHANNELS, SIDE, SIDE]);
        drop(weight_gradient(&Geometry::same(3, CHANNELS, CHANNELS), view, view));
    })
}

fn attention(windows: Windows) -> Box<dyn FnMut()> {
    let qkv = image(3 * CHANNELS);
    let features = CHANNELS / windows.heads;
    let tables = vec![0.1; 23 * features];
    let bias = vec![0.1; windows.heads * windows.queries.pow(2) * windows.keys.pow(2)];
    let mut out = vec![0.0; SIDE * SIDE * pitch(CHANNELS)];
    Box::new(move || {
        let positions = match windows.keys == windows.queries {
            true => Positions::Bias(&bias),
            false => Positions::Tables(&tables, &tables),
        };
        windowed_attention(View::new(&qkv, [1, 3 * CHANNELS, SIDE, SIDE]), windows, positions, &mut out);
    })
}

fn pixelwise() -> Box<dyn FnMut()> {
    let x = image(CHANNELS);
    let weight = vec![0.5; CHANNELS];
    let mut out = vec![0.0; x.len()];
    Box::new(move || {
        normalise(View::new(&x, [1, CHANNELS, SIDE, SIDE]), &weight, Some(&weight), 1e-5, None, &mut out);
        gelu(&mut out);
    })
}
