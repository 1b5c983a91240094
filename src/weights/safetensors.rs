//! safetensors files (<https://github.com/huggingface/safetensors>), the format of the weights we ship and export.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::number::Number;
use super::{Array, StateDict};
use crate::error::{Error, Kind, Result};

/// Precision of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit: exact.
    F32,
    /// 16-bit: half the size, what the shipped weights use.
    F16,
}

impl StateDict {
    /// Reads a safetensors file. `F64`, `F32`, `F16` and `BF16` arrays become `f32`; integer and boolean arrays (such
    /// as counters and index buffers) are widened too, exactly as far as `f32` can.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the file is damaged or of another format, or a floating-point value is not finite.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        let damaged = |e: safetensors::SafeTensorError| {
            let message = format!("this is not a safetensors file, or it is damaged ({e})");
            Error::new(Kind::Weights, message).caused_by(e)
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let mut arrays = BTreeMap::new();
        for (key, view) in file.tensors() {
            let data = values(&key, &view)?;
            super::check_finite(&key, &data)?;
            arrays.insert(key, Array { shape: view.shape().to_vec(), data });
        }
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        Ok(Self { arrays, metadata })
    }

    /// Writes a safetensors file.
    ///
    /// # Errors
    /// [`Kind::Weights`] when a shape does not match its number of values.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>> {
        let dtype = match precision {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
        };
        let bytes: Vec<(&String, &Array, Vec<u8>)> =
            self.arrays.iter().map(|(key, array)| (key, array, encode(&array.data, precision))).collect();
        let views = bytes
            .iter()
            .map(|(key, array, data)| {
                let view = TensorView::new(dtype, array.shape.clone(), data).map_err(|e| {
                    Error::new(Kind::Weights, format!("`{key}` cannot be written ({e})")).caused_by(e)
                })?;
                Ok((key.as_str(), view))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata: HashMap<_, _> = self.metadata.clone().into_iter().collect();
        serialize(views, Some(metadata)).map_err(|e| {
            Error::new(Kind::Weights, format!("the weights cannot be written ({e})")).caused_by(e)
        })
    }
}

fn encode(values: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Precision::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
    }
}

fn values(key: &str, view: &TensorView) -> Result<Vec<f32>> {
    let number = match view.dtype() {
        Dtype::F32 => Number::F32,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::Bf16,
        Dtype::F64 => Number::F64,
        Dtype::I64 => Number::I64,
        Dtype::I32 => Number::I32,
        Dtype::I16 => Number::I16,
        Dtype::I8 => Number::I8,
        Dtype::U8 | Dtype::BOOL => Number::U8,
        other => {
            let message = format!("weight `{key}` has the type {other:?}, which is not read");
            return Err(Error::new(Kind::Weights, message));
        }
    };
    Ok(number.read(view.data()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(values: Vec<f32>) -> StateDict {
        let array = Array { shape: vec![values.len()], data: values };
        StateDict {
            arrays: BTreeMap::from([("layer.weight".into(), array)]),
            metadata: BTreeMap::from([("model".into(), "test".into())]),
        }
    }

    #[test]
    fn round_trips() {
        let exact = dict(vec![1.0, -0.1, 3.5e-8]);
        let bytes = exact.to_safetensors(Precision::F32).unwrap();
        assert_eq!(StateDict::from_safetensors(&bytes).unwrap(), exact);
        let half = dict(vec![1.0, -0.5, 0.25]);
        let bytes = half.to_safetensors(Precision::F16).unwrap();
        assert_eq!(StateDict::from_safetensors(&bytes).unwrap(), half);
    }

    #[test]
    fn damaged_files_and_values_are_named() {
        let message = |bytes: &[u8]| {
            let error = StateDict::from_safetensors(bytes).unwrap_err();
            assert_eq!(error.kind(), Kind::Weights);
            error.to_string()
        };
        assert!(message(b"").contains("safetensors"));
        assert!(message(b"PK\x03\x04 not this").contains("safetensors"));
        let bytes = dict(vec![1.0, 2.0]).to_safetensors(Precision::F32).unwrap();
        assert!(message(&bytes[..bytes.len() - 1]).contains("damaged"));
        let nan = dict(vec![1.0, f32::NAN]).to_safetensors(Precision::F32).unwrap();
        assert!(message(&nan).contains("`layer.weight` contains NaN (at index 1)"));
    }
}
