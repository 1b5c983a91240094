//! The command line: `unnoise denoise`, `fine-tune`, `evaluate`, `info`, and lists of what there is.

mod denoise;
mod evaluate;
mod fine_tune;
mod info;
mod report;
mod shell;
mod tiles;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::tensor::Device;
use clap::{Args, CommandFactory, Parser, Subcommand};
use unnoise::device::Backend;
use unnoise::inference::{Job, Options};
use unnoise::models::{self, Adapt, Card, Mode, Model};
use unnoise::noise::NoiseEstimate;
use unnoise::objectives::OBJECTIVES;
use unnoise::photo::Photo;
use unnoise::weights::StateDict;

/// The system's gives large blocks back at once and takes them again for the next layer: a third of the time of some networks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The end of the help, and of the manual.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 something failed (of several photos, the others are done); 2 the arguments \
    are wrong; 3 `fine-tune` found nothing better than the weights from before.\n\n\
    Answers go to stdout, progress, notes and errors to stderr.";

/// What a script is told when fine-tuning ends with nothing that was kept.
const NOTHING_KEPT: u8 = 3;

/// Denoise photos with the networks of the literature.
#[derive(Parser)]
#[command(name = "unnoise", version, about, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    /// Say nothing but answers and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Denoise photos (PNG, JPEG, WebP, TIFF, BMP or GIF), all pages of a TIFF, or folders
    Denoise(denoise::Args),
    /// Fine-tune a network on one noisy photo, or several, and write its weights
    FineTune(fine_tune::Args),
    /// Measure a network: PSNR and SSIM over a folder of photos
    Evaluate(evaluate::Args),
    /// Say what a file is: a photo, its noise and how it would be denoised, or weights and of which network
    Info(info::Args),
    /// List the networks, as JSON
    Models,
    /// List the training objectives, as JSON
    Objectives,
    /// Print the completions of a shell
    Completions(shell::Completions),
    /// Print the manual, or write the pages of all commands into a folder
    Man(shell::Man),
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
    /// suggest (auto), or the last two, with more of the plain result (shared)
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
    /// The noise of the photo.
    noise: NoiseEstimate,
    /// What a user should know.
    note: Option<String>,
}

impl Loaded {
    /// Denoises a photo, with a progress bar where there is a terminal, which says `which` of several photos it is.
    fn denoise(&self, photo: Photo, options: Options, which: &str) -> Result<Denoised> {
        let options = Options { tile_pixels: self.tile_pixels, adapt: self.adapt, ..options };
        let mut job = Job::new(self.model.clone(), photo.into(), options)?;
        let bar = report::bar(job.plan().tiles.len() as u64, "{bar:40} {msg}{pos}/{len} tiles, {eta} left")?;
        bar.set_message(which.to_string());
        bar.tick();
        if self.threads > 1 && job.plan().tiles.len() > 1 {
            tiles::denoise(self, &mut job, self.threads, || bar.inc(1))?;
        }
        while pollster::block_on(job.step())?.is_some() {
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (adapt, noise, note) = (job.adapt(), job.noise().clone(), job.note());
        Ok(Denoised { photo: job.finish()?, adapt, noise, note })
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

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.quiet {
        report::be_quiet();
    }
    let result = match cli.command {
        Command::Denoise(args) => denoise::run(&args),
        Command::FineTune(args) => fine_tune::run(&args),
        Command::Evaluate(args) => evaluate::run(&args).map(done),
        Command::Info(args) => info::run(&args).map(done),
        Command::Models => report::print_json(&models::CARDS.as_slice()).map(done),
        Command::Objectives => report::print_json(OBJECTIVES).map(done),
        Command::Completions(args) => shell::completions(&args, Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
    };
    result.unwrap_or_else(|error| {
        report::fail(&error);
        ExitCode::FAILURE
    })
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
