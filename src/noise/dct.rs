//! The DCT of 8x8 blocks, which JPEG compresses by, and noise shows in.

/// Side of a block, pixels.
pub const SIDE: usize = 8;
/// Pixels of a block.
pub const AREA: usize = SIDE * SIDE;

/// The orthonormal DCT-II of a block: frequency `u` along a row and `v` along a column at `v * SIDE + u`.
pub fn dct(block: &[f32; AREA]) -> [f32; AREA] {
    let columns = along_columns(block);
    transposed(&along_columns(&transposed(&columns)))
}

/// Frequencies, of each direction, that [`low_dct`] gives.
pub const LOW: usize = 4;

/// The lowest frequencies of [`dct`]: `u` and `v` at `v * LOW + u`.
pub fn low_dct(block: &[f32; AREA]) -> [f32; LOW * LOW] {
    let columns = along_columns::<{ LOW * SIDE }>(block);
    std::array::from_fn(|i| {
        let cosines = &basis()[i % LOW * SIDE..][..SIDE];
        let row = &columns[i / LOW * SIDE..][..SIDE];
        row.iter().zip(cosines).map(|(v, cosine)| v * cosine).sum()
    })
}

/// The DCT of each column, as many rows of frequencies as `N` holds. The eight columns are one vector.
fn along_columns<const N: usize>(block: &[f32; AREA]) -> [f32; N] {
    let mut out = [0.0; N];
    for (out, cosines) in out.chunks_exact_mut(SIDE).zip(basis().chunks_exact(SIDE)) {
        for (row, cosine) in block.chunks_exact(SIDE).zip(cosines) {
            out.iter_mut().zip(row).for_each(|(sum, v)| *sum += cosine * v);
        }
    }
    out
}

/// Columns for rows.
pub fn transposed(block: &[f32; AREA]) -> [f32; AREA] {
    std::array::from_fn(|i| block[i % SIDE * SIDE + i / SIDE])
}

/// The cosines: row `u`, column `x`.
fn basis() -> &'static [f32; AREA] {
    static BASIS: std::sync::LazyLock<[f32; AREA]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|i| {
            let (u, x) = ((i / SIDE) as f32, (i % SIDE) as f32);
            let norm: f32 = if u == 0.0 { 1.0 } else { 2.0 };
            (norm / SIDE as f32).sqrt()
                * (std::f32::consts::PI * (2.0 * x + 1.0) * u / (2 * SIDE) as f32).cos()
        })
    });
    &BASIS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_frequencies_are_those_of_the_whole_dct() {
        let block = std::array::from_fn(|i| (i * 7919 % 64) as f32 / 64.0);
        let (low, all) = (low_dct(&block), dct(&block));
        for (i, v) in low.iter().enumerate() {
            assert!((v - all[i / LOW * SIDE + i % LOW]).abs() < 1e-5, "{i}: {v}");
        }
        let energy = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>();
        assert!((energy(&all) - energy(&block)).abs() < 1e-3);
    }
}
