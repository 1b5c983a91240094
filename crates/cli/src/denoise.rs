//! `unnoise denoise PHOTO... -o OUT`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;
use unnoise::inference::Options;
use unnoise::noise::NoiseEstimate;
use unnoise::photo::{Format, ImageFile, TiffWriter};

use crate::report::{fail, print_line, tell};
use crate::{Denoised, Engine, Loaded, Result, read, write};

/// What is added to names beside the photos where nothing is asked for.
const SUFFIX: &str = "-denoised";
/// Endings of the files that are looked for in folders.
const ENDINGS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "gif"];

#[derive(clap::Args)]
pub struct Args {
    /// Noisy photos, stacks of pages, or folders of them
    #[arg(required = true, value_name = "PHOTO")]
    inputs: Vec<PathBuf>,
    /// A file, whose ending (png, jpg, webp, tif) tells the format (stacks go to a tif), or a folder for all results, in the
    /// format of their photos, which is made where it is missing [default: beside each photo]
    #[arg(short, long, value_name = "FILE|DIR/")]
    output: Option<PathBuf>,
    /// Added to the names of results in front of the ending [default: -denoised, but nothing in a folder of results]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    suffix: Option<String>,
    /// Replace results that are there
    #[arg(long)]
    overwrite: bool,
    /// Print a line of JSON for each photo
    #[arg(long)]
    json: bool,
    /// Only this picture of a file that holds several, from 1
    #[arg(long, value_name = "N")]
    page: Option<usize>,
    #[command(flatten)]
    engine: Engine,
    /// From 0 (the photo as it is) to 1 (all of the network's work)
    #[arg(long, default_value_t = 1.0)]
    strength: f32,
    /// Share of the fine luminance that is given back, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    detail: f32,
    /// JPEG quality, 1 to 100
    #[arg(long, default_value_t = 92)]
    quality: u8,
}

/// A photo, and where its result goes.
struct Work {
    input: PathBuf,
    output: PathBuf,
    format: Format,
}

/// What is told of a photo that was denoised.
#[derive(Serialize)]
struct Report {
    input: String,
    output: String,
    width: usize,
    height: usize,
    pages: usize,
    device: String,
    model: &'static str,
    /// How the network was run, for the first page.
    mode: String,
    /// Of the first page.
    noise: NoiseEstimate,
    /// Without the time to load the network.
    seconds: f64,
    notes: Vec<String>,
}

/// What is told of a photo that was not.
#[derive(Serialize)]
struct Failure {
    input: String,
    error: String,
    /// What sort of error, where the library knows.
    code: Option<&'static str>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    // Told before the work, not after it.
    let works = works(args)?;
    let mut engine = None;
    let mut failed = false;
    for work in &works {
        let done = denoise(args, work, &mut engine).and_then(|report| match args.json {
            true => print_line(&report),
            false => Ok(()),
        });
        let Err(error) = done else { continue };
        failed = true;
        fail(&error);
        if args.json {
            let code = error.downcast_ref::<unnoise::Error>().map(|error| error.kind().code());
            let input = work.input.display().to_string();
            print_line(&Failure { input, error: error.to_string(), code })?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// All photos that were asked for, those in folders by name, and where their results go.
fn works(args: &Args) -> Result<Vec<Work>> {
    let mut inputs = Vec::new();
    for input in &args.inputs {
        if input.is_dir() { inputs.extend(photos(input)?) } else { inputs.push(input.clone()) }
    }
    let folder = folder(args, inputs.len());
    let mut works: Vec<Work> = Vec::new();
    let mut taken = BTreeMap::new();
    for input in inputs {
        let (output, format) = match (&args.output, folder) {
            (Some(file), None) => (file.clone(), format(file)?),
            _ => named(args, &input, folder),
        };
        if let Some(other) = taken.insert(output.clone(), input.clone()) {
            let (one, two) = (other.display(), input.display());
            return Err(format!("{one} and {two} would both become {}", output.display()).into());
        }
        works.push(Work { input, output, format });
    }
    Ok(works)
}

/// The photos in a folder, by name.
fn photos(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = |e: std::io::Error| format!("{}: {e}", folder.display());
    let ending = |path: &Path| path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(context)? {
        let path = entry.map_err(context)?.path();
        if path.is_file() && ENDINGS.contains(&ending(&path).as_str()) {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(format!("{}: there are no photos in this folder", folder.display()).into());
    }
    found.sort();
    Ok(found)
}

/// The folder of the results, if they go into one.
fn folder(args: &Args, photos: usize) -> Option<&Path> {
    let output = args.output.as_deref()?;
    let slash = output.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    let many = photos > 1 || args.inputs.iter().any(|input| input.is_dir());
    (slash || many || output.is_dir()).then_some(output)
}

fn format(path: &Path) -> Result<Format> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    Format::from_extension(&extension).ok_or_else(|| {
        format!("{}: give the result one of the endings png, jpg, webp, tif", path.display()).into()
    })
}

/// The result's name: that of the photo, in its format where that is written, else in PNG.
fn named(args: &Args, input: &Path, folder: Option<&Path>) -> (PathBuf, Format) {
    let suffix = args.suffix.as_deref().unwrap_or(if folder.is_some() { "" } else { SUFFIX });
    let extension = input.extension().and_then(OsStr::to_str).unwrap_or_default();
    let (extension, format) = match Format::from_extension(extension) {
        Some(format) => (extension, format),
        None => ("png", Format::Png),
    };
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let folder = folder.or(input.parent()).unwrap_or(Path::new(""));
    (folder.join(format!("{stem}{suffix}.{extension}")), format)
}

/// Denoises one file; the first that can be read loads the network for all.
fn denoise(args: &Args, work: &Work, loaded: &mut Option<Loaded>) -> Result<Report> {
    let Work { input, output, format } = work;
    let name = input.display();
    if output.exists() && !args.overwrite {
        return Err(format!("{}: it is there already; --overwrite replaces it", output.display()).into());
    }
    let context = |e: unnoise::Error| e.context(name.to_string());
    let file = ImageFile::open(read(input)?).map_err(context)?;
    let pages = pages(args, work, &file)?;
    let first = file.picture(pages[0]).map_err(context)?;
    format.check_size(first.width(), first.height())?;
    let mut notes = file.notes().to_vec();
    notes.extend(first.note_on(*format));
    notes.iter().for_each(|note| tell(&name, note));
    let engine = match loaded {
        Some(engine) => engine,
        None => loaded.insert(args.engine.load()?),
    };
    let card = engine.model.card();
    format.check_size(first.width() * card.scale, first.height() * card.scale)?;
    let start = Instant::now();
    let options = Options { strength: args.strength, detail: args.detail, ..Options::default() };
    let mut stack = TiffWriter::new();
    let mut photo = None;
    let mut how = None;
    for &page in &pages {
        let noisy = file.picture(page).map_err(context)?;
        let which =
            if pages.len() > 1 { format!("page {} of {}, ", page + 1, pages.len()) } else { String::new() };
        let Denoised { photo: result, note, adapt, noise } = engine.denoise(noisy, options, &which)?;
        if let Some(note) = note {
            let label = format!("{name}: {which}");
            tell(&label.trim_end_matches([',', ':', ' ']), &note);
            notes.push(note);
        }
        how.get_or_insert((adapt.to_string(), noise));
        match format {
            Format::Tiff => stack.add(&result)?,
            _ => photo = Some(result),
        }
    }
    let bytes = match photo {
        Some(photo) => photo.encode(*format, args.quality)?,
        None => stack.finish()?,
    };
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    write(output, bytes)?;
    let (mode, noise) = how.ok_or("a file without pictures")?;
    Ok(Report {
        input: name.to_string(),
        output: output.display().to_string(),
        width: first.width(),
        height: first.height(),
        pages: pages.len(),
        device: args.engine.device.to_string(),
        model: card.id,
        mode,
        noise,
        seconds: start.elapsed().as_secs_f64(),
        notes,
    })
}

/// The pictures of the file that are denoised, from 0.
fn pages(args: &Args, work: &Work, file: &ImageFile) -> Result<Vec<usize>> {
    let count = file.pictures();
    match args.page {
        Some(page) if (1..=count).contains(&page) => Ok(vec![page - 1]),
        Some(page) => Err(format!("{}: there is no page {page}; there are {count}", work.input.display()).into()),
        None if count == 1 || work.format == Format::Tiff => Ok((0..count).collect()),
        None => Err(format!(
            "{}: this is a stack of {}, and {} holds one picture: give the result the ending tif, or take one of them with --page",
            work.input.display(),
            file.count(),
            work.format.name()
        )
        .into()),
    }
}
