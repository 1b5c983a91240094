//! Halving by the maximum of 2x2 cells, doubling by repetition, and their gradients.

use crate::view::View;

/// The four pixels of a cell, where they begin in `data`.
fn cell(x: &View, n: usize, y: usize, column: usize) -> [usize; 4] {
    let at = |dy: usize, dx: usize| ((n * x.height + 2 * y + dy) * x.width + 2 * column + dx) * x.pitch();
    [at(0, 0), at(0, 1), at(1, 0), at(1, 1)]
}

/// Cells of 2x2 pixels in an image; a last odd row or column is left out, as PyTorch does.
fn cells(x: &View) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (batch, rows, columns) = (x.batch, x.height / 2, x.width / 2);
    (0..batch).flat_map(move |n| (0..rows).flat_map(move |y| (0..columns).map(move |c| (n, y, c))))
}

/// Maximum over cells of 2x2 pixels, into `out`.
///
/// # Panics
/// When `out` is not of half the size, rounded down.
pub fn max_pool_2x2(x: View, out: &mut [f32]) {
    let pitch = x.pitch();
    assert_eq!(out.len(), x.batch * (x.height / 2) * (x.width / 2) * pitch, "the output has another size");
    for ((n, y, column), out) in cells(&x).zip(out.chunks_exact_mut(pitch)) {
        let [a, b, c, d] = cell(&x, n, y, column).map(|at| &x.data[at..at + pitch]);
        for (i, out) in out.iter_mut().enumerate() {
            let max = |a: f32, b: f32| if b > a { b } else { a };
            *out = max(max(a[i], b[i]), max(c[i], d[i]));
        }
    }
}

/// The gradient for the input of [`max_pool_2x2`]: it goes to the first of the largest pixels of each cell.
///
/// # Panics
/// When `gradient` is not of half the size, rounded down.
pub fn max_pool_2x2_gradient(x: View, gradient: View) -> Vec<f32> {
    let pitch = x.pitch();
    let half = (x.batch, x.height / 2, x.width / 2, x.channels);
    let given = (gradient.batch, gradient.height, gradient.width, gradient.channels);
    assert_eq!(given, half, "the gradient has another size");
    let mut out = vec![0.0; x.data.len()];
    for ((n, y, column), gradient) in cells(&x).zip(gradient.data.chunks_exact(pitch)) {
        let at = cell(&x, n, y, column);
        for (c, &gradient) in gradient.iter().enumerate() {
            let largest = at
                .iter()
                .skip(1)
                .fold(at[0], |best, &at| if x.data[at + c] > x.data[best + c] { at } else { best });
            out[largest + c] = gradient;
        }
    }
    out
}

/// Every pixel four times, into `out`.
///
/// # Panics
/// When `out` is not of twice the size.
pub fn upsample_nearest_2x(x: View, out: &mut [f32]) {
    let pitch = x.pitch();
    assert_eq!(out.len(), 4 * x.data.len(), "the output has another size");
    if out.is_empty() {
        return;
    }
    let rows = x.data.chunks_exact(x.width * pitch);
    for (row, out) in rows.zip(out.chunks_exact_mut(4 * x.width * pitch)) {
        let (first, second) = out.split_at_mut(2 * x.width * pitch);
        for (pixel, out) in row.chunks_exact(pitch).zip(first.chunks_exact_mut(2 * pitch)) {
            out[..pitch].copy_from_slice(pixel);
            out[pitch..].copy_from_slice(pixel);
        }
        second.copy_from_slice(first);
    }
}

/// The gradient for the input of [`upsample_nearest_2x`]: the sum of each four.
///
/// # Panics
/// When the gradient has odd sides.
pub fn upsample_nearest_2x_gradient(gradient: View) -> Vec<f32> {
    assert!(gradient.height.is_multiple_of(2) && gradient.width.is_multiple_of(2), "twice the size is even");
    let pitch = gradient.pitch();
    let mut out = vec![0.0; gradient.data.len() / 4];
    for ((n, y, column), out) in cells(&gradient).zip(out.chunks_exact_mut(pitch)) {
        let [a, b, c, d] = cell(&gradient, n, y, column).map(|at| &gradient.data[at..at + pitch]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = (a[i] + b[i]) + (c[i] + d[i]);
        }
    }
    out
}
