//! `unnoise evaluate`: PSNR and SSIM of a network over a folder, with synthetic noise or on pairs of noisy and clean.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use clap::ArgGroup;
use serde::Serialize;
use unnoise::degradation::{KERNEL, degrade, gaussian_kernel, resize};
use unnoise::inference::Options;
use unnoise::metrics::{psnr, ssim};
use unnoise::models::{Conditions, Mode};
use unnoise::noise::add_white_gaussian;
use unnoise::photo::{Photo, Planar, decode};

use crate::fine_tune::{Training, TrainingData};
use crate::report::{print, print_line};
use crate::{Denoised, Engine, Loaded, Result, read};

#[derive(clap::Args)]
#[command(group(ArgGroup::new("data").required(true).args(["clean", "pairs"])))]
pub struct Args {
    #[command(flatten)]
    engine: Engine,
    /// Folder of clean photos; white Gaussian noise is added, clipped and rounded to 8 bit. For networks that enlarge,
    /// they are blurred and shrunk first, and compared with what bicubic enlargement makes of them
    #[arg(long, value_name = "DIR", requires = "sigma")]
    clean: Option<PathBuf>,
    /// Standard deviation of that noise, on the scale 0 to 255
    #[arg(long, requires = "clean")]
    sigma: Option<f32>,
    /// Standard deviation in pixels of the blur, for networks that enlarge
    #[arg(long, default_value_t = 1.2, requires = "clean")]
    blur: f64,
    /// Only every n-th photo or pair
    #[arg(long, value_name = "N", default_value = "1")]
    every: NonZeroUsize,
    /// Seed of that noise
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of pairs named `..._real`/`..._mean` or `..._noisy`/`..._clean`
    #[arg(long, value_name = "DIR")]
    pairs: Option<PathBuf>,
    /// Fine-tune the network on each photo before it is denoised, from the same weights each time
    #[arg(long)]
    fine_tune: bool,
    #[command(flatten)]
    training: Training,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: String,
    images: Vec<Row>,
    mean: Scores,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// How the network was run.
    adapt: String,
    #[serde(flatten)]
    scores: Scores,
    /// PSNR before fine-tuning, and whether the tuned network was kept.
    #[serde(flatten)]
    tuning: Option<Tuning>,
}

#[derive(Serialize)]
struct Tuning {
    psnr_before: f64,
    /// PSNR of what was learned to the end, whether it was kept or not; `None` where time ran out before.
    psnr_learned: Option<f64>,
    kept: bool,
    /// What was found out about the noise.
    noise: Option<String>,
    best_step: usize,
    /// Judgements: after which step, and the score.
    scores: Vec<(usize, f32)>,
    /// The same by simulated pairs.
    simulated: Vec<(usize, f32)>,
    seconds_tuning: f64,
}

#[derive(Serialize, Default)]
struct Scores {
    psnr_noisy: f64,
    psnr: f64,
    ssim_noisy: f64,
    ssim: f64,
    seconds: f64,
}

/// A photo to measure with.
struct Sample {
    name: String,
    noisy: Photo,
    clean: Photo,
    /// What would be there without the network: the noisy photo, enlarged where the network enlarges.
    plain: Photo,
}

pub fn run(args: &Args) -> Result<()> {
    let files = match (&args.clean, &args.pairs) {
        (Some(folder), _) => photos_in(folder)?.into_iter().map(|p| (p, None)).collect(),
        (None, Some(folder)) => pairs_in(folder)?,
        (None, None) => unreachable!("clap demands one of them"),
    };
    let mut engine = args.engine.load()?;
    let mut images = Vec::new();
    let sigma = args.sigma.map(|sigma| sigma / 255.0);
    let conditions = Conditions { sigma, ..Conditions::default() };
    let options = Options { conditions, ..Options::default() };
    for (index, (path, clean)) in files.iter().enumerate().step_by(args.every.get()) {
        let sample = read_sample(path, clean.as_deref(), args, index, &engine)?;
        let start = Instant::now();
        let Denoised { photo: mut denoised, mut adapt, .. } =
            engine.denoise(sample.noisy.clone(), options, "")?;
        let mut seconds = start.elapsed().as_secs_f64();
        let mut tuning = None;
        if args.fine_tune {
            let psnr_before = psnr(&denoised, &sample.clean)?;
            let before = (engine.model.clone(), engine.adapt);
            let shots = [Arc::new(sample.noisy.clone())];
            let data = TrainingData { photos: &shots, shots: false, clean: None, noise: None };
            let tuned = args.training.run(&engine, data)?;
            let mut psnr_learned = None;
            if let Some(learned) = tuned.learned {
                (engine.model, engine.adapt) = (learned, Mode::Auto);
                let learned = engine.denoise(sample.noisy.clone(), options, "")?.photo;
                psnr_learned = Some(psnr(&learned, &sample.clean)?);
            }
            // As it was tuned.
            (engine.model, engine.adapt) = (tuned.model, if tuned.kept { Mode::Auto } else { before.1 });
            let start = Instant::now();
            Denoised { photo: denoised, adapt, .. } = engine.denoise(sample.noisy.clone(), options, "")?;
            seconds = start.elapsed().as_secs_f64();
            (engine.model, engine.adapt) = before;
            tuning = Some(Tuning {
                psnr_before,
                psnr_learned,
                kept: tuned.kept,
                noise: tuned.progress.noise.map(|noise| noise.to_string()),
                best_step: tuned.progress.best_step,
                scores: tuned.progress.scores,
                simulated: tuned.progress.simulated,
                seconds_tuning: tuned.progress.seconds,
            });
        }
        let scores = Scores {
            psnr_noisy: psnr(&sample.plain, &sample.clean)?,
            psnr: psnr(&denoised, &sample.clean)?,
            ssim_noisy: ssim(&sample.plain, &sample.clean)?,
            ssim: ssim(&denoised, &sample.clean)?,
            seconds,
        };
        images.push(Row { name: sample.name, adapt: adapt.to_string(), scores, tuning });
        if !args.json {
            print_row(&images[images.len() - 1])?;
        }
    }
    let report = Report { model: engine.model.card().id.to_string(), mean: mean(&images), images };
    print_report(report, args.json)
}

fn read_sample(
    path: &Path,
    clean: Option<&Path>,
    args: &Args,
    index: usize,
    engine: &Loaded,
) -> Result<Sample> {
    let open =
        |path: &Path| -> Result<Photo> { Ok(decode(&read(path)?).map_err(|e| e.context(path.display()))?) };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(clean) = clean {
        let noisy = open(path)?;
        // Measured in one range.
        let clean = open(clean)?.stretched_like(&noisy);
        return Ok(Sample { name, clean, plain: noisy.clone(), noisy });
    }
    // One seed for the run; every photo gets noise of its own.
    let seed = args.seed.wrapping_add(index as u64);
    let noisy = |photo: &Photo| add_white_gaussian(photo, args.sigma.unwrap_or_default(), seed);
    let clean = open(path)?;
    if engine.model.card().scale == 1 {
        let noisy = noisy(&clean);
        return Ok(Sample { name, clean, plain: noisy.clone(), noisy });
    }
    let (clean, small) = shrunk(&clean, args.blur, engine)?;
    let noisy = noisy(&small);
    let plain = photo(resize(tensor(&noisy.planar(), engine), clean.height(), clean.width()))?;
    Ok(Sample { name, clean, noisy, plain })
}

/// A photo as large as a multiple of the network's scale, and the same blurred and as many times smaller.
fn shrunk(clean: &Photo, blur: f64, engine: &Loaded) -> Result<(Photo, Photo)> {
    let scale = engine.model.card().scale;
    let (width, height) = (clean.width() / scale * scale, clean.height() / scale * scale);
    let clean = clean.window(0, 0, width, height, engine.model.card().channels);
    let kernel = TensorData::new(gaussian_kernel([blur; 2], 0.0), [1, KERNEL, KERNEL]);
    let kernel = Tensor::<3>::from_data(kernel, engine.model.device());
    let small = photo(degrade(tensor(&clean, engine) * 255.0, kernel, scale, None) / 255.0)?;
    Ok((Photo::from_planar(&clean)?.to_8bit(), small))
}

fn tensor(image: &Planar, engine: &Loaded) -> Tensor<4> {
    let shape = [1, image.channels, image.height, image.width];
    Tensor::from_data(TensorData::new(image.data.clone(), shape), engine.model.device())
}

fn photo(image: Tensor<4>) -> Result<Photo> {
    let [_, channels, height, width] = image.dims();
    let data = pollster::block_on(image.into_data_async()).map_err(|e| format!("{e:?}"))?;
    let data = data.try_into_vec::<f32>().map_err(|e| format!("{e:?}"))?;
    Ok(Photo::from_planar(&Planar { channels, height, width, data })?.to_8bit())
}

fn is_photo(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(extension.as_str(), "png" | "jpg" | "jpeg" | "webp" | "tif" | "tiff" | "bmp")
}

fn photos_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if is_photo(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("{}: no photos in this folder", folder.display()).into());
    }
    Ok(found)
}

/// Noisy photos and their clean twins.
fn pairs_in(folder: &Path) -> Result<Vec<(PathBuf, Option<PathBuf>)>> {
    let photos = photos_in(folder)?;
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut pairs = Vec::new();
    for noisy in &photos {
        let name = stem(noisy);
        for (ending, twin) in [("_real", "_mean"), ("_noisy", "_clean")] {
            let Some(start) = name.strip_suffix(ending) else { continue };
            let wanted = format!("{start}{twin}");
            let clean = photos.iter().find(|p| stem(p) == wanted);
            let clean =
                clean.ok_or_else(|| format!("{}: its twin `{wanted}` is missing", noisy.display()))?;
            pairs.push((noisy.clone(), Some(clean.clone())));
        }
    }
    if pairs.is_empty() {
        return Err(format!("{}: no pairs named _real/_mean or _noisy/_clean", folder.display()).into());
    }
    Ok(pairs)
}

fn mean(rows: &[Row]) -> Scores {
    let average =
        |f: fn(&Scores) -> f64| rows.iter().map(|row| f(&row.scores)).sum::<f64>() / rows.len() as f64;
    Scores {
        psnr_noisy: average(|s| s.psnr_noisy),
        psnr: average(|s| s.psnr),
        ssim_noisy: average(|s| s.ssim_noisy),
        ssim: average(|s| s.ssim),
        seconds: average(|s| s.seconds),
    }
}

fn print_row(Row { name, adapt, scores: s, tuning }: &Row) -> Result<()> {
    let before = tuning.as_ref().map_or(String::new(), |t| {
        let what = if t.kept { format!("kept, step {}", t.best_step) } else { "reverted".to_string() };
        let learned = t.psnr_learned.map_or(String::new(), |v| format!("learned {v:6.2} dB, "));
        let noise = t.noise.as_ref().map_or(String::new(), |noise| format!(": {noise}"));
        let (before, seconds) = (t.psnr_before, t.seconds_tuning);
        format!("   before tuning {before:6.2} dB, {learned}{what}, {seconds:.0} s{noise}")
    });
    print(format_args!(
        "{name:40} {adapt:10} PSNR {:6.2} -> {:6.2} dB   SSIM {:.4} -> {:.4}   {:6.1} s{before}",
        s.psnr_noisy, s.psnr, s.ssim_noisy, s.ssim, s.seconds
    ))
}

fn print_report(report: Report, json: bool) -> Result<()> {
    if json {
        print_line(&report)?;
    } else {
        let tunings: Vec<&Tuning> = report.images.iter().filter_map(|row| row.tuning.as_ref()).collect();
        let count = tunings.len().max(1) as f64;
        let before = tunings.iter().map(|t| t.psnr_before).sum::<f64>() / count;
        let kept = tunings.iter().filter(|t| t.kept).count();
        let seconds = tunings.iter().map(|t| t.seconds_tuning).sum::<f64>() / count;
        let rows = report.images.iter().filter_map(|row| Some((row, row.tuning.as_ref()?)));
        let worst = rows.map(|(row, t)| row.scores.psnr - t.psnr_before).fold(f64::INFINITY, f64::min);
        let adapt = String::new();
        print_row(&Row { name: "mean".into(), adapt, scores: report.mean, tuning: None })?;
        if !tunings.is_empty() {
            let all = tunings.len();
            print(format_args!(
                "before tuning {before:.3} dB; worst change {worst:+.3} dB; kept {kept} of {all}; {seconds:.0} s each"
            ))?;
        }
    }
    Ok(())
}
