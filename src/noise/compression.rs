//! How much of a photo's fine detail, and with it of its noise, JPEG has erased.
//!
//! JPEG rounds the DCT coefficients of 8x8 blocks to multiples of a step, weak ones to zero. So noise survives where
//! there is detail to carry it and vanishes where the photo is flat: flat parts then tell too little of it.

use super::dct::{AREA, SIDE, dct};
use crate::photo::Planar;

/// Blocks that are looked at for each place of the grid, at most.
const BLOCKS: usize = 1 << 10;
/// Frequencies `u + v` from here count.
const FINE: usize = 6;
/// Coefficients below this came from zeros, rounded to 8 bits.
const ZERO: f32 = 0.6 / 255.0;
/// Share of zeros from which flat parts tell too little of the noise: at quality 75 there are 0.93 and more of them (noisy
/// photos of PolyU100), at the qualities of cameras 0.9 and less (CC15).
const TOO_MANY: f32 = 0.91;

/// Whether JPEG has erased so much of a photo that its noise cannot be told from its flat parts. A photo without noise
/// looks alike.
pub fn is_noise_erased(image: &Planar) -> bool {
    zeros(image) > TOO_MANY
}

/// Share of fine DCT coefficients that are zero, on the 8x8 grid where they are most: a photo may have been cropped after
/// it was compressed.
fn zeros(image: &Planar) -> f32 {
    let places = (0..AREA).map(|i| (i % SIDE, i / SIDE));
    places.map(|(x, y)| zeros_on_grid(image, x, y)).fold(0.0, f32::max)
}

fn zeros_on_grid(image: &Planar, left: usize, top: usize) -> f32 {
    let columns = image.width.saturating_sub(left) / SIDE;
    let rows = image.height.saturating_sub(top) / SIDE;
    let step = (columns * rows).div_ceil(BLOCKS).max(1);
    let (mut zeros, mut all) = (0, 0);
    for block in (0..columns * rows).step_by(step) {
        let luma = luma(image, left + block % columns * SIDE, top + block / columns * SIDE);
        let coefficients = dct(&luma).into_iter().enumerate();
        for (_, coefficient) in coefficients.filter(|(i, _)| i % SIDE + i / SIDE >= FINE) {
            zeros += usize::from(coefficient.abs() < ZERO);
            all += 1;
        }
    }
    zeros as f32 / all.max(1) as f32
}

/// A block of the luma that JPEG compresses.
fn luma(image: &Planar, x: usize, y: usize) -> [f32; AREA] {
    let area = image.width * image.height;
    let weights: &[f32] = if image.channels == 3 { &[0.299, 0.587, 0.114] } else { &[1.0] };
    std::array::from_fn(|i| {
        let at = (y + i / SIDE) * image.width + x + i % SIDE;
        weights.iter().enumerate().map(|(c, weight)| weight * image.data[c * area + at]).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::add_white_gaussian;
    use crate::photo::{Format, Photo, decode};

    fn noisy() -> Photo {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fixtures/kodak23_clean.png");
        add_white_gaussian(&decode(&std::fs::read(path).unwrap()).unwrap(), 3.0, 1)
    }

    fn through_jpeg(photo: &Photo, quality: u8) -> Planar {
        decode(&photo.encode(Format::Jpeg, quality).unwrap()).unwrap().planar()
    }

    #[test]
    fn strong_compression_erases_noise_and_weak_does_not() {
        let photo = noisy();
        assert!(!is_noise_erased(&photo.planar()));
        assert!(!is_noise_erased(&through_jpeg(&photo, 95)));
        assert!(is_noise_erased(&through_jpeg(&photo, 60)));
    }

    #[test]
    fn it_shows_after_cropping_too() {
        let compressed = through_jpeg(&noisy(), 60);
        let cropped = compressed.crop(3, 5, compressed.width - 3, compressed.height - 5);
        assert!((zeros(&cropped) - zeros(&compressed)).abs() < 0.02);
        assert!(is_noise_erased(&cropped));
    }

    #[test]
    fn photos_smaller_than_a_block_are_not_judged() {
        let image = Planar { channels: 1, height: 5, width: 9, data: vec![0.5; 45] };
        assert!(!is_noise_erased(&image));
    }
}
