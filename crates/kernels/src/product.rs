//! Products of matrices, tiled for the registers: what all convolutions but depthwise ones are made of.

use crate::simd::Vector;

/// Packs a matrix of `k` rows and `n` columns, given by a function, for the products here: panels of `columns` columns,
/// row by row, filled up with zeros.
pub(crate) fn pack(k: usize, n: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut packed = Vec::with_capacity(k * n.next_multiple_of(columns));
    for panel in (0..n).step_by(columns) {
        for row in 0..k {
            packed.extend((panel..panel + columns).map(|j| if j < n { value(row, j) } else { 0.0 }));
        }
    }
    packed
}

/// `out[m][n] = a[m][k] * b`, `b` packed; `m` a multiple of [`Vector::ROWS`], `n` of two vectors.
///
/// # Safety
/// The pointers must lead to matrices of these sizes.
#[inline(always)]
pub(crate) unsafe fn product<V: Vector>(a: *const f32, b: *const f32, out: *mut f32, [m, k, n]: [usize; 3]) {
    match V::ROWS {
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
        for j in (0..n).step_by(2 * V::LANES) {
            for i in (0..m).step_by(R) {
                let mut sums = [[V::splat(0.0); 2]; R];
                let rows = a.add(i * k);
                let mut panel = b.add(j * k);
                for kk in 0..k {
                    let weights = [V::load(panel), V::load(panel.add(V::LANES))];
                    panel = panel.add(2 * V::LANES);
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let x = V::splat(*rows.add(r * k + kk));
                        sum[0] = x.mul_add(weights[0], sum[0]);
                        sum[1] = x.mul_add(weights[1], sum[1]);
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    let to = out.add((i + r) * n + j);
                    sum[0].store(to);
                    sum[1].store(to.add(V::LANES));
                }
            }
        }
    }
}

/// `out[k][n] += a[m][k]^T * b[m][n]`, the rows of `a` and `b` being `steps` floats apart; `k` a multiple of four, `n` of
/// a vector.
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
    const R: usize = 4;
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
