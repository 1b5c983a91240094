//! Weights in and out: a [`StateDict`] of named arrays under the official key names of each network, and its way into
//! and out of burn modules.
//!
//! Nothing of a file is used before all of it has been checked: format, names, shapes, finite values.

mod average;
mod module;
mod number;
mod pth;
mod safetensors;

use std::collections::BTreeMap;

pub use self::safetensors::Precision;
pub use average::{average, freeze_statistics};
pub use module::{export, export_gradients, load};

use crate::error::{Error, Kind, Result};
use crate::sniff;

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

/// Notes of weights that say the mean and deviation of each channel of the pictures that they were trained on, as lists of
/// numbers in the units of these pictures (0 to 255 for 8 bits).
pub const IMAGE_MEANS: &str = "image_means";
/// See [`IMAGE_MEANS`].
pub const IMAGE_STDS: &str = "image_stds";

impl StateDict {
    /// Reads a file of weights, safetensors or a checkpoint of PyTorch (or an archive with one of these in it): its content
    /// tells which. Names and prefixes that trainers wrap around the keys are taken off.
    ///
    /// # Errors
    /// [`Kind::Weights`], as [`StateDict::from_safetensors`] and [`StateDict::from_pth`]; files of other sorts are named.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let state = Self::from_archive(bytes).unwrap_or_else(|| Self::read_file(bytes));
        Ok(state?.unwrapped())
    }

    fn read_file(bytes: &[u8]) -> Result<Self> {
        if pth::is_pth(bytes) {
            return Self::from_pth(bytes);
        }
        Self::from_safetensors(bytes).map_err(|e| match sniff::describe_weights(bytes) {
            Some(what) => Error::new(Kind::Weights, what),
            None => e,
        })
    }

    /// The shape of an array, if it is there.
    pub fn shape(&self, key: &str) -> Option<&[usize]> {
        self.arrays.get(key).map(|a| a.shape.as_slice())
    }

    /// The arrays whose key `keep` accepts, e.g. all but a checkpoint's buffers that are no weights.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.arrays.iter().filter(|(key, _)| keep(key));
        Self {
            arrays: kept.map(|(key, array)| (key.clone(), array.clone())).collect(),
            metadata: self.metadata.clone(),
        }
    }

    /// The first three arrays, for messages.
    pub(crate) fn beginning(&self) -> String {
        let some: Vec<String> =
            self.arrays.iter().take(3).map(|(key, array)| format!("`{key}` {:?}", array.shape)).collect();
        match self.arrays.len() {
            0 => "there are no arrays".to_string(),
            n => format!("{n} arrays, beginning with {}", some.join(", ")),
        }
    }

    /// The shape of an array that must be there with `D` dimensions.
    ///
    /// # Errors
    /// [`Kind::Weights`] when it is not.
    pub fn dims<const D: usize>(&self, key: &str) -> Result<[usize; D]> {
        let Some(shape) = self.shape(key) else {
            let message = format!("these are not weights of this network: `{key}` is missing");
            return Err(Error::new(Kind::Weights, message));
        };
        shape.try_into().ok().filter(|_| !shape.contains(&0)).ok_or_else(|| {
            let message = format!("`{key}` has the shape {shape:?} instead of one with {D} dimensions");
            Error::new(Kind::Weights, message)
        })
    }

    /// A note, read as a value.
    ///
    /// # Errors
    /// [`Kind::Weights`] when it is there and is no such value.
    pub fn note<T: std::str::FromStr>(&self, note: &str) -> Result<Option<T>> {
        self.metadata
            .get(note)
            .map(|text| {
                text.parse().map_err(|_| {
                    Error::new(Kind::Weights, format!("the weights' note `{note}` cannot be `{text}`"))
                })
            })
            .transpose()
    }

    /// Number of values in all arrays.
    pub fn parameters(&self) -> usize {
        self.arrays.values().map(|a| a.data.len()).sum()
    }
}

/// Refuses weights that are no numbers. Additive attention masks, which checkpoints of transformers carry as buffers
/// and nobody loads, may hold minus infinity.
fn check_finite(key: &str, data: &[f32]) -> Result<()> {
    let fine = |v: &f32| v.is_finite() || (key.ends_with("attention_mask") && *v < 0.0);
    match data.iter().position(|v| !fine(v)) {
        None => Ok(()),
        Some(i) => {
            let message = format!("weight `{key}` contains {} (at index {i})", data[i]);
            Err(Error::new(Kind::Weights, message))
        }
    }
}
