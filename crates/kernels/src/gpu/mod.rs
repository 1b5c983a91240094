//! Kernels for GPUs, in CubeCL: Vulkan, Metal, Direct3D 12 and browsers are served by the same source.
//!
//! Features lie channels last in memory, so that four channels of a pixel are one load.

#![expect(clippy::too_many_arguments, reason = "a kernel is handed its buffers and sizes one by one")]

pub mod adam;
#[allow(clippy::assign_op_pattern, reason = "assignment to an element is what CubeCL takes")]
pub mod attention;
pub mod bilinear;
pub mod conv;
pub mod depthwise;
mod epilogue;
mod features;
pub mod gather;
pub mod normalise;
pub mod pixelwise;
mod plan;
pub mod products;
#[allow(clippy::assign_op_pattern, reason = "assignment to an element is what CubeCL takes")]
pub mod swin;
mod weights;

pub use epilogue::Epilogue;
pub use features::Features;
pub use plan::{Geometry, Tiling};
pub use weights::{Packed, Weights};
