//! How the pixels of a page lie in the file, from its tags.

use half::f16;

use super::{damaged, unsupported};
use crate::error::{Error, Kind, Result};
use crate::photo::MAX_PIXELS;
use crate::photo::ifd::{Ifd, tag};

/// Bytes of a strip or tile, at most.
const MAX_CHUNK: u64 = 1 << 31;

/// What the samples of a pixel mean, by the number in the file.
pub(super) mod photometric {
    pub const WHITE_IS_ZERO: u64 = 0;
    pub const BLACK_IS_ZERO: u64 = 1;
    pub const RGB: u64 = 2;
    pub const PALETTE: u64 = 3;
    pub const CMYK: u64 = 5;
    pub const YCBCR: u64 = 6;
    pub const CFA: u64 = 32803;
    pub const LINEAR_RAW: u64 = 34892;
}

/// What the bits of a sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleFormat {
    Unsigned,
    Signed,
    Float,
}

impl SampleFormat {
    /// The number that these bits are.
    pub fn number(self, value: u64, bits: usize) -> f32 {
        match (self, bits) {
            (Self::Unsigned, _) => value as f32,
            (Self::Signed, _) => ((value << (64 - bits)) as i64 >> (64 - bits)) as f32,
            (Self::Float, 16) => f16::from_bits(value as u16).to_f32(),
            (Self::Float, 24) => float24(value as u32),
            (Self::Float, 32) => f32::from_bits(value as u32),
            (Self::Float, _) => f64::from_bits(value) as f32,
        }
    }
}

/// 1 bit of sign, 7 of exponent (bias 63), 16 of fraction.
fn float24(value: u32) -> f32 {
    let sign = if value >> 23 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = ((value >> 16 & 0x7f) as i32, (value & 0xffff) as f32 / 65536.0);
    match exponent {
        0 => sign * fraction * 2f32.powi(-62),
        0x7f if fraction == 0.0 => sign * f32::INFINITY,
        0x7f => f32::NAN,
        _ => sign * (1.0 + fraction) * 2f32.powi(exponent - 63),
    }
}

/// How the pixels of a page lie in the file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub width: usize,
    pub height: usize,
    /// Samples per pixel.
    pub samples: usize,
    /// Bits per sample.
    pub bits: usize,
    pub format: SampleFormat,
    pub photometric: u64,
    pub compression: u64,
    predictor: u64,
    /// Whether each sample of the pixels is in a plane of its own.
    pub planar: bool,
    /// Whether bytes are filled from their least significant bit on.
    pub reversed: bool,
    /// Width and height of a strip or tile.
    pub chunk: [usize; 2],
    pub tiled: bool,
    pub offsets: Vec<u64>,
    pub counts: Vec<u64>,
    /// What the samples after the colours are: 0 unknown, 1 premultiplied alpha, 2 alpha.
    pub extra: Vec<u64>,
    pub color_map: Vec<u64>,
    pub jpeg_tables: Vec<u8>,
    /// Columns and rows that share a sample of colour.
    pub subsampling: [usize; 2],
}

impl Layout {
    pub fn of(ifd: &Ifd) -> Result<Self> {
        let number = |tag: u16, default: u64| ifd.number(tag).unwrap_or(default);
        let (width, height) = size(ifd)?;
        let samples = number(tag::SAMPLES_PER_PIXEL, 1) as usize;
        if samples == 0 || (samples as u64).saturating_mul((width * height) as u64) > 4 * MAX_PIXELS {
            return Err(unsupported(format!(
                "has {samples} channels of {width}x{height}, which is too much"
            )));
        }
        let (bits, format) = sample_format(ifd)?;
        let tiled = ifd.get(tag::TILE_OFFSETS).is_some();
        let compression = number(tag::COMPRESSION, 1);
        let [offsets, counts] = if tiled {
            [tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS]
        } else {
            [tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS]
        }
        .map(|tag| ifd.numbers(tag));
        let chunk = match tiled {
            true => [number(tag::TILE_WIDTH, 0) as usize, number(tag::TILE_LENGTH, 0) as usize],
            false => [width, (number(tag::ROWS_PER_STRIP, height as u64) as usize).min(height)],
        };
        if chunk.contains(&0) || chunk.iter().any(|&side| side > 1 << 20) || offsets.is_empty() {
            return Err(damaged("does not say where its pixels are"));
        }
        let subsampling = match ifd.numbers(tag::YCBCR_SUBSAMPLING)[..] {
            [across, down] => [across as usize, down as usize],
            _ => [2, 2],
        };
        let default = if samples >= 3 { photometric::RGB } else { photometric::BLACK_IS_ZERO };
        let mut layout = Self {
            width,
            height,
            samples,
            bits,
            format,
            photometric: number(tag::PHOTOMETRIC, default),
            compression,
            predictor: number(tag::PREDICTOR, 1),
            planar: number(tag::PLANAR, 1) == 2 && samples > 1,
            reversed: number(tag::FILL_ORDER, 1) == 2 && compression != 7,
            chunk,
            tiled,
            offsets,
            counts,
            extra: ifd.numbers(tag::EXTRA_SAMPLES),
            color_map: ifd.numbers(tag::COLOR_MAP),
            jpeg_tables: ifd.get(tag::JPEG_TABLES).map(|entry| entry.value.clone()).unwrap_or_default(),
            subsampling,
        };
        layout.fill_in_counts();
        layout.check()?;
        Ok(layout)
    }

    /// Byte counts are missing in some files without compression.
    fn fill_in_counts(&mut self) {
        if self.counts.is_empty() && self.compression == 1 {
            let [_, down] = self.chunks();
            let rows = |i: usize| self.chunk_rows(i % down.max(1));
            self.counts = (0..self.offsets.len()).map(|i| (rows(i) * self.row_bytes()) as u64).collect();
        }
    }

    /// What was done to the pixels before they were compressed: 1 is nothing.
    pub fn predictor(&self) -> u64 {
        if matches!(self.compression, 1 | 7) { 1 } else { self.predictor }
    }

    fn check(&self) -> Result<()> {
        let chunk = [self.chunk[0], self.chunk[1], self.chunk_samples(), self.bits].map(|n| n as u64);
        if chunk.into_iter().product::<u64>() / 8 > MAX_CHUNK {
            return Err(unsupported("has strips or tiles of more than 2 GB"));
        }
        match (self.predictor(), self.format) {
            (1, _) => {}
            (2, _) if matches!(self.bits, 8 | 16 | 32 | 64) => {}
            (3, SampleFormat::Float) => {}
            (predictor, _) => {
                let what =
                    format!("uses the predictor {predictor} for {} bits, which is not read", self.bits);
                return Err(unsupported(what));
            }
        }
        let subsampled = self.compression != 7 && self.subsampling != [1, 1];
        if self.photometric == photometric::YCBCR && (subsampled || self.planar) {
            return Err(unsupported(
                "has YCbCr colours of fewer pixels (subsampled), without JPEG; save it as RGB",
            ));
        }
        Ok(())
    }

    /// Chunks across and down.
    pub fn chunks(&self) -> [usize; 2] {
        [self.width.div_ceil(self.chunk[0]), self.height.div_ceil(self.chunk[1])]
    }

    /// Rows of a chunk in that row of chunks: the last strip ends with the page, tiles do not.
    pub fn chunk_rows(&self, row: usize) -> usize {
        if self.tiled { self.chunk[1] } else { self.chunk[1].min(self.height - row * self.chunk[1]) }
    }

    /// Samples per pixel of a chunk.
    pub fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    pub fn row_bytes(&self) -> usize {
        (self.chunk[0] * self.chunk_samples() * self.bits).div_ceil(8)
    }
}

/// Width and height, which must be such that the page can be held.
pub(super) fn size(ifd: &Ifd) -> Result<(usize, usize)> {
    let (Some(width), Some(height)) = (ifd.number(tag::WIDTH), ifd.number(tag::HEIGHT)) else {
        return Err(damaged("does not say how large it is"));
    };
    if width == 0 || height == 0 {
        return Err(damaged(format!("says it is {width}x{height}")));
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        let message = format!(
            "this TIFF says it is {width}x{height}; up to {} megapixels are read",
            MAX_PIXELS / 1_000_000
        );
        return Err(Error::new(Kind::TooLarge, message));
    }
    Ok((width as usize, height as usize))
}

fn sample_format(ifd: &Ifd) -> Result<(usize, SampleFormat)> {
    let all = ifd.numbers(tag::BITS_PER_SAMPLE);
    let bits = all.first().copied().unwrap_or(1);
    if all.iter().any(|&other| other != bits) {
        return Err(unsupported(format!("has samples of different depths ({all:?} bits)")));
    }
    let formats = ifd.numbers(tag::SAMPLE_FORMAT);
    let number = formats.first().copied().unwrap_or(1);
    if formats.iter().any(|&other| other != number) {
        return Err(unsupported("has samples of different formats in one pixel"));
    }
    let format = match number {
        2 => SampleFormat::Signed,
        3 => SampleFormat::Float,
        5 | 6 => return Err(unsupported("holds complex numbers, which are no pictures")),
        _ => SampleFormat::Unsigned,
    };
    let fine = match format {
        SampleFormat::Float => matches!(bits, 16 | 24 | 32 | 64),
        _ => (1..=64).contains(&bits),
    };
    if !fine {
        return Err(unsupported(format!("has samples of {bits} bits, which are not read")));
    }
    Ok((bits as usize, format))
}
