//! How a photo is cut into tiles so that the result is the same as in one piece.
//!
//! One tile shape per run (GPU memory is not sub-sliced in browsers), origins on the network's size grid (so that
//! pooling cells fall on the same pixels as in one piece), an overlap of at least the receptive field, and only the
//! cores written back.

use crate::error::{Error, Kind, Result};

/// Parts along each side of a large photo, where these stand for all of it.
const GRID: usize = 3;

/// What a network demands of the shape it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Both sides must be multiples of this.
    pub size_multiple: usize,
    /// Receptive field: how far, in pixels, an output pixel can see.
    pub radius: usize,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Rect {
    /// The same part of a picture that is so many times as large.
    #[must_use]
    pub fn scaled(self, scale: usize) -> Self {
        let Self { x, y, width, height } = self;
        Self { x: x * scale, y: y * scale, width: width * scale, height: height * scale }
    }
}

/// One tile: where its input starts, and which part of the photo it is responsible for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Left edge of the input, in the (virtually padded) photo.
    pub x: usize,
    /// Upper edge of the input.
    pub y: usize,
    /// The part that is written, in photo coordinates.
    pub core: Rect,
}

/// A plan for one run: all tiles have one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Width of every tile's input.
    pub tile_width: usize,
    /// Height of every tile's input.
    pub tile_height: usize,
    /// Pixels around the core that are computed and thrown away.
    pub overlap: usize,
    /// The tiles, row by row. Their cores cover the photo without overlap.
    pub tiles: Vec<Tile>,
}

impl Plan {
    /// Plans the tiles of a `width` x `height` photo, each of at most about `max_pixels` input pixels.
    ///
    /// # Errors
    /// [`Kind::Option`] when `max_pixels` leaves no core between the overlaps.
    pub fn new(width: usize, height: usize, max_pixels: usize, demands: Demands) -> Result<Self> {
        let grid = demands.size_multiple;
        let overlap = demands.radius.next_multiple_of(grid);
        let (padded_w, padded_h) = (width.next_multiple_of(grid), height.next_multiple_of(grid));
        let (tile_width, tile_height) = best_shape(padded_w, padded_h, max_pixels, grid, overlap)
            .ok_or_else(|| {
                Error::new(
                    Kind::Option,
                    format!(
                        "tiles of {max_pixels} pixels are too small: this network sees {overlap} pixels far, so they need more than {0}x{0}",
                        2 * overlap + grid
                    ),
                )
            })?;
        let columns = axis(padded_w, tile_width, overlap, width);
        let rows = axis(padded_h, tile_height, overlap, height);
        let tiles = rows
            .iter()
            .flat_map(|&(y, top, bottom)| {
                columns.iter().map(move |&(x, left, right)| Tile {
                    x,
                    y,
                    core: Rect { x: left, y: top, width: right - left, height: bottom - top },
                })
            })
            .collect();
        Ok(Self { tile_width, tile_height, overlap, tiles })
    }
}

/// The whole photo, or parts of one of more than so many pixels, which are spread over it from corner to corner.
pub fn parts(width: usize, height: usize, pixels: usize) -> Vec<Rect> {
    if width * height <= pixels {
        return vec![Rect { x: 0, y: 0, width, height }];
    }
    let side = ((pixels / (GRID * GRID)) as f64).sqrt() as usize;
    let (w, h) = (side.min(width), side.min(height));
    let at = |i: usize, length: usize, part: usize| i * (length - part) / (GRID - 1);
    let corners = (0..GRID).flat_map(|i| (0..GRID).map(move |j| (at(j, width, w), at(i, height, h))));
    corners.map(|(x, y)| Rect { x, y, width: w, height: h }).collect()
}

/// The tile shape within `max_pixels` that costs least in all; among equals, the one with the fewest tiles.
fn best_shape(
    padded_w: usize,
    padded_h: usize,
    max_pixels: usize,
    grid: usize,
    overlap: usize,
) -> Option<(usize, usize)> {
    // Steps of at least 16 keep the search small for networks without a size grid.
    let step = grid * 16usize.div_ceil(grid);
    let sides = move |total: usize| {
        (1..=total / step)
            .map(move |i| i * step)
            .filter(move |&side| side > 2 * overlap && side < total)
            .chain([total])
    };
    let count = |total: usize, side: usize| {
        if side == total { 1 } else { (total - 2 * overlap).div_ceil(side - 2 * overlap) }
    };
    sides(padded_w)
        .flat_map(|w| sides(padded_h).map(move |h| (w, h)))
        .filter(|&(w, h)| w * h <= max_pixels)
        .min_by_key(|&(w, h)| {
            let tiles = count(padded_w, w) * count(padded_h, h);
            (tiles * w * h, tiles)
        })
}

/// Tiles along one axis: `(start of the input, start of the core, end of the core)`, cores clipped to `limit`.
fn axis(padded: usize, tile: usize, overlap: usize, limit: usize) -> Vec<(usize, usize, usize)> {
    if tile == padded {
        return vec![(0, 0, limit)];
    }
    let stride = tile - 2 * overlap;
    let mut out = Vec::new();
    let mut core_start = 0;
    while core_start < limit {
        // The last tile is pulled back inside the photo; its core still begins where the one before ended.
        let start = core_start.saturating_sub(overlap).min(padded - tile);
        let end = if start + tile == padded { limit } else { (start + overlap + stride).min(limit) };
        out.push((start, core_start, end));
        core_start = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_cover_every_pixel_once_and_keep_their_distance() {
        for (width, height) in [(1, 1), (7, 5), (97, 31), (640, 200), (333, 1021), (64, 2000)] {
            for (grid, radius) in [(1, 0), (2, 9), (32, 40), (8, 33)] {
                for max_pixels in [128 * 128, 160 * 256, 1 << 20] {
                    let demands = Demands { size_multiple: grid, radius };
                    check(width, height, max_pixels, demands);
                }
            }
        }
    }

    fn check(width: usize, height: usize, max_pixels: usize, demands: Demands) {
        let Ok(plan) = Plan::new(width, height, max_pixels, demands) else {
            assert!(max_pixels < (2 * plan_overlap(demands) + demands.size_multiple).pow(2) * 2);
            return;
        };
        assert!(plan.tile_width * plan.tile_height <= max_pixels);
        let mut seen = vec![0u8; width * height];
        let (padded_w, padded_h) =
            (width.next_multiple_of(demands.size_multiple), height.next_multiple_of(demands.size_multiple));
        for tile in &plan.tiles {
            let core = tile.core;
            assert!(tile.x % demands.size_multiple == 0 && tile.y % demands.size_multiple == 0);
            assert!(tile.x + plan.tile_width <= padded_w && tile.y + plan.tile_height <= padded_h);
            // Each side of the core is a photo border or at least the receptive field away from the tile's edge.
            assert!(tile.x == 0 || core.x - tile.x >= demands.radius);
            assert!(tile.y == 0 || core.y - tile.y >= demands.radius);
            let (right, bottom) = (tile.x + plan.tile_width, tile.y + plan.tile_height);
            assert!(right == padded_w || right - (core.x + core.width) >= demands.radius);
            assert!(bottom == padded_h || bottom - (core.y + core.height) >= demands.radius);
            for y in core.y..core.y + core.height {
                for x in core.x..core.x + core.width {
                    seen[y * width + x] += 1;
                }
            }
        }
        assert!(seen.iter().all(|&n| n == 1));
    }

    fn plan_overlap(demands: Demands) -> usize {
        demands.radius.next_multiple_of(demands.size_multiple)
    }

    #[test]
    fn a_photo_that_fits_is_one_tile() {
        let demands = Demands { size_multiple: 32, radius: 200 };
        let plan = Plan::new(768, 512, 1 << 20, demands).unwrap();
        assert_eq!((plan.tile_width, plan.tile_height, plan.tiles.len()), (768, 512, 1));
    }

    #[test]
    fn tiles_without_a_core_are_an_error() {
        let demands = Demands { size_multiple: 32, radius: 200 };
        let error = Plan::new(4000, 3000, 256 * 256, demands).unwrap_err();
        assert_eq!(error.kind(), Kind::Option);
    }
}
