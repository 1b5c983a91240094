//! The networks: one file each, a closed set, and a card for each that says what it is and what it wants.

#[cfg(test)]
mod blind_spot;
pub mod distilled_unet;
pub mod hq_ssl;
pub mod neighbor2neighbor;
pub mod noise2noise;
pub mod noise2noise_nvlabs;
pub mod noise2void;
pub mod rednet;
pub mod sasl;
pub mod unet;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::nn::plane_by_plane;
use crate::photo::tiles::Demands;
use crate::weights::{self, StateDict};

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
    /// Output size over input size.
    pub scale: usize,
    /// What noise its bundled weights know.
    pub noise: &'static str,
    /// Multiply-accumulates per pixel.
    pub mac_per_pixel: u64,
    /// Number of weights.
    pub parameters: u64,
    /// The weights in the package, if there are any.
    pub weights: Option<Bundled>,
    /// Whether this is the one to start with.
    pub default: bool,
}

impl Card {
    /// What [`crate::photo::tiles::Plan`] has to know.
    pub fn demands(&self) -> Demands {
        Demands { size_multiple: self.size_multiple, radius: self.receptive_field }
    }
}

/// Two networks are of this article.
const NOISE2NOISE: Paper = Paper {
    title: "Noise2Noise: Learning Image Restoration without Clean Data",
    authors: "Lehtinen, Munkberg, Hasselgren, Laine, Karras, Aittala, Aila",
    year: 2018,
    url: "https://arxiv.org/abs/1803.04189",
};

/// Three networks are of this article.
const SASL: Paper = Paper {
    title: "Spatially Adaptive Self-Supervised Learning for Real-World Image Denoising",
    authors: "Li, Zhang, Liu, Feng, Wang, Lei, Zuo",
    year: 2023,
    url: "https://arxiv.org/abs/2303.14934",
};

/// All cards, in the order in which they should be shown.
pub const CARDS: &[Card] = &[
    Card {
        id: "unet",
        title: "unnoise U-Net",
        summary: "Small and fast, for any noise level; the one to start with.",
        paper: Paper {
            title: "Robust and interpretable blind image denoising via bias-free convolutional neural networks",
            authors: "Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda",
            year: 2020,
            url: "https://arxiv.org/abs/1906.05478",
        },
        repository: "pkg-config/pretrain/nets/unet.py",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 8,
        receptive_field: 67,
        scale: 1,
        noise: "white Gaussian of any strength",
        mac_per_pixel: 72_528,
        parameters: 1_079_808,
        weights: None,
        default: false,
    },
    Card {
        id: "noise2noise",
        title: "Noise2Noise",
        summary: "U-Net trained on pairs of noisy pictures only; for strong, even grain.",
        paper: NOISE2NOISE,
        repository: "https://github.com/joeylitalien/noise2noise-pytorch",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 32,
        receptive_field: 189,
        scale: 1,
        noise: "white Gaussian, sigma 0 to 50 of 255",
        mac_per_pixel: 201_505,
        parameters: 700_611,
        weights: Some(Bundled {
            file: "noise2noise.safetensors",
            bytes: 1_403_814,
            sha256: "87021965749005fbb68232deb2836ab573c7d1b82b5629e2d6a305e82e9eec3f",
            licence: "MIT",
        }),
        default: true,
    },
    Card {
        id: "noise2noise-nvlabs",
        title: "Noise2Noise (NVlabs)",
        summary: "The U-Net of the Noise2Noise article itself, for weights of that form.",
        paper: NOISE2NOISE,
        repository: "https://github.com/NVlabs/noise2noise",
        channels: 3,
        range: [-0.5, 0.5],
        size_multiple: 32,
        receptive_field: 158,
        scale: 1,
        noise: "whatever the weights you bring were trained on; published for white Gaussian and Poisson noise",
        mac_per_pixel: 173_945,
        parameters: 991_203,
        weights: None,
        default: false,
    },
    Card {
        id: "neighbor2neighbor",
        title: "Neighbor2Neighbor",
        summary: "U-Net that learns from one noisy photo: neighbouring pixels are each other's target.",
        paper: Paper {
            title: "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images",
            authors: "Huang, Li, Jia, Lu, Liu",
            year: 2021,
            url: "https://arxiv.org/abs/2101.02824",
        },
        repository: "https://github.com/TaoHuang2018/Neighbor2Neighbor",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 32,
        receptive_field: 157,
        scale: 1,
        noise: "whatever the weights you bring were trained on; published for white Gaussian and Poisson noise",
        mac_per_pixel: 297_074,
        parameters: 1_259_475,
        weights: None,
        default: false,
    },
    Card {
        id: "noise2void",
        title: "Noise2Void",
        summary: "Small U-Net that learns from one noisy photo: it restores pixels that were hidden from it.",
        paper: Paper {
            title: "Noise2Void - Learning Denoising from Single Noisy Images",
            authors: "Krull, Buchholz, Jug",
            year: 2019,
            url: "https://arxiv.org/abs/1811.10980",
        },
        repository: "https://github.com/CAREamics/careamics",
        channels: 3,
        range: [-3.0, 3.0],
        size_multiple: 4,
        receptive_field: 26,
        scale: 1,
        noise: "noise that is independent from pixel to pixel",
        mac_per_pixel: 83_904,
        parameters: 334_371,
        weights: None,
        default: false,
    },
    Card {
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
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 32,
        receptive_field: 315,
        scale: 1,
        noise: "white Gaussian or Poisson noise, independent from pixel to pixel",
        mac_per_pixel: 1_249_605,
        parameters: 1_269_129,
        weights: None,
        default: false,
    },
    Card {
        id: "rednet",
        title: "RED-Net",
        summary: "Deep encoder and decoder with symmetric skips, learned from clean pictures.",
        paper: Paper {
            title: "Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric Skip Connections",
            authors: "Mao, Shen, Yang",
            year: 2016,
            url: "https://arxiv.org/abs/1603.09056",
        },
        repository: "https://github.com/yjn870/REDNet-pytorch",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 2,
        receptive_field: 58,
        scale: 1,
        noise: "whatever the weights you bring were trained on; published for white Gaussian noise and JPEG artefacts",
        mac_per_pixel: 258_912,
        parameters: 1_037_507,
        weights: None,
        default: false,
    },
    Card {
        id: "distilled-unet",
        title: "TBSN distilled U-Net",
        summary: "U-Net that learned from a large blind-spot network; for the noise of cameras.",
        paper: Paper {
            title: "Rethinking Transformer-Based Blind-Spot Network for Self-Supervised Image Denoising",
            authors: "Li, Zhang, Zuo",
            year: 2025,
            url: "https://arxiv.org/abs/2404.07846",
        },
        repository: "https://github.com/nagejacob/TBSN",
        channels: 3,
        range: [0.0, 1.0],
        size_multiple: 32,
        receptive_field: 157,
        scale: 1,
        noise: "noise of cameras (sRGB), correlated between pixels",
        mac_per_pixel: 266_393,
        parameters: 1_083_747,
        weights: None,
        default: false,
    },
    Card {
        id: "sasl-unet",
        title: "SASL U-Net",
        summary: "U-Net that learned flat areas and texture from two networks; for the noise of cameras.",
        paper: SASL,
        repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
        channels: 3,
        range: [0.0, 255.0],
        size_multiple: 32,
        receptive_field: 157,
        scale: 1,
        noise: "noise of cameras (sRGB), correlated between pixels",
        mac_per_pixel: 266_393,
        parameters: 1_083_747,
        weights: None,
        default: false,
    },
    Card {
        id: "sasl-bnn",
        title: "SASL BNN",
        summary: "Does not see 9x9 pixels around each; smooth, for flat areas and as a teacher.",
        paper: SASL,
        repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
        channels: 3,
        range: [0.0, 255.0],
        size_multiple: 32,
        receptive_field: 319,
        scale: 1,
        noise: "noise of cameras (sRGB), correlated between pixels",
        mac_per_pixel: 1_249_029,
        parameters: 1_268_547,
        weights: None,
        default: false,
    },
    Card {
        id: "sasl-lan",
        title: "SASL LAN",
        summary: "Sees 3x3 pixels, and averages over the whole tile for attention, so tiles may differ slightly; a teacher for texture.",
        paper: SASL,
        repository: "https://github.com/nagejacob/SpatiallyAdaptiveSSID",
        channels: 3,
        range: [0.0, 255.0],
        size_multiple: 1,
        receptive_field: 1,
        scale: 1,
        noise: "noise of cameras (sRGB), correlated between pixels",
        mac_per_pixel: 90_496,
        parameters: 94_939,
        weights: None,
        default: false,
    },
];

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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
    pub seed: u64,
    /// Standard deviation of the noise in `[0, 1]` units, where it is known.
    pub sigma: Option<f32>,
}

/// The standard deviation that networks are told which must know one, when nobody knows it: what most of the literature
/// measures at.
const USUAL_SIGMA: f32 = 25.0 / 255.0;

/// Any of the networks.
#[derive(Module, Debug)]
pub enum Network {
    /// [`noise2noise`].
    Noise2Noise(noise2noise::UNet),
    /// [`unet`].
    UNet(unet::UNet),
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
        let network = Self::build(id, state, device)?;
        let (channels, outputs) = network.channels();
        if channels == outputs && [1, card(id)?.channels].contains(&channels) {
            return Ok(network);
        }
        let message = format!("these weights turn {channels} colours into {outputs}; photos have 1 or 3");
        Err(Error::new(Kind::Weights, message))
    }

    fn build(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        match card(id)?.id {
            "noise2noise" => {
                let network = noise2noise::UNetConfig::infer(state)?.init(device);
                let network = weights::load(network, state, noise2noise::UNet::key)?;
                Ok(Network::Noise2Noise(network))
            }
            "unet" => Ok(Network::UNet(unet::UNet::load(state, device)?)),
            "noise2noise-nvlabs" => {
                Ok(Network::Noise2NoiseNvlabs(noise2noise_nvlabs::UNet::load(state, device)?))
            }
            "neighbor2neighbor" => {
                Ok(Network::Neighbor2Neighbor(neighbor2neighbor::UNet::load(state, device)?))
            }
            "noise2void" => Ok(Network::Noise2Void(noise2void::UNet::load(state, device)?)),
            "hq-ssl" => Ok(Network::HqSsl(hq_ssl::HqSsl::load(state, device)?)),
            "rednet" => Ok(Network::RedNet(rednet::RedNet::load(state, device)?)),
            "distilled-unet" => Ok(Network::DistilledUNet(distilled_unet::UNet::load(state, device)?)),
            "sasl-unet" => Ok(Network::SaslUNet(distilled_unet::UNet::load(state, device)?)),
            "sasl-bnn" => Ok(Network::SaslBnn(sasl::load_bnn(state, device)?)),
            "sasl-lan" => Ok(Network::SaslLan(sasl::Lan::load(state, device)?)),
            other => unreachable!("the card `{other}` has no network"),
        }
    }

    /// The weights under their official keys.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn export(&self) -> Result<StateDict> {
        match self {
            Network::Noise2Noise(network) => weights::export(network, noise2noise::UNet::key).await,
            Network::UNet(network) => network.export().await,
            Network::Noise2NoiseNvlabs(network) => network.export().await,
            Network::Neighbor2Neighbor(network) => network.export().await,
            Network::Noise2Void(network) => network.export().await,
            Network::HqSsl(network) => network.export().await,
            Network::RedNet(network) => network.export().await,
            Network::DistilledUNet(network) | Network::SaslUNet(network) => network.export().await,
            Network::SaslBnn(network) => sasl::export_bnn(network).await,
            Network::SaslLan(network) => network.export().await,
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
            Network::UNet(_) | Network::Noise2Noise(_) => (3, 3),
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
}

#[cfg(test)]
mod tests {
    use super::*;
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
        vec![
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
                let options = Options::default();
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
