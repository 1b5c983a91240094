//! The kernels, made of burn's operations: for backends that have none of their own, and for what those do not take.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};

use super::{Geometry, Inputs, Kernels, Perhaps, Slopes};

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
