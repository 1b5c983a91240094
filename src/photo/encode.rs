//! A [`Photo`] to the bytes of an image file.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use image_webp::{ColorType as WebPColor, WebPEncoder};

use super::metadata::{self, jfif};
use super::tiff::TiffWriter;
use super::{Photo, Samples, exif};
use crate::error::{Error, Kind, Result};

/// File formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lossless, 8 or 16 bit.
    Png,
    /// Lossy, 8 bit, no alpha.
    Jpeg,
    /// Lossless, 8 bit.
    WebP,
    /// Lossless, all depths, and several pages.
    Tiff,
}

impl Format {
    /// The format by its usual file extension (`png`, `jpg`, `jpeg`, `webp`, `tif`, `tiff`), in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Format::Png),
            "jpg" | "jpeg" | "jpe" | "jfif" => Some(Format::Jpeg),
            "webp" => Some(Format::WebP),
            "tif" | "tiff" => Some(Format::Tiff),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::WebP => "WebP",
            Format::Tiff => "TIFF",
        }
    }

    /// Refuses a size that the format cannot hold: JPEG ends at 65535 pixels a side, WebP at 16383.
    ///
    /// # Errors
    /// [`Kind::Encode`].
    pub fn check_size(self, width: usize, height: usize) -> Result<()> {
        let limit = match self {
            Format::Jpeg => 65_535,
            Format::WebP => 16_383,
            Format::Png | Format::Tiff => return Ok(()),
        };
        if width.max(height) <= limit {
            return Ok(());
        }
        let name = self.name();
        let message = format!(
            "a {width}x{height} photo cannot be written as {name}, which ends at {limit} pixels a side: take PNG or TIFF"
        );
        Err(Error::new(Kind::Encode, message))
    }
}

pub(super) fn encode(photo: &Photo, format: Format, quality: u8) -> Result<Vec<u8>> {
    format.check_size(photo.width, photo.height)?;
    match format {
        Format::Png => png(photo),
        Format::Jpeg => jpeg(photo, quality),
        Format::WebP => webp(photo),
        Format::Tiff => {
            let mut writer = TiffWriter::new();
            writer.add(photo)?;
            writer.finish()
        }
    }
}

fn failed(photo: &Photo, format: Format, e: impl std::error::Error + Send + Sync + 'static) -> Error {
    let (width, height) = (photo.width, photo.height);
    let message = format!("a {width}x{height} photo cannot be written as {} ({e})", format.name());
    Error::new(Kind::Encode, message).caused_by(e)
}

fn png(photo: &Photo) -> Result<Vec<u8>> {
    let (samples, colors, alpha) = convert(photo, Format::Png);
    let mut out = Cursor::new(Vec::new());
    let mut encoder = PngEncoder::new(&mut out);
    // That a format has no place for it does not come to pass here.
    if let Some(icc) = photo.metadata.profile(colors) {
        let _ = encoder.set_icc_profile(icc.to_vec());
    }
    if let Some(exif) = exif::block(&photo.metadata) {
        let _ = encoder.set_exif_metadata(exif);
    }
    let bytes = match &*samples {
        Samples::U8(v) => Cow::Borrowed(v.as_slice()),
        Samples::U16(v) => v.iter().flat_map(|s| s.to_ne_bytes()).collect(),
        Samples::F32(_) => unreachable!("PNG is written with 8 or 16 bits"),
    };
    let color_type = color_type(&samples, colors, alpha);
    encoder
        .write_image(&bytes, photo.width as u32, photo.height as u32, color_type)
        .map_err(|e| failed(photo, Format::Png, e))?;
    Ok(metadata::write_png(out.into_inner(), &photo.metadata))
}

fn jpeg(photo: &Photo, quality: u8) -> Result<Vec<u8>> {
    let (samples, colors, alpha) = convert(photo, Format::Jpeg);
    let mut out = Cursor::new(Vec::new());
    let mut encoder = JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100));
    if let Some(density) = photo.metadata.density {
        encoder.set_pixel_density(jfif(density));
    }
    encoder
        .write_image(
            eight_bits(&samples),
            photo.width as u32,
            photo.height as u32,
            color_type(&samples, colors, alpha),
        )
        .map_err(|e| failed(photo, Format::Jpeg, e))?;
    Ok(metadata::write_jpeg(out.into_inner(), &photo.metadata, colors))
}

fn webp(photo: &Photo) -> Result<Vec<u8>> {
    let (samples, colors, alpha) = convert(photo, Format::WebP);
    let mut out = Vec::new();
    let mut encoder = WebPEncoder::new(&mut out);
    if let Some(icc) = photo.metadata.profile(colors) {
        encoder.set_icc_profile(icc.to_vec());
    }
    let density = || photo.metadata.density.map(exif::block_of_density);
    if let Some(exif) = exif::block(&photo.metadata).or_else(density) {
        encoder.set_exif_metadata(exif);
    }
    if let Some(xmp) = &photo.metadata.xmp {
        encoder.set_xmp_metadata(xmp.clone());
    }
    let color_type = if alpha { WebPColor::Rgba8 } else { WebPColor::Rgb8 };
    encoder
        .encode(eight_bits(&samples), photo.width as u32, photo.height as u32, color_type)
        .map_err(|e| failed(photo, Format::WebP, e))?;
    Ok(out)
}

fn eight_bits(samples: &Samples) -> &[u8] {
    match samples {
        Samples::U8(v) => v,
        _ => unreachable!("JPEG and WebP are written with 8 bits"),
    }
}

/// The samples in a layout that the format can hold. Numbers that are no shares of white are stretched where the format has
/// no place for them as they are. Nothing is copied where the photo has them so already.
fn convert(photo: &Photo, format: Format) -> (Cow<'_, Samples>, usize, bool) {
    let pixels = photo.width * photo.height;
    let n = photo.samples_per_pixel();
    let alpha = photo.alpha && format != Format::Jpeg;
    // WebP has no gray.
    let colors = if format == Format::WebP { 3 } else { photo.colors };
    let count = pixels * (colors + usize::from(alpha));
    let depth = match (format, &photo.samples) {
        (Format::Jpeg | Format::WebP, _) | (_, Samples::U8(_)) => 8,
        _ => 16,
    };
    let as_it_is = depth == photo.samples.bit_depth();
    if as_it_is && (colors, alpha) == (photo.colors, photo.alpha) {
        return (Cow::Borrowed(&photo.samples), colors, alpha);
    }
    let mut out = if depth == 8 { Samples::U8(vec![0; count]) } else { Samples::U16(vec![0; count]) };
    for i in 0..pixels {
        let target = i * (colors + usize::from(alpha));
        for c in 0..colors {
            let source = i * n + c.min(photo.colors - 1);
            if photo.alpha && !alpha {
                let a = photo.samples.get(i * n + photo.colors);
                out.set(target + c, 1.0 + a * (photo.level(source) - 1.0));
            } else if as_it_is {
                out.copy(target + c, &photo.samples, source);
            } else {
                out.set(target + c, photo.level(source));
            }
        }
        if alpha {
            out.copy(target + colors, &photo.samples, i * n + photo.colors);
        }
    }
    (Cow::Owned(out), colors, alpha)
}

fn color_type(samples: &Samples, colors: usize, alpha: bool) -> ExtendedColorType {
    use ExtendedColorType as T;
    match (samples, colors, alpha) {
        (Samples::U8(_), 1, false) => T::L8,
        (Samples::U8(_), 1, true) => T::La8,
        (Samples::U8(_), _, false) => T::Rgb8,
        (Samples::U8(_), _, true) => T::Rgba8,
        (_, 1, false) => T::L16,
        (_, 1, true) => T::La16,
        (_, _, false) => T::Rgb16,
        (_, _, true) => T::Rgba16,
    }
}
