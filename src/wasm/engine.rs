//! `Engine` and `Job` for JavaScript.

use std::sync::Arc;

use burn::tensor::Device;
use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array, Uint16Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::photo::Photo;
use super::{js_error, set, to_js};
use crate::contract::{NoiseModel, RunOptions, RunPlan};
use crate::device::Backend;
use crate::inference::{self, Execution, Options, SelfTest, Task};
use crate::models::{Conditions, Mode, Model};
use crate::photo::tiles::Rect;
use crate::photo::{Planar, Samples};
use crate::weights::StateDict;
use crate::{Error, Kind};

/// A device and the model loaded on it.
#[wasm_bindgen]
pub struct Engine {
    backend: Backend,
    pub(super) device: Device,
    pub(super) model: Option<Model>,
    /// Of the device, by the model.
    test: Option<SelfTest>,
}

/// Samples and rectangles, which are made here by hand: typed arrays are not copied.
#[wasm_bindgen(typescript_custom_section)]
const BLOCKS: &str = r#"
/** Planar samples, 0 to 1. */
export interface Block {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array<ArrayBuffer>;
}

/** A rectangle, pixels. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The work for one tile: what the network sees, and which part of it is wanted. */
export interface Task extends Block {
  readonly index: number;
  /** Where the window begins in the photo: column, row. */
  readonly at: readonly [number, number];
  readonly core: Area;
}

/** The noise of a photo: what is told of it, and two flat patches, planar, 0 to 1, unless the photo is too small. */
export interface MeasuredNoise {
  readonly model: NoiseModel;
  /** As it is in the photo. */
  readonly photo: Block | undefined;
  /** Simulated. */
  readonly simulated: Block | undefined;
}

/** A rectangle of the result that has become final. */
export interface FinalArea extends Area {
  /** 8-bit RGBA, where that was asked for. */
  readonly rgba: Uint8Array<ArrayBuffer> | undefined;
  /** What another job goes on from, where there are several tiles. */
  readonly samples: Samples | undefined;
}

/** Interleaved samples in the depth of the photo. */
export type Samples = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
"#;

#[wasm_bindgen]
impl Engine {
    /// Opens `webgpu`, `flex` or `ndarray`.
    ///
    /// # Errors
    /// `device` when it cannot be had.
    pub async fn create(device: String) -> Result<Engine, JsValue> {
        let backend: Backend = device.parse().map_err(js_error)?;
        let device = backend.open().await.map_err(js_error)?;
        Ok(Engine { backend, device, model: None, test: None })
    }

    /// The device: `webgpu`, `flex` or `ndarray`.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        match self.backend {
            Backend::Wgpu => "webgpu".into(),
            other => other.to_string(),
        }
    }

    /// Loads a network with weights from a safetensors file or a checkpoint of PyTorch. When it fails, the loaded network stays.
    ///
    /// # Errors
    /// `model`, `weights`.
    pub fn load(&mut self, model: &str, weights: &[u8]) -> Result<(), JsValue> {
        let state = StateDict::read(weights).map_err(js_error)?;
        let model = Model::load(model, &state, &self.device).map_err(js_error)?;
        self.test = SelfTest::begin(&model, &state, &Device::flex()).map_err(js_error)?;
        self.model = Some(model);
        Ok(())
    }

    /// Waits until a GPU has computed a small tile by the loaded network, and compares it with what the CPU computes.
    /// Nothing to be waited for on a CPU.
    ///
    /// Rejects with `device` when the GPU computes wrongly.
    pub fn verify(&mut self) -> js_sys::Promise {
        let test = self.test.take();
        future_to_promise(async move {
            if let Some(test) = test {
                test.finish().await.map_err(js_error)?;
            }
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Loads a network with random weights, in the preset `published` or `small`, to be trained from scratch.
    ///
    /// # Errors
    /// `model`, `option`.
    pub fn random(&mut self, model: &str, preset: &str, seed: u64) -> Result<(), JsValue> {
        self.model = Some(Model::random(model, preset, seed, &self.device).map_err(js_error)?);
        Ok(())
    }

    /// A worker for the tiles of a run elsewhere, from its job's `plan().execution` and `overview`.
    ///
    /// # Errors
    /// `option`; `model` when no network is loaded.
    pub fn worker(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Execution")] execution: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Block | undefined")] overview: JsValue,
    ) -> Result<TileWorker, JsValue> {
        let execution: Execution = serde_wasm_bindgen::from_value(execution)
            .map_err(|e| js_error(Error::new(Kind::Option, e.to_string())))?;
        let mut inner = inference::Worker::new(self.model()?, execution);
        if !overview.is_undefined() {
            inner.see_overview(planar(&overview)?);
        }
        Ok(TileWorker { inner })
    }

    /// Plans a run over a photo; nothing is computed yet. Options: `tile` (input pixels per tile, at
    /// most), `strength` (0 to 1), `seed`, `adapt` (`auto`, `shared`, `plain`, `wiener`, `x2`, `x8`, `pd2` to `pd5`, `r3`).
    ///
    /// # Errors
    /// `option`; `model` when no network is loaded.
    pub fn begin(
        &self,
        photo: &Photo,
        #[wasm_bindgen(unchecked_param_type = "RunOptions")] options: JsValue,
    ) -> Result<Job, JsValue> {
        let given: RunOptions = if options.is_undefined() || options.is_null() {
            RunOptions::default()
        } else {
            serde_wasm_bindgen::from_value(options)
                .map_err(|e| js_error(Error::new(Kind::Option, e.to_string())))?
        };
        let model = self.model()?;
        let defaults = Options::default();
        let options = Options {
            tile_pixels: given.tile,
            strength: given.strength.unwrap_or(defaults.strength),
            adapt: given.adapt.map_or(Ok(Mode::Auto), |name| name.parse()).map_err(js_error)?,
            conditions: Conditions { seed: given.seed.unwrap_or_default(), ..defaults.conditions },
            ..defaults
        };
        inference::Job::new(model, Arc::clone(&photo.inner), options)
            .map(|inner| Job { inner })
            .map_err(js_error)
    }
}

#[wasm_bindgen]
impl Engine {
    /// Plans a measurement of a photo's noise; nothing is denoised yet.
    ///
    /// # Errors
    /// `option` when the network enlarges; `model` when no network is loaded.
    pub fn measure(&self, photo: &Photo) -> Result<NoiseMeasurement, JsValue> {
        let inner = inference::Measurement::new(self.model()?, &photo.inner).map_err(js_error)?;
        Ok(NoiseMeasurement { inner })
    }
}

impl Engine {
    pub(super) fn model(&self) -> Result<Model, JsValue> {
        self.model.clone().ok_or_else(|| js_error(Error::new(Kind::Model, "no network is loaded")))
    }
}

/// A run over one photo, pumped tile by tile. Dropping it midway is the cancel.
#[wasm_bindgen]
pub struct Job {
    inner: inference::Job,
}

#[wasm_bindgen]
impl Job {
    /// The plan of the run.
    ///
    /// # Errors
    /// Never, short of a bug.
    #[wasm_bindgen(unchecked_return_type = "RunPlan")]
    pub fn plan(&self) -> Result<JsValue, JsValue> {
        to_js(&RunPlan::of(&self.inner))
    }

    /// How the network is run, in short: `plain`, `x2`, `pd2+r3`, `pd2+second-pass+detail` and the like.
    #[wasm_bindgen(getter)]
    pub fn adapt(&self) -> String {
        self.inner.adapt().to_string()
    }

    /// What a worker has to see of the whole photo before its first tile, if anything: `{width, height, data}`.
    #[wasm_bindgen(unchecked_return_type = "Block | undefined")]
    pub fn overview(&self) -> JsValue {
        self.inner.overview().map_or(JsValue::UNDEFINED, |planar| planar_object(&planar).into())
    }

    /// The work for one tile: `{width, height, data}` of the window that the network sees, and
    /// `{index, at, core}`.
    ///
    /// # Errors
    /// `option` when there is no such tile.
    #[wasm_bindgen(unchecked_return_type = "Task")]
    pub fn task(&self, index: usize) -> Result<JsValue, JsValue> {
        let Task { at, window, core, .. } = self.inner.task(index).map_err(js_error)?;
        let object = planar_object(&window);
        set(&object, "index", index as u32);
        set(&object, "at", Array::of2(&(at[0] as u32).into(), &(at[1] as u32).into()));
        set(&object, "core", rect_object(core));
        Ok(object.into())
    }

    /// Denoises a tile: what is now final. A GPU begins with the `next` one.
    ///
    /// # Errors
    /// `device`, `internal`; `option` when there is no such tile.
    #[wasm_bindgen(unchecked_return_type = "FinalArea")]
    pub async fn step(
        &mut self,
        index: usize,
        next: Option<usize>,
        pixels: bool,
    ) -> Result<JsValue, JsValue> {
        let rect = self.inner.denoise(index, next).await.map_err(js_error)?;
        self.final_area(index, rect, pixels)
    }

    /// Writes what became of a task: what is now final.
    ///
    /// # Errors
    /// `option` when there is no such tile, or it has another size.
    #[wasm_bindgen(unchecked_return_type = "FinalArea")]
    pub fn place(
        &mut self,
        index: usize,
        #[wasm_bindgen(unchecked_param_type = "Block")] block: JsValue,
        pixels: bool,
    ) -> Result<JsValue, JsValue> {
        let rect = self.inner.place(index, &planar(&block)?).map_err(js_error)?;
        self.final_area(index, rect, pixels)
    }

    /// Puts in place the samples that another job like this one has given for a tile.
    ///
    /// # Errors
    /// `option` when there is no such tile, or they are of another number or depth.
    pub fn restore(
        &mut self,
        index: usize,
        #[wasm_bindgen(unchecked_param_type = "Samples")] samples: JsValue,
    ) -> Result<(), JsValue> {
        self.inner.restore(index, &from_samples_array(samples)?).map_err(js_error)
    }

    /// What a user should know of the result, when all tiles are done.
    #[wasm_bindgen(getter)]
    pub fn note(&self) -> Option<String> {
        self.inner.note()
    }

    /// The denoised photo; the job is used up.
    ///
    /// # Errors
    /// `internal` when tiles are still to be done.
    pub fn finish(self) -> Result<Photo, JsValue> {
        self.inner.finish().map(|photo| Photo { inner: photo.into() }).map_err(js_error)
    }
}

impl Job {
    /// `{x, y, width, height, rgba, samples}`, with pixels only for those who look at them.
    fn final_area(&self, index: usize, rect: Rect, pixels: bool) -> Result<JsValue, JsValue> {
        let area = rect_object(rect);
        if pixels {
            let rgba = self.inner.output().rgba8(rect.x, rect.y, rect.width, rect.height);
            set(&area, "rgba", Uint8Array::from(rgba.as_slice()));
        }
        if self.inner.plan().tiles.len() > 1 {
            set(&area, "samples", samples_array(&self.inner.placed(index).map_err(js_error)?));
        }
        Ok(area.into())
    }
}

/// A measurement of a photo's noise, pumped part by part. Dropping it midway is the cancel.
#[wasm_bindgen]
pub struct NoiseMeasurement {
    inner: inference::Measurement,
}

#[wasm_bindgen]
impl NoiseMeasurement {
    /// Denoises a part; whether it is not the last one.
    ///
    /// # Errors
    /// `device`, `internal`.
    pub async fn step(&mut self) -> Result<bool, JsValue> {
        Ok(self.inner.step().await.map_err(js_error)?.is_some_and(|done| done < 1.0))
    }

    /// What was measured; the measurement is used up.
    ///
    /// # Errors
    /// `option` when the photo is too small.
    #[wasm_bindgen(unchecked_return_type = "MeasuredNoise")]
    pub fn finish(self) -> Result<JsValue, JsValue> {
        let measured = self.inner.finish().map_err(js_error)?;
        let object = Object::new();
        set(&object, "model", to_js(&NoiseModel::of(&measured.noise).map_err(js_error)?)?);
        if let Some(patch) = measured.patch {
            set(&object, "photo", planar_object(&patch.photo));
            set(&object, "simulated", planar_object(&patch.simulated));
        }
        Ok(object.into())
    }
}

/// Denoises tiles of a run whose [`Job`] is in another instance.
#[wasm_bindgen]
pub struct TileWorker {
    inner: inference::Worker,
}

#[wasm_bindgen]
impl TileWorker {
    /// The wanted part of a task's window, denoised: `{width, height, data}`.
    ///
    /// # Errors
    /// `device`, `internal`.
    #[wasm_bindgen(unchecked_return_type = "Block")]
    pub async fn denoise(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Task")] task: JsValue,
    ) -> Result<JsValue, JsValue> {
        let index = number(&task, "index")?;
        let core = get(&task, "core")?;
        let core = Rect {
            x: number(&core, "x")?,
            y: number(&core, "y")?,
            width: number(&core, "width")?,
            height: number(&core, "height")?,
        };
        let at = get(&task, "at")?;
        let at = [number(&at, "0")?, number(&at, "1")?];
        let task = Task { index, at, window: planar(&task)?, core };
        let block = self.inner.denoise(task).await.map_err(js_error)?;
        Ok(planar_object(&block).into())
    }
}

fn samples_array(samples: &Samples) -> JsValue {
    match samples {
        Samples::U8(v) => Uint8Array::from(v.as_slice()).into(),
        Samples::U16(v) => Uint16Array::from(v.as_slice()).into(),
        Samples::F32(v) => Float32Array::from(v.as_slice()).into(),
    }
}

/// What was a [`samples_array`].
fn from_samples_array(array: JsValue) -> Result<Samples, JsValue> {
    let array = match array.dyn_into::<Uint8Array>() {
        Ok(array) => return Ok(Samples::U8(array.to_vec())),
        Err(other) => other,
    };
    let array = match array.dyn_into::<Uint16Array>() {
        Ok(array) => return Ok(Samples::U16(array.to_vec())),
        Err(other) => other,
    };
    Ok(Samples::F32(array.dyn_into::<Float32Array>()?.to_vec()))
}

fn rect_object(rect: Rect) -> Object {
    let object = Object::new();
    set(&object, "x", rect.x as u32);
    set(&object, "y", rect.y as u32);
    set(&object, "width", rect.width as u32);
    set(&object, "height", rect.height as u32);
    object
}

fn planar_object(planar: &Planar) -> Object {
    let object = Object::new();
    set(&object, "width", planar.width as u32);
    set(&object, "height", planar.height as u32);
    set(&object, "data", Float32Array::from(planar.data.as_slice()));
    object
}

/// A `{width, height, data}` of ours, back again.
fn planar(object: &JsValue) -> Result<Planar, JsValue> {
    let (width, height) = (number(object, "width")?, number(object, "height")?);
    let data = get(object, "data")?.dyn_into::<Float32Array>()?.to_vec();
    let channels = data.len() / (width * height).max(1);
    Ok(Planar { channels, height, width, data })
}

fn get(object: &JsValue, key: &str) -> Result<JsValue, JsValue> {
    Reflect::get(object, &key.into())
}

fn number(object: &JsValue, key: &str) -> Result<usize, JsValue> {
    let value = get(object, key)?.as_f64();
    value
        .map(|value| value as usize)
        .ok_or_else(|| js_error(Error::new(Kind::Option, format!("`{key}` is not a number"))))
}
