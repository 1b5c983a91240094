//! Noise: how much of it a photo has, more of the same, and synthetic noise for measuring and tests.

mod blur;
mod clipping;
mod compression;
mod dct;
mod defects;
mod estimate;
mod fit;
mod flat;
mod frequencies;
mod level;
mod model;
mod order;
mod patch;
mod summary;
mod synthetic;

pub(crate) use blur::box_blur;
pub use compression::is_noise_erased;
pub use defects::{Defects, Impulses, Lines};
pub use estimate::{ChannelNoise, Correlation, LevelNoise, NoiseEstimate};
pub use model::{NoiseModel, Sampler, Streaks};
pub use patch::NoisePatch;
pub use summary::{Brightness, NoiseField, NoiseSummary, Spread};
pub use synthetic::add_white_gaussian;
