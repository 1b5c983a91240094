//! EXIF blocks, which are small TIFF files, and the tags of TIFF files: each made of the other.

use super::ifd::{self, Entry, Ifd, Reader, tag};
use super::metadata::{Density, DensityUnit, Metadata};

/// Tags of a TIFF that an EXIF block may hold beside its directories: description, make, model, resolution, software, date,
/// artist, copyright.
const DESCRIPTIVE: [u16; 11] = [270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432];

/// Tags of a TIFF that say where pixels are, or how they are stored: those of an EXIF block are of its thumbnail.
fn is_of_pixels(tag: u16) -> bool {
    matches!(tag, 254..=259 | 262 | 273 | 274 | 277..=279 | 284 | 322..=325 | 330 | 513 | 514 | 529..=532)
}

fn first(exif: &[u8]) -> Option<Ifd> {
    let (reader, at) = Reader::open(exif)?;
    Some(reader.ifd(at)?.0)
}

/// The tags for the page of a TIFF.
pub(super) fn tags(metadata: &Metadata) -> Ifd {
    if let Some(page) = &metadata.page {
        return page.tags.clone();
    }
    let mut ifd = metadata.exif.as_deref().and_then(first).unwrap_or_default();
    ifd.entries.retain(|entry| !is_of_pixels(entry.tag));
    ifd.children.retain(|(tag, _)| matches!(*tag, tag::EXIF | tag::GPS));
    if let Some(density) = metadata.density {
        set_density(&mut ifd, density);
    }
    ifd
}

fn set_density(ifd: &mut Ifd, Density { x, y, unit }: Density) {
    ifd.set(Entry::rational(tag::X_RESOLUTION, x));
    ifd.set(Entry::rational(tag::Y_RESOLUTION, y));
    let unit = match unit {
        DensityUnit::Inch => 2,
        DensityUnit::Centimetre => 3,
    };
    ifd.set(Entry::shorts(tag::RESOLUTION_UNIT, &[unit]));
}

/// The EXIF block for a format other than TIFF: the one that came with the photo, or one made of a TIFF's tags.
pub(super) fn block(metadata: &Metadata) -> Option<Vec<u8>> {
    if metadata.exif.is_some() {
        return metadata.exif.clone();
    }
    let page = metadata.page.as_deref()?;
    let mut ifd = page.tags.clone();
    ifd.entries.retain(|entry| DESCRIPTIVE.contains(&entry.tag));
    ifd.children.retain(|(tag, _)| matches!(*tag, tag::EXIF | tag::GPS));
    let empty = ifd.entries.is_empty() && ifd.children.is_empty();
    (!empty).then(|| ifd::write(vec![ifd::Page { ifd, strips: Vec::new() }], page.little, false))
}

/// An EXIF block that says how dense the pixels are, for a format with no other place for it.
pub(super) fn block_of_density(density: Density) -> Vec<u8> {
    let mut ifd = Ifd::default();
    set_density(&mut ifd, density);
    ifd::write(vec![ifd::Page { ifd, strips: Vec::new() }], true, false)
}

/// How dense the pixels are, as a directory says.
pub(super) fn density(ifd: &Ifd) -> Option<Density> {
    let real = |tag: u16| ifd.get(tag)?.real().filter(|v| *v > 0.0);
    let x = real(tag::X_RESOLUTION)?;
    let unit = match ifd.number(tag::RESOLUTION_UNIT).unwrap_or(2) {
        2 => DensityUnit::Inch,
        3 => DensityUnit::Centimetre,
        _ => return None,
    };
    Some(Density { x, y: real(tag::Y_RESOLUTION).unwrap_or(x), unit })
}

/// [`density`] of an EXIF block.
pub(super) fn density_of_block(exif: &[u8]) -> Option<Density> {
    density(&first(exif)?)
}

/// Multiplies how dense the pixels are, where tags say so.
pub(super) fn multiply_density(ifd: &mut Ifd, factor: f64) {
    for tag in [tag::X_RESOLUTION, tag::Y_RESOLUTION] {
        if let Some(value) = ifd.get(tag).and_then(Entry::real) {
            ifd.set(Entry::rational(tag, value * factor));
        }
    }
}
