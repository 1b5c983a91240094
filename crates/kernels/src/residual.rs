//! Residual blocks, in the place of what they see: between the two convolutions there are only some rows of an image, which stay
//! in the cache, instead of a second image.

use crate::convolution::{Addend, Convolution, Epilogue, Finish};
use crate::scratch::Scratch;
use crate::view::{View, pitch};
use crate::winograd::{self, CELL};

/// Cells of a band, about: rows of so many lie between the convolutions.
const BAND: usize = 512;

/// `x + second(relu(first(x)))`, into `x`: images of the shape `[N, C, H, W]`, channels last. What comes out has the bits of two
/// [`Convolution::run`]s.
///
/// # Panics
/// When the convolutions do not keep channels and size, or `x` has another size.
pub fn residual_block([first, second]: [&Convolution; 2], x: &mut [f32], shape: [usize; 4]) {
    let [batch, channels, height, width] = shape;
    assert_eq!(x.len(), batch * height * width * pitch(channels), "the images have another size");
    for geometry in [first, second].map(Convolution::geometry) {
        assert_eq!((&geometry.inputs[..], geometry.outputs), (&[channels][..], channels), "as many channels");
        assert_eq!(geometry.output_size([height, width]), [height, width], "images keep their size");
    }
    let across = width.div_ceil(CELL);
    let band = BAND.div_ceil(across.max(1));
    match [first, second].map(Convolution::by_cells) {
        [Some(first), Some(second)] if height.div_ceil(CELL) > band + 1 => {
            for image in x.chunks_exact_mut(height * width * pitch(channels)) {
                by_bands([first, second], image, [channels, height, width], band);
            }
        }
        _ => {
            let mut between = vec![0.0; x.len()];
            first.run(&[View::new(x, shape)], &RELU, &mut between);
            second.run(&[View::new(&between, shape)], &ADD, x);
        }
    }
}

const RELU: Epilogue = Epilogue { slope: 0.0, ..Epilogue::NONE };
const ADD: Epilogue = Epilogue { add: Addend::Output, ..Epilogue::NONE };

/// One image, `band` rows of cells at a time. The first convolution is one row of cells ahead of the second, so what it sees has not
/// been written to yet.
fn by_bands(
    [first, second]: [&winograd::Packed; 2],
    x: &mut [f32],
    [channels, height, width]: [usize; 3],
    band: usize,
) {
    let line = width * pitch(channels);
    let (relu, add) = (Finish::new(&RELU, channels), Finish::new(&ADD, channels));
    // The rows `start..end` of the first's result.
    let mut between = Scratch::take(2, (band + 2) * CELL * line);
    let (mut start, mut end) = (0, 0);
    for row in (0..height).step_by(band * CELL) {
        let keep = row.saturating_sub(CELL);
        between.copy_within((keep - start) * line..(end - start) * line, 0);
        start = keep;
        let until = (row + (band + 1) * CELL).min(height);
        let image = [1, channels, height, width];
        let out = &mut between[(end - start) * line..(until - start) * line];
        first.run_rows(View::new(x, image), &relu, end, [until - end, width], out);
        end = until;
        let rows = (band * CELL).min(height - row);
        let seen = View::new(&between[..(end - start) * line], [1, channels, end - start, width]);
        second.run_rows(seen, &add, row - start, [rows, width], &mut x[row * line..(row + rows) * line]);
    }
}
