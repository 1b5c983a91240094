//! `unnoise denoise IN -o OUT`.

use std::path::PathBuf;

use unnoise::denoise::Options;
use unnoise::photo::{Format, decode};

use crate::{Engine, Result, read};

#[derive(clap::Args)]
pub struct Args {
    /// The noisy photo
    input: PathBuf,
    /// Where the result goes; its ending (png, jpg, webp, tif) tells the format
    #[arg(short, long)]
    output: PathBuf,
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
    let photo = decode(&read(&args.input)?).map_err(|e| e.context(args.input.display()))?;
    let options = Options { strength: args.strength, detail: args.detail, ..Options::default() };
    let (result, _) = args.engine.load()?.denoise(photo, options)?;
    let bytes = result.encode(format, args.quality)?;
    std::fs::write(&args.output, bytes).map_err(|e| format!("{}: {e}", args.output.display()))?;
    Ok(())
}
