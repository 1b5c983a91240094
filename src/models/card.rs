//! Model cards: what a network is, what it demands, and what training has to know of it.

use serde::Serialize;

use super::mode::Adapt;
use crate::photo::tiles::Demands;

/// The article that describes a network.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paper {
    /// Title.
    pub title: &'static str,
    /// Authors.
    pub authors: &'static str,
    /// Year of publication.
    pub year: u16,
    /// Where to read it.
    pub url: &'static str,
}

/// A file of weights in the package.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bundled {
    /// Name of the file in the package's folder `weights`.
    pub file: &'static str,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
}

/// A configuration that a network can start from, with random weights.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preset {
    /// `published` or `small`.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Number of weights.
    pub parameters: u64,
}

/// The two presets of a card, with their numbers of weights.
pub(super) const fn presets(published: u64, small: u64) -> [Preset; 2] {
    [
        Preset { name: "published", summary: "as in the article", parameters: published },
        Preset { name: "small", summary: "small enough for a phone's browser", parameters: small },
    ]
}

/// Tiles of most networks: a megapixel.
pub(super) const TILE_PIXELS: usize = 1 << 20;

/// The optimiser that a network was published with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimiser {
    /// Adam with the betas that most of this literature uses, 0.9 and 0.99.
    Adam,
    /// AdamW with PyTorch's betas and a weight decay of 0.01.
    AdamW,
}

/// What training has to know of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Whether it learns by the objectives that are made for any network whose output has the size of its input.
    pub general: bool,
    /// Ids of the objectives that are made for this network. Where the general ones do not suit, the first is the default.
    pub own: &'static [&'static str],
    /// The optimiser.
    pub optimiser: Optimiser,
    /// Input pixels, in the published size, whose backward pass takes about 1 GB: larger batches are taken apart into
    /// micro-batches. `None` where whole batches always fit.
    pub micro_batch_pixels: Option<f64>,
}

impl Training {
    /// The general objectives, by Adam, in whole batches.
    pub const GENERAL: Self =
        Self { general: true, own: &[], optimiser: Optimiser::Adam, micro_batch_pixels: None };
}

/// What a network is, and what it demands. Rust, the npm package and the page read the same cards.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Name to give as `model`; stable.
    pub id: &'static str,
    /// Name, for people.
    pub title: &'static str,
    /// One sentence: when to take it.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: Paper,
    /// The public implementation that it is numerically equal to.
    pub repository: &'static str,
    /// Networks of one family have the same keys: weights of the one can be weights of the other.
    #[serde(skip)]
    pub family: &'static str,
    /// Colour channels that it takes: 1 or 3.
    pub channels: usize,
    /// Range of its input.
    pub range: [f32; 2],
    /// Both sides of a tile are multiples of this, pixels; photos of other sizes are padded and cropped.
    pub size_multiple: usize,
    /// Receptive field: how far an output pixel sees, pixels to each side.
    pub receptive_field: usize,
    /// Input pixels per tile with which it stays below 2 GB of memory.
    pub tile_pixels: usize,
    /// Output pixels per input pixel, per side.
    pub scale: usize,
    /// The noise that the weights in the package were trained for.
    pub noise: &'static str,
    /// Whether that noise is correlated between neighbouring pixels, as that of cameras is.
    pub correlated: bool,
    /// How it is run by `auto`: as it was published, or with a 2x self-ensemble. Nothing where the noise of the photo decides.
    pub adapt: Option<Adapt>,
    /// Multiply-accumulates per pixel.
    pub mac_per_pixel: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Id of the objective that it was published with.
    pub objective: &'static str,
    /// What training has to know of it.
    #[serde(skip)]
    pub training: Training,
    /// Configurations to start from with random weights: `published` and `small`.
    pub presets: [Preset; 2],
    /// The weights in the package, if there are any; else the caller brings some.
    pub weights: Option<Bundled>,
    /// Whether this is the one that is taken when none is named.
    pub default: bool,
}

impl Card {
    /// What the published network demands of its input.
    pub fn demands(&self) -> Demands {
        Demands { size_multiple: self.size_multiple, radius: self.receptive_field }
    }
}
