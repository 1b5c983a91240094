//! TIFF files: photos, scans and microscope stacks of any sample format, page by page, with their tags.

mod layout;
mod page;
mod pixels;
mod write;

use std::sync::Arc;

use super::ifd::{Ifd, Reader, tag};
use super::{Metadata, Photo, exif};
use crate::error::{Error, Kind, Result};
use layout::{Layout, photometric};
pub(super) use page::Page;
pub use write::TiffWriter;

/// Pages of a file, at most.
const MAX_PAGES: usize = 1 << 16;

fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Unsupported, format!("this TIFF {what}"))
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Decode, format!("this TIFF {what}; it is damaged or truncated"))
}

/// The pages of a file, and which pictures they hold.
pub(super) struct TiffFile {
    pages: Vec<Ifd>,
    /// Page and part of each picture: the channels of a microscope are pictures of their own.
    pictures: Vec<[usize; 2]>,
    little: bool,
    big: bool,
    /// What is not denoised, in words.
    pub notes: Vec<String>,
}

impl TiffFile {
    /// Reads the directories.
    pub fn open(bytes: &[u8]) -> Result<Self> {
        let (reader, first) = Reader::open(bytes).ok_or_else(|| damaged("has no header that can be read"))?;
        let all = chain(&reader, first);
        if let Some(name) = camera_raw(bytes, &all) {
            return Err(Error::new(Kind::Unsupported, raw_message(name)));
        }
        let mut pages = Vec::new();
        let mut notes = Vec::new();
        let small = all.iter().filter(|ifd| is_extra(ifd)).count();
        if small > 0 && small < all.len() {
            notes.push(format!("{small} smaller copies of pages, or masks, are left out"));
        }
        let only_small = small == all.len();
        for ifd in all {
            if !is_extra(&ifd) || only_small {
                pages.push(ifd);
            }
        }
        if pages.iter().any(|ifd| !ifd.children(tag::SUB_IFDS).is_empty()) {
            notes.push("the smaller copies within its pages (a pyramid) are left out".to_string());
        }
        if let [only] = &pages[..] {
            pages = contiguous(only, bytes.len()).unwrap_or(pages);
        }
        let mut pictures = Vec::new();
        for (index, ifd) in pages.iter().enumerate() {
            let parts = match Layout::of(ifd) {
                Ok(layout) => page::parts(&layout).len(),
                Err(error) if index == 0 => return Err(error),
                // Told when the page is read.
                Err(_) => 1,
            };
            pictures.extend((0..parts).map(|part| [index, part]));
        }
        if pictures.is_empty() {
            return Err(damaged("has no pages"));
        }
        Ok(Self { pages, pictures, little: reader.little, big: reader.big, notes })
    }

    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// What the pictures are called, one of them and several.
    pub fn kind(&self) -> [&'static str; 2] {
        match self.pages.len() {
            1 => ["channel", "channels"],
            _ if self.pages.len() < self.pictures.len() => ["picture", "pictures (pages times channels)"],
            _ => ["page", "pages"],
        }
    }

    /// Decodes a picture.
    pub fn picture(&self, bytes: &[u8], index: usize) -> Result<Photo> {
        let (reader, _) = Reader::open(bytes).ok_or_else(|| damaged("has no header that can be read"))?;
        let [number, part] = self.pictures[index];
        let ifd = &self.pages[number];
        let layout = Layout::of(ifd)?;
        let samples = pixels::read(&reader, &layout)?;
        let mut photo = page::picture(&layout, samples, part)?;
        let bytes_of = |tag: u16| ifd.get(tag).map(|entry| entry.value.clone());
        let mut page = Page::of(ifd, &layout, part, photo.metadata.page.take());
        page.pages = self.pages.len();
        page.little = self.little;
        page.big = self.big;
        photo.metadata = Metadata {
            icc: bytes_of(tag::ICC).filter(|_| layout.photometric != photometric::CMYK),
            xmp: bytes_of(tag::XMP),
            iptc: bytes_of(tag::IPTC),
            density: exif::density(ifd),
            page: Some(Arc::new(page)),
            ..Metadata::default()
        };
        let orientation = ifd.number(tag::ORIENTATION).unwrap_or(1);
        Ok(photo.upright(orientation as u8))
    }
}

/// The directories one after the other; a chain that comes back to itself ends there.
fn chain(reader: &Reader<'_>, first: u64) -> Vec<Ifd> {
    let (mut at, mut seen, mut all) = (first, std::collections::BTreeSet::new(), Vec::new());
    while at != 0 && all.len() < MAX_PAGES && seen.insert(at) {
        let Some((ifd, next)) = reader.ifd(at) else { break };
        all.push(ifd);
        at = next;
    }
    all
}

/// Whether a page is a smaller copy of another one, or a mask.
fn is_extra(ifd: &Ifd) -> bool {
    ifd.number(tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 0b101 != 0)
}

/// The pages of a stack that ImageJ wrote with one directory only: their pixels follow those of the first.
fn contiguous(ifd: &Ifd, length: usize) -> Option<Vec<Ifd>> {
    let description = ifd.get(tag::DESCRIPTION)?.text();
    if !description.starts_with("ImageJ=") {
        return None;
    }
    let count =
        description.lines().find_map(|line| line.strip_prefix("images=")?.trim().parse::<usize>().ok())?;
    let layout = Layout::of(ifd).ok()?;
    let size = (layout.row_bytes() * layout.height) as u64;
    let first = *layout.offsets.first()?;
    if !(2..=MAX_PAGES).contains(&count) || layout.compression != 1 || layout.tiled || layout.planar {
        return None;
    }
    if first.checked_add(size.checked_mul(count as u64)?)? > length as u64 {
        return None;
    }
    let page = |i: u64| {
        let mut page = ifd.clone();
        page.set(super::ifd::Entry::long8(tag::STRIP_OFFSETS, first + i * size));
        page.set(super::ifd::Entry::long8(tag::STRIP_BYTE_COUNTS, size));
        page.set(super::ifd::Entry::long(tag::ROWS_PER_STRIP, layout.height as u32));
        page
    };
    Some((0..count as u64).map(page).collect())
}

/// What is said of camera raw files of that name.
pub(super) fn raw_message(name: &str) -> String {
    format!(
        "this is a camera raw file ({name}), which has to be developed first: open it in the camera maker's program, darktable or RawTherapee, without their denoising, and save a 16-bit TIFF"
    )
}

/// The name of the sort of camera raw that a TIFF is, if it is one.
fn camera_raw(bytes: &[u8], pages: &[Ifd]) -> Option<&'static str> {
    match bytes.get(2..4) {
        Some(b"U\0") => return Some("RW2"),
        Some(b"RO" | b"RS" | b"OR" | b"SR") => return Some("ORF"),
        _ => {}
    }
    // With the first directory after it: at the same place other files may have pixels of any value.
    if bytes.get(4..11) == Some(b"\x10\0\0\0CR\x02") {
        return Some("CR2");
    }
    let within = || pages.iter().chain(pages.iter().flat_map(|page| page.children(tag::SUB_IFDS)));
    if within().any(|ifd| ifd.get(tag::DNG_VERSION).is_some()) {
        return Some("DNG");
    }
    // Colour filter arrays, and the compressions of camera makers.
    let is_raw = |ifd: &Ifd| {
        matches!(ifd.number(tag::PHOTOMETRIC), Some(photometric::CFA | photometric::LINEAR_RAW))
            || matches!(
                ifd.number(tag::COMPRESSION),
                Some(32767 | 32769 | 32770 | 32772 | 34713 | 65000 | 65535)
            )
    };
    // A small copy in front of a large picture that hides within it is how cameras write as well.
    let width = |ifd: &Ifd| ifd.number(tag::WIDTH).unwrap_or(0);
    let hides = |ifd: &Ifd| {
        is_extra(ifd)
            && ifd.get(tag::MAKE).is_some()
            && ifd.children(tag::SUB_IFDS).iter().any(|sub| width(sub) > width(ifd))
    };
    if !within().any(is_raw) && !pages.first().is_some_and(hides) {
        return None;
    }
    let make = pages.iter().find_map(|ifd| ifd.get(tag::MAKE)).map(|entry| entry.text().to_lowercase());
    let makers = [
        ("nikon", "NEF"),
        ("sony", "ARW"),
        ("canon", "CR2"),
        ("pentax", "PEF"),
        ("ricoh", "PEF"),
        ("samsung", "SRW"),
        ("olympus", "ORF"),
        ("panasonic", "RW2"),
        ("hasselblad", "3FR"),
        ("phase one", "IIQ"),
        ("leaf", "MOS"),
        ("kodak", "DCR"),
        ("epson", "ERF"),
        ("mamiya", "MEF"),
    ];
    let known = makers.iter().find(|(maker, _)| make.as_ref().is_some_and(|make| make.contains(maker)));
    Some(known.map_or("raw pixels of a sensor in a TIFF", |(_, name)| name))
}
