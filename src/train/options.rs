//! What is asked of a run, and what is told of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::validation::{Score, ValidationReport};
use crate::error::{Error, Kind, Result};
use crate::models::{Conditions, Mode, Model};
use crate::noise::{NoiseModel, NoiseSummary};
use crate::objectives::Objective;
use crate::weights::{Precision, StateDict};

/// How to fine-tune.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The training objective; by default what suits the network and its weights.
    pub objective: Option<Objective>,
    /// Steps of the optimiser, over all stages; by default what suits the network's weights.
    pub steps: Option<usize>,
    /// Seconds, at most; the schedule is fitted to what ends first.
    pub seconds: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether several photos are shots of one scene, all of one size; else they are pictures with noise of one kind.
    pub shots: bool,
    /// Peak of the learning rate; by default what suits the network and its weights.
    pub learning_rate: Option<f64>,
    /// Patches of a batch.
    pub batch: Option<usize>,
    /// Side of a patch, in pixels; rounded to what the network takes.
    pub patch: Option<usize>,
    /// How the network is run on the photo before it is tuned; by default as the model says.
    pub adapt: Mode,
    /// Seed and masks of the network, for those that ask.
    pub conditions: Conditions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            objective: None,
            steps: None,
            seconds: None,
            seed: 0,
            shots: false,
            learning_rate: None,
            batch: None,
            patch: None,
            adapt: Mode::Auto,
            conditions: Conditions::default(),
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::new(Kind::Option, what));
        if self.steps == Some(0) {
            return wrong("steps is 0; it must be at least 1".into());
        }
        if let Some(seconds) = self.seconds.filter(|s| !(*s > 0.0 && s.is_finite())) {
            return wrong(format!("seconds is {seconds}; it must be above 0"));
        }
        if let Some(rate) = self.learning_rate.filter(|r| !(*r > 0.0 && *r < 1.0)) {
            return wrong(format!("the learning rate is {rate}; it must be between 0 and 1"));
        }
        if self.batch == Some(0) || self.patch == Some(0) {
            return wrong("batch and patch must be at least 1".into());
        }
        Ok(())
    }
}

/// What a trainer is at.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Denoising the photo: the result is trained on.
    #[default]
    Looking,
    /// Training.
    Learning,
}

/// How far a run of fine-tuning is.
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LearningProgress"))]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done at the moment.
    pub phase: Phase,
    /// Stage of the run (teachers learn in stages of their own), from 0.
    pub stage: usize,
    /// Stages in all.
    pub stages: usize,
    /// How much of this stage is done, 0 to 1.
    pub done: f32,
    /// Steps of the optimiser in this stage.
    pub step: usize,
    /// Steps that this stage will have, unless time runs out before.
    pub steps: usize,
    /// The training objective.
    #[cfg_attr(test, ts(type = "string"))]
    pub objective: Objective,
    /// The photo's noise, once it is measured; for objectives that use it.
    pub noise: Option<NoiseSummary>,
    /// Mean of the loss over the last steps, once there is one.
    pub loss: Option<f32>,
    /// Validation so far: after which step, and the score, of which less is better. The first is the network before training.
    pub scores: Vec<(usize, Score)>,
    /// The same by simulated pairs of the photo's noise: mean square errors, of which less is better.
    pub simulated: Vec<(usize, Score)>,
    /// After which step the network was best; 0 is the network before training.
    pub best_step: usize,
    /// Share of its score by which the network before training must be beaten, where the score is the loss; else 0.
    pub margin: f32,
    /// Time since the beginning, seconds.
    pub seconds: f64,
}

impl Progress {
    pub(super) fn new(objective: Objective, steps: usize, margin: f32) -> Self {
        Self {
            phase: Phase::Looking,
            stage: 0,
            stages: 0,
            done: 0.0,
            step: 0,
            steps,
            objective,
            noise: None,
            loss: None,
            scores: Vec::new(),
            simulated: Vec::new(),
            best_step: 0,
            margin,
            seconds: 0.0,
        }
    }

    /// Writes down what was found out after a step.
    pub(super) fn note(&mut self, step: usize, report: &ValidationReport) {
        self.scores.push((step, report.score));
        self.simulated.extend(report.simulated.map(|error| (step, error)));
    }

    /// Whether a network is better than the best so far; than the one before training, by the margin.
    pub(super) fn is_best(&self, score: Score) -> bool {
        let best = self.scores.iter().find(|(step, _)| *step == self.best_step);
        let margin = if self.best_step == 0 { self.margin } else { 0.0 };
        best.is_none_or(|(_, best)| score < best - margin * best.abs())
    }

    /// Whether the network was better than the one before training each time in the second half of the validations: one alone may be
    /// so by chance.
    pub(super) fn is_steadily_better(&self) -> bool {
        let Some(((_, before), since)) = self.scores.split_first() else { return true };
        since[since.len() / 2..].iter().all(|(_, score)| score < before)
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Tuned {
    /// The best model: the tuned one, or the one before training. A tuned network was trained for the photo's noise as it is, and is
    /// to be run plain, or as a self-ensemble.
    pub model: Model,
    /// Whether it is the tuned one.
    pub kept: bool,
    /// What was learned in the end, kept or not; `None` of a run that was stopped before it learned.
    pub learned: Option<Model>,
    /// Where the run ended.
    pub progress: Progress,
    /// Seed of the run.
    pub seed: u64,
    /// The photo's noise, where it was learned from.
    pub noise: Option<NoiseModel>,
}

impl Tuned {
    /// The weights as a `.safetensors` file, with notes on how they came about. `base` names what they came from.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Weights`] when they cannot be written.
    pub async fn to_safetensors(&self, base: &str, precision: Precision) -> Result<Vec<u8>> {
        let steps = if self.kept { self.progress.best_step } else { 0 };
        self.file(&self.model, base, steps, precision).await
    }

    /// What was learned in the end as such a file, also where it is not kept: for those who like it better all the same. `None`
    /// where nothing was learned.
    ///
    /// # Errors
    /// As [`Tuned::to_safetensors`].
    pub async fn learned_to_safetensors(&self, base: &str, precision: Precision) -> Result<Option<Vec<u8>>> {
        let Some(learned) = &self.learned else { return Ok(None) };
        self.file(learned, base, self.progress.step, precision).await.map(Some)
    }

    async fn file(&self, model: &Model, base: &str, steps: usize, precision: Precision) -> Result<Vec<u8>> {
        let mut state: StateDict = model.export().await?;
        state.metadata.extend(self.notes(base, steps));
        state.to_safetensors(precision)
    }

    fn notes(&self, base: &str, steps: usize) -> BTreeMap<String, String> {
        let notes = [
            ("format", "pt".to_string()),
            ("model", self.model.card().id.to_string()),
            ("base", base.to_string()),
            ("objective", self.progress.objective.to_string()),
            ("seed", self.seed.to_string()),
            ("steps", steps.to_string()),
        ];
        notes.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_score_alone_is_no_steady_gain() {
        let progress = |scores: &[Score]| Progress {
            scores: scores.iter().copied().enumerate().collect(),
            ..Progress::new(Objective::NoiseModel, 100, 0.0)
        };
        assert!(progress(&[1.0]).is_steadily_better());
        assert!(progress(&[1.0, 1.1, 0.9, 0.8]).is_steadily_better());
        assert!(!progress(&[1.0, 0.8, 1.1, 0.9]).is_steadily_better());
        assert!(!progress(&[1.0, 0.8, 0.9, 1.1]).is_steadily_better());
    }
}
