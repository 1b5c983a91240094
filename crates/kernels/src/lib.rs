//! Convolutions for CPUs, and what stands around them in convolutional networks: forward and backward, channels last,
//! with bias, activation, residual addition and concatenation fused in. It knows no network and no framework.
//!
//! Images lie channels last: the value of channel `c` at row `y`, column `x` of image `n` is
//! `data[((n * height + y) * width + x) * pitch + c]`. The pitch is a multiple of [`LANES`]; what lies between the last
//! channel and the pitch is zero, in all inputs and all results.
//!
//! - 3x3 convolutions of stride 1 use Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural
//!   networks", CVPR 2016, <https://arxiv.org/abs/1509.09308>), which multiplies four times less often, or, where rows
//!   must stay apart, F(4, 3) along rows, which halves the products;
//! - all others are register-tiled products whose operand is fetched by pointers, one for each tap and pixel, so nothing
//!   is unfolded (Dukhan, "The indirect convolution algorithm", 2019, <https://arxiv.org/abs/1907.02129>);
//! - depthwise ones run over channels;
//! - residual blocks are two convolutions by turns, over bands of rows, in the place of what they see;
//! - attention within windows is two products for each head and window;
//! - a step of Adam passes over the weights once.
//!
//! The same source runs with AVX-512, or AVX2 and FMA, where the processor has them, with NEON, with WebAssembly's `simd128`, and with
//! its relaxed SIMD (feature `relaxed-simd`).

mod adam;
mod attention;
mod convolution;
mod depthwise;
mod direct;
#[cfg(feature = "gpu")]
pub mod gpu;
mod gradient;
mod normalise;
mod pixelwise;
mod pool;
mod product;
mod residual;
mod scratch;
mod simd;
mod view;
mod winograd;
mod winograd_rows;

pub use adam::{AdamStep, adam, mix};
pub use attention::{Positions, Windows, windowed_attention};
pub use convolution::{Addend, Convolution, Epilogue, Geometry};
pub use gradient::{bias_gradient, weight_gradient};
pub use normalise::normalise;
pub use pixelwise::{activation_gradient, add, gelu, pixel_means};
pub use pool::{
    max_pool_2x2, max_pool_2x2_gradient, upsample_bilinear_2x, upsample_bilinear_2x_gradient,
    upsample_nearest_2x, upsample_nearest_2x_gradient,
};
pub use residual::residual_block;
pub use view::{LANES, Strided, View, pitch, to_channels_last};
