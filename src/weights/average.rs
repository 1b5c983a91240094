//! Walks through the weights of a network while it learns: their running average, and what is not to be learned.

use std::collections::HashMap;

use burn::backend::Dispatch;
use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::nn::kernels::Kernels;

/// Keeps `keep` of the average's weights and takes the rest from `current`. Statistics of normalisations are averaged
/// like weights.
pub fn average<M: Module>(average: M, current: &M, keep: f32) -> M {
    let mut weights = Weights { found: HashMap::new() };
    current.visit(&mut weights);
    average.map(&mut Blend { with: weights.found, keep })
}

/// Makes normalisations keep to the statistics that they have.
pub fn freeze_statistics<M: Module>(network: M) -> M {
    network.map(&mut Freeze)
}

struct Weights {
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        let count = value.shape().num_elements();
        self.found.insert(param.id, value.reshape([count]));
    }
}

struct Blend {
    with: HashMap<ParamId, Tensor<1>>,
    keep: f32,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(current) = self.with.remove(&param.id) else {
            return param;
        };
        let keep = self.keep;
        param.map(|value| {
            let shape = value.dims();
            let [value, current] = [value, current.reshape(shape)].map(Tensor::into_dispatch);
            Tensor::from_dispatch(Dispatch::mix(value, current, keep))
        })
    }
}

struct Freeze;

impl ModuleMapper for Freeze {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::export;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    fn weights(layer: &Linear) -> Vec<f32> {
        let state = pollster::block_on(export(layer, str::to_string)).unwrap();
        state.arrays.into_values().flat_map(|array| array.data).collect()
    }

    #[test]
    fn the_average_lies_between() {
        let layer = LinearConfig::new(3, 4).init(&Device::flex());
        let other = layer.clone().map(&mut Double);
        let blended = average(layer.clone(), &other, 0.75);
        for ((a, b), got) in weights(&layer).iter().zip(weights(&other)).zip(weights(&blended)) {
            assert!((0.75 * a + 0.25 * b - got).abs() < 1e-6);
        }
        assert_ne!(weights(&layer), weights(&blended));
    }

    struct Double;

    impl ModuleMapper for Double {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| value * 2.0)
        }
    }
}
