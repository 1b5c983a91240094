//! Measuring the noise of a photo without learning it.

use std::sync::Arc;

use super::execution::Execution;
use super::job::{Job, Options, SMALLEST_SIGMA};
use crate::error::{Error, Kind, Result};
use crate::models::{Adapt, Conditions, Mode, Model};
use crate::noise::{Defects, NoiseEstimate, NoiseModel, NoisePatch, box_blur};
use crate::photo::tiles::parts;
use crate::photo::{Photo, Planar};

/// Pixels of a photo, at most, that its noise is measured on: parts of a larger one.
const PIXELS: usize = 9 * 144 * 144;
/// Pixels to each side that a blurred photo is the mean of, where the network has random weights.
const BLUR: usize = 2;

/// A measurement of a photo's noise, pumped like a [`Job`]: the network denoises the photo, or parts of a large one, and where
/// the result is flat, noise is all there is.
pub struct Measurement {
    model: Model,
    execution: Execution,
    defects: Defects,
    parts: Vec<Part>,
}

struct Part {
    noisy: Planar,
    /// Without impulses and offsets of lines.
    calm: Planar,
    /// What the network makes of it.
    seen: Option<Planar>,
}

/// The noise of a photo, measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The model of it, in as many channels as the network takes, or one where the photo is gray.
    pub noise: NoiseModel,
    /// A flat part of the photo beside a simulated one, unless the photo is too small.
    pub patch: Option<NoisePatch>,
}

impl Measurement {
    /// Plans a measurement, and looks for impulses and lines. Nothing is denoised yet.
    ///
    /// # Errors
    /// [`Kind::Option`] for a network that enlarges.
    pub fn new(model: Model, photo: &Photo) -> Result<Self> {
        let card = model.card();
        if card.scale != 1 {
            let message = format!("`{}` enlarges; take a network that removes noise", card.id);
            return Err(Error::new(Kind::Option, message));
        }
        let windows = parts(photo.width(), photo.height(), PIXELS).into_iter();
        let noisy: Vec<Planar> = windows
            .map(|at| photo.window(at.x as isize, at.y as isize, at.width, at.height, card.channels))
            .collect();
        let defects = Defects::of(&noisy.iter().collect::<Vec<_>>());
        let part = |noisy: Planar| Part { calm: defects.removed(&noisy), noisy, seen: None };
        let parts: Vec<Part> = noisy.into_iter().map(part).collect();
        let estimate = match defects.is_empty() {
            true => NoiseEstimate::of_photo(photo),
            false => NoiseEstimate::of(&parts[0].calm),
        };
        // Turns and further passes take much longer, and say no more of the noise.
        let chosen = model.mode().choose(card, &&estimate, usize::MAX)?;
        let adapt = Adapt { self_ensemble: 1, second_pass: false, refinements: 0, ..chosen };
        let conditions = Conditions {
            sigma: Some(estimate.sigma.max(SMALLEST_SIGMA)),
            range: Some(photo.range()),
            ..Conditions::default()
        };
        Ok(Self { model, execution: Execution { conditions, adapt }, defects, parts })
    }

    /// Denoises a part, and tells how much is done, 0 to 1; `None` when nothing is left to do.
    ///
    /// # Errors
    /// As [`Job::step`].
    pub async fn step(&mut self) -> Result<Option<f32>> {
        let count = self.parts.len();
        let Some(index) = self.parts.iter().position(|part| part.seen.is_none()) else { return Ok(None) };
        let calm = &self.parts[index].calm;
        // What a network with random weights makes of a photo tells nothing about its noise.
        self.parts[index].seen = Some(match self.model.is_random() {
            true => box_blur(calm, BLUR),
            false => self.denoised(calm).await?,
        });
        Ok(Some((index + 1) as f32 / count as f32))
    }

    async fn denoised(&self, picture: &Planar) -> Result<Planar> {
        let Execution { conditions, adapt } = self.execution;
        let options = Options { conditions, adapt: Mode::Fixed(adapt), mend: false, ..Options::default() };
        let mut job = Job::new(self.model.clone(), Arc::new(Photo::from_planar(picture)?), options)?;
        while job.step().await?.is_some() {}
        let result = job.finish()?;
        Ok(result.window(0, 0, result.width(), result.height(), picture.channels))
    }

    /// What was measured.
    ///
    /// # Errors
    /// [`Kind::Option`] when the photo is too small to tell, [`Kind::Internal`] when parts are still to be denoised.
    pub fn finish(self) -> Result<Measured> {
        let seen: Vec<&Planar> = self.parts.iter().filter_map(|part| part.seen.as_ref()).collect();
        if seen.len() < self.parts.len() {
            return Err(Error::new(Kind::Internal, "parts of the photo are still to be denoised"));
        }
        let pairs = |picture: fn(&Part) -> &Planar| -> Vec<(&Planar, &Planar)> {
            self.parts.iter().map(picture).zip(seen.iter().copied()).collect()
        };
        let noise = NoiseModel::of(&pairs(|part| &part.calm), self.defects.clone())
            .ok_or_else(|| Error::new(Kind::Option, "the photo is too small to tell its noise"))?;
        let patch = noise.patch(&pairs(|part| &part.noisy));
        Ok(Measured { noise, patch })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::photo::decode;

    fn unet() -> Model {
        Model::bundled("unet", &Device::flex()).unwrap()
    }

    fn measured(photo: &Photo) -> Result<Measured> {
        let mut measurement = Measurement::new(unet(), photo)?;
        let mut done = 0.0;
        while let Some(share) = pollster::block_on(measurement.step())? {
            assert!(share > done);
            done = share;
        }
        assert_eq!(done, 1.0);
        measurement.finish()
    }

    /// Kodak 23 with noise of a model, as a file of 8 bits.
    fn noisy(noise: &NoiseModel) -> Photo {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fixtures/kodak23_clean.png");
        let clean = decode(&std::fs::read(path).unwrap()).unwrap().planar();
        let noisy = noise.sampler().noisy(&clean, &mut ChaCha8Rng::seed_from_u64(5));
        Photo::from_planar(&noisy).unwrap().to_8bit()
    }

    #[test]
    fn the_curve_is_that_of_the_noise_on_the_parts_of_a_photo() {
        let noise = NoiseModel { variance: [0.0008, 0.0022, 0.0036], ..NoiseModel::white(0.0, 3) };
        let got = measured(&noisy(&noise)).unwrap();
        for channel in 0..3 {
            for level in [0.2, 0.35, 0.5, 0.65, 0.8] {
                let (got, want) = (got.noise.sigma_at(channel, level), noise.sigma_at(channel, level));
                assert!((got / want - 1.0).abs() < 0.05, "{channel} at {level}: {got} for {want}");
            }
        }
        assert!(got.noise.is_white() && got.noise.power().iter().all(|power| (power - 1.0).abs() < 1e-5));
        let patch = got.patch.unwrap();
        let deviation = |picture: &Planar| {
            let calm = box_blur(picture, BLUR);
            let squares = picture.data.iter().zip(&calm.data).map(|(v, m)| (v - m).powi(2));
            (squares.sum::<f32>() / picture.data.len() as f32).sqrt()
        };
        let ratio = deviation(&patch.simulated) / deviation(&patch.photo);
        assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn blotches_lie_in_the_middle_of_the_spectrum() {
        let mut noise = NoiseModel::white(0.06, 1);
        let fine = |f: usize| ((f % 16).min(16 - f % 16)).max((f / 16).min(16 - f / 16)) > 4;
        noise.spectrum.iter_mut().enumerate().filter(|(f, _)| fine(*f)).for_each(|(_, power)| *power = 0.05);
        let power = measured(&noisy(&noise)).unwrap().noise.power();
        assert!(power[7 * 16 + 8] > 5.0 * power[0] && power[8 * 16 + 6] > 5.0 * power[8 * 16], "{power:?}");
    }

    #[test]
    fn photos_that_are_too_small_and_networks_that_enlarge_are_refused() {
        let tiny = Photo::new(9, 9, 1, false, crate::photo::Samples::U8(vec![7; 81])).unwrap();
        assert_eq!(measured(&tiny).unwrap_err().kind(), Kind::Option);
        let enlarging = Model::random("dasr-x2", "small", 1, &Device::flex()).unwrap();
        assert_eq!(Measurement::new(enlarging, &tiny).err().map(|e| e.kind()), Some(Kind::Option));
    }
}
