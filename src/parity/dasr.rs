//! Cases of DASR: networks, the degradation-aware convolution, the contrastive loss and the degradation.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::{Case, Check, check};
use crate::degradation::{KERNEL, degrade, gaussian_kernel, resize};
use crate::error::{Error, Kind, Result};
use crate::models::dasr::{DaConv, Dasr, DasrConfig, Encoder, contrastive_logits, without_training_state};
use crate::nn::read;
use crate::weights::{self, Array, StateDict};

/// How much of the key encoder stays in each step of training.
const MOMENTUM: f32 = 0.999;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.name.as_str() {
        "degradation" => degradation(case, device).await,
        "piece_da_conv" => da_conv(case, device).await,
        name if name.starts_with("train_step") => train_step(case, &device.clone().autodiff()).await,
        _ => forward(case, device).await,
    }
}

fn load(weights: &StateDict, device: &Device) -> Result<Dasr> {
    let state = without_training_state(weights);
    let config = DasrConfig::infer(&state)?;
    weights::load(config.init(device), &state, |path| config.key(path))
}

async fn forward(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let network = load(case.file("weights")?, device)?;
    let x: Tensor<4> = case.tensor("input", device)?;
    let embedding = network.embed(x.clone());
    let sr = network.forward(x);
    let quantised = sr.clone().round().clamp(0.0, 255.0);
    let rounding = quantisation(case, "sr_quantized", quantised).await?;
    Ok(vec![
        case.compare("mlp_out", network.encoder().project(embedding.clone())).await?,
        case.compare("kv_compressed", network.compress(embedding.clone())).await?,
        case.compare("embedding", embedding).await?,
        case.compare("sr", sr).await?,
        rounding,
    ])
}

/// Compares whole numbers: where rounding falls on the other side (the values before it differ in the last digits)
/// it may differ by one, which at most one in a thousand may.
async fn quantisation<const D: usize>(case: &Case, key: &str, got: Tensor<D>) -> Result<Check> {
    let (got, want) = (read(got).await?, &case.array("io", key)?.data);
    let off = got.iter().zip(want).filter(|(a, b)| a != b).count();
    let by_one = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1.0);
    let worst = if by_one && off * 1000 <= want.len() { 0.0 } else { f64::INFINITY };
    Ok(Check { name: key.to_string(), worst })
}

async fn da_conv(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let (channels, reduction) = (config(case, "channels")?, config(case, "reduction")?);
    let config = DasrConfig::new(2).with_features(channels).with_reduction(reduction);
    let layer = weights::load(config.init_da_conv(device), case.file("weights")?, DaConv::key)?;
    let output = layer.forward(case.tensor("feature", device)?, case.tensor("kv", device)?);
    Ok(vec![case.compare("output", output).await?])
}

fn config(case: &Case, key: &str) -> Result<usize> {
    let value = case.json["config"][key].as_u64();
    let value = value.ok_or_else(|| Error::new(Kind::Option, format!("case.json: no config.{key}")))?;
    Ok(value as usize)
}

/// The forward pass of a step of training, with batch statistics: one patch of each picture is the query, the other
/// one the key; the key encoder follows the query encoder before it is used.
async fn train_step(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let state = case.file("weights")?;
    let config = DasrConfig::new(2).with_encoder(DasrConfig::infer_encoder(state)?);
    let encoder = |state: &StateDict| {
        let state = part(state, "E.encoder_q.");
        weights::load(config.init_encoder(device), &state, Encoder::key)
    };
    let lr: Tensor<5> = case.tensor("lr", device)?;
    let patch = |i: usize| lr.clone().slice_dim(1, i..i + 1).squeeze_dim::<4>(1);
    let query_encoder = encoder(state)?;
    let embedding = query_encoder.embed(patch(0));
    let query = query_encoder.project(embedding.clone());
    let key_encoder = encoder(&following(state))?.no_grad();
    let key = key_encoder.project(key_encoder.embed(patch(1)));
    let queue = &state.arrays["E.queue"];
    let queue = Tensor::from_data(TensorData::new(queue.data.clone(), queue.shape.clone()), device);
    let logits = contrastive_logits(query, key, queue);
    let contrast = -log_softmax(logits.clone(), 1).slice_dim(1, 0..1).mean();
    let mut checks = vec![case.compare("logits", logits).await?];
    if case.array("io", "sr").is_err() {
        checks.push(scalar(case, "loss", contrast).await?);
        return Ok(checks);
    }
    let sr = load(state, device)?.upscale(patch(0), embedding);
    let difference = (sr.clone() - case.tensor("hr", device)?).abs().mean();
    checks.push(case.compare("sr", sr).await?);
    checks.push(scalar(case, "loss_sr", difference.clone()).await?);
    checks.push(scalar(case, "loss_contrast", contrast.clone()).await?);
    checks.push(scalar(case, "loss", difference + contrast).await?);
    Ok(checks)
}

async fn scalar(case: &Case, key: &str, got: Tensor<1>) -> Result<Check> {
    Ok(check(key, &read(got).await?, &case.array("io", key)?.data))
}

/// The arrays under a prefix, without it and without the counters of normalisations.
fn part(state: &StateDict, prefix: &str) -> StateDict {
    let arrays = without_training_state(state).arrays.into_iter();
    let arrays = arrays.filter_map(|(key, array)| Some((key.strip_prefix(prefix)?.to_string(), array)));
    StateDict { arrays: arrays.collect(), metadata: BTreeMap::new() }
}

/// The key encoder after it followed the query encoder, under the keys of the latter. The statistics of its
/// normalisations stay its own.
fn following(state: &StateDict) -> StateDict {
    let arrays = state.arrays.iter().filter_map(|(name, key)| {
        let query = name.replace("E.encoder_k.", "E.encoder_q.");
        let name_query = query.clone();
        let query = state.arrays.get(&query).filter(|_| name.starts_with("E.encoder_k."))?;
        let follow = |(k, q): (&f32, &f32)| MOMENTUM * k + (1.0 - MOMENTUM) * q;
        let data = if name.contains(".running_") {
            key.data.clone()
        } else {
            key.data.iter().zip(&query.data).map(follow).collect()
        };
        Some((name_query, Array { shape: key.shape.clone(), data }))
    });
    StateDict { arrays: arrays.collect(), metadata: BTreeMap::new() }
}

async fn degradation(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let hr: Tensor<5> = case.tensor("hr", device)?;
    let hr = hr.squeeze_dim::<4>(0);
    let [n, _, height, width] = hr.dims();
    let kernels = [
        ("iso_sig2.6_kernel", "iso_sig2.6", gaussian_kernel([2.6, 2.6], 0.0)),
        ("aniso_l0.5_l3_t30_kernel", "aniso", gaussian_kernel([0.5, 3.0], 30f64.to_radians())),
    ];
    let mut checks = Vec::new();
    for (key, name, kernel) in kernels {
        checks.push(check(key, &kernel, &case.array("io", key)?.data));
        let kernel = Tensor::<3>::from_data(TensorData::new(kernel, [1, KERNEL, KERNEL]), device);
        for scale in [2, 3, 4] {
            let lr = degrade(hr.clone(), kernel.clone().repeat_dim(0, n), scale, None);
            checks.push(quantisation(case, &format!("{name}_x{scale}_lr"), lr).await?);
        }
    }
    for scale in [2, 3, 4] {
        let first = hr.clone().slice_dim(0, 0..1);
        checks.push(
            case.compare(&format!("bicubic_only_x{scale}"), resize(first, height / scale, width / scale))
                .await?,
        );
    }
    Ok(checks)
}
