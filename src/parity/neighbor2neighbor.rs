//! Cases of the Neighbor2Neighbor U-Net, its sampler, its loss, and rotations.

use burn::tensor::{Device, Tensor};

use super::training::{self, Optimiser};
use super::{Case, Check, check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::neighbor2neighbor::UNet;
use crate::nn::Symmetry;
use crate::objectives::neighbor2neighbor::{self, PAIRS, Pairs};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    if case.name.starts_with("rotate") {
        return rotations(case, device).await;
    }
    if case.name.starts_with("train_step") {
        let device = &device.clone().autodiff();
        return train_step(case, UNet::load(case.file("weights")?, device)?, device).await;
    }
    let network = UNet::load(case.file("weights")?, device)?;
    let output = network.forward(case.tensor("input", device)?);
    Ok(vec![case.compare("output", output).await?])
}

async fn rotations(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let x: Tensor<4> = case.tensor("input", device)?;
    Ok(vec![
        case.compare("rot90", Symmetry::QUARTER.apply(x.clone())).await?,
        case.compare("rot180", Symmetry::HALF.apply(x.clone())).await?,
        case.compare("rot270", Symmetry::THREE_QUARTERS.apply(x)).await?,
    ])
}

async fn train_step(case: &Case, network: UNet, device: &Device) -> Result<Vec<Check>> {
    let noisy: Tensor<4> = case.tensor("noisy", device)?;
    let chosen = case.array("io", "pair_index")?;
    let shape = [chosen.shape[0], chosen.shape[1], chosen.shape[2]];
    let chosen: Vec<usize> = chosen.data.iter().map(|&v| v as usize).collect();
    let position = |which: usize| chosen.iter().map(|&c| PAIRS[c][which] as f32).collect::<Vec<f32>>();
    let mut checks = vec![
        check("idx1", &position(0), &case.array("io", "idx1")?.data),
        check("idx2", &position(1), &case.array("io", "idx2")?.data),
    ];
    let pairs = Pairs::new(&chosen, shape, device);
    let [sub1, sub2] = pairs.split(noisy.clone());
    let denoised = network.forward(noisy).detach();
    let [den1, den2] = pairs.split(denoised.clone());
    let output = network.forward(sub1.clone());
    let lambda = f64::from(case.array("io", "Lambda")?.data[0]);
    let denoised_subs = [den1.clone(), den2.clone()];
    let [loss1, loss2] =
        neighbor2neighbor::terms(output.clone(), sub2.clone(), denoised_subs.clone(), lambda);
    let loss = neighbor2neighbor::loss(output.clone(), sub2.clone(), denoised_subs, lambda);
    let tensors = [
        ("sub1", sub1),
        ("sub2", sub2),
        ("denoised_full", denoised),
        ("den_sub1", den1),
        ("den_sub2", den2),
        ("net_sub1", output),
    ];
    for (key, tensor) in tensors {
        checks.push(case.compare(key, tensor).await?);
    }
    for (key, value) in [("loss1", loss1), ("loss2", loss2), ("loss", loss.clone())] {
        checks.push(case.compare_scalar(key, value).await?);
    }
    checks.extend(training::step(case, network, UNet::official_key, &loss, &Optimiser::ADAM, 3e-4).await?);
    Ok(checks)
}
