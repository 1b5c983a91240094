//! Noise: how much of it a photo has, and synthetic noise for measuring and tests.

mod estimate;
mod synthetic;

pub use estimate::{ChannelNoise, Correlation, LevelNoise, NoiseEstimate};
pub use synthetic::add_white_gaussian;
