//! What noise is like, in a few facts for people, and in an English sentence.

use std::fmt;

use serde::Serialize;

use super::defects::{Defects, Lines};
use super::model::NoiseModel;

/// Deviation in levels of 255 below which noise is not told of.
const LEAST_TOLD: f32 = 0.5;
/// How many times as strong noise is where it is told to be stronger.
const TREND: f32 = 1.4;
/// Correlation of neighbouring pixels from which noise is told to be blotchy.
const BLOTCHY: f32 = 0.5;
/// Correlation of channels from which noise is told to be gray.
const GRAY: f32 = 0.9;

/// What the noise of a photo is like, in a few facts.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseSummary {
    /// The noise that every pixel has; nothing where there is next to none.
    pub field: Option<NoiseField>,
    /// Share of the pixels, or of the samples of each channel, that have lost their value, 0 to 1.
    pub impulses: Option<f32>,
    /// Deviation of the offsets of rows, where these are too bright or too dark; shares of white.
    pub rows: Option<f32>,
    /// Deviation of the offsets of columns.
    pub columns: Option<f32>,
}

/// What the noise that every pixel has is like.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseField {
    /// Standard deviation at middle brightness, mean of the channels, 0 to 1.
    pub sigma: f32,
    /// Where it is much stronger than elsewhere, if anywhere.
    #[cfg_attr(test, ts(inline))]
    pub stronger: Option<Brightness>,
    /// How it spreads over pixels.
    #[cfg_attr(test, ts(inline))]
    pub spread: Spread,
    /// Whether it is the same in all colours.
    pub same_in_colors: bool,
}

/// Parts of a photo.
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Brightness {
    /// The dark ones.
    Dark,
    /// The bright ones.
    Bright,
}

/// How noise spreads over pixels.
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// It is different from pixel to pixel.
    Pixels,
    /// A little, over neighbouring pixels.
    Neighbours,
    /// In blotches.
    Blotches,
    /// In streaks along rows or columns.
    Streaks,
}

impl NoiseSummary {
    /// The facts of a model.
    pub(super) fn of(model: &NoiseModel) -> Self {
        let Defects { impulses, rows, columns } = &model.defects;
        Self {
            field: NoiseField::of(model),
            impulses: impulses.as_ref().map(|impulses| impulses.density),
            rows: rows.as_ref().map(Lines::sigma),
            columns: columns.as_ref().map(Lines::sigma),
        }
    }
}

impl NoiseField {
    fn of(model: &NoiseModel) -> Option<Self> {
        let sigma_at = |level: f32| {
            let variances = (0..model.channels).map(|c| model.sigma_at(c, level).powi(2));
            (variances.sum::<f32>() / model.channels as f32).sqrt()
        };
        let [dark, sigma, bright] = [0.1, 0.5, 0.9].map(sigma_at);
        if dark.max(sigma).max(bright) <= LEAST_TOLD / 255.0 {
            return None;
        }
        let stronger = match bright / dark.max(0.01 / 255.0) {
            ratio if ratio > TREND => Some(Brightness::Bright),
            ratio if ratio < 1.0 / TREND => Some(Brightness::Dark),
            _ => None,
        };
        let spread = match model.correlation(1, 0).max(model.correlation(0, 1)) {
            near if near > BLOTCHY && model.streaks().is_some() => Spread::Streaks,
            near if near > BLOTCHY => Spread::Blotches,
            near if near > 0.0 && !model.is_white() => Spread::Neighbours,
            _ => Spread::Pixels,
        };
        let same_in_colors = model.channels == 3 && model.channel_correlation(0, 1) > GRAY;
        Some(Self { sigma, stronger, spread, same_in_colors })
    }
}

impl fmt::Display for NoiseSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.field.iter().map(NoiseField::to_string).collect();
        if let Some(density) = self.impulses {
            parts.push(format!("{:.1} % of the pixels have lost their value", 100.0 * density));
        }
        for (sigma, name) in [(self.rows, "rows"), (self.columns, "columns")] {
            if let Some(sigma) = sigma {
                let offset = 255.0 * sigma;
                parts.push(format!("{name} are too bright or too dark by about {offset:.0} of 255 levels"));
            }
        }
        f.write_str(&if parts.is_empty() { "next to no noise".to_string() } else { parts.join("; ") })
    }
}

impl fmt::Display for NoiseField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stronger = match self.stronger {
            Some(Brightness::Bright) => ", stronger where it is bright",
            Some(Brightness::Dark) => ", stronger where it is dark",
            None => "",
        };
        let spread = match self.spread {
            Spread::Pixels => "different from pixel to pixel",
            Spread::Neighbours => "spread over neighbouring pixels",
            Spread::Blotches => "in blotches",
            Spread::Streaks => "in streaks",
        };
        let colors = if self.same_in_colors { ", the same in all colours" } else { "" };
        write!(f, "noise of about {:.0} of 255 levels{stronger}, {spread}{colors}", 255.0 * self.sigma)
    }
}
