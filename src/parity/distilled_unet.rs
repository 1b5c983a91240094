//! Cases of the distilled U-Net, as TBSN's student and as the last stage of SASL.

use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};

use super::training::{self, Optimiser};
use super::{Case, Check};
use crate::error::Result;
use crate::models::Architecture;
use crate::models::distilled_unet::UNet;
use crate::objectives;

pub(super) async fn run(case: &Case, device: &Device) -> Result<Vec<Check>> {
    let training = case.name.starts_with("train_step");
    let device = &if training { device.clone().autodiff() } else { device.clone() };
    let network = UNet::load(case.file("weights")?, device)?;
    let x: Tensor<4> = case.tensor("input", device)?;
    let squared = case.json["mode"].as_str().is_some_and(|mode| mode.starts_with("eval"));
    let output = if squared { in_a_square(x, |x| network.forward(x)) } else { network.forward(x) };
    let mut checks = vec![case.compare("output", output.clone()).await?];
    if case.array("io", "teacher_target").is_ok() {
        let loss = objectives::l1(output, case.tensor("teacher_target", device)?);
        checks.push(case.compare_scalar("loss", loss.clone()).await?);
        if training {
            let adam = Optimiser::AdamW(0.01);
            checks.extend(training::step(case, network, UNet::official_key, &loss, &adam, 3e-4).await?);
        }
    }
    Ok(checks)
}

/// The public evaluation mirrors the shorter side until the picture is a square, and crops the result.
fn in_a_square(x: Tensor<4>, f: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let side = h.max(w);
    if h == w {
        return f(x);
    }
    let padded = x.pad((0, side - w, 0, side - h), PadMode::Reflect);
    f(padded).slice([0..n, 0..c, 0..h, 0..w])
}
