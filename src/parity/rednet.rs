//! Cases of RED-Net.

use burn::tensor::Device;

use super::training::{self, Optimiser};
use super::{Case, Check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::rednet::RedNet;
use crate::objectives;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let mut state = case.file("weights")?.clone();
    if let Some(stride) = case.json["config"]["stride"].as_u64() {
        state.metadata.insert("stride".into(), stride.to_string());
    }
    let training = case.file("grads").is_ok();
    let device = &if training { device.clone().autodiff() } else { device.clone() };
    let network = RedNet::load(&state, device)?;
    let output = network.forward(case.tensor("input", device)?);
    let mut checks = vec![case.compare("output", output.clone()).await?];
    if training {
        let loss = objectives::mse(output, case.tensor("target", device)?);
        let layers = network.layers();
        let key = |path: &str| RedNet::key(layers, path);
        checks.push(case.compare_scalar("loss", loss.clone()).await?);
        checks.extend(training::step(case, network, key, &loss, &Optimiser::ADAM, 1e-4).await?);
    }
    Ok(checks)
}
