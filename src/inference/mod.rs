//! Running a [`Model`](crate::models::Model) on a photo: tiles, the [`Job`] that is pumped, and what is done around a network
//! for noise that it was not made for, without changing its weights: pixel-shuffle downsampling, random-replacing refinement,
//! a second pass, self-ensembles, Wiener shares, and the policy that chooses among them.

mod adapted;
mod detail;
mod execution;
mod job;
mod measurement;
mod pd;
mod policy;
mod r3;
mod self_ensemble;
mod self_test;
mod wiener;
mod window;
mod worker;

pub use execution::Execution;
pub use job::{Job, Options};
pub use measurement::{Measured, Measurement};
pub use pd::pd;
pub use r3::{R3_RATE, refine};
pub use self_ensemble::self_ensemble;
pub use self_test::SelfTest;
pub use worker::{Task, Worker};
