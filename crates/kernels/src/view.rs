//! How images lie in memory.

/// The pitch is a multiple of this: floats of the widest vector that is used (AVX-512 on a PC).
pub const LANES: usize = match () {
    () if cfg!(target_arch = "wasm32") => 4,
    () if cfg!(target_arch = "x86_64") => 16,
    () => 8,
};

/// Floats from one pixel to the next for this many channels.
pub const fn pitch(channels: usize) -> usize {
    channels.next_multiple_of(LANES)
}

/// A batch of images, channels last, that somebody else owns.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// `batch * height * width * pitch(channels)` floats.
    pub data: &'a [f32],
    /// Number of images.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, without what fills up to the pitch.
    pub channels: usize,
}

impl<'a> View<'a> {
    /// A batch of images.
    ///
    /// # Panics
    /// When `data` has another length than those images.
    pub fn new(data: &'a [f32], [batch, channels, height, width]: [usize; 4]) -> Self {
        assert_eq!(data.len(), batch * height * width * pitch(channels), "the images have another size");
        Self { data, batch, height, width, channels }
    }

    /// Floats from one pixel to the next.
    pub const fn pitch(&self) -> usize {
        pitch(self.channels)
    }

    /// Floats of an image.
    pub(crate) const fn image(&self) -> usize {
        self.height * self.width * self.pitch()
    }
}

/// Images in any order in memory: value (n, c, y, x) lies at `data[n * strides[0] + c * strides[1] + ...]`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// What the strides walk through, from value (0, 0, 0, 0) at `offset`.
    pub data: &'a [f32],
    /// Where value (0, 0, 0, 0) lies.
    pub offset: usize,
    /// Batch, channels, height, width.
    pub shape: [usize; 4],
    /// In the same order; they may be negative.
    pub strides: [isize; 4],
}

impl Strided<'_> {
    /// Whether the images already lie as [`View`] wants them, from `offset` on.
    pub fn is_channels_last(&self) -> bool {
        let [_, channels, height, width] = self.shape;
        let pitch = pitch(channels) as isize;
        let wanted = [height as isize * width as isize * pitch, 1, width as isize * pitch, pitch];
        let same = |i: usize| self.shape[i] <= 1 || self.strides[i] == wanted[i];
        // A single channel needs no stride of its own, but the zeros that fill up to the pitch.
        (0..4).all(same) && self.strides[3] == pitch && self.offset + self.floats() <= self.data.len()
    }

    /// Floats of these images in a [`View`].
    pub fn floats(&self) -> usize {
        let [batch, channels, height, width] = self.shape;
        batch * height * width * pitch(channels)
    }

    fn at(&self, [n, c, y, x]: [usize; 4]) -> usize {
        let [sn, sc, sy, sx] = self.strides;
        (self.offset as isize + n as isize * sn + c as isize * sc + y as isize * sy + x as isize * sx)
            as usize
    }
}

/// Pixels of a row that are turned at once, so that what is read and what is written both stay in the cache.
const BLOCK: usize = 16;

/// Copies images of any order to where a [`View`] can look at them.
///
/// # Panics
/// When `out` has another length than [`Strided::floats`], or the strides lead out of the data.
pub fn to_channels_last(from: &Strided, out: &mut [f32]) {
    let [batch, channels, height, width] = from.shape;
    let pitch = pitch(channels);
    assert_eq!(out.len(), from.floats(), "the images have another size");
    if out.is_empty() {
        return;
    }
    for (row, out) in out.chunks_exact_mut(width * pitch).enumerate().take(batch * height) {
        let (n, y) = (row / height, row % height);
        for (block, out) in out.chunks_mut(BLOCK * pitch).enumerate() {
            for c in 0..channels {
                let mut at = from.at([n, c, y, block * BLOCK]) as isize;
                for pixel in out.chunks_exact_mut(pitch) {
                    pixel[c] = from.data[at as usize];
                    at += from.strides[3];
                }
            }
            for pixel in out.chunks_exact_mut(pitch) {
                pixel[channels..].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let shape = [2, 3, 5, 19];
        let data: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| i as f32).collect();
        let strides = [3 * 5 * 19, 5 * 19, 19, 1];
        let from = Strided { data: &data, offset: 0, shape, strides };
        let mut out = vec![f32::NAN; from.floats()];
        to_channels_last(&from, &mut out);
        for (i, pixel) in out.chunks(pitch(3)).enumerate() {
            let (n, p) = (i / 95, i % 95);
            let expected = [0, 1, 2].map(|c| ((n * 3 + c) * 95 + p) as f32);
            assert_eq!(pixel[..3], expected);
            assert!(pixel[3..].iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn strides_may_be_negative() {
        let data = [1.0, 2.0, 3.0, 4.0];
        let from = Strided { data: &data, offset: 3, shape: [1, 1, 2, 2], strides: [0, 0, -2, -1] };
        let mut out = vec![0.0; from.floats()];
        to_channels_last(&from, &mut out);
        let firsts: Vec<f32> = out.chunks(LANES).map(|pixel| pixel[0]).collect();
        assert_eq!(firsts, [4.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn channels_last_is_recognised() {
        let p = pitch(5) as isize;
        let data = vec![0.0; 2 * 3 * 4 * pitch(5)];
        let strides = [12 * p, 1, 4 * p, p];
        let mut it = Strided { data: &data, offset: 0, shape: [2, 5, 3, 4], strides };
        assert!(it.is_channels_last());
        it.strides = [60, 12, 4, 1];
        assert!(!it.is_channels_last());
    }
}
