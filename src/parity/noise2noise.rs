//! Cases of the two Noise2Noise U-Nets.

use burn::tensor::Device;

use super::{Case, Check};
use crate::error::Result;
use crate::models::{noise2noise, noise2noise_nvlabs};
use crate::{objectives, weights};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let weights = case.file("weights")?;
    let input = if case.name.starts_with("train_step") { "source" } else { "input" };
    let input = case.tensor(input, device)?;
    let output = if case.name.starts_with("nvlabs") {
        let network = noise2noise_nvlabs::UNetConfig::infer(weights)?.init(device);
        weights::load(network, weights, noise2noise_nvlabs::UNet::key)?.forward(input)
    } else {
        let network = noise2noise::UNetConfig::infer(weights)?.init(device);
        weights::load(network, weights, noise2noise::UNet::key)?.forward(input)
    };
    let mut checks = vec![case.compare("output", output.clone()).await?];
    if case.array("io", "target").is_ok() {
        let target = case.tensor("target", device)?;
        let l2 = case.name.ends_with("l2");
        let loss = if l2 { objectives::mse(output, target) } else { objectives::l1(output, target) };
        checks.push(case.compare_scalar("loss", loss).await?);
    }
    Ok(checks)
}
