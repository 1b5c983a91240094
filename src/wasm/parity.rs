//! Reference cases in the browser, for tests.

use std::collections::BTreeMap;

use js_sys::{Object, Uint8Array};
use wasm_bindgen::prelude::*;

use super::{js_error, to_js};
use crate::device::Backend;
use crate::parity::{self, Case};
use crate::weights::StateDict;
use crate::{Error, Kind};

/// Runs reference cases, all on one device.
#[wasm_bindgen]
pub struct Parity {
    device: burn::tensor::Device,
}

#[wasm_bindgen]
impl Parity {
    /// Opens a device.
    ///
    /// # Errors
    /// `device` when it cannot be had.
    pub async fn create(device: String) -> Result<Parity, JsValue> {
        let backend: Backend = device.parse().map_err(js_error)?;
        Ok(Parity { device: backend.open().await.map_err(js_error)? })
    }

    /// Runs one case. `files` maps file names without ending to the bytes of safetensors files. Resolves to an array
    /// of `{name, worst}`.
    ///
    /// # Errors
    /// As [`parity::run`].
    pub async fn run(
        &self,
        model: String,
        name: String,
        json: String,
        files: Object,
    ) -> Result<JsValue, JsValue> {
        let json = serde_json::from_str(&json)
            .map_err(|e| js_error(Error::new(Kind::Option, format!("case.json: {e}"))))?;
        let mut read = BTreeMap::new();
        for entry in Object::entries(&files).iter() {
            let entry: js_sys::Array = entry.into();
            let bytes = Uint8Array::from(entry.get(1)).to_vec();
            let file = StateDict::from_safetensors(&bytes).map_err(js_error)?;
            read.insert(entry.get(0).as_string().unwrap_or_default(), file);
        }
        let case = Case { model, name, json, files: read };
        to_js(&parity::run(&case, &self.device).await.map_err(js_error)?)
    }
}
