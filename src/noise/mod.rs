//! Noise: how much of it a photo has, more of the same, and synthetic noise for measuring and tests.

mod blocks;
mod compression;
mod dct;
mod estimate;
mod field;
mod synthetic;

pub use blocks::NoiseBlocks;
pub(crate) use blocks::box_blur;
pub use compression::is_noise_erased;
pub use estimate::{ChannelNoise, Correlation, LevelNoise, NoiseEstimate};
pub use field::white_field;
pub use synthetic::add_white_gaussian;
