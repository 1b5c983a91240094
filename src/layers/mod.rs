//! Layers that more than one network uses.

mod blind;
mod five_level;
pub mod posterior;

pub use blind::{Turn, in_four_directions};
pub use five_level::{FiveLevel, FiveLevelConfig};
