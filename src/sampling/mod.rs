//! What training draws: the material (a photo, its shots, or several pictures), and random batches of patches of it.

mod batch;
mod material;

pub use batch::{Draw, Spot, patch, stack};
pub use material::{Material, Scene, Square};
