//! Cases of our own U-Net.

use burn::tensor::Device;

use super::{Case, Check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::unet::UNet;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let output = UNet::load(case.file("weights")?, device)?.forward(case.tensor("input", device)?);
    Ok(vec![case.compare("output", output).await?])
}
