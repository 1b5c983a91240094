//! The networks: one file each, a closed set, and a card for each that says what it is and what it wants.

#[cfg(test)]
mod blind_spot;
pub mod dasr;
pub mod distilled_unet;
pub mod hq_ssl;
mod learning;
pub mod masked_denoising;
pub mod neighbor2neighbor;
pub mod noise2noise;
pub mod noise2noise_nvlabs;
pub mod noise2void;
mod presets;
pub mod rednet;
pub mod sasl;
pub mod tbsn;
pub mod unet;

pub use presets::Preset;
use presets::presets;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::adapt::Adapt;
use crate::error::{Error, Kind, Result};
use crate::nn::plane_by_plane;
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// The article that describes a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paper {
    /// Title.
    pub title: &'static str,
    /// Authors.
    pub authors: &'static str,
    /// Year of publication.
    pub year: u16,
    /// Where to read it.
    pub url: &'static str,
}

/// Weights that come with the package, under `pkg-config/weights/`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bundled {
    /// File name.
    pub file: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
}

/// Tiles of most networks: a megapixel.
const TILE_PIXELS: usize = 1 << 20;

/// What a network is, and what it demands. Rust, the npm package and the page read the same cards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// Stable name, for code and command lines.
    pub id: &'static str,
    /// Name, for people.
    pub title: &'static str,
    /// One sentence: when to take it.
    pub summary: &'static str,
    /// Where it was published.
    pub paper: Paper,
    /// The public implementation that it is numerically equal to.
    pub repository: &'static str,
    /// Image channels it takes.
    pub channels: usize,
    /// Range of its input.
    pub range: [f32; 2],
    /// Both sides of its input must be multiples of this; photos of other sizes are padded and cropped.
    pub size_multiple: usize,
    /// Receptive field: how far an output pixel sees, in pixels.
    pub receptive_field: usize,
    /// Input pixels per tile with which it stays below 2 GB of memory.
    pub tile_pixels: usize,
    /// Output size over input size.
    pub scale: usize,
    /// What noise its bundled weights know.
    pub noise: &'static str,
    /// Whether they know noise that spreads over neighbouring pixels, as that of cameras does.
    pub correlated: bool,
    /// What [`crate::adapt::Mode::Auto`] is for it: as it was published, or [`Adapt::TURNED`] for weights that gain by turns
    /// alone; `None` where the noise of the photo decides, for networks whose weights gain by that on photos of cameras.
    pub adapt: Option<Adapt>,
    /// Multiply-accumulates per pixel.
    pub mac_per_pixel: u64,
    /// Number of weights.
    pub parameters: u64,
    /// The objective that it was published with, and learns by when nobody says otherwise.
    pub objective: &'static str,
    /// Configurations to start from with random weights.
    pub presets: [Preset; 2],
    /// The weights in the package, if there are any.
    pub weights: Option<Bundled>,
    /// Whether this is the one to start with.
    pub default: bool,
}

impl Card {
    /// Whether weights of the one network can be weights of the other: the large U-Net is the U-Net with other widths,
    /// SASL's first stage a network of HQ-SSL's, its last one the distilled U-Net.
    fn shares_weights_with(&self, other: &Card) -> bool {
        let family = |card: &Card| match card.id {
            "unet-large" => unet::CARD.id,
            "sasl-unet" => distilled_unet::CARD.id,
            "sasl-bnn" => hq_ssl::CARD.id,
            id => id,
        };
        family(self) == family(other)
    }

    /// What [`crate::photo::tiles::Plan`] has to know.
    pub fn demands(&self) -> Demands {
        Demands { size_multiple: self.size_multiple, radius: self.receptive_field }
    }
}

/// All cards, in the order in which they should be shown.
pub const CARDS: &[Card] = &[
    unet::CARD,
    unet::LARGE,
    noise2noise::CARD,
    noise2noise_nvlabs::CARD,
    noise2void::CARD,
    neighbor2neighbor::CARD,
    hq_ssl::CARD,
    tbsn::CARD,
    distilled_unet::CARD,
    masked_denoising::CARD,
    rednet::CARD,
    sasl::UNET,
    sasl::BNN,
    sasl::LAN,
    dasr::X2,
    dasr::X3,
    dasr::X4,
];

/// The tests by which [`recognise`] knows whose weights it has been given: each tells the card's id, or nothing.
const RECOGNISERS: &[fn(&StateDict) -> Option<&'static str>] = &[
    unet::recognise,
    noise2noise::recognise,
    noise2noise_nvlabs::recognise,
    noise2void::recognise,
    neighbor2neighbor::recognise,
    sasl::recognise,
    hq_ssl::recognise,
    tbsn::recognise,
    masked_denoising::recognise,
    rednet::recognise,
    distilled_unet::recognise,
    dasr::recognise,
];

/// The card of the network that these weights are of, told by their keys and shapes.
///
/// # Errors
/// [`Kind::Weights`] when they are of none; the message shows what they begin with.
pub fn recognise(state: &StateDict) -> Result<&'static Card> {
    match RECOGNISERS.iter().find_map(|test| test(state)) {
        Some(id) => card(id),
        None => {
            let message = format!("these are weights of no known network: {}", state.beginning());
            Err(Error::new(Kind::Weights, message))
        }
    }
}

/// The card of a network.
///
/// # Errors
/// [`Kind::Model`] when there is none of that name; the message lists those that there are.
pub fn card(id: &str) -> Result<&'static Card> {
    CARDS.iter().find(|card| card.id == id).ok_or_else(|| {
        let known: Vec<&str> = CARDS.iter().map(|card| card.id).collect();
        Error::new(Kind::Model, format!("there is no network `{id}`; there are: {}", known.join(", ")))
    })
}

/// The card of the network to start with.
pub fn default_card() -> &'static Card {
    CARDS.iter().find(|card| card.default).unwrap_or(&CARDS[0])
}

/// What a network may want to know beside the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
    pub seed: u64,
    /// Standard deviation of the noise in `[0, 1]` units, where it is known.
    pub sigma: Option<f32>,
    /// Whether networks that were trained with random masks keep them, as published.
    pub masks: bool,
    /// Passes that are averaged where the result is random.
    pub passes: usize,
    /// What is done around the network. [`Network::denoise`] does without; see [`Network::denoise_adapted`].
    pub adapt: Adapt,
    /// What 0 and 1 are in the numbers of the file ([`crate::photo::Photo::range`]), for weights that know these. A job takes
    /// that of its photo.
    pub range: Option<[f32; 2]>,
}

impl Default for Run {
    fn default() -> Self {
        Self { seed: 0, sigma: None, masks: true, passes: 1, adapt: Adapt::PLAIN, range: None }
    }
}

/// What a network makes of the whole photo before it sees the tiles.
#[derive(Clone, Debug)]
pub struct Survey {
    embedding: Tensor<2>,
}

/// The standard deviation that networks are told which must know one, when nobody knows it: what most of the literature
/// measures at.
const USUAL_SIGMA: f32 = 25.0 / 255.0;

/// Any of the networks.
#[allow(clippy::large_enum_variant, reason = "there are few of them, and their weights are elsewhere")]
#[derive(Module, Debug)]
pub enum Network {
    /// [`noise2noise`].
    Noise2Noise(noise2noise::UNet),
    /// [`unet`].
    UNet(unet::UNet),
    /// [`tbsn`].
    Tbsn(tbsn::Tbsn),
    /// [`masked_denoising`].
    MaskedDenoising(masked_denoising::SwinIr),
    /// [`dasr`].
    Dasr(dasr::Dasr),
    /// [`noise2noise_nvlabs`].
    Noise2NoiseNvlabs(noise2noise_nvlabs::UNet),
    /// [`neighbor2neighbor`].
    Neighbor2Neighbor(neighbor2neighbor::UNet),
    /// [`noise2void`].
    Noise2Void(noise2void::UNet),
    /// [`hq_ssl`].
    HqSsl(hq_ssl::HqSsl),
    /// [`rednet`].
    RedNet(rednet::RedNet),
    /// [`distilled_unet`], TBSN's student.
    DistilledUNet(distilled_unet::UNet),
    /// [`distilled_unet`], the last stage of [`sasl`].
    SaslUNet(distilled_unet::UNet),
    /// [`hq_ssl::BlindUNet`], the first stage of [`sasl`].
    SaslBnn(hq_ssl::BlindUNet),
    /// [`sasl::Lan`], the second stage.
    SaslLan(sasl::Lan),
}

impl Network {
    /// The network `id` with the given weights; its configuration is told by their shapes.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown `id`, [`Kind::Weights`] for weights that are not of this network, or of one that
    /// does not give the colours that it takes.
    pub fn load(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        let card = card(id)?;
        if let Ok(other) = recognise(state)
            && !other.shares_weights_with(card)
        {
            let message =
                format!("these are weights of `{}`, not of `{}`: {}", other.id, card.id, state.beginning());
            return Err(Error::new(Kind::Weights, message));
        }
        let network = Self::build(card.id, state, device)?;
        let (channels, outputs) = network.channels();
        if channels == outputs && [1, card.channels].contains(&channels) {
            return Ok(network);
        }
        let message = format!("these weights turn {channels} colours into {outputs}; photos have 1 or 3");
        Err(Error::new(Kind::Weights, message))
    }

    fn build(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        Ok(match id {
            "unet" | "unet-large" => Network::UNet(unet::UNet::load(state, device)?),
            "noise2noise" => Network::Noise2Noise(noise2noise::UNet::load(state, device)?),
            "noise2noise-nvlabs" => {
                Network::Noise2NoiseNvlabs(noise2noise_nvlabs::UNet::load(state, device)?)
            }
            "noise2void" => Network::Noise2Void(noise2void::UNet::load(state, device)?),
            "neighbor2neighbor" => Network::Neighbor2Neighbor(neighbor2neighbor::UNet::load(state, device)?),
            "hq-ssl" => Network::HqSsl(hq_ssl::HqSsl::load(state, device)?),
            "tbsn" => Network::Tbsn(tbsn::Tbsn::load(state, device)?),
            "distilled-unet" => Network::DistilledUNet(distilled_unet::UNet::load(state, device)?),
            "masked-denoising" => Network::MaskedDenoising(masked_denoising::SwinIr::load(state, device)?),
            "rednet" => Network::RedNet(rednet::RedNet::load(state, device)?),
            "sasl-unet" => Network::SaslUNet(distilled_unet::UNet::load(state, device)?),
            "sasl-bnn" => Network::SaslBnn(sasl::load_bnn(state, device)?),
            "sasl-lan" => Network::SaslLan(sasl::Lan::load(state, device)?),
            "dasr-x2" | "dasr-x3" | "dasr-x4" => Network::Dasr(dasr::Dasr::load(state, device)?),
            other => unreachable!("the card `{other}` has no network"),
        })
    }

    /// The weights under their official keys.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn export(&self) -> Result<StateDict> {
        match self {
            Network::UNet(network) => network.export().await,
            Network::Noise2Noise(network) => network.export().await,
            Network::Noise2NoiseNvlabs(network) => network.export().await,
            Network::Noise2Void(network) => network.export().await,
            Network::Neighbor2Neighbor(network) => network.export().await,
            Network::HqSsl(network) => network.export().await,
            Network::Tbsn(network) => network.export().await,
            Network::DistilledUNet(network) | Network::SaslUNet(network) => network.export().await,
            Network::MaskedDenoising(network) => network.export().await,
            Network::RedNet(network) => network.export().await,
            Network::SaslBnn(network) => sasl::export_bnn(network).await,
            Network::SaslLan(network) => network.export().await,
            Network::Dasr(network) => network.export().await,
        }
    }

    /// The network for photos whose 0 and 1 are these numbers in their files: some weights know what numbers they were trained
    /// on.
    #[must_use]
    pub fn in_range(self, range: [f32; 2]) -> Self {
        match self {
            Network::Noise2Void(network) => Network::Noise2Void(network.in_range(range)),
            other => other,
        }
    }

    /// What the network with these very weights demands of its input. The card says what the published one does.
    pub fn demands(&self, card: &Card) -> Demands {
        match self {
            Network::UNet(network) => network.demands(),
            Network::Neighbor2Neighbor(network) => network.demands(),
            Network::Noise2Void(network) => network.demands(),
            Network::HqSsl(network) => network.demands(),
            Network::RedNet(network) => network.demands(),
            Network::SaslBnn(network) => network.demands(),
            Network::SaslLan(network) => network.demands(),
            Network::MaskedDenoising(network) => network.demands(),
            _ => card.demands(),
        }
    }

    /// Image channels in and out. Photos with more than a network of one channel takes are denoised plane by plane.
    fn channels(&self) -> (usize, usize) {
        match self {
            Network::Noise2NoiseNvlabs(network) => (network.channels, network.channels),
            Network::Neighbor2Neighbor(network) => (network.channels, network.outputs),
            Network::Noise2Void(network) => (network.channels, network.channels),
            Network::HqSsl(network) => (network.channels(), network.channels()),
            Network::RedNet(network) => (network.channels, network.channels),
            Network::DistilledUNet(network) | Network::SaslUNet(network) => {
                (network.channels, network.outputs)
            }
            Network::SaslBnn(network) => (network.channels, network.outputs),
            Network::SaslLan(network) => (network.channels, network.channels),
            Network::Tbsn(network) => (network.channels(), network.channels()),
            Network::MaskedDenoising(network) => (network.channels(), network.channels()),
            Network::UNet(_) | Network::Noise2Noise(_) | Network::Dasr(_) => (3, 3),
        }
    }

    /// Denoises a batch of images in `[0, 1]`.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, `C` and the size multiple as on the [`Card`]
    /// - output: the same, both sides times the card's `scale`
    pub fn denoise(&self, x: Tensor<4>, run: &Run) -> Tensor<4> {
        match self {
            Network::Noise2Noise(network) => network.forward(x),
            Network::UNet(network) => network.forward(x),
            Network::Tbsn(network) => {
                plane_by_plane(x, network.channels(), |x| network.forward(x * 255.0) / 255.0)
            }
            Network::MaskedDenoising(network) => plane_by_plane(x, network.channels(), |x| {
                if run.masks {
                    return network.forward_masked(x, run.passes, run.seed);
                }
                network.forward_unmasked(x)
            }),
            Network::Dasr(network) => network.forward(x * 255.0) / 255.0,
            Network::Noise2NoiseNvlabs(network) => {
                plane_by_plane(x, network.channels, |x| network.forward(x - 0.5) + 0.5)
            }
            Network::Neighbor2Neighbor(network) => {
                plane_by_plane(x, network.channels, |x| network.forward(x))
            }
            Network::Noise2Void(network) => plane_by_plane(x, network.channels, |x| network.denoise(x)),
            Network::HqSsl(network) => {
                let sigma = run.sigma.unwrap_or(USUAL_SIGMA);
                plane_by_plane(x, network.channels(), |x| network.denoise(x, sigma))
            }
            Network::RedNet(network) => plane_by_plane(x, network.channels, |x| network.forward(x)),
            Network::DistilledUNet(network) => plane_by_plane(x, network.channels, |x| network.forward(x)),
            Network::SaslUNet(network) => {
                plane_by_plane(x * 255.0, network.channels, |x| network.forward(x)) / 255.0
            }
            Network::SaslBnn(network) => {
                plane_by_plane(x * 255.0, network.channels, |x| network.forward(x)) / 255.0
            }
            Network::SaslLan(network) => {
                plane_by_plane(x * 255.0, network.channels, |x| network.forward(x)) / 255.0
            }
        }
    }

    /// Denoises as [`Network::denoise`], with what [`Run::adapt`] does around it, a part of a photo that begins at column
    /// `at[0]` and row `at[1]`. `survey` as for [`Network::denoise_tile`]. What is random in refinement goes by `seed`, the
    /// same for all parts.
    pub fn denoise_adapted(
        &self,
        x: Tensor<4>,
        card: &Card,
        run: &Run,
        survey: Option<&Survey>,
        (at, seed): ([usize; 2], u64),
    ) -> Tensor<4> {
        let network = |x| self.denoise_tile(x, run, survey);
        if run.adapt == Adapt::PLAIN {
            // Networks that enlarge, too.
            return network(x);
        }
        run.adapt.apply(x, at, self.demands(card).size_multiple, seed, network)
    }

    /// Looks at the whole photo, for networks whose result depends on all of it: what comes out is handed to
    /// [`Network::denoise_tile`] with every tile, so that they agree. `None` for networks that see no further than
    /// their receptive field.
    pub fn survey(&self, photo: impl FnOnce() -> Tensor<4>) -> Option<Survey> {
        match self {
            Network::Dasr(network) => Some(Survey { embedding: network.embed(photo() * 255.0) }),
            _ => None,
        }
    }

    /// Whether [`Network::survey`] has something to look for.
    pub fn surveys(&self) -> bool {
        matches!(self, Network::Dasr(_))
    }

    /// Denoises a part of a photo, with what [`Network::survey`] made of the whole. Shapes as [`Network::denoise`].
    pub fn denoise_tile(&self, x: Tensor<4>, run: &Run, survey: Option<&Survey>) -> Tensor<4> {
        match (self, survey) {
            (Network::Dasr(network), Some(survey)) => {
                network.upscale(x * 255.0, survey.embedding.clone()) / 255.0
            }
            _ => self.denoise(x, run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapt::Mode;
    use crate::denoise::{Job, Options};
    use crate::photo::{Photo, Samples};

    #[test]
    fn cards_are_unique_and_one_is_the_default() {
        for card in CARDS {
            assert_eq!(CARDS.iter().filter(|c| c.id == card.id).count(), 1, "{}", card.id);
        }
        assert_eq!(CARDS.iter().filter(|c| c.default).count(), 1);
    }

    /// Every network of this file's own, small, with random weights.
    fn small(device: &Device) -> Vec<(&'static str, Network)> {
        let blind = hq_ssl::BlindUNetConfig::new().with_features(4);
        let mean = blind.clone().with_outputs(3);
        let student = distilled_unet::UNetConfig::new().with_features(4).init(device);
        let neighbours = neighbor2neighbor::UNetConfig::new().with_features(4).with_last(8);
        let gray = neighbours.clone().with_channels(1).with_outputs(1);
        let nvlabs = noise2noise_nvlabs::UNetConfig::new().with_encoder(4).with_decoder(8);
        let rednet = rednet::RedNetConfig::new().with_features(4);
        let noise2void = noise2void::UNetConfig::new().with_features(4);
        let unet = unet::UNetConfig::new().with_widths(vec![8, 8, 8]);
        let tbsn = tbsn::TbsnConfig::new().with_dim(8).with_blocks([1, 1, 1]).with_refinement(1);
        let swin =
            masked_denoising::SwinIrConfig::new().with_dim(12).with_depths(vec![2]).with_heads(vec![3]);
        let gray_swin = swin.clone().with_channels(1).with_window(4);
        let other_swin = swin.clone().with_single_conv(true).with_qkv_bias(false).with_patch_norm(false);
        vec![
            ("tbsn", Network::Tbsn(tbsn.clone().init(device))),
            ("tbsn", Network::Tbsn(tbsn.with_channels(1).init(device))),
            ("masked-denoising", Network::MaskedDenoising(swin.init(device))),
            ("masked-denoising", Network::MaskedDenoising(gray_swin.init(device))),
            ("masked-denoising", Network::MaskedDenoising(other_swin.init(device))),
            ("unet", Network::UNet(unet.init(device))),
            ("noise2noise-nvlabs", Network::Noise2NoiseNvlabs(nvlabs.init(device))),
            ("neighbor2neighbor", Network::Neighbor2Neighbor(neighbours.init(device))),
            ("neighbor2neighbor", Network::Neighbor2Neighbor(gray.with_blind(true).init(device))),
            ("noise2void", Network::Noise2Void(noise2void.with_depth(3).with_n2v2(true).init(device))),
            ("hq-ssl", Network::HqSsl(hq_ssl::HqSslConfig::new(blind).init(device))),
            ("rednet", Network::RedNet(rednet.clone().init(device))),
            ("rednet", Network::RedNet(rednet.with_stride(1).with_channels(1).init(device))),
            ("distilled-unet", Network::DistilledUNet(student.clone())),
            ("sasl-unet", Network::SaslUNet(student)),
            ("sasl-bnn", Network::SaslBnn(mean.with_shift(5).init(device))),
            ("sasl-lan", Network::SaslLan(sasl::LanConfig::new().with_features(16).init(device))),
        ]
    }

    #[test]
    fn every_network_loads_what_it_exports_and_takes_any_size() {
        let device = Device::flex();
        device.seed(8);
        for (id, network) in small(&device) {
            let state = pollster::block_on(network.export()).unwrap();
            let again = Network::load(id, &state, &device).unwrap();
            assert_eq!(pollster::block_on(again.export()).unwrap(), state, "{id}");
            for (width, height) in [(1, 1), (7, 5), (74, 37)] {
                let samples = (0..width * height * 3).map(|v| (v % 251) as u8).collect();
                let photo = Photo::new(width, height, 3, false, Samples::U8(samples)).unwrap();
                let options = Options { adapt: Mode::Fixed(Adapt::PLAIN), ..Options::default() };
                let card = card(id).unwrap();
                let mut job = Job::new(again.clone(), card, device.clone(), photo.into(), options).unwrap();
                while pollster::block_on(job.step()).unwrap().is_some() {}
                let result = job.finish().unwrap();
                assert_eq!((result.width(), result.height()), (width, height), "{id}");
            }
        }
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let device = Device::flex();
        for (id, network) in small(&device) {
            let state = pollster::block_on(network.export()).unwrap();
            let other = if id == "unet" { "rednet" } else { "unet" };
            let error = Network::load(other, &state, &device).unwrap_err();
            assert_eq!(error.kind(), Kind::Weights);
        }
        let two = distilled_unet::UNetConfig::new().with_features(4).with_outputs(2).init(&device);
        let state = pollster::block_on(two.export()).unwrap();
        let error = Network::load("distilled-unet", &state, &device).unwrap_err();
        assert!(error.to_string().contains("3 colours into 2"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = card("noise3noise").unwrap_err();
        assert_eq!(error.kind(), Kind::Model);
        assert!(error.to_string().contains("noise2noise"));
    }
}
