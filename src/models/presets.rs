//! Configurations to start from: the published one of each network, and one small enough for a phone's browser.

use burn::tensor::Device;
use serde::Serialize;

use super::{
    Card, Network, card, dasr, distilled_unet, hq_ssl, masked_denoising, neighbor2neighbor, noise2noise,
    noise2noise_nvlabs, noise2void, rednet, sasl, tbsn, unet,
};
use crate::error::{Error, Kind, Result};

/// A configuration of a network, by name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preset {
    /// `published` or `small`.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Number of weights.
    pub parameters: u64,
}

/// The two presets of a card, with their numbers of weights.
pub(super) const fn presets(published: u64, small: u64) -> [Preset; 2] {
    [
        Preset { name: "published", summary: "as in the article", parameters: published },
        Preset { name: "small", summary: "small enough for a phone's browser", parameters: small },
    ]
}

impl Network {
    /// A network with random weights, in one of the presets of its card. `seed` fixes the weights,
    /// as long as no other thread draws random numbers from the same backend meanwhile.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown network, [`Kind::Option`] for an unknown preset.
    pub fn random(id: &str, preset: &str, seed: u64, device: &Device) -> Result<Self> {
        let card = card(id)?;
        let small = match card.presets.iter().position(|p| p.name == preset) {
            Some(index) => index == 1,
            None => {
                let message = format!("`{id}` has no preset `{preset}`; there are: published, small");
                return Err(Error::new(Kind::Option, message));
            }
        };
        device.seed(seed);
        Ok(if small { small_network(card, device) } else { published_network(card, device) })
    }
}

fn published_network(card: &Card, device: &Device) -> Network {
    let student = distilled_unet::UNetConfig::new();
    let blind = hq_ssl::BlindUNetConfig::new();
    match card.id {
        "unet" => Network::UNet(unet::UNetConfig::new().init(device)),
        "unet-large" => Network::UNet(unet::UNetConfig::large().init(device)),
        "noise2noise" => Network::Noise2Noise(noise2noise::UNetConfig::new().init(device)),
        "noise2noise-nvlabs" => {
            Network::Noise2NoiseNvlabs(noise2noise_nvlabs::UNetConfig::new().init(device))
        }
        "noise2void" => Network::Noise2Void(noise2void::UNetConfig::new().init(device)),
        "neighbor2neighbor" => Network::Neighbor2Neighbor(neighbor2neighbor::UNetConfig::new().init(device)),
        "hq-ssl" => Network::HqSsl(hq_ssl::HqSslConfig::new(blind).init(device)),
        "tbsn" => Network::Tbsn(tbsn::TbsnConfig::new().init(device)),
        "distilled-unet" => Network::DistilledUNet(student.init(device)),
        "masked-denoising" => Network::MaskedDenoising(masked_denoising::SwinIrConfig::new().init(device)),
        "rednet" => Network::RedNet(rednet::RedNetConfig::new().init(device)),
        "sasl-unet" => Network::SaslUNet(student.init(device)),
        "sasl-bnn" => Network::SaslBnn(bnn(blind).init(device)),
        "sasl-lan" => Network::SaslLan(sasl::LanConfig::new().init(device)),
        _ => Network::Dasr(dasr::DasrConfig::new(card.scale).init(device)),
    }
}

fn small_network(card: &Card, device: &Device) -> Network {
    let student = distilled_unet::UNetConfig::new().with_features(16);
    let blind = hq_ssl::BlindUNetConfig::new().with_features(16);
    match card.id {
        "unet" | "unet-large" => {
            let config = unet::UNetConfig::new().with_widths(vec![32, 48, 64]);
            Network::UNet(config.with_enc_blocks(vec![1, 1]).with_dec_blocks(vec![1, 1]).init(device))
        }
        "noise2noise" => {
            let config = noise2noise::UNetConfig::new().with_encoder(16).with_decoder(32);
            Network::Noise2Noise(config.with_head([24, 16]).init(device))
        }
        "noise2noise-nvlabs" => {
            let config = noise2noise_nvlabs::UNetConfig::new().with_encoder(16).with_decoder(32);
            Network::Noise2NoiseNvlabs(config.with_last([24, 16]).init(device))
        }
        "noise2void" => Network::Noise2Void(noise2void::UNetConfig::new().with_features(16).init(device)),
        "neighbor2neighbor" => {
            let config = neighbor2neighbor::UNetConfig::new().with_features(16).with_last(32);
            Network::Neighbor2Neighbor(config.init(device))
        }
        "hq-ssl" => Network::HqSsl(hq_ssl::HqSslConfig::new(blind).init(device)),
        "tbsn" => {
            let config = tbsn::TbsnConfig::new().with_dim(16).with_blocks([1, 1, 1]).with_refinement(1);
            Network::Tbsn(config.init(device))
        }
        "distilled-unet" => Network::DistilledUNet(student.init(device)),
        "masked-denoising" => {
            let config = masked_denoising::SwinIrConfig::new().with_dim(24).with_hidden(48);
            let config = config.with_depths(vec![2, 2]).with_heads(vec![4, 4]);
            Network::MaskedDenoising(config.init(device))
        }
        "rednet" => {
            Network::RedNet(rednet::RedNetConfig::new().with_layers(5).with_features(32).init(device))
        }
        "sasl-unet" => Network::SaslUNet(student.init(device)),
        "sasl-bnn" => Network::SaslBnn(bnn(blind).init(device)),
        "sasl-lan" => Network::SaslLan(sasl::LanConfig::new().with_features(32).with_blocks(3).init(device)),
        _ => {
            let config = dasr::DasrConfig::new(card.scale).with_groups(2).with_blocks(2).with_features(32);
            Network::Dasr(config.init(device))
        }
    }
}

/// SASL's first stage: a mean alone, blind to a square.
fn bnn(config: hq_ssl::BlindUNetConfig) -> hq_ssl::BlindUNetConfig {
    let colours = config.channels;
    config.with_outputs(colours).with_shift(sasl::BLIND_SQUARE.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::CARDS;
    use crate::weights::StateDict;

    fn weights(id: &str, preset: &str) -> StateDict {
        let network = Network::random(id, preset, 1, &Device::flex()).unwrap();
        pollster::block_on(network.export()).unwrap()
    }

    #[test]
    fn presets_have_the_weights_that_their_cards_claim() {
        let mut wrong = Vec::new();
        for card in CARDS {
            for preset in card.presets {
                let parameters = trainable(&weights(card.id, preset.name));
                if parameters != preset.parameters {
                    wrong.push(format!(
                        "{} {}: {parameters}, not {}",
                        card.id, preset.name, preset.parameters
                    ));
                }
            }
            assert_eq!(card.presets[0].parameters, card.parameters, "{}", card.id);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Running statistics and fixed colour means are not weights.
    fn trainable(state: &StateDict) -> u64 {
        let fixed = |key: &str| key.contains("running_") || key.contains("_mean.");
        let arrays = state.arrays.iter().filter(|(key, _)| !fixed(key));
        arrays.map(|(_, array)| array.data.len() as u64).sum()
    }
}
