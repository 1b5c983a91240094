//! Any bytes as a file with pictures: they are read, and written again, or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use unnoise::Result;
use unnoise::photo::{Format, ImageFile};

/// Larger pictures are as good and take longer.
const PIXELS: usize = 1 << 12;
const PICTURES: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    _ = through(bytes);
});

fn through(bytes: &[u8]) -> Result<()> {
    let file = ImageFile::open(bytes.to_vec())?;
    for index in 0..file.pictures().min(PICTURES) {
        let photo = file.picture(index)?;
        let count = photo.samples_per_pixel() * photo.width() * photo.height();
        assert_eq!(photo.float32().len(), count, "a photo of another size than it says");
        if photo.width() * photo.height() > PIXELS {
            continue;
        }
        for format in [Format::Png, Format::Tiff, Format::Jpeg] {
            let written = ImageFile::open(photo.encode(format, 90)?).expect("what is written can be read");
            let again = written.picture(0).expect("what is written can be read");
            assert_eq!((again.width(), again.height()), (photo.width(), photo.height()));
        }
    }
    Ok(())
}
