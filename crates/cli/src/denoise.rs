//! `unnoise denoise IN -o OUT`.

use std::path::PathBuf;

use unnoise::inference::Options;
use unnoise::photo::{Format, ImageFile, TiffWriter};

use crate::{Denoised, Engine, Result, read, tell};

#[derive(clap::Args)]
pub struct Args {
    /// The noisy photo, or stack of pages
    input: PathBuf,
    /// Where the result goes; its ending (png, jpg, webp, tif) tells the format. Stacks go to a tif
    #[arg(short, long)]
    output: PathBuf,
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

pub fn run(args: &Args) -> Result<()> {
    // Told before the work, not after it.
    let extension = args.output.extension().unwrap_or_default().to_string_lossy();
    let format = Format::from_extension(&extension).ok_or_else(|| {
        format!("{}: give the result one of the endings png, jpg, webp, tif", args.output.display())
    })?;
    let name = args.input.display();
    let file = ImageFile::open(read(&args.input)?).map_err(|e| e.context(name.to_string()))?;
    let pages = pages(args, &file, format)?;
    let first = file.picture(pages[0]).map_err(|e| e.context(name.to_string()))?;
    format.check_size(first.width(), first.height())?;
    file.notes().iter().for_each(|note| tell(&name, note));
    if let Some(note) = first.note_on(format) {
        tell(&name, &note);
    }
    let engine = args.engine.load()?;
    let scale = engine.model.card().scale;
    format.check_size(first.width() * scale, first.height() * scale)?;
    let options = Options { strength: args.strength, detail: args.detail, ..Options::default() };
    let mut stack = TiffWriter::new();
    let mut photo = None;
    for &page in &pages {
        let noisy = file.picture(page).map_err(|e| e.context(name.to_string()))?;
        let which =
            if pages.len() > 1 { format!("page {} of {}, ", page + 1, pages.len()) } else { String::new() };
        let Denoised { photo: result, note, .. } = engine.denoise(noisy, options, &which)?;
        if let Some(note) = note {
            let label = format!("{name}: {which}");
            tell(&label.trim_end_matches([',', ':', ' ']), &note);
        }
        match format {
            Format::Tiff => stack.add(&result)?,
            _ => photo = Some(result),
        }
    }
    let bytes = match photo {
        Some(photo) => photo.encode(format, args.quality)?,
        None => stack.finish()?,
    };
    std::fs::write(&args.output, bytes).map_err(|e| format!("{}: {e}", args.output.display()))?;
    Ok(())
}

/// The pictures of the file that are denoised, from 0.
fn pages(args: &Args, file: &ImageFile, format: Format) -> Result<Vec<usize>> {
    let count = file.pictures();
    match args.page {
        Some(page) if (1..=count).contains(&page) => Ok(vec![page - 1]),
        Some(page) => Err(format!("{}: there is no page {page}; there are {count}", args.input.display()).into()),
        None if count == 1 || format == Format::Tiff => Ok((0..count).collect()),
        None => Err(format!(
            "{}: this is a stack of {}, and {} holds one picture: give the result the ending tif, or take one of them with --page",
            args.input.display(),
            file.count(),
            format.name()
        )
        .into()),
    }
}
