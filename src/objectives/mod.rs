//! Training objectives: one file each, with the training loss, the sampling that it needs, its card and its default settings.
//! Losses are functions of tensors; a [`TrainingLoss`] draws a batch and gives its loss.

pub mod blind_spot_l1;
pub mod blind_spot_nll;
mod definition;
pub mod distillation;
mod loss;
pub mod masked;
pub mod neighbor2neighbor;
pub mod noise2noise;
pub mod noise2void;
pub mod noise_model;
pub mod recorruption;
pub mod residual_recorruption;
pub mod sasl;
pub mod supervised;
pub mod zero_shot;

use serde::{Serialize, Serializer};

pub use definition::{
    Curriculum, Definition, ObjectiveCard, Setting, Settings, Teacher, TrainingLoss, Validation,
};
pub use loss::{charbonnier, l1, mse};

use crate::error::{Error, Kind, Result};
use crate::models::Card;

/// Makes the enum and the list of cards.
macro_rules! objectives {
    ($($name:ident: $definition:expr,)*) => {
        /// A training objective.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is documented where it is defined")]
        pub enum Objective {
            $($name,)*
        }

        /// All objectives.
        pub const ALL: &[Objective] = &[$(Objective::$name),*];

        /// The cards of all objectives.
        pub static OBJECTIVES: &[ObjectiveCard] = &[$($definition.card),*];

        impl Objective {
            /// What it is to training.
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Objective::$name => &$definition,)*
                }
            }
        }
    };
}

// In the order in which the cards are shown.
objectives! {
    NoiseModel: noise_model::OBJECTIVE,
    ResidualRecorruption: residual_recorruption::OBJECTIVE,
    Noise2void: noise2void::NOISE2VOID,
    N2v2: noise2void::N2V2,
    Neighbor2neighbor: neighbor2neighbor::OBJECTIVE,
    Recorrupted2recorrupted: recorruption::OBJECTIVE,
    BlindSpotNll: blind_spot_nll::OBJECTIVE,
    BlindSpotL1: blind_spot_l1::OBJECTIVE,
    Masked: masked::OBJECTIVE,
    Distillation: distillation::OBJECTIVE,
    Sasl: sasl::OBJECTIVE,
    ContrastiveSuperResolution: zero_shot::OBJECTIVE,
    Noise2noise: noise2noise::OBJECTIVE,
    Supervised: supervised::OBJECTIVE,
}

/// The objective for trained weights when nobody says otherwise, where it suits.
const DEFAULT_TRAINED: Objective = Objective::NoiseModel;
/// The same for random weights. Measured on camera photos: R2R with the photo's own noise gains where Noise2Void, which wants
/// noise that is independent from pixel to pixel, loses.
const DEFAULT_RANDOM: Objective = Objective::Recorrupted2recorrupted;

impl Objective {
    /// Its card.
    pub fn card(self) -> &'static ObjectiveCard {
        &self.definition().card
    }

    /// Its stable name.
    pub fn id(self) -> &'static str {
        self.card().id
    }

    /// The objectives that suit a network, the default with trained weights first.
    pub fn of(card: &Card) -> Vec<Objective> {
        let general = ALL.iter().filter(|objective| card.training.general && objective.definition().general);
        let own = card.training.own.iter().filter_map(|id| ALL.iter().find(|other| other.id() == *id));
        general.chain(own).copied().collect()
    }

    /// The objective to take when nobody says which: for trained weights, or for random ones.
    pub fn default_of(card: &Card, random: bool) -> Objective {
        let suitable = Self::of(card);
        let wanted = if random { DEFAULT_RANDOM } else { DEFAULT_TRAINED };
        if suitable.contains(&wanted) { wanted } else { suitable[0] }
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl std::str::FromStr for Objective {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        ALL.iter().copied().find(|objective| objective.id() == id).ok_or_else(|| {
            let known: Vec<&str> = OBJECTIVES.iter().map(|card| card.id).collect();
            Error::new(Kind::Option, format!("there is no objective `{id}`; there are: {}", known.join(", ")))
        })
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::CARDS;

    #[test]
    fn every_objective_is_known_by_its_own_name() {
        for objective in ALL {
            assert_eq!(objective.id().parse::<Objective>().unwrap(), *objective);
            assert_eq!(ALL.iter().filter(|other| other.id() == objective.id()).count(), 1);
            assert_eq!(serde_json::to_value(objective).unwrap(), objective.id());
            assert!(!objective.card().title.is_empty() && !objective.card().summary.is_empty());
        }
        assert!("magic".parse::<Objective>().unwrap_err().to_string().contains("noise2void"));
    }

    #[test]
    fn every_network_can_learn_from_a_single_photo() {
        for card in &CARDS {
            assert_eq!(
                Objective::of(card).iter().filter(|o| !o.definition().general).count(),
                card.training.own.len()
            );
            for random in [true, false] {
                let objective = Objective::default_of(card, random);
                assert!(objective.card().shots == 1 && !objective.card().clean, "{}", card.id);
                assert!(Objective::of(card).contains(&objective), "{}", card.id);
            }
            assert!(
                Objective::of(card).iter().any(|o| o.id() == card.objective)
                    || card.objective == "supervised",
                "{}: {}",
                card.id,
                card.objective
            );
        }
    }
}
