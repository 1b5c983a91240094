//! Synthetic noise.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::photo::{Photo, Samples};

/// Adds white Gaussian noise of standard deviation `sigma` (on the 8-bit scale, 0..255) to the colours of a photo,
/// clips to 0..255 and rounds to 8 bits, as a file on disk would be. The same seed gives the same noise everywhere.
#[must_use]
pub fn add_white_gaussian(photo: &Photo, sigma: f32, seed: u64) -> Photo {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n = photo.samples_per_pixel();
    let clean = photo.to_8bit();
    let Samples::U8(values) = clean.samples() else {
        unreachable!("to_8bit gives 8-bit samples");
    };
    let noisy = values
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            if i % n >= photo.colors() {
                return v;
            }
            let z: f32 = StandardNormal.sample(&mut rng);
            (f32::from(v) + sigma * z).clamp(0.0, 255.0).round() as u8
        })
        .collect();
    Photo::new(photo.width(), photo.height(), photo.colors(), photo.has_alpha(), Samples::U8(noisy))
        .expect("as many samples as before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_asked_deviation_and_leaves_alpha_alone() {
        let gray = Photo::new(200, 200, 1, true, Samples::U8(vec![128; 80_000])).unwrap();
        let noisy = add_white_gaussian(&gray, 25.0, 1);
        assert_eq!(noisy, add_white_gaussian(&gray, 25.0, 1));
        assert_ne!(noisy, add_white_gaussian(&gray, 25.0, 2));
        let Samples::U8(v) = noisy.samples() else { panic!("not 8 bit") };
        assert!(v.iter().skip(1).step_by(2).all(|&a| a == 128));
        let variance = v.iter().step_by(2).map(|&x| (f64::from(x) - 128.0).powi(2)).sum::<f64>() / 40_000.0;
        assert!((variance.sqrt() - 25.0).abs() < 0.5, "{variance}");
    }
}
