//! Cases of RED-Net.

use burn::tensor::Device;

use super::{Case, Check};
use crate::error::Result;
use crate::models::rednet::RedNet;
use crate::objectives;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let mut state = case.file("weights")?.clone();
    if let Some(stride) = case.json["config"]["stride"].as_u64() {
        state.metadata.insert("stride".into(), stride.to_string());
    }
    let output = RedNet::load(&state, device)?.forward(case.tensor("input", device)?);
    let mut checks = vec![case.compare("output", output.clone()).await?];
    if case.array("io", "target").is_ok() {
        let loss = objectives::mse(output, case.tensor("target", device)?);
        checks.push(case.compare_scalar("loss", loss).await?);
    }
    Ok(checks)
}
