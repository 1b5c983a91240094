//! A network while it learns: steps of the optimiser, and the running average of the weights.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::optimiser::Adam;
use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network, Optimiser};
use crate::nn::read;
use crate::objectives::TrainingLoss;
use crate::sampling::BatchSampler;
use crate::weights::{average, freeze_statistics};

/// How much of the average's weights stays in each step, at most; fewer in the first steps.
const KEEP: f32 = 0.98;

pub(super) struct Learning {
    network: Network,
    average: Network,
    optimiser: ModuleOptimizer,
    training_loss: Box<dyn TrainingLoss>,
    /// Patches that are held in memory at a time.
    micro_batch: usize,
    done: usize,
    losses: Vec<Tensor<1>>,
}

impl Learning {
    /// - `fresh`: whether the weights are random, so that statistics of normalisations are to be learned, too
    /// - `micro_batch`: patches that a backward pass may hold; gradients of larger batches add up
    pub(super) fn new(
        card: &Card,
        network: &Network,
        fresh: bool,
        training_loss: Box<dyn TrainingLoss>,
        micro_batch: usize,
    ) -> Self {
        // `valid` gives statistics of normalisations of its own to a network; a clone would share them.
        let (average, network) = (network.valid(), network.valid().train());
        let network = if fresh { network } else { freeze_statistics(network) };
        Self {
            network,
            average,
            optimiser: optimiser(card),
            training_loss,
            micro_batch,
            done: 0,
            losses: Vec::new(),
        }
    }

    /// Steps done.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    pub(super) fn training_loss(&mut self) -> &mut dyn TrainingLoss {
        &mut *self.training_loss
    }

    /// The averaged weights, ready to run.
    pub(super) fn average(&self) -> Network {
        self.average.valid()
    }

    /// One step of the optimiser.
    pub(super) fn step(&mut self, batches: &mut BatchSampler<'_>, rate: f64) {
        let batch = batches.batch;
        let mut gradients = GradientsAccumulator::new();
        let mut losses = Vec::new();
        for done in (0..batch).step_by(self.micro_batch) {
            batches.batch = self.micro_batch.min(batch - done);
            let share = batches.batch as f32 / batch as f32;
            let loss = self.training_loss.loss(&self.network, batches) * share;
            losses.push(loss.clone().without_autodiff());
            gradients.accumulate(&self.network, GradientsParams::from_grads(loss.backward(), &self.network));
        }
        self.network = self.optimiser.step(rate, self.network.clone(), gradients.grads());
        let keep = KEEP.min((1 + self.done) as f32 / (10 + self.done) as f32);
        self.average = average(self.average.clone(), &self.network, keep);
        self.losses.push(Tensor::cat(losses, 0).sum());
        self.done += 1;
    }

    /// The mean loss since the last reading.
    pub(super) async fn read_loss(&mut self) -> Result<f32> {
        let losses: Vec<Tensor<1>> = self.losses.drain(..).collect();
        let count = losses.len().max(1) as f32;
        let loss = read(Tensor::cat(losses, 0)).await?.iter().sum::<f32>() / count;
        if loss.is_finite() {
            return Ok(loss);
        }
        Err(Error::new(Kind::Internal, format!("training diverged: the loss is {loss}")))
    }
}

fn optimiser(card: &Card) -> ModuleOptimizer {
    let adam = match card.training.optimiser {
        Optimiser::AdamW => Adam { decay: 0.01, ..Adam::TORCH },
        Optimiser::Adam => Adam { betas: [0.9, 0.99], ..Adam::TORCH },
    };
    adam.init()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::models::Model;
    use crate::objectives::supervised::Supervised;
    use crate::photo::{Photo, Samples};
    use crate::sampling::Material;

    fn photo(phase: f32) -> Photo {
        let samples = (0..32 * 32 * 3).map(|i| 0.5 + 0.4 * (i as f32 * 0.37 + phase).sin()).collect();
        Photo::new(32, 32, 3, false, Samples::F32(samples)).unwrap()
    }

    #[test]
    fn a_batch_in_parts_teaches_what_it_teaches_at_once() {
        let device = Device::flex();
        let model = Model::random("rednet", "small", 5, &device).unwrap();
        let material = Material::new(&[std::sync::Arc::new(photo(0.0))], Some(&photo(0.7)), 3).unwrap();
        let learned = |micro_batch: usize| {
            let mut batches = BatchSampler {
                material: &material,
                rng: ChaCha8Rng::seed_from_u64(3),
                device: device.clone().autodiff(),
                batch: 4,
                patch: 16,
                progress: 0.0,
                held_out: false,
            };
            let mut learning =
                Learning::new(model.card(), model.network(), true, Box::new(Supervised), micro_batch);
            learning.step(&mut batches, 1e-2);
            let loss = pollster::block_on(learning.read_loss()).unwrap();
            (loss, pollster::block_on(learning.average().export()).unwrap())
        };
        let (loss, whole) = learned(4);
        for micro_batch in [1, 3] {
            let (other, parts) = learned(micro_batch);
            assert!((other / loss - 1.0).abs() < 1e-5, "{loss} {other}");
            for (key, array) in &whole.arrays {
                // A first step of Adam is as long for a gradient of nothing but rounding as for any other: single weights
                // may differ, all together not.
                let squares = array.data.iter().zip(&parts.arrays[key].data).map(|(a, b)| (a - b) * (a - b));
                let apart = (squares.sum::<f32>() / array.data.len() as f32).sqrt();
                assert!(apart < 2e-5, "{key}: {apart} of steps of 1e-2");
            }
        }
    }
}
