//! HQ-SSL (Laine et al., "High-Quality Self-Supervised Deep Image Denoising", NeurIPS 2019,
//! <https://arxiv.org/abs/1901.10277>), equal to <https://github.com/NVlabs/selfsupervised-denoising> and, by its keys,
//! to its PyTorch port.
//!
//! A network that does not see a pixel predicts a normal distribution of its clean colour from all others; together with
//! the pixel's noisy value and what is known of the noise, Bayes' rule gives the posterior mean. The distributions are
//! in `crate::layers::posterior`, with the loss.

use std::borrow::Cow;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Conditions, Size, configured_by};
use super::card::{Bundled, Card, Paper, Training, presets};
use super::mode::Adapt;
use crate::error::{Error, Kind, Result};
use crate::layers::posterior::{self, Normal, gaussian_noise, poisson_noise};
use crate::layers::{FiveLevel, FiveLevelConfig, Turn, in_four_directions};
use crate::nn::{Convolve, conv1x1, pixel_mean};
use crate::photo::tiles::Demands;
use crate::weights::{Array, StateDict};

/// What the network is and what it demands.
pub const CARD: Card = Card {
    id: "hq-ssl",
    title: "HQ-SSL",
    summary: "Blind-spot U-Net that predicts a distribution of each pixel and weighs it against the noisy value.",
    paper: Paper {
        title: "High-Quality Self-Supervised Deep Image Denoising",
        authors: "Laine, Karras, Lehtinen, Aila",
        year: 2019,
        url: "https://arxiv.org/abs/1901.10277",
    },
    repository: "https://github.com/NVlabs/selfsupervised-denoising",
    family: "hq-ssl",
    channels: 3,
    range: [0.0, 1.0],
    size_multiple: 32,
    receptive_field: 315,
    tile_pixels: 704 * 704,
    scale: 1,
    noise: "white Gaussian noise of known strength, sigma 5 to 55 of 255",
    correlated: false,
    adapt: Some(Adapt::PLAIN),
    mac_per_pixel: 1_249_605,
    parameters: 1_269_129,
    objective: "blind-spot-nll",
    training: Training { general: false, own: &["blind-spot-nll"], ..Training::GENERAL },
    presets: presets(1_269_129, 142_473),
    weights: Some(Bundled {
        file: "hq-ssl.safetensors",
        bytes: 643_354,
        sha256: "6fc88dbe0bb8869610d26e0a908078657d74e8e60aa105615e7c12a6fb2e92da",
        licence: "MIT OR Apache-2.0",
    }),
    default: false,
};

/// Widths of a [`BlindUNet`].
#[derive(Config, Debug, PartialEq)]
pub struct BlindUNetConfig {
    /// Image channels.
    #[config(default = 3)]
    pub channels: usize,
    /// Output channels.
    #[config(default = 9)]
    pub outputs: usize,
    /// Features of the encoder; the decoder has twice as many.
    #[config(default = 48)]
    pub features: usize,
    /// Rows between a pixel and what is seen for it: 1 hides the pixel, n hides a square of 2n - 1. 0 makes the network
    /// a plain one, which sees all.
    #[config(default = 1)]
    pub shift: usize,
}

/// The U-Net with a blind spot. Both sides of its input must be multiples of 32.
#[derive(Module, Debug)]
pub struct BlindUNet {
    body: FiveLevel,
    output_block: [Conv2d; 3],
    /// Image channels.
    pub channels: usize,
    /// Output channels.
    pub outputs: usize,
    /// See [`BlindUNetConfig::shift`].
    pub shift: usize,
}

impl BlindUNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> BlindUNet {
        let decoder = 2 * self.features;
        let blind = self.shift > 0;
        let body = FiveLevelConfig::new(self.channels, self.features, decoder, [decoder, decoder]);
        let wide = if blind { 4 * decoder } else { decoder };
        BlindUNet {
            body: body.with_upwards(blind).init(device),
            output_block: [
                conv1x1(wide, wide, device),
                conv1x1(wide, decoder, device),
                conv1x1(decoder, self.outputs, device),
            ],
            channels: self.channels,
            outputs: self.outputs,
            shift: self.shift,
        }
    }

    /// The configuration that the shapes of a checkpoint speak of: `shift` is 0 or 1. All keys begin with `prefix`.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing or has another rank.
    pub fn infer(state: &StateDict, prefix: &str) -> Result<Self> {
        let key = |path: &str| format!("{prefix}{}", BlindUNet::key(&format!("body.{path}")));
        let body = FiveLevelConfig::infer(state, key)?;
        let [wide, ..] = state.dims::<4>(&format!("{prefix}output_block.0.weight"))?;
        let [outputs, narrow, ..] = state.dims::<4>(&format!("{prefix}output_block.4.weight"))?;
        let shift = usize::from(wide != narrow);
        Ok(Self { channels: body.channels, outputs, features: body.encoder, shift })
    }
}

impl BlindUNet {
    /// What it demands of its input.
    pub fn demands(&self) -> Demands {
        let radius = if self.shift > 0 { FiveLevel::RADIUS_UPWARDS + self.shift } else { FiveLevel::RADIUS };
        Demands { size_multiple: FiveLevel::SIZE_MULTIPLE, radius }
    }

    /// What the network predicts.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: `[N, outputs, H, W]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let features = if self.shift > 0 {
            in_four_directions(x, Turn::CounterClockwise, self.shift, |x| self.body.forward(x))
        } else {
            vec![self.body.forward(x)]
        };
        let [a, b, c] = &self.output_block;
        c.run(self.body.active(b, self.body.active_concat(a, features)))
    }

    /// The official key of a parameter at `path` in this module.
    pub fn key(path: &str) -> String {
        let twice = |i: &str| 2 * i.parse::<usize>().unwrap_or_default();
        let parts: Vec<&str> = path.split('.').collect();
        match parts[..] {
            // The first two convolutions of the encoder make one block.
            ["body", "encoder", "0", name] => format!("encode_block_1.0.{name}"),
            ["body", "encoder", "1", name] => format!("encode_block_1.2.{name}"),
            ["body", "encoder", i, name] => format!("encode_block_{i}.0.{name}"),
            ["body", "decoder", i, conv, name] => {
                format!("decode_block_{}.{}.{name}", 5 - i.parse::<usize>().unwrap_or_default(), twice(conv))
            }
            ["output_block", i, name] => format!("output_block.{}.{name}", twice(i)),
            _ => path.to_string(),
        }
    }
}

/// The sort of noise.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Of one standard deviation everywhere.
    Gaussian,
    /// Photon noise: variance in proportion to brightness.
    Poisson,
}

/// How the strength of the noise comes to be known.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Strength {
    /// It is given with each picture.
    Known,
    /// One learned number for all pictures.
    Constant,
    /// A second, plain U-Net estimates one number for each picture.
    Variable,
}

/// Configuration of [`HqSsl`].
#[derive(Config, Debug, PartialEq)]
pub struct HqSslConfig {
    /// The network that predicts; its outputs tell whether it predicts a distribution, or the mean only.
    pub network: BlindUNetConfig,
    /// The sort of noise.
    #[config(default = "Noise::Gaussian")]
    pub noise: Noise,
    /// How its strength is known.
    #[config(default = "Strength::Known")]
    pub strength: Strength,
}

/// The whole denoiser. Takes and gives values in `[0, 1]`.
#[derive(Module, Debug)]
pub struct HqSsl {
    denoiser_model: BlindUNet,
    sigma_estimation_model: Option<BlindUNet>,
    estimated_sigma: Option<Param<Tensor<4>>>,
    #[module(skip)]
    noise: Noise,
}

/// The standard deviation that is taken for the noise when nobody knows it: what most of the literature measures at.
const USUAL_SIGMA: f32 = 25.0 / 255.0;

/// Note of weights of a [`BlindUNet`] that says the side of its blind square: SASL's have it.
pub(super) const BLIND_SQUARE_NOTE: &str = "blindspot";

/// Where the official files keep the network.
const NETWORK: &str = "_models.denoiser_model.";
/// Where they keep the one that estimates the strength of the noise.
const ESTIMATOR: &str = "_models.sigma_estimation_model.";
/// Where they keep the learned strength.
const LEARNED: &str = "l_params.estimated_sigma";

impl HqSslConfig {
    /// A denoiser with random weights.
    pub fn init(&self, device: &Device) -> HqSsl {
        let estimator = BlindUNetConfig { outputs: 1, shift: 0, ..self.network.clone() };
        let learned = || Param::from_tensor(Tensor::zeros([1, 1, 1, 1], device));
        HqSsl {
            denoiser_model: self.network.init(device),
            sigma_estimation_model: (self.strength == Strength::Variable).then(|| estimator.init(device)),
            estimated_sigma: (self.strength == Strength::Constant).then(learned),
            noise: self.noise,
        }
    }

    /// The configuration that the keys, shapes and notes of a [`HqSsl::clean`] checkpoint speak of; without the note
    /// `noise`, the noise is Gaussian.
    ///
    /// # Errors
    /// [`Kind::Weights`] when one of the arrays that tell it is missing, has another rank or an impossible size, or
    /// another sort of noise is noted.
    pub fn infer(state: &StateDict) -> Result<Self> {
        let network = BlindUNetConfig::infer(state, NETWORK)?;
        let (channels, outputs) = (network.channels, network.outputs);
        if outputs != channels && outputs != Normal::outputs(channels) {
            let message =
                format!("{outputs} outputs for {channels} channels are neither a mean nor a distribution");
            return Err(Error::new(Kind::Weights, message));
        }
        let strength = if state.arrays.contains_key(LEARNED) {
            Strength::Constant
        } else if state.arrays.keys().any(|key| key.starts_with(ESTIMATOR)) {
            Strength::Variable
        } else {
            Strength::Known
        };
        let noise = match state.metadata.get("noise").map(String::as_str) {
            None | Some("gaussian") => Noise::Gaussian,
            Some("poisson") => Noise::Poisson,
            Some(other) => {
                let message = format!("noise of the sort `{other}` is noted; it can be gaussian or poisson");
                return Err(Error::new(Kind::Weights, message));
            }
        };
        Ok(Self { network, noise, strength })
    }
}

impl Architecture for HqSsl {
    configured_by!(HqSslConfig);

    const CARDS: &'static [Card] = &[CARD];

    fn preset(_: &Card, size: Size) -> HqSslConfig {
        match size {
            Size::Published => HqSslConfig::new(BlindUNetConfig::new()),
            Size::Small => HqSslConfig::new(BlindUNetConfig::new().with_features(16)),
        }
    }

    fn recognise(state: &StateDict) -> Option<&'static str> {
        // SASL's network of this kind can have the same arrays.
        let is_sasl = state.metadata.contains_key(BLIND_SQUARE_NOTE);
        HqSslConfig::infer(&Self::clean(state)).ok().filter(|_| !is_sasl).map(|_| CARD.id)
    }

    fn official_key(path: &str) -> String {
        match path.split_once('.') {
            Some(("denoiser_model", rest)) => format!("{NETWORK}{}", BlindUNet::key(rest)),
            Some(("sigma_estimation_model", rest)) => format!("{ESTIMATOR}{}", BlindUNet::key(rest)),
            _ => LEARNED.to_string(),
        }
    }

    fn channels(&self) -> [usize; 2] {
        [self.denoiser_model.channels; 2]
    }

    fn demands(&self) -> Demands {
        self.denoiser_model.demands()
    }

    /// What the network predicts, its outputs as they are: `[N, C, H, W]` to `[N, outputs, H, W]`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.denoiser_model.forward(x)
    }

    /// A checkpoint in the form that [`HqSslConfig::infer`] and loading take: without the tensors that official files
    /// hold twice, and with the prefix that a bare network lacks.
    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        let keep = |key: &str| -> Option<String> {
            if key.starts_with("models.") || key.contains("output_conv.") {
                return None;
            }
            let known = key.starts_with("_models.") || key == LEARNED;
            Some(if known { key.to_string() } else { format!("{NETWORK}{key}") })
        };
        let mut arrays: std::collections::BTreeMap<String, Array> =
            state.arrays.iter().filter_map(|(key, array)| Some((keep(key)?, array.clone()))).collect();
        // Where only the wrapped copy is there, it is the one to take.
        for (key, array) in &state.arrays {
            if let Some(rest) = key.strip_prefix("models.").filter(|rest| !rest.contains("output_conv.")) {
                let key = format!("_models.{}", rest.replacen(".module.", ".", 1));
                arrays.entry(key).or_insert_with(|| array.clone());
            }
        }
        Cow::Owned(StateDict { arrays, metadata: state.metadata.clone() })
    }

    fn notes(&self) -> Vec<(String, String)> {
        let noise = match self.noise {
            Noise::Gaussian => "gaussian",
            Noise::Poisson => "poisson",
        };
        vec![("noise".into(), noise.into())]
    }

    fn denoise(&self, x: Tensor<4>, conditions: &Conditions) -> Tensor<4> {
        let sigma = conditions.sigma.unwrap_or(USUAL_SIGMA);
        self.in_range_of_card(x, |x| self.posterior_mean(x, sigma))
    }

    fn needs_sigma(&self) -> bool {
        true
    }

    fn negative_log_likelihood(&self, noisy: Tensor<4>, sigma: f32) -> Option<Tensor<1>> {
        self.loss(noisy, sigma)
    }
}

impl HqSsl {
    /// The predicted distribution of the clean colours; `None` when the network predicts the mean only.
    pub fn predict(&self, x: Tensor<4>) -> Option<Normal> {
        let BlindUNet { channels, outputs, .. } = self.denoiser_model;
        (outputs != channels).then(|| Normal::new(self.forward(x), channels))
    }

    /// The strength of the noise, where it is learned or estimated: a standard deviation for Gaussian noise, a variance
    /// at full brightness for Poisson noise. `[N or 1, 1, 1, 1]`.
    pub fn estimate(&self, x: Tensor<4>) -> Option<Tensor<4>> {
        let raw = match (&self.estimated_sigma, &self.sigma_estimation_model) {
            (Some(learned), _) => learned.val(),
            (None, Some(model)) => pixel_mean(model.forward(x)),
            (None, None) => return None,
        };
        Some(softplus(raw - 4.0, 1.0) + 1e-3)
    }

    /// Variance of the noise at each pixel, `[N or 1, C, H or 1, W or 1]`.
    ///
    /// - `mean`: the predicted clean colours
    /// - `strength`: standard deviation of Gaussian noise, variance at full brightness of Poisson noise; `[N or 1, 1, 1, 1]`
    pub fn noise_variance(&self, mean: Tensor<4>, strength: Tensor<4>) -> Tensor<4> {
        match self.noise {
            Noise::Gaussian => gaussian_noise(strength, self.denoiser_model.channels),
            Noise::Poisson => poisson_noise(mean, strength),
        }
    }

    /// Denoises a batch: the posterior mean, or the mean where the network predicts no more.
    ///
    /// `sigma` is the standard deviation of the noise, for Poisson noise at half of full brightness; it matters only to
    /// networks that are neither trained with one strength nor estimate it.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `H` and `W` multiples of 32
    /// - output: the same
    pub fn posterior_mean(&self, x: Tensor<4>, sigma: f32) -> Tensor<4> {
        let Some(prior) = self.predict(x.clone()) else {
            return self.forward(x);
        };
        let strength = self.estimate(x.clone()).unwrap_or_else(|| self.given(sigma, &x.device()));
        let noise = self.noise_variance(prior.mean.clone(), strength);
        prior.posterior_mean(x, noise)
    }

    /// The loss of noisy pictures, one value for each: [`posterior::loss`]. `None` when the network predicts the
    /// mean only. `sigma` and shapes as [`HqSsl::posterior_mean`].
    pub fn loss(&self, noisy: Tensor<4>, sigma: f32) -> Option<Tensor<1>> {
        let prior = self.predict(noisy.clone())?;
        let estimate = self.estimate(noisy.clone());
        let known = estimate.is_none();
        let strength = estimate.unwrap_or_else(|| self.given(sigma, &noisy.device()));
        let noise = self.noise_variance(prior.mean.clone(), strength);
        Some(posterior::loss(&prior, noisy, noise, known))
    }

    /// The strength of noise of standard deviation `sigma`, as [`HqSsl::estimate`] gives it.
    fn given(&self, sigma: f32, device: &Device) -> Tensor<4> {
        let strength = match self.noise {
            Noise::Gaussian => sigma,
            Noise::Poisson => 2.0 * sigma * sigma,
        };
        Tensor::full([1, 1, 1, 1], strength, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{blind_spot, card};
    use crate::nn::read;
    use burn::tensor::TensorData;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn small() -> BlindUNetConfig {
        BlindUNetConfig::new().with_features(4)
    }

    #[test]
    fn the_published_size() {
        let network = HqSslConfig::new(BlindUNetConfig::new()).init(&Device::flex());
        assert_eq!(network.num_params() as u64, card("hq-ssl").unwrap().parameters);
    }

    #[test]
    fn blind_is_blind() {
        let device = Device::flex();
        device.seed(4);
        let network = small().with_outputs(3).init(&device);
        for (height, width) in [(32, 32), (32, 64)] {
            blind_spot::check(3, height, width, 0, |x| network.forward(x));
        }
    }

    #[test]
    fn every_kind_loads_what_it_exports_and_denoises_within_reason() {
        let device = Device::flex();
        let values: Vec<f32> = (0..3 * 32 * 32).map(|i| 0.5 + 0.5 * ((i * i) as f32 * 0.37).sin()).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values, [1, 3, 32, 32]), &device);
        // A generator of its own: that of the device is shared with tests that run beside this one.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for noise in [Noise::Gaussian, Noise::Poisson] {
            for strength in [Strength::Known, Strength::Constant, Strength::Variable] {
                let config = HqSslConfig::new(small()).with_noise(noise).with_strength(strength);
                let mut state = pollster::block_on(config.init(&device).export()).unwrap();
                for array in state.arrays.values_mut() {
                    let bound = (array.shape[1..].iter().product::<usize>().max(1) as f32).sqrt().recip();
                    array.data.fill_with(|| bound * (2.0 * rng.random::<f32>() - 1.0));
                }
                let network = HqSsl::load(&state, &device).unwrap();
                assert_eq!(HqSslConfig::infer(&state).unwrap(), config);
                assert_eq!(pollster::block_on(network.export()).unwrap(), state);
                let again = HqSsl::load(&state, &device).unwrap();
                let [a, b] = [&network, &again]
                    .map(|n| pollster::block_on(read(n.posterior_mean(x.clone(), 0.1))).unwrap());
                assert_eq!(a, b);
                assert!(a.iter().all(|v| v.is_finite() && v.abs() < 3.0));
            }
        }
    }
}
