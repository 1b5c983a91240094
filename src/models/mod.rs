//! The networks: one file each, listed in `networks.rs`, and a card for each that says what it is and what it wants.
//!
//! A [`Model`] is what is denoised with and trained: a network, its card and the way it is to be run.

mod architecture;
#[cfg(test)]
mod blind_spot;
mod card;
pub mod dasr;
pub mod distilled_unet;
pub mod hq_ssl;
pub mod masked_denoising;
mod mode;
mod model;
pub mod neighbor2neighbor;
mod networks;
pub mod noise2noise;
pub mod noise2noise_nvlabs;
pub mod noise2void;
pub mod rednet;
pub mod sasl;
pub mod tbsn;
pub mod unet;

pub use architecture::{Architecture, Conditions, GlobalContext, Keys, Size};
pub use card::{Bundled, Card, Optimiser, Paper, Preset, Training};
pub use mode::{Adapt, Mode, NOTE};
pub use model::Model;
pub use networks::{CARDS, Network, card, default_card, recognise};
