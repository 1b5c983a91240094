//! Bytes of an image file to a [`Photo`], with the sizes checked before anything is allocated.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::file::ImageFile;
use super::jpeg::{self, Frame};
use super::metadata::{self, Metadata};
use super::{Photo, Samples, exif};
use crate::error::{Error, Kind, Result};
use crate::sniff;

/// Largest photo that is read, in pixels. A wasm instance has 4 GiB; this many pixels of 16-bit RGBA, in and out, take half of it.
pub const MAX_PIXELS: u64 = 120_000_000;

const FORMATS: &str = "PNG, JPEG, WebP, TIFF, BMP and GIF";

/// Reads a PNG, JPEG, WebP, TIFF, BMP or GIF file; the format is told by the bytes, not by a name. The orientation is applied;
/// bit depth, alpha, colour profile, EXIF, XMP, IPTC and resolution are kept. CMYK becomes RGB, palettes are expanded. Of
/// several pictures in a file, this is the first: see [`ImageFile`].
///
/// # Errors
/// [`Kind::Decode`] for bytes that are no image or a damaged one, [`Kind::Unsupported`] for another sort of image,
/// [`Kind::TooLarge`] beyond [`MAX_PIXELS`].
pub fn decode(bytes: &[u8]) -> Result<Photo> {
    ImageFile::open(bytes.to_vec())?.into_picture(0)
}

/// Whether these bytes begin as a TIFF does, or a camera raw file that is one inside.
pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    let raw = |bytes: &[u8]| matches!(bytes, [b'U', 0] | [b'R', b'O' | b'S'] | [b'O' | b'S', b'R']);
    match bytes.get(..4) {
        Some([b'I', b'I', version @ ..]) => matches!(version, [42 | 43, 0]) || raw(version),
        Some([b'M', b'M', version @ ..]) => matches!(version, [0, 42 | 43]) || raw(version),
        _ => false,
    }
}

/// Reads a file that is no TIFF, and says what a user should know of it.
pub(super) fn photo(bytes: &[u8]) -> Result<(Photo, Vec<String>)> {
    if bytes.is_empty() {
        return Err(Error::new(Kind::Decode, "the file is empty (0 bytes)"));
    }
    let format = image::guess_format(bytes).ok();
    match format {
        Some(ImageFormat::Jpeg) => read_jpeg(bytes),
        Some(ImageFormat::Png) => read_png(bytes),
        Some(ImageFormat::WebP) => read_webp(bytes),
        Some(ImageFormat::Bmp) => Ok((read(bytes, ImageFormat::Bmp, "BMP")?, Vec::new())),
        Some(ImageFormat::Gif) => read_gif(bytes),
        _ => Err(not_read(bytes)),
    }
}

fn not_read(bytes: &[u8]) -> Error {
    match sniff::describe(bytes) {
        Some(what) => Error::new(Kind::Unsupported, what),
        None => Error::new(Kind::Decode, format!("this is not an image file; {FORMATS} are read")),
    }
}

fn read_jpeg(bytes: &[u8]) -> Result<(Photo, Vec<String>)> {
    let frame = Frame::read(bytes)?;
    let complete = jpeg::is_complete(bytes);
    let mut photo = read(bytes, ImageFormat::Jpeg, "JPEG")?;
    let note = if complete { None } else { Some(jpeg::what_is_missing(&photo, frame.as_ref())?) };
    let mut metadata = metadata::read_jpeg(bytes);
    if frame.is_some_and(|frame| frame.components == 4) {
        // The pixels become RGB, which a profile of inks does not describe.
        metadata.icc = None;
    }
    // Read without its orientation: what that was, the EXIF that was read with the pixels does not say any more.
    metadata.exif = photo.metadata.exif.take();
    photo.metadata = metadata;
    Ok((photo, note.into_iter().collect()))
}

fn read_png(bytes: &[u8]) -> Result<(Photo, Vec<String>)> {
    let mut photo = read(bytes, ImageFormat::Png, "PNG")?;
    metadata::read_png(bytes, &mut photo.metadata);
    let animated = metadata::is_animated_png(bytes);
    let note = animated.then(|| "this PNG is animated: its first frame is taken".to_string());
    Ok((photo, note.into_iter().collect()))
}

fn read_webp(bytes: &[u8]) -> Result<(Photo, Vec<String>)> {
    // A file of several chunks says in its second one whether there are frames.
    let animated = bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0);
    let photo = read(bytes, ImageFormat::WebP, "WebP")?;
    let note = animated.then(|| "this WebP is animated: its first frame is taken".to_string());
    Ok((photo, note.into_iter().collect()))
}

fn read_gif(bytes: &[u8]) -> Result<(Photo, Vec<String>)> {
    let photo = read(bytes, ImageFormat::Gif, "GIF")?;
    let note = "of a GIF, the first frame is taken, and the result is no GIF".to_string();
    Ok((photo, vec![note]))
}

/// Refuses an image by the size that its header claims, before any decoder sees it.
fn check_size(bytes: &[u8]) -> Result<()> {
    let (width, height) = match bytes {
        // From the top down, where the height is negative.
        [b'B', b'M', ..] if bytes.len() >= 26 => {
            let side = |at: usize| i32::from_le_bytes(std::array::from_fn(|i| bytes[at + i])).unsigned_abs();
            (u64::from(side(18)), u64::from(side(22)))
        }
        _ => match imagesize::blob_size(bytes) {
            Ok(size) => (size.width as u64, size.height as u64),
            Err(_) => return Ok(()), // the decoder knows better what is wrong
        },
    };
    let pixels = width.saturating_mul(height);
    if pixels <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!(
        "this image says it is {width}x{height} ({} megapixels, in a file of {} bytes); up to {} megapixels are read",
        pixels / 1_000_000,
        bytes.len(),
        MAX_PIXELS / 1_000_000
    );
    Err(Error::new(Kind::TooLarge, message))
}

/// Reads pixels and metadata, the right way up.
fn read(bytes: &[u8], format: ImageFormat, name: &str) -> Result<Photo> {
    check_size(bytes)?;
    let (image, orientation, metadata) = decode_image(bytes, format).map_err(|e| describe(e, name))?;
    Ok(Photo { metadata, ..from_image(image)? }.upright(orientation.to_exif()))
}

fn decode_image(
    bytes: &[u8],
    format: ImageFormat,
) -> std::result::Result<(DynamicImage, Orientation, Metadata), ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut exif = decoder.exif_metadata()?;
    if let Some(exif) = &mut exif {
        // Applied to the pixels; a viewer must not apply it again.
        let _ = Orientation::remove_from_exif_chunk(exif);
    }
    let density = exif.as_deref().and_then(exif::density_of_block);
    let (icc, xmp) = (decoder.icc_profile()?, decoder.xmp_metadata()?);
    let metadata =
        Metadata { icc, exif, xmp, iptc: decoder.iptc_metadata()?, density, ..Metadata::default() };
    Ok((DynamicImage::from_decoder(decoder)?, orientation, metadata))
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
        other => {
            let message = format!("pixels of type {:?} are not read", other.color());
            return Err(Error::new(Kind::Unsupported, message));
        }
    };
    Ok(Photo::new(width, height, colors, color.has_alpha(), samples)?.stretched())
}

fn describe(error: ImageError, name: &str) -> Error {
    let (kind, what) = match &error {
        ImageError::Limits(_) => (Kind::TooLarge, "is too large to be read"),
        ImageError::Unsupported(_) => (Kind::Unsupported, "is of a sort that is not read"),
        _ => (Kind::Decode, "is damaged or truncated"),
    };
    Error::new(kind, format!("this {name} {what} ({error})")).caused_by(error)
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
        refused(b"%PDF-1.7", Kind::Unsupported, "PDF");
        let jpeg = sample().encode(Format::Jpeg, 90).unwrap();
        refused(&jpeg[..jpeg.len() / 2], Kind::Decode, "truncated");
        for format in [Format::Png, Format::WebP, Format::Tiff] {
            let file = sample().encode(format, 90).unwrap();
            refused(&file[..file.len() / 2], Kind::Decode, "truncated");
        }
    }

    #[test]
    fn a_jpeg_without_its_end_is_read_as_far_as_it_goes() {
        let samples = (0..64 * 160).map(|i| (i * i / 64 % 251) as u8).collect();
        let photo = Photo::new(64, 160, 1, false, Samples::U8(samples)).unwrap();
        let jpeg = photo.encode(Format::Jpeg, 90).unwrap();
        let whole = decode(&jpeg).unwrap();
        let file = ImageFile::open(jpeg[..jpeg.len() - 2].to_vec()).unwrap();
        assert_eq!(file.picture(0).unwrap(), whole);
        assert!(file.notes()[0].contains("no end"));
        let file = ImageFile::open(jpeg[..jpeg.len() * 9 / 10].to_vec()).unwrap();
        let cut = file.picture(0).unwrap();
        assert_eq!((cut.width(), cut.height()), (64, 160));
        assert_eq!(cut.window(0, 0, 64, 128, 1), whole.window(0, 0, 64, 128, 1));
        let said = file.notes().join(" ");
        assert!(said.contains("rows are missing"), "{said}");
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
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
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
                        &[Format::Png, Format::Tiff]
                    };
                    for &format in formats {
                        let again = decode(&photo.encode(format, 90).unwrap()).unwrap();
                        assert_eq!(again.samples(), photo.samples(), "{format:?}");
                        assert_eq!(again.has_alpha(), photo.has_alpha(), "{format:?}");
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
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let turned = decode(&photo.encode(format, 90).unwrap()).unwrap();
            assert_eq!((turned.width(), turned.height()), (16, 24));
            assert_eq!(turned.metadata.icc, photo.metadata.icc);
            let again = decode(&turned.encode(Format::Png, 90).unwrap()).unwrap();
            assert_eq!(again.metadata, turned.metadata);
            assert_eq!(again.samples(), turned.samples());
            assert!(again.metadata.exif.is_some());
        }
    }
}
