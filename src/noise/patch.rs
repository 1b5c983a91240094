//! A patch of a photo's noise beside one that is simulated, for people to compare.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::model::NoiseModel;
use crate::photo::Planar;

/// Side of a patch, pixels.
const SIDE: usize = 48;
/// Patches are looked for at every so many pixels.
const STRIDE: usize = 8;
/// Mean brightness that a patch has where there is one: near black and white, noise is clipped.
const BRIGHTNESS: [f32; 2] = [0.15, 0.85];

/// The flattest part of a photo, and what its mean would be with simulated noise; planes in `[0, 1]`, of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct NoisePatch {
    /// As it is in the photo.
    pub photo: Planar,
    /// Noise of the model on the mean of what a network makes of it.
    pub simulated: Planar,
}

impl NoiseModel {
    /// Looks for the flattest part of some pictures, each given as it is and as a network denoises it, both with as many
    /// channels. `None` when all are smaller than a patch.
    pub fn patch(&self, pictures: &[(&Planar, &Planar)]) -> Option<NoisePatch> {
        let places = pictures.iter().flat_map(|(noisy, seen)| places(noisy, seen));
        let flatter = |a: &Place, b: &Place| (a.dim, a.texture).partial_cmp(&(b.dim, b.texture));
        let best = places.min_by(|a, b| flatter(a, b).unwrap_or(std::cmp::Ordering::Equal))?;
        let [left, top] = best.at;
        let area = SIDE * SIDE;
        let flat = best.means.iter().flat_map(|mean| std::iter::repeat_n(*mean, area)).collect();
        let flat = Planar { channels: best.means.len(), height: SIDE, width: SIDE, data: flat };
        let simulated = self.sampler().noisy(&flat, &mut ChaCha8Rng::seed_from_u64(0));
        Some(NoisePatch { photo: best.noisy.crop(left, top, SIDE, SIDE), simulated })
    }
}

/// Where a patch may be.
struct Place<'a> {
    noisy: &'a Planar,
    at: [usize; 2],
    /// Mean of each channel in the network's result.
    means: Vec<f32>,
    /// Mean square of the network's result about these.
    texture: f32,
    /// Whether it is too dark or too bright.
    dim: bool,
}

fn places<'a>(noisy: &'a Planar, seen: &'a Planar) -> impl Iterator<Item = Place<'a>> {
    let starts = |length: usize| (0..(length + 1).saturating_sub(SIDE)).step_by(STRIDE);
    let corners = starts(seen.height).flat_map(move |top| starts(seen.width).map(move |left| [left, top]));
    corners.map(move |at| {
        let block = seen.crop(at[0], at[1], SIDE, SIDE);
        let planes = || block.data.chunks(SIDE * SIDE);
        let mean = |plane: &[f32]| plane.iter().sum::<f32>() / plane.len() as f32;
        let means: Vec<f32> = planes().map(mean).collect();
        let squares =
            planes().zip(&means).flat_map(|(plane, mean)| plane.iter().map(move |v| (v - mean).powi(2)));
        let texture = squares.sum::<f32>() / block.data.len() as f32;
        let dim = !(BRIGHTNESS[0]..=BRIGHTNESS[1]).contains(&mean(&means));
        Place { noisy, at, means, texture, dim }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_is_the_flattest_part_and_has_noise_of_the_model_beside_it() {
        let (width, height) = (160, 96);
        let wave = |i: usize| 0.5 + 0.2 * (i as f32 * 0.9).sin();
        let flat = |x: usize, y: usize| x >= 100 && y < 60;
        let value = |i: usize| if flat(i % width, i / width) { 0.4 } else { wave(i) };
        let clean = Planar { channels: 1, height, width, data: (0..width * height).map(value).collect() };
        let model = NoiseModel::white(0.05, 1);
        let noisy = model.sampler().noisy(&clean, &mut ChaCha8Rng::seed_from_u64(1));
        let patch = model.patch(&[(&noisy, &clean)]).unwrap();
        assert_eq!((patch.photo.width, patch.simulated.width), (SIDE, SIDE));
        for picture in [&patch.photo, &patch.simulated] {
            let count = picture.data.len() as f32;
            let mean = picture.data.iter().sum::<f32>() / count;
            let variance = picture.data.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
            assert!(
                (mean - 0.4).abs() < 0.01 && (variance.sqrt() / 0.05 - 1.0).abs() < 0.05,
                "{mean} {variance}"
            );
        }
        assert!(model.patch(&[(&noisy.crop(0, 0, 47, 96), &clean.crop(0, 0, 47, 96))]).is_none());
    }
}
