//! Cases of the masked SwinIR.

use burn::tensor::{Device, Tensor};

use super::training::{self, Optimiser};
use super::{Case, Check, check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::masked_denoising::{Borders, SwinIr, relative_position_index};
use crate::nn::read;
use crate::objectives::{self, masked::hide_pixels};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.name.as_str() {
        "input_mask" => input_mask(case, device).await,
        "tiny_full_state_dict_with_buffers" => buffers(case, device).await,
        name => {
            if name.starts_with("train_step") {
                return train_step(case, &device.clone().autodiff()).await;
            }
            let network = SwinIr::load(case.file("weights")?, device)?;
            let output = forward(case, &network, case.tensor("input", device)?, device)?;
            Ok(vec![case.compare("output", output).await?])
        }
    }
}

/// Runs the network, with the masks that the case recorded, if it did.
fn forward(case: &Case, network: &SwinIr, input: Tensor<4>, device: &Device) -> Result<Tensor<4>> {
    // "mask.layers.1.residual_group.blocks.0.attn": the order of the names is that of the blocks while there are ten
    // at most of each; longer ones are put in order by their numbers.
    let mut keys: Vec<&String> =
        case.file("io")?.arrays.keys().filter(|key| key.starts_with("mask.layers.")).collect();
    keys.sort_by_key(|key| key.split('.').filter_map(|part| part.parse().ok()).collect::<Vec<usize>>());
    let masks = keys.iter().map(|key| case.tensor::<2>(key, device)).collect::<Result<Vec<_>>>()?;
    let mut masks = masks.into_iter();
    Ok(network.forward_seeing(input, &mut |_| masks.next()))
}

async fn input_mask(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let image: Tensor<3> = case.tensor("image", device)?;
    let keep: Tensor<2> = case.tensor("mask", device)?;
    let masked = hide_pixels(image.unsqueeze(), keep.unsqueeze());
    Ok(vec![case.compare("masked", masked.squeeze_dim::<3>(0)).await?])
}

async fn train_step(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let network = SwinIr::load(case.file("weights")?, device)?;
    let input = hide_pixels(case.tensor("noisy", device)?, case.tensor("input_mask", device)?);
    let hidden = case.compare("input", input.clone()).await?;
    let output = forward(case, &network, input, device)?;
    let loss = objectives::l1(output.clone(), case.tensor("clean", device)?);
    let mut checks =
        vec![hidden, case.compare("output", output).await?, case.compare_scalar("loss", loss.clone()).await?];
    checks.extend(training::step(case, network, SwinIr::official_key, &loss, &Optimiser::ADAM, 1e-4).await?);
    Ok(checks)
}

/// The buffers of an official checkpoint are what we compute, and all else of it goes in and comes out.
async fn buffers(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let official = case.file("weights")?;
    let exported = crate::weights::export(&SwinIr::load(official, device)?, SwinIr::official_key).await?;
    let mut checks = Vec::new();
    for (key, array) in &official.arrays {
        let got = if key.ends_with(".relative_position_index") {
            let window = array.shape[0].isqrt();
            relative_position_index(window).into_iter().map(|v| v as f32).collect()
        } else if key.ends_with(".attn_mask") {
            let [rows, window] = [array.shape[0].isqrt(), array.shape[1].isqrt()];
            let borders = Borders { rows, columns: rows, window, shift: window / 2 };
            read(borders.mask(0..array.shape[0], device)).await?
        } else {
            exported.arrays.get(key).map(|array| array.data.clone()).unwrap_or_default()
        };
        checks.push(check(key, &got, &array.data));
    }
    Ok(checks)
}
