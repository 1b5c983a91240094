//! What clipping at black and white did to noise.

use super::frequencies::AREA;

/// Share of a block that may be black where it is to tell why.
const BLACK: [f32; 2] = [0.02, 0.9];
/// Deviation of such a block, at least: of less, rounding to 8 bits makes black, too.
const BLACK_DEVIATION: f32 = 8.0 / 255.0;

/// Whether the black of blocks is that of normal noise which is cut off there: else it is that of photons, of which none was
/// counted. Mean and variance of a block tell for both how much of it would be black.
///
/// - `values`: of flat blocks, one channel of one block after the other
pub(super) fn is_cut_at_black(values: impl Iterator<Item = f32>) -> bool {
    let values: Vec<f32> = values.collect();
    let (mut from_normal, mut from_photons) = (0.0, 0.0);
    for block in values.chunks(AREA) {
        let count = block.len() as f32;
        let black = block.iter().filter(|v| **v < 0.5 / 255.0).count() as f32 / count;
        let mean = block.iter().sum::<f32>() / count;
        let variance = block.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
        if !(BLACK[0]..=BLACK[1]).contains(&black) || variance < BLACK_DEVIATION.powi(2) {
            continue;
        }
        let relative = variance / (mean * mean);
        from_normal += (black - black_of_normal(relative)).powi(2);
        from_photons += (black - (-relative.recip()).exp()).powi(2);
    }
    from_normal <= from_photons
}

/// Share of the values of normal noise that is cut off at 0, by what its variance is then over the square of its mean.
fn black_of_normal(relative: f32) -> f32 {
    // Both fall with the level in deviations: halving the interval finds it.
    let (mut low, mut high) = (-4.0, 4.0);
    for _ in 0..24 {
        let middle: f32 = 0.5 * (low + high);
        let [mean, variance] = clipped_moments(middle, 1.0, [0.0, f32::INFINITY]);
        if variance > relative * mean * mean { low = middle } else { high = middle }
    }
    slices().filter(|z| low + z < 0.0).map(density).sum::<f32>() / slices().map(density).sum::<f32>()
}

/// The variance of normal noise around a level that has this variance after it was clipped to `ends`.
pub(super) fn unclipped(level: f32, variance: f32, ends: [f32; 2]) -> f32 {
    let level = level.clamp(0.0, 1.0);
    let deviation = variance.sqrt();
    if level - ends[0] > 4.0 * deviation && ends[1] - level > 4.0 * deviation {
        return variance;
    }
    // The clipped variance grows with the deviation: halving the interval finds it.
    let (mut low, mut high) = (deviation, 4.0 * deviation);
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        if clipped_moments(level, middle, ends)[1] < variance { low = middle } else { high = middle }
    }
    low * low
}

/// Mean and variance of a normal value that is clipped to `ends`.
fn clipped_moments(mean: f32, deviation: f32, ends: [f32; 2]) -> [f32; 2] {
    let [mut weight, mut sum, mut square] = [0.0; 3];
    for z in slices() {
        let value = (mean + deviation * z).clamp(ends[0], ends[1]);
        weight += density(z);
        sum += density(z) * value;
        square += density(z) * value * value;
    }
    let mean = sum / weight;
    [mean, square / weight - mean * mean]
}

/// The normal distribution in 64 slices, as far as it reaches.
fn slices() -> impl Iterator<Item = f32> {
    (0..64).map(|i| (i as f32 - 31.5) / 8.0)
}

fn density(z: f32) -> f32 {
    (-0.5 * z * z).exp()
}
