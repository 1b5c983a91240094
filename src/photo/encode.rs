//! A [`Photo`] to the bytes of an image file.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageResult};

use super::{Photo, Samples};
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
    /// Lossless, 8, 16 or 32 bit.
    Tiff,
}

impl Format {
    /// The format by its usual file extension (`png`, `jpg`, `jpeg`, `webp`, `tif`, `tiff`), in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Format::Png),
            "jpg" | "jpeg" => Some(Format::Jpeg),
            "webp" => Some(Format::WebP),
            "tif" | "tiff" => Some(Format::Tiff),
            _ => None,
        }
    }
}

pub(super) fn encode(photo: &Photo, format: Format, quality: u8) -> Result<Vec<u8>> {
    let (samples, colors, alpha) = convert(photo, format);
    let color_type = color_type(&samples, colors, alpha);
    let mut out = Cursor::new(Vec::new());
    let result = match format {
        Format::Png => write(PngEncoder::new(&mut out), photo, &samples, color_type),
        Format::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100));
            write(encoder, photo, &samples, color_type)
        }
        Format::WebP => write(WebPEncoder::new_lossless(&mut out), photo, &samples, color_type),
        Format::Tiff => write(TiffEncoder::new(&mut out), photo, &samples, color_type),
    };
    result.map_err(|e| {
        let message =
            format!("a {}x{} photo cannot be written as {format:?} ({e})", photo.width, photo.height);
        Error::new(Kind::Encode, message).caused_by(e)
    })?;
    Ok(out.into_inner())
}

fn write(
    mut encoder: impl ImageEncoder,
    photo: &Photo,
    samples: &Samples,
    color_type: ExtendedColorType,
) -> ImageResult<()> {
    // A format that has no place for a profile or EXIF says so; the pixels are worth writing all the same.
    if let Some(icc) = &photo.metadata.icc {
        let _ = encoder.set_icc_profile(icc.clone());
    }
    if let Some(exif) = &photo.metadata.exif {
        let _ = encoder.set_exif_metadata(exif.clone());
    }
    let bytes: Vec<u8> = match samples {
        Samples::U8(v) => v.clone(),
        Samples::U16(v) => v.iter().flat_map(|s| s.to_ne_bytes()).collect(),
        Samples::F32(v) => v.iter().flat_map(|s| s.to_ne_bytes()).collect(),
    };
    encoder.write_image(&bytes, photo.width as u32, photo.height as u32, color_type)
}

/// The samples in a layout that the format can hold.
fn convert(photo: &Photo, format: Format) -> (Samples, usize, bool) {
    let pixels = photo.width * photo.height;
    let n = photo.samples_per_pixel();
    let alpha = photo.alpha && format != Format::Jpeg;
    // WebP has no gray, and no TIFF reader expects gray with alpha or gray floats from this encoder.
    let colors = match format {
        Format::WebP => 3,
        Format::Tiff if photo.alpha || photo.bit_depth() == 32 => 3,
        _ => photo.colors,
    };
    let count = pixels * (colors + usize::from(alpha));
    let mut out = match (format, &photo.samples) {
        (Format::Jpeg | Format::WebP, _) | (_, Samples::U8(_)) => Samples::U8(vec![0; count]),
        (Format::Tiff, Samples::F32(_)) => Samples::F32(vec![0.0; count]),
        _ => Samples::U16(vec![0; count]),
    };
    for i in 0..pixels {
        let target = i * (colors + usize::from(alpha));
        for c in 0..colors {
            let source = i * n + c.min(photo.colors - 1);
            if photo.alpha && !alpha {
                let a = photo.samples.get(i * n + photo.colors);
                out.set(target + c, 1.0 + a * (photo.samples.get(source) - 1.0));
            } else {
                out.copy(target + c, &photo.samples, source);
            }
        }
        if alpha {
            out.copy(target + colors, &photo.samples, i * n + photo.colors);
        }
    }
    (out, colors, alpha)
}

fn color_type(samples: &Samples, colors: usize, alpha: bool) -> ExtendedColorType {
    use ExtendedColorType as T;
    match (samples, colors, alpha) {
        (Samples::U8(_), 1, false) => T::L8,
        (Samples::U8(_), 1, true) => T::La8,
        (Samples::U8(_), _, false) => T::Rgb8,
        (Samples::U8(_), _, true) => T::Rgba8,
        (Samples::U16(_), 1, false) => T::L16,
        (Samples::U16(_), 1, true) => T::La16,
        (Samples::U16(_), _, false) => T::Rgb16,
        (Samples::U16(_), _, true) => T::Rgba16,
        (Samples::F32(_), _, false) => T::Rgb32F,
        (Samples::F32(_), _, true) => T::Rgba32F,
    }
}
