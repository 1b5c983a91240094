//! Equality with the public implementations: runs a reference case (weights, inputs and outputs recorded from one of
//! them) through our network and tells how far the results are apart. For tests, natively and in the browser.
//!
//! A case is a folder `<model>/<case>/` with `case.json` and safetensors files (`weights`, `io`, ...), under the
//! official key names. Each model's checks are in a file of its own here.

mod dasr;
mod distilled_unet;
mod hq_ssl;
mod masked_denoising;
mod neighbor2neighbor;
mod noise2noise;
mod noise2void;
mod rednet;
mod sasl;
mod tbsn;
mod training;
mod unet;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Kind, Result};
use crate::nn::read;
use crate::weights::{Array, StateDict};

/// A reference case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Folder name of the model.
    pub model: String,
    /// Folder name of the case.
    pub name: String,
    /// `case.json`.
    pub json: serde_json::Value,
    /// The safetensors files by name without ending.
    pub files: BTreeMap<String, StateDict>,
}

/// One comparison.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    /// What was compared.
    pub name: String,
    /// Largest absolute difference, divided by the reference's largest magnitude.
    pub worst: f64,
}

/// Cases that are not run yet, by model and start of the case name, with the reason. Whatever is not run and not
/// listed here is a failure.
pub const NOT_YET: &[(&str, &str, &str)] = &[
    ("laine19", "ssdn_gauss_known_gray_tiny_official", OTHERS_OUTPUTS),
    ("laine19", "ssdn_gauss_known_rgb_tiny_official", OTHERS_OUTPUTS),
    ("laine19", "ssdn_poisson_known_rgb_tiny_official", OTHERS_OUTPUTS),
];

/// These folders hold nothing to run: neither weights nor an input.
const OTHERS_OUTPUTS: &str = "outputs only, to those of the case without the suffix";

/// Why a case is not run yet, if it is not.
pub fn not_yet(model: &str, case: &str) -> Option<&'static str> {
    NOT_YET.iter().find(|(m, start, _)| *m == model && case.starts_with(start)).map(|(_, _, why)| *why)
}

/// Runs a case on a device.
///
/// # Errors
/// When the model or the sort of case is unknown, or its files do not hold what they should.
pub async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.model.as_str() {
        "dasr" => dasr::run(case, device).await,
        "laine19" => hq_ssl::run(case, device).await,
        "n2v" => noise2void::run(case, device).await,
        "neighbor2neighbor" => neighbor2neighbor::run(case, device).await,
        "rednet" => rednet::run(case, device).await,
        "sasl" => sasl::run(case, device).await,
        "tbsn" if case.name.contains("distill_unet") => distilled_unet::run(case, device).await,
        "unet" => unet::run(case, device).await,
        "masked_denoising" => masked_denoising::run(case, device).await,
        "noise2noise" => noise2noise::run(case, device).await,
        "tbsn" => tbsn::run(case, device).await,
        other => Err(Error::new(Kind::Model, format!("no parity checks for the model `{other}`"))),
    }
}

impl Case {
    /// An array of one of the files.
    ///
    /// # Errors
    /// [`Kind::Weights`] when it is not there.
    pub fn array(&self, file: &str, key: &str) -> Result<&Array> {
        self.file(file)?
            .arrays
            .get(key)
            .ok_or_else(|| Error::new(Kind::Weights, format!("`{key}` is missing in {file}.safetensors")))
    }

    /// One of the files.
    ///
    /// # Errors
    /// [`Kind::Weights`] when it is not there.
    pub fn file(&self, name: &str) -> Result<&StateDict> {
        self.files
            .get(name)
            .ok_or_else(|| Error::new(Kind::Weights, format!("{name}.safetensors is missing")))
    }

    /// A tensor of `io.safetensors`.
    ///
    /// # Errors
    /// [`Kind::Weights`] when it is not there or has another rank.
    pub fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Result<Tensor<D>> {
        let array = self.array("io", key)?;
        if array.shape.len() != D {
            let message = format!("`{key}` has {} dimensions instead of {D}", array.shape.len());
            return Err(Error::new(Kind::Weights, message));
        }
        let data = TensorData::new(array.data.clone(), array.shape.clone());
        Ok(Tensor::from_data(data, device))
    }

    /// Compares a tensor with the array `key` of `io.safetensors`.
    ///
    /// # Errors
    /// As [`Case::array`], or when the shapes differ.
    pub async fn compare<const D: usize>(&self, key: &str, got: Tensor<D>) -> Result<Check> {
        let want = self.array("io", key)?;
        let shape = got.dims().to_vec();
        if shape != want.shape {
            let message = format!("`{key}` has the shape {shape:?} instead of {:?}", want.shape);
            return Err(Error::new(Kind::Internal, message));
        }
        Ok(check(key, &read(got).await?, &want.data))
    }

    /// Compares a number, as [`Case::compare`] does a tensor.
    ///
    /// # Errors
    /// As [`Case::array`].
    pub async fn compare_scalar(&self, key: &str, got: Tensor<1>) -> Result<Check> {
        Ok(check(key, &read(got).await?, &self.array("io", key)?.data))
    }
}

/// Compares values; what is no number is infinitely wrong.
pub fn check(name: &str, got: &[f32], want: &[f32]) -> Check {
    let scale = want.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
    let worst = got.iter().zip(want).fold(0f64, |worst, (a, b)| {
        let difference = (f64::from(*a) - f64::from(*b)).abs();
        if difference.is_finite() { worst.max(difference) } else { f64::INFINITY }
    });
    let same_length = got.len() == want.len();
    Check {
        name: name.to_string(),
        worst: if same_length { worst / scale.max(f64::MIN_POSITIVE) } else { f64::INFINITY },
    }
}
