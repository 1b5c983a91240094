//! Operations of our own, and how burn's devices come to them.
//!
//! [`Kernels`] has a body made of burn's operations for each; the CPU's and the GPU's backends override them with
//! `unnoise-kernels`, [`autodiff`] adds gradients. Tensors keep burn's shape `[N, C, H, W]`; those that come out of a
//! kernel lie channels last in memory (images on a GPU plane by plane), and a kernel that takes such a tensor copies
//! nothing.

pub mod attention;
mod autodiff;
mod composed;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "wgpu")]
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Slice};
pub use unnoise_kernels::{AdamStep, Geometry};

/// What is done to the sums of a convolution: `leaky(leaky(sums + bias, slope) + add, slope_after)`. A slope of 1 changes
/// nothing, 0 is ReLU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slopes {
    /// Slope for negative values of the biased sums.
    pub slope: f32,
    /// Slope for negative values after the addition.
    pub after: f32,
}

impl Slopes {
    /// No activation.
    pub const NONE: Self = Self { slope: 1.0, after: 1.0 };
}

/// What a convolution sees: tensors that are concatenated along channels.
#[derive(ExtensionType)]
pub enum Inputs<B: Backend> {
    /// One tensor.
    One(FloatTensor<B>),
    /// Two, as after a skip connection.
    Two(FloatTensor<B>, FloatTensor<B>),
    /// Four, as after a look in four directions.
    Four(FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>),
}

impl<B: Backend> Inputs<B> {
    /// From one, two or four tensors.
    ///
    /// # Panics
    /// For other numbers of them.
    pub fn new(tensors: Vec<FloatTensor<B>>) -> Self {
        let mut tensors = tensors.into_iter();
        match [(); 5].map(|()| tensors.next()) {
            [Some(a), None, ..] => Self::One(a),
            [Some(a), Some(b), None, ..] => Self::Two(a, b),
            [Some(a), Some(b), Some(c), Some(d), None] => Self::Four(a, b, c, d),
            _ => panic!("one, two or four tensors can be concatenated"),
        }
    }

    /// The tensors, in order.
    pub fn into_vec(self) -> Vec<FloatTensor<B>> {
        match self {
            Self::One(a) => vec![a],
            Self::Two(a, b) => vec![a, b],
            Self::Four(a, b, c, d) => vec![a, b, c, d],
        }
    }
}

/// A tensor that need not be there.
#[derive(ExtensionType)]
pub enum Perhaps<B: Backend> {
    /// It is there.
    Given(FloatTensor<B>),
    /// It is not.
    Absent,
}

impl<B: Backend> Perhaps<B> {
    /// From an option.
    pub fn new(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Given)
    }

    /// As an option.
    pub fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Given(tensor) => Some(tensor),
            Self::Absent => None,
        }
    }
}

/// Operations of our own. All tensors are `[N, C, H, W]` but for biases, which are `[C]`.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "wgpu"), Autodiff)]
pub trait Kernels: Backend {
    /// A convolution of the inputs, concatenated along channels, with what stands around it: see [`Slopes`].
    fn convolution(
        #[extension_type] x: Inputs<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Perhaps<Self>,
        #[extension_type] add: Perhaps<Self>,
        geometry: Geometry,
        slopes: Slopes,
    ) -> FloatTensor<Self> {
        composed::convolution::<Self>(x, weight, bias, add, geometry, slopes)
    }

    /// A residual block, `x + second * relu(first * x)`: two convolutions of one geometry that keeps channels and size.
    fn residual_block(
        x: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let relu = Slopes { slope: 0.0, after: 1.0 };
        let one = Inputs::One(x.clone());
        let h = Self::convolution(one, first, Perhaps::Absent, Perhaps::Absent, geometry.clone(), relu);
        let add = Perhaps::Given(x);
        Self::convolution(Inputs::One(h), second, Perhaps::Absent, add, geometry, Slopes::NONE)
    }

    /// The gradient for the input of a convolution of one input, from that of its output.
    fn convolution_input_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        composed::convolution_input_gradient::<Self>(x, weight, gradient, geometry)
    }

    /// The gradient for the weights of a convolution of one input.
    fn convolution_weight_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        composed::convolution_weight_gradient::<Self>(x, weight, gradient, geometry)
    }

    /// The gradient for the biases: sums over all but channels, `[C]`.
    fn bias_gradient(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let channels = gradient.shape()[1];
        let sums = Self::float_sum_dim(Self::float_sum_dim(Self::float_sum_dim(gradient, 0), 2), 3);
        Self::float_reshape(sums, Shape::from([channels]))
    }

    /// The gradient before a leaky ReLU, from that after it and its result `y`.
    fn activation_gradient(
        gradient: FloatTensor<Self>,
        y: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        composed::activation_gradient::<Self>(gradient, y, slope)
    }

    /// `leaky(a + b, slope)`.
    fn activated_sum(a: FloatTensor<Self>, b: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        composed::activated_sum::<Self>(a, b, slope)
    }

    /// Concatenates along channels.
    fn concatenation(#[extension_type] x: Inputs<Self>) -> FloatTensor<Self> {
        match x {
            Inputs::One(x) => x,
            several => Self::float_cat(several.into_vec(), 1),
        }
    }

    /// Some of the channels.
    fn channels(x: FloatTensor<Self>, first: usize, count: usize) -> FloatTensor<Self> {
        let all = Slice::new(0, None, 1);
        let some = Slice::new(first as isize, Some((first + count) as isize), 1);
        Self::float_slice(x, &[all, some, all, all])
    }

    /// The mean of each channel over all pixels: `[N, C, 1, 1]`.
    fn pixel_mean(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_mean_dim(Self::float_mean_dim(x, 2), 3)
    }

    /// Maximum over cells of 2x2 pixels; a last odd row or column is left out.
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
    }

    /// The gradient for the input of [`Kernels::max_pool`].
    fn max_pool_gradient(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let indices = burn::backend::get_device_settings::<Self>(&x.device()).int_dtype;
        let pooled = Self::max_pool2d_with_indices(x.clone(), [2, 2], [2, 2], [0, 0], [1, 1], false, indices);
        let back = Self::max_pool2d_with_indices_backward(
            x,
            [2, 2],
            [2, 2],
            [0, 0],
            [1, 1],
            false,
            gradient,
            pooled.indices,
        );
        back.x_grad
    }

    /// Every pixel four times: doubles both sides.
    fn upsample(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let [n, c, h, w] = x.shape().dims();
        let x = Self::float_reshape(x, Shape::from([n, c, h, 1, w, 1]));
        let x = Self::float_expand(x, Shape::from([n, c, h, 2, w, 2]));
        Self::float_reshape(x, Shape::from([n, c, 2 * h, 2 * w]))
    }

    /// Bilinear interpolation to twice the size, with half-pixel centres (`align_corners=False`).
    fn upsample_bilinear(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::upsample_linear::<Self>(composed::upsample_linear::<Self>(x, 2), 3)
    }

    /// The gradient for the input of [`Kernels::upsample_bilinear`].
    fn upsample_bilinear_gradient(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let columns = composed::upsample_linear_gradient::<Self>(gradient, 3);
        composed::upsample_linear_gradient::<Self>(columns, 2)
    }

    /// The gradient for the input of [`Kernels::upsample`].
    fn upsample_gradient(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let [n, c, h, w] = gradient.shape().dims();
        let cells = Self::float_reshape(gradient, Shape::from([n, c, h / 2, 2, w / 2, 2]));
        let sums = Self::float_sum_dim(Self::float_sum_dim(cells, 3), 5);
        Self::float_reshape(sums, Shape::from([n, c, h / 2, w / 2]))
    }

    /// A step of Adam: the weights after it, and the means of gradients and of their squares. Tensors of any rank.
    fn adam(
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        means: FloatTensor<Self>,
        squares: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::adam::<Self>(weights, gradient, means, squares, step)
    }

    /// `keep * a + (1 - keep) * b`. Tensors of any rank.
    fn mix(a: FloatTensor<Self>, b: FloatTensor<Self>, keep: f32) -> FloatTensor<Self> {
        composed::mix::<Self>(a, b, keep)
    }
}

#[cfg(feature = "ndarray")]
impl Kernels for burn::backend::NdArray {}
