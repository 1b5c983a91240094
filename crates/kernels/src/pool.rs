//! Halving by the maximum of 2x2 cells, doubling by repetition or interpolation, and their gradients.

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

/// The two rows (or columns) that a row of the doubled image lies between, with their shares: half-pixel centres, the border
/// repeated.
fn between(out: usize, size: usize) -> [(usize, f32); 2] {
    let near = out / 2;
    let far = if out.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(size - 1) };
    [(near, 0.75), (far, 0.25)]
}

/// Bilinear interpolation to twice the size (`align_corners=False`), into `out`.
///
/// # Panics
/// When `out` is not of twice the size.
pub fn upsample_bilinear_2x(x: View, out: &mut [f32]) {
    let pitch = x.pitch();
    assert_eq!(out.len(), 4 * x.data.len(), "the output has another size");
    if out.is_empty() {
        return;
    }
    for (row, out) in out.chunks_exact_mut(2 * x.width * pitch).enumerate() {
        let (n, oy) = (row / (2 * x.height), row % (2 * x.height));
        let rows =
            between(oy, x.height).map(|(y, share)| (&x.data[(n * x.height + y) * x.width * pitch..], share));
        for (ox, out) in out.chunks_exact_mut(pitch).enumerate() {
            let [(near, a), (far, b)] = between(ox, x.width);
            let [(upper, c), (lower, d)] = rows;
            let [p, q] = [upper, lower].map(|row| &row[near * pitch..(near + 1) * pitch]);
            let [r, s] = [upper, lower].map(|row| &row[far * pitch..(far + 1) * pitch]);
            for (i, out) in out.iter_mut().enumerate() {
                *out = a * (c * p[i] + d * q[i]) + b * (c * r[i] + d * s[i]);
            }
        }
    }
}

/// The gradient for the input of [`upsample_bilinear_2x`].
///
/// # Panics
/// When the gradient has odd sides.
pub fn upsample_bilinear_2x_gradient(gradient: View) -> Vec<f32> {
    assert!(gradient.height.is_multiple_of(2) && gradient.width.is_multiple_of(2), "twice the size is even");
    let (pitch, height, width) = (gradient.pitch(), gradient.height / 2, gradient.width / 2);
    let mut out = vec![0.0; gradient.data.len() / 4];
    for (pixel, gradient) in gradient.data.chunks_exact(pitch).enumerate() {
        let (row, ox) = (pixel / (2 * width), pixel % (2 * width));
        let (n, oy) = (row / (2 * height), row % (2 * height));
        for (y, a) in between(oy, height) {
            for (x, b) in between(ox, width) {
                let at = ((n * height + y) * width + x) * pitch;
                let to = &mut out[at..at + pitch];
                to.iter_mut().zip(gradient).for_each(|(to, gradient)| *to += a * b * gradient);
            }
        }
    }
    out
}
