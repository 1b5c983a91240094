//! `unnoise info FILE`: what a file is; of a photo, what its noise is like and how it would be denoised.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use unnoise::inference::{Job, Measurement, Options};
use unnoise::models::Model;
use unnoise::noise::NoiseModel;
use unnoise::photo::{ImageFile, Photo};
use unnoise::weights::StateDict;

use crate::report::{print, print_json, tell};
use crate::{Engine, Loaded, Result, read, write};

/// Brightnesses that the noise is told at.
const LEVELS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];
/// Distances in pixels that correlations are told at.
const DISTANCES: usize = 4;

#[derive(clap::Args)]
pub struct Args {
    /// A photo, a stack (of which the first picture is looked at), or weights
    #[arg(value_name = "FILE")]
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
    /// 1 is gray.
    colors: usize,
    alpha: bool,
    bit_depth: u8,
    pictures: usize,
    /// The network that was asked for, or the default, and how it would be run.
    network: &'static str,
    mode: String,
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

/// What is told of weights.
#[derive(Serialize)]
struct Weights {
    network: &'static str,
    arrays: usize,
    parameters: usize,
}

pub fn run(args: &Args) -> Result<()> {
    let bytes = read(&args.photo)?;
    let context = |e: unnoise::Error| e.context(args.photo.display());
    let file = match ImageFile::open(bytes.clone()) {
        Ok(file) => file,
        Err(error) => {
            let state = StateDict::read(&bytes).map_err(|_| context(error))?;
            return weights(args, &state);
        }
    };
    file.notes().iter().for_each(|note| tell(&args.photo.display(), note));
    let photo = file.picture(0).map_err(context)?;
    let engine = args.engine.load()?;
    let (model, mode) = find(photo.clone(), args, &engine)?;
    if let Some(path) = &args.save_noise {
        write(path, model.to_json()?)?;
    }
    let report = Report::of(&photo, file.pictures(), engine.model.card().id, mode, model);
    if args.json { print_json(&report) } else { summarize(&report) }
}

/// Tells of which network the weights are.
fn weights(args: &Args, state: &StateDict) -> Result<()> {
    let device = pollster::block_on(args.engine.device.open())?;
    let model = Model::from_state(state, &device).map_err(|e| e.context(args.photo.display()))?;
    let parameters = state.arrays.values().map(|array| array.data.len()).sum();
    let told = Weights { network: model.card().id, arrays: state.arrays.len(), parameters };
    if args.json {
        return print_json(&told);
    }
    print(format_args!(
        "weights of `{}`: {} numbers in {} arrays",
        told.network, told.parameters, told.arrays
    ))
}

/// The model, and how the network would be run on the photo.
fn find(photo: Photo, args: &Args, engine: &Loaded) -> Result<(NoiseModel, String)> {
    let context = |e: unnoise::Error| e.context(args.photo.display());
    let mut measurement = Measurement::new(engine.model.clone(), &photo).map_err(context)?;
    while pollster::block_on(measurement.step())?.is_some() {}
    let model = measurement.finish().map_err(context)?.noise;
    let job = Job::new(engine.model.clone(), Arc::new(photo), Options::default())?;
    Ok((model, job.adapt().to_string()))
}

impl Report {
    fn of(photo: &Photo, pictures: usize, network: &'static str, mode: String, model: NoiseModel) -> Self {
        let sigmas =
            |level: f32| (0..model.channels).map(|c| 255.0 * model.sigma_at(c, level)).collect::<Vec<f32>>();
        let pairs: &[(usize, usize)] = if model.channels == 3 { &[(0, 1), (0, 2), (1, 2)] } else { &[] };
        Self {
            width: photo.width(),
            height: photo.height(),
            colors: photo.colors(),
            alpha: photo.has_alpha(),
            bit_depth: photo.bit_depth(),
            pictures,
            network,
            mode,
            noise: model.summary().to_string(),
            levels: LEVELS.iter().map(|level| (255.0 * level, sigmas(*level))).collect(),
            to_the_right: (1..=DISTANCES).map(|i| model.correlation(i, 0)).collect(),
            below: (1..=DISTANCES).map(|i| model.correlation(0, i)).collect(),
            colours: pairs.iter().map(|(a, b)| model.channel_correlation(*a, *b)).collect(),
            model,
        }
    }
}

fn summarize(report: &Report) -> Result<()> {
    let list = |values: &[f32], digits: usize| {
        values.iter().map(|v| format!("{v:7.digits$}")).collect::<Vec<_>>().join(" ")
    };
    print(format_args!("{}x{} pixels: {}", report.width, report.height, report.noise))?;
    let colours = if report.colors == 1 { "gray" } else { "RGB" };
    let alpha = if report.alpha { " with alpha" } else { "" };
    print(format_args!(
        "{colours}{alpha}, {} bit, pictures in the file: {}",
        report.bit_depth, report.pictures
    ))?;
    print(format_args!("would be denoised by `{}`, run as `{}`", report.network, report.mode))?;
    print(format_args!("brightness (of 255)  deviation of each channel (of 255)"))?;
    for (level, sigmas) in &report.levels {
        print(format_args!("{level:19.0}  {}", list(sigmas, 1)))?;
    }
    let distances: Vec<f32> = (1..=DISTANCES).map(|i| i as f32).collect();
    print(format_args!("pixels apart         {}", list(&distances, 0)))?;
    print(format_args!("correlation, right   {}", list(&report.to_the_right, 2)))?;
    print(format_args!("correlation, below   {}", list(&report.below, 2)))?;
    if !report.colours.is_empty() {
        print(format_args!("colours (RG, RB, GB) {}", list(&report.colours, 2)))?;
    }
    Ok(())
}
