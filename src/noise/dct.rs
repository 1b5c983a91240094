//! The DCT of 8x8 blocks, which JPEG compresses by, and noise shows in.

/// Side of a block, pixels.
pub const SIDE: usize = 8;
/// Pixels of a block.
pub const AREA: usize = SIDE * SIDE;

/// The orthonormal DCT-II of a block: frequency `u` along a row and `v` along a column at `v * SIDE + u`.
pub fn dct(block: &[f32; AREA]) -> [f32; AREA] {
    let basis = basis();
    let rows: [f32; AREA] = std::array::from_fn(|i| {
        let (u, y) = (i % SIDE, i / SIDE);
        (0..SIDE).map(|x| basis[u * SIDE + x] * block[y * SIDE + x]).sum()
    });
    std::array::from_fn(|i| {
        let (u, v) = (i % SIDE, i / SIDE);
        (0..SIDE).map(|y| basis[v * SIDE + y] * rows[y * SIDE + u]).sum()
    })
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
