//! Model cards: what a network is, what it demands, and what training has to know of it.

use serde::Serialize;

use super::mode::Adapt;
use crate::photo::tiles::Demands;

/// The article that describes a network.
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

/// Weights that come with the package, under `pkg-config/weights/`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bundled {
    /// File name.
    pub file: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
}

/// A configuration of a network, by name.
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Stable name, for code and command lines.
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
    /// Image channels it takes.
    pub channels: usize,
    /// Range of its input.
    pub range: [f32; 2],
    /// Both sides of its input must be multiples of this; photos of other sizes are padded and cropped.
    pub size_multiple: usize,
    /// Receptive field: how far an output pixel sees, in pixels.
    pub receptive_field: usize,
    /// Input pixels per tile with which it stays below 2 GB of memory.
    pub tile_pixels: usize,
    /// Output size over input size.
    pub scale: usize,
    /// The noise that its bundled weights were trained for.
    pub noise: &'static str,
    /// Whether that noise is correlated between neighbouring pixels, as that of cameras is.
    pub correlated: bool,
    /// What [`super::Mode::Auto`] is for it: as it was published, or [`Adapt::TURNED`] for weights that gain by averaging over
    /// turned photos alone; `None` where the noise of the photo decides, for networks whose weights gain by that on photos of
    /// cameras.
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
    /// Configurations to start from with random weights.
    pub presets: [Preset; 2],
    /// The weights in the package, if there are any.
    pub weights: Option<Bundled>,
    /// Whether this is the one to start with.
    pub default: bool,
}

impl Card {
    /// What the published network demands of its input.
    pub fn demands(&self) -> Demands {
        Demands { size_multiple: self.size_multiple, radius: self.receptive_field }
    }
}
