//! The kernels, made of burn's operations: for backends that have none of their own, and for what those do not take.

use std::ops::Range;

use burn::backend::ops::{ConvOptions, ConvTransposeOptions};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{Shape, Slice};

use super::{AdamStep, Geometry, Inputs, Kernels, Perhaps, Slopes};

pub fn convolution<B: Kernels>(
    x: Inputs<B>,
    weight: FloatTensor<B>,
    bias: Perhaps<B>,
    add: Perhaps<B>,
    geometry: Geometry,
    slopes: Slopes,
) -> FloatTensor<B> {
    let (x, bias) = (B::concatenation(x), bias.into_option());
    let y = if geometry.transposed {
        B::conv_transpose2d(x, weight, bias, transposed_options(&geometry))
    } else {
        B::conv2d(x, weight, bias, options(&geometry))
    };
    let y = leaky::<B>(y, slopes.slope);
    match add {
        Perhaps::Given(add) => B::activated_sum(y, add, slopes.after),
        Perhaps::Absent => y,
    }
}

pub fn convolution_input_gradient<B: Kernels>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    if geometry.transposed {
        B::conv_transpose2d_x_backward(weight, gradient, transposed_options(&geometry))
    } else {
        B::conv2d_x_backward(x, weight, gradient, options(&geometry))
    }
}

pub fn convolution_weight_gradient<B: Kernels>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    if geometry.transposed {
        B::conv_transpose2d_weight_backward(x, weight, gradient, transposed_options(&geometry))
    } else {
        B::conv2d_weight_backward(x, weight, gradient, options(&geometry))
    }
}

pub fn activation_gradient<B: Kernels>(
    gradient: FloatTensor<B>,
    y: FloatTensor<B>,
    slope: f32,
) -> FloatTensor<B> {
    let booleans = burn::backend::get_device_settings::<B>(&y.device()).bool_dtype;
    let negative = B::float_lower_equal_elem(y, 0f32.into(), booleans);
    let smaller = B::float_mul_scalar(gradient.clone(), slope.into());
    B::float_mask_where(gradient, negative, smaller)
}

pub fn activated_sum<B: Kernels>(a: FloatTensor<B>, b: FloatTensor<B>, slope: f32) -> FloatTensor<B> {
    leaky::<B>(B::float_add(a, b), slope)
}

pub fn adam<B: Kernels>(
    weights: FloatTensor<B>,
    gradient: FloatTensor<B>,
    means: FloatTensor<B>,
    squares: FloatTensor<B>,
    step: AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let [correction, correction_squares] = step.corrections;
    let means = mix::<B>(means, gradient.clone(), step.betas[0]);
    let squares = mix::<B>(squares, B::float_mul(gradient.clone(), gradient), step.betas[1]);
    let root = B::float_sqrt(B::float_div_scalar(squares.clone(), correction_squares.into()));
    let change = B::float_div(means.clone(), B::float_add_scalar(root, step.epsilon.into()));
    let change = B::float_mul_scalar(change, (step.rate / correction).into());
    (B::float_sub(B::float_mul_scalar(weights, step.kept.into()), change), means, squares)
}

pub fn mix<B: Kernels>(a: FloatTensor<B>, b: FloatTensor<B>, keep: f32) -> FloatTensor<B> {
    B::float_add(B::float_mul_scalar(a, keep.into()), B::float_mul_scalar(b, (1.0 - keep).into()))
}

fn leaky<B: Backend>(x: FloatTensor<B>, slope: f32) -> FloatTensor<B> {
    match slope {
        1.0 => x,
        0.0 => B::relu(x),
        slope => B::leaky_relu(x, slope.into()),
    }
}

fn options(geometry: &Geometry) -> ConvOptions<2> {
    let [top, bottom, left, right] = geometry.padding;
    let padding = [(top, bottom), (left, right)];
    ConvOptions::new_with_padding(geometry.stride, padding, geometry.dilation, geometry.groups)
}

fn transposed_options(geometry: &Geometry) -> ConvTransposeOptions<2> {
    let [top, _, left, _] = geometry.padding;
    ConvTransposeOptions::new(
        geometry.stride,
        [top, left],
        geometry.output_padding,
        geometry.dilation,
        geometry.groups,
    )
}

/// Along an axis, every new sample lies a quarter from its own pixel and three quarters from a neighbour; beyond the
/// border the neighbour is the pixel itself.
pub fn upsample_linear<B: Backend>(x: FloatTensor<B>, axis: usize) -> FloatTensor<B> {
    let mut dims = x.shape().dims::<4>();
    let last = dims[axis] - 1;
    let before = join::<B>([(&x, 0..1), (&x, 0..last)], axis);
    let after = join::<B>([(&x, 1..last + 1), (&x, last..last + 1)], axis);
    let own = B::float_mul_scalar(x, 0.75f32.into());
    let near = |other| B::float_add(own.clone(), B::float_mul_scalar(other, 0.25f32.into()));
    let mut paired = dims.to_vec();
    paired.insert(axis + 1, 1);
    let pairs = [near(before), near(after)].map(|half| B::float_reshape(half, Shape::from(paired.clone())));
    dims[axis] *= 2;
    B::float_reshape(B::float_cat(pairs.into(), axis + 1), Shape::from(dims))
}

/// The gradient for the input of [`upsample_linear`].
pub fn upsample_linear_gradient<B: Backend>(gradient: FloatTensor<B>, axis: usize) -> FloatTensor<B> {
    let mut dims = gradient.shape().dims::<4>();
    dims[axis] /= 2;
    let last = dims[axis] - 1;
    let mut paired = dims.to_vec();
    paired.insert(axis + 1, 2);
    let pairs = B::float_reshape(gradient, Shape::from(paired));
    let half = |i: usize| B::float_reshape(along::<B>(&pairs, axis + 1, i..i + 1), Shape::from(dims));
    let [low, high] = [half(0), half(1)];
    let zero = B::float_mul_scalar(low.clone(), 0f32.into());
    // What a pixel gave to the one after it, and to the one before; those at the border gave to themselves.
    let neighbours = [
        join::<B>([(&low, 1..last + 1), (&zero, 0..1)], axis),
        join::<B>([(&zero, 0..1), (&high, 0..last)], axis),
        join::<B>([(&low, 0..1), (&zero, 0..last)], axis),
        join::<B>([(&zero, 0..last), (&high, last..last + 1)], axis),
    ];
    let own = B::float_mul_scalar(B::float_add(low, high), 0.75f32.into());
    neighbours.into_iter().fold(own, |sum, part| B::float_add(sum, B::float_mul_scalar(part, 0.25f32.into())))
}

/// A part of an axis.
fn along<B: Backend>(x: &FloatTensor<B>, axis: usize, range: Range<usize>) -> FloatTensor<B> {
    let mut slices = vec![Slice::new(0, None, 1); x.shape().num_dims()];
    slices[axis] = Slice::new(range.start as isize, Some(range.end as isize), 1);
    B::float_slice(x.clone(), &slices)
}

/// Concatenates parts of an axis, but for empty ones, which not every backend has.
fn join<B: Backend>(parts: [(&FloatTensor<B>, Range<usize>); 2], axis: usize) -> FloatTensor<B> {
    let parts = parts.into_iter().filter(|(_, range)| !range.is_empty());
    B::float_cat(parts.map(|(x, range)| along::<B>(x, axis, range)).collect(), axis)
}
