//! Products of matrices, tiled for the registers: what all convolutions but depthwise ones are made of.

use crate::simd::Vector;

/// Where an element of a packed matrix lies: in panels of two vectors of columns, the last perhaps of one, row by row.
/// The number of columns is a multiple of `lanes`.
#[inline(always)]
pub(crate) const fn place_in_panel(
    lanes: usize,
    [rows, columns]: [usize; 2],
    row: usize,
    column: usize,
) -> usize {
    let first = column / (2 * lanes) * (2 * lanes);
    first * rows + row * panel_width(lanes, columns, column) + column - first
}

/// Columns of the panel that a column is in.
#[inline(always)]
pub(crate) const fn panel_width(lanes: usize, columns: usize, column: usize) -> usize {
    if column / (2 * lanes) * (2 * lanes) + lanes == columns { lanes } else { 2 * lanes }
}

/// Packs a matrix of `k` rows and `n` columns, given by a function, for the products here; columns are filled up with zeros.
pub(crate) fn pack(k: usize, n: usize, lanes: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let columns = n.next_multiple_of(lanes);
    let mut packed = Vec::with_capacity(k * columns);
    for first in (0..columns).step_by(2 * lanes) {
        for row in 0..k {
            let panel = first..first + panel_width(lanes, columns, first);
            packed.extend(panel.map(|j| if j < n { value(row, j) } else { 0.0 }));
        }
    }
    packed
}

/// `out[m][n] = a[m][k] * b`, `b` packed; `m` a multiple of [`Vector::ROWS`], `n` of a vector.
///
/// # Safety
/// The pointers must lead to matrices of these sizes.
#[inline(always)]
pub(crate) unsafe fn product<V: Vector>(a: *const f32, b: *const f32, out: *mut f32, [m, k, n]: [usize; 3]) {
    match V::ROWS {
        12 => unsafe { rows_of_product::<V, 12>(a, b, out, [m, k, n]) },
        8 => unsafe { rows_of_product::<V, 8>(a, b, out, [m, k, n]) },
        6 => unsafe { rows_of_product::<V, 6>(a, b, out, [m, k, n]) },
        _ => unsafe { rows_of_product::<V, 4>(a, b, out, [m, k, n]) },
    }
}

#[inline(always)]
unsafe fn rows_of_product<V: Vector, const R: usize>(
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    [m, k, n]: [usize; 3],
) {
    unsafe {
        let whole = n / (2 * V::LANES) * (2 * V::LANES);
        for j in (0..whole).step_by(2 * V::LANES) {
            panel_of_product::<V, R, 2>(a, b.add(j * k), out.add(j), [m, k, n]);
        }
        if whole < n {
            panel_of_product::<V, R, 1>(a, b.add(whole * k), out.add(whole), [m, k, n]);
        }
    }
}

/// The columns of one panel, of `N` vectors.
#[inline(always)]
unsafe fn panel_of_product<V: Vector, const R: usize, const N: usize>(
    a: *const f32,
    panel: *const f32,
    out: *mut f32,
    [m, k, n]: [usize; 3],
) {
    unsafe {
        for i in (0..m).step_by(R) {
            let mut sums = [[V::splat(0.0); N]; R];
            let rows = a.add(i * k);
            let mut panel = panel;
            for kk in 0..k {
                let mut weights = [V::splat(0.0); N];
                for (i, weights) in weights.iter_mut().enumerate() {
                    *weights = V::load(panel.add(i * V::LANES));
                }
                panel = panel.add(N * V::LANES);
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*rows.add(r * k + kk));
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = x.mul_add(weights, *sum);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    sum.store(out.add((i + r) * n + j * V::LANES));
                }
            }
        }
    }
}

/// `out[k][n] += a[m][k]^T * b[m][n]`, the rows of `a` and `b` being `steps` floats apart; `k` and `n`
/// are pitches.
///
/// # Safety
/// The pointers must lead to matrices of these sizes.
#[inline(always)]
pub(crate) unsafe fn add_transposed_product<V: Vector>(
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    [m, k, n]: [usize; 3],
    steps: [usize; 2],
) {
    if V::ROWS >= 12 {
        unsafe { add_rows_of_transposed_product::<V, 8>(a, b, out, [m, k, n], steps) }
    } else {
        unsafe { add_rows_of_transposed_product::<V, 4>(a, b, out, [m, k, n], steps) }
    }
}

#[inline(always)]
unsafe fn add_rows_of_transposed_product<V: Vector, const R: usize>(
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    [m, k, n]: [usize; 3],
    steps: [usize; 2],
) {
    unsafe {
        for i in (0..k).step_by(R) {
            let mut j = 0;
            while j + 2 * V::LANES <= n {
                let mut sums = [[V::splat(0.0); 2]; R];
                for row in 0..m {
                    let y = b.add(row * steps[1] + j);
                    let y = [V::load(y), V::load(y.add(V::LANES))];
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let x = V::splat(*a.add(row * steps[0] + i + r));
                        sum[0] = x.mul_add(y[0], sum[0]);
                        sum[1] = x.mul_add(y[1], sum[1]);
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    let to = out.add((i + r) * n + j);
                    V::load(to).add(sum[0]).store(to);
                    let to = to.add(V::LANES);
                    V::load(to).add(sum[1]).store(to);
                }
                j += 2 * V::LANES;
            }
            while j < n {
                let mut sums = [V::splat(0.0); R];
                for row in 0..m {
                    let y = V::load(b.add(row * steps[1] + j));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = V::splat(*a.add(row * steps[0] + i + r)).mul_add(y, *sum);
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    let to = out.add((i + r) * n + j);
                    V::load(to).add(*sum).store(to);
                }
                j += V::LANES;
            }
        }
    }
}
