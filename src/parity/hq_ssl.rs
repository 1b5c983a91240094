//! Cases of HQ-SSL: its networks (`bsn_*`, `unet_*`), and the whole denoiser with its loss and posterior mean (`ssdn_*`).

use burn::tensor::{Device, Tensor};

use super::{Case, Check};
use crate::error::Result;
use crate::models::hq_ssl::{HqSsl, HqSslConfig, Noise};
use crate::objectives::blind_spot_nll;
use crate::weights;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let state = HqSsl::clean(case.file("weights")?);
    let mut config = HqSslConfig::infer(&state)?;
    if case.json["config"]["noise_style"].as_str().is_some_and(|style| style.starts_with("poisson")) {
        config.noise = Noise::Poisson;
    }
    let network = weights::load(config.init(device), &state, HqSsl::key)?;
    if case.array("io", "noisy").is_err() {
        let output = network.forward(case.tensor("input", device)?);
        return Ok(vec![case.compare("output", output).await?]);
    }
    denoiser(case, &network, config.noise, device).await
}

async fn denoiser(case: &Case, network: &HqSsl, noise: Noise, device: &Device) -> Result<Vec<Check>> {
    let noisy: Tensor<4> = case.tensor("noisy", device)?;
    let [n, _, h, w] = noisy.dims();
    let prior = network.predict(noisy.clone()).expect("these cases predict distributions");
    let estimate = network.estimate(noisy.clone());
    let known = estimate.is_none();
    let strength = match estimate {
        Some(strength) => strength,
        // The official parameter is the standard deviation, or lambda, the number of photons at full brightness.
        None => match noise {
            Noise::Gaussian => case.tensor("noise_param", device)?,
            Noise::Poisson => case.tensor::<4>("noise_param", device)?.recip(),
        },
    };
    let variance = network.noise_variance(prior.mean.clone(), strength);
    let loss = blind_spot_nll::loss(&prior, noisy.clone(), variance.clone(), known);
    let exact = |key| if case.array("io", key).is_ok() { key } else { "posterior_mean" };
    let mut checks = vec![
        case.compare("net_out", network.forward(noisy.clone())).await?,
        case.compare("mu", prior.mean.clone()).await?,
        case.compare("model_std", prior.std().reshape([n, h, w])).await?,
        case.compare("loss_per_image", loss.clone().reshape([n, 1])).await?,
        // In 32 bits the public implementation is off by up to 4e-4; the closed form in 64 bits is the reference.
        case.compare(exact("posterior_mean_f64_closed_form"), prior.posterior_mean(noisy, variance)).await?,
    ];
    if case.array("io", "loss").is_ok() {
        checks.push(case.compare_scalar("loss", loss.mean()).await?);
    }
    Ok(checks)
}
