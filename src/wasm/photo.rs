//! `Photo` for JavaScript.

use std::sync::Arc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::js_error;
use crate::photo::{self, Format};
use crate::{Error, Kind};

/// Rows of a photo that are made RGBA at once.
const RGBA_ROWS: usize = 64;

/// A decoded photo, in the memory of this instance: `free()` it.
#[wasm_bindgen]
pub struct Photo {
    /// Shared with the jobs that read it.
    pub(super) inner: Arc<photo::Photo>,
}

#[wasm_bindgen]
impl Photo {
    /// A photo from 8-bit RGBA with straight alpha.
    ///
    /// # Errors
    /// `option` when the length is not `4 * width * height`.
    #[wasm_bindgen(js_name = fromRgba)]
    pub fn from_rgba(width: usize, height: usize, rgba: &[u8]) -> Result<Photo, JsValue> {
        photo::Photo::from_rgba8(width, height, rgba)
            .map(|photo| Photo { inner: photo.into() })
            .map_err(js_error)
    }

    /// Width in pixels.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        self.inner.width()
    }

    /// Height in pixels.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        self.inner.height()
    }

    /// Colour channels: 1 or 3.
    #[wasm_bindgen(getter)]
    pub fn channels(&self) -> usize {
        self.inner.colors()
    }

    /// Whether there is an alpha channel.
    #[wasm_bindgen(getter, js_name = hasAlpha)]
    pub fn has_alpha(&self) -> bool {
        self.inner.has_alpha()
    }

    /// Bits per sample: 8, 16 or 32.
    #[wasm_bindgen(getter, js_name = bitDepth)]
    pub fn bit_depth(&self) -> u8 {
        self.inner.bit_depth()
    }

    /// The numbers of the file that are seen as black and as white.
    #[wasm_bindgen(getter)]
    pub fn range(&self) -> Vec<f32> {
        self.inner.range().to_vec()
    }

    /// 8-bit RGBA, for display.
    #[wasm_bindgen(unchecked_return_type = "Uint8Array<ArrayBuffer>")]
    pub fn rgba(&self) -> Uint8Array {
        let (width, height) = (self.inner.width(), self.inner.height());
        let all = Uint8Array::new_with_length((4 * width * height) as u32);
        // In bands: memory that this instance once had it keeps.
        for y in (0..height).step_by(RGBA_ROWS) {
            let rows = RGBA_ROWS.min(height - y);
            let (first, end) = (4 * width * y, 4 * width * (y + rows));
            all.subarray(first as u32, end as u32).copy_from(&self.inner.rgba8(0, y, width, rows));
        }
        all
    }

    /// Interleaved samples, alpha last when there is one: in `[0, 1]` for 8 and 16 bits, others in the units of the file.
    pub fn float32(&self) -> Vec<f32> {
        self.inner.float32()
    }

    /// The photo as a file: `png`, `jpeg`, `webp` or `tiff`.
    ///
    /// # Errors
    /// `option` for another format, `encode` when it cannot hold the photo.
    pub fn encode(&self, format: &str, quality: Option<u8>) -> Result<Vec<u8>, JsValue> {
        let format = Format::from_extension(format).ok_or_else(|| {
            js_error(Error::new(
                Kind::Option,
                format!("photos are not written as `{format}`; there are: png, jpeg, webp, tiff"),
            ))
        })?;
        self.inner.encode(format, quality.unwrap_or(92)).map_err(js_error)
    }

    /// A new photo from `original` (strength 0) to this one (strength 1), with a share of the detail given back.
    ///
    /// # Errors
    /// `option` when the photos differ in layout, or `strength` or `detail` is not from 0 to 1.
    pub fn blend(&self, original: &Photo, strength: f32, detail: f32) -> Result<Photo, JsValue> {
        self.inner
            .blend(&original.inner, strength, detail)
            .map(|photo| Photo { inner: photo.into() })
            .map_err(js_error)
    }
}

/// An image file, of one picture or many, in the memory of this instance: `free()` it.
#[wasm_bindgen]
pub struct ImageFile {
    inner: photo::ImageFile,
}

#[wasm_bindgen]
impl ImageFile {
    /// Opens a PNG, JPEG, WebP, TIFF, BMP or GIF file.
    ///
    /// # Errors
    /// `decode`, `unsupported`, `too-large`.
    pub fn open(bytes: Vec<u8>) -> Result<ImageFile, JsValue> {
        photo::ImageFile::open(bytes).map(|inner| ImageFile { inner }).map_err(js_error)
    }

    /// How many pictures there are.
    #[wasm_bindgen(getter)]
    pub fn pictures(&self) -> usize {
        self.inner.pictures()
    }

    /// What they are called, e.g. "5 pages".
    #[wasm_bindgen(getter)]
    pub fn count(&self) -> String {
        self.inner.count()
    }

    /// What a user should know of the file.
    #[wasm_bindgen(getter)]
    pub fn notes(&self) -> Vec<String> {
        self.inner.notes().to_vec()
    }

    /// One of the pictures, from 0.
    ///
    /// # Errors
    /// `option` when there is none of that number, `decode`, `unsupported`.
    pub fn picture(&self, index: usize) -> Result<Photo, JsValue> {
        self.inner.picture(index).map(|photo| Photo { inner: photo.into() }).map_err(js_error)
    }

    /// The same; the file is used up.
    ///
    /// # Errors
    /// As `picture`.
    #[wasm_bindgen(js_name = intoPicture)]
    pub fn into_picture(self, index: usize) -> Result<Photo, JsValue> {
        self.inner.into_picture(index).map(|photo| Photo { inner: photo.into() }).map_err(js_error)
    }
}

/// A TIFF of several pages that is being written: `free()` it, or finish it.
#[wasm_bindgen]
#[derive(Default)]
pub struct StackWriter {
    inner: photo::TiffWriter,
}

#[wasm_bindgen]
impl StackWriter {
    /// A file without pages.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { inner: photo::TiffWriter::new() }
    }

    /// Adds the next picture.
    ///
    /// # Errors
    /// `encode` when it does not belong to the page that is not complete.
    pub fn add(&mut self, photo: &Photo) -> Result<(), JsValue> {
        self.inner.add(&photo.inner).map_err(js_error)
    }

    /// The file; the writer is used up.
    ///
    /// # Errors
    /// `encode` when there are no pages.
    pub fn finish(self) -> Result<Vec<u8>, JsValue> {
        self.inner.finish().map_err(js_error)
    }
}
