//! The command line: `unnoise denoise`, `fine-tune`, `evaluate`, `info`, and lists of what there is.

mod denoise;
mod evaluate;
mod fine_tune;
mod info;
mod tiles;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use unnoise::adapt::{Adapt, Mode};
use unnoise::denoise::{Job, Options};
use unnoise::device::Backend;
use unnoise::models::{self, Card, Network};
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
    /// Let a network learn from one noisy photo, or some, and write its weights
    FineTune(fine_tune::Args),
    /// Measure a network: PSNR and SSIM over a folder of photos
    Evaluate(evaluate::Args),
    /// Tell what the noise of a photo is like
    Info(info::Args),
    /// List the networks, as JSON
    Models,
    /// List what networks can learn by, as JSON
    Objectives,
}

/// Which network runs, and where.
#[derive(Args)]
struct Engine {
    /// Network (see `unnoise models`) [default: the one that the weights are of]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Weights, a .safetensors file or a .pth or .pt of PyTorch [default: those of the package]
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
    /// How the network is run: plain, plain but taking no more than the noise (wiener), as the mean of two or eight turns of the photo (x2, x8), on pixel-shuffle
    /// downsampled phases (pd2 to pd5), these with random replacement (r3), or as the noise of the photo wants it (auto)
    #[arg(long, value_name = "MODE", default_value = "auto")]
    adapt: Mode,
}

/// A network, ready to run.
struct Loaded {
    card: &'static Card,
    network: Network,
    device: burn::tensor::Device,
    tile_pixels: Option<usize>,
    threads: usize,
    /// Whether its weights are random.
    random: bool,
    /// Name of what it came from, for notes.
    base: String,
    adapt: Mode,
}

impl Engine {
    fn load(&self) -> Result<Loaded> {
        let asked = self.model.as_deref().map(models::card).transpose()?;
        if let (Some(preset), Some(card)) = (&self.random, asked) {
            return self.load_random(card, preset);
        }
        let path = match &self.weights {
            Some(path) => path.clone(),
            None => bundled_weights(asked.unwrap_or(models::default_card()))?,
        };
        let state = StateDict::read(&read(&path)?).map_err(|e| e.context(path.display()))?;
        let card =
            asked.map_or_else(|| models::recognise(&state), Ok).map_err(|e| e.context(path.display()))?;
        let device = pollster::block_on(self.device.open())?;
        let network = Network::load(card.id, &state, &device).map_err(|e| e.context(path.display()))?;
        let base = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Tuned weights say how they want to be run.
        let adapt = if self.adapt == Mode::Auto { Mode::noted(&state)? } else { self.adapt };
        Ok(Loaded {
            card,
            network,
            device,
            tile_pixels: self.tile,
            threads: self.threads(),
            random: false,
            base,
            adapt,
        })
    }

    fn load_random(&self, card: &'static Card, preset: &str) -> Result<Loaded> {
        let device = pollster::block_on(self.device.open())?;
        let network = Network::random(card.id, preset, 0, &device)?;
        let base = format!("random weights, {preset}");
        let (tile_pixels, threads, adapt) = (self.tile, self.threads(), self.adapt);
        Ok(Loaded { card, network, device, tile_pixels, threads, random: true, base, adapt })
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
        let mut job = Job::new(self.network.clone(), self.card, self.device.clone(), photo.into(), options)?;
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

/// The weights of the package: in `weights/` beside the program, or in the source tree it was built from.
fn bundled_weights(card: &Card) -> Result<PathBuf> {
    let weights = card
        .weights
        .ok_or_else(|| format!("the package has no weights for `{}`; give some with --weights", card.id))?;
    let beside = std::env::current_exe()?.with_file_name("weights");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pkg-config/weights");
    let places = [beside.join(weights.file), source.join(weights.file)];
    places
        .iter()
        .find(|p| p.is_file())
        .cloned()
        .ok_or_else(|| format!("{} is not there; give weights with --weights", places[0].display()).into())
}

/// Says something that is no failure.
fn tell(name: &impl std::fmt::Display, note: &str) {
    eprintln!("unnoise: {name}: {note}");
}

fn read(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn write(path: &std::path::Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Denoise(args) => denoise::run(&args),
        Command::FineTune(args) => fine_tune::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Models => print_json(models::CARDS),
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
