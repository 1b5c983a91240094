//! The zip archives that PyTorch writes: every file in them is stored, not compressed, so a file is a slice of the
//! archive and nothing can be larger than it. Their checksums are not used: PyTorch may be told to write none. Archives of
//! others may be compressed, and hold a checkpoint.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

/// The files of an archive.
pub(super) struct Zip<'a> {
    bytes: &'a [u8],
    files: BTreeMap<&'a str, (Method, Range<usize>)>,
}

/// How a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
    /// Encrypted, or compressed in another way.
    Other,
}

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";
const DIRECTORY: &[u8] = b"PK\x01\x02";
const FILE: &[u8] = b"PK\x03\x04";

impl<'a> Zip<'a> {
    /// Reads the directory.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let (count, mut at) = end(bytes).ok_or("the archive is cut off: its directory is missing")?;
        let mut files = BTreeMap::new();
        for _ in 0..count {
            let (entry, next) = Entry::read(bytes, at).ok_or("the archive's directory is damaged")?;
            let range =
                entry.data(bytes).ok_or_else(|| format!("`{}` in the archive is cut off", entry.name))?;
            files.insert(entry.name, (entry.method, range));
            at = next;
        }
        Ok(Self { bytes, files })
    }

    /// A file that is not compressed, by its full name.
    pub(super) fn file(&self, name: &str) -> Option<&'a [u8]> {
        let (method, range) = self.files.get(name)?;
        self.bytes.get(range.clone()).filter(|_| *method == Method::Stored)
    }

    /// A file by its full name, unpacked, if it has at most `most` bytes.
    pub(super) fn unpacked(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let (method, range) = self.files.get(name)?;
        let packed = self.bytes.get(range.clone())?;
        match method {
            Method::Stored => Some(packed.to_vec()),
            Method::Deflated => {
                let mut bytes = Vec::new();
                let read = flate2::read::DeflateDecoder::new(packed).take(most + 1).read_to_end(&mut bytes);
                read.ok().filter(|&read| read as u64 <= most).map(|_| bytes)
            }
            Method::Other => None,
        }
    }

    /// The names of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.files.keys().copied()
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes.get(at..at.checked_add(N)?)?);
    Some(u64::from_le_bytes(wide))
}

fn size<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number::<N>(bytes, at)?).ok()
}

/// Number of entries, and where the directory starts.
fn end(bytes: &[u8]) -> Option<(usize, usize)> {
    // A comment of up to 65535 bytes may follow the 22 of the record.
    let earliest = bytes.len().saturating_sub(22 + 65_535);
    let tail = &bytes[earliest..];
    let end = earliest + tail.windows(END.len()).rposition(|w| w == END)?;
    let (count, start) = (size::<2>(bytes, end + 10)?, size::<4>(bytes, end + 16)?);
    let comment = size::<2>(bytes, end + 20)?;
    bytes.get(end + 22..end + 22 + comment)?;
    if count < 0xffff && start < 0xffff_ffff {
        return Some((count, start));
    }
    let locator = end.checked_sub(20)?;
    if !bytes[locator..].starts_with(END_64_LOCATOR) {
        return Some((count, start));
    }
    let end = size::<8>(bytes, locator + 8)?;
    if !bytes.get(end..)?.starts_with(END_64) {
        return None;
    }
    Some((size::<8>(bytes, end.checked_add(32)?)?, size::<8>(bytes, end.checked_add(48)?)?))
}

struct Entry<'a> {
    name: &'a str,
    method: Method,
    size: usize,
    header: usize,
}

impl<'a> Entry<'a> {
    /// The entry at `at` in the directory, and where the next one is.
    fn read(bytes: &'a [u8], at: usize) -> Option<(Self, usize)> {
        if !bytes.get(at..)?.starts_with(DIRECTORY) {
            return None;
        }
        let [name, extra, comment] =
            [size::<2>(bytes, at + 28)?, size::<2>(bytes, at + 30)?, size::<2>(bytes, at + 32)?];
        let name_end = at + 46 + name;
        let name = std::str::from_utf8(bytes.get(at + 46..name_end)?).ok()?;
        let extra = bytes.get(name_end..name_end + extra)?;
        let wide = [number::<4>(bytes, at + 24)?, number::<4>(bytes, at + 20)?, number::<4>(bytes, at + 42)?];
        let [full, packed, header] = zip64(extra, wide)?;
        let encrypted = number::<2>(bytes, at + 8)? & 0x41 != 0;
        let method = match number::<2>(bytes, at + 10)? {
            0 if !encrypted && full == packed => Method::Stored,
            8 if !encrypted => Method::Deflated,
            _ => Method::Other,
        };
        let entry =
            Self { name, method, size: usize::try_from(packed).ok()?, header: usize::try_from(header).ok()? };
        Some((entry, name_end + extra.len() + comment))
    }

    fn data(&self, bytes: &[u8]) -> Option<Range<usize>> {
        if !bytes.get(self.header..)?.starts_with(FILE) {
            return None;
        }
        let start =
            self.header + 30 + size::<2>(bytes, self.header + 26)? + size::<2>(bytes, self.header + 28)?;
        let range = start..start.checked_add(self.size)?;
        bytes.get(range.clone()).map(|_| range)
    }
}

/// Replaces those of size, packed size and offset that say "too large" by those in the extra field.
fn zip64(extra: &[u8], mut values: [u64; 3]) -> Option<[u64; 3]> {
    if values.iter().all(|&v| v < 0xffff_ffff) {
        return Some(values);
    }
    let mut at = 0;
    while number::<2>(extra, at)? != 1 {
        at += 4 + size::<2>(extra, at + 2)?;
    }
    at += 4;
    for value in values.iter_mut().filter(|v| **v == 0xffff_ffff) {
        *value = number::<8>(extra, at)?;
        at += 8;
    }
    Some(values)
}
