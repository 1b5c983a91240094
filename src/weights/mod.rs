//! Weights in and out: a [`StateDict`] of named arrays under the official key names of each network, and its way into
//! and out of burn modules.
//!
//! Nothing of a file is used before all of it has been checked: format, names, shapes, finite values.

mod module;
mod safetensors;

use std::collections::BTreeMap;

pub use self::safetensors::Precision;
pub use module::{export, load};

/// One named array: row-major, any rank.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Size of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub data: Vec<f32>,
}

/// Named arrays as a checkpoint holds them, and the notes that come with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// Arrays by their official (PyTorch) key.
    pub arrays: BTreeMap<String, Array>,
    /// Free-form notes, e.g. base model and licence.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// The shape of an array, if it is there.
    pub fn shape(&self, key: &str) -> Option<&[usize]> {
        self.arrays.get(key).map(|a| a.shape.as_slice())
    }

    /// Number of values in all arrays.
    pub fn parameters(&self) -> usize {
        self.arrays.values().map(|a| a.data.len()).sum()
    }
}
