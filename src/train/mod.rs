//! Fine-tuning on one photo: a [`Trainer`] that is pumped.
//!
//! Each [`Trainer::step`] does a little: a tile of the look at the photo before learning, a step of the optimiser, or a
//! judgement. Whoever pumps it shows progress between the steps, stops by not pumping any more, and takes what was best
//! so far by [`Trainer::finish`]; or drops it, and keeps the network from before.

mod average;
mod guard;
mod learning;
mod material;
mod options;
mod stages;

pub use average::average;
pub(crate) use material::{Draw, Scene, Spot, patch, stack};
pub use options::{Options, Phase, Progress, Tuned};

use std::sync::Arc;

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use web_time::Instant;

use crate::adapt::{Adapt, Mode};
use crate::denoise::{self, Job};
use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network, Run};
use crate::noise::NoiseModel;
use crate::objectives::Objective;
use crate::photo::Photo;
use guard::{Guard, Judgement};
use learning::Learning;
use material::Material;
use stages::{Facts, Networks, Stage, Who};

/// Between two readings of the loss: reading makes a GPU wait.
const READ_EVERY: usize = 5;
/// Judgements of the network while it learns.
const JUDGEMENTS: usize = 4;
/// Share of the steps over which the learning rate rises.
const WARM_UP: f64 = 0.05;

/// A run of fine-tuning.
pub struct Trainer {
    device: Device,
    options: Options,
    facts: Facts,
    material: Material,
    /// As it was given.
    start: Network,
    /// The one that learns, and its teachers after it.
    networks: Networks,
    stages: Vec<Stage>,
    stage: usize,
    work: Work,
    /// Seconds at work: pauses between steps do not count.
    spent: f64,
    /// Those of the stages before this one.
    before: f64,
    progress: Progress,
    guard: Option<Guard>,
    /// What was found out about the network from before.
    judged_before: Option<Judgement>,
    best: Option<Network>,
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
    pub fn new(
        network: Network,
        card: &'static Card,
        device: Device,
        photos: &[Arc<Photo>],
        clean: Option<&Photo>,
        options: Options,
    ) -> Result<Self> {
        let objective = options.objective.unwrap_or_else(|| Objective::default_of(card, options.random));
        options.check()?;
        let mut material = match options.shots || photos.len() < 2 {
            true => Material::new(photos, clean, card.channels)?,
            false => Material::of_pictures(photos, clean, card.channels)?,
        };
        check_objective(card, objective, material.scenes[0].shots.len(), clean.is_some())?;
        if objective.is_judged_by_risk() {
            material.mend();
        }
        let facts = Facts::of(card, objective, &network, &material, photos, &options)?;
        material.hold_out(facts.judged, options.seed);
        let network = network.in_range(photos[0].range());
        let start = network.clone();
        let network = if options.random {
            // What a fresh network makes of a photo tells nothing about its noise.
            material.blur();
            network.with_statistics(&facts.statistics)
        } else {
            network
        };
        let (networks, stages) = stages::plan(objective, card, network, &options, &device)?;
        let progress = Progress::new(objective, facts.steps, facts.margin);
        Ok(Self {
            device,
            options,
            facts,
            material,
            start,
            networks,
            stages,
            stage: 0,
            work: Work::Idle,
            spent: 0.0,
            before: 0.0,
            progress,
            guard: None,
            judged_before: None,
            best: None,
        })
    }

    /// Has the run learn noise of a model that is known already, instead of that of the photo.
    ///
    /// # Errors
    /// [`Kind::Option`] when the model has more channels than the network takes.
    pub fn use_noise(&mut self, model: &NoiseModel) -> Result<()> {
        let channels = self.networks[0].0.channels;
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

    /// The network as it is at the moment, averaged over the last steps while it learns, else the best so far; and how it
    /// is to be run.
    #[must_use]
    pub fn current(&self) -> (Network, Mode) {
        match (&self.work, self.stages.get(self.stage), &self.best) {
            (Work::Learn(learning), Some(Stage::Learn { who: Who::Learner, .. }), _)
                if learning.done() > 0 =>
            {
                (learning.average(), self.facts.tuned_mode())
            }
            (.., best) => (best.as_ref().unwrap_or(&self.networks[0].1).clone(), self.best_mode()),
        }
    }

    /// How the best network so far is to be run: one that has learned the photo's noise needs nothing around it.
    fn best_mode(&self) -> Mode {
        if self.best.is_some() { self.facts.tuned_mode() } else { self.options.adapt }
    }

    /// Judges the network as it is, so that [`Trainer::finish`] knows of it: for a run that is stopped early.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn settle(&mut self) -> Result<()> {
        if let Work::Learn(mut learning) = std::mem::replace(&mut self.work, Work::Idle) {
            let judged = self.progress.scores.last().is_some_and(|(step, _)| *step == learning.done());
            if learning.done() > 0 && !judged {
                self.judge(&mut learning).await?;
            }
            self.work = Work::Learn(learning);
        }
        Ok(())
    }

    /// The best network so far, and the one from before if none was better.
    #[must_use]
    pub fn finish(self) -> Tuned {
        let (kept, adapt) = (self.best.is_some(), self.best_mode());
        let network = self.best.unwrap_or(self.start);
        Tuned {
            network,
            kept,
            adapt,
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
                let network = self.networks[who.index()].1.clone();
                let (run, adapt) = self.facts.look(who, &self.options);
                self.progress.loss = None;
                self.begin_look((network, run, adapt), 0, None)
            }
            Stage::Learn { who, objective, .. } => self.begin_learning(who, objective),
        }
    }

    fn begin_look(
        &mut self,
        (network, run, adapt): (Network, Run, Adapt),
        scene: usize,
        learning: Option<Box<Learning>>,
    ) -> Result<Work> {
        let photo = Photo::from_planar(&self.material.scenes[scene].shots[0])?;
        let options = denoise::Options { run, adapt: Mode::Fixed(adapt), mend: false, ..Default::default() };
        let card = self.networks[self.looking(learning.is_some()).index()].0;
        let job = Job::new(network, card, self.device.clone(), Arc::new(photo), options)?;
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
        let channels = self.networks[who.index()].0.channels;
        let (network, run) = (job.network().clone(), *job.run());
        let result = job.finish()?;
        let planes = result.window(0, 0, result.width(), result.height(), channels);
        let place = &mut self.material.scenes[scene];
        match who {
            Who::Learner => place.first = Some(planes),
            Who::Teacher(_) => place.taught.push(planes),
        }
        if scene + 1 < scenes {
            return self.begin_look((network, run, run.adapt), scene + 1, learning);
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

    fn begin_learning(&mut self, who: Who, objective: Objective) -> Result<Work> {
        if who == Who::Learner && objective.is_judged_by_risk() {
            self.material.find_noise(&self.facts.noise);
            self.progress.noise = self.material.noise.as_ref().map(NoiseModel::in_words);
        }
        let (card, network) = &self.networks[who.index()];
        let fresh = self.options.random || who != Who::Learner;
        let lesson = stages::lesson(objective, &self.facts);
        let learning =
            Learning::new(card, network, fresh, lesson, stages::at_once(card, network, &self.facts));
        if who == Who::Learner {
            self.guard = Some(self.choose_guard(objective));
        }
        self.progress.phase = Phase::Learning;
        self.progress.step = 0;
        self.progress.steps = self.stage_steps();
        Ok(Work::Learn(Box::new(learning)))
    }

    fn choose_guard(&self, objective: Objective) -> Guard {
        if objective.is_judged_by_risk() {
            Guard::risk(&self.material, self.facts.judged, self.options.seed, &self.device)
        } else {
            Guard::Loss
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
            self.judge(&mut learning).await?;
        } else if progress >= 1.0 {
            self.judge(&mut learning).await?;
            return Ok(self.end_learning(&learning));
        }
        let mut draw = self.draw(learning.done() as u64, progress, true);
        learning.step(&mut draw, self.facts.rate * schedule(progress));
        self.progress.step = learning.done();
        if learning.done().is_multiple_of(READ_EVERY) {
            self.progress.loss = Some(learning.read_loss().await?);
        }
        let judgement = |progress: f64| (progress * JUDGEMENTS as f64) as usize;
        let next = self.stage_progress(learning.done());
        if next < 1.0 && judgement(next) > judgement(progress) {
            self.judge(&mut learning).await?;
            if self.is_to_look_again() {
                let (network, run) = (learning.average(), self.facts.tuned_run(&self.options));
                return self.begin_look((network, run, run.adapt), 0, Some(learning));
            }
        }
        Ok(Work::Learn(learning))
    }

    /// Whether the learner takes its own result for the truth, and has just become better.
    fn is_to_look_again(&self) -> bool {
        let takes_it = matches!(
            self.stages[self.stage],
            Stage::Learn { who: Who::Learner, objective: Objective::NoiseModel, .. }
        );
        let last = self.progress.scores.last().map(|(step, _)| *step);
        takes_it && self.best.is_some() && last == Some(self.progress.best_step)
    }

    /// A draw of the learner's material, from a seed of its own.
    fn draw(&self, number: u64, progress: f64, learning: bool) -> Draw<'_> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        // Judgements draw what no step does, and the same each time.
        rng.set_stream(2 * (number + (self.stage as u64) * (1 << 32)) + u64::from(learning));
        let device = if learning { self.device.clone().autodiff() } else { self.device.clone() };
        let Facts { batch, patch, .. } = self.facts;
        Draw { material: &self.material, rng, device, batch, patch, progress, held_out: !learning }
    }

    /// Compares the network as it is with the best so far, and with the one from before.
    async fn judge(&mut self, learning: &mut Learning) -> Result<()> {
        if self.guard.is_none() {
            return Ok(());
        }
        let step = learning.done();
        if step == 0 {
            let judgement = self.judge_before(learning).await?;
            self.progress.note(0, &judgement);
            self.judged_before = Some(judgement);
            return Ok(());
        }
        let tuned = learning.average();
        let judgement = self.judgement(&tuned, &self.facts.tuned_run(&self.options), learning).await?;
        let surely = self.options.random
            || self.judged_before.as_ref().is_none_or(|before| judgement.is_surely_better(before));
        let is_best = surely && self.progress.is_best(judgement.score);
        self.progress.note(step, &judgement);
        if is_best {
            self.progress.best_step = step;
            self.best = Some(tuned);
        }
        Ok(())
    }

    /// What is to be beaten: the network as it was, or, where its weights are random, the photo as it is.
    async fn judge_before(&self, learning: &mut Learning) -> Result<Judgement> {
        let nothing = match &self.guard {
            Some(guard) if self.options.random => guard.judge_nothing().await?,
            _ => None,
        };
        match nothing {
            Some(judgement) => Ok(judgement),
            None => {
                let run = self.facts.untuned_run(&self.options);
                self.judgement(&self.networks[0].1, &run, learning).await
            }
        }
    }

    async fn judgement(&self, network: &Network, run: &Run, learning: &mut Learning) -> Result<Judgement> {
        let Some(guard) = &self.guard else {
            unreachable!("judged without a guard");
        };
        let mut draw = self.draw(0, 1.0, false);
        guard.judge((self.networks[0].0, network, run), learning.lesson(), &mut draw).await
    }

    fn end_learning(&mut self, learning: &Learning) -> Work {
        let Stage::Learn { who, .. } = self.stages[self.stage] else { unreachable!("a stage of learning") };
        if let Who::Teacher(_) = who {
            self.networks[who.index()].1 = learning.average();
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
