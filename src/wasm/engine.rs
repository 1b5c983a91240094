//! `Engine` and `Job` for JavaScript.

use std::sync::Arc;

use burn::tensor::Device;
use js_sys::{Object, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::photo::Photo;
use super::{js_error, set, to_js};
use crate::adapt::Mode;
use crate::denoise::{self, Options};
use crate::device::Backend;
use crate::models::{self, Card, Network, Run};
use crate::weights::StateDict;
use crate::{Error, Kind};

/// A device and the network loaded on it.
#[wasm_bindgen]
pub struct Engine {
    backend: Backend,
    device: Device,
    loaded: Option<(&'static Card, Network)>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BeginOptions {
    /// Input pixels per tile, at most.
    tile: Option<usize>,
    strength: Option<f32>,
    seed: Option<u64>,
    /// Name of a mode.
    adapt: Option<String>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens `webgpu`, `flex` or `ndarray`.
    ///
    /// # Errors
    /// `device` when it cannot be had.
    pub async fn create(device: String) -> Result<Engine, JsValue> {
        let backend: Backend = device.parse().map_err(js_error)?;
        let device = backend.open().await.map_err(js_error)?;
        Ok(Engine { backend, device, loaded: None })
    }

    /// The device: `webgpu`, `flex` or `ndarray`.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        match self.backend {
            Backend::Wgpu => "webgpu".into(),
            other => other.to_string(),
        }
    }

    /// Loads a network with weights from a safetensors file or a checkpoint of PyTorch. When it fails, the network from before stays.
    ///
    /// # Errors
    /// `model`, `weights`.
    pub fn load(&mut self, model: &str, weights: &[u8]) -> Result<(), JsValue> {
        let card = models::card(model).map_err(js_error)?;
        let state = StateDict::read(weights).map_err(js_error)?;
        let network = Network::load(card.id, &state, &self.device).map_err(js_error)?;
        self.loaded = Some((card, network));
        Ok(())
    }

    /// Loads a network with random weights, in the preset `published` or `small`, to be trained from scratch.
    ///
    /// # Errors
    /// `model`, `option`.
    pub fn random(&mut self, model: &str, preset: &str, seed: u64) -> Result<(), JsValue> {
        let card = models::card(model).map_err(js_error)?;
        let network = Network::random(card.id, preset, seed, &self.device).map_err(js_error)?;
        self.loaded = Some((card, network));
        Ok(())
    }

    /// Plans a run over a photo; nothing is computed yet. Options: `tile` (input pixels per tile, at
    /// most), `strength` (0 to 1), `seed`, `adapt` (`auto`, `plain`, `pd2` to `pd5`, `r3`).
    ///
    /// # Errors
    /// `option`; `model` when no network is loaded.
    pub fn begin(&self, photo: &Photo, options: JsValue) -> Result<Job, JsValue> {
        let given: BeginOptions = if options.is_undefined() || options.is_null() {
            BeginOptions::default()
        } else {
            serde_wasm_bindgen::from_value(options)
                .map_err(|e| js_error(Error::new(Kind::Option, e.to_string())))?
        };
        let (card, network) =
            self.loaded.clone().ok_or_else(|| js_error(Error::new(Kind::Model, "no network is loaded")))?;
        let defaults = Options::default();
        let adapt = given.adapt.map_or(Ok(Mode::Auto), |name| name.parse()).map_err(js_error)?;
        let options = Options {
            tile_pixels: given.tile,
            strength: given.strength.unwrap_or(defaults.strength),
            adapt,
            run: Run { seed: given.seed.unwrap_or_default(), ..Run::default() },
        };
        denoise::Job::new(network, card, self.device.clone(), Arc::clone(&photo.inner), options)
            .map(|inner| Job { inner })
            .map_err(js_error)
    }
}

/// A run over one photo, pumped tile by tile. Dropping it midway is the cancel.
#[wasm_bindgen]
pub struct Job {
    inner: denoise::Job,
}

#[wasm_bindgen]
impl Job {
    /// Number of tiles.
    #[wasm_bindgen(getter)]
    pub fn tiles(&self) -> usize {
        self.inner.plan().tiles.len()
    }

    /// How many of them are done.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.inner.done()
    }

    /// Width of a tile's input, in pixels.
    #[wasm_bindgen(getter, js_name = tileWidth)]
    pub fn tile_width(&self) -> usize {
        self.inner.plan().tile_width
    }

    /// Height of a tile's input, in pixels.
    #[wasm_bindgen(getter, js_name = tileHeight)]
    pub fn tile_height(&self) -> usize {
        self.inner.plan().tile_height
    }

    /// Pixels around a tile's core.
    #[wasm_bindgen(getter)]
    pub fn overlap(&self) -> usize {
        self.inner.plan().overlap
    }

    /// How the network is run: `plain`, `pd2`, `pd2+r3`, `pd2+detail` and the like.
    #[wasm_bindgen(getter)]
    pub fn adapt(&self) -> String {
        self.inner.adapt().to_string()
    }

    /// The noise of the photo: a [`NoiseEstimate`](crate::noise::NoiseEstimate) as a plain object.
    ///
    /// # Errors
    /// Never, short of a bug.
    #[wasm_bindgen(getter)]
    pub fn noise(&self) -> Result<JsValue, JsValue> {
        to_js(self.inner.noise())
    }

    /// Denoises one tile: `{x, y, width, height, rgba}` of what is now final, `undefined` when all are done.
    ///
    /// # Errors
    /// `device`, `internal`.
    pub async fn step(&mut self) -> Result<JsValue, JsValue> {
        let Some(core) = self.inner.step().await.map_err(js_error)? else {
            return Ok(JsValue::UNDEFINED);
        };
        let rgba = self.inner.output().rgba8(core.x, core.y, core.width, core.height);
        let event = Object::new();
        set(&event, "x", core.x as u32);
        set(&event, "y", core.y as u32);
        set(&event, "width", core.width as u32);
        set(&event, "height", core.height as u32);
        set(&event, "rgba", Uint8Array::from(rgba.as_slice()));
        Ok(event.into())
    }

    /// The denoised photo; the job is used up.
    ///
    /// # Errors
    /// `internal` when tiles are still to be done.
    pub fn finish(self) -> Result<Photo, JsValue> {
        self.inner.finish().map(|photo| Photo { inner: photo.into() }).map_err(js_error)
    }
}
