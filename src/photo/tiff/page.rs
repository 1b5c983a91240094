//! What a page is made of: pictures out of its samples, and what has to be known to write the page again.

use super::layout::{Layout, SampleFormat, photometric};
use super::{damaged, unsupported};
use crate::error::Result;
use crate::photo::ifd::{Ifd, tag};
use crate::photo::{Photo, Samples};

/// How the file keeps numbers that a [`Photo`] keeps as `f32`, or as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::photo) enum Stored {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
}

impl Stored {
    fn of(layout: &Layout) -> Self {
        match (layout.format, layout.bits) {
            (SampleFormat::Unsigned, ..=8) => Stored::U8,
            (SampleFormat::Unsigned, ..=16) => Stored::U16,
            (SampleFormat::Unsigned, ..=32) => Stored::U32,
            (SampleFormat::Unsigned, _) => Stored::U64,
            (SampleFormat::Signed, ..=8) => Stored::I8,
            (SampleFormat::Signed, ..=16) => Stored::I16,
            (SampleFormat::Signed, ..=32) => Stored::I32,
            (SampleFormat::Signed, _) => Stored::I64,
            (SampleFormat::Float, 16) => Stored::F16,
            (SampleFormat::Float, 24 | 32) => Stored::F32,
            (SampleFormat::Float, _) => Stored::F64,
        }
    }
}

/// What a picture has to know of its page so that the page can be written again.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::photo) struct Page {
    /// Its tags, but for those that say how the pixels lie.
    pub tags: Ifd,
    pub stored: Stored,
    /// Whether small numbers are bright.
    pub white_is_zero: bool,
    pub compressed: bool,
    pub planar: bool,
    pub little: bool,
    pub big: bool,
    /// Which picture of the page this is, and of how many.
    pub part: usize,
    pub parts: usize,
    /// Samples per pixel that are no colours, and not denoised: how many, and all of them.
    pub kept: Option<(usize, Samples)>,
    /// Pages of the file.
    pub pages: usize,
}

impl Page {
    pub(super) fn of(ifd: &Ifd, layout: &Layout, part: usize, before: Option<std::sync::Arc<Page>>) -> Self {
        let mut tags = ifd.clone();
        tags.entries.retain(|entry| !is_structural(entry.tag));
        tags.children.retain(|(tag, _)| *tag != tag::SUB_IFDS);
        Self {
            tags,
            stored: Stored::of(layout),
            white_is_zero: layout.photometric == photometric::WHITE_IS_ZERO
                && !matches!(Stored::of(layout), Stored::U8 | Stored::U16),
            compressed: layout.compression != 1,
            planar: layout.planar,
            little: true,
            big: false,
            part,
            parts: parts(layout).len(),
            kept: before.and_then(|page| page.kept.clone()),
            pages: 1,
        }
    }
}

/// Tags that say how the pixels lie, or that hold places in the file that will not be the same; and those that are kept
/// elsewhere.
fn is_structural(tag: u16) -> bool {
    matches!(
        tag,
        254..=259 | 262..=266 | 273 | 274 | 277..=281 | 284 | 288..=293 | 317 | 320..=325 | 330 | 332..=341 | 347
            | 512..=521 | 529..=532 | 700 | 33723 | 34675 | 33628..=33632 | 34412 | 50706
    )
}

/// A picture of a page: its colours, and its alpha.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Places in the pixel, colours first.
    samples: Vec<usize>,
    colors: usize,
    alpha: Alpha,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Alpha {
    None,
    Straight,
    Premultiplied,
    /// Straight, unless it hides everything: four samples of which nothing is said.
    Likely,
}

/// The pictures that a page with this layout holds. Colours, and alpha where it is said to be there, are one; gray channels are
/// one each.
pub(super) fn parts(layout: &Layout) -> Vec<Part> {
    let n = layout.samples;
    let alpha_can_be = match layout.format {
        SampleFormat::Float => true,
        SampleFormat::Unsigned => layout.bits <= 16,
        SampleFormat::Signed => false,
    };
    let alpha = match layout.extra.first() {
        Some(1) if alpha_can_be => Alpha::Premultiplied,
        Some(2) if alpha_can_be => Alpha::Straight,
        _ => Alpha::None,
    };
    let colored = |colors: usize, alpha: Alpha| {
        let count = colors + usize::from(alpha != Alpha::None && n > colors);
        let alpha = if count > colors { alpha } else { Alpha::None };
        vec![Part { samples: (0..count).collect(), colors, alpha }]
    };
    match layout.photometric {
        photometric::RGB | photometric::YCBCR if n >= 3 => {
            let untold = n == 4 && layout.extra.is_empty() && alpha_can_be;
            colored(3, if untold { Alpha::Likely } else { alpha })
        }
        photometric::CMYK if n >= 4 => colored(4, Alpha::None),
        // CIELab and its like, which are refused.
        8..=10 | 32844 | 32845 => colored(n, Alpha::None),
        _ if n == 2 && alpha != Alpha::None => colored(1, alpha),
        _ => (0..n).map(|c| Part { samples: vec![c], colors: 1, alpha: Alpha::None }).collect(),
    }
}

/// A picture out of all samples of a page. What is kept beside it comes back in its page.
pub(super) fn picture(layout: &Layout, all: Samples, part: usize) -> Result<Photo> {
    let (width, height, n) = (layout.width, layout.height, layout.samples);
    let parts = parts(layout);
    let Part { mut samples, colors, mut alpha } = parts[part].clone();
    if alpha == Alpha::Likely {
        let hidden = (3..all.len()).step_by(n).all(|i| all.get(i) == 0.0);
        alpha = if hidden { Alpha::None } else { Alpha::Straight };
        samples.truncate(if hidden { 3 } else { 4 });
    }
    let kept: Vec<usize> = if parts.len() == 1 && layout.photometric != photometric::CMYK {
        (samples.len()..n).collect()
    } else {
        Vec::new()
    };
    let kept = (!kept.is_empty()).then(|| (kept.len(), pick(&all, n, &kept)));
    let mut chosen = if samples.len() == n { all } else { pick(&all, n, &samples) };
    match layout.photometric {
        photometric::WHITE_IS_ZERO => turn_over(&mut chosen, samples.len(), colors, layout.bits),
        photometric::PALETTE => return palette(layout, &chosen),
        photometric::CMYK => return cmyk(layout, &chosen),
        photometric::YCBCR if layout.compression != 7 => chosen = ycbcr(&chosen)?,
        photometric::RGB | photometric::YCBCR | photometric::BLACK_IS_ZERO => {}
        8..=10 => return Err(unsupported("has CIELab colours, which are not read; save it as RGB")),
        32844 | 32845 => return Err(unsupported("has LogLuv colours, which are not read; save it as RGB")),
        other => {
            let what = format!("has colours of a sort that is not read (photometric interpretation {other})");
            return Err(unsupported(what));
        }
    }
    if alpha == Alpha::Premultiplied {
        divide(&mut chosen, samples.len());
    }
    let mut photo = Photo::new(width, height, colors, alpha != Alpha::None, chosen)?;
    if kept.is_some() {
        let mut page = Page::of(&Ifd::default(), layout, part, None);
        page.kept = kept;
        photo.metadata.page = Some(page.into());
    }
    Ok(photo)
}

fn pick(all: &Samples, n: usize, wanted: &[usize]) -> Samples {
    let mut out = all.zeros(all.len() / n * wanted.len());
    for pixel in 0..all.len() / n {
        for (k, &c) in wanted.iter().enumerate() {
            out.copy(pixel * wanted.len() + k, all, pixel * n + c);
        }
    }
    out
}

/// Makes black 0 where white was. Floats and numbers of more bits stay what they are: [`Page::white_is_zero`].
fn turn_over(samples: &mut Samples, n: usize, colors: usize, bits: usize) {
    match samples {
        Samples::U8(v) => {
            v.iter_mut().enumerate().filter(|(i, _)| i % n < colors).for_each(|(_, s)| *s = 255 - *s)
        }
        Samples::U16(v) => {
            let most = ((1u32 << bits) - 1) as u16;
            let colors = v.iter_mut().enumerate().filter(|(i, _)| i % n < colors);
            colors.for_each(|(_, s)| *s = most.saturating_sub(*s));
        }
        Samples::F32(_) => {}
    }
}

/// Takes alpha out of the colours it is multiplied into.
fn divide(samples: &mut Samples, n: usize) {
    for pixel in (0..samples.len()).step_by(n) {
        let alpha = samples.get(pixel + n - 1);
        if alpha > 0.0 && alpha < 1.0 {
            for i in pixel..pixel + n - 1 {
                let value = samples.get(i) / alpha;
                samples.set(i, value);
            }
        }
    }
}

fn palette(layout: &Layout, indices: &Samples) -> Result<Photo> {
    let map = &layout.color_map;
    let colors = map.len() / 3;
    if colors == 0 {
        return Err(damaged("has a palette without colours"));
    }
    // Some writers forgot that the colours of a palette have 16 bits.
    let eight = map.iter().all(|&v| v < 256);
    let value = |i: usize, c: usize| {
        let v = map[c * colors + i.min(colors - 1)];
        if eight { v as u8 } else { ((v * 255 + 32767) / 65535) as u8 }
    };
    let index = |i: usize| match indices {
        Samples::U8(v) => usize::from(v[i]),
        Samples::U16(v) => usize::from(v[i]),
        Samples::F32(v) => v[i].max(0.0) as usize,
    };
    let rgb = (0..indices.len()).flat_map(|i| [0, 1, 2].map(|c| value(index(i), c))).collect();
    Photo::new(layout.width, layout.height, 3, false, Samples::U8(rgb))
}

/// Inks to colours, without a profile: what is left of white by each ink, and by black.
fn cmyk(layout: &Layout, inks: &Samples) -> Result<Photo> {
    let count = inks.len() / 4;
    let mut rgb = inks.zeros(count * 3);
    for i in 0..count {
        let ink = |c: usize| 1.0 - inks.get(4 * i + c);
        (0..3).for_each(|c| rgb.set(3 * i + c, ink(c) * ink(3)));
    }
    Photo::new(layout.width, layout.height, 3, false, rgb)
}

/// YCbCr (Rec. 601, full range) to RGB.
fn ycbcr(samples: &Samples) -> Result<Samples> {
    let Samples::U8(values) = samples else {
        return Err(unsupported("has YCbCr colours of more than 8 bits; save it as RGB"));
    };
    let mut rgb = Vec::with_capacity(values.len());
    for pixel in values.chunks_exact(3) {
        let [y, cb, cr] = [f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0];
        let colors = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
        rgb.extend(colors.map(|v| v.round().clamp(0.0, 255.0) as u8));
    }
    Ok(Samples::U8(rgb))
}
