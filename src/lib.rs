//! Image denoising that runs, and learns, in the browser and natively.
//!
//! A photo goes one way through the crate: [`photo::decode`] reads it, [`photo::tiles`] cuts it, a network of
//! [`models`] denoises the tiles, [`denoise::Job`] puts them together again, [`photo::Photo::encode`] writes it.
//!
//! ```no_run
//! use unnoise::{device::Backend, denoise, models, photo, weights::StateDict};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let card = models::default_card();
//! let device = Backend::Flex.open().await?;
//! let weights = StateDict::read(&std::fs::read("noise2noise.safetensors")?)?;
//! let network = models::Network::load(card.id, &weights, &device)?;
//!
//! let noisy = photo::decode(&std::fs::read("noisy.jpg")?)?;
//! let mut job = denoise::Job::new(network, card, device, noisy.into(), denoise::Options::default())?;
//! while let Some(done) = job.step().await? {
//!     eprintln!("{done:?}");
//! }
//! let png = job.finish()?.encode(photo::Format::Png, 100)?;
//! # Ok(()) }
//! ```
//!
//! The same crate is the engine of the npm package (feature `wasm`) and of the command line (feature `cli`).
//! Backends are features too: `flex` (CPU), `ndarray` (CPU), `wgpu` (GPU).
//!
//! What is read is not trusted: images and weights are checked before use, and whatever is wrong with them is an
//! [`Error`] whose message names it.

pub mod adapt;
pub mod degradation;
pub mod denoise;
pub mod device;
mod error;
pub mod metrics;
pub mod models;
mod nn;
pub mod noise;
pub mod objectives;
#[cfg(feature = "parity")]
pub mod parity;
pub mod photo;
mod sniff;
pub mod train;
#[cfg(all(feature = "wasm", target_arch = "wasm32"))]
mod wasm;
pub mod weights;

pub use error::{Error, Kind, Result};
