//! Cases of DASR: networks, the degradation-aware convolution, the contrastive loss and the degradation.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::training::{self, Optimiser};
use super::{Case, Check, check};
use crate::degradation::{KERNEL, degrade, gaussian_kernel, resize};
use crate::error::{Error, Kind, Result};
use crate::models::Architecture;
use crate::models::dasr::{
    DaConv, Dasr, DasrConfig, Encoder, MOMENTUM, contrastive_logits, contrastive_loss, without_training_state,
};
use crate::nn::read;
use crate::objectives;
use crate::weights::{self, Array, StateDict};

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.name.as_str() {
        name if name.starts_with("degradation") => degradation(case, device).await,
        name if name.starts_with("piece_da_conv") => da_conv(case, device).await,
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
    let mut checks = vec![case.compare("sr", sr).await?];
    let vectors = [
        ("mlp_out", network.encoder().project(embedding.clone())),
        ("kv_compressed", network.compress(embedding.clone())),
        ("embedding", embedding),
    ];
    for (key, got) in vectors {
        if case.array("io", key).is_ok() {
            checks.push(case.compare(key, got).await?);
        }
    }
    if case.array("io", "sr_quantized").is_ok() {
        checks.push(quantisation(case, "sr_quantized", quantised).await?);
    }
    Ok(checks)
}

/// Compares whole numbers: where rounding falls on the other side (the values before it differ in the last digits)
/// it may differ by one, which one value, and one in a thousand, may.
async fn quantisation<const D: usize>(case: &Case, key: &str, got: Tensor<D>) -> Result<Check> {
    let (got, want) = (read(got).await?, &case.array("io", key)?.data);
    let off = got.iter().zip(want).filter(|(a, b)| a != b).count();
    let by_one = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1.0);
    let worst = if by_one && off <= 1 + want.len() / 1000 { 0.0 } else { f64::INFINITY };
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

/// A step of training, with batch statistics: one patch of each picture is the query, the other one the key; the key
/// encoder follows the query encoder before it is used.
async fn train_step(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let state = case.file("weights")?;
    let config = DasrConfig::new(2).with_encoder(DasrConfig::infer_encoder(state)?);
    let encoder = |state: &StateDict| {
        let state = part(state, "E.encoder_q.");
        weights::load(config.init_encoder(device), &state, Encoder::key)
    };
    let lr: Tensor<5> = case.tensor("lr", device)?;
    let patch = |i: usize| lr.clone().slice_dim(1, i..i + 1).squeeze_dim::<4>(1);
    let key_encoder = encoder(&following(state))?.no_grad();
    let key = key_encoder.project(key_encoder.embed(patch(1)));
    let queue = &state.arrays["E.queue"];
    let queue = Tensor::from_data(TensorData::new(queue.data.clone(), queue.shape.clone()), device);
    if case.array("io", "sr").is_err() {
        let network = encoder(state)?;
        let query = network.project(network.embed(patch(0)));
        let (logits, loss) = contrast(query, key, queue);
        let mut checks =
            vec![case.compare("logits", logits).await?, case.compare_scalar("loss", loss.clone()).await?];
        let official = |path: &str| format!("E.encoder_q.{}", Encoder::key(path));
        checks.extend(training::step(case, network, official, &loss, &Optimiser::ADAM, 1e-3).await?);
        return Ok(checks);
    }
    let network = load(state, device)?;
    let embedding = network.embed(patch(0));
    let (logits, contrast) = contrast(network.encoder().project(embedding.clone()), key, queue);
    let sr = network.upscale(patch(0), embedding);
    let difference = objectives::l1(sr.clone(), case.tensor("hr", device)?);
    let loss = difference.clone() + contrast.clone();
    let mut checks = vec![
        case.compare("logits", logits).await?,
        case.compare("sr", sr).await?,
        case.compare_scalar("loss_sr", difference).await?,
        case.compare_scalar("loss_contrast", contrast).await?,
        case.compare_scalar("loss", loss.clone()).await?,
    ];
    let config = network.config();
    let key = |path: &str| config.key(path);
    checks.extend(training::step(case, network, key, &loss, &Optimiser::ADAM, 1e-4).await?);
    Ok(checks)
}

/// Logits and contrastive loss.
fn contrast(query: Tensor<2>, key: Tensor<2>, queue: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let logits = contrastive_logits(query, key, queue);
    let loss = contrastive_loss(logits.clone());
    (logits, loss)
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
    let [b, n, c, height, width] = hr.dims();
    let first = hr.clone().slice_dim(1, 0..1).squeeze_dim::<4>(1);
    let hr = hr.reshape([b * n, c, height, width]);
    let mut checks = Vec::new();
    for key in case.file("io")?.arrays.keys() {
        if let Some(stem) = key.strip_suffix("_kernel") {
            let kernel = kernel(stem)?;
            checks.push(check(key, &kernel, &case.array("io", key)?.data));
        } else if let Some((sort, scale)) = key.strip_suffix("_lr").and_then(scaled) {
            let mut stems = case.file("io")?.arrays.keys().filter_map(|key| key.strip_suffix("_kernel"));
            let stem = stems.find(|stem| stem.starts_with(sort)).unwrap_or(sort);
            let kernel = TensorData::new(kernel(stem)?, [1, KERNEL, KERNEL]);
            let kernels = Tensor::<3>::from_data(kernel, device).repeat_dim(0, b * n);
            let lr = degrade(hr.clone(), kernels, scale, None);
            checks.push(quantisation(case, key, lr).await?);
        } else if let Some((_, scale)) = key.strip_prefix("bicubic_only").and_then(scaled) {
            let small = resize(first.clone(), height / scale, width / scale);
            checks.push(case.compare(key, small).await?);
        }
    }
    Ok(checks)
}

/// What stands before `_x2` and the like, and the scale.
fn scaled(name: &str) -> Option<(&str, usize)> {
    let (name, scale) = name.rsplit_once("_x")?;
    Some((name, scale.parse().ok()?))
}

/// The kernel of `iso_sig2.6` (standard deviation) or `aniso_l0.5_l3_t30` (two of them, and an angle in degrees).
fn kernel(stem: &str) -> Result<Vec<f32>> {
    let numbers: Vec<f64> = stem
        .split('_')
        .filter_map(|part| part.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok())
        .collect();
    match numbers[..] {
        [sigma] => Ok(gaussian_kernel([sigma, sigma], 0.0)),
        [a, b, degrees] => Ok(gaussian_kernel([a, b], degrees.to_radians())),
        _ => Err(Error::new(Kind::Option, format!("`{stem}` names no kernel"))),
    }
}
