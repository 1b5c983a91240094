//! Cases of SASL's three networks and of its losses.

use burn::tensor::{Device, Tensor};

use super::training::{self, Optimiser};
use super::{Case, Check, distilled_unet};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::distilled_unet::UNet;
use crate::models::sasl::{Bnn, Lan};
use crate::objectives::{self, sasl};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    if case.name.starts_with("bnn") {
        bnn(case, device).await
    } else if case.name.starts_with("lan") {
        lan(case, device).await
    } else if case.name == "three_stage_losses" {
        losses(case, device).await
    } else {
        distilled_unet::run(case, device).await
    }
}

async fn bnn(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let mut state = case.file("weights")?.clone();
    if let Some(side) = case.json["config"]["blindspot"].as_u64() {
        state.metadata.insert("blindspot".into(), side.to_string());
    }
    let output = Bnn::load(&state, device)?.forward(case.tensor("input", device)?);
    Ok(vec![case.compare("output", output).await?])
}

async fn lan(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let output = Lan::load(case.file("weights")?, device)?.forward(case.tensor("input", device)?);
    Ok(vec![case.compare("output", output).await?])
}

async fn losses(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let device = &device.clone().autodiff();
    let network = UNet::load(case.file("weights")?, device)?;
    let tensor = |key| case.tensor::<4>(key, device);
    let (x, bnn, lan): (Tensor<4>, _, _) = (tensor("input")?, tensor("bnn_out")?, tensor("lan_out")?);
    let unet = network.forward(x.clone());
    let texture = sasl::texture(sasl::local_std(bnn.clone()));
    let std = sasl::local_std(tensor("alpha_in")?);
    let loss = sasl::loss(unet.clone(), bnn.clone(), lan.clone(), texture.clone());
    let mut checks = vec![
        case.compare("unet_out", unet).await?,
        case.compare("alpha_of_bnn", texture).await?,
        case.compare("alpha_std", std.clone()).await?,
        case.compare("alpha_out", sasl::texture(std)).await?,
        case.compare_scalar("loss_bnn", objectives::l1(bnn.clone(), x)).await?,
        case.compare_scalar("loss_lan", objectives::l1(lan, bnn)).await?,
        case.compare_scalar("loss_unet", loss.clone()).await?,
    ];
    checks.extend(training::step(case, network, UNet::official_key, &loss, &Optimiser::ADAM, 3e-4).await?);
    Ok(checks)
}
