//! Ways of running a network on noise that it was not made for: what they are. [`crate::inference`] runs them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::nn::Symmetry;
use crate::weights::StateDict;

/// Passes of R3, as published.
const R3_PASSES: usize = 8;

/// Note of weights that says how they are to be run.
pub const NOTE: &str = "adapt";

/// How a network is asked to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Mode {
    /// As the model says: by the note of its weights, else by its card, else by the photo's noise.
    #[default]
    Auto,
    /// As [`Mode::Auto`] chooses by the card and the noise, with more of the plain result where there is a mean of both: for networks
    /// that have learned a little of the photo's noise as it is.
    Shared,
    /// Plain, but taking away no more than the photo's noise explains.
    Wiener,
    /// This way.
    Fixed(Adapt),
}

impl Mode {
    /// The names of all modes.
    pub const NAMES: [&str; 11] =
        ["auto", "shared", "plain", "wiener", "x2", "x8", "pd2", "pd3", "pd4", "pd5", "r3"];

    /// What the note of weights says: tuned ones are run as they were tuned, and some of those in the package take away too
    /// much unless they are held back.
    ///
    /// # Errors
    /// [`Kind::Option`] when the note is none of [`Mode::NAMES`].
    pub fn noted(weights: &StateDict) -> Result<Self> {
        weights.metadata.get(NOTE).map_or(Ok(Mode::Auto), |name| name.parse())
    }

    /// The note that [`Mode::noted`] reads as this mode; `None` where there is none, as for [`Mode::Auto`].
    pub fn note(self) -> Option<String> {
        let name = match self {
            Mode::Auto => return None,
            Mode::Shared => "shared".to_string(),
            Mode::Wiener => "wiener".to_string(),
            Mode::Fixed(Adapt::R3) => "r3".to_string(),
            Mode::Fixed(adapt) => adapt.to_string(),
        };
        name.parse().is_ok_and(|mode: Self| mode == self).then_some(name)
    }

    /// This mode, or `other` where this is [`Mode::Auto`].
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Mode::Auto { other } else { self }
    }
}

impl FromStr for Mode {
    type Err = Error;

    /// One of [`Mode::NAMES`]; `x2` and `x8` are self-ensembles of so many, `r3` is PD 2 and R3, as published.
    fn from_str(name: &str) -> Result<Self> {
        let ensemble = |self_ensemble| Ok(Mode::Fixed(Adapt { self_ensemble, ..Adapt::PLAIN }));
        let pd = |pd| Ok(Mode::Fixed(Adapt { pd, ..Adapt::PLAIN }));
        match name {
            "auto" => Ok(Mode::Auto),
            "shared" => Ok(Mode::Shared),
            "plain" => ensemble(1),
            "wiener" => Ok(Mode::Wiener),
            "x2" => ensemble(2),
            "x8" => ensemble(Symmetry::ALL.len()),
            "pd2" => pd(2),
            "pd3" => pd(3),
            "pd4" => pd(4),
            "pd5" => pd(5),
            "r3" => Ok(Mode::Fixed(Adapt::R3)),
            _ => {
                let message = format!("there is no mode `{name}`; there are: {}", Self::NAMES.join(", "));
                Err(Error::new(Kind::Option, message))
            }
        }
    }
}

/// How a network is run: as it is, on PD phases, or on PD phases with something after it.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adapt {
    /// PD factor; 1 leaves the pixels together. Camera photos: 2 for networks trained on phases 5 apart.
    pub pd: usize,
    /// Passes of R3 over the result of PD; 0 does without.
    pub refinements: usize,
    /// Whether there is a second pass: the network is run once more, on the result so far.
    pub second_pass: bool,
    /// Where the plain result differs from this one by more than this (root mean square of a window, 0 to 1), the
    /// difference is taken for detail, and the plain result is kept.
    pub detail: Option<f32>,
    /// Share of the plain result in this one elsewhere, 0 to 1, where there is such a `detail`.
    pub plain_share: f32,
    /// Standard deviation of the noise, 0 to 1: where more than that would be removed (root mean square of a window), only
    /// the noise's share of it is.
    pub wiener: Option<f32>,
    /// Self-ensemble: rotations and reflections of the photo whose results are averaged, 1 to 8. Of the second pass where there
    /// is one, else of the run on phases.
    pub self_ensemble: usize,
}

impl Adapt {
    /// The network as it is.
    pub const PLAIN: Self = Self {
        pd: 1,
        refinements: 0,
        second_pass: false,
        detail: None,
        plain_share: 0.0,
        wiener: None,
        self_ensemble: 1,
    };
    /// A 2x self-ensemble. [`Mode::Auto`] affords it for small photos only.
    pub const X2: Self = Self { self_ensemble: 2, ..Self::PLAIN };
    /// A 4x self-ensemble, as [`Adapt::X2`].
    pub const X4: Self = Self { self_ensemble: 4, ..Self::PLAIN };
    /// PD 2 and R3, as published for networks with a blind spot.
    pub const R3: Self = Self { pd: 2, refinements: R3_PASSES, ..Self::PLAIN };

    /// The size of a self-ensemble (1: plain) with nothing else around the network; `None` where there is more.
    pub fn only_self_ensemble(&self) -> Option<usize> {
        (Self { self_ensemble: 1, ..*self } == Self::PLAIN).then_some(self.self_ensemble)
    }
}

impl Default for Adapt {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl fmt::Display for Adapt {
    /// `plain`, or for example `x2`, `pd2`, `pd2+r3`, `pd3+second-pass+detail+x2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = [
            (self.pd > 1, format!("pd{}", self.pd)),
            (self.refinements > 0, "r3".to_string()),
            (self.second_pass, "second-pass".to_string()),
            (self.detail.is_some(), "detail".to_string()),
            (self.wiener.is_some(), "wiener".to_string()),
            (self.self_ensemble > 1, format!("x{}", self.self_ensemble)),
        ];
        let names: Vec<_> = shares.into_iter().filter_map(|(there, name)| there.then_some(name)).collect();
        f.write_str(if names.is_empty() { "plain" } else { "" })?;
        f.write_str(&names.join("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_by_name_and_noted_by_it() {
        for name in Mode::NAMES {
            let mode: Mode = name.parse().unwrap();
            assert_eq!(mode.note(), (name != "auto").then(|| name.to_string()));
        }
        // A run that no name stands for has no note.
        assert_eq!(Mode::Fixed(Adapt { self_ensemble: 3, ..Adapt::PLAIN }).note(), None);
        assert_eq!("pd6".parse::<Mode>().unwrap_err().kind(), Kind::Option);
        assert_eq!(Adapt { detail: Some(0.1), ..Adapt::R3 }.to_string(), "pd2+r3+detail");
        assert_eq!(Mode::Auto.or(Mode::Wiener), Mode::Wiener);
        assert_eq!(Mode::Fixed(Adapt::PLAIN).or(Mode::Wiener), Mode::Fixed(Adapt::PLAIN));
    }
}
