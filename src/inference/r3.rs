//! Random-replacing refinement (R3; Lee et al., "AP-BSN: Self-Supervised Denoising for Real-World Images via Asymmetric PD and
//! Blind-Spot Network", CVPR 2022): brings back the detail that PD costs.

use burn::tensor::{Device, Tensor, TensorData};

use crate::nn::mean;

/// Share of the values that R3 puts back, as published.
pub const R3_RATE: f64 = 0.16;

/// R3: where a mask is 1, the noisy value stands in for the first result; all these mixtures are denoised at full
/// resolution and averaged. There must be at least one mask.
///
/// # Shapes
/// - `noisy`, `first`, each of `masks`, output: `[N, C, H, W]`
pub fn refine(
    noisy: Tensor<4>,
    first: Tensor<4>,
    masks: impl IntoIterator<Item = Tensor<4>>,
    forward: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let mixture = |mask: Tensor<4>| noisy.clone() * mask.clone() + first.clone() * (mask.neg() + 1.0);
    mean(masks.into_iter().map(|mask| forward(mixture(mask))))
}

/// The mask of a pass of R3: 1 with probability [`R3_RATE`], else 0, by seed, pass and place in the photo.
pub(super) fn replaced(
    shape: [usize; 4],
    at: [usize; 2],
    pass: usize,
    seed: u64,
    device: &Device,
) -> Tensor<4> {
    let [n, channels, height, width] = shape;
    let threshold = (R3_RATE * 2f64.powi(64)) as u64;
    let mut values = Vec::with_capacity(n * channels * height * width);
    for plane in 0..n * channels {
        let layer = scatter(scatter(seed) ^ (pass as u64) << 32 ^ plane as u64);
        for row in at[1]..at[1] + height {
            let line = scatter(layer ^ row as u64);
            let value = |column| f32::from(scatter(line ^ column as u64) < threshold);
            values.extend((at[0]..at[0] + width).map(value));
        }
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A number that looks random: the step of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
fn scatter(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    #[test]
    fn what_is_put_back_depends_on_the_place_in_the_photo_alone() {
        let device = Device::flex();
        let whole = replaced([1, 3, 40, 50], [0; 2], 2, 7, &device);
        let part = replaced([1, 3, 16, 24], [17, 9], 2, 7, &device);
        assert_eq!(values(whole.clone().slice([0..1, 0..3, 9..25, 17..41])), values(part));
        assert_ne!(values(whole), values(replaced([1, 3, 40, 50], [0; 2], 1, 7, &device)));
    }
}
