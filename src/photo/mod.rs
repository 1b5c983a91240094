//! Photos: decoded pixels with everything about them that must survive the trip (bit depth, alpha, colour profile).
//!
//! This module knows nothing of tensors. What it hands to the networks is a [`Planar`]: planar `f32` in `[0, 1]`.

pub(crate) mod bicubic;
mod decode;
mod detail;
mod encode;
mod exif;
mod file;
mod ifd;
mod jpeg;
mod metadata;
mod samples;
mod tiff;
pub mod tiles;
mod view;

pub use decode::{MAX_PIXELS, decode};
pub use encode::Format;
pub use file::ImageFile;
pub use samples::Samples;
pub use tiff::TiffWriter;

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use metadata::Metadata;
use samples::Depth;
use tiles::Rect;
use view::{View, is_number};

/// A decoded photo: gray or RGB, with or without alpha.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    width: usize,
    height: usize,
    /// Colour channels: 1 (gray) or 3 (RGB).
    colors: usize,
    alpha: bool,
    samples: Samples,
    metadata: Metadata,
    /// How its numbers are seen, where they are no shares of white.
    view: Option<Arc<View>>,
}

impl Photo {
    /// A photo from interleaved samples, `colors` (1 or 3) plus one for alpha per pixel, row by row.
    ///
    /// # Errors
    /// [`Kind::Option`] when a side is 0, `colors` is neither 1 nor 3, or the number of samples does not match.
    pub fn new(width: usize, height: usize, colors: usize, alpha: bool, samples: Samples) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(colors + usize::from(alpha)));
        if width == 0 || height == 0 || !matches!(colors, 1 | 3) || expected != Some(samples.len()) {
            return Err(Error::new(
                Kind::Option,
                format!(
                    "{} samples do not make a photo of {width}x{height} with {colors} colours{}",
                    samples.len(),
                    if alpha { " and alpha" } else { "" }
                ),
            ));
        }
        Ok(Self { width, height, colors, alpha, samples, metadata: Metadata::default(), view: None })
    }

    /// An 8-bit RGB photo from 8-bit RGBA with straight alpha, `4 * width * height` bytes; alpha is kept only where some pixel is not opaque.
    ///
    /// # Errors
    /// As [`Photo::new`].
    pub fn from_rgba8(width: usize, height: usize, rgba: &[u8]) -> Result<Self> {
        let opaque = rgba.iter().skip(3).step_by(4).all(|&a| a == 255);
        if !opaque || !rgba.len().is_multiple_of(4) {
            return Self::new(width, height, 3, true, Samples::U8(rgba.to_vec()));
        }
        let rgb = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        Self::new(width, height, 3, false, Samples::U8(rgb))
    }

    /// A 32-bit photo without alpha from planar samples.
    ///
    /// # Errors
    /// As [`Photo::new`].
    pub fn from_planar(planar: &Planar) -> Result<Self> {
        let plane = planar.width * planar.height;
        let mut samples = Vec::with_capacity(planar.data.len());
        for i in 0..plane {
            samples.extend((0..planar.channels).map(|c| planar.data[c * plane + i]));
        }
        Self::new(planar.width, planar.height, planar.channels, false, Samples::F32(samples))
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Colour channels: 1 (gray) or 3 (RGB).
    pub fn colors(&self) -> usize {
        self.colors
    }

    /// Whether there is an alpha channel.
    pub fn has_alpha(&self) -> bool {
        self.alpha
    }

    /// Bits per sample: 8, 16 or 32 (float).
    pub fn bit_depth(&self) -> u8 {
        self.samples.bit_depth()
    }

    /// The same photo, stretched to be seen, where its numbers are no shares of white: floats that leave `[0, 1]`, 16 bits or
    /// floats that use less than a quarter of it, or values that are no numbers. The range is that of all but the darkest and
    /// the brightest thousandth of the samples. Networks see the stretched photo, and what they change is written back in the
    /// photo's own units; what lies far outside of the range goes around them, and what is no number stays so.
    ///
    /// Files are opened like this.
    #[must_use]
    pub fn stretched(mut self) -> Self {
        self.view = View::of(&self).map(Arc::new);
        self
    }

    /// The same photo in the range of another one, so that both are seen alike: shots of one scene, pages of a stack.
    #[must_use]
    pub fn stretched_like(mut self, other: &Photo) -> Self {
        self.view = match (&self.view, &other.view) {
            (Some(view), Some(other)) => Some(Arc::new(view.in_range_of(other))),
            (None, Some(other)) => Some(Arc::clone(other)),
            (_, None) => None,
        };
        self
    }

    /// What is seen as black and as white, in the numbers of the file: 0 and 255 for 8 bits, unless it is stretched.
    pub fn range(&self) -> [f32; 2] {
        let [black, white] = self.view.as_ref().map_or([0.0, 1.0], |view| view.range());
        let unit = match self.samples {
            Samples::U8(_) => 255.0,
            Samples::U16(_) => 65_535.0,
            Samples::F32(_) => 1.0,
        };
        [black * unit, white * unit]
    }

    /// Whether it is stretched to be seen: see [`Photo::stretched`].
    pub fn is_stretched(&self) -> bool {
        self.view.is_some()
    }

    /// A sample of a colour as it is seen, 0 black and 1 white.
    #[inline]
    pub(crate) fn level(&self, i: usize) -> f32 {
        let value = self.samples.get(i);
        match &self.view {
            None => value,
            Some(view) => view.level(i, value),
        }
    }

    /// [`Photo::level`] of colour `c` of the pixels in a row from `(x, y)` on, as many as `out` takes.
    pub(crate) fn levels(&self, c: usize, x: usize, y: usize, out: &mut [f32]) {
        let n = self.samples_per_pixel();
        let first = (y * self.width + x) * n + c;
        self.samples.read(first, n, out);
        if let Some(view) = &self.view {
            out.iter_mut().enumerate().for_each(|(i, v)| *v = view.level(first + i * n, *v));
        }
    }

    /// Mean of the colours as they are seen, over about a million pixels of a large photo.
    pub(crate) fn mean_level(&self) -> f64 {
        const PIXELS: usize = 1 << 20;
        let rows = (0..self.height).step_by((self.width * self.height).div_ceil(PIXELS));
        let count = rows.len() * self.width * self.colors;
        let mut row = vec![0.0; self.width];
        let mut sum = 0.0;
        for y in rows {
            if self.view.is_none() && !self.alpha {
                let width = self.width * self.colors;
                sum += self.samples.sum(y * width..(y + 1) * width);
                continue;
            }
            for c in 0..self.colors {
                self.levels(c, 0, y, &mut row);
                sum += f32::sum(&row);
            }
        }
        sum / count as f64
    }

    /// What a user should know before the photo is written in a format that cannot hold its numbers.
    pub fn note_on(&self, format: Format) -> Option<String> {
        let held = match self.samples {
            Samples::U8(_) => true,
            Samples::U16(_) => matches!(format, Format::Png | Format::Tiff),
            Samples::F32(_) => format == Format::Tiff,
        };
        let [black, white] = self.range();
        (!held && self.is_stretched()).then(|| {
            format!(
                "{} has no place for these numbers: {black:.6} to {white:.6} are written as black to white; a TIFF keeps them",
                format.name()
            )
        })
    }

    /// The photo turned and mirrored as its EXIF orientation (1 to 8) says it has to be.
    #[must_use]
    fn upright(self, orientation: u8) -> Self {
        let (w, h) = (self.width, self.height);
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
        let source = |i: usize| {
            let (x, y) = (i % width, i / width);
            let (x, y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            y * w + x
        };
        let samples = self.samples.reordered(self.samples_per_pixel(), source);
        let mut metadata = self.metadata.clone();
        if let Some(page) = metadata.page.as_mut().map(Arc::make_mut)
            && let Some((n, kept)) = &mut page.kept
        {
            *kept = kept.reordered(*n, source);
        }
        Self { width, height, samples, metadata, ..self }
    }

    /// The interleaved samples, colours first, alpha last.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Samples per pixel: the colours, and one more for alpha.
    pub fn samples_per_pixel(&self) -> usize {
        self.colors + usize::from(self.alpha)
    }

    /// The same photo with its samples rounded to 8 bits, as a viewer shows it.
    #[must_use]
    pub fn to_8bit(&self) -> Self {
        let mut samples = Samples::U8(vec![0; self.samples.len()]);
        let n = self.samples_per_pixel();
        for i in 0..self.samples.len() {
            let value = if i % n < self.colors { self.level(i) } else { self.samples.get(i) };
            samples.set(i, value);
        }
        Self { samples, metadata: self.metadata.clone(), view: None, ..*self }
    }

    /// A photo `scale` times the size, of the same layout and profile, with black colours. At scale 1 it has the alpha
    /// of `self`; at other scales alpha, too, comes with [`Photo::write`].
    ///
    /// # Errors
    /// [`Kind::TooLarge`] when the result has more than [`MAX_PIXELS`].
    pub fn blank_like(&self, scale: usize) -> Result<Self> {
        let (width, height) = (self.width * scale, self.height * scale);
        let pixels = width as u64 * height as u64;
        if scale > 1 && pixels > MAX_PIXELS {
            let message = format!(
                "{}x{} pixels, {scale} times enlarged, are {width}x{height} ({} megapixels); up to {} megapixels are written",
                self.width,
                self.height,
                pixels / 1_000_000,
                MAX_PIXELS / 1_000_000
            );
            return Err(Error::new(Kind::TooLarge, message));
        }
        let mut samples = self.samples.zeros(self.samples.len() * scale * scale);
        if self.alpha && scale == 1 {
            let n = self.samples_per_pixel();
            for i in (n - 1..self.samples.len()).step_by(n) {
                samples.copy(i, &self.samples, i);
            }
        }
        let metadata = self.metadata.enlarged(scale);
        Ok(Self { width, height, samples, metadata, view: self.view.clone(), ..*self })
    }

    /// All colours (no alpha) as planar `f32`.
    pub fn planar(&self) -> Planar {
        self.window(0, 0, self.width, self.height, self.colors)
    }

    /// A window of the colours as planar `f32`, shape `[channels, height, width]`; what lies outside the photo is
    /// reflected at its borders (without repeating the edge pixel, as often as it takes). A gray photo asked for 3
    /// channels repeats its one; an RGB photo asked for 1 gives the mean of the three.
    pub fn window(&self, x: isize, y: isize, width: usize, height: usize, channels: usize) -> Planar {
        let mut data = vec![0.0; channels * width * height];
        let mut color = vec![0.0; width];
        for (i, row) in data.chunks_exact_mut(width).enumerate() {
            let (channel, y) = (i / height, reflect(y + (i % height) as isize, self.height));
            if channels == 1 && self.colors == 3 {
                for c in 0..3 {
                    self.reflected(c, x, y, &mut color);
                    row.iter_mut().zip(&color).for_each(|(sum, v)| *sum += v);
                }
                row.iter_mut().for_each(|sum| *sum /= 3.0);
            } else {
                self.reflected(channel.min(self.colors - 1), x, y, row);
            }
        }
        Planar { channels, height, width, data }
    }

    /// [`Photo::levels`] from `x` on, which may lie outside, as much of the row may.
    fn reflected(&self, c: usize, x: isize, y: usize, out: &mut [f32]) {
        let column = |i: isize| i.clamp(0, out.len() as isize) as usize;
        let (begin, end) = (column(-x), column(self.width as isize - x));
        if begin < end {
            self.levels(c, (x + begin as isize) as usize, y, &mut out[begin..end]);
        }
        for i in (0..begin).chain(end.max(begin)..out.len()) {
            self.levels(c, reflect(x + i as isize, self.width), y, &mut out[i..=i]);
        }
    }

    /// Writes a planar block to the colours at `(x, y)`, clipped and rounded to the photo's depth. A one-channel block
    /// is written to all colours; a three-channel block is averaged into a gray photo. `strength` in `[0, 1]` blends
    /// from `original` (0) to the block (1). Where `self` is a multiple of the size of `original`, the latter is enlarged
    /// (bicubic), and so is its alpha.
    ///
    /// # Panics
    /// When the block does not lie inside the photo, or `original` is of another layout.
    pub fn write(&mut self, x: usize, y: usize, block: &Planar, original: &Photo, strength: f32) {
        assert!(x + block.width <= self.width && y + block.height <= self.height);
        let scale = self.width / original.width;
        assert_eq!(self.samples.len(), original.samples.len() * scale * scale);
        let enlarged = (scale > 1 && (strength < 1.0 || self.alpha))
            .then(|| bicubic::enlarge(original, scale, x, y, block.width, block.height));
        let n = self.samples_per_pixel();
        let mut levels = vec![0.0; block.width];
        for row in 0..block.height {
            let first = ((y + row) * self.width + x) * n;
            for c in 0..self.colors {
                block.row_of_color(c, self.colors, row, &mut levels);
                match &enlarged {
                    _ if scale == 1 => self.write_row(first + c, original, &levels, strength),
                    None => self.write_enlarged(first + c, &levels),
                    Some(enlarged) => {
                        for (level, before) in levels.iter_mut().zip(enlarged.row(c, row)) {
                            *level = before + strength * (*level - before);
                        }
                        self.write_enlarged(first + c, &levels);
                    }
                }
            }
            if let (Some(enlarged), true) = (&enlarged, self.alpha) {
                for (i, alpha) in enlarged.row(self.colors, row).iter().enumerate() {
                    self.samples.set(first + i * n + self.colors, alpha.clamp(0.0, 1.0));
                }
            }
        }
    }

    /// The samples of a rectangle, in the depth of the photo: what [`Photo::put_samples`] takes.
    pub(crate) fn samples_in(&self, rect: Rect) -> Samples {
        self.samples.gathered(self.ranges(rect))
    }

    /// Puts back the samples of a rectangle of such a photo; false when they are of another depth or number.
    pub(crate) fn put_samples(&mut self, rect: Rect, samples: &Samples) -> bool {
        let ranges = self.ranges(rect);
        self.samples.scatter(ranges, samples)
    }

    /// Where the rows of a rectangle are among the samples.
    fn ranges(&self, rect: Rect) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let (n, width) = (self.samples_per_pixel(), self.width);
        (rect.y..rect.y + rect.height).map(move |y| {
            let first = (y * width + rect.x) * n;
            first..first + rect.width * n
        })
    }

    /// Writes a row of one colour, from sample `first` on, over that of a photo of this size.
    fn write_row(&mut self, first: usize, original: &Photo, levels: &[f32], strength: f32) {
        let n = self.samples_per_pixel();
        if original.view.is_none() {
            return self.samples.blend(first, n, &original.samples, levels, strength);
        }
        for (i, level) in (first..).step_by(n).zip(levels) {
            self.samples.set(i, original.changed(i, strength, *level));
        }
    }

    /// Writes a row of one colour, from sample `first` on.
    fn write_enlarged(&mut self, first: usize, levels: &[f32]) {
        for (i, level) in (first..).step_by(self.samples_per_pixel()).zip(levels) {
            let value = self.view.as_ref().map_or(*level, |view| view.value(*level));
            self.samples.set(i, value);
        }
    }

    /// A sample when what is seen of it goes, by `strength`, to `level`. What is no number stays none.
    fn changed(&self, i: usize, strength: f32, level: f32) -> f32 {
        let before = self.samples.get(i);
        let span = self.view.as_ref().map_or(1.0, |view| view.span());
        if is_number(before) { before + strength * (level - self.level(i)) * span } else { before }
    }

    /// A photo between `original` (strength 0) and this one (strength 1), alpha and metadata of this one.
    ///
    /// `detail` is the share, from 0 to 1, that is given back of the fine luminance which the denoising took: the
    /// luminance of what was removed, less a blur of it (Gaussian, standard deviation 2 pixels). Texture comes back and
    /// brings grain along, but neither blotches nor noise of colour.
    ///
    /// # Errors
    /// [`Kind::Option`] when `strength` or `detail` is not from 0 to 1, or the photos differ in size or layout.
    pub fn blend(&self, original: &Photo, strength: f32, detail: f32) -> Result<Self> {
        check_strength(strength)?;
        check_detail(detail)?;
        let layout = |p: &Photo| (p.width, p.height, p.colors, p.alpha, p.bit_depth());
        if layout(self) != layout(original) {
            return Err(Error::new(Kind::Option, "only photos of one size and layout can be blended"));
        }
        let n = self.samples_per_pixel();
        let mut out = self.clone();
        for i in (0..self.samples.len()).filter(|i| i % n < self.colors) {
            let before = original.samples.get(i);
            if is_number(before) {
                out.samples.set(i, before + strength * (self.samples.get(i) - before));
            }
        }
        if strength * detail > 0.0 {
            detail::give_back(&mut out, self, original, strength, detail);
        }
        Ok(out)
    }

    /// 8-bit RGBA (straight alpha) of a rectangle, for display: as it is seen, see [`Photo::stretched`].
    ///
    /// # Panics
    /// When the rectangle does not lie inside the photo.
    pub fn rgba8(&self, x: usize, y: usize, width: usize, height: usize) -> Vec<u8> {
        assert!(x + width <= self.width && y + height <= self.height);
        if let (Samples::U8(samples), None, 3) = (&self.samples, &self.view, self.colors) {
            let rows = self.ranges(Rect { x, y, width, height }).map(|row| &samples[row]);
            if self.alpha {
                return rows.collect::<Vec<&[u8]>>().concat();
            }
            let mut out = vec![255; 4 * width * height];
            let pixels = rows.flat_map(|row| row.chunks(3));
            out.chunks_mut(4).zip(pixels).for_each(|(out, pixel)| out[..3].copy_from_slice(pixel));
            return out;
        }
        let n = self.samples_per_pixel();
        let mut out = Samples::U8(vec![255; 4 * width * height]);
        for row in 0..height {
            for col in 0..width {
                let source = ((y + row) * self.width + x + col) * n;
                let target = (row * width + col) * 4;
                for c in 0..3 {
                    let i = source + c.min(self.colors - 1);
                    match self.view {
                        None => out.copy(target + c, &self.samples, i),
                        Some(_) => out.set(target + c, self.level(i)),
                    }
                }
                if self.alpha {
                    out.copy(target + 3, &self.samples, source + self.colors);
                }
            }
        }
        match out {
            Samples::U8(v) => v,
            _ => unreachable!("made as U8 above"),
        }
    }

    /// All samples as interleaved `f32` (alpha last when there is one): 0..1 for 8 and 16 bit photos, others as in the file.
    pub fn float32(&self) -> Vec<f32> {
        (0..self.samples.len()).map(|i| self.samples.get(i)).collect()
    }

    /// The photo as a file. Bit depth, alpha, ICC profile, EXIF, XMP, IPTC and resolution are kept where the format can hold
    /// them (PNG: 8 and 16 bit; TIFF: all, in the depth and units of the file; WebP, lossless, and JPEG: 8 bit, JPEG on white
    /// without alpha). Where it cannot hold a photo's numbers, they are written as they are seen ([`Photo::stretched`]).
    /// `quality` (1..=100) is for JPEG.
    ///
    /// # Errors
    /// [`Kind::Encode`] when the format cannot hold a photo of this size.
    pub fn encode(&self, format: Format, quality: u8) -> Result<Vec<u8>> {
        encode::encode(self, format, quality)
    }
}

/// Refuses a blending strength outside `[0, 1]`.
pub(crate) fn check_strength(strength: f32) -> Result<()> {
    if (0.0..=1.0).contains(&strength) {
        return Ok(());
    }
    Err(Error::new(Kind::Option, format!("strength is {strength}; it must be from 0 to 1")))
}

/// Refuses a share of the detail outside `[0, 1]`.
pub(crate) fn check_detail(detail: f32) -> Result<()> {
    if (0.0..=1.0).contains(&detail) {
        return Ok(());
    }
    Err(Error::new(Kind::Option, format!("detail is {detail}; it must be from 0 to 1")))
}

/// Planar `f32` samples, shape `[channels, height, width]`, nominally in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Planar {
    /// Number of planes.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The samples, plane by plane, row by row.
    pub data: Vec<f32>,
}

impl Planar {
    /// The rectangle at `(x, y)`.
    ///
    /// # Panics
    /// When it does not lie inside.
    #[must_use]
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let shape = [self.channels, self.height, self.width];
        Self::cut(&self.data, shape, Rect { x, y, width, height })
    }

    /// A rectangle of samples of this shape, `[channels, height, width]`.
    ///
    /// # Panics
    /// When it does not lie inside.
    pub(crate) fn cut(samples: &[f32], [channels, rows, columns]: [usize; 3], part: Rect) -> Self {
        let Rect { x, y, width, height } = part;
        assert!(x + width <= columns && y + height <= rows);
        let mut data = Vec::with_capacity(channels * width * height);
        for c in 0..channels {
            for row in y..y + height {
                let start = (c * rows + row) * columns + x;
                data.extend_from_slice(&samples[start..start + width]);
            }
        }
        Self { channels, height, width, data }
    }

    /// So many planes from the `first` on.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn planes(&self, first: usize, channels: usize) -> Self {
        let area = self.width * self.height;
        Self { channels, data: self.data[first * area..(first + channels) * area].to_vec(), ..*self }
    }

    /// Whether all channels are the same.
    pub fn is_gray(&self) -> bool {
        let area = self.width * self.height;
        self.data.chunks(area.max(1)).all(|plane| plane == &self.data[..area])
    }

    fn row(&self, channel: usize, row: usize) -> &[f32] {
        &self.data[(channel * self.height + row) * self.width..][..self.width]
    }

    /// A row of a colour of a photo with so many: one channel is all colours, and several are averaged where the photo
    /// has fewer.
    fn row_of_color(&self, color: usize, colors: usize, row: usize, out: &mut [f32]) {
        if self.channels <= colors {
            return out.copy_from_slice(self.row(color.min(self.channels - 1), row));
        }
        out.fill(0.0);
        for channel in 0..self.channels {
            out.iter_mut().zip(self.row(channel, row)).for_each(|(sum, v)| *sum += v);
        }
        out.iter_mut().for_each(|sum| *sum /= self.channels as f32);
    }
}

/// Index of position `i` after reflecting it into `0..n` (edge not repeated; `n = 1` is constant).
fn reflect(i: isize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n as isize - 1);
    let i = i.rem_euclid(period);
    i.min(period - i) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_repeats_as_often_as_it_takes() {
        let got: Vec<usize> = (-4..8).map(|i| reflect(i, 3)).collect();
        assert_eq!(got, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(reflect(-17, 1), 0);
    }

    #[test]
    fn window_and_write_round_trip_in_every_depth() {
        let values = [0u8, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 255];
        let rgb = Photo::new(2, 2, 3, false, Samples::U8(values.to_vec())).unwrap();
        let wide = Samples::U16(values.iter().map(|&v| u16::from(v) * 257).collect());
        for photo in [rgb, Photo::new(2, 2, 3, false, wide).unwrap()] {
            let mut copy = photo.blank_like(1).unwrap();
            copy.write(0, 0, &photo.planar(), &photo, 1.0);
            assert_eq!(copy, photo);
        }
    }

    #[test]
    fn alpha_is_kept_and_strength_zero_changes_nothing() {
        let photo = Photo::new(2, 1, 1, true, Samples::U8(vec![10, 128, 20, 64])).unwrap();
        let mut out = photo.blank_like(1).unwrap();
        let block = Planar { channels: 3, height: 1, width: 2, data: vec![1.0; 6] };
        out.write(0, 0, &block, &photo, 1.0);
        assert_eq!(out.samples(), &Samples::U8(vec![255, 128, 255, 64]));
        out.write(0, 0, &block, &photo, 0.0);
        assert_eq!(out, photo);
    }

    #[test]
    fn blending_goes_from_the_original_to_the_result() {
        let photo = |v: [u8; 4]| Photo::new(2, 1, 1, true, Samples::U8(v.to_vec())).unwrap();
        let (result, original) = (photo([100, 7, 0, 8]), photo([0, 9, 50, 9]));
        assert_eq!(result.blend(&original, 1.0, 0.0).unwrap(), result);
        assert_eq!(result.blend(&original, 0.5, 0.0).unwrap(), photo([50, 7, 25, 8]));
        let other = Photo::from_planar(&result.planar()).unwrap();
        for (photo, strength, detail) in [(&original, 1.5, 0.0), (&original, 1.0, -0.1), (&other, 0.5, 0.0)] {
            let error = result.blend(photo, strength, detail).unwrap_err();
            assert_eq!(error.kind(), Kind::Option);
        }
    }

    #[test]
    fn the_mean_is_that_of_the_colours_in_every_depth() {
        let values = [0u8, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 255];
        let wide = |v: &[u8]| Samples::U16(v.iter().map(|&v| u16::from(v) * 257).collect());
        let with_alpha = values.chunks(3).flat_map(|rgb| [rgb, &[7]].concat()).collect();
        let photos = [
            Photo::new(2, 2, 3, false, Samples::U8(values.to_vec())),
            Photo::new(2, 2, 3, false, wide(&values)),
            Photo::new(2, 2, 3, true, Samples::U8(with_alpha)),
            Photo::from_planar(&Photo::new(2, 2, 3, false, wide(&values)).unwrap().planar()),
        ];
        let mean = values.map(f64::from).iter().sum::<f64>() / 12.0 / 255.0;
        for photo in photos {
            assert!((photo.unwrap().mean_level() - mean).abs() < 1e-6);
        }
    }

    #[test]
    fn wrong_sample_counts_are_refused() {
        for (w, h, c, n) in [(0, 1, 3, 0), (2, 2, 3, 11), (1, 1, 2, 2)] {
            let error = Photo::new(w, h, c, false, Samples::U8(vec![0; n])).unwrap_err();
            assert_eq!(error.kind(), Kind::Option);
        }
    }
}
