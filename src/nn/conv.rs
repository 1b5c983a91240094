//! Convolutions with what stands around them: concatenation before, bias, activation and addition after.

use burn::backend::Dispatch;
use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::tensor::Tensor;

use super::kernels::{Geometry, Inputs, Kernels, Perhaps, Slopes};

/// What follows a convolution and its bias: an activation, then perhaps an addition and another activation.
pub struct Then {
    slopes: Slopes,
    add: Option<Tensor<4>>,
}

impl Then {
    /// Nothing.
    pub fn nothing() -> Self {
        Self::leaky_relu(1.0)
    }

    /// ReLU.
    pub fn relu() -> Self {
        Self::leaky_relu(0.0)
    }

    /// LeakyReLU with this slope, in `[0, 1]`.
    pub fn leaky_relu(slope: f64) -> Self {
        Self { slopes: Slopes { slope: slope as f32, after: 1.0 }, add: None }
    }

    /// And then `x` is added, of the size of the result.
    pub fn add(self, x: Tensor<4>) -> Self {
        Self { add: Some(x), ..self }
    }

    /// And then, after the addition, ReLU.
    pub fn add_relu(self, x: Tensor<4>) -> Self {
        Self { slopes: Slopes { after: 0.0, ..self.slopes }, add: Some(x) }
    }
}

/// A convolution, transposed or not, that runs by the kernels in [`super::kernels`].
pub trait Convolve {
    /// What it is but for its weights.
    fn geometry(&self, inputs: Vec<usize>) -> Geometry;

    /// Weights and biases.
    fn parameters(&self) -> (&Param<Tensor<4>>, Option<&Param<Tensor<1>>>);

    /// Convolves the inputs, concatenated along channels.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]` each, of one size, together with as many channels as the weights take
    /// - output: `[N, channels_out, H', W']`
    fn concat_then(&self, x: Vec<Tensor<4>>, then: Then) -> Tensor<4> {
        let geometry = self.geometry(x.iter().map(|x| x.dims()[1]).collect());
        let (weight, bias) = self.parameters();
        convolve(x, weight.val(), bias.map(Param::val), geometry, then)
    }

    /// Convolves one input.
    fn then(&self, x: Tensor<4>, then: Then) -> Tensor<4> {
        self.concat_then(vec![x], then)
    }

    /// Convolves one input and adds the bias, nothing else.
    fn run(&self, x: Tensor<4>) -> Tensor<4> {
        self.then(x, Then::nothing())
    }
}

impl Convolve for Conv2d {
    fn geometry(&self, inputs: Vec<usize>) -> Geometry {
        let [top, left, bottom, right] = match self.padding {
            PaddingConfig2d::Valid => [0; 4],
            PaddingConfig2d::Explicit(top, left, bottom, right) => [top, left, bottom, right],
            PaddingConfig2d::Same => unreachable!("the networks here say how much they pad"),
        };
        Geometry {
            transposed: false,
            kernel: self.kernel_size,
            stride: self.stride,
            padding: [top, bottom, left, right],
            output_padding: [0; 2],
            dilation: self.dilation,
            groups: self.groups,
            inputs,
            outputs: self.weight.dims()[0],
        }
    }

    fn parameters(&self) -> (&Param<Tensor<4>>, Option<&Param<Tensor<1>>>) {
        (&self.weight, self.bias.as_ref())
    }
}

impl Convolve for ConvTranspose2d {
    fn geometry(&self, inputs: Vec<usize>) -> Geometry {
        let [rows, columns] = self.padding;
        Geometry {
            transposed: true,
            kernel: self.kernel_size,
            stride: self.stride,
            padding: [rows, rows, columns, columns],
            output_padding: self.padding_out,
            dilation: self.dilation,
            groups: self.groups,
            inputs,
            outputs: self.weight.dims()[1] * self.groups,
        }
    }

    fn parameters(&self) -> (&Param<Tensor<4>>, Option<&Param<Tensor<1>>>) {
        (&self.weight, self.bias.as_ref())
    }
}

/// A residual block, `x + second(relu(first(x)))`, of layers without biases that keep channels and size. Where nobody else holds
/// `x`, the CPU writes the result in its place.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - output: the same
pub fn residual_block(first: &Conv2d, second: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let geometry = first.geometry(vec![x.dims()[1]]);
    debug_assert!(first.bias.is_none() && second.bias.is_none());
    debug_assert_eq!(geometry, second.geometry(geometry.inputs.clone()));
    let [x, first, second] = [x, first.weight.val(), second.weight.val()].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::residual_block(x, first, second, geometry))
}

/// Convolves the inputs, concatenated along channels, with weights that are no layer's own.
///
/// # Shapes
/// - `x`: `[N, C, H, W]` each, of one size
/// - `weight`: `[channels_out, channels_in / groups, rows, columns]`, where the convolution is transposed
///   `[channels_in, channels_out / groups, rows, columns]`
/// - `bias`: `[channels_out]`
/// - output: `[N, channels_out, H', W']`
pub fn convolve(
    x: Vec<Tensor<4>>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    then: Then,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::convolution(
        Inputs::new(x.into_iter().map(Tensor::into_dispatch).collect()),
        weight.into_dispatch(),
        Perhaps::new(bias.map(Tensor::into_dispatch)),
        Perhaps::new(then.add.map(Tensor::into_dispatch)),
        geometry,
        then.slopes,
    ))
}

/// Multiplies each channel by a factor of its own.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - `factors`: `[N, C, 1, 1]`
/// - output: `[N, C, H, W]`
pub fn scale_channels(x: Tensor<4>, factors: Tensor<4>, then: Then) -> Tensor<4> {
    depthwise_of_each(x, factors, 1, then)
}

/// A depthwise convolution whose kernels are each picture's own: the batch becomes channels.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - `kernels`: so many values as `[N, C, side, side]` has
/// - output: `[N, C, H, W]`
pub fn depthwise_of_each<const D: usize>(
    x: Tensor<4>,
    kernels: Tensor<D>,
    side: usize,
    then: Then,
) -> Tensor<4> {
    let shape = x.dims();
    let [n, channels, height, width] = shape;
    let geometry = Geometry { groups: n * channels, ..Geometry::same(side, n * channels, n * channels) };
    let kernels = kernels.reshape([n * channels, 1, side, side]);
    if n == 1 {
        // To reshape what lies channels last is to copy it, even into the shape that it has.
        return convolve(vec![x], kernels, None, geometry, then);
    }
    let together = [1, n * channels, height, width];
    let then = Then { add: then.add.map(|add| add.reshape(together)), ..then };
    convolve(vec![x.reshape(together)], kernels, None, geometry, then).reshape(shape)
}
