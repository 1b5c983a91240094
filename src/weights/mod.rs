//! Weights in and out: a [`StateDict`] of named arrays under the official key names of each network, and its way into
//! and out of burn modules.
//!
//! Nothing of a file is used before all of it has been checked: format, names, shapes, finite values.

mod module;
mod safetensors;

use std::collections::BTreeMap;

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

    /// The arrays under the names that they have within the network: without the prefix that wrappers (`module.`,
    /// `bsn.`, `params.`, ...) put before all keys, told by `anchor`, a key of the network; and without the constant
    /// buffers that `ignorable` names.
    pub fn bare(&self, anchor: &str, ignorable: impl Fn(&str) -> bool) -> Self {
        let prefix = self.arrays.keys().find_map(|key| {
            key.strip_suffix(anchor).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        });
        let prefix = prefix.unwrap_or_default();
        let named = self.arrays.iter().map(|(key, array)| (key.strip_prefix(prefix).unwrap_or(key), array));
        let arrays = named.filter(|(key, _)| !ignorable(key)).map(|(key, a)| (key.to_string(), a.clone()));
        Self { arrays: arrays.collect(), metadata: self.metadata.clone() }
    }

    /// Number of values in all arrays.
    pub fn parameters(&self) -> usize {
        self.arrays.values().map(|a| a.data.len()).sum()
    }
}
