//! Cases of the two Noise2Noise U-Nets.

use burn::tensor::Device;

use super::training::{self, Optimiser};
use super::{Case, Check};
use crate::error::Result;
use crate::models::{Architecture, noise2noise, noise2noise_nvlabs};
use crate::{objectives, weights};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let weights = case.file("weights")?;
    if case.name.starts_with("train_step") {
        return train_step(case, &device.clone().autodiff()).await;
    }
    let input = case.tensor("input", device)?;
    let output = if case.name.starts_with("nvlabs") {
        let network = noise2noise_nvlabs::UNetConfig::infer(weights)?.init(device);
        weights::load(network, weights, noise2noise_nvlabs::UNet::official_key)?.forward(input)
    } else {
        noise2noise::UNet::load(weights, device)?.forward(input)
    };
    Ok(vec![case.compare("output", output).await?])
}

async fn train_step(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let network = noise2noise::UNet::load(case.file("weights")?, device)?;
    let output = network.forward(case.tensor("source", device)?);
    let target = case.tensor("target", device)?;
    let l2 = case.name.ends_with("l2");
    let loss =
        if l2 { objectives::mse(output.clone(), target) } else { objectives::l1(output.clone(), target) };
    let mut checks =
        vec![case.compare("output", output).await?, case.compare_scalar("loss", loss.clone()).await?];
    let adam = Optimiser::Adam([0.9, 0.99]);
    checks.extend(training::step(case, network, noise2noise::UNet::official_key, &loss, &adam, 1e-3).await?);
    Ok(checks)
}
