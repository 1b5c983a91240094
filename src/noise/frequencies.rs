//! Blocks of a picture as frequencies, and covariances of a pixel's channels.

use crate::photo::Planar;

/// Side of a block, pixels.
pub const SIDE: usize = 16;
/// Pixels of a block.
pub const AREA: usize = SIDE * SIDE;

/// Real and imaginary part.
pub type Complex = [f32; 2];

/// A frequency in cycles per pixel, along one side of a block: -0.5 to 0.5.
pub fn cycles(index: usize) -> f32 {
    let signed = if index < SIDE / 2 { index as f32 } else { index as f32 - SIDE as f32 };
    signed / SIDE as f32
}

/// How fine the frequency at an index is, in cycles per pixel in any direction.
pub fn fineness(index: usize) -> f32 {
    cycles(index % SIDE).hypot(cycles(index / SIDE))
}

/// The frequency that is as far the other way.
pub fn opposite(index: usize) -> usize {
    let back = |i: usize| (SIDE - i) % SIDE;
    back(index / SIDE) * SIDE + back(index % SIDE)
}

/// A block less the plane that fits it best, channel by channel, and the mean of each channel.
pub fn detrended(picture: &Planar, [left, top]: [usize; 2]) -> (Vec<f32>, Vec<f32>) {
    let centred = |i: usize| i as f32 - (SIDE - 1) as f32 / 2.0;
    let spread = (0..SIDE).map(|i| centred(i) * centred(i)).sum::<f32>() * SIDE as f32;
    let (mut block, mut means) = (Vec::with_capacity(picture.channels * AREA), Vec::new());
    for channel in 0..picture.channels {
        let start = |row: usize| (channel * picture.height + top + row) * picture.width + left;
        let values: Vec<f32> =
            (0..SIDE).flat_map(|row| picture.data[start(row)..start(row) + SIDE].iter().copied()).collect();
        let mean = values.iter().sum::<f32>() / AREA as f32;
        let slope = |along: fn(usize) -> usize| {
            values.iter().enumerate().map(|(i, v)| v * centred(along(i))).sum::<f32>() / spread
        };
        let (right, down) = (slope(|i| i % SIDE), slope(|i| i / SIDE));
        let plane = |i: usize| mean + right * centred(i % SIDE) + down * centred(i / SIDE);
        block.extend(values.iter().enumerate().map(|(i, v)| v - plane(i)));
        means.push(mean);
    }
    (block, means)
}

/// The Fourier transform of a block under a window, so scaled that white noise of variance 1 has power 1 everywhere.
/// Values follow each other as frequencies along a row, then along a column; first comes no change at all.
pub fn spectrum(block: &[f32]) -> [Complex; AREA] {
    let window: [f32; SIDE] =
        std::array::from_fn(|i| (std::f32::consts::PI * (i as f32 + 0.5) / SIDE as f32).sin());
    // The squares of the window have mean 1/2 along each side.
    let norm = 2.0 / SIDE as f32;
    let turned = turns();
    let rows: [Complex; AREA] = std::array::from_fn(|i| {
        let (u, y) = (i % SIDE, i / SIDE);
        (0..SIDE).fold([0.0; 2], |[re, im], x| {
            let (value, [cos, sin]) =
                (norm * window[x] * window[y] * block[y * SIDE + x], turned[u * x % SIDE]);
            [re + value * cos, im - value * sin]
        })
    });
    std::array::from_fn(|i| {
        let (u, v) = (i % SIDE, i / SIDE);
        (0..SIDE).fold([0.0; 2], |[re, im], y| {
            let ([a, b], [cos, sin]) = (rows[y * SIDE + u], turned[v * y % SIDE]);
            [re + a * cos + b * sin, im + b * cos - a * sin]
        })
    })
}

/// What a spectrum that is real, and the same at opposite frequencies, is as a picture, with no change in its first value.
pub fn picture_of(spectrum: &[f32; AREA]) -> [f32; AREA] {
    let turned = turns();
    std::array::from_fn(|i| {
        let (x, y) = (i % SIDE, i / SIDE);
        let term = |f: usize| spectrum[f] * turned[(f % SIDE * x + f / SIDE * y) % SIDE][0];
        (0..AREA).map(term).sum::<f32>() / AREA as f32
    })
}

/// Cosine and sine of so many parts of a turn.
fn turns() -> &'static [Complex; SIDE] {
    static TURNS: std::sync::LazyLock<[Complex; SIDE]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|i| {
            let angle = 2.0 * std::f64::consts::PI * i as f64 / SIDE as f64;
            [angle.cos() as f32, angle.sin() as f32]
        })
    });
    &TURNS
}

/// A symmetric matrix over channels, 3x3; of gray pictures only the first value counts.
pub type Matrix = [[f32; 3]; 3];

/// All zero.
pub const ZERO: Matrix = [[0.0; 3]; 3];

/// `f` of each place.
pub fn matrix(f: impl Fn(usize, usize) -> f32) -> Matrix {
    std::array::from_fn(|a| std::array::from_fn(|b| f(a, b)))
}

/// The matrix product.
pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    matrix(|i, j| (0..3).map(|k| a[i][k] * b[k][j]).sum())
}

/// The same with rows and columns exchanged.
pub fn transposed(a: &Matrix) -> Matrix {
    matrix(|i, j| a[j][i])
}

/// `f` of the eigenvalues of a symmetric matrix, by Jacobi's rotations.
pub fn map_eigenvalues(symmetric: &Matrix, f: impl Fn(f32) -> f32) -> Matrix {
    let (mut a, mut vectors) = (*symmetric, matrix(|i, j| f32::from(u8::from(i == j))));
    for _ in 0..8 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q].abs() < 1e-12 {
                continue;
            }
            let angle = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
            let (sin, cos) = angle.sin_cos();
            let mut rotation = matrix(|i, j| f32::from(u8::from(i == j)));
            (rotation[p][p], rotation[q][q], rotation[p][q], rotation[q][p]) = (cos, cos, sin, -sin);
            a = product(&transposed(&rotation), &product(&a, &rotation));
            vectors = product(&vectors, &rotation);
        }
    }
    matrix(|i, j| (0..3).map(|k| vectors[i][k] * f(a[k][k]) * vectors[j][k]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_the_square_of_its_root() {
        let a = [[4.0, 1.0, -0.5], [1.0, 3.0, 0.7], [-0.5, 0.7, 1.0]];
        let root = map_eigenvalues(&a, |v| v.max(0.0).sqrt());
        let square = product(&root, &root);
        for (got, want) in square.as_flattened().iter().zip(a.as_flattened()) {
            assert!((got - want).abs() < 1e-5, "{square:?}");
        }
    }

    #[test]
    fn a_wave_is_found_at_its_frequency_and_at_the_opposite_one() {
        let wave = |i: usize| (2.0 * std::f32::consts::PI * (3.0 * (i % SIDE) as f32) / SIDE as f32).cos();
        let block: Vec<f32> = (0..AREA).map(wave).collect();
        let power: Vec<f32> = spectrum(&block).iter().map(|[re, im]| re * re + im * im).collect();
        let most = power.iter().copied().fold(0.0, f32::max);
        assert_eq!(opposite(3), SIDE - 3);
        assert!((power[3] - most).abs() < 1e-3 * most && (power[SIDE - 3] - most).abs() < 1e-3 * most);
        assert!(power[6 * SIDE] < 1e-3 * most);
    }
}
