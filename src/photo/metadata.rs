//! What a file says of itself beside its pixels, read from and written into the containers: PNG chunks, JPEG segments.

use std::sync::Arc;

use super::exif;
use super::tiff::Page;

/// Length of a JPEG segment's content, at most.
const MAX_SEGMENT: usize = 65_533;
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// Name of the text chunk that PNG keeps XMP in.
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp";
/// What the names of text chunks begin with that hold what PNG has no place for, in hexadecimal, as ImageMagick has it.
const RAW_PROFILE: &[u8] = b"Raw profile type ";
/// Chunks of a PNG that are kept as they are: colours, and texts.
const KEPT_CHUNKS: [&[u8; 4]; 9] =
    [b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt"];

/// What is passed through to the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata {
    /// ICC colour profile, untouched.
    pub icc: Option<Vec<u8>>,
    /// EXIF block, with the orientation (already applied) set to normal.
    pub exif: Option<Vec<u8>>,
    /// XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// IPTC-IIM records.
    pub iptc: Option<Vec<u8>>,
    /// How dense the pixels are in print.
    pub density: Option<Density>,
    /// Chunks of a PNG that only PNG has a place for.
    pub png: Vec<([u8; 4], Vec<u8>)>,
    /// The page of a TIFF.
    pub page: Option<Arc<Page>>,
}

/// Pixels per unit of length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Density {
    pub x: f64,
    pub y: f64,
    pub unit: DensityUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DensityUnit {
    Inch,
    Centimetre,
}

impl Density {
    fn per_metre(self) -> [f64; 2] {
        let factor = match self.unit {
            DensityUnit::Inch => 100.0 / 2.54,
            DensityUnit::Centimetre => 100.0,
        };
        [self.x * factor, self.y * factor]
    }
}

impl Metadata {
    /// That of a photo `scale` times the size.
    pub fn enlarged(&self, scale: usize) -> Self {
        let factor = scale as f64;
        let density = self.density.map(|d| Density { x: d.x * factor, y: d.y * factor, ..d });
        let page = self.page.as_ref().map(|page| {
            let mut page = Page::clone(page);
            exif::multiply_density(&mut page.tags, factor);
            Arc::new(page)
        });
        if scale == 1 { self.clone() } else { Self { density, page, ..self.clone() } }
    }

    /// The colour profile, if it is one for so many colours.
    pub fn profile(&self, colors: usize) -> Option<&[u8]> {
        let space: &[u8] = if colors == 1 { b"RGB " } else { b"GRAY" };
        self.icc.as_deref().filter(|icc| icc.get(16..20) != Some(space))
    }
}

/// The chunks of a PNG: name, content.
fn chunks(png: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?) as usize;
        let name = png.get(at + 4..at + 8)?.try_into().ok()?;
        let content = png.get(at + 8..(at + 8).checked_add(length)?)?;
        at += 12 + length;
        Some((name, content))
    })
}

/// Whether a PNG is animated.
pub(super) fn is_animated_png(png: &[u8]) -> bool {
    chunks(png).take_while(|(name, _)| name != b"IDAT").any(|(name, _)| &name == b"acTL")
}

/// Adds what a PNG says and its decoder does not tell.
pub(super) fn read_png(png: &[u8], metadata: &mut Metadata) {
    // The decoder gives the text that IPTC records are written in.
    metadata.iptc = metadata.iptc.take().and_then(|text| iptc(&raw_profile(&text)?));
    for (name, content) in chunks(png) {
        match (&name, content) {
            (b"pHYs", [x @ .., 1]) if x.len() == 8 => {
                let per_centimetre = |at: usize| {
                    let bytes = std::array::from_fn(|i| x[at + i]);
                    f64::from(u32::from_be_bytes(bytes)) / 100.0
                };
                let [x, y] = [0, 4].map(per_centimetre);
                metadata.density = Some(Density { x, y, unit: DensityUnit::Centimetre });
            }
            (b"iTXt", text) if text.starts_with(PNG_XMP) => {}
            (b"tEXt" | b"zTXt", text) if text.starts_with(RAW_PROFILE) => {}
            _ if KEPT_CHUNKS.contains(&&name) => metadata.png.push((name, content.to_vec())),
            _ => {}
        }
    }
}

/// Puts into a PNG what its encoder does not write.
pub(super) fn write_png(png: Vec<u8>, metadata: &Metadata) -> Vec<u8> {
    // Behind the signature and the header, which are always as long.
    let (header, rest) = png.split_at(8 + 25);
    let mut out = header.to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        let body = [name, content].concat();
        out.extend((content.len() as u32).to_be_bytes());
        out.extend(&body);
        out.extend(crc32(&body).to_be_bytes());
    };
    if let Some(density) = metadata.density {
        let mut content: Vec<u8> =
            density.per_metre().iter().flat_map(|v| (v.round() as u32).to_be_bytes()).collect();
        content.push(1);
        chunk(b"pHYs", &content);
    }
    // A profile goes before all else, and sRGB is not said beside one.
    let has_profile = metadata.icc.is_some();
    for (name, content) in metadata.png.iter().filter(|(name, _)| !(has_profile && name == b"sRGB")) {
        chunk(name, content);
    }
    if let Some(xmp) = &metadata.xmp {
        chunk(b"iTXt", &[PNG_XMP, b"\0\0\0\0\0", xmp].concat());
    }
    if let Some(iptc) = &metadata.iptc {
        let resource = resource(iptc);
        let hex: String = resource.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("iptc\0\niptc\n{:8}\n{hex}\n", resource.len());
        chunk(b"tEXt", &[RAW_PROFILE, text.as_bytes()].concat());
    }
    out.extend(rest);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The segments of a JPEG before its pixels: marker, content.
pub(super) fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while jpeg.get(at..at + 2)? == [0xff, 0xff] {
            at += 1;
        }
        let [0xff, marker, high, low] = *jpeg.get(at..at + 4)? else { return None };
        if marker == 0xda || marker == 0xd9 {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([high, low])).max(2);
        let content = jpeg.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        Some((marker, content))
    })
}

/// What the segments of a JPEG say.
pub(super) fn read_jpeg(jpeg: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut profile: Vec<(u8, &[u8])> = Vec::new();
    for (marker, content) in segments(jpeg) {
        match marker {
            0xe0 => metadata.density = metadata.density.or_else(|| jfif_density(content)),
            0xe1 if content.starts_with(EXIF) && metadata.exif.is_none() => {
                metadata.exif = Some(content[EXIF.len()..].to_vec());
            }
            0xe1 if content.starts_with(XMP) => metadata.xmp = Some(content[XMP.len()..].to_vec()),
            0xe2 if content.starts_with(ICC) && content.len() > 14 => {
                profile.push((content[12], &content[14..]))
            }
            0xed if content.starts_with(PHOTOSHOP) => metadata.iptc = iptc(&content[PHOTOSHOP.len()..]),
            _ => {}
        }
    }
    profile.sort_by_key(|(number, _)| *number);
    metadata.icc =
        (!profile.is_empty()).then(|| profile.iter().flat_map(|(_, part)| *part).copied().collect());
    metadata.density =
        metadata.density.or_else(|| exif::density_of_block(metadata.exif.as_deref().unwrap_or_default()));
    metadata
}

fn jfif_density(content: &[u8]) -> Option<Density> {
    let [unit, x1, x2, y1, y2, ..] = *content.strip_prefix(b"JFIF\0")?.get(2..)? else { return None };
    let unit = match unit {
        1 => DensityUnit::Inch,
        2 => DensityUnit::Centimetre,
        _ => return None,
    };
    let [x, y] = [[x1, x2], [y1, y2]].map(|bytes| f64::from(u16::from_be_bytes(bytes)));
    (x > 0.0 && y > 0.0).then_some(Density { x, y, unit })
}

/// The bytes of a text like `\niptc\n      34\n1c02...`.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim_start();
    let hex: String = text.split('\n').skip(2).collect();
    let byte = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
    (0..hex.len() / 2).map(|i| byte(2 * i)).collect()
}

/// IPTC records as a resource of Photoshop.
fn resource(iptc: &[u8]) -> Vec<u8> {
    let mut resource = [b"8BIM\x04\x04\0\0".as_slice(), &(iptc.len() as u32).to_be_bytes(), iptc].concat();
    resource.resize(resource.len().next_multiple_of(2), 0);
    resource
}

/// The IPTC records among the resources of Photoshop, or by themselves.
fn iptc(mut resources: &[u8]) -> Option<Vec<u8>> {
    if resources.first() == Some(&0x1c) {
        return Some(resources.to_vec());
    }
    while let Some(rest) = resources.strip_prefix(b"8BIM") {
        let id = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        // A name of an even length, its own length included.
        let name = (usize::from(*rest.get(2)?) + 1).next_multiple_of(2);
        let length = rest.get(2 + name..6 + name)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let content = rest.get(6 + name..(6 + name).checked_add(length)?)?;
        if id == 0x0404 {
            return Some(content.to_vec());
        }
        resources = rest.get(6 + name + length.next_multiple_of(2)..)?;
    }
    None
}

/// Puts into a JPEG what its encoder does not write.
pub(super) fn write_jpeg(jpeg: Vec<u8>, metadata: &Metadata, colors: usize) -> Vec<u8> {
    // Behind the first segment, which is JFIF's.
    let first = match jpeg.get(2..6) {
        Some(&[0xff, 0xe0, high, low]) => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    let mut out = jpeg[..first].to_vec();
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        if content.len() <= MAX_SEGMENT {
            out.extend([0xff, marker]);
            out.extend((content.len() as u16 + 2).to_be_bytes());
            out.extend(content);
        }
    };
    if let Some(exif) = exif::block(metadata) {
        segment(0xe1, &[EXIF, &exif]);
    }
    if let Some(xmp) = &metadata.xmp {
        segment(0xe1, &[XMP, xmp]);
    }
    let parts: Vec<&[u8]> = metadata.profile(colors).unwrap_or_default().chunks(MAX_SEGMENT - 14).collect();
    for (i, part) in parts.iter().enumerate() {
        segment(0xe2, &[ICC, &[i as u8 + 1, parts.len() as u8], part]);
    }
    if let Some(iptc) = &metadata.iptc {
        segment(0xed, &[PHOTOSHOP, &resource(iptc)]);
    }
    out.extend(&jpeg[first..]);
    out
}

/// The density as JFIF writes it.
pub(super) fn jfif(density: Density) -> image::codecs::jpeg::PixelDensity {
    use image::codecs::jpeg::{PixelDensity, PixelDensityUnit};
    let unit = match density.unit {
        DensityUnit::Inch => PixelDensityUnit::Inches,
        DensityUnit::Centimetre => PixelDensityUnit::Centimeters,
    };
    PixelDensity { density: (density.x.round() as u16, density.y.round() as u16), unit }
}
