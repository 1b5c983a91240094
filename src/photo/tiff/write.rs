//! Pictures to the pages of a TIFF, in the depth and with the tags of the file they came from.

use std::io::Write;

use half::f16;

use super::page::Stored;
use crate::error::{Error, Kind, Result};
use crate::photo::ifd::{self, Entry, Ifd, tag};
use crate::photo::{Metadata, Photo, Samples, exif};

/// Deflate, which all readers know that know compression at all.
const DEFLATE: u16 = 8;

/// A TIFF that is written picture by picture. Depth, tags (pixel size, description, ...) and byte order are those of the
/// file that the pictures came from; channels that came from one page become one page again.
#[derive(Default)]
pub struct TiffWriter {
    pages: Vec<ifd::Page>,
    /// Channels of a page that is not complete.
    channels: Vec<Photo>,
    little: bool,
    big: bool,
    /// Pages of the file that the pictures came from.
    expected: usize,
}

impl TiffWriter {
    /// A file without pages.
    pub fn new() -> Self {
        Self { little: true, ..Self::default() }
    }

    /// Adds the next picture.
    ///
    /// # Errors
    /// [`Kind::Encode`] when it does not belong to the page that is not complete.
    pub fn add(&mut self, photo: &Photo) -> Result<()> {
        let page = photo.metadata.page.as_deref();
        if let Some(page) = page {
            (self.little, self.big, self.expected) = (page.little, page.big, page.pages);
        }
        let parts = page.map_or(1, |page| page.parts);
        if parts == 1 && self.channels.is_empty() {
            self.pages.push(write_page(std::slice::from_ref(photo), self.little)?);
            return Ok(());
        }
        let fits = |first: &Photo| (first.width, first.height, first.bit_depth());
        if self.channels.first().is_some_and(|first| fits(first) != fits(photo)) {
            let message = "the channels of one page must have one size and depth";
            return Err(Error::new(Kind::Encode, message));
        }
        self.channels.push(photo.clone());
        if self.channels.len() == parts {
            let channels = std::mem::take(&mut self.channels);
            self.pages.push(write_page(&channels, self.little)?);
        }
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// [`Kind::Encode`] when there are no pages.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let channels = std::mem::take(&mut self.channels);
        if !channels.is_empty() {
            // Some channels only: a page all the same.
            self.pages.push(write_page(&channels, self.little)?);
            self.expected = 0;
        }
        if self.pages.is_empty() {
            return Err(Error::new(Kind::Encode, "there is no picture to be written"));
        }
        if self.pages.len() != self.expected {
            // What the description says of the number of pages would not be true.
            self.pages.iter_mut().for_each(|page| describe_alone(&mut page.ifd));
        }
        Ok(ifd::write(self.pages, self.little, self.big))
    }
}

/// Takes the dimensions of a stack out of a page's description.
fn describe_alone(ifd: &mut Ifd) {
    let Some(text) = ifd.get(tag::DESCRIPTION).map(Entry::text) else { return };
    if text.starts_with("ImageJ=") {
        let dimension = |line: &str| {
            ["images=", "channels=", "slices=", "frames=", "hyperstack="]
                .iter()
                .any(|key| line.starts_with(key))
        };
        let kept: Vec<&str> = text.lines().filter(|line| !dimension(line)).collect();
        ifd.set(Entry::ascii(tag::DESCRIPTION, &(kept.join("\n") + "\n")));
    } else if text.contains("<OME") || text.starts_with("{\"shape\"") {
        ifd.remove(tag::DESCRIPTION);
    }
}

fn write_page(channels: &[Photo], little: bool) -> Result<ifd::Page> {
    let first = &channels[0];
    let Metadata { icc, xmp, iptc, page, .. } = &first.metadata;
    let page = page.as_deref();
    let stored = match first.samples {
        Samples::U8(_) => Stored::U8,
        Samples::U16(_) => Stored::U16,
        Samples::F32(_) => page.map_or(Stored::F32, |page| page.stored),
    };
    let pixels = first.width * first.height;
    let kept = page.and_then(|page| page.kept.as_ref()).filter(|(n, all)| all.len() == n * pixels);
    // Sources of each sample of a pixel: samples, their number per pixel, and the place in it.
    let mut sources: Vec<(&Samples, usize, usize)> = Vec::new();
    for photo in channels {
        let n = photo.samples_per_pixel();
        sources.extend((0..n).map(|c| (&photo.samples, n, c)));
    }
    if let Some((n, all)) = kept {
        sources.extend((0..*n).map(|c| (all, *n, c)));
    }
    let planar = page.is_some_and(|page| page.planar) && sources.len() > 1;
    let compressed = page.is_some_and(|page| page.compressed);
    let strips = strips(&sources, [first.width, first.height], planar, stored, little, compressed)?;
    let mut ifd = exif::tags(&first.metadata);
    let mut set = |tag: u16, values: &[u16]| ifd.set(Entry::shorts(tag, values));
    set(tag::BITS_PER_SAMPLE, &vec![bits(stored); sources.len()]);
    set(tag::COMPRESSION, &[if compressed { DEFLATE } else { 1 }]);
    if compressed && differs(stored) {
        set(tag::PREDICTOR, &[2]);
    }
    set(tag::SAMPLES_PER_PIXEL, &[sources.len() as u16]);
    set(tag::PLANAR, &[if planar { 2 } else { 1 }]);
    set(tag::PHOTOMETRIC, &[photometric(first)]);
    let extra: Vec<u16> = (first.colors..sources.len())
        .map(|i| if first.alpha && channels.len() == 1 && i == first.colors { 2 } else { 0 })
        .collect();
    if !extra.is_empty() {
        set(tag::EXTRA_SAMPLES, &extra);
    }
    match stored {
        Stored::U8 | Stored::U16 | Stored::U32 | Stored::U64 => {}
        Stored::I8 | Stored::I16 | Stored::I32 | Stored::I64 => {
            set(tag::SAMPLE_FORMAT, &vec![2; sources.len()]);
        }
        Stored::F16 | Stored::F32 | Stored::F64 => set(tag::SAMPLE_FORMAT, &vec![3; sources.len()]),
    }
    ifd.set(Entry::long(tag::WIDTH, first.width as u32));
    ifd.set(Entry::long(tag::HEIGHT, first.height as u32));
    ifd.set(Entry::long(tag::ROWS_PER_STRIP, first.height as u32));
    for (tag, bytes) in [(tag::ICC, icc), (tag::XMP, xmp), (tag::IPTC, iptc)] {
        if let Some(bytes) = bytes {
            ifd.set(Entry::bytes(tag, bytes));
        }
    }
    Ok(ifd::Page { ifd, strips })
}

fn photometric(photo: &Photo) -> u16 {
    match (photo.colors, &photo.metadata.page) {
        (3, _) => 2,
        (_, Some(page)) if page.white_is_zero => 0,
        _ => 1,
    }
}

fn bits(stored: Stored) -> u16 {
    match stored {
        Stored::U8 | Stored::I8 => 8,
        Stored::U16 | Stored::I16 | Stored::F16 => 16,
        Stored::U32 | Stored::I32 | Stored::F32 => 32,
        Stored::U64 | Stored::I64 | Stored::F64 => 64,
    }
}

/// Whether compression gains by writing differences.
fn differs(stored: Stored) -> bool {
    matches!(stored, Stored::U8 | Stored::U16)
}

/// The pixels of a page: one strip, or one for each plane.
fn strips(
    sources: &[(&Samples, usize, usize)],
    [width, height]: [usize; 2],
    planar: bool,
    stored: Stored,
    little: bool,
    compressed: bool,
) -> Result<Vec<Vec<u8>>> {
    let size = usize::from(bits(stored)) / 8;
    let strip = |sources: &[(&Samples, usize, usize)]| {
        let mut bytes = Vec::with_capacity(width * height * sources.len() * size);
        for pixel in 0..width * height {
            for (samples, n, c) in sources {
                write_sample(samples, pixel * n + c, stored, little, &mut bytes);
            }
        }
        if !compressed {
            return Ok(bytes);
        }
        if differs(stored) {
            let row = width * sources.len() * size;
            bytes.chunks_exact_mut(row).for_each(|row| take_differences(row, sources.len(), size, little));
        }
        deflate(&bytes)
    };
    if planar { sources.chunks(1).map(strip).collect() } else { Ok(vec![strip(sources)?]) }
}

fn write_sample(samples: &Samples, i: usize, stored: Stored, little: bool, out: &mut Vec<u8>) {
    let start = out.len();
    match (samples, stored) {
        (Samples::U8(v), _) => out.push(v[i]),
        (Samples::U16(v), _) => out.extend(v[i].to_le_bytes()),
        // Casts from floats end at the limits of the type.
        (Samples::F32(v), Stored::U8) => out.push(v[i].round() as u8),
        (Samples::F32(v), Stored::U16) => out.extend((v[i].round() as u16).to_le_bytes()),
        (Samples::F32(v), Stored::U32) => out.extend((v[i].round() as u32).to_le_bytes()),
        (Samples::F32(v), Stored::U64) => out.extend((v[i].round() as u64).to_le_bytes()),
        (Samples::F32(v), Stored::I8) => out.extend((v[i].round() as i8).to_le_bytes()),
        (Samples::F32(v), Stored::I16) => out.extend((v[i].round() as i16).to_le_bytes()),
        (Samples::F32(v), Stored::I32) => out.extend((v[i].round() as i32).to_le_bytes()),
        (Samples::F32(v), Stored::I64) => out.extend((v[i].round() as i64).to_le_bytes()),
        (Samples::F32(v), Stored::F16) => out.extend(f16::from_f32(v[i]).to_le_bytes()),
        (Samples::F32(v), Stored::F32) => out.extend(v[i].to_le_bytes()),
        (Samples::F32(v), Stored::F64) => out.extend(f64::from(v[i]).to_le_bytes()),
    }
    if !little {
        out[start..].reverse();
    }
}

/// Replaces the samples of a row by how they differ from the pixel before.
fn take_differences(row: &mut [u8], samples: usize, size: usize, little: bool) {
    let step = samples * size;
    for at in (step..row.len()).step_by(size).rev() {
        if size == 1 {
            row[at] = row[at].wrapping_sub(row[at - step]);
            continue;
        }
        let read = |i: usize| {
            let pair = [row[i], row[i + 1]];
            if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
        };
        let difference = read(at).wrapping_sub(read(at - step));
        let bytes = if little { difference.to_le_bytes() } else { difference.to_be_bytes() };
        row[at..at + 2].copy_from_slice(&bytes);
    }
}

fn deflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|e| Error::new(Kind::Internal, format!("the pixels cannot be compressed ({e})")))
}
