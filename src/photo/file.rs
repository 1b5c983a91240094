//! Image files, of one picture or many.

use super::tiff::TiffFile;
use super::{Photo, decode};
use crate::error::{Error, Kind, Result};

/// An image file that has been opened: a photo, or a TIFF with the pages and channels of a stack.
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use unnoise::photo::ImageFile;
///
/// let file = ImageFile::open(std::fs::read("stack.tif")?)?;
/// for index in 0..file.pictures() {
///     let photo = file.picture(index)?;
///     println!("{} x {}", photo.width(), photo.height());
/// }
/// # Ok(()) }
/// ```
pub struct ImageFile {
    content: Content,
    notes: Vec<String>,
}

enum Content {
    Photo(Box<Photo>),
    Tiff { bytes: Vec<u8>, file: Box<TiffFile> },
}

impl ImageFile {
    /// Opens a PNG, JPEG, WebP, TIFF, BMP or GIF file; the format is told by the bytes, not by a name.
    ///
    /// # Errors
    /// [`Kind::Decode`] for bytes that are no image or a damaged one, [`Kind::Unsupported`] for another sort of image,
    /// [`Kind::TooLarge`] beyond [`super::MAX_PIXELS`].
    pub fn open(bytes: Vec<u8>) -> Result<Self> {
        if !decode::is_tiff(&bytes) {
            let (photo, notes) = decode::photo(&bytes)?;
            return Ok(Self { content: Content::Photo(Box::new(photo)), notes });
        }
        let mut file = TiffFile::open(&bytes)?;
        let notes = std::mem::take(&mut file.notes);
        Ok(Self { content: Content::Tiff { bytes, file: Box::new(file) }, notes })
    }

    /// How many pictures there are: pages, times the channels of a page that are not red, green and blue.
    pub fn pictures(&self) -> usize {
        match &self.content {
            Content::Photo(_) => 1,
            Content::Tiff { file, .. } => file.pictures(),
        }
    }

    /// One of them, from 0.
    ///
    /// # Errors
    /// [`Kind::Option`] when there is none of that number; else as [`ImageFile::open`].
    pub fn picture(&self, index: usize) -> Result<Photo> {
        if index >= self.pictures() {
            let message = format!("there is no picture {}; there are {}", index + 1, self.pictures());
            return Err(Error::new(Kind::Option, message));
        }
        match &self.content {
            Content::Photo(photo) => Ok(Photo::clone(photo)),
            Content::Tiff { bytes, file } => {
                let photo = file.picture(bytes, index).map_err(|e| match self.pictures() {
                    1 => e,
                    _ => e.context(format!("{} {}", file.kind()[0], index + 1)),
                })?;
                Ok(photo.stretched())
            }
        }
    }

    /// [`ImageFile::picture`], without a copy where there is only one.
    ///
    /// # Errors
    /// As [`ImageFile::picture`].
    pub fn into_picture(self, index: usize) -> Result<Photo> {
        match self.content {
            Content::Photo(photo) if index == 0 => Ok(*photo),
            _ => self.picture(index),
        }
    }

    /// What several pictures of it are called, e.g. "5 pages".
    pub fn count(&self) -> String {
        match &self.content {
            Content::Photo(_) => "1 picture".to_string(),
            Content::Tiff { file, .. } => {
                let count = file.pictures();
                format!("{count} {}", file.kind()[usize::from(count != 1)])
            }
        }
    }

    /// What a user should know of this file: what is not read of it, or is missing. Sentences without their full stop.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
