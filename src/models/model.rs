//! [`Model`]: a network, its card and the way it is to be run, as one value.

use burn::tensor::Device;

use super::architecture::Size;
use super::card::Card;
use super::mode::{Mode, NOTE};
use super::networks::{Network, card, recognise};
use crate::error::{Error, Kind, Result};
use crate::weights::StateDict;

/// The weights in the library: what fits into a published crate, which has 10 MB.
#[cfg(not(target_arch = "wasm32"))]
const BUNDLED: [(&str, &[u8]); 1] =
    [("unet", include_bytes!("../../pkg-config/weights/unet.safetensors").as_slice())];

/// A network on a device, ready to denoise or to be trained.
///
/// How it is to be run comes with it: what the note `adapt` of its weights says, else what its card does.
#[derive(Clone, Debug)]
pub struct Model {
    network: Network,
    card: &'static Card,
    device: Device,
    mode: Mode,
    random: bool,
}

impl Model {
    /// The model in a file of weights, safetensors or a checkpoint of PyTorch: keys and shapes tell the network.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the file is damaged, or of no known network.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        Self::from_state(&StateDict::read(bytes)?, device)
    }

    /// [`Model::from_bytes`] for weights that have been read.
    ///
    /// # Errors
    /// [`Kind::Weights`] when they are of no known network.
    pub fn from_state(state: &StateDict, device: &Device) -> Result<Self> {
        Self::load(recognise(state)?.id, state, device)
    }

    /// The network `id` with the given weights; its configuration is recognised by their shapes.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown `id`, [`Kind::Weights`] for weights that are not of this network, or of one that does not
    /// give the colours that it takes, [`Kind::Option`] for a note of no known mode.
    pub fn load(id: &str, state: &StateDict, device: &Device) -> Result<Self> {
        let card = card(id)?;
        if let Ok(other) = recognise(state)
            && other.family != card.family
        {
            let message =
                format!("these are weights of `{}`, not of `{}`: {}", other.id, card.id, state.beginning());
            return Err(Error::new(Kind::Weights, message));
        }
        let network = Network::load(card, state, device)?;
        let [channels, outputs] = network.channels();
        if channels != outputs || ![1, card.channels].contains(&channels) {
            let message = format!("these weights turn {channels} colours into {outputs}; photos have 1 or 3");
            return Err(Error::new(Kind::Weights, message));
        }
        let mode = Mode::noted(state)?;
        Ok(Self { network, card, device: device.clone(), mode, random: false })
    }

    /// The network `id` with the weights that are in the library: those of `unet`. The weights of the other networks are
    /// files of the npm packages, for [`Model::from_bytes`].
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown `id` and for a network whose weights are not in the library.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn bundled(id: &str, device: &Device) -> Result<Self> {
        let card = card(id)?;
        let missing = || match card.weights {
            None => Error::new(Kind::Model, format!("there are no weights of `{id}`")),
            Some(weights) => {
                let message = format!(
                    "the weights of `{id}` are not in this program, but in the npm package `unnoise` or `unnoise-weights`: {}",
                    weights.file
                );
                Error::new(Kind::Model, message)
            }
        };
        let (_, bytes) = BUNDLED.iter().find(|(bundled, _)| *bundled == card.id).ok_or_else(missing)?;
        Self::load(id, &StateDict::read(bytes)?, device)
    }

    /// The network `id` with random weights, in one of the presets of its card: `published` or `small`. `seed` fixes the
    /// weights, as long as no other thread draws random numbers from the same backend meanwhile.
    ///
    /// # Errors
    /// [`Kind::Model`] for an unknown network, [`Kind::Option`] for an unknown preset.
    pub fn random(id: &str, preset: &str, seed: u64, device: &Device) -> Result<Self> {
        let card = card(id)?;
        let size = match preset {
            "published" => Size::Published,
            "small" => Size::Small,
            _ => {
                let message = format!("`{id}` has no preset `{preset}`; there are: published, small");
                return Err(Error::new(Kind::Option, message));
            }
        };
        device.seed(seed);
        let network = Network::random(card, size, device)?;
        Ok(Self { network, card, device: device.clone(), mode: Mode::Auto, random: true })
    }

    /// The model with a network that was trained, which is to be run so.
    #[must_use]
    pub(crate) fn trained(&self, network: Network, mode: Mode) -> Self {
        Self { network, mode, random: false, ..self.clone() }
    }

    /// The same model, its network changed by `f`.
    #[must_use]
    pub(crate) fn map(self, f: impl FnOnce(Network) -> Network) -> Self {
        Self { network: f(self.network), ..self }
    }

    /// The weights under their official keys, with the note that says how they are to be run.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails.
    pub async fn export(&self) -> Result<StateDict> {
        let mut state = self.network.export().await?;
        state.metadata.extend(self.mode.note().map(|name| (NOTE.to_string(), name)));
        Ok(state)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its card.
    pub fn card(&self) -> &'static Card {
        self.card
    }

    /// The device that its weights are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How it is to be run when nobody says otherwise.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether its weights are random and have not been trained.
    pub fn is_random(&self) -> bool {
        self.random
    }
}
