//! Batches: random patches of the material, turned in any of the eight ways.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::material::{Material, Scene, Square};
use crate::nn::Symmetry;
use crate::noise::Sampler;
use crate::photo::Planar;

/// Where a patch lies, and how it is turned: one of the eight ways.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// Index of the scene.
    pub scene: usize,
    /// The patch.
    pub square: Square,
    /// How it is turned.
    pub turn: Symmetry,
}

/// Samples a batch: random numbers, and what they are drawn from.
pub struct BatchSampler<'a> {
    /// What is learned from.
    pub material: &'a Material,
    /// Random numbers of this step.
    pub rng: ChaCha8Rng,
    /// Device of the batch.
    pub device: Device,
    /// Patches of a batch.
    pub batch: usize,
    /// Side of a patch, pixels.
    pub patch: usize,
    /// From 0 (first step) to 1 (last).
    pub progress: f64,
    /// Whether patches come from the parts that are held out, or from the others.
    pub held_out: bool,
}

impl BatchSampler<'_> {
    /// Places for a batch of patches, `side` pixels wide, or as wide as the photo allows.
    pub fn spots(&mut self, side: usize) -> Vec<Spot> {
        (0..self.batch).map(|_| self.spot(side)).collect()
    }

    /// A place, outside (or within) what is held out where that leaves any.
    pub fn spot(&mut self, side: usize) -> Spot {
        let scene = self.rng.random_range(0..self.material.scenes.len() as u32) as usize;
        let bits = self.rng.random_range(0..8u32);
        let turn =
            Symmetry { flip_columns: bits & 1 != 0, flip_rows: bits & 2 != 0, transpose: bits & 4 != 0 };
        let place = &self.material.scenes[scene];
        let (width, height) = (place.shots[0].width, place.shots[0].height);
        let mut square = Square { x: 0, y: 0, side };
        for _ in 0..64 {
            square.x = self.rng.random_range(0..=(width - side) as u32) as usize;
            square.y = self.rng.random_range(0..=(height - side) as u32) as usize;
            if place.held_out.iter().any(|held| held.meets(&square)) == self.held_out {
                break;
            }
        }
        Spot { scene, square, turn }
    }

    /// A field of noise like the photo's, as it would be on a clean patch.
    pub fn noise(&mut self, clean: &Planar) -> Planar {
        match &self.material.sampler {
            Some(sampler) => sampler.field(clean, &mut self.rng),
            None => Planar { data: vec![0.0; clean.data.len()], ..*clean },
        }
    }

    /// What the photo would be like where it is this clean patch.
    pub fn noisy(&mut self, clean: &Planar) -> Planar {
        self.with_noise_of(self.material.sampler.as_ref(), clean)
    }

    /// The same with noise as strong as is learned.
    pub fn noisier(&mut self, clean: &Planar) -> Planar {
        self.with_noise_of(self.material.learned.as_ref(), clean)
    }

    fn with_noise_of(&mut self, sampler: Option<&Sampler>, clean: &Planar) -> Planar {
        sampler.map_or_else(|| clean.clone(), |sampler| sampler.noisy(clean, &mut self.rng))
    }

    /// The patches of a plane of the scenes at the given places: `[N, C, side, side]`.
    pub fn cut<'m>(&'m self, spots: &[Spot], plane: impl Fn(&'m Scene) -> &'m Planar) -> Tensor<4> {
        let patches: Vec<Planar> =
            spots.iter().map(|spot| patch(plane(&self.material.scenes[spot.scene]), spot)).collect();
        stack(&patches, &self.device)
    }
}

/// The patch at a place, turned.
pub fn patch(plane: &Planar, spot: &Spot) -> Planar {
    let Square { x, y, side } = spot.square;
    let cut = plane.crop(x, y, side, side);
    let mut data = Vec::with_capacity(cut.data.len());
    for channel in cut.data.chunks(side * side) {
        for row in 0..side {
            for column in 0..side {
                let [row, column] = spot.turn.source([row, column], side);
                data.push(channel[row * side + column]);
            }
        }
    }
    Planar { data, ..cut }
}

/// Pictures of one size as a batch: `[N, C, H, W]`.
pub fn stack(pictures: &[Planar], device: &Device) -> Tensor<4> {
    let first = &pictures[0];
    let shape = [pictures.len(), first.channels, first.height, first.width];
    let data: Vec<f32> = pictures.iter().flat_map(|picture| picture.data.iter().copied()).collect();
    Tensor::from_data(TensorData::new(data, shape), device)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::photo::{Photo, Samples};

    #[test]
    fn training_never_sees_what_is_held_out() {
        let samples = (0..200 * 200).map(|i| i as f32).collect();
        let photo = std::sync::Arc::new(Photo::new(200, 200, 1, false, Samples::F32(samples)).unwrap());
        let mut material = Material::new(&[photo], None, 1).unwrap();
        material.hold_out(48, 1);
        let held = material.scenes[0].held_out.clone();
        assert!(!held.is_empty());
        let rng = ChaCha8Rng::seed_from_u64(2);
        let device = Device::flex();
        let mut batches = BatchSampler {
            material: &material,
            rng,
            device,
            batch: 100,
            patch: 32,
            progress: 0.0,
            held_out: false,
        };
        let meets = |spot: &Spot| held.iter().any(|h| h.meets(&spot.square));
        assert!(!batches.spots(32).iter().any(meets));
        batches.held_out = true;
        assert!(batches.spots(32).iter().all(meets));
    }
}
