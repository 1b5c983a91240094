//! Operations on tensors: convolutions with what stands around them, means, turns, padding, shuffling, reading back.

mod conv;
#[allow(deprecated, reason = "upstream prefers flex to ndarray, and so do we; ndarray stays a choice")]
pub mod kernels;
pub mod padding;
mod reduce;
mod resample;
pub mod shuffle;
mod symmetry;
pub mod windows;

use std::pin::Pin;
use std::task::{Context, Poll};

use burn::backend::Dispatch;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::tensor::{DataError, Device, Tensor, TensorData};

use crate::error::{Error, Kind, Result};

use kernels::Kernels;

pub use conv::{Convolve, Then, convolve, depthwise_of_each, residual_block, scale_channels};
pub use reduce::{bernoulli, mean, pixel_mean};
pub use resample::{pixel_shuffle, pixel_unshuffle, upsample_bilinear_x2, upsample_nearest_x2};
pub use symmetry::Symmetry;

/// A 3x3 convolution with bias and zero padding 1: `[N, in, H, W]` to `[N, out, H, W]`.
pub fn conv3x3(channels_in: usize, channels_out: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}

/// A 1x1 convolution with bias: `[N, in, H, W]` to `[N, out, H, W]`.
pub fn conv1x1(channels_in: usize, channels_out: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([channels_in, channels_out], [1, 1]).init(device)
}

/// A transposed 3x3 convolution with bias that doubles both sides: stride 2, padding 1, output padding 1.
pub fn deconv3x3_x2(channels_in: usize, channels_out: usize, device: &Device) -> ConvTranspose2d {
    ConvTranspose2dConfig::new([channels_in, channels_out], [3, 3])
        .with_stride([2, 2])
        .with_padding([1, 1])
        .with_padding_out([1, 1])
        .init(device)
}

/// Maximum over 2x2 cells: `[N, C, H, W]` to `[N, C, H/2, W/2]`.
pub fn max_pool_2x2(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::max_pool(x.into_dispatch()))
}

/// Slope of the LeakyReLU that this literature's networks use.
pub const LEAKY_SLOPE: f64 = 0.1;

/// Lets a network of `channels` work on pictures with more: every plane is then a picture of its own.
pub fn plane_by_plane(x: Tensor<4>, channels: usize, f: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    if c == channels {
        return f(x);
    }
    let y = f(x.reshape([n * c / channels, channels, h, w]));
    let [_, _, h, w] = y.dims();
    y.reshape([n, c, h, w])
}

/// Reads a tensor back. Asynchronous because a browser's GPU can be read in no other way.
///
/// A reading that has begun is seen through, even if the future is dropped.
///
/// # Errors
/// [`Kind::Device`] when the device fails.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    read_data(tensor).await?.try_into_vec::<f32>().map_err(no_numbers)
}

/// [`read`], in the memory that the device gave it in.
///
/// # Errors
/// As [`read`].
pub async fn read_data<const D: usize>(tensor: Tensor<D>) -> Result<TensorData> {
    let data = SeenThrough(Some(Box::pin(tensor.into_data_async())))
        .await
        .map_err(|e| Error::new(Kind::Device, format!("the device failed to give its result ({e:?})")))?;
    Ok(data.convert::<f32>())
}

/// The numbers of what was read.
///
/// # Errors
/// [`Kind::Internal`] when it has others.
pub fn numbers(data: &TensorData) -> Result<&[f32]> {
    data.as_slice::<f32>().map_err(no_numbers)
}

fn no_numbers(error: DataError) -> Error {
    Error::new(Kind::Internal, format!("the result is not made of numbers ({error:?})"))
}

/// Reads several tensors back at once, as every reading waits for the device.
///
/// # Errors
/// As [`read`].
pub async fn read_together<const N: usize>(tensors: [Tensor<1>; N]) -> Result<[Vec<f32>; N]> {
    let sizes = tensors.each_ref().map(|tensor| tensor.dims()[0]);
    let mut values = read(Tensor::cat(tensors.into(), 0)).await?.into_iter();
    Ok(sizes.map(|size| values.by_ref().take(size).collect()))
}

/// A future that goes on when it is dropped. cubecl hands the buffer of a dropped reading out again, though the GPU may still
/// be mapping it, and WebGPU refuses work with such a buffer.
struct SeenThrough<F: Future + Unpin + 'static>(Option<F>);

impl<F: Future + Unpin> Future for SeenThrough<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.0.as_mut().expect("a future is not polled once it is ready");
        let result = Pin::new(future).poll(context);
        if result.is_ready() {
            self.0 = None;
        }
        result
    }
}

impl<F: Future + Unpin + 'static> Drop for SeenThrough<F> {
    fn drop(&mut self) {
        let Some(future) = self.0.take() else { return };
        #[cfg(feature = "wasm")]
        wasm_bindgen_futures::spawn_local(async move {
            let _ = future.await;
        });
        #[cfg(not(feature = "wasm"))]
        let _ = pollster::block_on(future);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_dropped_reading_is_seen_through() {
        let polls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&polls);
        let mut reading = SeenThrough(Some(std::future::poll_fn(move |context| {
            seen.set(seen.get() + 1);
            context.waker().wake_by_ref();
            if seen.get() < 3 { Poll::Pending } else { Poll::Ready(()) }
        })));
        assert!(Pin::new(&mut reading).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(reading);
        assert_eq!(polls.get(), 3);
    }
}
