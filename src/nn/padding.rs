//! Images of any size for networks that want multiples.

use burn::tensor::{Int, Tensor, TensorData};

/// Reflects `x` at its right and bottom (without repeating the edge pixel, as often as it takes) until both sides are
/// multiples of `multiple`: `[N, C, H, W]` to `[N, C, H', W']`.
pub fn reflect_to_multiple(x: Tensor<4>, multiple: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let x = reflect_end(x, 2, height.next_multiple_of(multiple));
    reflect_end(x, 3, width.next_multiple_of(multiple))
}

/// The upper left `height` x `width` of `x`.
pub fn crop(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [n, channels, ..] = x.dims();
    x.slice([0..n, 0..channels, 0..height, 0..width])
}

fn reflect_end(x: Tensor<4>, dim: usize, size: usize) -> Tensor<4> {
    let length = x.dims()[dim];
    if size == length {
        return x;
    }
    // One period is there and back again; a single pixel has nothing to be reflected at.
    let period = (2 * (length - 1)).max(1);
    let source = |i: usize| (i % period).min(period - i % period) as i32;
    let indices: Vec<i32> = (0..size).map(source).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [size]), &x.device());
    x.select(dim, indices)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::nn::read;

    fn row(values: &[f32], multiple: usize) -> Vec<f32> {
        let data = TensorData::new(values.to_vec(), [1, 1, 1, values.len()]);
        let padded = reflect_to_multiple(Tensor::from_data(data, &Device::flex()), multiple);
        assert_eq!(padded.dims()[2], multiple);
        pollster::block_on(read(crop(padded, 1, values.len().next_multiple_of(multiple)))).unwrap()
    }

    #[test]
    fn reflects_as_often_as_it_takes() {
        assert_eq!(row(&[1., 2., 3., 4.], 4), [1., 2., 3., 4.]);
        assert_eq!(row(&[1., 2., 3.], 8), [1., 2., 3., 2., 1., 2., 3., 2.]);
        assert_eq!(row(&[1., 2.], 5), [1., 2., 1., 2., 1.]);
        assert_eq!(row(&[7.], 4), [7.; 4]);
    }
}
