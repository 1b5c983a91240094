//! White noise as strong as a photo's own.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::NoiseEstimate;
use super::blocks::box_blur;
use crate::photo::Planar;

/// Brightness is the mean over this many pixels to each side.
const RADIUS: usize = 4;

/// A field of white noise for a picture, of which `first` is a denoised version: as strong as `estimate` says for the
/// brightness there. Where the estimate is of a gray photo, all channels get the same noise.
pub fn white_field(estimate: &NoiseEstimate, first: &Planar, rng: &mut ChaCha8Rng) -> Planar {
    let brightness = box_blur(first, RADIUS);
    let area = first.width * first.height;
    let draws = if estimate.channels.len() == first.channels { first.data.len() } else { area };
    let normal: Vec<f32> = (0..draws).map(|_| StandardNormal.sample(rng)).collect();
    let data = brightness.data.iter().enumerate().map(|(i, &level)| {
        let channel = (i / area).min(estimate.channels.len() - 1);
        estimate.sigma_at(channel, level) * normal[i % draws]
    });
    Planar { data: data.collect(), ..first.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{ChannelNoise, Correlation, LevelNoise};
    use rand::SeedableRng;

    #[test]
    fn the_noise_of_gray_photos_is_gray_and_follows_brightness() {
        let levels = [(0.0, 0.02), (1.0, 0.1)].map(|(level, sigma)| LevelNoise { level, sigma });
        let channel = ChannelNoise { sigma: 0.05, levels: levels.to_vec() };
        let (channels, correlation) = (vec![channel], Correlation::default());
        let estimate = NoiseEstimate { sigma: 0.05, channels, correlated: false, correlation };
        let data = (0..3 * 100 * 100).map(|i| if i % 100 < 50 { 0.1 } else { 0.9 }).collect();
        let picture = Planar { channels: 3, height: 100, width: 100, data };
        let field = white_field(&estimate, &picture, &mut ChaCha8Rng::seed_from_u64(4));
        assert_eq!(field.data[..10_000], field.data[10_000..20_000]);
        let deviation = |columns: std::ops::Range<usize>| {
            let values: Vec<f32> =
                (0..10_000).filter(|i| columns.contains(&(i % 100))).map(|i| field.data[i]).collect();
            (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
        };
        assert!((deviation(0..40) / 0.028 - 1.0).abs() < 0.1);
        assert!((deviation(60..100) / 0.092 - 1.0).abs() < 0.1);
    }
}
