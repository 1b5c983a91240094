//! A network while it learns: steps of the optimiser, and the running average of the weights.

use burn::module::Module;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::average::{average, freeze_statistics};
use super::material::Draw;
use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network};
use crate::nn::read;
use crate::objectives::Lesson;

/// How much of the average's weights stays in each step, at most; fewer in the first steps.
const KEEP: f32 = 0.98;

pub(super) struct Learning {
    network: Network,
    average: Network,
    optimiser: ModuleOptimizer,
    lesson: Box<dyn Lesson>,
    done: usize,
    losses: Vec<Tensor<1>>,
}

impl Learning {
    /// `fresh`: whether the weights are random, so that statistics of normalisations are to be learned, too.
    pub(super) fn new(card: &Card, network: &Network, fresh: bool, lesson: Box<dyn Lesson>) -> Self {
        // `valid` gives statistics of normalisations of its own to a network; a clone would share them.
        let (average, network) = (network.valid(), network.valid().train());
        let network = if fresh { network } else { freeze_statistics(network) };
        Self { network, average, optimiser: optimiser(card), lesson, done: 0, losses: Vec::new() }
    }

    /// Steps done.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    pub(super) fn lesson(&mut self) -> &mut dyn Lesson {
        &mut *self.lesson
    }

    /// The averaged weights, ready to run.
    pub(super) fn average(&self) -> Network {
        self.average.valid()
    }

    /// One step of the optimiser.
    pub(super) fn step(&mut self, draw: &mut Draw<'_>, rate: f64) {
        let loss = self.lesson.loss(&self.network, draw);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimiser.step(rate, self.network.clone(), gradients);
        let keep = KEEP.min((1 + self.done) as f32 / (10 + self.done) as f32);
        self.average = average(self.average.clone(), &self.network, keep);
        self.losses.push(loss.without_autodiff());
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
        Err(Error::new(Kind::Internal, format!("learning has come apart: the loss is {loss}")))
    }
}

/// AdamW where it is published so, else Adam, with the betas that most of this literature uses.
fn optimiser(card: &Card) -> ModuleOptimizer {
    match card.id {
        "tbsn" | "distilled-unet" => AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init(),
        _ => AdamConfig::new().with_beta_2(0.99).with_epsilon(1e-8).init(),
    }
}
