//! Bytes of an image file to a [`Photo`], with the sizes checked before anything is allocated.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Metadata, Photo, Samples};
use crate::error::{Error, Kind, Result};

/// Largest photo that is read, in pixels. A wasm instance has 4 GiB; this many pixels of 16-bit RGBA, in and out, take half of it.
pub const MAX_PIXELS: u64 = 120_000_000;

const FORMATS: &str = "PNG, JPEG, WebP, TIFF and BMP";

/// Reads a PNG, JPEG, WebP, TIFF or BMP file; the format is told by the bytes, not by a name. The EXIF orientation is
/// applied; bit depth, alpha, ICC profile and EXIF are kept. CMYK becomes RGB, palettes are expanded.
///
/// # Errors
/// [`Kind::Decode`] for bytes that are no image or a damaged one, [`Kind::Unsupported`] for another sort of image,
/// [`Kind::TooLarge`] beyond [`MAX_PIXELS`].
pub fn decode(bytes: &[u8]) -> Result<Photo> {
    if bytes.is_empty() {
        return Err(Error::new(Kind::Decode, "the file is empty (0 bytes)"));
    }
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .expect("reading from memory does not fail");
    let format = reader
        .format()
        .ok_or_else(|| Error::new(Kind::Decode, format!("this is not an image file; {FORMATS} are read")))?;
    let name = format_name(format)?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        let message = "this JPEG is truncated: its end is missing";
        return Err(Error::new(Kind::Decode, message));
    }
    check_size(bytes)?;
    let (image, metadata) = read(reader).map_err(|e| describe(e, name))?;
    Ok(Photo { metadata, ..from_image(image)? })
}

/// Refuses an image by the size that its header claims, before any decoder sees it.
fn check_size(bytes: &[u8]) -> Result<()> {
    let Ok(size) = imagesize::blob_size(bytes) else {
        return Ok(()); // the decoder knows better what is wrong
    };
    let pixels = size.width as u64 * size.height as u64;
    if pixels <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!(
        "this image says it is {}x{} ({} megapixels, in a file of {} bytes); up to {} megapixels are read",
        size.width,
        size.height,
        pixels / 1_000_000,
        bytes.len(),
        MAX_PIXELS / 1_000_000
    );
    Err(Error::new(Kind::TooLarge, message))
}

/// Reads metadata and pixels, the right way up.
fn read(mut reader: ImageReader<Cursor<&[u8]>>) -> Result<(DynamicImage, Metadata), ImageError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut metadata = Metadata { icc: decoder.icc_profile()?, exif: decoder.exif_metadata()? };
    if let Some(exif) = &mut metadata.exif {
        // Applied below; a viewer must not apply it again.
        let _ = Orientation::remove_from_exif_chunk(exif);
    }
    if is_cmyk(decoder.original_color_type()) {
        // The pixels become RGB, which a CMYK profile does not describe.
        metadata.icc = None;
    }
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok((image, metadata))
}

fn is_cmyk(color: image::ExtendedColorType) -> bool {
    matches!(color, image::ExtendedColorType::Cmyk8 | image::ExtendedColorType::Cmyk16)
}

fn from_image(image: DynamicImage) -> Result<Photo> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let color = image.color();
    let colors = if color.has_color() { 3 } else { 1 };
    let samples = match image {
        DynamicImage::ImageLuma8(i) => Samples::U8(i.into_raw()),
        DynamicImage::ImageLumaA8(i) => Samples::U8(i.into_raw()),
        DynamicImage::ImageRgb8(i) => Samples::U8(i.into_raw()),
        DynamicImage::ImageRgba8(i) => Samples::U8(i.into_raw()),
        DynamicImage::ImageLuma16(i) => Samples::U16(i.into_raw()),
        DynamicImage::ImageLumaA16(i) => Samples::U16(i.into_raw()),
        DynamicImage::ImageRgb16(i) => Samples::U16(i.into_raw()),
        DynamicImage::ImageRgba16(i) => Samples::U16(i.into_raw()),
        DynamicImage::ImageRgb32F(i) => Samples::F32(finite(i.into_raw())?),
        DynamicImage::ImageRgba32F(i) => Samples::F32(finite(i.into_raw())?),
        other => {
            let message = format!("pixels of type {:?} are not read", other.color());
            return Err(Error::new(Kind::Unsupported, message));
        }
    };
    Photo::new(width, height, colors, color.has_alpha(), samples)
}

fn finite(samples: Vec<f32>) -> Result<Vec<f32>> {
    match samples.iter().find(|v| !v.is_finite()) {
        None => Ok(samples),
        Some(v) => Err(Error::new(Kind::Decode, format!("the image contains the sample {v}"))),
    }
}

fn format_name(format: ImageFormat) -> Result<&'static str> {
    match format {
        ImageFormat::Png => Ok("PNG"),
        ImageFormat::Jpeg => Ok("JPEG"),
        ImageFormat::WebP => Ok("WebP"),
        ImageFormat::Tiff => Ok("TIFF"),
        ImageFormat::Bmp => Ok("BMP"),
        other => {
            let message = format!("{} files are not read; {FORMATS} are", other.to_mime_type());
            Err(Error::new(Kind::Unsupported, message))
        }
    }
}

fn describe(error: ImageError, name: &str) -> Error {
    let (kind, what) = match &error {
        ImageError::Limits(_) => (Kind::TooLarge, "is too large to be read"),
        ImageError::Unsupported(_) => (Kind::Unsupported, "is of a sort that is not read"),
        _ => (Kind::Decode, "is damaged or truncated"),
    };
    Error::new(kind, format!("this {name} {what} ({error})")).caused_by(error)
}

/// Whether a JPEG reaches its end-of-image marker. The decoder is lenient and would fill what is missing with gray.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut i = 2;
    while i + 1 < bytes.len() {
        if bytes[i] != 0xFF {
            i += 1; // entropy-coded data
            continue;
        }
        match bytes[i + 1] {
            0xD9 => return true,
            // Stuffed byte, fill byte, and markers without a length.
            0x00 | 0x01 | 0xD0..=0xD8 => i += 2,
            0xFF => i += 1,
            _ => {
                let Some(length) = bytes.get(i + 2..i + 4) else { return false };
                i += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::Format;

    fn sample() -> Photo {
        let samples = (0..24 * 16 * 3).map(|i| (i * 7 % 256) as u8).collect();
        Photo::new(24, 16, 3, false, Samples::U8(samples)).unwrap()
    }

    fn refused(bytes: &[u8], kind: Kind, word: &str) {
        let error = decode(bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }

    #[test]
    fn bad_bytes_are_named_errors() {
        refused(b"", Kind::Decode, "empty");
        refused(b"hello, I am a text file", Kind::Decode, "not an image");
        refused(b"GIF89a\x01\x00\x01\x00\x00\x00\x00", Kind::Unsupported, "gif");
        let jpeg = sample().encode(Format::Jpeg, 90).unwrap();
        refused(&jpeg[..jpeg.len() / 2], Kind::Decode, "truncated");
        refused(&jpeg[..jpeg.len() - 2], Kind::Decode, "truncated");
        for format in [Format::Png, Format::WebP, Format::Tiff] {
            let file = sample().encode(format, 90).unwrap();
            refused(&file[..file.len() / 2], Kind::Decode, "truncated");
        }
    }

    #[test]
    fn a_header_that_claims_a_huge_image_is_refused_before_allocating() {
        let mut png = sample().encode(Format::Png, 90).unwrap();
        png[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        png[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        refused(&png, Kind::TooLarge, "60000x60000");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &b| {
            (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 })
        })
    }

    #[test]
    fn lossless_formats_round_trip_in_every_layout() {
        for colors in [1, 3] {
            for alpha in [false, true] {
                let n = 6 * 5 * (colors + usize::from(alpha));
                let eight = Samples::U8((0..n).map(|i| (i * 5) as u8).collect());
                let sixteen = Samples::U16((0..n).map(|i| (i * 501) as u16).collect());
                for samples in [eight, sixteen] {
                    let photo = Photo::new(6, 5, colors, alpha, samples).unwrap();
                    let formats: &[Format] = if photo.bit_depth() == 8 && colors == 3 {
                        &[Format::Png, Format::WebP, Format::Tiff]
                    } else {
                        &[Format::Png]
                    };
                    for &format in formats {
                        let again = decode(&photo.encode(format, 90).unwrap()).unwrap();
                        assert_eq!(again, photo, "{format:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn orientation_is_applied_once_and_exif_is_kept() {
        // TIFF-structured EXIF, little endian, one entry: orientation (0x0112) = 6, rotate by 90 degrees clockwise.
        let mut exif = b"II*\0\x08\0\0\0\x01\0".to_vec();
        exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        let mut photo = sample();
        photo.metadata.exif = Some(exif);
        photo.metadata.icc = Some(b"a profile".to_vec());
        let turned = decode(&photo.encode(Format::Png, 90).unwrap()).unwrap();
        assert_eq!((turned.width(), turned.height()), (16, 24));
        assert_eq!(turned.metadata.icc, photo.metadata.icc);
        let again = decode(&turned.encode(Format::Png, 90).unwrap()).unwrap();
        assert_eq!(again, turned);
        assert!(again.metadata.exif.is_some());
    }
}
