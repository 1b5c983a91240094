//! The pixels of a page: strips and tiles, decompressed and unpacked. Bits of any depth, all sample formats, both planar
//! configurations. The compressions are those of TIFF 6.0 and its supplements that cameras, scanners and microscopes write.

use std::io::Read;

use weezl::BitOrder;
use weezl::decode::Decoder as Lzw;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::layout::{Layout, SampleFormat, photometric};
use super::{damaged, unsupported};
use crate::error::Result;
use crate::photo::Samples;
use crate::photo::ifd::Reader;

/// Compressions by their number in the file.
mod compression {
    pub const NONE: u64 = 1;
    pub const CCITT_GROUP_4: u64 = 4;
    pub const LZW: u64 = 5;
    pub const JPEG: u64 = 7;
    pub const DEFLATE: u64 = 8;
    pub const OLD_DEFLATE: u64 = 32946;
    pub const PACK_BITS: u64 = 32773;
}

/// What a compression is called, for messages.
fn compression_name(number: u64) -> String {
    let name = match number {
        2 => "CCITT RLE",
        3 => "CCITT Group 3",
        6 => "old-style JPEG",
        9 | 10 => "JBIG",
        32809 => "ThunderScan",
        33003 | 33004 | 33005 | 34712 => "JPEG 2000",
        34661 => "JBIG",
        34676 | 34677 => "LogLuv",
        34887 => "LERC",
        34925 => "LZMA",
        34926 | 50000 => "Zstandard",
        34927 | 50001 => "WebP",
        34933 => "PNG",
        34934 | 22610 => "JPEG XR",
        50002 | 52546 => "JPEG XL",
        _ => return format!("of the number {number}"),
    };
    name.to_string()
}

/// All samples of a page, interleaved: whole numbers of up to 8 bits as [`Samples::U8`] (fewer are spread over 0..=255, but
/// for palettes), of up to 16 as [`Samples::U16`] as they are, all others as [`Samples::F32`].
pub(super) fn read(file: &Reader<'_>, layout: &Layout) -> Result<Samples> {
    check_claims(file, layout)?;
    let count = layout.width * layout.height * layout.samples;
    let mut out = match (layout.format, layout.bits) {
        (SampleFormat::Unsigned, ..=8) => Samples::U8(vec![0; count]),
        (SampleFormat::Unsigned, ..=16) => Samples::U16(vec![0; count]),
        _ => Samples::F32(vec![0.0; count]),
    };
    let [across, down] = layout.chunks();
    let planes = if layout.planar { layout.samples } else { 1 };
    for plane in 0..planes {
        for row in 0..down {
            for column in 0..across {
                let index = (plane * down + row) * across + column;
                let rows = layout.chunk_rows(row);
                let bytes = chunk(file, layout, index, rows)?;
                place(file, layout, &bytes, [column, row, plane], &mut out);
            }
        }
    }
    Ok(out)
}

/// Refuses a page that cannot be in a file of this size, before memory is taken for it: no compression but those of faxes and
/// photos makes a file smaller by more than this.
fn check_claims(file: &Reader<'_>, layout: &Layout) -> Result<()> {
    let ratio = match layout.compression {
        compression::NONE => 1,
        compression::PACK_BITS => 64,
        compression::LZW | compression::DEFLATE | compression::OLD_DEFLATE => 1500,
        _ => return Ok(()),
    };
    let bits = [layout.width, layout.height, layout.samples, layout.bits].map(|n| n as u64);
    let claimed = bits.into_iter().product::<u64>() / 8;
    if claimed > ratio * file.bytes.len() as u64 {
        return Err(damaged("is cut off: pixels are missing"));
    }
    Ok(())
}

/// The decompressed bytes of a strip or tile, its rows one after the other.
fn chunk(file: &Reader<'_>, layout: &Layout, index: usize, rows: usize) -> Result<Vec<u8>> {
    let cut_off = || damaged("is cut off: pixels are missing");
    let (offset, count) = (layout.offsets.get(index), layout.counts.get(index));
    let (Some(&offset), Some(&count)) = (offset, count) else {
        return Err(damaged("does not say where all of its pixels are"));
    };
    let length = layout.row_bytes() * rows;
    let start = usize::try_from(offset).map_err(|_| cut_off())?;
    let count = usize::try_from(count).map_err(|_| cut_off())?;
    // Some writers give the count of whole strips for the last one, too.
    let count = if layout.compression == compression::NONE { count.min(length) } else { count };
    let packed = start.checked_add(count).and_then(|end| file.bytes.get(start..end)).ok_or_else(cut_off)?;
    let packed =
        if layout.reversed { packed.iter().map(|b| b.reverse_bits()).collect() } else { packed.to_vec() };
    let mut bytes = decompress(packed, layout, rows, length)?;
    if bytes.len() < length {
        return Err(cut_off());
    }
    bytes.truncate(length);
    let row_bytes = layout.row_bytes();
    match layout.predictor() {
        2 => bytes.chunks_exact_mut(row_bytes).for_each(|row| add_up(row, layout, file.little)),
        3 => bytes.chunks_exact_mut(row_bytes).for_each(|row| join_bytes(row, layout, file.little)),
        _ => {}
    }
    Ok(bytes)
}

fn decompress(packed: Vec<u8>, layout: &Layout, rows: usize, length: usize) -> Result<Vec<u8>> {
    match layout.compression {
        compression::NONE => Ok(packed),
        compression::LZW => Ok(lzw(&packed, length)),
        compression::DEFLATE | compression::OLD_DEFLATE => {
            let mut bytes = Vec::with_capacity(length.min(1 << 28));
            let stream = flate2::read::ZlibDecoder::new(packed.as_slice());
            // What can be had of a damaged stream is had; that there is too little of it is found out later.
            let _ = stream.take(length as u64).read_to_end(&mut bytes);
            Ok(bytes)
        }
        compression::PACK_BITS => Ok(pack_bits(&packed, length)),
        compression::CCITT_GROUP_4 => fax(packed, layout, rows, length),
        compression::JPEG if layout.bits == 8 => jpeg(&packed, layout, rows),
        compression::JPEG => {
            Err(unsupported(format!("holds a JPEG of {} bits, which is not read", layout.bits)))
        }
        other => {
            let what =
                format!("has pixels compressed in a way that is not read ({})", compression_name(other));
            Err(unsupported(what))
        }
    }
}

fn lzw(packed: &[u8], length: usize) -> Vec<u8> {
    // Files from before TIFF 5.0 fill their bytes from the other end.
    let old = matches!(packed, [0, second, ..] if second & 1 == 1);
    let mut decoder =
        if old { Lzw::new(BitOrder::Lsb, 8) } else { Lzw::with_tiff_size_switch(BitOrder::Msb, 8) };
    let (mut bytes, mut read, mut written) = (vec![0; length], 0, 0);
    while written < length {
        let step = decoder.decode_bytes(&packed[read..], &mut bytes[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        if !matches!(step.status, Ok(weezl::LzwStatus::Ok)) || step.consumed_in + step.consumed_out == 0 {
            break;
        }
    }
    bytes.truncate(written);
    bytes
}

fn pack_bits(mut packed: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.min(128 * packed.len()));
    while let [head, rest @ ..] = packed {
        if bytes.len() >= length {
            break;
        }
        packed = rest;
        match *head as i8 {
            -128 => {}
            literal @ 0.. => {
                let (run, rest) = packed.split_at(packed.len().min(literal as usize + 1));
                bytes.extend(run);
                packed = rest;
            }
            repeated => {
                let [value, rest @ ..] = packed else { break };
                bytes.resize(bytes.len() + 1 + repeated.unsigned_abs() as usize, *value);
                packed = rest;
            }
        }
    }
    bytes
}

/// Fax: rows of black and white, as bits of which 1 is black.
fn fax(packed: Vec<u8>, layout: &Layout, rows: usize, length: usize) -> Result<Vec<u8>> {
    let width = u16::try_from(layout.chunk[0]).ok().filter(|_| layout.bits == 1 && layout.samples == 1);
    let (Some(width), Ok(height)) = (width, u16::try_from(rows)) else {
        return Err(unsupported("is a fax that is too large, or not black and white"));
    };
    let mut bytes = Vec::with_capacity(length);
    let row_bytes = layout.row_bytes();
    let line = |transitions: &[u16]| {
        if bytes.len() + row_bytes > length {
            return;
        }
        let start = bytes.len();
        bytes.resize(start + row_bytes, 0);
        for (x, color) in fax::decoder::pels(transitions, width).enumerate() {
            bytes[start + x / 8] |= u8::from(color == fax::Color::Black) << (7 - x % 8);
        }
    };
    // What can be had of a damaged fax is had; that there is too little of it is found out later.
    let _ = fax::decoder::decode_g4(packed.into_iter(), width, Some(height), line);
    Ok(bytes)
}

fn jpeg(packed: &[u8], layout: &Layout, rows: usize) -> Result<Vec<u8>> {
    let bad = |e: &dyn std::fmt::Display| damaged(format!("holds a JPEG that is damaged ({e})"));
    // The tables that all chunks share come before a chunk, without its beginning and their end.
    let tables = layout.jpeg_tables.strip_suffix(b"\xff\xd9").unwrap_or(&layout.jpeg_tables);
    let joined = if tables.is_empty() {
        packed.to_vec()
    } else {
        [tables, packed.get(2..).unwrap_or_default()].concat()
    };
    let options =
        DecoderOptions::default().set_strict_mode(false).set_max_width(1 << 16).set_max_height(1 << 16);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&joined), options);
    decoder.decode_headers().map_err(|e| bad(&e))?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Luma);
    let wanted = match (layout.photometric, stored.num_components()) {
        (_, 1) => ColorSpace::Luma,
        (photometric::YCBCR, 3) => ColorSpace::RGB,
        // As they are: what the colours mean, the TIFF says.
        _ => stored,
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(wanted));
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let samples = wanted.num_components();
    let bytes = decoder.decode().map_err(|e| bad(&e))?;
    let [chunk_width, _] = layout.chunk;
    if samples != layout.chunk_samples() || width < chunk_width || height < rows {
        return Err(damaged("holds a JPEG of another size or with other colours than it says"));
    }
    let line = width * samples;
    Ok((0..rows).flat_map(|row| bytes[row * line..][..chunk_width * samples].iter().copied()).collect())
}

/// Undoes horizontal differencing.
fn add_up(row: &mut [u8], layout: &Layout, little: bool) {
    let (size, step) = (layout.bits / 8, layout.chunk_samples() * layout.bits / 8);
    for at in (step..row.len()).step_by(size) {
        let before = number(&row[at - step..at - step + size], little);
        let sum = number(&row[at..at + size], little).wrapping_add(before);
        let bytes = sum.to_le_bytes();
        row[at..at + size].copy_from_slice(&bytes[..size]);
        if !little {
            row[at..at + size].reverse();
        }
    }
}

/// Undoes the predictor of floats (Adobe, TIFF Technical Note 3): differences of bytes, the most significant bytes of all
/// numbers first.
fn join_bytes(row: &mut [u8], layout: &Layout, little: bool) {
    let (size, step) = (layout.bits / 8, layout.chunk_samples());
    for at in step..row.len() {
        row[at] = row[at].wrapping_add(row[at - step]);
    }
    let count = row.len() / size;
    let apart = row.to_vec();
    for i in 0..count {
        for byte in 0..size {
            let target = if little { size - 1 - byte } else { byte };
            row[i * size + target] = apart[byte * count + i];
        }
    }
}

/// Puts the samples of a chunk into their places in the page.
fn place(
    file: &Reader<'_>,
    layout: &Layout,
    bytes: &[u8],
    [column, row, plane]: [usize; 3],
    out: &mut Samples,
) {
    let [chunk_width, chunk_height] = layout.chunk;
    let (left, top) = (column * chunk_width, row * chunk_height);
    let (per_pixel, step) = if layout.planar { (1, layout.samples) } else { (layout.samples, 1) };
    let columns = chunk_width.min(layout.width - left);
    for (i, line) in bytes.chunks_exact(layout.row_bytes()).enumerate() {
        let y = top + i;
        if y >= layout.height {
            break;
        }
        let first = (y * layout.width + left) * layout.samples + plane;
        let at = |k: usize| first + k * step;
        unpack(file, layout, line, columns * per_pixel, at, out);
    }
}

/// Reads `count` samples of a row; the one with number `k` belongs at `at(k)`.
fn unpack(
    file: &Reader<'_>,
    layout: &Layout,
    row: &[u8],
    count: usize,
    at: impl Fn(usize) -> usize,
    out: &mut Samples,
) {
    let bits = layout.bits;
    match out {
        Samples::U8(out) if bits == 8 => (0..count).for_each(|k| out[at(k)] = row[k]),
        Samples::U8(out) => {
            let most = (1u32 << bits) - 1;
            let spread = |v: u32| if layout.photometric == photometric::PALETTE { v } else { v * 255 / most };
            (0..count).for_each(|k| out[at(k)] = spread(bit_field(row, k * bits, bits) as u32) as u8);
        }
        Samples::U16(out) if bits == 16 => {
            for (k, pair) in row.as_chunks::<2>().0.iter().take(count).enumerate() {
                out[at(k)] = if file.little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
            }
        }
        Samples::U16(out) => (0..count).for_each(|k| out[at(k)] = bit_field(row, k * bits, bits) as u16),
        Samples::F32(out) => {
            for k in 0..count {
                let value = if bits.is_multiple_of(8) {
                    number(&row[k * bits / 8..(k + 1) * bits / 8], file.little)
                } else {
                    bit_field(row, k * bits, bits)
                };
                out[at(k)] = layout.format.number(value, bits);
            }
        }
    }
}

/// A number of up to 8 bytes.
fn number(bytes: &[u8], little: bool) -> u64 {
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

/// `bits` bits from bit `at` on, the most significant first.
fn bit_field(row: &[u8], at: usize, bits: usize) -> u64 {
    (at..at + bits).fold(0, |value, i| value << 1 | u64::from(row[i / 8] >> (7 - i % 8) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_unpacked() {
        // The example of Apple's Technical Note TN1023.
        let packed =
            [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let unpacked = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        assert_eq!(pack_bits(&packed, unpacked.len()), unpacked);
        assert!(pack_bits(&packed[..1], 24).is_empty());
    }

    #[test]
    fn twelve_bits_are_read_across_bytes() {
        assert_eq!([0, 12].map(|at| bit_field(&[0xab, 0xcd, 0xef], at, 12)), [0xabc, 0xdef]);
    }
}
