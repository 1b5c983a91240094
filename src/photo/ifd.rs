//! Directories of TIFF files (IFDs), which EXIF blocks are made of too: read from either byte order, classic and
//! BigTIFF, and written little-endian. TIFF 6.0 (Adobe, 1992) and the BigTIFF design (<https://www.awaresystems.be/imaging/tiff/bigtiff.html>).

use std::cell::Cell;

/// Entries of a directory, at most.
const MAX_ENTRIES: u64 = 4096;
/// Directories within directories, at most.
const MAX_DEPTH: usize = 4;
/// Directories under one tag, at most.
const MAX_CHILDREN: usize = 64;

/// Tags that are used by name.
pub(super) mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const DESCRIPTION: u16 = 270;
    pub const MAKE: u16 = 271;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR: u16 = 284;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const XMP: u16 = 700;
    pub const IPTC: u16 = 33723;
    pub const ICC: u16 = 34675;
    pub const EXIF: u16 = 34665;
    pub const GPS: u16 = 34853;
    pub const INTEROPERABILITY: u16 = 40965;
    pub const DNG_VERSION: u16 = 50706;
}

/// Types of values.
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const LONG8: u16 = 16;

/// Bytes of the parts that change places with the byte order, and of a whole value.
fn sizes(kind: u16) -> Option<(usize, usize)> {
    Some(match kind {
        1 | 2 | 6 | 7 => (1, 1),
        3 | 8 => (2, 2),
        4 | 9 | 11 | 13 => (4, 4),
        5 | 10 => (4, 8),
        12 | 16..=18 => (8, 8),
        _ => return None,
    })
}

/// One value (or several) under a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub tag: u16,
    /// Type of the values, as in the file.
    pub kind: u16,
    /// The values, little-endian.
    pub value: Vec<u8>,
}

impl Entry {
    pub fn shorts(tag: u16, values: &[u16]) -> Self {
        Self { tag, kind: SHORT, value: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    pub fn long(tag: u16, value: u32) -> Self {
        Self { tag, kind: LONG, value: value.to_le_bytes().to_vec() }
    }

    pub fn ascii(tag: u16, text: &str) -> Self {
        Self { tag, kind: ASCII, value: text.bytes().chain([0]).collect() }
    }

    pub fn bytes(tag: u16, value: &[u8]) -> Self {
        Self { tag, kind: UNDEFINED, value: value.to_vec() }
    }

    pub fn rational(tag: u16, value: f64) -> Self {
        // As fine as 32 bits allow, and exact for whole numbers.
        let mut denominator = 1u32;
        while (value * f64::from(denominator)).fract() != 0.0
            && denominator < 1_000_000_000
            && value * f64::from(denominator) * 10.0 < f64::from(u32::MAX)
        {
            denominator *= 10;
        }
        let numerator = (value * f64::from(denominator)).round() as u32;
        let value = [numerator.to_le_bytes(), denominator.to_le_bytes()].concat();
        Self { tag, kind: RATIONAL, value }
    }

    pub fn long8(tag: u16, value: u64) -> Self {
        Self::offsets(tag, &[value], true)
    }

    fn offsets(tag: u16, values: &[u64], big: bool) -> Self {
        let (kind, value) = if big {
            (LONG8, values.iter().flat_map(|v| v.to_le_bytes()).collect())
        } else {
            (LONG, values.iter().flat_map(|&v| (v as u32).to_le_bytes()).collect())
        };
        Self { tag, kind, value }
    }

    fn count(&self) -> u64 {
        sizes(self.kind).map_or(0, |(_, size)| (self.value.len() / size) as u64)
    }

    /// Whole numbers; none where these are values of another type.
    pub fn numbers(&self) -> Vec<u64> {
        let each = |size: usize| self.value.chunks_exact(size);
        match self.kind {
            1 | 6 | 7 => self.value.iter().map(|&b| u64::from(b)).collect(),
            3 | 8 => each(2).map(|b| u64::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
            4 | 9 | 13 => each(4).map(|b| u64::from(u32::from_le_bytes(four(b)))).collect(),
            16..=18 => each(8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i]))).collect(),
            _ => Vec::new(),
        }
    }

    /// The first value as a floating-point number.
    pub fn real(&self) -> Option<f64> {
        let bytes = &self.value;
        match self.kind {
            5 => {
                let (numerator, denominator) = (bytes.get(..4)?, bytes.get(4..8)?);
                let value = |b| f64::from(u32::from_le_bytes(four(b)));
                Some(value(numerator) / value(denominator)).filter(|v| v.is_finite())
            }
            11 => Some(f64::from(f32::from_le_bytes(four(bytes.get(..4)?)))),
            12 => Some(f64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)),
            _ => self.numbers().first().map(|&v| v as f64),
        }
    }

    /// Text, without the zero at its end.
    pub fn text(&self) -> String {
        let end = self.value.iter().position(|&b| b == 0).unwrap_or(self.value.len());
        String::from_utf8_lossy(&self.value[..end]).into_owned()
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    std::array::from_fn(|i| bytes[i])
}

/// A directory: its entries, and the directories that entries of it point to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ifd {
    pub entries: Vec<Entry>,
    pub children: Vec<(u16, Vec<Ifd>)>,
}

impl Ifd {
    pub fn get(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    pub fn number(&self, tag: u16) -> Option<u64> {
        self.get(tag)?.numbers().first().copied()
    }

    pub fn numbers(&self, tag: u16) -> Vec<u64> {
        self.get(tag).map(Entry::numbers).unwrap_or_default()
    }

    pub fn children(&self, tag: u16) -> &[Ifd] {
        self.children.iter().find(|(key, _)| *key == tag).map_or(&[], |(_, ifds)| ifds)
    }

    /// Puts an entry in its place, or in that of one with the same tag.
    pub fn set(&mut self, entry: Entry) {
        self.remove(entry.tag);
        self.entries.push(entry);
    }

    pub fn remove(&mut self, tag: u16) {
        self.entries.retain(|entry| entry.tag != tag);
        self.children.retain(|(key, _)| *key != tag);
    }
}

/// A file of directories that is read.
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub little: bool,
    pub big: bool,
    /// How much more may be read: directories can point to the same bytes, and to each other, any number of times.
    budget: Cell<usize>,
}

/// What a directory costs of the budget, beside its values.
const DIRECTORY: usize = 1024;
/// The budget, and how many times the size of the file is added to it.
const BUDGET: (usize, usize) = (1 << 26, 8);

impl<'a> Reader<'a> {
    /// Reads the header, and tells where the first directory is. `None` when this is no such file. The numbers that camera
    /// makers put in place of 42 are read as well.
    pub fn open(bytes: &'a [u8]) -> Option<(Self, u64)> {
        let little = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let budget = Cell::new(bytes.len().saturating_mul(BUDGET.1).saturating_add(BUDGET.0));
        let mut reader = Self { bytes, little, big: false, budget };
        let first = match reader.number(2, 2)? {
            43 if reader.number(4, 2)? == 8 => {
                reader.big = true;
                reader.number(8, 8)?
            }
            43 => return None,
            _ => reader.number(4, 4)?,
        };
        Some((reader, first))
    }

    /// Takes from the budget, if there is enough.
    fn spend(&self, cost: usize) -> Option<()> {
        self.budget.set(self.budget.get().checked_sub(cost)?);
        Some(())
    }

    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        Some(if self.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) })
    }

    /// The directory at `at` with those within it, and where the next one is (0: there is none). What lies outside the file,
    /// or has a type that is not known, is left out.
    pub fn ifd(&self, at: u64) -> Option<(Ifd, u64)> {
        self.ifd_within(at, 0)
    }

    fn ifd_within(&self, at: u64, depth: usize) -> Option<(Ifd, u64)> {
        let at = usize::try_from(at).ok()?;
        let (counter, size) = if self.big { (8, 20) } else { (2, 12) };
        let count = self.number(at, counter)?;
        self.spend(DIRECTORY)?;
        if count > MAX_ENTRIES {
            return None;
        }
        let mut ifd = Ifd::default();
        for i in 0..count as usize {
            let at = at + counter + i * size;
            self.number(at, size.min(8))?;
            let Some(entry) = self.entry(at) else { continue };
            if depth < MAX_DEPTH && holds_directories(entry.tag) {
                let offsets = entry.numbers().into_iter().take(MAX_CHILDREN);
                let children = offsets.filter_map(|at| Some(self.ifd_within(at, depth + 1)?.0)).collect();
                ifd.children.push((entry.tag, children));
            } else {
                ifd.entries.push(entry);
            }
        }
        let end = at + counter + count as usize * size;
        let next = self.number(end, if self.big { 8 } else { 4 }).unwrap_or(0);
        Some((ifd, next))
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let (tag, kind) = (self.number(at, 2)? as u16, self.number(at + 2, 2)? as u16);
        let (part, size) = sizes(kind)?;
        let (wide, field) = if self.big { (8, at + 12) } else { (4, at + 8) };
        let length = usize::try_from(self.number(at + 4, wide)?).ok()?.checked_mul(size)?;
        let start = if length <= wide { field } else { usize::try_from(self.number(field, wide)?).ok()? };
        self.spend(length)?;
        let mut value = self.bytes.get(start..start.checked_add(length)?)?.to_vec();
        if !self.little {
            value.chunks_exact_mut(part).for_each(<[u8]>::reverse);
        }
        Some(Entry { tag, kind, value })
    }
}

fn holds_directories(tag: u16) -> bool {
    matches!(tag, tag::SUB_IFDS | tag::EXIF | tag::GPS | tag::INTEROPERABILITY)
}

/// A directory that is written, with its pixels in these strips.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub ifd: Ifd,
    pub strips: Vec<Vec<u8>>,
}

/// A file of these pages, one after the other; as BigTIFF where `big` asks for it, or where 4 GB do not do.
pub(super) fn write(pages: Vec<Page>, little: bool, big: bool) -> Vec<u8> {
    let pixels: usize = pages.iter().flat_map(|page| &page.strips).map(Vec::len).sum();
    let big = big || pixels + 65_536 * (pages.len() + 1) > u32::MAX as usize;
    let mut writer = Writer { out: Vec::with_capacity(pixels + 4096), link: 0, little, big };
    writer.out.extend(if little { b"II" } else { b"MM" });
    writer.number(if big { 43 } else { 42 }, 2);
    if big {
        writer.number(8, 2);
        writer.number(0, 2);
    }
    writer.link = writer.out.len();
    writer.number(0, writer.wide());
    for Page { mut ifd, strips } in pages {
        let sizes: Vec<u64> = strips.iter().map(|strip| strip.len() as u64).collect();
        let mut places = Vec::new();
        for strip in strips {
            writer.align();
            places.push(writer.out.len() as u64);
            writer.out.extend(strip);
        }
        if !places.is_empty() {
            ifd.set(Entry::offsets(tag::STRIP_OFFSETS, &places, big));
            ifd.set(Entry::offsets(tag::STRIP_BYTE_COUNTS, &sizes, big));
        }
        let (at, end) = writer.directory(ifd);
        let field = writer.bytes(at as u64, writer.wide());
        writer.out[writer.link..writer.link + field.len()].copy_from_slice(&field);
        writer.link = end;
    }
    writer.out
}

struct Writer {
    out: Vec<u8>,
    /// Where the offset of the next directory belongs.
    link: usize,
    little: bool,
    big: bool,
}

impl Writer {
    /// Bytes of an offset or a count.
    fn wide(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// The last `size` bytes of a number, in the order of the file.
    fn bytes(&self, value: u64, size: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if !self.little {
            bytes.reverse();
        }
        bytes
    }

    fn number(&mut self, value: u64, size: usize) {
        let bytes = self.bytes(value, size);
        self.out.extend(bytes);
    }

    /// Everything in a TIFF begins at an even place; a multiple of 8 suits all readers.
    fn align(&mut self) {
        self.out.resize(self.out.len().next_multiple_of(8), 0);
    }

    /// Writes a directory after those within it and the values that do not fit into it: where it is, and where the offset
    /// of the next one belongs.
    fn directory(&mut self, ifd: Ifd) -> (usize, usize) {
        let Ifd { mut entries, children } = ifd;
        for (tag, ifds) in children {
            let offsets: Vec<u64> = ifds.into_iter().map(|ifd| self.directory(ifd).0 as u64).collect();
            if !offsets.is_empty() {
                entries.push(Entry::offsets(tag, &offsets, self.big));
            }
        }
        entries.sort_by_key(|entry| entry.tag);
        let wide = self.wide();
        let mut fields = Vec::with_capacity(entries.len());
        for entry in &entries {
            let mut field = entry.value.clone();
            if let Some((part, _)) = sizes(entry.kind).filter(|_| !self.little) {
                field.chunks_exact_mut(part).for_each(<[u8]>::reverse);
            }
            if field.len() > wide {
                self.align();
                let at = self.out.len() as u64;
                self.out.extend(field);
                field = self.bytes(at, wide);
            }
            field.resize(wide, 0);
            fields.push(field);
        }
        self.align();
        let at = self.out.len();
        self.number(entries.len() as u64, if self.big { 8 } else { 2 });
        for (entry, field) in entries.iter().zip(fields) {
            self.number(u64::from(entry.tag), 2);
            self.number(u64::from(entry.kind), 2);
            self.number(entry.count(), wide);
            self.out.extend(field);
        }
        let end = self.out.len();
        self.number(0, wide);
        (at, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let exif = Ifd { entries: vec![Entry::shorts(0x8827, &[200])], children: Vec::new() };
        let ifd = Ifd {
            entries: vec![
                Entry::ascii(tag::MAKE, "a maker of cameras"),
                Entry::shorts(tag::ORIENTATION, &[6]),
                Entry::rational(tag::X_RESOLUTION, 9.6774),
            ],
            children: vec![(tag::EXIF, vec![exif])],
        };
        for (little, big) in [(false, false), (true, false), (false, true), (true, true)] {
            let page = || Page { ifd: ifd.clone(), strips: vec![vec![7; 5]] };
            let bytes = write(vec![page(), page()], little, big);
            let (reader, first) = Reader::open(&bytes).unwrap();
            let (one, second) = reader.ifd(first).unwrap();
            let (two, end) = reader.ifd(second).unwrap();
            assert_eq!(end, 0);
            for read in [one, two] {
                assert_eq!(read.get(tag::MAKE).unwrap().text(), "a maker of cameras");
                assert_eq!(read.children, ifd.children);
                let real = read.get(tag::X_RESOLUTION).unwrap().real().unwrap();
                assert!((real - 9.6774).abs() < 1e-9);
                let at = read.number(tag::STRIP_OFFSETS).unwrap() as usize;
                assert_eq!(bytes[at..at + 5], [7; 5]);
            }
        }
    }

    #[test]
    fn directories_that_point_to_themselves_end() {
        // One entry: 64 directories within, all of them this very one.
        let mut bytes = b"II*\0\x08\0\0\0\x01\0".to_vec();
        bytes.extend([0x4a, 0x01, 4, 0, 64, 0, 0, 0, 26, 0, 0, 0, 8, 0, 0, 0]);
        bytes.extend([8, 0, 0, 0].repeat(64));
        let (reader, first) = Reader::open(&bytes).unwrap();
        assert!(reader.ifd(first).is_some());
        assert!(reader.budget.get() < BUDGET.0);
    }

    #[test]
    fn the_other_byte_order_is_read_as_well() {
        let mut bytes = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        bytes.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]);
        let (reader, first) = Reader::open(&bytes).unwrap();
        assert_eq!(reader.ifd(first).unwrap().0.number(tag::ORIENTATION), Some(6));
        assert!(reader.ifd(1000).is_none());
    }
}
