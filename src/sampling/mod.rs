//! What training draws: the material (a photo, its shots, or several pictures), and random batches of patches of it.

mod batch;
mod material;

pub use batch::{BatchSampler, Spot, patch, stack};
pub use material::{Material, Scene, Square};
