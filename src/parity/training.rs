//! One step of training: the gradients, and the weights after it.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::{Case, Check, check};
use crate::error::{Error, Kind, Result};
use crate::train::optimiser::Adam;
use crate::weights::{self, StateDict};

/// Where a gradient is smaller than this part of its array's largest, a first step of Adam tells rounding errors apart
/// and nothing else: it goes by the gradient's sign.
const TOO_SMALL: f32 = 1e-3;
/// Arrays whose largest gradient is smaller than this part of the largest of all have nothing but rounding errors: biases
/// before a normalisation, say.
const NOTHING: f32 = 1e-5;

/// The optimiser of a case.
pub(super) enum Optimiser {
    /// Adam with betas.
    Adam([f32; 2]),
    /// AdamW with PyTorch's betas and this weight decay.
    AdamW(f32),
}

impl Optimiser {
    /// PyTorch's Adam.
    pub(super) const ADAM: Self = Self::Adam([0.9, 0.999]);

    fn init(&self) -> ModuleOptimizer {
        match *self {
            Self::Adam(betas) => Adam { betas, ..Adam::TORCH }.init(),
            Self::AdamW(decay) => Adam { decay, ..Adam::TORCH }.init(),
        }
    }
}

/// Backpropagates `loss` into `network`, makes one step, and compares with the case's `grads` and `weights_after`.
/// `key` gives the official key of a parameter.
pub(super) async fn step<M: Module>(
    case: &Case,
    network: M,
    key: impl Fn(&str) -> String,
    loss: &Tensor<1>,
    optimiser: &Optimiser,
    rate: f64,
) -> Result<Vec<Check>> {
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let found = weights::export_gradients(&network, &gradients, &key).await?;
    let before = weights::export(&network, &key).await?;
    let after = optimiser.init().step(rate, network, gradients);
    let after = weights::export(&after, &key).await?;
    let mut checks = compare_gradients(case, &found, &before)?;
    checks.push(compare_updates(case, &found, &before, &after, rate)?);
    Ok(checks)
}

fn largest(data: &[f32]) -> f32 {
    data.iter().fold(0f32, |m, v| m.max(v.abs()))
}

/// The largest gradient that is nothing but rounding errors.
fn floor(gradients: &StateDict) -> f32 {
    NOTHING * gradients.arrays.values().map(|array| largest(&array.data)).fold(0f32, f32::max)
}

/// Each gradient, relative to its array's largest. Arrays that the file names twice, and the network has once, count once.
fn compare_gradients(case: &Case, found: &StateDict, weights: &StateDict) -> Result<Vec<Check>> {
    let wanted = &case.file("grads")?.arrays;
    let floor = floor(case.file("grads")?);
    let mut checks = Vec::new();
    for (key, array) in wanted.iter().filter(|(key, _)| weights.arrays.contains_key(*key)) {
        let Some(got) = found.arrays.get(key) else {
            return Err(Error::new(Kind::Internal, format!("`{key}` has no gradient")));
        };
        let name = format!("gradient of {key}");
        if largest(&array.data) < floor {
            let nothing = got.shape == array.shape && largest(&got.data) < floor;
            checks.push(Check { name, worst: if nothing { 0.0 } else { f64::INFINITY } });
        } else {
            checks.push(check(&name, &got.data, &array.data));
        }
    }
    Ok(checks)
}

/// The worst error of an update, relative to the learning rate, which is the size of Adam's first steps.
fn compare_updates(
    case: &Case,
    gradients: &StateDict,
    before: &StateDict,
    after: &StateDict,
    rate: f64,
) -> Result<Check> {
    let wanted = case.file("weights_after")?;
    let floor = floor(gradients);
    let (mut worst, mut compared) = (0f64, 0);
    for (key, gradient) in &gradients.arrays {
        let (Some(want), Some(before), Some(after)) =
            (wanted.arrays.get(key), before.arrays.get(key), after.arrays.get(key))
        else {
            continue;
        };
        let largest = largest(&gradient.data);
        for (i, g) in gradient.data.iter().enumerate() {
            if g.abs() > TOO_SMALL * largest && largest > floor {
                let tolerable = f64::from(before.data[i].abs()) * f64::from(f32::EPSILON);
                let error = f64::from((after.data[i] - want.data[i]).abs());
                worst = worst.max((error - tolerable).max(0.0) / rate);
                compared += 1;
            }
        }
    }
    if compared == 0 {
        return Err(Error::new(Kind::Internal, "no weight has moved"));
    }
    Ok(Check { name: "weights after the step".into(), worst })
}
