//! The command line: `unnoise denoise`, `fine-tune`, `evaluate`, `info`, and lists of what there is.

mod denoise;
mod evaluate;
mod fine_tune;
mod info;
mod tiles;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::tensor::Device;
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use unnoise::device::Backend;
use unnoise::inference::{Job, Options};
use unnoise::models::{self, Adapt, Card, Mode, Model};
use unnoise::objectives::OBJECTIVES;
use unnoise::photo::Photo;
use unnoise::weights::StateDict;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Denoise photos with the networks of the literature.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Denoise one photo (PNG, JPEG, WebP, TIFF, BMP or GIF), or all pages of a TIFF
    Denoise(denoise::Args),
    /// Fine-tune a network on one noisy photo, or several, and write its weights
    FineTune(fine_tune::Args),
    /// Measure a network: PSNR and SSIM over a folder of photos
    Evaluate(evaluate::Args),
    /// Describe the noise of a photo
    Info(info::Args),
    /// List the networks, as JSON
    Models,
    /// List the training objectives, as JSON
    Objectives,
}

/// Which network runs, and where.
#[derive(Args)]
struct Engine {
    /// Network (see `unnoise models`) [default: the one that the weights are of]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Weights, a .safetensors file or a .pth or .pt of PyTorch [default: those of `unet`, which are in the program]
    #[arg(long, value_name = "FILE", conflicts_with = "random")]
    weights: Option<PathBuf>,
    /// Random weights instead, in the configuration `published` or `small`
    #[arg(long, value_name = "PRESET", requires = "model")]
    random: Option<String>,
    /// Compute device: flex (CPU), ndarray (CPU) or wgpu (GPU)
    #[arg(long, default_value = "flex")]
    device: Backend,
    /// Input pixels per tile, at most
    #[arg(long, value_name = "PIXELS")]
    tile: Option<usize>,
    /// Threads that share the tiles of a photo [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How the network is run: plain, plain but removing no more than the noise (wiener), with 2x or 8x self-ensemble (x2, x8), on
    /// pixel-shuffle downsampled phases (pd2 to pd5), with random replacement after PD 2 (r3), or as weights, card and noise
    /// suggest (auto)
    #[arg(long, value_name = "MODE", default_value = "auto")]
    adapt: Mode,
}

/// A model, ready to run.
struct Loaded {
    model: Model,
    tile_pixels: Option<usize>,
    threads: usize,
    /// Name of what it came from, for notes.
    base: String,
    /// How it was asked to be run.
    adapt: Mode,
}

impl Engine {
    fn load(&self) -> Result<Loaded> {
        let asked = self.model.as_deref().map(models::card).transpose()?;
        let device = pollster::block_on(self.device.open())?;
        let (model, base) = match (&self.random, &self.weights, asked) {
            (Some(preset), _, Some(card)) => {
                (Model::random(card.id, preset, 0, &device)?, format!("random weights, {preset}"))
            }
            (_, Some(path), asked) => (load_file(path, asked, &device)?, name(path)),
            (_, None, asked) => {
                let card = asked.unwrap_or(models::default_card());
                let model = Model::bundled(card.id, &device)
                    .map_err(|e| format!("{e}; give some with --weights FILE"))?;
                let base = card.weights.map(|weights| weights.file.to_string());
                (model, base.unwrap_or_default())
            }
        };
        Ok(Loaded { model, tile_pixels: self.tile, threads: self.threads(), base, adapt: self.adapt })
    }

    /// A GPU is one device, however many ask it.
    fn threads(&self) -> usize {
        if self.device == Backend::Wgpu { 1 } else { tiles::threads(self.threads).get() }
    }
}

/// What came of denoising.
struct Denoised {
    photo: Photo,
    /// How the network was run.
    adapt: Adapt,
    /// What a user should know.
    note: Option<String>,
}

impl Loaded {
    /// Denoises a photo, with a progress bar where there is a terminal, which says `which` of several photos it is.
    fn denoise(&self, photo: Photo, options: Options, which: &str) -> Result<Denoised> {
        let options = Options { tile_pixels: self.tile_pixels, adapt: self.adapt, ..options };
        let mut job = Job::new(self.model.clone(), photo.into(), options)?;
        let style = ProgressStyle::with_template("{bar:40} {msg}{pos}/{len} tiles, {eta} left")?;
        let bar = ProgressBar::new(job.plan().tiles.len() as u64).with_style(style);
        bar.set_message(which.to_string());
        bar.tick();
        if self.threads > 1 && job.plan().tiles.len() > 1 {
            tiles::denoise(self, &mut job, self.threads, || bar.inc(1))?;
        }
        while pollster::block_on(job.step())?.is_some() {
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (adapt, note) = (job.adapt(), job.note());
        Ok(Denoised { photo: job.finish()?, adapt, note })
    }
}

/// The model in a file of weights: of the network that was asked for, else of that which the weights are of.
fn load_file(path: &Path, asked: Option<&Card>, device: &Device) -> Result<Model> {
    let state = StateDict::read(&read(path)?).map_err(|e| e.context(path.display()))?;
    let model = match asked {
        Some(card) => Model::load(card.id, &state, device),
        None => Model::from_state(&state, device),
    };
    Ok(model.map_err(|e| e.context(path.display()))?)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Says something that is no failure.
fn tell(name: &impl std::fmt::Display, note: &str) {
    eprintln!("unnoise: {name}: {note}");
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Denoise(args) => denoise::run(&args),
        Command::FineTune(args) => fine_tune::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Models => print_json(&models::CARDS.as_slice()),
        Command::Objectives => print_json(OBJECTIVES),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unnoise: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print_json(value: &(impl serde::Serialize + ?Sized)) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
