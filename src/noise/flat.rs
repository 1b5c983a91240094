//! The blocks of pictures that are flat as a network sees them.

use super::frequencies::{SIDE, detrended};
use crate::photo::Planar;

/// Blocks begin at every so many pixels.
pub(super) const STRIDE: usize = SIDE / 2;
/// Groups of like brightness, of equally many blocks.
const GROUPS: usize = 6;
/// Share of a group's blocks that is taken for flat.
const SHARE: f32 = 0.15;
/// The least number of a group that is.
pub(super) const LEAST: usize = 4;
/// The most of all groups.
const MOST: usize = 1024;
/// Values that count as clipped, and the share of them that a block may have: at first, and where few have as little.
const CLIPPED: ([f32; 2], [f32; 2]) = ([0.004, 0.996], [0.03, 0.5]);
/// Share of the blocks that must be left by a limit of [`CLIPPED`].
const ENOUGH: f32 = 0.1;

/// A block that may be flat.
pub(super) struct Place {
    pub(super) picture: usize,
    pub(super) at: [usize; 2],
    pub(super) levels: Vec<f32>,
    /// Mean square of what the network sees there beside a trend.
    texture: f32,
    clipped: f32,
}

/// All blocks of pairs of a noisy picture and what a network sees in it.
pub(super) fn places(pictures: &[(Planar, Planar)]) -> Vec<Place> {
    let mut places = Vec::new();
    for (picture, (noisy, seen)) in pictures.iter().enumerate() {
        for top in (0..(noisy.height + 1).saturating_sub(SIDE)).step_by(STRIDE) {
            for left in (0..(noisy.width + 1).saturating_sub(SIDE)).step_by(STRIDE) {
                let (block, levels) = detrended(seen, [left, top]);
                let texture = block.iter().map(|v| v * v).sum::<f32>() / block.len() as f32;
                let values = noisy.crop(left, top, SIDE, SIDE).data;
                let clipped = values.iter().filter(|v| !(CLIPPED.0[0]..=CLIPPED.0[1]).contains(*v)).count();
                let clipped = clipped as f32 / values.len() as f32;
                places.push(Place { picture, at: [left, top], levels, texture, clipped });
            }
        }
    }
    places
}

/// The flattest places, some of every brightness, and not clipped, where there are enough of these.
pub(super) fn flattest(mut places: Vec<Place>) -> Vec<Place> {
    let enough = (ENOUGH * places.len() as f32) as usize;
    for limit in CLIPPED.1 {
        if places.iter().filter(|place| place.clipped < limit).count() > enough {
            places.retain(|place| place.clipped < limit);
            break;
        }
    }
    let brightness = |place: &Place| place.levels.iter().sum::<f32>();
    places.sort_by(|a, b| brightness(a).total_cmp(&brightness(b)));
    let size = places.len().div_ceil(GROUPS).max(1);
    let mut flat = Vec::new();
    while !places.is_empty() {
        let mut group: Vec<Place> = places.drain(..size.min(places.len())).collect();
        let taken = LEAST.max((SHARE * group.len() as f32) as usize).min(MOST / GROUPS);
        group.sort_by(|a, b| a.texture.total_cmp(&b.texture));
        flat.extend(group.into_iter().take(taken));
    }
    flat
}
