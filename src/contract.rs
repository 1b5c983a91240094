//! What crosses to JavaScript as plain objects. `pkg-config/src/shared/contract.ts` is generated from these types and a test
//! keeps it fresh, so Rust, the npm package and the page cannot disagree.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::inference::{Execution, Job};
use crate::models::Card;
use crate::noise::{self, LevelNoise, NoiseEstimate, NoiseSummary};
use crate::objectives::{self, Objective};

/// What is known about a network: the model card.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelCard {
    #[serde(flatten)]
    card: &'static Card,
    /// The training objectives that suit it, see `objectives`.
    #[cfg_attr(test, ts(type = "readonly string[]"))]
    objectives: Vec<Objective>,
    /// The training objectives that are taken when none is named.
    default_objectives: DefaultObjectives,
}

/// The training objectives when none is named.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
pub struct DefaultObjectives {
    /// With trained weights.
    #[cfg_attr(test, ts(type = "string"))]
    trained: Objective,
    /// With random weights.
    #[cfg_attr(test, ts(type = "string"))]
    random: Objective,
}

impl ModelCard {
    /// The card with the objectives for it.
    pub fn of(card: &'static Card) -> Self {
        let default = |random| Objective::default_of(card, random);
        let default_objectives = DefaultObjectives { trained: default(false), random: default(true) };
        Self { card, objectives: Objective::of(card), default_objectives }
    }
}

/// What is known about a training objective: its card.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
pub struct ObjectiveCard {
    #[serde(flatten)]
    card: &'static objectives::ObjectiveCard,
    /// Steps of the optimiser when nobody says how many.
    steps: Steps,
}

/// Steps of the optimiser when nobody says how many.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
struct Steps {
    /// With trained weights.
    trained: usize,
    /// With random weights.
    random: usize,
}

impl ObjectiveCard {
    /// The card with the steps by default.
    pub fn of(objective: Objective) -> Self {
        let [trained, random] = objective.definition().settings;
        let steps = Steps { trained: trained.steps, random: random.steps };
        Self { card: objective.card(), steps }
    }
}

/// How a photo is to be denoised.
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// Input pixels of a tile, at most. Default: the card's.
    pub tile: Option<usize>,
    /// From 0 (the photo as it was) to 1 (fully denoised). Default 1.
    pub strength: Option<f32>,
    /// Seed for networks that draw random numbers. Default 0.
    pub seed: Option<u64>,
    /// How the network is run. Default `auto`.
    #[cfg_attr(test, ts(as = "Option<AdaptMode>"))]
    pub adapt: Option<String>,
}

/// How to fine-tune.
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TrainingOptions {
    /// Id of the objective. Default: what suits the network.
    pub objective: Option<String>,
    /// Steps of the optimiser, at most. Default: those of the objective's card.
    pub steps: Option<usize>,
    /// Time, at most, seconds.
    pub seconds: Option<f64>,
    /// Seed of everything random. Default 0.
    pub seed: Option<u64>,
    /// Peak of the learning rate. Default: what suits network and objective.
    pub learning_rate: Option<f64>,
    /// Patches of a batch.
    pub batch: Option<usize>,
    /// Side of a patch, pixels.
    pub patch: Option<usize>,
    /// Whether several photos are shots of one scene.
    pub shots: bool,
    /// A model of noise to learn, as JSON, instead of that of the photo.
    pub noise: Option<String>,
}

/// Brightnesses, evenly from black to white, that the deviation of noise is told at.
const LEVELS: usize = 17;
/// Distances, pixels, that correlations are told at.
const DISTANCES: usize = 4;

/// What the noise of a photo is like: a model that is good enough to make more of it.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseModel {
    /// In an English sentence.
    words: String,
    /// The facts of that sentence.
    summary: NoiseSummary,
    /// Deviation by brightness, without lines and impulses: of each channel, from black to white. One channel is gray.
    curves: Vec<Vec<LevelNoise>>,
    /// Power at each frequency over the mean of all, 16x16 values, row by row, from half a cycle per pixel to the left and above;
    /// in the middle, at row and column 8, is no change at all. White noise is 1 everywhere.
    spectrum: Vec<f32>,
    /// Whether all frequencies are equally strong: noise that is different from pixel to pixel.
    white: bool,
    /// Correlation with the pixels 1 to 4 to the right, -1 to 1.
    right: Vec<f32>,
    /// Correlation with the pixels 1 to 4 below, -1 to 1.
    below: Vec<f32>,
    /// Correlation of red and green, red and blue, green and blue, -1 to 1; empty for gray noise.
    colors: Vec<f32>,
    /// Whether the noise is that of few photons, counted one by one.
    photons: bool,
    /// All of it, to be kept, and to be learned by `fineTune`.
    json: String,
}

impl NoiseModel {
    /// What is told of a model.
    ///
    /// # Errors
    /// Never in practice.
    pub fn of(model: &noise::NoiseModel) -> Result<Self> {
        let levels = || (0..LEVELS).map(|i| i as f32 / (LEVELS - 1) as f32);
        let point = |channel: usize, level: f32| LevelNoise { level, sigma: model.sigma_at(channel, level) };
        let pairs: &[(usize, usize)] = if model.channels == 3 { &[(0, 1), (0, 2), (1, 2)] } else { &[] };
        let summary = model.summary();
        Ok(Self {
            words: summary.to_string(),
            summary,
            curves: (0..model.channels).map(|c| levels().map(|level| point(c, level)).collect()).collect(),
            spectrum: model.power(),
            white: model.is_white(),
            right: (1..=DISTANCES).map(|i| model.correlation(i, 0)).collect(),
            below: (1..=DISTANCES).map(|i| model.correlation(0, i)).collect(),
            colors: pairs.iter().map(|(a, b)| model.channel_correlation(*a, *b)).collect(),
            photons: model.is_of_photons(),
            json: model.to_json()?,
        })
    }
}

/// A planned run of a network over a photo.
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunPlan {
    /// Number of tiles.
    tiles: usize,
    /// Width of the tiles that the network sees, overlap included, pixels.
    tile_width: usize,
    /// Height of the tiles that the network sees, overlap included, pixels.
    tile_height: usize,
    /// How far each tile reaches into its neighbours, pixels to each side.
    overlap: usize,
    /// The noise of the photo.
    noise: NoiseEstimate,
    /// What the network is told, and what is done around it; workers for this run get it.
    execution: Execution,
}

impl RunPlan {
    /// The plan of a job.
    pub fn of(job: &Job) -> Self {
        let plan = job.plan();
        Self {
            tiles: plan.tiles.len(),
            tile_width: plan.tile_width,
            tile_height: plan.tile_height,
            overlap: plan.overlap,
            noise: job.noise().clone(),
            execution: *job.execution(),
        }
    }
}

#[cfg(test)]
use tests::AdaptMode;

#[cfg(test)]
mod tests {
    use ts_rs::{Config, TS};

    use super::*;
    use crate::models::{Adapt, Bundled, Conditions, Mode, Paper, Preset};
    use crate::noise::{ChannelNoise, Correlation, NoiseField};
    use crate::train::{Phase, Progress};

    const FILE: &str = "pkg-config/src/shared/contract.ts";
    const HEAD: &str = "/** What crosses between Rust and JavaScript. Generated from the Rust types by `cargo xtask contract`; \
        not to be edited. */\n";

    const MODES: &str = "/**
 * How a network is run.
 *
 * - `plain`: as it is.
 * - `wiener`: plain, but removing no more than the noise of the photo explains; keeps texture that the network would blur.
 * - `x2`, `x8`: self-ensemble, the mean of the results for 2 or 8 rotations and reflections of the photo; 0.1 to 0.2 dB
 *   better, and 2 or 8 times slower.
 * - `pd2` to `pd5`: pixel-shuffle downsampling, on images of every second to fifth pixel, between which the noise of cameras
 *   is independent.
 * - `r3`: `pd2`, then random replacement, which restores detail and takes ten times as long as `plain`.
 * - `shared`: as `auto` chooses by the noise, with more of the plain result; for networks that have learned a little of a photo's noise.
 * - `auto`: as a note in the weights says, else as the network was published; for `unet` and `rednet`, chosen by the noise
 *   of the photo.
 */
";

    /// A name of [`Mode::NAMES`].
    pub struct AdaptMode;

    impl TS for AdaptMode {
        type WithoutGenerics = Self;
        type OptionInnerType = Self;

        fn docs() -> Option<String> {
            Some(MODES.into())
        }

        fn name(_: &Config) -> String {
            "AdaptMode".into()
        }

        fn inline(_: &Config) -> String {
            Mode::NAMES.map(|name| format!("\"{name}\"")).join(" | ")
        }

        fn decl(config: &Config) -> String {
            format!("type AdaptMode = {};", Self::inline(config))
        }

        fn decl_concrete(config: &Config) -> String {
            Self::decl(config)
        }
    }

    /// The declaration of a type; what JavaScript is given is not for it to change.
    fn declaration<T: TS>() -> String {
        let config = Config::new().with_large_int("number");
        let docs = T::docs().unwrap_or_default();
        let mut text = format!("\n{docs}export {}\n", T::decl(&config));
        for (from, to) in
            [(", };", ",\n};"), ("Array<", "ReadonlyArray<"), (": [", ": readonly ["), ("<[", "<readonly [")]
        {
            text = text.replace(from, to);
        }
        let lines = text.lines().map(|line| {
            let name = line.split([':', '?']).next().unwrap_or_default();
            let field = line.contains(": ") && !name.is_empty() && name.chars().all(char::is_alphanumeric);
            let line = line.trim_end();
            match line.strip_suffix(',').filter(|line| line.contains("?: ")) {
                Some(line) => format!("readonly {line} | undefined,\n"),
                None if field => format!("readonly {line}\n"),
                None => format!("{line}\n"),
            }
        });
        lines.collect()
    }

    #[test]
    fn the_typescript_of_the_package_is_that_of_these_types() {
        let declarations = [
            declaration::<ModelCard>(),
            declaration::<Paper>(),
            declaration::<Preset>(),
            declaration::<Bundled>(),
            declaration::<DefaultObjectives>(),
            declaration::<ObjectiveCard>(),
            declaration::<Steps>(),
            declaration::<AdaptMode>(),
            declaration::<Adapt>(),
            declaration::<Conditions>(),
            declaration::<Execution>(),
            declaration::<RunOptions>(),
            declaration::<RunPlan>(),
            declaration::<NoiseEstimate>(),
            declaration::<ChannelNoise>(),
            declaration::<LevelNoise>(),
            declaration::<Correlation>(),
            declaration::<NoiseModel>(),
            declaration::<NoiseSummary>(),
            declaration::<NoiseField>(),
            declaration::<TrainingOptions>(),
            declaration::<Phase>(),
            declaration::<Progress>(),
        ];
        let text = HEAD.to_string() + &declarations.concat();
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        if std::env::var_os("UNNOISE_WRITE_CONTRACT").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{FILE} is out of date: run `cargo xtask contract`");
    }
}
