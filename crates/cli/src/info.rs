//! `unnoise info PHOTO`: what the noise of a photo is like.

use std::path::PathBuf;

use serde::Serialize;
use unnoise::inference::Options;
use unnoise::noise::{Defects, NoiseModel};
use unnoise::photo::{Photo, decode};

use crate::{Engine, Result, print_json, read, write};

/// Brightnesses that the noise is told at.
const LEVELS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];
/// Distances in pixels that correlations are told at.
const DISTANCES: usize = 4;

#[derive(clap::Args)]
pub struct Args {
    /// The noisy photo
    photo: PathBuf,
    #[command(flatten)]
    engine: Engine,
    /// Where the model of its noise goes, for `fine-tune --noise`
    #[arg(long, value_name = "JSON")]
    save_noise: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is told of a photo.
#[derive(Serialize)]
struct Report {
    width: usize,
    height: usize,
    /// In a sentence.
    noise: String,
    /// Deviation on the 8-bit scale: brightness on it, then each channel.
    levels: Vec<(f32, Vec<f32>)>,
    /// Correlation with the pixel 1, 2, ... to the right.
    to_the_right: Vec<f32>,
    /// The same below.
    below: Vec<f32>,
    /// Correlation of the first channel with the second and third, of the second with the third.
    colours: Vec<f32>,
    /// The model itself.
    model: NoiseModel,
}

pub fn run(args: &Args) -> Result<()> {
    let photo = decode(&read(&args.photo)?).map_err(|e| e.context(args.photo.display()))?;
    let model = find(&photo, args)?;
    if let Some(path) = &args.save_noise {
        write(path, model.to_json()?)?;
    }
    let report = Report::of(&photo, model);
    if args.json { print_json(&report) } else { print(&report) }
}

/// The model, with the network's result for what there is beside noise.
fn find(photo: &Photo, args: &Args) -> Result<NoiseModel> {
    let engine = args.engine.load()?;
    let card = engine.model.card();
    if card.scale != 1 {
        return Err(format!("`{}` enlarges; take a network that removes noise", card.id).into());
    }
    let noisy = photo.planar();
    let defects = Defects::of(&[&noisy]);
    let calm = defects.removed(&noisy);
    let first = engine.denoise(Photo::from_planar(&calm)?, Options::default(), "")?.photo;
    let model = NoiseModel::of(&[(&calm, &first.planar())], defects);
    model.ok_or_else(|| format!("{}: too small to tell its noise", args.photo.display()).into())
}

impl Report {
    fn of(photo: &Photo, model: NoiseModel) -> Self {
        let sigmas =
            |level: f32| (0..model.channels).map(|c| 255.0 * model.sigma_at(c, level)).collect::<Vec<f32>>();
        let pairs: &[(usize, usize)] = if model.channels == 3 { &[(0, 1), (0, 2), (1, 2)] } else { &[] };
        Self {
            width: photo.width(),
            height: photo.height(),
            noise: model.in_words(),
            levels: LEVELS.iter().map(|level| (255.0 * level, sigmas(*level))).collect(),
            to_the_right: (1..=DISTANCES).map(|i| model.correlation(i, 0)).collect(),
            below: (1..=DISTANCES).map(|i| model.correlation(0, i)).collect(),
            colours: pairs.iter().map(|(a, b)| model.channel_correlation(*a, *b)).collect(),
            model,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print(report: &Report) -> Result<()> {
    let list = |values: &[f32], digits: usize| {
        values.iter().map(|v| format!("{v:7.digits$}")).collect::<Vec<_>>().join(" ")
    };
    println!("{}x{} pixels: {}", report.width, report.height, report.noise);
    println!("brightness (of 255)  deviation of each channel (of 255)");
    for (level, sigmas) in &report.levels {
        println!("{level:19.0}  {}", list(sigmas, 1));
    }
    let distances: Vec<f32> = (1..=DISTANCES).map(|i| i as f32).collect();
    println!("pixels apart         {}", list(&distances, 0));
    println!("correlation, right   {}", list(&report.to_the_right, 2));
    println!("correlation, below   {}", list(&report.below, 2));
    if !report.colours.is_empty() {
        println!("colours (RG, RB, GB) {}", list(&report.colours, 2));
    }
    Ok(())
}
