//! `unnoise fine-tune PHOTO -o WEIGHTS`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use unnoise::noise::NoiseModel;
use unnoise::objectives::Objective;
use unnoise::photo::{ImageFile, Photo};
use unnoise::train::{Options, Trainer, Tuned};
use unnoise::weights::Precision;

use crate::report::{self, print, print_line, tell};
use crate::{Engine, Loaded, NOTHING_KEPT, Result, read, write};

#[derive(clap::Args)]
pub struct Args {
    /// The noisy photo, or several pictures with noise of one kind, or a stack of such
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// Where the tuned weights go (.safetensors); nothing is written where no network was better than the one from before
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write what was learned also where it is not better for certain
    #[arg(long)]
    always: bool,
    /// Replace weights that are there
    #[arg(long)]
    overwrite: bool,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
    /// The photos, or the pages of a stack, are shots of one scene, as always with `noise2noise`
    #[arg(long)]
    shots: bool,
    /// A model of noise, as `unnoise info --save-noise` writes it, instead of that of the photo
    #[arg(long, value_name = "JSON")]
    noise: Option<PathBuf>,
    /// Where the model of the photo's noise goes, for other photos of its kind
    #[arg(long, value_name = "JSON")]
    save_noise: Option<PathBuf>,
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
    /// Training objective (see `unnoise objectives`) [default: what suits network and weights]
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

/// The training data.
#[derive(Clone, Copy)]
pub struct TrainingData<'a> {
    /// The noisy photos.
    pub photos: &'a [Arc<Photo>],
    /// Whether they are shots of one scene.
    pub shots: bool,
    /// That scene without noise.
    pub clean: Option<&'a Photo>,
    /// The noise, where it is known.
    pub noise: Option<&'a NoiseModel>,
}

impl Training {
    /// Fine-tunes a network, with a progress bar where there is a terminal.
    pub fn run(&self, engine: &Loaded, data: TrainingData<'_>) -> Result<Tuned> {
        let options = Options {
            shots: data.shots,
            objective: self.objective,
            steps: self.steps,
            seconds: self.budget_seconds,
            seed: self.learning_seed,
            learning_rate: self.learning_rate,
            batch: self.batch,
            patch: self.patch,
            adapt: engine.adapt,
            ..Options::default()
        };
        let TrainingData { photos, clean, noise, .. } = data;
        let mut trainer = Trainer::new(engine.model.clone(), photos, clean, options)?;
        if let Some(noise) = noise {
            trainer.use_noise(noise)?;
        }
        let bar = report::bar(1000, "{bar:40} {percent}% {msg}")?;
        while let Some(progress) = pollster::block_on(trainer.step())? {
            bar.set_position((1000.0 * progress.done) as u64);
            let loss = progress.loss.map_or(String::new(), |loss| format!(", loss {loss:.5}"));
            bar.set_message(format!("of stage {} of {}{loss}", progress.stage + 1, progress.stages));
        }
        bar.finish_and_clear();
        Ok(trainer.finish())
    }
}

/// What came of it.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether the weights are tuned: nothing else is written unasked.
    kept: bool,
    /// The file of weights, where one was written.
    output: Option<String>,
    model: &'static str,
    device: String,
    objective: String,
    steps: usize,
    best_step: usize,
    /// In a sentence, where it was learned from.
    noise: Option<&'a str>,
    seconds: f64,
}

fn read_noise(path: &Path) -> Result<NoiseModel> {
    let json = String::from_utf8(read(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(NoiseModel::from_json(&json).map_err(|e| e.context(path.display()))?)
}

/// The pictures of a file.
fn open(path: &Path) -> Result<Vec<Photo>> {
    let context = |e: unnoise::Error| e.context(path.display());
    let file = ImageFile::open(read(path)?).map_err(context)?;
    file.notes().iter().for_each(|note| tell(&path.display(), note));
    Ok((0..file.pictures()).map(|i| file.picture(i)).collect::<unnoise::Result<_>>().map_err(context)?)
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.output.exists() && !args.overwrite {
        return Err(format!("{}: it is there already; --overwrite replaces it", args.output.display()).into());
    }
    let mut photos = Vec::new();
    for path in &args.photos {
        photos.extend(open(path)?);
    }
    let clean = args.clean.as_deref().map(open).transpose()?.map(|mut all| all.swap_remove(0));
    // Pictures of one kind have to be seen alike.
    let first = photos[0].clone();
    let alike = |photo: Photo| photo.stretched_like(&first);
    let photos: Vec<Arc<Photo>> = photos.into_iter().map(alike).map(Arc::new).collect();
    let clean = clean.map(alike);
    // These are learned from each other.
    let shots = args.shots || args.training.objective == Some(Objective::Noise2noise);
    let engine = args.engine.load()?;
    let noise = args.noise.as_deref().map(read_noise).transpose()?;
    let data = TrainingData { photos: &photos, shots, clean: clean.as_ref(), noise: noise.as_ref() };
    let tuned = args.training.run(&engine, data)?;
    if let (Some(path), Some(noise)) = (&args.save_noise, &tuned.noise) {
        write(path, noise.to_json()?)?;
    }
    let precision = if args.half { Precision::F16 } else { Precision::F32 };
    let weights = match (tuned.kept, args.always) {
        (true, _) => Some(pollster::block_on(tuned.to_safetensors(&engine.base, precision))?),
        (false, true) => pollster::block_on(tuned.learned_to_safetensors(&engine.base, precision))?,
        (false, false) => None,
    };
    let written = weights.is_some();
    if let Some(weights) = weights {
        write(&args.output, weights)?;
    }
    let noise = tuned.noise.as_ref().map(|noise| noise.summary().to_string());
    let progress = &tuned.progress;
    let report = Report {
        kept: tuned.kept,
        output: written.then(|| args.output.display().to_string()),
        model: engine.model.card().id,
        device: args.engine.device.to_string(),
        objective: progress.objective.to_string(),
        steps: progress.step,
        best_step: progress.best_step,
        noise: noise.as_deref(),
        seconds: progress.seconds,
    };
    if args.json {
        print_line(&report)?
    } else {
        summarize(&report)?
    }
    Ok(if tuned.kept { ExitCode::SUCCESS } else { ExitCode::from(NOTHING_KEPT) })
}

fn summarize(report: &Report<'_>) -> Result<()> {
    if let Some(noise) = report.noise {
        print(format_args!("found: {noise}"))?;
    }
    let what = match report.kept {
        true => format!("tuned weights, best after {} steps", report.best_step),
        false => "training did not improve the weights from before for certain".to_string(),
    };
    let file = report.output.as_deref().unwrap_or("nothing written");
    print(format_args!("{file}: {what} ({}, {:.0} s)", report.objective, report.seconds))
}
