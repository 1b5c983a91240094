//! Cases of the Noise2Void U-Net and of masking.

use burn::tensor::{Device, Tensor, TensorData};

use super::training::{self, Optimiser};
use super::{Case, Check, check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::noise2void::{UNet, UNetConfig};
use crate::objectives::noise2void::{self, Plane, lower_median, mean, median};
use crate::weights;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    match case.name.as_str() {
        "masking_keras_n2v" => windows(case),
        "masking_uniform_median" => masks(case, device).await,
        _ => network(case, device).await,
    }
}

async fn network(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let mut state = case.file("weights")?.clone();
    for option in ["use_batch_norm", "residual"] {
        if let Some(value) = case.json["config"][option].as_bool() {
            state.metadata.insert(option.trim_start_matches("use_").into(), value.to_string());
        }
    }
    let config = UNetConfig::infer(&state)?;
    let training = case.name.starts_with("train_step");
    // Normalisation by the batch, not by running statistics, is what a training device does.
    let device = &if training { device.clone().autodiff() } else { device.clone() };
    let network = weights::load(config.init(device), &config.clean(&state), UNet::official_key)?;
    if !training {
        return Ok(vec![case.compare("output", network.forward(case.tensor("input", device)?)).await?]);
    }
    let output = network.forward(case.tensor("masked", device)?);
    let (original, mask) = (case.tensor("original", device)?, case.tensor("mask", device)?);
    let loss = noise2void::loss(output.clone(), original, mask);
    let mut checks =
        vec![case.compare("output", output).await?, case.compare_scalar("loss", loss.clone()).await?];
    checks.extend(training::step(case, network, UNet::official_key, &loss, &Optimiser::ADAM, 4e-4).await?);
    Ok(checks)
}

/// Windows as the Keras library takes them: cut off at the border.
fn windows(case: &Case) -> Result<Vec<Check>> {
    const RADIUS: usize = 5;
    let patch = case.array("io", "patch")?;
    let plane = Plane { data: &patch.data, height: patch.shape[0], width: patch.shape[1] };
    let pairs = |key| -> Result<Vec<[usize; 2]>> {
        let values = &case.array("io", key)?.data;
        Ok(values.chunks(2).map(|pair| [pair[0] as usize, pair[1] as usize]).collect())
    };
    let windows: Vec<_> = pairs("coords")?.into_iter().map(|at| plane.window(at, RADIUS)).collect();
    let shapes: Vec<f32> = windows.iter().flat_map(|w| [w.height as f32, w.width as f32]).collect();
    let offsets = pairs("uniform_withCP_offsets")?;
    let chosen: Vec<f32> =
        windows.iter().zip(offsets).map(|(window, [y, x])| window.values[y * window.width + x]).collect();
    let each = |f: fn(Vec<f32>) -> f32| windows.iter().map(|w| f(w.others())).collect::<Vec<f32>>();
    let compare = |key: &str, got: Vec<f32>| Ok(check(key, &got, &case.array("io", key)?.data));
    [
        compare("window_shapes", shapes),
        compare("uniform_withCP_values", chosen),
        compare("mean_values", each(mean)),
        compare("median_values", each(median)),
    ]
    .into_iter()
    .collect()
}

/// Replaced pictures, masks and the loss, at given places.
async fn masks(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let patch = case.array("io", "patch")?;
    let (height, width) = (patch.shape[1], patch.shape[2]);
    let places = |key| -> Result<Vec<[usize; 3]>> {
        let values = &case.array("io", key)?.data;
        Ok(values.chunks(3).map(|v| [v[0] as usize, v[1] as usize, v[2] as usize]).collect())
    };
    let paste = |places: &[[usize; 3]], values: &[f32]| {
        let (mut masked, mut mask) = (patch.data.clone(), vec![0f32; patch.data.len()]);
        for (&[picture, row, column], &value) in places.iter().zip(values) {
            let at = (picture * height + row) * width + column;
            mask[at] = f32::from(masked[at] != value);
            masked[at] = value;
        }
        (masked, mask)
    };
    let median_of = |&[picture, row, column]: &[usize; 3]| {
        let data = &patch.data[picture * height * width..][..height * width];
        lower_median(Plane { data, height, width }.window_repeating_border([row, column], 2).others())
    };
    let (coords, median_coords) = (places("coords")?, places("median_coords")?);
    let (masked, mask) = paste(&coords, &case.array("io", "values")?.data);
    let medians: Vec<f32> = median_coords.iter().map(median_of).collect();
    let (median_masked, median_mask) = paste(&median_coords, &medians);
    let tensor =
        |data: Vec<f32>| Tensor::from_data(TensorData::new(data, [patch.shape[0], 1, height, width]), device);
    let pred = tensor(case.array("io", "pred")?.data.clone());
    let loss = noise2void::loss(pred, tensor(patch.data.clone()), tensor(mask.clone()));
    let compare = |key: &str, got: &[f32]| Ok(check(key, got, &case.array("io", key)?.data));
    let mut checks: Vec<Check> = [
        compare("masked", &masked),
        compare("mask", &mask),
        compare("median_values", &medians),
        compare("median_masked", &median_masked),
        compare("median_mask", &median_mask),
    ]
    .into_iter()
    .collect::<Result<_>>()?;
    checks.push(case.compare_scalar("loss", loss).await?);
    Ok(checks)
}
