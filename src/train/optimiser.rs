//! Adam with decoupled weight decay as one operation for each weight tensor: made of burn's, a step is fifteen of them, and
//! a GPU in a browser spends more time on being told to than on doing them.

use burn::backend::Dispatch;
use burn::optim::{AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::nn::kernels::{AdamStep, Kernels};

/// AdamW (Loshchilov and Hutter, 2019, <https://arxiv.org/abs/1711.05101>); without decay, Adam (Kingma and Ba, 2015,
/// <https://arxiv.org/abs/1412.6980>). Numbers are as in PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// How much stays of the means of gradients and of their squares.
    pub betas: [f32; 2],
    /// Added to the root of the squares' mean.
    pub epsilon: f32,
    /// Share of the weights, times the learning rate, that a step takes from them.
    pub decay: f32,
}

impl Adam {
    /// PyTorch's Adam.
    pub const TORCH: Self = Self { betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0 };

    /// For a whole network.
    pub fn init(self) -> ModuleOptimizer {
        self.into()
    }
}

impl Optimizer for Adam {
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let state = state.unwrap_or_else(|| {
            let zeros = gradient.zeros_like();
            AdaptiveMomentumState::new(0, zeros.clone(), zeros)
        });
        let time = state.time + 1;
        let step = AdamStep {
            betas: self.betas,
            corrections: self.betas.map(|beta| 1.0 - beta.powi(time as i32)),
            epsilon: self.epsilon,
            rate: rate as f32,
            kept: (1.0 - rate * f64::from(self.decay)) as f32,
        };
        let [weights, gradient, means, squares] =
            [weights, gradient, state.moment_1, state.moment_2].map(Tensor::into_dispatch);
        let (weights, means, squares) = Dispatch::adam(weights, gradient, means, squares, step);
        let [weights, means, squares] = [weights, means, squares].map(Tensor::from_dispatch);
        (weights, Some(AdaptiveMomentumState::new(time, means, squares)))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.to_device(device)
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{AdamConfig, AdamWConfig, GradientsParams};
    use burn::tensor::Distribution;

    use super::*;
    use crate::weights::export;

    /// Weights after some steps on gradients of very different sizes.
    fn learned(layer: &Linear, mut optimiser: ModuleOptimizer, inputs: &[Tensor<2>]) -> Vec<f32> {
        let mut layer = layer.clone();
        for (i, x) in inputs.iter().enumerate() {
            let loss = (layer.forward(x.clone()).powi_scalar(3) * 10f32.powi(i as i32 - 2)).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &layer);
            layer = optimiser.step(0.01 * (i + 1) as f64, layer, gradients);
        }
        let state = pollster::block_on(export(&layer.valid(), str::to_string)).unwrap();
        state.arrays.into_values().flat_map(|array| array.data).collect()
    }

    #[test]
    fn steps_are_those_of_burns_adam() {
        let device = Device::flex().autodiff();
        device.seed(5);
        let layer = LinearConfig::new(7, 5).init(&device);
        let normal = Distribution::Normal(0.0, 1.0);
        let inputs: Vec<_> = (0..5).map(|_| Tensor::random([3, 7], normal, &device)).collect();
        let adam = Adam { betas: [0.9, 0.99], ..Adam::TORCH };
        let known = AdamConfig::new().with_beta_2(0.99).with_epsilon(1e-8).init();
        let decaying = Adam { decay: 0.1, ..Adam::TORCH };
        let known_decaying = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.1).init();
        let mut results = Vec::new();
        for (ours, burns) in [(adam.init(), known), (decaying.init(), known_decaying)] {
            let (ours, burns) = (learned(&layer, ours, &inputs), learned(&layer, burns, &inputs));
            let apart = ours.iter().zip(&burns).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{apart}");
            results.push(ours);
        }
        assert_ne!(results[0], results[1]);
    }
}
