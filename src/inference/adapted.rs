//! What is done around a network, which knows nothing of it: [`Adapt`], carried out.

use burn::tensor::Tensor;

use super::detail::keep_detail;
use super::pd::pd;
use super::r3::{refine, replaced};
use super::self_ensemble::self_ensemble;
use super::wiener::hold_back;
use super::window::WINDOW;
use crate::models::Adapt;
use crate::nn::padding::{crop, reflect_to_multiple};
use crate::photo::tiles::Demands;

impl Adapt {
    /// What tiles need, for a network with these demands: phases see further, and every pass after the first one sees
    /// what the one before has seen.
    #[must_use]
    pub fn demands(&self, network: Demands) -> Demands {
        let Demands { size_multiple, radius } = network;
        let after = usize::from(self.refinements > 0) + usize::from(self.second_pass);
        let window = if self.detail.or(self.wiener).is_some() { WINDOW / 2 } else { 0 };
        Demands { size_multiple: size_multiple * self.pd, radius: radius * (self.pd + after) + window }
    }

    /// Runs `forward` (same size out as in, both sides multiples of `multiple`) on `x`, `[N, C, H, W]`, which begins at
    /// column `at[0]` and row `at[1]` of its photo. What is random depends on `seed` and the place in the photo alone,
    /// so that tiles agree.
    pub fn apply(
        &self,
        x: Tensor<4>,
        at: [usize; 2],
        multiple: usize,
        seed: u64,
        forward: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let plain = |x: Tensor<4>| {
            let [_, _, height, width] = x.dims();
            crop(forward(reflect_to_multiple(x, multiple)), height, width)
        };
        let ensemble = if self.second_pass { 1 } else { self.self_ensemble };
        let mut result = pd(x.clone(), self.pd, multiple, |x| self_ensemble(ensemble, x, &forward));
        if self.refinements > 0 {
            let (shape, device) = (x.dims(), x.device());
            let masks = (0..self.refinements).map(|pass| replaced(shape, at, pass, seed, &device));
            result = refine(x.clone(), result, masks, plain);
        }
        if self.second_pass {
            result = self_ensemble(self.self_ensemble, result, plain);
        }
        if let Some(detail) = self.detail {
            result = keep_detail(plain(x.clone()), result, detail, self.plain_share);
        }
        match self.wiener {
            Some(sigma) => hold_back(x, result, sigma),
            None => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::inference::r3::R3_RATE;
    use crate::nn::{Symmetry, read};

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
                let got = Adapt { pd, detail: Some(0.1), ..Adapt::PLAIN };
                let got = got.apply(x.clone(), [0; 2], 4, 0, |x| {
                    assert!(x.dims()[2] % 4 == 0 && x.dims()[3] % 4 == 0);
                    x
                });
                assert_eq!(values(got), values(x));
            }
        }
    }

    #[test]
    fn all_turns_treat_a_picture_as_they_treat_the_turned_one() {
        // Looks to the right and, less, downwards.
        let lopsided = |x: Tensor<4>| {
            let [_, _, height, width] = x.dims();
            let left = x.clone().slice([0..1, 0..3, 0..height, 0..1]);
            let right = Tensor::cat(vec![x.clone().slice([0..1, 0..3, 0..height, 1..width]), left], 3);
            let top = x.clone().slice([0..1, 0..3, 0..1, 0..width]);
            let below = Tensor::cat(vec![x.clone().slice([0..1, 0..3, 1..height, 0..width]), top], 2);
            x + right * 0.5 + below * 0.25
        };
        let run = |x: Tensor<4>, self_ensemble| {
            Adapt { self_ensemble, ..Adapt::PLAIN }.apply(x, [0; 2], 4, 0, lopsided)
        };
        let worst = |a: Tensor<4>, b: Tensor<4>| {
            let (a, b) = (values(a), values(b));
            a.iter().zip(&b).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()))
        };
        let x = image([1, 3, 8, 12]);
        let turned = |symmetry: Symmetry, f: &dyn Fn(Tensor<4>) -> Tensor<4>| {
            symmetry.inverse().apply(f(symmetry.apply(x.clone())))
        };
        let all = Symmetry::ALL.len();
        for symmetry in Symmetry::ALL {
            let difference = worst(turned(symmetry, &|x| run(x, all)), run(x.clone(), all));
            assert!(difference < 1e-5, "{symmetry:?}: {difference}");
        }
        let [_, half, lying, ..] = Symmetry::ALL;
        assert!(worst(turned(half, &|x| run(x, 2)), run(x.clone(), 2)) < 1e-5);
        assert!(worst(turned(half, &|x| run(x, 1)), run(x.clone(), 1)) > 0.1);
        assert!(worst(turned(lying, &|x| run(x, 2)), run(x.clone(), 2)) > 0.1);
    }

    #[test]
    fn refinement_puts_noisy_values_back_by_seed() {
        let x = image([1, 3, 32, 32]);
        let run = |seed| {
            // Black where the network saw phases, itself at full resolution: what is left is what was put back.
            let adapt = Adapt { refinements: 4, ..Adapt::R3 };
            values(adapt.apply(x.clone(), [0; 2], 8, seed, |x| if x.dims()[0] == 4 { x * 0.0 } else { x }))
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let kept: f32 = run(1).iter().zip(values(x.clone())).map(|(got, noisy)| got / noisy).sum();
        assert!((kept / (3.0 * 32.0 * 32.0) - R3_RATE as f32).abs() < 0.02);
    }

    #[test]
    fn no_more_is_taken_than_noise_explains() {
        let device = Device::flex();
        let noisy = Tensor::<4>::ones([1, 3, 20, 40], &device);
        // A tenth is taken on the left, a half on the right.
        let network = |x: Tensor<4>| {
            let right = x.clone().slice([0..1, 0..3, 0..20, 20..40]) - 0.4;
            (x - 0.1).slice_assign([0..1, 0..3, 0..20, 20..40], right - 0.1)
        };
        let adapt = Adapt { wiener: Some(0.25), ..Adapt::PLAIN };
        let got = values(adapt.apply(noisy, [0; 2], 4, 0, network));
        let at = |x: usize| got[10 * 40 + x];
        assert!((at(0) - 0.9).abs() < 1e-6, "{}", at(0));
        assert!((at(39) - (1.0 - 0.5 * 0.25)).abs() < 1e-6, "{}", at(39));
    }
}
