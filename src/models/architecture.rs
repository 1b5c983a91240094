//! What a network is to the rest of the crate: [`Architecture`], which each file of a network implements.

use std::borrow::Cow;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::card::Card;
use crate::error::Result;
use crate::nn::plane_by_plane;
use crate::photo::tiles::Demands;
use crate::weights::{self, StateDict};

/// The presets of every network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As in the article.
    Published,
    /// Small enough for a phone's browser.
    Small,
}

/// What a network may want to know beside the pixels.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
    pub seed: u64,
    /// Standard deviation of the noise, 0 to 1, where it is known.
    pub sigma: Option<f32>,
    /// Whether networks that were trained with random masks keep them, as published.
    pub masks: bool,
    /// Passes that are averaged where the result is random.
    pub passes: usize,
    /// What 0 and 1 are in the numbers of the file, for weights that were trained on these. A job takes that of its photo.
    pub range: Option<[f32; 2]>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { seed: 0, sigma: None, masks: true, passes: 1, range: None }
    }
}

/// What a network knows of the whole photo before it sees the tiles: an embedding, `[1, D]`.
#[derive(Clone, Debug)]
pub struct GlobalContext(pub(super) Tensor<2>);

/// From a parameter's path in a module to its official key.
pub type Keys = Box<dyn Fn(&str) -> String>;

/// The part of an [`Architecture`] that its configuration does: the type, and its methods `infer` and `init`.
macro_rules! configured_by {
    ($config:ty) => {
        type Config = $config;

        fn infer(state: &StateDict) -> Result<$config> {
            <$config>::infer(state)
        }

        fn init(config: &$config, device: &Device) -> Self {
            config.init(device)
        }
    };
}
pub(super) use configured_by;

/// A network. Its file implements this, and a line in `networks.rs` lists it: enum, recognition, presets and cards follow.
///
/// Methods that have a default are for what few networks have.
pub trait Architecture: Module + Sized + 'static {
    /// Widths, depths and options.
    type Config;

    /// Its cards: more than one where sizes or scales of it are offered apart.
    const CARDS: &'static [Card];

    /// The configuration of a preset of one of [`Architecture::CARDS`].
    fn preset(card: &Card, size: Size) -> Self::Config;

    /// The configuration that keys, shapes and notes of a checkpoint tell.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when the checkpoint is not one of this network.
    fn infer(state: &StateDict) -> Result<Self::Config>;

    /// A network with random weights.
    fn init(config: &Self::Config, device: &Device) -> Self;

    /// Id of the card that these weights are of, if they are of this network.
    fn recognise(state: &StateDict) -> Option<&'static str>;

    /// The official key of the parameter at `path` in this module, where the path is all that it takes to know it.
    fn official_key(path: &str) -> String {
        path.to_string()
    }

    /// The official keys of its parameters.
    fn keys(&self) -> Keys {
        Box::new(Self::official_key)
    }

    /// Image channels in and out. Photos with more than a network of one channel takes are denoised plane by plane.
    fn channels(&self) -> [usize; 2];

    /// What these very weights demand of their input: by default what the card says that the published network does.
    fn demands(&self) -> Demands {
        Self::CARDS[0].demands()
    }

    /// The network, on values in the range of its card.
    ///
    /// # Shapes
    /// - `x`: `[N, C, H, W]`, sides multiples of what [`Architecture::demands`] says
    /// - output: the same, both sides times the card's `scale`
    fn forward(&self, x: Tensor<4>) -> Tensor<4>;

    /// A checkpoint without what is not loaded: buffers, tensors that are there twice, the state of a trainer.
    fn clean(state: &StateDict) -> Cow<'_, StateDict> {
        Cow::Borrowed(state)
    }

    /// Takes over what the notes of a checkpoint say beside the configuration.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when a note cannot be read.
    fn with_notes(self, _state: &StateDict) -> Result<Self> {
        Ok(self)
    }

    /// What shapes do not tell of it, as notes of its weights.
    fn notes(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The network of a checkpoint; its configuration is recognised by keys, shapes and notes.
    ///
    /// # Errors
    /// [`crate::Kind::Weights`] when the checkpoint is not one of this network.
    fn load(state: &StateDict, device: &Device) -> Result<Self> {
        let state = Self::clean(state);
        let network = Self::init(&Self::infer(&state)?, device);
        let keys = network.keys();
        weights::load(network, &state, keys)?.with_notes(&state)
    }

    /// The weights under their official keys, with the notes that [`Architecture::load`] reads.
    ///
    /// # Errors
    /// [`crate::Kind::Device`] when the device fails.
    fn export(&self) -> impl Future<Output = Result<StateDict>> {
        async {
            let mut state = weights::export(self, self.keys()).await?;
            state.metadata.extend(self.notes());
            Ok(state)
        }
    }

    /// Runs `forward`, which takes and gives values in the range of the card, on pictures in `[0, 1]`, and networks of one
    /// channel on each plane.
    fn in_range_of_card(&self, x: Tensor<4>, forward: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let [low, high] = Self::CARDS[0].range;
        let span = high - low;
        let [channels, _] = self.channels();
        plane_by_plane(x, channels, |x| {
            let x = if span == 1.0 { x } else { x * span };
            let x = if low == 0.0 { x } else { x + low };
            let y = forward(x);
            let y = if low == 0.0 { y } else { y - low };
            if span == 1.0 { y } else { y / span }
        })
    }

    /// Denoises pictures in `[0, 1]`. Shapes as [`Architecture::forward`].
    fn denoise(&self, x: Tensor<4>, _conditions: &Conditions) -> Tensor<4> {
        self.in_range_of_card(x, |x| self.forward(x))
    }

    /// The output for pictures in `[0, 1]` that training compares with a target: without random masks, not clipped.
    fn forward_training(&self, x: Tensor<4>) -> Tensor<4> {
        self.denoise(x, &Conditions { masks: false, ..Conditions::default() })
    }

    /// The same with the network's random masks, if it has such.
    fn forward_training_masked(&self, x: Tensor<4>, _seed: u64) -> Tensor<4> {
        self.forward_training(x)
    }

    /// Negative log-likelihood of noisy pictures, one value for each, if the network predicts distributions. `sigma` is the
    /// standard deviation of the noise for networks that neither learn nor estimate it.
    fn negative_log_likelihood(&self, _noisy: Tensor<4>, _sigma: f32) -> Option<Tensor<1>> {
        None
    }

    /// Whether it has to be told the deviation of the noise ([`Conditions::sigma`]).
    fn needs_sigma(&self) -> bool {
        false
    }

    /// Whether its result depends on the whole photo, by a [`GlobalContext`].
    fn has_global_context(&self) -> bool {
        false
    }

    /// What the network makes of the whole photo, in `[0, 1]`, if its result depends on that.
    fn global_context(&self, _photo: Tensor<4>) -> Option<GlobalContext> {
        None
    }

    /// Denoises a part of a photo of which [`Architecture::global_context`] is known.
    fn denoise_in_context(
        &self,
        x: Tensor<4>,
        conditions: &Conditions,
        _context: &GlobalContext,
    ) -> Tensor<4> {
        self.denoise(x, conditions)
    }

    /// The network for photos whose 0 and 1 are these numbers in their files, where weights know the numbers that they were
    /// trained on.
    #[must_use]
    fn in_range(self, _range: [f32; 2]) -> Self {
        self
    }

    /// The network, told the mean and deviation of each channel that its inputs will have, if it wants to know.
    #[must_use]
    fn with_statistics(self, _statistics: &[[f32; 2]]) -> Self {
        self
    }
}
