//! Ways of running a network on noise that it was not made for, without changing its weights.
//!
//! Networks for white noise fail on photos of cameras, whose noise spreads over neighbouring pixels. Pixel-shuffle
//! downsampling (PD; Zhou et al., "When AWGN-based Denoiser Meets Real Noises", AAAI 2020) takes pixels apart until
//! their noise is independent; random-replacing refinement (R3; Lee et al., "AP-BSN: Self-Supervised Denoising for
//! Real-World Images via Asymmetric PD and Blind-Spot Network", CVPR 2022) brings back the detail that this costs.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::nn::padding::{crop, reflect_to_multiple};
pub use crate::nn::shuffle::{pd_down, pd_phase, pd_up};

/// Share of the values that R3 puts back, as published.
pub const R3_RATE: f64 = 0.16;

/// How a network is run: as it is, on PD phases, or on PD phases with R3 after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapt {
    /// PD factor; 1 leaves the pixels together. Camera photos: 2 for networks trained on phases 5 apart.
    pub pd: usize,
    /// Passes of R3; 0 does without, 8 is published.
    pub refinements: usize,
}

impl Adapt {
    /// The network as it is.
    pub const PLAIN: Self = Self { pd: 1, refinements: 0 };

    /// Runs `forward` (same size out as in, both sides multiples of `multiple`) on `x`, `[N, C, H, W]`.
    pub fn apply(
        &self,
        x: Tensor<4>,
        multiple: usize,
        seed: u64,
        forward: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let first = pd(x.clone(), self.pd, multiple, &forward);
        if self.refinements == 0 {
            return first;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (shape, device) = (x.dims(), x.device());
        let masks = (0..self.refinements).map(|_| bernoulli(shape, R3_RATE, &mut rng, &device));
        let [_, _, height, width] = shape;
        refine(x, first, masks, |x| crop(forward(reflect_to_multiple(x, multiple)), height, width))
    }
}

impl Default for Adapt {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// Runs `forward` on the PD phases of `x` (all of them, as one batch) and puts them together again.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`, any size: it is padded until the phases' sides are multiples of `multiple`
/// - output: the same
pub fn pd(
    x: Tensor<4>,
    factor: usize,
    multiple: usize,
    forward: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let padded = reflect_to_multiple(x, factor * multiple);
    if factor == 1 {
        return crop(forward(padded), height, width);
    }
    crop(pd_up(forward(pd_down(padded, factor)), factor), height, width)
}

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

/// The mean of tensors of one shape, of which there must be at least one.
pub(crate) fn mean<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    let mut count = 0;
    let sum = tensors.inspect(|_| count += 1).reduce(|sum, next| sum + next);
    sum.expect("at least one tensor") / count as f32
}

/// Independent values, 1 with probability `rate`, else 0. Made on the CPU, so that a seed means the same everywhere.
pub(crate) fn bernoulli<const D: usize>(
    shape: [usize; D],
    rate: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| f32::from(rng.random_bool(rate))).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    fn image(shape: [usize; 4]) -> Tensor<4> {
        let count: usize = shape.iter().product();
        let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7 + 0.3).sin()).collect();
        Tensor::from_data(TensorData::new(data, shape), &Device::flex())
    }

    #[test]
    fn an_identity_network_stays_one_at_any_size_and_factor() {
        for (height, width) in [(1, 1), (7, 5), (13, 31), (8, 64)] {
            for pd in 1..=5 {
                let x = image([2, 3, height, width]);
                let got = Adapt { pd, refinements: 0 }.apply(x.clone(), 4, 0, |x| {
                    assert!(x.dims()[2] % 4 == 0 && x.dims()[3] % 4 == 0);
                    x
                });
                assert_eq!(values(got), values(x));
            }
        }
    }

    #[test]
    fn a_phase_is_an_element_of_the_batch() {
        let x = image([2, 3, 6, 9]);
        let phase = values(pd_phase(x.clone(), 3, 1, 2));
        let batch = values(pd_down(x, 3));
        let image = 3 * 2 * 3;
        assert_eq!(phase[..image], batch[5 * image..6 * image]);
        assert_eq!(phase[image..], batch[14 * image..15 * image]);
    }

    #[test]
    fn refinement_puts_noisy_values_back_by_seed() {
        let x = image([1, 3, 32, 32]);
        let run = |seed| {
            // Black where the network saw phases, itself at full resolution: what is left is what was put back.
            let adapt = Adapt { pd: 2, refinements: 4 };
            values(adapt.apply(x.clone(), 8, seed, |x| if x.dims()[0] == 4 { x * 0.0 } else { x }))
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let kept: f32 = run(1).iter().zip(values(x.clone())).map(|(got, noisy)| got / noisy).sum();
        assert!((kept / (3.0 * 32.0 * 32.0) - R3_RATE as f32).abs() < 0.02);
    }
}
