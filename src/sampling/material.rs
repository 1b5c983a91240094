//! What a network learns from: the photo (or its shots) as planes.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Kind, Result};
use crate::noise::{Defects, NoiseEstimate, NoiseModel, Sampler, box_blur};
use crate::photo::tiles::{Rect, parts};
use crate::photo::{Photo, Planar};

/// Pixels of a photo, at most, that a network learns from: of a larger one, [`GRID`] x [`GRID`] windows.
const PIXELS: usize = 1 << 20;
/// Pixels of each of many pictures, at least.
const LEAST_PIXELS: usize = 1 << 18;
/// Share of the area, about, that is held out from training, for validation.
const HELD_OUT: f64 = 0.25;
/// Deviation of the noise that a network learns on its own result, where the photo's is weaker. That result holds noise that the
/// network has left, and lacks texture that it has taken; it would learn to do so. Beside stronger noise both count for less. (Cf.
/// Moran et al., "Noisier2Noise", CVPR 2020.)
const LEARNED: f32 = 10.0 / 255.0;
/// How many times as strong as the photo's that noise is, at most.
const STRONGER: f32 = 2.5;
/// Pixels to each side that a blurred photo is the mean of.
const BLUR: usize = 2;

/// A place of the photo.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The noisy shots of it, all of one size; the first without impulses and offsets of lines.
    pub shots: Vec<Planar>,
    /// The same without noise, where it is known.
    pub clean: Option<Planar>,
    /// What the network makes of the first shot.
    pub first: Option<Planar>,
    /// What teachers made of the first shot.
    pub taught: Vec<Planar>,
    /// Squares that are not learned from.
    pub held_out: Vec<Square>,
}

/// A square part of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Side.
    pub side: usize,
}

impl Square {
    pub(super) fn meets(&self, other: &Square) -> bool {
        let apart = |a: usize, a_side: usize, b: usize, b_side: usize| a + a_side <= b || b + b_side <= a;
        !apart(self.x, self.side, other.x, other.side) && !apart(self.y, self.side, other.y, other.side)
    }
}

/// Everything there is to learn from.
#[derive(Clone, Debug)]
pub struct Material {
    /// Places of the photo; one when it is not large.
    pub scenes: Vec<Scene>,
    /// Impulses and lines that were found.
    pub defects: Defects,
    /// The photo's noise, once it is known.
    pub noise: Option<NoiseModel>,
    /// Draws more of it, without impulses and lines.
    pub sampler: Option<Sampler>,
    /// The same, as strong as is learned.
    pub learned: Option<Sampler>,
}

impl Material {
    /// From one photo or several noisy shots of one scene, and a clean twin where there is one, as planes of `channels`.
    ///
    /// # Errors
    /// [`Kind::Option`] when there is no photo, or the photos differ in size.
    pub fn new(shots: &[impl AsRef<Photo>], clean: Option<&Photo>, channels: usize) -> Result<Self> {
        let Some(photo) = shots.first().map(AsRef::as_ref) else {
            return Err(Error::new(Kind::Option, "there is no photo to learn from"));
        };
        let (width, height) = (photo.width(), photo.height());
        for other in shots.iter().map(AsRef::as_ref).chain(clean) {
            if (other.width(), other.height()) != (width, height) {
                let message = format!(
                    "shots of one scene must have one size; these have {width}x{height} and {}x{}",
                    other.width(),
                    other.height()
                );
                return Err(Error::new(Kind::Option, message));
            }
        }
        Ok(Self::of_windows(parts(width, height, PIXELS), shots, clean, channels))
    }

    /// From several pictures, of any sizes, that have noise of one kind: each is a scene, or some.
    ///
    /// # Errors
    /// [`Kind::Option`] when a clean twin is given: there would have to be one for each.
    pub fn of_pictures(
        pictures: &[impl AsRef<Photo>],
        clean: Option<&Photo>,
        channels: usize,
    ) -> Result<Self> {
        if clean.is_some() {
            let message = "the scene without noise is that of one photo, or of shots of one scene";
            return Err(Error::new(Kind::Option, message));
        }
        let pixels = (PIXELS / pictures.len().max(1)).max(LEAST_PIXELS);
        let scenes = pictures.iter().flat_map(|picture| {
            let photo = picture.as_ref();
            let windows = parts(photo.width(), photo.height(), pixels);
            Self::of_windows(windows, std::slice::from_ref(picture), None, channels).scenes
        });
        Ok(Self {
            scenes: scenes.collect(),
            defects: Defects::default(),
            noise: None,
            sampler: None,
            learned: None,
        })
    }

    fn of_windows(
        windows: Vec<Rect>,
        shots: &[impl AsRef<Photo>],
        clean: Option<&Photo>,
        channels: usize,
    ) -> Self {
        let scene = |Rect { x, y, width, height }: Rect| {
            let planes = |photo: &Photo| photo.window(x as isize, y as isize, width, height, channels);
            Scene {
                shots: shots.iter().map(|shot| planes(shot.as_ref())).collect(),
                clean: clean.map(planes),
                first: None,
                taught: Vec::new(),
                held_out: Vec::new(),
            }
        };
        let scenes = windows.into_iter().map(scene).collect();
        Self { scenes, defects: Defects::default(), noise: None, sampler: None, learned: None }
    }

    /// Finds impulses and lines and takes them out, as is done with any photo before a network sees it.
    pub fn mend(&mut self) {
        let shots: Vec<&Planar> = self.scenes.iter().map(|scene| &scene.shots[0]).collect();
        self.defects = Defects::of(&shots);
        for scene in &mut self.scenes {
            scene.shots[0] = self.defects.removed(&scene.shots[0]);
        }
    }

    /// Chooses squares of `side` that are not learned from, where a scene is large enough to spare them.
    pub fn hold_out(&mut self, side: usize, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for scene in &mut self.scenes {
            let (width, height) = (scene.shots[0].width, scene.shots[0].height);
            if width < 3 * side || height < 3 * side {
                continue;
            }
            let count = (HELD_OUT * (width * height) as f64 / (side * side) as f64).round().max(1.0) as usize;
            for _ in 0..100 * count {
                let x = rng.random_range(0..=(width - side) as u32) as usize;
                let y = rng.random_range(0..=(height - side) as u32) as usize;
                let square = Square { x, y, side };
                if scene.held_out.len() < count && !scene.held_out.iter().any(|other| other.meets(&square)) {
                    scene.held_out.push(square);
                }
            }
        }
    }

    /// Takes a blurred photo for what a network made of it.
    pub fn blur(&mut self) {
        for scene in &mut self.scenes {
            scene.first = Some(box_blur(&scene.shots[0], BLUR));
        }
    }

    /// Finds out what the noise is like, now that the network has looked at the photo; of photos too small for that, takes
    /// it for white, and as strong as estimated.
    /// A model that is there already is kept.
    pub fn find_noise(&mut self, estimate: &NoiseEstimate) {
        if self.noise.is_some() {
            return;
        }
        let looked = self.scenes.iter().filter_map(|scene| Some((&scene.shots[0], scene.first.as_ref()?)));
        let pairs: Vec<(&Planar, &Planar)> = looked.collect();
        let model = NoiseModel::of(&pairs, self.defects.clone());
        let channels = self.scenes[0].shots[0].channels;
        self.take_noise(model.unwrap_or_else(|| NoiseModel::white(estimate.sigma, channels)));
    }

    /// Takes noise for the photo's. What is taken out of photos is not learned.
    pub fn take_noise(&mut self, noise: NoiseModel) {
        let rest = NoiseModel { defects: Defects::default(), ..noise.clone() };
        self.sampler = Some(rest.sampler());
        self.learned = Some(rest.times((LEARNED / rest.sigma()).clamp(1.0, STRONGER)).sampler());
        self.noise = Some(noise);
    }

    /// The shorter side of the smallest scene.
    pub fn side(&self) -> usize {
        self.scenes.iter().map(|s| s.shots[0].width.min(s.shots[0].height)).min().unwrap_or_default()
    }

    /// Pixels of all scenes.
    pub fn pixels(&self) -> usize {
        self.scenes.iter().map(|s| s.shots[0].width * s.shots[0].height).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::Samples;
    use std::sync::Arc;

    fn photo(width: usize, height: usize) -> Arc<Photo> {
        let samples = (0..width * height).map(|i| i as f32).collect();
        Arc::new(Photo::new(width, height, 1, false, Samples::F32(samples)).unwrap())
    }

    #[test]
    fn a_large_photo_gives_windows_from_corner_to_corner() {
        let material = Material::new(&[photo(3000, 2000)], None, 1).unwrap();
        assert_eq!(material.scenes.len(), 9);
        assert!(material.pixels() <= PIXELS);
        assert_eq!(material.scenes[0].shots[0].data[0], 0.0);
        assert_eq!(*material.scenes[8].shots[0].data.last().unwrap(), (3000 * 2000 - 1) as f32);
        let small = Material::new(&[photo(30, 20)], None, 3).unwrap();
        assert_eq!((small.scenes.len(), small.side(), small.scenes[0].shots[0].channels), (1, 20, 3));
    }

    #[test]
    fn shots_of_two_sizes_are_refused() {
        let error = Material::new(&[photo(9, 9), photo(9, 8)], None, 1).unwrap_err();
        assert_eq!(error.kind(), Kind::Option);
        assert!(Material::new(&[] as &[Arc<Photo>], None, 1).is_err());
    }
}
