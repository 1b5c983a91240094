//! `Trainer` for JavaScript.

use std::sync::Arc;

use wasm_bindgen::prelude::*;

use super::engine::Engine;
use super::photo::Photo;
use super::{js_error, to_js};
use crate::contract::TrainingOptions;
use crate::inference::{Job, Options};
use crate::noise::NoiseModel;
use crate::objectives::Objective;
use crate::photo;
use crate::train;
use crate::weights::Precision;
use crate::{Error, Kind};

/// A run of fine-tuning, pumped step by step. Dropping it midway is the cancel; [`Trainer::finish`] at any time keeps what
/// was best so far.
#[wasm_bindgen]
pub struct Trainer {
    inner: train::Trainer,
    /// The first shot, for previews.
    photo: Arc<photo::Photo>,
}

#[wasm_bindgen]
impl Engine {
    /// Plans fine-tuning of the loaded network; nothing is computed yet. `photos` are noisy photos of one kind or, by the
    /// option `shots`, of one scene, `clean` is that without noise (none or one).
    ///
    /// # Errors
    /// `option`; `model` when no network is loaded.
    pub fn train(
        &self,
        photos: Vec<Photo>,
        clean: Vec<Photo>,
        #[wasm_bindgen(unchecked_param_type = "TrainingOptions")] options: JsValue,
    ) -> Result<Trainer, JsValue> {
        let model = self.model()?;
        let (options, noise) = read_options(options).map_err(js_error)?;
        let photo =
            photos.first().map(|photo| Arc::clone(&photo.inner)).ok_or_else(|| js_error(no_shot()))?;
        // Pictures of one kind have to be seen alike.
        let alike = |shot: Photo| Arc::unwrap_or_clone(shot.inner).stretched_like(&photo);
        let photos: Vec<_> = photos.into_iter().map(|shot| Arc::new(alike(shot))).collect();
        let clean = clean.into_iter().next().map(alike);
        let mut inner = train::Trainer::new(model, &photos, clean.as_ref(), options).map_err(js_error)?;
        if let Some(noise) = noise {
            inner.use_noise(&noise).map_err(js_error)?;
        }
        Ok(Trainer { inner, photo })
    }

    /// Takes over what a trainer has learned, if that is better than the loaded network. The trainer is used up. Gives
    /// `{kept, weights}`, the tuned weights as a safetensors file with notes that name `base`: where they are not kept, what was
    /// learned in the end, or nothing.
    ///
    /// # Errors
    /// `device`.
    pub async fn adopt(&mut self, mut trainer: Trainer, base: String) -> Result<Adopted, JsValue> {
        trainer.inner.settle().await.map_err(js_error)?;
        let tuned = trainer.inner.finish();
        let kept = tuned.kept;
        let weights = match kept {
            true => Some(tuned.to_safetensors(&base, Precision::F32).await),
            false => tuned.learned_to_safetensors(&base, Precision::F32).await.transpose(),
        };
        let weights = weights.transpose().map_err(js_error)?.unwrap_or_default();
        if kept {
            self.model = Some(tuned.model);
        }
        Ok(Adopted { kept, weights })
    }

    /// The weights of the loaded network as a safetensors file, with the note that says how they are to be run.
    ///
    /// # Errors
    /// `device`; `model` when no network is loaded.
    pub async fn export(&self) -> Result<Vec<u8>, JsValue> {
        let state = self.model()?.export().await.map_err(js_error)?;
        state.to_safetensors(Precision::F32).map_err(js_error)
    }
}

/// What came of fine-tuning.
#[wasm_bindgen]
pub struct Adopted {
    /// Whether the network is a tuned one.
    pub kept: bool,
    weights: Vec<u8>,
}

#[wasm_bindgen]
impl Adopted {
    /// The tuned weights as a safetensors file; they can be taken once.
    pub fn weights(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.weights)
    }
}

fn no_shot() -> Error {
    Error::new(Kind::Option, "there is no photo to learn from")
}

/// The options, and a model of noise to learn.
fn read_options(options: JsValue) -> Result<(train::Options, Option<NoiseModel>), Error> {
    let given: TrainingOptions = if options.is_undefined() || options.is_null() {
        TrainingOptions::default()
    } else {
        serde_wasm_bindgen::from_value(options).map_err(|e| Error::new(Kind::Option, e.to_string()))?
    };
    let defaults = train::Options::default();
    let noise = given.noise.as_deref().map(NoiseModel::from_json).transpose()?;
    let options = train::Options {
        objective: given.objective.map(|id| id.parse::<Objective>()).transpose()?,
        steps: given.steps,
        seconds: given.seconds,
        seed: given.seed.unwrap_or_default(),
        learning_rate: given.learning_rate,
        batch: given.batch,
        patch: given.patch,
        shots: given.shots,
        ..defaults
    };
    Ok((options, noise))
}

#[wasm_bindgen]
impl Trainer {
    /// How far it is (see `train::Progress`).
    ///
    /// # Errors
    /// Never, short of a bug.
    #[wasm_bindgen(getter, unchecked_return_type = "LearningProgress")]
    pub fn progress(&self) -> Result<JsValue, JsValue> {
        to_js(self.inner.progress())
    }

    /// Does a little, and tells how far it is; `undefined` when there is nothing left to do.
    ///
    /// # Errors
    /// `device`, `internal`.
    #[wasm_bindgen(unchecked_return_type = "LearningProgress | undefined")]
    pub async fn step(&mut self) -> Result<JsValue, JsValue> {
        match self.inner.step().await.map_err(js_error)? {
            Some(progress) => to_js(progress),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    /// The best weights so far as a safetensors file with notes that name `base`, as [`Engine::adopt`] would give them now;
    /// `undefined` while none are better than those before training.
    ///
    /// # Errors
    /// `device`.
    pub async fn best(&self, base: String) -> Result<Option<Vec<u8>>, JsValue> {
        match self.inner.best() {
            Some(tuned) => tuned.to_safetensors(&base, Precision::F32).await.map(Some).map_err(js_error),
            None => Ok(None),
        }
    }

    /// A part of the (first) photo as the network denoises it at the moment: 8-bit RGBA.
    ///
    /// # Errors
    /// `device`, `internal`; `option` when the part does not lie in the photo.
    pub async fn preview(&self, x: usize, y: usize, width: usize, height: usize) -> Result<Vec<u8>, JsValue> {
        let part = part(&self.photo, [x, y, width, height]).map_err(js_error)?;
        let model = self.inner.current();
        let mut job = Job::new(model, Arc::new(part), Options::default()).map_err(js_error)?;
        while job.step().await.map_err(js_error)?.is_some() {}
        let result = job.finish().map_err(js_error)?;
        Ok(result.rgba8(0, 0, result.width(), result.height()))
    }
}

/// A part of a photo, without its alpha.
fn part(photo: &photo::Photo, [x, y, width, height]: [usize; 4]) -> Result<photo::Photo, Error> {
    let inside = |at: usize, length: usize, whole: usize| length > 0 && at < whole && length <= whole - at;
    if !inside(x, width, photo.width()) || !inside(y, height, photo.height()) {
        let message = format!("{width}x{height} pixels at {x}, {y} do not lie in the photo");
        return Err(Error::new(Kind::Option, message));
    }
    photo::Photo::from_planar(&photo.window(x as isize, y as isize, width, height, photo.colors()))
}
