//! The policy: how a network is run on a photo, from what is asked, the card and the photo's noise.

use std::ops::Deref;

use crate::error::{Error, Kind, Result};
use crate::models::{Adapt, Card, Mode};
use crate::noise::NoiseEstimate;

/// Deviation below which [`Mode::Auto`] takes a photo for free of noise.
const NO_NOISE: f32 = 0.2 / 255.0;
/// Correlation 3 pixels apart from which phases 2 apart are not independent enough: PD 3 is taken.
const WIDE: f32 = 0.23;
/// Photos of at most so many pixels get a self-ensemble and a second pass: larger ones take long as it is. Ensembles
/// larger than [`Adapt::X4`] gain hundredths of a decibel.
const SMALL_PHOTO: usize = 1 << 20;
/// Smallest difference that is taken for detail: estimates of weak noise are not to be relied on.
const SMALLEST_DETAIL: f32 = 0.01;
/// Share of the plain result in that of PD, for networks that were trained for such noise: the two err in different ways, so that a
/// mean is better than either. Measured with `unet` on the public halves of CC15 and PolyU100: 0.05 and 0.01 dB above a share of 0.3
/// and 0.16 and 0.18 above the plain result alone; 0.65 does as well. Other networks leave too much noise.
const PLAIN_SHARE: f32 = 0.5;
/// The same for [`Mode::Shared`].
const SHARED: f32 = 0.65;

impl Mode {
    /// What is run on a photo of so many pixels with this noise. By itself, PD is chosen only for noise that is correlated,
    /// and for networks that gain by it. `noise` is looked at only where the choice depends on it.
    ///
    /// # Errors
    /// [`Kind::Option`] when a network that enlarges is asked for anything but plain or a self-ensemble.
    pub fn choose(
        self,
        card: &Card,
        noise: &impl Deref<Target = NoiseEstimate>,
        pixels: usize,
    ) -> Result<Adapt> {
        match self {
            Mode::Auto => Ok(match card.adapt {
                // Networks that enlarge take as long as their result is large.
                Some(adapt) if pixels * card.scale.pow(2) > SMALL_PHOTO => {
                    Adapt { self_ensemble: 1, ..adapt }
                }
                Some(adapt) => adapt,
                None => for_noise(noise, pixels, card.correlated),
            }),
            Mode::Shared => {
                let adapt = Mode::Auto.choose(card, noise, pixels)?;
                let plain_share = if adapt.detail.is_some() { SHARED } else { adapt.plain_share };
                Ok(Adapt { plain_share, ..adapt })
            }
            Mode::Fixed(adapt) if adapt.only_self_ensemble().is_some() => Ok(adapt),
            Mode::Fixed(_) | Mode::Wiener if card.scale > 1 => {
                let message = format!("`{}` enlarges, and so can only be run plain, x2 or x8", card.id);
                Err(Error::new(Kind::Option, message))
            }
            // Without noise there is nothing to hold it back by.
            Mode::Wiener => {
                let wiener = (noise.sigma >= NO_NOISE).then_some(noise.sigma);
                Ok(Adapt { wiener, ..Adapt::PLAIN })
            }
            Mode::Fixed(adapt) => Ok(adapt),
        }
    }
}

/// What is best, by the public halves of CC15 and PolyU100, for noise of this level and correlation, and a network that was trained
/// for such noise or not.
fn for_noise(noise: &NoiseEstimate, pixels: usize, trained_for_it: bool) -> Adapt {
    if noise.sigma < NO_NOISE {
        return Adapt::PLAIN;
    }
    let second_pass = pixels <= SMALL_PHOTO;
    let self_ensemble = if second_pass { Adapt::X2.self_ensemble } else { 1 };
    if !noise.correlated {
        return Adapt { self_ensemble, ..Adapt::PLAIN };
    }
    let [.., far] = noise.correlation.chroma.unwrap_or(noise.correlation.luma);
    let detail = noise.sigma.hypot(SMALLEST_DETAIL);
    Adapt {
        pd: if far > WIDE { 3 } else { 2 },
        second_pass,
        detail: Some(detail),
        plain_share: if trained_for_it { PLAIN_SHARE } else { 0.0 },
        self_ensemble,
        ..Adapt::PLAIN
    }
}

#[cfg(test)]
mod tests {
    use std::cell::LazyCell;

    use super::*;

    #[test]
    fn the_card_and_the_noise_choose() {
        let noise = |luma, chroma, sigma| {
            let correlation = crate::noise::Correlation { luma, chroma: Some(chroma) };
            NoiseEstimate { sigma, channels: vec![], correlated: correlation.is_high(), correlation }
        };
        let of_size = |id: &str, noise, pixels| {
            Mode::Auto.choose(crate::models::card(id).unwrap(), &&noise, pixels).unwrap()
        };
        let choose = |id: &str, noise| of_size(id, noise, SMALL_PHOTO + 1);
        let camera = noise([0.4, 0.0, 0.0], [0.7, 0.4, 0.1], 0.02);
        assert_eq!(choose("unet", noise([-0.1, 0.0, 0.0], [0.0; 3], 0.1)), Adapt::PLAIN);
        assert_eq!(choose("unet", noise([0.4, 0.0, 0.0], [0.7, 0.4, 0.1], 0.0)), Adapt::PLAIN);
        let white = of_size("unet", noise([-0.1, 0.0, 0.0], [0.0; 3], 0.1), SMALL_PHOTO);
        assert_eq!(white.to_string(), "x2");
        assert_eq!(choose("unet", camera.clone()).to_string(), "pd2+detail");
        assert_eq!(choose("unet", noise([0.4, 0.1, 0.0], [0.7, 0.5, 0.3], 0.02)).to_string(), "pd3+detail");
        assert_eq!(of_size("unet", camera.clone(), SMALL_PHOTO).to_string(), "pd2+second-pass+detail+x2");
        let shared = |id: &str| Mode::Shared.choose(crate::models::card(id).unwrap(), &&camera, 1).unwrap();
        assert_eq!(shared("unet"), Adapt { plain_share: SHARED, ..of_size("unet", camera.clone(), 1) });
        assert_eq!(shared("tbsn"), Adapt::R3);
        assert_eq!(choose("unet-large", camera.clone()), Adapt::PLAIN);
        assert_eq!(of_size("unet-large", camera.clone(), SMALL_PHOTO), Adapt::X2);
        assert_eq!(choose("tbsn", camera.clone()), Adapt::R3);
        assert_eq!(choose("noise2noise", camera.clone()), Adapt::PLAIN);
        assert_eq!(of_size("dasr-x2", camera.clone(), SMALL_PHOTO / 4), Adapt::X2);
        assert_eq!(of_size("dasr-x4", camera.clone(), SMALL_PHOTO / 16), Adapt::X4);
        assert_eq!(of_size("dasr-x2", camera.clone(), SMALL_PHOTO), Adapt::PLAIN);
        let unknown = LazyCell::new(|| panic!("nothing depends on the noise"));
        let large = Mode::Auto.choose(crate::models::card("unet-large").unwrap(), &unknown, SMALL_PHOTO);
        assert_eq!(large.unwrap(), Adapt::X2);
        let dasr = crate::models::card("dasr-x2").unwrap();
        assert_eq!(Mode::Fixed(Adapt::X2).choose(dasr, &&camera, SMALL_PHOTO).unwrap(), Adapt::X2);
        assert_eq!(Mode::Fixed(Adapt::R3).choose(dasr, &&camera, 1).unwrap_err().kind(), Kind::Option);
    }
}
