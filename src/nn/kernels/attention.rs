//! Parts of transformers that CPUs and GPUs have kernels of their own for. Each is `None` where the tensors are elsewhere,
//! or gradients are wanted, or the sizes are none that the kernel takes: the caller then composes it of burn's operations.

use burn::tensor::{Tensor, activation};

#[cfg(not(feature = "flex"))]
use absent as cpu;
#[cfg(not(feature = "wgpu"))]
use absent as gpu;

/// Windows of attention among the pixels of one phase; see [`windowed_attention`].
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// Side of a window of queries, in pixels of the phase.
    pub queries: usize,
    /// Side of the window of their keys, around it.
    pub keys: usize,
    /// Pixels of the image between two of a phase.
    pub dilation: usize,
    /// Pixels by which the windows are moved, around the borders of the image. Pixels that meet only there do not attend to
    /// each other: 100 is taken from their products.
    pub shift: usize,
}

/// What is added to the products of queries and keys by where they are.
#[derive(Clone, Copy)]
pub enum Positions<'a> {
    /// Products of the query with a row of each table, by the distance of the key in rows and in columns; the middle row is
    /// that of distance 0 between the corners of both windows. `[rows, d]`.
    Tables(&'a Tensor<2>, &'a Tensor<2>),
    /// A number for each pair: `[heads, queries², keys²]`.
    Bias(&'a Tensor<3>),
}

/// Every pixel divided by the deviation of its channels (the root of their variance plus `epsilon`), times `weight`. With a
/// `bias`, the mean of the channels is taken away first, and the bias added at last. All that is multiplied by the pixel's
/// own `factor`, where there is one.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - `weight`, `bias`: `[C]`
/// - `factor`: `[N, 1, H, W]`
/// - output: as `x`
pub fn normalised(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: Option<&Tensor<1>>,
    epsilon: f32,
    factor: Option<&Tensor<4>>,
) -> Option<Tensor<4>> {
    cpu::normalised(x, weight, bias, epsilon, factor)
        .or_else(|| gpu::normalised(x, weight, bias, epsilon, factor))
}

/// Attention of every pixel to a window around it, each head and each phase of pixels for itself: the softmax of the
/// products of queries and keys over the root of `d`, with what [`Positions`] adds. Keys outside the image are zero.
///
/// # Shapes
/// - `qkv`: `[N, 3 * heads * d, H, W]`: queries, keys, values; both sides multiples of `queries * dilation`
/// - output: `[N, heads * d, H, W]`
pub fn windowed_attention(qkv: &Tensor<4>, positions: Positions, windows: Windows) -> Option<Tensor<4>> {
    cpu::windowed_attention(qkv, positions, windows)
        .or_else(|| gpu::windowed_attention(qkv, positions, windows))
}

/// Products of all pairs of the first `channels`, summed over the pixels of an image.
///
/// # Shapes
/// - `x`: `[1, C, H, W]`
/// - output: `[channels, channels]`
pub fn channel_products(x: &Tensor<4>, channels: usize) -> Option<Tensor<2>> {
    cpu::channel_products(x, channels).or_else(|| gpu::channel_products(x, channels))
}

/// GELU, channels last in memory as the convolutions leave them.
///
/// # Shapes
/// - `x`, output: `[N, C, H, W]`
pub fn gelu(x: Tensor<4>) -> Tensor<4> {
    cpu::gelu(x).unwrap_or_else(|x| activation::gelu(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]))
}

#[cfg(feature = "flex")]
mod cpu {
    use burn::backend::Flex;
    use burn::backend::flex::FlexTensor;
    use burn::tensor::{Bytes, DType, Shape, Tensor};
    use unnoise_kernels as kernels;
    use unnoise_kernels::{Geometry, weight_gradient};

    use super::{Positions, Windows};
    use crate::nn::kernels::flex::{blank, changed, channels_last, contiguous, tensor, view};

    fn on_cpu<const D: usize>(x: &Tensor<D>) -> Option<FlexTensor> {
        x.clone().try_into_primitive::<Flex>().ok()
    }

    pub fn normalised(
        x: &Tensor<4>,
        weight: &Tensor<1>,
        bias: Option<&Tensor<1>>,
        epsilon: f32,
        factor: Option<&Tensor<4>>,
    ) -> Option<Tensor<4>> {
        let shape = x.dims();
        let (x, weight) = (channels_last(on_cpu(x)?), contiguous(on_cpu(weight)?));
        let bias = bias.and_then(on_cpu).map(contiguous);
        let factor = factor.and_then(on_cpu).map(contiguous);
        let mut out = blank(shape);
        kernels::normalise(view(&x), &weight, bias.as_deref(), epsilon, factor.as_deref(), &mut out);
        Some(Tensor::from_primitive::<Flex>(tensor(out, shape)))
    }

    pub fn windowed_attention(qkv: &Tensor<4>, positions: Positions, windows: Windows) -> Option<Tensor<4>> {
        let [n, channels, height, width] = qkv.dims();
        let qkv = channels_last(on_cpu(qkv)?);
        let Windows { queries, keys, dilation, shift } = windows;
        let of_heads = |heads| kernels::Windows { heads, queries, keys, dilation, shift };
        let shape = [n, channels / 3, height, width];
        let mut out = blank(shape);
        match positions {
            Positions::Tables(by_row, by_column) => {
                let heads = channels / 3 / by_row.dims()[1];
                let tables = [by_row, by_column].map(|table| on_cpu(table).map(contiguous));
                let [Some(by_row), Some(by_column)] = tables else { return None };
                let positions = kernels::Positions::Tables(&by_row, &by_column);
                kernels::windowed_attention(view(&qkv), of_heads(heads), positions, &mut out);
            }
            Positions::Bias(bias) => {
                let heads = bias.dims()[0];
                let bias = contiguous(on_cpu(bias)?);
                let positions = kernels::Positions::Bias(&bias);
                kernels::windowed_attention(view(&qkv), of_heads(heads), positions, &mut out);
            }
        }
        Some(Tensor::from_primitive::<Flex>(tensor(out, shape)))
    }

    pub fn channel_products(x: &Tensor<4>, channels: usize) -> Option<Tensor<2>> {
        let [n, ..] = x.dims();
        if n != 1 {
            return None;
        }
        let first = x.clone().slice_dim(1, 0..channels);
        let first = channels_last(on_cpu(&first)?);
        let products = weight_gradient(&Geometry::same(1, channels, channels), view(&first), view(&first));
        let layout = burn::backend::flex::Layout::contiguous(Shape::from([channels, channels]));
        let products = FlexTensor::new(Bytes::from_elems(products), layout, DType::F32);
        Some(Tensor::from_primitive::<Flex>(products))
    }

    /// In the place of `x`, where nobody else holds it; gives it back where it is elsewhere.
    pub fn gelu(x: Tensor<4>) -> Result<Tensor<4>, Box<Tensor<4>>> {
        let Some(here) = on_cpu(&x) else { return Err(Box::new(x)) };
        drop(x);
        Ok(Tensor::from_primitive::<Flex>(changed(here, kernels::gelu)))
    }
}

#[cfg(feature = "wgpu")]
mod gpu {
    use burn::backend::Cube;
    use burn::tensor::{DType, Shape, Tensor};
    use unnoise_kernels::gpu::Features;
    use unnoise_kernels::gpu::attention::{Windows as Kernel, windowed_into};
    use unnoise_kernels::gpu::normalise::{Norm, normalise_into};
    use unnoise_kernels::gpu::products::{Taps, products};
    use unnoise_kernels::gpu::swin;

    use super::{Positions, Windows};
    use crate::nn::kernels::gpu::{channels_last, contiguous, empty_image, features, shape};

    /// A tensor of burn's GPU backend.
    type GpuTensor = burn::backend::wgpu::CubeTensor;

    fn on_gpu<const D: usize>(x: &Tensor<D>) -> Option<GpuTensor> {
        x.clone().try_into_primitive::<Cube>().ok()
    }

    pub fn normalised(
        x: &Tensor<4>,
        weight: &Tensor<1>,
        bias: Option<&Tensor<1>>,
        epsilon: f32,
        factor: Option<&Tensor<4>>,
    ) -> Option<Tensor<4>> {
        let (x, weight) = (on_gpu(x)?, on_gpu(weight)?);
        let [n, c, h, w] = shape(&x);
        if !c.is_multiple_of(4) {
            return None;
        }
        let x = channels_last(x);
        let bias = bias.and_then(on_gpu).map(|bias| bias.handle);
        let factors = factor.and_then(on_gpu).map(|factor| contiguous(factor).handle);
        let norm = Norm { weight: &weight.handle, bias: bias.as_ref(), epsilon, factors: factors.as_ref() };
        let output = empty_image(&x, [n, c, h, w]);
        normalise_into(&x.client, &x.handle, norm, [n * h * w, c], &output.handle);
        Some(Tensor::from_primitive::<Cube>(output))
    }

    pub fn windowed_attention(qkv: &Tensor<4>, positions: Positions, windows: Windows) -> Option<Tensor<4>> {
        match positions {
            Positions::Tables(by_row, by_column) => overlapping(qkv, [by_row, by_column], windows),
            Positions::Bias(bias) => biased(qkv, bias, windows),
        }
    }

    /// Windows that do not overlap, with a bias `[heads, queries, keys]` for each pair.
    fn biased(
        qkv: &Tensor<4>,
        bias: &Tensor<3>,
        Windows { queries, keys, dilation, shift }: Windows,
    ) -> Option<Tensor<4>> {
        let [n, channels, h, w] = qkv.dims();
        let heads = bias.dims()[0];
        let windows = swin::Windows { side: queries, shift, heads, features: channels / 3 / heads };
        if queries != keys || dilation != 1 || !windows.fits() {
            return None;
        }
        let qkv = channels_last(on_gpu(qkv)?);
        // Queries, which are a workgroup's threads, beside each other.
        let bias = contiguous(on_gpu(&bias.clone().unsqueeze::<4>().swap_dims(2, 3))?);
        let output = empty_image(&qkv, [n, channels / 3, h, w]);
        swin::attend_into(&qkv.client, &qkv.handle, &bias.handle, windows, [n, h, w], &output.handle);
        Some(Tensor::from_primitive::<Cube>(output))
    }

    /// Windows that overlap, with tables for the distance of each pair.
    fn overlapping(
        qkv: &Tensor<4>,
        [by_row, by_column]: [&Tensor<2>; 2],
        Windows { queries, keys, dilation, .. }: Windows,
    ) -> Option<Tensor<4>> {
        let [rows, features] = by_row.dims();
        let (qkv, by_row, by_column) = (on_gpu(qkv)?, on_gpu(by_row)?, on_gpu(by_column)?);
        let [n, channels, h, w] = shape(&qkv);
        let heads = channels / 3 / features;
        if !features.is_multiple_of(4) {
            return None;
        }
        let qkv = channels_last(qkv);
        let output = empty_image(&qkv, [n, heads * features, h, w]);
        let centre = rows / 2 + (keys - queries) / 2 * dilation;
        let windows = Kernel { queries, keys, dilation, features, centre };
        let tables = [&by_row.handle, &by_column.handle];
        windowed_into(&qkv.client, &qkv.handle, tables, rows, windows, heads, [n, h, w], &output.handle);
        Some(Tensor::from_primitive::<Cube>(output))
    }

    pub fn channel_products(x: &Tensor<4>, channels: usize) -> Option<Tensor<2>> {
        let x = on_gpu(x)?;
        let [n, _, h, w] = shape(&x);
        if n != 1 {
            return None;
        }
        let view = Features { shape: [1, channels, h, w], ..features(&channels_last(x.clone())) };
        let taps = Taps { kernel: [1, 1], stride: 1, padding: [0, 0], dilation: 1 };
        let handle = products(&x.client, &view, &view, taps);
        let shape = Shape::from([channels, channels]);
        let output = GpuTensor::new_contiguous(x.client, x.device, shape, handle, DType::F32);
        Some(Tensor::from_primitive::<Cube>(output))
    }
}

/// In place of [`cpu`] or [`gpu`] in a build without it: no tensor is there.
#[cfg(not(all(feature = "flex", feature = "wgpu")))]
#[allow(dead_code, reason = "GELU has a kernel on CPUs only")]
mod absent {
    use burn::tensor::Tensor;

    use super::{Positions, Windows};

    pub fn normalised(
        _: &Tensor<4>,
        _: &Tensor<1>,
        _: Option<&Tensor<1>>,
        _: f32,
        _: Option<&Tensor<4>>,
    ) -> Option<Tensor<4>> {
        None
    }

    pub fn windowed_attention(_: &Tensor<4>, _: Positions, _: Windows) -> Option<Tensor<4>> {
        None
    }

    pub fn channel_products(_: &Tensor<4>, _: usize) -> Option<Tensor<2>> {
        None
    }

    pub fn gelu(x: Tensor<4>) -> Result<Tensor<4>, Box<Tensor<4>>> {
        Err(Box::new(x))
    }
}
