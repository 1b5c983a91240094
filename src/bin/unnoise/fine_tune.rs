//! `unnoise fine-tune PHOTO -o WEIGHTS`.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use unnoise::objectives::Objective;
use unnoise::photo::{ImageFile, Photo};
use unnoise::train::{Options, Trainer, Tuned};
use unnoise::weights::Precision;

use crate::{Engine, Loaded, Result, read, tell};

#[derive(clap::Args)]
pub struct Args {
    /// The noisy photo, or several noisy shots of one scene
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// Where the tuned weights go (.safetensors)
    #[arg(short, long)]
    output: PathBuf,
    /// The scene without noise, for `supervised`
    #[arg(long, value_name = "PHOTO")]
    clean: Option<PathBuf>,
    /// Write the weights with 16 bits instead of 32
    #[arg(long)]
    half: bool,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    training: Training,
}

/// How to fine-tune.
#[derive(clap::Args)]
pub struct Training {
    /// What is learned by (see `unnoise objectives`) [default: what suits network and weights]
    #[arg(long, value_name = "ID")]
    pub objective: Option<Objective>,
    /// Steps, at most [default: what suits the network's weights]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Seconds, at most
    #[arg(long, value_name = "N")]
    pub budget_seconds: Option<f64>,
    /// Seed of everything random
    #[arg(long = "training-seed", value_name = "SEED", default_value_t = 0)]
    pub learning_seed: u64,
    /// Peak of the learning rate [default: what suits network and objective]
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Patches of a batch [default: what suits the objective]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Side of a patch, in pixels [default: what suits the objective]
    #[arg(long, value_name = "PIXELS")]
    pub patch: Option<usize>,
}

impl Training {
    /// Fine-tunes a network, with a progress bar where there is a terminal.
    pub fn run(&self, engine: &Loaded, shots: &[Arc<Photo>], clean: Option<&Photo>) -> Result<Tuned> {
        let options = Options {
            objective: self.objective,
            steps: self.steps,
            seconds: self.budget_seconds,
            seed: self.learning_seed,
            random: engine.random,
            learning_rate: self.learning_rate,
            batch: self.batch,
            patch: self.patch,
            adapt: engine.adapt,
            ..Options::default()
        };
        let network = engine.network.clone();
        let mut trainer = Trainer::new(network, engine.card, engine.device.clone(), shots, clean, options)?;
        let style = ProgressStyle::with_template("{bar:40} {percent}% {msg}")?;
        let bar = ProgressBar::new(1000).with_style(style);
        while let Some(progress) = pollster::block_on(trainer.step())? {
            bar.set_position((1000.0 * progress.done) as u64);
            let loss = progress.loss.map_or(String::new(), |loss| format!(", loss {loss:.5}"));
            bar.set_message(format!("of stage {} of {}{loss}", progress.stage + 1, progress.stages));
        }
        bar.finish_and_clear();
        Ok(trainer.finish())
    }
}

/// The pictures of a file: all of them, when they are shots of one scene, or the first.
fn open(path: &PathBuf, all: bool) -> Result<Vec<Photo>> {
    let context = |e: unnoise::Error| e.context(path.display());
    let file = ImageFile::open(read(path)?).map_err(context)?;
    file.notes().iter().for_each(|note| tell(&path.display(), note));
    let count = if all { file.pictures() } else { 1 };
    if count < file.pictures() {
        let note = format!(
            "of {}, the first is learned from; where they show one scene, --objective noise2noise learns from all",
            file.count()
        );
        tell(&path.display(), &note);
    }
    Ok((0..count).map(|i| file.picture(i)).collect::<unnoise::Result<_>>().map_err(context)?)
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
pub fn run(args: &Args) -> Result<()> {
    let all_pages = args.training.objective == Some(Objective::Noise2noise);
    let mut shots = Vec::new();
    for path in &args.photos {
        shots.extend(open(path, all_pages)?);
    }
    let clean = args.clean.as_ref().map(|path| open(path, false)).transpose()?.and_then(|mut all| all.pop());
    // Shots of one scene have to be seen alike.
    let first = shots[0].clone();
    let alike = |photo: Photo| photo.stretched_like(&first);
    let shots: Vec<Arc<Photo>> = shots.into_iter().map(alike).map(Arc::new).collect();
    let clean = clean.map(alike);
    let engine = args.engine.load()?;
    let tuned = args.training.run(&engine, &shots, clean.as_ref())?;
    let precision = if args.half { Precision::F16 } else { Precision::F32 };
    let weights = pollster::block_on(tuned.to_safetensors(engine.card, &engine.base, precision))?;
    std::fs::write(&args.output, weights).map_err(|e| format!("{}: {e}", args.output.display()))?;
    let what = match tuned.kept {
        true => format!("tuned weights, best after {} steps", tuned.progress.best_step),
        false => "the weights from before: nothing that was learned was clearly better".to_string(),
    };
    println!(
        "{}: {what} ({}, {:.0} s)",
        args.output.display(),
        tuned.progress.objective,
        tuned.progress.seconds
    );
    Ok(())
}
