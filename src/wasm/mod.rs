//! The JavaScript surface: thin, no logic of its own. The npm package's worker is its only intended caller.

mod engine;
#[cfg(feature = "parity")]
mod parity;
mod photo;
mod training;

use js_sys::{Object, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::Error;
use crate::contract::{ModelCard, ObjectiveCard};
use crate::weights::StateDict;

unsafe extern "C" {
    /// Runs the static constructors of all crates; the linker makes it.
    fn __wasm_call_ctors();
}

/// Runs when the module is instantiated.
#[wasm_bindgen(start)]
pub fn start() {
    // A module that never calls them is taken for a command by the linker, which then has every export call them first:
    // cubecl's thousands of registrations, for every JavaScript object that is made.
    // SAFETY: the first call into the module, and the only one of them.
    unsafe { __wasm_call_ctors() };
    console_error_panic_hook::set_once();
}

/// The types of the plain objects, in the declarations that wasm-bindgen writes.
#[wasm_bindgen(typescript_custom_section)]
const CONTRACT: &str = include_str!("../../pkg-config/src/shared/contract.ts");

/// The cards of all networks.
///
/// # Errors
/// Never, short of a bug.
#[wasm_bindgen(unchecked_return_type = "ModelCard[]")]
pub fn cards() -> Result<JsValue, JsValue> {
    to_js(&crate::models::CARDS.iter().map(ModelCard::of).collect::<Vec<_>>())
}

/// The cards of all objectives.
///
/// # Errors
/// Never, short of a bug.
#[wasm_bindgen(unchecked_return_type = "ObjectiveCard[]")]
pub fn objectives() -> Result<JsValue, JsValue> {
    to_js(&crate::objectives::ALL.iter().copied().map(ObjectiveCard::of).collect::<Vec<_>>())
}

/// The id of the network that a file of weights (safetensors, `.pth`, `.pt`) is of.
///
/// # Errors
/// `weights` when it is damaged, or of no known network.
#[wasm_bindgen]
pub fn recognise(weights: &[u8]) -> Result<String, JsValue> {
    let card = StateDict::read(weights).and_then(|state| crate::models::recognise(&state));
    card.map(|card| card.id.to_string()).map_err(js_error)
}

/// Version of the crate, and of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}

fn to_js(value: &(impl Serialize + ?Sized)) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|e| js_sys::Error::new(&e.to_string()).into())
}

/// A JavaScript `Error` with the stable `code` of the kind.
fn js_error(error: Error) -> JsValue {
    let js = js_sys::Error::new(&error.to_string());
    set(&js, "code", error.kind().code());
    js.into()
}

fn set(object: &Object, key: &str, value: impl Into<JsValue>) {
    // Setting a property of a fresh plain object cannot fail.
    let _ = Reflect::set(object, &key.into(), &value.into());
}
