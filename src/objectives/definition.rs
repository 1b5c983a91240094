//! What an objective is to the rest of the crate: [`Definition`], which each file of an objective makes.

use burn::tensor::Tensor;
use serde::Serialize;

use crate::models::{Card, Network};
use crate::noise::Streaks;
use crate::sampling::BatchSampler;

/// Draws batches and tells how far a network is from what it is to learn.
pub trait TrainingLoss: Send {
    /// The loss of one batch, with gradients to the network's weights.
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1>;
}

/// What an objective is, for people who choose one.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveCard {
    /// Name to give as `objective`; stable.
    pub id: &'static str,
    /// Name, for people.
    pub title: &'static str,
    /// One or two sentences: what is learned, and when to take it.
    pub summary: &'static str,
    /// Noisy photos of one scene that it needs, at least.
    pub shots: usize,
    /// Whether it needs the scene without noise.
    pub clean: bool,
    /// Where it was published.
    pub url: &'static str,
}

/// What a run of training is like when nobody says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Peak of the learning rate.
    pub rate: f64,
    /// Patches of a batch.
    pub batch: usize,
    /// Their side, pixels; for networks that enlarge, of the small picture.
    pub patch: usize,
}

/// [`Settings`] for trained weights: 25 steps are two thirds of what 100 gain.
pub const TRAINED: Settings = Settings { steps: 100, rate: 3e-4, batch: 4, patch: 64 };
/// [`Settings`] for random weights: many small steps.
pub const RANDOM: Settings = Settings { steps: 600, rate: 2e-3, batch: 8, patch: 48 };

/// What success is measured by, without the clean photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// The estimated risk of denoising the photo.
    Risk,
    /// The loss on what is held out: for objectives whose target is not the noisy photo itself.
    Loss,
}

/// What is known of photo and network when an objective is to be learned by.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Factor of pixel-shuffle downsampling at which the noise is independent from pixel to pixel; 1 for white noise.
    pub pd: usize,
    /// Standard deviation of the noise in `[0, 1]` units.
    pub sigma: f32,
    /// Output size over input size of the network.
    pub scale: usize,
    /// Along what the noise spreads, where it does so along one axis only.
    pub streaks: Option<Streaks>,
    /// Whether the channels share the noise.
    pub together: bool,
}

/// A network that learns first, for the learner to learn from its results.
#[derive(Clone, Copy)]
pub struct Teacher {
    /// Id of its card. It starts from random weights of the small preset.
    pub network: &'static str,
    /// Its training objective.
    pub objective: &'static Definition,
    /// Its share of the steps.
    pub share: f64,
}

/// Who is trained by which objective, in which order.
#[derive(Clone, Copy)]
pub struct Curriculum {
    /// The teachers, the first to learn first.
    pub teachers: &'static [Teacher],
    /// The objective of the learner then; this one, if `None`.
    pub learner: Option<&'static Definition>,
}

impl Curriculum {
    /// The learner alone.
    pub const ALONE: Self = Self { teachers: &[], learner: None };
}

/// An objective. Its file makes one, and a line in `mod.rs` lists it.
pub struct Definition {
    /// What it is, for people.
    pub card: ObjectiveCard,
    /// Whether it suits any network that gives a photo of the size that it takes; others are named by the cards of the networks
    /// that they suit.
    pub general: bool,
    /// Settings for trained and for random weights.
    pub settings: [Settings; 2],
    /// What its success is measured by.
    pub validation: Validation,
    /// By how much it divides a patch before the network sees it.
    pub divides: usize,
    /// Whether the target is the learner's own result, so that it denoises the photo anew whenever it has become better.
    pub learns_from_itself: bool,
    /// The teachers, for the learner's card.
    pub curriculum: fn(&Card) -> Curriculum,
    /// The training loss.
    pub training_loss: fn(&Setting) -> Box<dyn TrainingLoss>,
}

impl Definition {
    /// An objective for any network that gives a photo of the size that it takes, as most are: validated by the risk, without
    /// teachers.
    pub const fn general(card: ObjectiveCard, training_loss: fn(&Setting) -> Box<dyn TrainingLoss>) -> Self {
        Self {
            card,
            general: true,
            settings: [TRAINED, RANDOM],
            validation: Validation::Risk,
            divides: 1,
            learns_from_itself: false,
            curriculum: |_| Curriculum::ALONE,
            training_loss,
        }
    }

    /// The same for the networks alone whose cards name it.
    pub const fn special(card: ObjectiveCard, training_loss: fn(&Setting) -> Box<dyn TrainingLoss>) -> Self {
        Self { general: false, ..Self::general(card, training_loss) }
    }
}
