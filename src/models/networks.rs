//! The list of networks, and what follows from it: the enum [`Network`], recognition, presets and [`CARDS`].

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, Conditions, GlobalContext, Size};
use super::card::Card;
use crate::error::{Error, Kind, Result};
use crate::photo::tiles::Demands;
use crate::weights::StateDict;

/// Makes the enum, and hands each of its methods on to the network that it holds.
macro_rules! networks {
    ($($name:ident($network:ty),)*) => {
        /// Any of the networks.
        #[allow(clippy::large_enum_variant, reason = "there are few of them, and their weights are elsewhere")]
        #[derive(Module, Debug)]
        #[allow(missing_docs, reason = "each is documented where it is defined")]
        pub enum Network {
            $($name($network),)*
        }

        $(
            impl From<$network> for Network {
                fn from(network: $network) -> Self {
                    Network::$name(network)
                }
            }

            impl<'a> TryFrom<&'a Network> for &'a $network {
                type Error = Error;

                fn try_from(network: &'a Network) -> Result<Self> {
                    match network {
                        Network::$name(network) => Ok(network),
                        _ => Err(Error::new(Kind::Model, concat!("this is no ", stringify!($name)))),
                    }
                }
            }
        )*

        /// The cards of each network, in the order of the list.
        const LISTS: &[&[Card]] = &[$(<$network as Architecture>::CARDS),*];

        /// For each network, whose weights these are: the id of a card, or nothing.
        const RECOGNISERS: &[fn(&StateDict) -> Option<&'static str>] =
            &[$(<$network as Architecture>::recognise),*];

        impl Network {
            /// The network of a card with the given weights.
            ///
            /// # Errors
            /// [`Kind::Weights`] when they are not of this network.
            pub(super) fn load(card: &Card, state: &StateDict, device: &Device) -> Result<Self> {
                $(if has_card::<$network>(card) {
                    return Ok(<$network>::load(state, device)?.into());
                })*
                Err(not_listed(card))
            }

            /// The network of a card with random weights.
            ///
            /// # Errors
            /// [`Kind::Model`] when the card is not of the list.
            pub(super) fn random(card: &Card, size: Size, device: &Device) -> Result<Self> {
                $(if has_card::<$network>(card) {
                    let config = <$network as Architecture>::preset(card, size);
                    return Ok(<$network as Architecture>::init(&config, device).into());
                })*
                Err(not_listed(card))
            }

            /// The weights under their official keys.
            ///
            /// # Errors
            /// [`Kind::Device`] when the device fails.
            pub async fn export(&self) -> Result<StateDict> {
                match self {
                    $(Network::$name(network) => network.export().await,)*
                }
            }

            /// Image channels in and out.
            pub(super) fn channels(&self) -> [usize; 2] {
                match self {
                    $(Network::$name(network) => Architecture::channels(network),)*
                }
            }

            /// What the network with these very weights demands of its input. The card says what the published one does.
            pub fn demands(&self) -> Demands {
                match self {
                    $(Network::$name(network) => Architecture::demands(network),)*
                }
            }

            /// Denoises a batch of images in `[0, 1]`.
            ///
            /// # Shapes
            /// - `x`: `[N, C, H, W]`, `C` as on the [`Card`], sides multiples of what [`Network::demands`] says
            /// - output: the same, both sides times the card's `scale`
            pub fn denoise(&self, x: Tensor<4>, conditions: &Conditions) -> Tensor<4> {
                match self {
                    $(Network::$name(network) => Architecture::denoise(network, x, conditions),)*
                }
            }

            /// Denoises a part of a photo, with what [`Network::global_context`] made of the whole. Shapes as
            /// [`Network::denoise`].
            pub fn denoise_tile(
                &self,
                x: Tensor<4>,
                conditions: &Conditions,
                context: Option<&GlobalContext>,
            ) -> Tensor<4> {
                let Some(context) = context else { return self.denoise(x, conditions) };
                match self {
                    $(Network::$name(network) => network.denoise_in_context(x, conditions, context),)*
                }
            }

            /// Looks at the whole photo, for networks whose result depends on all of it: what comes out is handed to
            /// [`Network::denoise_tile`] with every tile, so that they agree. `None` for networks that see no further than
            /// their receptive field.
            pub fn global_context(&self, photo: Tensor<4>) -> Option<GlobalContext> {
                match self {
                    $(Network::$name(network) => network.global_context(photo),)*
                }
            }

            /// Whether it has to be told the deviation of the noise.
            pub fn needs_sigma(&self) -> bool {
                match self {
                    $(Network::$name(network) => network.needs_sigma(),)*
                }
            }

            /// Whether [`Network::global_context`] gives something.
            pub fn has_global_context(&self) -> bool {
                match self {
                    $(Network::$name(network) => network.has_global_context(),)*
                }
            }

            /// The output for `x`, to be compared with a target: without masks, downsampling or refinement.
            ///
            /// # Shapes
            /// - `x`: `[N, C, H, W]` in `[0, 1]`, sides multiples of what [`Network::demands`] says
            /// - output: the same, not clipped
            pub fn forward_training(&self, x: Tensor<4>) -> Tensor<4> {
                match self {
                    $(Network::$name(network) => network.forward_training(x),)*
                }
            }

            /// [`Network::forward_training`] with the network's random masks, if it has such.
            pub fn forward_training_masked(&self, x: Tensor<4>, seed: u64) -> Tensor<4> {
                match self {
                    $(Network::$name(network) => network.forward_training_masked(x, seed),)*
                }
            }

            /// Negative log-likelihood of noisy pictures, one value for each, if the network predicts distributions.
            ///
            /// `sigma` is the standard deviation of the noise for networks that neither learn nor estimate it.
            pub fn negative_log_likelihood(&self, noisy: Tensor<4>, sigma: f32) -> Option<Tensor<1>> {
                match self {
                    $(Network::$name(network) => network.negative_log_likelihood(noisy, sigma),)*
                }
            }

            /// The network for photos whose 0 and 1 are these numbers in their files: some weights know what numbers they
            /// were trained on.
            #[must_use]
            pub fn in_range(self, range: [f32; 2]) -> Self {
                match self {
                    $(Network::$name(network) => Network::$name(network.in_range(range)),)*
                }
            }

            /// Tells a fresh network the mean and deviation of each channel that its inputs will have, if it wants to know.
            #[must_use]
            pub fn with_statistics(self, statistics: &[[f32; 2]]) -> Self {
                match self {
                    $(Network::$name(network) => Network::$name(Architecture::with_statistics(network, statistics)),)*
                }
            }
        }
    };
}

// In the order in which the cards are shown.
networks! {
    UNet(super::unet::UNet),
    Noise2Noise(super::noise2noise::UNet),
    Noise2NoiseNvlabs(super::noise2noise_nvlabs::UNet),
    Noise2Void(super::noise2void::UNet),
    Neighbor2Neighbor(super::neighbor2neighbor::UNet),
    HqSsl(super::hq_ssl::HqSsl),
    Tbsn(super::tbsn::Tbsn),
    DistilledUNet(super::distilled_unet::UNet),
    MaskedDenoising(super::masked_denoising::SwinIr),
    RedNet(super::rednet::RedNet),
    SaslUNet(super::sasl::UNet),
    SaslBnn(super::sasl::Bnn),
    SaslLan(super::sasl::Lan),
    Dasr(super::dasr::Dasr),
}

fn has_card<A: Architecture>(card: &Card) -> bool {
    A::CARDS.iter().any(|own| own.id == card.id)
}

fn not_listed(card: &Card) -> Error {
    Error::new(Kind::Model, format!("`{}` is not in the list of networks", card.id))
}

/// Number of cards.
const COUNT: usize = {
    let (mut count, mut list) = (0, 0);
    while list < LISTS.len() {
        count += LISTS[list].len();
        list += 1;
    }
    count
};

/// All cards, in the order in which they should be shown.
pub static CARDS: [Card; COUNT] = {
    let mut cards = [LISTS[0][0]; COUNT];
    let (mut next, mut list) = (0, 0);
    while list < LISTS.len() {
        let mut own = 0;
        while own < LISTS[list].len() {
            cards[next] = LISTS[list][own];
            next += 1;
            own += 1;
        }
        list += 1;
    }
    cards
};

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

#[cfg(test)]
mod tests {
    use super::*;

    /// So the order of the list tells nothing but the order of the cards.
    #[test]
    fn weights_are_recognised_by_one_network_only() {
        let device = Device::flex();
        for card in &CARDS {
            for size in [Size::Published, Size::Small] {
                let network = Network::random(card, size, &device).unwrap();
                let state = pollster::block_on(network.export()).unwrap();
                let found: Vec<&str> = RECOGNISERS.iter().filter_map(|test| test(&state)).collect();
                assert_eq!(found.len(), 1, "{}: {found:?}", card.id);
                assert_eq!(super::card(found[0]).unwrap().family, card.family);
            }
        }
    }
}
