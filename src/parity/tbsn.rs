//! Cases of TBSN.

use burn::tensor::{Device, Tensor};

use super::training::{self, Optimiser};
use super::{Case, Check, check};
use crate::error::Result;
use crate::inference::{pd, refine};
use crate::models::Architecture;
use crate::models::tbsn::{ChannelAttention, SpatialAttention, Tbsn};
use crate::nn::Then;
use crate::nn::shuffle::{patch_shuffle, patch_unshuffle, pd_down, pd_phase, pd_up};
use crate::objectives;
use crate::weights::{self, StateDict};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.name.as_str() {
        "piece_shuffles" => shuffles(case, device).await,
        "piece_dilated_mdta" => channel_attention(case, device).await,
        "piece_dilated_oca" => spatial_attention(case, device).await,
        name => {
            if name.starts_with("train_step") {
                return train_step(case, &device.clone().autodiff()).await;
            }
            let network = Tbsn::load(case.file("weights")?, device)?;
            if name.starts_with("apbsn_wrapper") {
                return wrapper(case, &network, device).await;
            }
            let output = network.forward(case.tensor("input", device)?);
            Ok(vec![case.compare("output", output).await?])
        }
    }
}

async fn shuffles(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let input = |key: &str| case.tensor::<4>(key, device);
    Ok(vec![
        case.compare("unshuffle_out", patch_unshuffle(input("unshuffle_in")?)).await?,
        case.compare("shuffle_out", patch_shuffle(input("shuffle_in")?)).await?,
        case.compare("pd5_train", pd_phase(input("pd5_in")?, 5, 0, 0)).await?,
        case.compare("pd5_eval", pd_down(input("pd5_in")?, 5)).await?,
        case.compare("pd2_eval", pd_down(input("pd2_in")?, 2)).await?,
        case.compare("pd2_back", pd_up(input("pd2_eval")?, 2)).await?,
    ])
}

async fn channel_attention(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let input: Tensor<4> = case.tensor("input", device)?;
    let state = case.file("weights")?;
    let heads = state.shape("temperature").map_or(0, |shape| shape[0]);
    let piece = ChannelAttention::init(input.dims()[1], heads, false, device);
    let piece = weights::load(piece, state, str::to_string)?;
    Ok(vec![case.compare("output", piece.forward(input, Then::nothing())).await?])
}

async fn spatial_attention(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let input: Tensor<4> = case.tensor("input", device)?;
    let mut state = StateDict::clone(case.file("weights")?);
    state.arrays.remove("fixed_pos_emb.attention_mask");
    let dim_head = state.shape("rel_pos_emb.rel_height").map_or(1, |shape| shape[1]);
    let heads = state.shape("project_out.weight").map_or(0, |shape| shape[1]) / dim_head;
    let piece = SpatialAttention::init(input.dims()[1], [heads, dim_head], false, device);
    // The piece has no owner, so its keys would begin with the dot after its name.
    let piece =
        weights::load(piece, &state, |path| Tbsn::official_key(path).trim_start_matches('.').to_string())?;
    let output = case.compare("output", piece.forward(input, Then::nothing())).await?;
    let want = &case.array("io", "attention_mask")?.data;
    let want: Vec<f32> = want.iter().map(|mask| f32::from(mask.is_finite())).collect();
    // We attend within phases and mask nothing: the same, as long as the mask keeps exactly the even distances.
    let even = |from: usize, to: usize| from % 2 == to % 2;
    let same_phase = |query: usize, key: usize| even(query / 8, key / 12) && even(query % 8, key % 12);
    let got: Vec<f32> = (0..want.len()).map(|i| f32::from(same_phase(i / 144, i % 144))).collect();
    Ok(vec![output, check("attention_mask", &got, &want)])
}

/// PD 2 and R3 around the network, which wants 0 to 255.
async fn wrapper(case: &Case, network: &Tbsn, device: &Device) -> Result<Vec<Check>> {
    let noisy: Tensor<4> = case.tensor("input", device)?;
    let factor = case.json["config"]["pd_b"].as_u64().unwrap_or(2) as usize;
    let forward = |x: Tensor<4>| network.forward(x * 255.0) / 255.0;
    let first = pd(noisy.clone(), factor, 32, forward);
    let masks: Tensor<5> = case.tensor("r3_masks", device)?;
    let count = masks.dims()[0];
    let masks = (0..count).map(|i| masks.clone().slice_dim(0, i..i + 1).squeeze_dim::<4>(0));
    let refined = refine(noisy, first.clone(), masks, forward);
    Ok(vec![case.compare("pd2_output", first).await?, case.compare("r3_output", refined).await?])
}

async fn train_step(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let network = Tbsn::load(&with_blind_spot(case.file("weights")?), device)?;
    let image: Tensor<4> = case.tensor("image", device)?;
    let input = pd_phase(image * 255.0, 5, 0, 0);
    let output = network.forward(input.clone());
    let loss = objectives::l1(output.clone(), input.clone());
    let mut checks = vec![
        case.compare("pd_input", input).await?,
        case.compare("output", output).await?,
        case.compare_scalar("loss", loss.clone()).await?,
    ];
    checks.extend(
        training::step(case, network, Tbsn::official_key, &loss, &Optimiser::AdamW(0.01), 3e-4).await?,
    );
    Ok(checks)
}

/// The public implementation masks the centre of its first convolution in place, before the first step; we mask what we
/// compute with.
fn with_blind_spot(state: &StateDict) -> StateDict {
    let mut state = state.clone();
    if let Some(array) = state.arrays.get_mut("patch_embed.proj.weight") {
        array.data.chunks_exact_mut(9).for_each(|kernel| kernel[4] = 0.0);
    }
    state
}
