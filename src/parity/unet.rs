//! Cases of our own U-Net.

use burn::tensor::Device;

use super::{Case, Check};
use crate::error::Result;
use crate::models::unet::{UNet, UNetConfig};
use crate::weights;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let weights = case.file("weights")?;
    let network = UNetConfig::infer(weights)?.init(device);
    let network = weights::load(network, weights, UNet::key)?;
    let output = network.forward(case.tensor("input", device)?);
    Ok(vec![case.compare("output", output).await?])
}
