//! What has to be known of a JPEG before and after it is decoded: whether the decoder can, and how much of it is there.

use super::metadata::segments;
use super::{Photo, Samples};
use crate::error::{Error, Kind, Result};

/// What the decoder fills missing pixels with.
const FILL: u8 = 128;

/// A component of the picture: how finely it is sampled, across and down.
struct Component {
    across: u8,
    down: u8,
}

/// The header of the frame.
pub(super) struct Frame {
    pub components: usize,
    progressive: bool,
}

impl Frame {
    /// Reads the header, and refuses what the decoder cannot read or would read wrongly. `None` when there is none: the
    /// decoder tells better what is wrong.
    ///
    /// # Errors
    /// [`Kind::Unsupported`].
    pub fn read(jpeg: &[u8]) -> Result<Option<Self>> {
        let is_frame = |marker: u8| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        let Some((marker, content)) = segments(jpeg).find(|(marker, _)| is_frame(*marker)) else {
            return Ok(None);
        };
        let [precision, _, _, _, _, count, rest @ ..] = content else { return Ok(None) };
        let components: Vec<Component> = rest
            .chunks_exact(3)
            .take(usize::from(*count))
            .map(|c| Component { across: c[1] >> 4, down: c[1] & 15 })
            .collect();
        let refuse = |what: String| {
            let message =
                format!("this JPEG {what}, which is not read: save it as an ordinary JPEG, PNG or TIFF");
            Err(Error::new(Kind::Unsupported, message))
        };
        match marker {
            0xc9..=0xcf => return refuse("uses arithmetic coding".into()),
            0xc3 => return refuse("is a lossless one (process 14)".into()),
            0xc5..=0xc7 => return refuse("is a hierarchical one".into()),
            _ if *precision != 8 => return refuse(format!("has {precision} bits per sample (12-bit JPEG)")),
            _ => {}
        }
        if is_irregular(&components) {
            let factors: Vec<String> =
                components.iter().map(|c| format!("{}x{}", c.across, c.down)).collect();
            return refuse(format!("has an unusual chroma subsampling ({})", factors.join(", ")));
        }
        Ok(Some(Self { components: components.len(), progressive: marker == 0xc2 }))
    }
}

/// Whether components are sampled in a way that is not decoded rightly: colours that are finer across than the brightness, or
/// a number of samples that is no power of two.
fn is_irregular(components: &[Component]) -> bool {
    let [first, others @ ..] = components else { return false };
    let usual = |c: &Component| c.across.is_power_of_two() && c.down.is_power_of_two();
    let fits = |c: &Component| usual(c) && c.across <= first.across;
    !others.is_empty() && (!usual(first) || !others.iter().all(fits))
}

/// Whether a JPEG reaches its end-of-image marker. The decoder is lenient and would fill what is missing with gray.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut i = 2;
    while i + 1 < bytes.len() {
        if bytes[i] != 0xFF {
            i += 1; // entropy-coded data
            continue;
        }
        match bytes[i + 1] {
            0xD9 => return true,
            // Stuffed byte, fill byte, and markers without a length.
            0x00 | 0x01 | 0xD0..=0xD8 => i += 2,
            0xFF => i += 1,
            _ => {
                let Some(length) = bytes.get(i + 2..i + 4) else { return false };
                i += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
    false
}

/// What is said of a JPEG without an end.
///
/// # Errors
/// [`Kind::Decode`] when more than half of its rows are missing.
pub(super) fn what_is_missing(photo: &Photo, frame: Option<&Frame>) -> Result<String> {
    let row = photo.width * photo.samples_per_pixel();
    let missing = match &photo.samples {
        Samples::U8(samples) => {
            let filled = |row: &[u8]| row.iter().all(|&v| v == FILL);
            samples.chunks_exact(row).rev().take_while(|row| filled(row)).count()
        }
        _ => 0,
    };
    if 2 * missing > photo.height {
        let message = format!(
            "this JPEG is truncated: its end is missing, with {missing} of its {} rows",
            photo.height
        );
        return Err(Error::new(Kind::Decode, message));
    }
    if missing > 0 {
        return Ok(format!(
            "this JPEG is cut off: the last {missing} of its {} rows are missing",
            photo.height
        ));
    }
    let what =
        if frame.is_some_and(|frame| frame.progressive) { "fine detail" } else { "some of the lowest rows" };
    Ok(format!("this JPEG has no end: {what} may be missing"))
}
