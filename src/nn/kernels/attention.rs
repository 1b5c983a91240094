//! Parts of transformers that GPUs have kernels of their own for. Each is `None` where the tensors are elsewhere, or
//! gradients are wanted, or the sizes are none that the kernel takes: the caller then composes it of burn's operations.

use burn::tensor::Tensor;

/// Windows of attention among the pixels of one phase; see [`windowed_attention`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "wgpu"), expect(dead_code, reason = "only the GPU's kernel looks into it"))]
pub struct Windows {
    /// Side of a window of queries, in pixels of the phase.
    pub queries: usize,
    /// Side of the window of their keys, around it.
    pub keys: usize,
    /// Pixels of the image between two of a phase.
    pub dilation: usize,
}

/// Every pixel divided by the deviation of its channels (the root of their variance plus `epsilon`), times `weight`.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - `weight`: `[C]`
/// - output: as `x`
pub fn normalised(x: &Tensor<4>, weight: &Tensor<1>, epsilon: f32) -> Option<Tensor<4>> {
    gpu::normalised(x, weight, epsilon)
}

/// Attention of every pixel to a window around it, each head and each phase of pixels for itself. The products of
/// queries and keys have a row of each table added, by the distance of the key in rows and columns, the tables' middle
/// row being distance 0 between the corners of both windows. Pixels outside the image are zero.
///
/// # Shapes
/// - `qkv`: `[N, 3 * heads * d, H, W]`: queries, keys, values; both sides multiples of `queries * dilation`
/// - `tables`: `[rows, d]`, for rows and for columns
/// - output: `[N, heads * d, H, W]`
pub fn windowed_attention(qkv: &Tensor<4>, tables: [&Tensor<2>; 2], windows: Windows) -> Option<Tensor<4>> {
    gpu::windowed_attention(qkv, tables, windows)
}

/// Products of all pairs of the first `channels`, summed over the pixels of an image.
///
/// # Shapes
/// - `x`: `[1, C, H, W]`
/// - output: `[channels, channels]`
pub fn channel_products(x: &Tensor<4>, channels: usize) -> Option<Tensor<2>> {
    gpu::channel_products(x, channels)
}

#[cfg(feature = "wgpu")]
mod gpu {
    use burn::backend::Cube;
    use burn::tensor::{DType, Shape, Tensor};
    use unnoise_kernels::gpu::Features;
    use unnoise_kernels::gpu::attention::{Windows as Kernel, windowed_into};
    use unnoise_kernels::gpu::normalise::normalise_into;
    use unnoise_kernels::gpu::products::{Taps, products};

    use super::Windows;
    use crate::nn::kernels::gpu::{channels_last, empty_image, features, shape};

    /// A tensor of burn's GPU backend.
    type GpuTensor = burn::backend::wgpu::CubeTensor;

    fn on_gpu<const D: usize>(x: &Tensor<D>) -> Option<GpuTensor> {
        x.clone().try_into_primitive::<Cube>().ok()
    }

    pub fn normalised(x: &Tensor<4>, weight: &Tensor<1>, epsilon: f32) -> Option<Tensor<4>> {
        let (x, weight) = (on_gpu(x)?, on_gpu(weight)?);
        let [n, c, h, w] = shape(&x);
        if !c.is_multiple_of(4) {
            return None;
        }
        let x = channels_last(x);
        let output = empty_image(&x, [n, c, h, w]);
        normalise_into(&x.client, &x.handle, &weight.handle, epsilon, [n * h * w, c], &output.handle);
        Some(Tensor::from_primitive::<Cube>(output))
    }

    pub fn windowed_attention(
        qkv: &Tensor<4>,
        [by_row, by_column]: [&Tensor<2>; 2],
        Windows { queries, keys, dilation }: Windows,
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

#[cfg(not(feature = "wgpu"))]
mod gpu {
    use burn::tensor::Tensor;

    use super::Windows;

    pub fn normalised(_: &Tensor<4>, _: &Tensor<1>, _: f32) -> Option<Tensor<4>> {
        None
    }

    pub fn windowed_attention(_: &Tensor<4>, _: [&Tensor<2>; 2], _: Windows) -> Option<Tensor<4>> {
        None
    }

    pub fn channel_products(_: &Tensor<4>, _: usize) -> Option<Tensor<2>> {
        None
    }
}
