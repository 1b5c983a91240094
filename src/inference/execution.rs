//! How the networks of a run are run, the same for every tile and worker.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::self_ensemble::self_ensemble;
use crate::models::{Adapt, Conditions, GlobalContext, Network};

/// What the networks of a run are told, and what is done around them.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// What they are told.
    pub conditions: Conditions,
    /// What is done around them.
    pub adapt: Adapt,
}

impl Execution {
    /// Denoises pictures in `[0, 1]`, `[N, C, H, W]`, which begin at column `at[0]` and row `at[1]` of their photo. `context`
    /// as for [`Network::denoise_tile`]. What is random in refinement goes by `seed`, the same for all parts of a photo.
    pub fn denoise(
        &self,
        network: &Network,
        x: Tensor<4>,
        context: Option<&GlobalContext>,
        (at, seed): ([usize; 2], u64),
    ) -> Tensor<4> {
        let forward = |x| network.denoise_tile(x, &self.conditions, context);
        if let Some(turns) = self.adapt.only_self_ensemble() {
            // Networks that enlarge, too.
            return self_ensemble(turns, x, forward);
        }
        self.adapt.apply(x, at, network.demands().size_multiple, seed, forward)
    }
}
