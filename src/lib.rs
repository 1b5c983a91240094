//! Image denoising that runs, and learns, in the browser and natively.
//!
//! A photo goes one way through the crate: [`photo::decode`] reads it, [`photo::tiles`] cuts it, a [`models::Model`] denoises
//! the tiles, [`inference::Job`] puts them together again, [`photo::Photo::encode`] writes it. [`train::Trainer`] tunes a model
//! to a photo.
//!
//! ```
//! use unnoise::{device::Backend, inference, models::Model, photo};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Backend::Flex.open().await?;
//! let model = Model::bundled("unet", &device)?;
//!
//! # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/photos/cmyk.jpg");
//! let noisy = photo::decode(&std::fs::read(file)?)?;
//! let mut job = inference::Job::new(model, noisy.into(), inference::Options::default())?;
//! while let Some(done) = job.step().await? {
//!     eprintln!("{done:?}");
//! }
//! let png = job.finish()?.encode(photo::Format::Png, 100)?;
//! # assert!(!png.is_empty());
//! # Ok(()) }
//! # pollster::block_on(example()).unwrap();
//! ```
//!
//! [`models::Model::from_bytes`] takes any weights that one of the [networks](models) knows, [`models::Model::random`] none.
//!
//! The same crate is the engine of the npm package (feature `wasm`) and of the command line (crate `unnoise-cli`).
//! Backends are features too: `flex` (CPU), `ndarray` (CPU), `wgpu` (GPU).
//!
//! What is read is not trusted: images and weights are checked before use, and whatever is wrong with them is an
//! [`Error`] whose message names it.

#[cfg(any(test, all(feature = "wasm", target_arch = "wasm32")))]
#[cfg_attr(test, allow(dead_code, reason = "only the JavaScript surface reads it; tests generate its types"))]
mod contract;
pub mod degradation;
pub mod device;
mod error;
pub mod inference;
mod layers;
pub mod metrics;
pub mod models;
mod nn;
pub mod noise;
pub mod objectives;
#[cfg(feature = "parity")]
pub mod parity;
pub mod photo;
pub mod sampling;
mod sniff;
pub mod train;
#[cfg(all(feature = "wasm", target_arch = "wasm32"))]
mod wasm;
pub mod weights;

pub use error::{Error, Kind, Result};
