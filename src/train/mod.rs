//! Fine-tuning on one photo: a [`Trainer`] that is pumped.
//!
//! Each [`Trainer::step`] does a little: a tile of the look at the photo before learning, a step of the optimiser, or a
//! report. Whoever pumps it shows progress between the steps, stops by not pumping any more, and takes what was best
//! so far by [`Trainer::finish`]; or drops it, and keeps the network as it was.

mod learning;
pub(crate) mod optimiser;
mod options;
mod stages;
mod validation;

pub use options::{Options, Phase, Progress, Tuned};

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use web_time::Instant;

use crate::error::{Error, Kind, Result};
use crate::inference::{self, Execution, Job};
use crate::models::{Card, Mode, Model, Network};
use crate::noise::NoiseModel;
use crate::objectives::{Definition, Objective, Validation};
use crate::photo::Photo;
use crate::sampling::{BatchSampler, Material};
use crate::weights::average;
use learning::Learning;
use stages::{Facts, Stage, Who};
use validation::{ValidationReport, Validator};

/// Between two readings of the loss: reading makes a GPU wait.
const READ_EVERY: usize = 5;
/// Validations of the network while it learns.
const VALIDATIONS: usize = 4;
/// Share of the weights before training in their mean with the new ones (Wortsman et al., "Robust fine-tuning of zero-shot
/// models", CVPR 2022).
const HALF_WAY: f32 = 0.5;
/// The same where there is little proof that it is better.
const QUARTER_WAY: f32 = 0.75;
/// Share of the steps over which the learning rate rises.
const WARM_UP: f64 = 0.05;

/// A run of fine-tuning.
pub struct Trainer {
    options: Options,
    facts: Facts,
    material: Material,
    /// As it was given.
    start: Model,
    /// The one that learns, and its teachers after it.
    models: Vec<Model>,
    stages: Vec<Stage>,
    stage: usize,
    work: Work,
    /// Seconds at work: pauses between steps do not count.
    spent: f64,
    /// Those of the stages before this one.
    before: f64,
    progress: Progress,
    validator: Option<Validator>,
    /// The report on the network before training.
    report_before: Option<ValidationReport>,
    best: Option<Model>,
    /// The one that has learned to the end.
    learned: Option<Model>,
}

/// What a validation came to.
enum Verdict {
    /// No network is better for certain.
    Nothing,
    /// One is better than the network before training; the best of all such is kept.
    Better,
    /// There is no such, but one that nothing speaks against.
    Enough,
}

/// What is under way.
enum Work {
    /// Nothing: the next stage is to begin.
    Idle,
    /// A network looks at a scene; one that learns goes on with that afterwards.
    Look { scene: usize, job: Box<Job>, learning: Option<Box<Learning>> },
    /// A network learns.
    Learn(Box<Learning>),
}

impl Trainer {
    /// Plans a run. Nothing is computed yet.
    ///
    /// - `photos`: the noisy photo, or several of one kind, or shots of one scene ([`Options::shots`])
    /// - `clean`: the scene without noise, for objectives that want it
    ///
    /// # Errors
    /// [`Kind::Option`] for options out of their range, an objective that does not suit the network or lacks a photo,
    /// photos of different sizes, and photos too small to learn from.
    pub fn new(model: Model, photos: &[Arc<Photo>], clean: Option<&Photo>, options: Options) -> Result<Self> {
        let (card, random) = (model.card(), model.is_random());
        let objective = options.objective.unwrap_or_else(|| Objective::default_of(card, random));
        let definition = objective.definition();
        options.check()?;
        let mut material = match options.shots || photos.len() < 2 {
            true => Material::new(photos, clean, card.channels)?,
            false => Material::of_pictures(photos, clean, card.channels)?,
        };
        check_objective(card, objective, material.scenes[0].shots.len(), clean.is_some())?;
        if definition.validation == Validation::Risk {
            material.mend();
        }
        let facts = Facts::of(&model, definition, &material, photos, &options)?;
        material.hold_out(facts.validation_side, options.seed);
        let model = model.map(|network| network.in_range(photos[0].range()));
        let start = model.clone();
        let model = if random {
            // What a fresh network makes of a photo tells nothing about its noise.
            material.blur();
            model.map(|network| network.with_statistics(&facts.statistics))
        } else {
            model
        };
        let (models, stages) = stages::plan(definition, model, &options)?;
        let progress = Progress::new(objective, facts.steps, facts.margin);
        Ok(Self {
            options,
            facts,
            material,
            start,
            models,
            stages,
            stage: 0,
            work: Work::Idle,
            spent: 0.0,
            before: 0.0,
            progress,
            validator: None,
            report_before: None,
            best: None,
            learned: None,
        })
    }

    /// Has the run learn noise of a model that is known already, instead of that of the photo.
    ///
    /// # Errors
    /// [`Kind::Option`] when the model has more channels than the network takes.
    pub fn use_noise(&mut self, model: &NoiseModel) -> Result<()> {
        let channels = self.start.card().channels;
        if model.channels > channels {
            let message = format!("a model of noise in {} channels does not fit {channels}", model.channels);
            return Err(Error::new(Kind::Option, message));
        }
        self.material.take_noise(model.clone());
        Ok(())
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Does a little, and tells how far it is; `None` when there is nothing left to do.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the loss is no number.
    pub async fn step(&mut self) -> Result<Option<&Progress>> {
        let started = Instant::now();
        let work = std::mem::replace(&mut self.work, Work::Idle);
        self.work = match work {
            Work::Idle => match self.stages.get(self.stage).copied() {
                None => return Ok(None),
                Some(stage) => self.begin(stage)?,
            },
            Work::Look { scene, job, learning } => self.look(scene, job, learning).await?,
            Work::Learn(learning) => self.learn(learning).await?,
        };
        self.spent += started.elapsed().as_secs_f64();
        self.progress.seconds = self.spent;
        Ok(Some(&self.progress))
    }

    /// The model as it is at the moment, averaged over the last steps while it learns, else the best so far.
    #[must_use]
    pub fn current(&self) -> Model {
        self.learning().unwrap_or_else(|| self.current_best().clone())
    }

    /// The learner in the midst of its learning.
    fn learning(&self) -> Option<Model> {
        match (&self.work, self.stages.get(self.stage)) {
            (Work::Learn(learning), Some(Stage::Learn { who: Who::Learner, .. })) if learning.done() > 0 => {
                Some(self.tuned(learning.average()))
            }
            _ => None,
        }
    }

    fn current_best(&self) -> &Model {
        self.best.as_ref().unwrap_or(&self.models[0])
    }

    /// What has been learned, as a model: one that has learned the photo's noise needs nothing around it.
    fn tuned(&self, network: Network) -> Model {
        self.start.trained(network, self.facts.tuned_mode())
    }

    /// Validates the network as it is, so that [`Trainer::finish`] knows of it: for a run that is stopped early.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn settle(&mut self) -> Result<()> {
        if let Work::Learn(mut learning) = std::mem::replace(&mut self.work, Work::Idle) {
            let validated = self.progress.scores.last().is_some_and(|(step, _)| *step == learning.done());
            if learning.done() > 0 && !validated {
                self.validate(&mut learning, true).await?;
            }
            self.work = Work::Learn(learning);
        }
        Ok(())
    }

    /// What [`Trainer::finish`] would give now, where a model was found better than the one before training: to be kept while the
    /// run goes on.
    #[must_use]
    pub fn best(&self) -> Option<Tuned> {
        let model = self.best.clone()?;
        let (progress, noise) = (self.progress.clone(), self.material.noise.clone());
        Some(Tuned { model, kept: true, learned: None, progress, seed: self.options.seed, noise })
    }

    /// The best model so far, or the one before training if none was better.
    #[must_use]
    pub fn finish(self) -> Tuned {
        let kept = self.best.is_some();
        let learned = self.learned.clone().or_else(|| self.learning());
        Tuned {
            model: self.best.unwrap_or(self.start),
            kept,
            learned,
            progress: self.progress,
            seed: self.options.seed,
            noise: self.material.noise,
        }
    }

    fn begin(&mut self, stage: Stage) -> Result<Work> {
        self.progress.stage = self.stage;
        self.progress.stages = self.stages.len();
        match stage {
            Stage::Look(who) => {
                let model = self.models[who.index()].clone();
                let execution = self.facts.look(who, &self.options);
                self.progress.loss = None;
                self.begin_look((model, execution), 0, None)
            }
            Stage::Learn { who, objective, .. } => self.begin_learning(who, objective),
        }
    }

    fn begin_look(
        &mut self,
        (model, Execution { conditions, adapt }): (Model, Execution),
        scene: usize,
        learning: Option<Box<Learning>>,
    ) -> Result<Work> {
        let photo = Photo::from_planar(&self.material.scenes[scene].shots[0])?;
        let adapt = Mode::Fixed(adapt);
        let options = inference::Options { conditions, adapt, mend: false, ..Default::default() };
        let job = Job::new(model, Arc::new(photo), options)?;
        self.progress.phase = Phase::Looking;
        Ok(Work::Look { scene, job: Box::new(job), learning })
    }

    /// Who looks: the network of the stage, which may be at learning.
    fn looking(&self, at_learning: bool) -> Who {
        match self.stages[self.stage] {
            Stage::Look(who) => who,
            Stage::Learn { who, .. } => {
                debug_assert!(at_learning);
                who
            }
        }
    }

    async fn look(
        &mut self,
        scene: usize,
        mut job: Box<Job>,
        learning: Option<Box<Learning>>,
    ) -> Result<Work> {
        let more = job.step().await?.is_some();
        let scenes = self.material.scenes.len();
        if learning.is_none() {
            let done = scene as f32 + job.done() as f32 / job.plan().tiles.len() as f32;
            self.progress.done = done / scenes as f32;
        }
        if more {
            return Ok(Work::Look { scene, job, learning });
        }
        let who = self.looking(learning.is_some());
        let (model, execution) = (job.model().clone(), *job.execution());
        let result = job.finish()?;
        let planes = result.window(0, 0, result.width(), result.height(), model.card().channels);
        let place = &mut self.material.scenes[scene];
        match who {
            Who::Learner => place.first = Some(planes),
            Who::Teacher(_) => place.taught.push(planes),
        }
        if scene + 1 < scenes {
            return self.begin_look((model, execution), scene + 1, learning);
        }
        let Some(learning) = learning else {
            self.next_stage();
            return Ok(Work::Idle);
        };
        self.progress.phase = Phase::Learning;
        Ok(Work::Learn(learning))
    }

    fn next_stage(&mut self) {
        self.stage += 1;
        self.before = self.spent;
    }

    fn begin_learning(&mut self, who: Who, objective: &Definition) -> Result<Work> {
        if who == Who::Learner && objective.validation == Validation::Risk {
            self.material.find_noise(&self.facts.noise);
            self.progress.noise = self.material.noise.as_ref().map(NoiseModel::summary);
        }
        let model = &self.models[who.index()];
        let (card, network) = (model.card(), model.network());
        let micro_batch = stages::micro_batch(card, network, &self.facts);
        let loss = self.facts.training_loss(objective, self.material.noise.as_ref());
        let learning = Learning::new(card, network, model.is_random(), loss, micro_batch);
        if who == Who::Learner {
            self.validator = Some(self.choose_validator(objective));
        }
        self.progress.phase = Phase::Learning;
        self.progress.step = 0;
        self.progress.steps = self.stage_steps();
        Ok(Work::Learn(Box::new(learning)))
    }

    fn choose_validator(&self, objective: &Definition) -> Validator {
        match objective.validation {
            Validation::Risk => {
                let (Facts { validation_side, erased, .. }, device) = (&self.facts, self.start.device());
                Validator::risk(&self.material, *validation_side, self.options.seed, *erased, device)
            }
            Validation::Loss => Validator::Loss,
        }
    }

    /// Steps of this stage.
    fn stage_steps(&self) -> usize {
        let share = self.stages[self.stage].share();
        ((self.facts.steps as f64 * share).round() as usize).max(1)
    }

    /// How much of this stage is over, by steps or by time, whichever is more.
    fn stage_progress(&self, step: usize) -> f64 {
        let by_steps = step as f64 / self.stage_steps() as f64;
        let by_time = self.options.seconds.map_or(0.0, |seconds| {
            let left: f64 = self.stages[self.stage..].iter().map(Stage::share).sum();
            let available = (seconds - self.before).max(1e-3) * self.stages[self.stage].share() / left;
            (self.spent - self.before) / available
        });
        by_steps.max(by_time)
    }

    async fn learn(&mut self, mut learning: Box<Learning>) -> Result<Work> {
        let progress = self.stage_progress(learning.done());
        self.progress.done = progress.min(1.0) as f32;
        if learning.done() == 0 {
            self.validate(&mut learning, false).await?;
        } else if progress >= 1.0 {
            self.validate(&mut learning, true).await?;
            return Ok(self.end_learning(&learning));
        }
        let mut batches = self.batch_sampler(learning.done() as u64, progress, true);
        learning.step(&mut batches, self.facts.rate * schedule(progress));
        self.progress.step = learning.done();
        if learning.done().is_multiple_of(READ_EVERY) {
            self.progress.loss = Some(learning.read_loss().await?);
        }
        let round = |progress: f64| (progress * VALIDATIONS as f64) as usize;
        let next = self.stage_progress(learning.done());
        if next < 1.0 && round(next) > round(progress) {
            self.validate(&mut learning, false).await?;
            if self.is_to_look_again() {
                let looks = (self.current_best().clone(), self.facts.tuned_execution(&self.options));
                return self.begin_look(looks, 0, Some(learning));
            }
        }
        Ok(Work::Learn(learning))
    }

    /// Whether the learner takes its own result for the truth, and has just become better.
    fn is_to_look_again(&self) -> bool {
        let takes_it = match self.stages[self.stage] {
            Stage::Learn { who: Who::Learner, objective, .. } => objective.learns_from_itself,
            _ => false,
        };
        let last = self.progress.scores.last().map(|(step, _)| *step);
        takes_it && self.best.is_some() && last == Some(self.progress.best_step)
    }

    /// Batches of the learner's material, from a seed of their own.
    fn batch_sampler(&self, number: u64, progress: f64, learning: bool) -> BatchSampler<'_> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        // Validation draws what no step does, and the same each time.
        rng.set_stream(2 * (number + (self.stage as u64) * (1 << 32)) + u64::from(learning));
        let device = self.start.device().clone();
        let device = if learning { device.autodiff() } else { device };
        let Facts { batch, patch, .. } = self.facts;
        BatchSampler { material: &self.material, rng, device, batch, patch, progress, held_out: !learning }
    }

    /// Compares the network as it is with the best so far, and with the one before training. Where the run is `ending` and nothing was
    /// sure, less will do for half of the way.
    async fn validate(&mut self, learning: &mut Learning, ending: bool) -> Result<()> {
        if self.validator.is_none() {
            return Ok(());
        }
        let step = learning.done();
        if step == 0 {
            let report = self.validate_before(learning).await?;
            self.progress.note(0, &report);
            let chosen = self.start.is_random() || self.options.learning_rate.is_some();
            if let Some(validator) = self.validator.as_ref().filter(|_| !chosen) {
                let left = validator.share_left(&report).await?;
                self.facts.rate *= left.map_or(1.0, stages::rate_for);
            }
            self.report_before = Some(report);
            return Ok(());
        }
        let (found, report, verdict) = self.choose(learning, ending).await?;
        let is_best = match verdict {
            Verdict::Better => self.progress.is_best(report.score),
            Verdict::Enough => true,
            Verdict::Nothing => false,
        };
        self.progress.note(step, &report);
        if is_best {
            self.progress.best_step = step;
            self.best = Some(found);
        }
        Ok(())
    }

    /// The network as it is, or a mean of its weights and those before: half of the way may be better where all of it is too far.
    async fn choose(
        &self,
        learning: &mut Learning,
        ending: bool,
    ) -> Result<(Model, ValidationReport, Verdict)> {
        let tuned = learning.average();
        let report = self.validate_tuned(&tuned, learning).await?;
        if self.is_surely_better(&report) {
            return Ok((self.tuned(tuned), report, Verdict::Better));
        }
        let towards = |keep: f32| average(self.models[0].network().clone(), &tuned, keep);
        let half = towards(HALF_WAY);
        let of_half = self.validate_tuned(&half, learning).await?;
        if self.is_surely_better(&of_half) {
            return Ok((self.tuned(half), of_half, Verdict::Better));
        }
        // Less will do where nothing was better in all of the run.
        if let Some(before) = self.report_before.as_ref().filter(|_| ending && self.best.is_none()) {
            if of_half.is_better_half_way(before) && self.progress.is_steadily_better() {
                return Ok((self.tuned(half), of_half, Verdict::Enough));
            }
            let quarter = towards(QUARTER_WAY);
            let execution = self.facts.quarter_way_execution(&self.options);
            let of_quarter = self.validate_network(&quarter, &execution, learning).await?;
            if of_quarter.is_better_quarter_way(before) {
                let model = self.start.trained(quarter, self.facts.quarter_way_mode);
                return Ok((model, of_quarter, Verdict::Enough));
            }
        }
        Ok((self.tuned(tuned), report, Verdict::Nothing))
    }

    async fn validate_tuned(&self, tuned: &Network, learning: &mut Learning) -> Result<ValidationReport> {
        self.validate_network(tuned, &self.facts.tuned_execution(&self.options), learning).await
    }

    /// Whether what was validated is better than the network before training; anything is better than random weights.
    fn is_surely_better(&self, report: &ValidationReport) -> bool {
        let before = self.report_before.as_ref();
        self.start.is_random() || before.is_none_or(|before| report.is_surely_better(before))
    }

    /// What is to be beaten: the network as it was, or, where its weights are random, the photo as it is.
    async fn validate_before(&self, learning: &mut Learning) -> Result<ValidationReport> {
        let nothing = match &self.validator {
            Some(validator) if self.start.is_random() => validator.validate_identity().await?,
            _ => None,
        };
        match nothing {
            Some(report) => Ok(report),
            None => {
                let execution = self.facts.look(Who::Learner, &self.options);
                self.validate_network(self.models[0].network(), &execution, learning).await
            }
        }
    }

    async fn validate_network(
        &self,
        network: &Network,
        execution: &Execution,
        learning: &mut Learning,
    ) -> Result<ValidationReport> {
        let Some(validator) = &self.validator else {
            unreachable!("validated without a validator");
        };
        let mut batches = self.batch_sampler(0, 1.0, false);
        let before = self.report_before.as_ref();
        validator.validate((network, execution), before, learning.training_loss(), &mut batches).await
    }

    fn end_learning(&mut self, learning: &Learning) -> Work {
        let Stage::Learn { who, .. } = self.stages[self.stage] else { unreachable!("a stage of learning") };
        match who {
            Who::Teacher(_) => {
                self.models[who.index()] = self.models[who.index()].trained(learning.average(), Mode::Auto);
            }
            Who::Learner => self.learned = Some(self.tuned(learning.average())),
        }
        self.next_stage();
        Work::Idle
    }
}

/// The learning rate over a stage, as a part of its peak: it rises a little while, then falls to nothing by a cosine.
fn schedule(progress: f64) -> f64 {
    let rising = ((progress + 0.2 * WARM_UP) / WARM_UP).min(1.0);
    rising * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

fn check_objective(card: &Card, objective: Objective, shots: usize, clean: bool) -> Result<()> {
    let suitable = Objective::of(card);
    if !suitable.contains(&objective) {
        let names: Vec<&str> = suitable.iter().map(|o| o.id()).collect();
        let message = format!("`{objective}` does not suit `{}`; there are: {}", card.id, names.join(", "));
        return Err(Error::new(Kind::Option, message));
    }
    let needs = objective.card();
    if shots < needs.shots {
        let message = format!("`{objective}` needs {} noisy shots of one scene", needs.shots);
        return Err(Error::new(Kind::Option, message));
    }
    if needs.clean && !clean {
        return Err(Error::new(Kind::Option, format!("`{objective}` needs the scene without noise")));
    }
    Ok(())
}
