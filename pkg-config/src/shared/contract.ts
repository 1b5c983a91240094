/** What crosses between Rust and JavaScript. Generated from the Rust types by `cargo xtask contract`; not to be edited. */

/**
 * What is known about a network: the model card.
 */
export type ModelCard = {
/**
 * The training objectives that suit it, see `objectives`.
 */
readonly objectives: readonly string[],
/**
 * The training objectives that are taken when none is named.
 */
readonly defaultObjectives: DefaultObjectives,
/**
 * Name to give as `model`; stable.
 */
readonly id: string,
/**
 * Name, for people.
 */
readonly title: string,
/**
 * One sentence: when to take it.
 */
readonly summary: string,
/**
 * Where it was published.
 */
readonly paper: Paper,
/**
 * The public implementation that it is numerically equal to.
 */
readonly repository: string,
/**
 * Colour channels that it takes: 1 or 3.
 */
readonly channels: number,
/**
 * Range of its input.
 */
readonly range: readonly [number, number],
/**
 * Both sides of a tile are multiples of this, pixels; photos of other sizes are padded and cropped.
 */
readonly sizeMultiple: number,
/**
 * Receptive field: how far an output pixel sees, pixels to each side.
 */
readonly receptiveField: number,
/**
 * Input pixels per tile with which it stays below 2 GB of memory.
 */
readonly tilePixels: number,
/**
 * Output pixels per input pixel, per side.
 */
readonly scale: number,
/**
 * The noise that the weights in the package were trained for.
 */
readonly noise: string,
/**
 * Whether that noise is correlated between neighbouring pixels, as that of cameras is.
 */
readonly correlated: boolean,
/**
 * How it is run by `auto`: as it was published, or with a 2x self-ensemble. Nothing where the noise of the photo decides.
 */
readonly adapt: Adapt | null,
/**
 * Multiply-accumulates per pixel.
 */
readonly macPerPixel: number,
/**
 * Number of weights.
 */
readonly parameters: number,
/**
 * Id of the objective that it was published with.
 */
readonly objective: string,
/**
 * Configurations to start from with random weights: `published` and `small`.
 */
readonly presets: readonly [Preset, Preset],
/**
 * The weights in the package, if there are any; else the caller brings some.
 */
readonly weights: Bundled | null,
/**
 * Whether this is the one that is taken when none is named.
 */
readonly default: boolean,
};

/**
 * The article that describes a network.
 */
export type Paper = {
/**
 * Title.
 */
readonly title: string,
/**
 * Authors.
 */
readonly authors: string,
/**
 * Year of publication.
 */
readonly year: number,
/**
 * Where to read it.
 */
readonly url: string,
};

/**
 * A configuration that a network can start from, with random weights.
 */
export type Preset = {
/**
 * `published` or `small`.
 */
readonly name: string,
/**
 * What it is for.
 */
readonly summary: string,
/**
 * Number of weights.
 */
readonly parameters: number,
};

/**
 * A file of weights in the package.
 */
export type Bundled = {
/**
 * Name of the file in the package's folder `weights`.
 */
readonly file: string,
/**
 * Its size, bytes.
 */
readonly bytes: number,
/**
 * Its SHA-256, lower-case hexadecimal.
 */
readonly sha256: string,
/**
 * Licence of the weights.
 */
readonly licence: string,
};

/**
 * The training objectives when none is named.
 */
export type DefaultObjectives = {
/**
 * With trained weights.
 */
readonly trained: string,
/**
 * With random weights.
 */
readonly random: string,
};

/**
 * What is known about a training objective: its card.
 */
export type ObjectiveCard = {
/**
 * Steps of the optimiser when nobody says how many.
 */
readonly steps: Steps,
/**
 * Name to give as `objective`; stable.
 */
readonly id: string,
/**
 * Name, for people.
 */
readonly title: string,
/**
 * One or two sentences: what is learned, and when to take it.
 */
readonly summary: string,
/**
 * Noisy photos of one scene that it needs, at least.
 */
readonly shots: number,
/**
 * Whether it needs the scene without noise.
 */
readonly clean: boolean,
/**
 * Where it was published.
 */
readonly url: string,
};

/**
 * Steps of the optimiser when nobody says how many.
 */
export type Steps = {
/**
 * With trained weights.
 */
readonly trained: number,
/**
 * With random weights.
 */
readonly random: number,
};

/**
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
export type AdaptMode = "auto" | "shared" | "plain" | "wiener" | "x2" | "x8" | "pd2" | "pd3" | "pd4" | "pd5" | "r3";

/**
 * How a network is run: as it is, on PD phases, or on PD phases with something after it.
 */
export type Adapt = {
/**
 * PD factor; 1 leaves the pixels together. Camera photos: 2 for networks trained on phases 5 apart.
 */
readonly pd: number,
/**
 * Passes of R3 over the result of PD; 0 does without.
 */
readonly refinements: number,
/**
 * Whether there is a second pass: the network is run once more, on the result so far.
 */
readonly secondPass: boolean,
/**
 * Where the plain result differs from this one by more than this (root mean square of a window, 0 to 1), the
 * difference is taken for detail, and the plain result is kept.
 */
readonly detail: number | null,
/**
 * Share of the plain result in this one elsewhere, 0 to 1, where there is such a `detail`.
 */
readonly plainShare: number,
/**
 * Standard deviation of the noise, 0 to 1: where more than that would be removed (root mean square of a window), only
 * the noise's share of it is.
 */
readonly wiener: number | null,
/**
 * Self-ensemble: rotations and reflections of the photo whose results are averaged, 1 to 8. Of the second pass where there
 * is one, else of the run on phases.
 */
readonly selfEnsemble: number,
};

/**
 * What a network may want to know beside the pixels.
 */
export type Conditions = {
/**
 * Seed of whatever is random in the network (masks). Every tile of a run has a seed of its own.
 */
readonly seed: number,
/**
 * Standard deviation of the noise, 0 to 1, where it is known.
 */
readonly sigma: number | null,
/**
 * Whether networks that were trained with random masks keep them, as published.
 */
readonly masks: boolean,
/**
 * Passes that are averaged where the result is random.
 */
readonly passes: number,
/**
 * What 0 and 1 are in the numbers of the file, for weights that were trained on these. A job takes that of its photo.
 */
readonly range: readonly [number, number] | null,
};

/**
 * What the networks of a run are told, and what is done around them.
 */
export type Execution = {
/**
 * What they are told.
 */
readonly conditions: Conditions,
/**
 * What is done around them.
 */
readonly adapt: Adapt,
};

/**
 * How a photo is to be denoised.
 */
export type RunOptions = {
/**
 * Input pixels of a tile, at most. Default: the card's.
 */
readonly tile?: number | undefined,
/**
 * From 0 (the photo as it was) to 1 (fully denoised). Default 1.
 */
readonly strength?: number | undefined,
/**
 * Seed for networks that draw random numbers. Default 0.
 */
readonly seed?: number | undefined,
/**
 * How the network is run. Default `auto`.
 */
readonly adapt?: AdaptMode | undefined,
};

/**
 * A planned run of a network over a photo.
 */
export type RunPlan = {
/**
 * Number of tiles.
 */
readonly tiles: number,
/**
 * Width of the tiles that the network sees, overlap included, pixels.
 */
readonly tileWidth: number,
/**
 * Height of the tiles that the network sees, overlap included, pixels.
 */
readonly tileHeight: number,
/**
 * How far each tile reaches into its neighbours, pixels to each side.
 */
readonly overlap: number,
/**
 * The noise of the photo.
 */
readonly noise: NoiseEstimate,
/**
 * What the network is told, and what is done around it; workers for this run get it.
 */
readonly execution: Execution,
};

/**
 * The noise of a photo, estimated from the photo alone. Standard deviations are on the scale 0 to 1.
 */
export type NoiseEstimate = {
/**
 * Standard deviation over all channels and levels.
 */
readonly sigma: number,
/**
 * Each colour channel by itself.
 */
readonly channels: ReadonlyArray<ChannelNoise>,
/**
 * Whether the noise spreads over neighbouring pixels, as that of cameras does. Without noise it means nothing.
 */
readonly correlated: boolean,
/**
 * Correlation between pixels.
 */
readonly correlation: Correlation,
};

/**
 * Noise of one channel.
 */
export type ChannelNoise = {
/**
 * Standard deviation over all levels.
 */
readonly sigma: number,
/**
 * The noise level function: deviation by brightness, darkest first; at least one point.
 */
readonly levels: ReadonlyArray<LevelNoise>,
};

/**
 * Noise at a brightness.
 */
export type LevelNoise = {
/**
 * Brightness, 0 to 1.
 */
readonly level: number,
/**
 * Standard deviation there.
 */
readonly sigma: number,
};

/**
 * Autocorrelation of the noise at 1, 2 and 3 pixels (mean of both directions): 0 for white noise, near 1 for blotches.
 */
export type Correlation = {
/**
 * Of the mean of the colours. Includes what texture there is in the flattest parts of the photo.
 */
readonly luma: readonly [number, number, number],
/**
 * Of the colour differences, where there are colours. Texture hardly shows in these.
 */
readonly chroma: readonly [number, number, number] | null,
};

/**
 * What the noise of a photo is like: a model that is good enough to make more of it.
 */
export type NoiseModel = {
/**
 * In an English sentence.
 */
readonly words: string,
/**
 * The facts of that sentence.
 */
readonly summary: NoiseSummary,
/**
 * Deviation by brightness, without lines and impulses: of each channel, from black to white. One channel is gray.
 */
readonly curves: ReadonlyArray<ReadonlyArray<LevelNoise>>,
/**
 * Power at each frequency over the mean of all, 16x16 values, row by row, from half a cycle per pixel to the left and above;
 * in the middle, at row and column 8, is no change at all. White noise is 1 everywhere.
 */
readonly spectrum: ReadonlyArray<number>,
/**
 * Whether all frequencies are equally strong: noise that is different from pixel to pixel.
 */
readonly white: boolean,
/**
 * Correlation with the pixels 1 to 4 to the right, -1 to 1.
 */
readonly right: ReadonlyArray<number>,
/**
 * Correlation with the pixels 1 to 4 below, -1 to 1.
 */
readonly below: ReadonlyArray<number>,
/**
 * Correlation of red and green, red and blue, green and blue, -1 to 1; empty for gray noise.
 */
readonly colors: ReadonlyArray<number>,
/**
 * Whether the noise is that of few photons, counted one by one.
 */
readonly photons: boolean,
/**
 * All of it, to be kept, and to be learned by `fineTune`.
 */
readonly json: string,
};

/**
 * What the noise of a photo is like, in a few facts.
 */
export type NoiseSummary = {
/**
 * The noise that every pixel has; nothing where there is next to none.
 */
readonly field: NoiseField | null,
/**
 * Share of the pixels, or of the samples of each channel, that have lost their value, 0 to 1.
 */
readonly impulses: number | null,
/**
 * Deviation of the offsets of rows, where these are too bright or too dark; shares of white.
 */
readonly rows: number | null,
/**
 * Deviation of the offsets of columns.
 */
readonly columns: number | null,
};

/**
 * What the noise that every pixel has is like.
 */
export type NoiseField = {
/**
 * Standard deviation at middle brightness, mean of the channels, 0 to 1.
 */
readonly sigma: number,
/**
 * Where it is much stronger than elsewhere, if anywhere.
 */
readonly stronger: "dark" | "bright" | null,
/**
 * How it spreads over pixels.
 */
readonly spread: "pixels" | "neighbours" | "blotches" | "streaks",
/**
 * Whether it is the same in all colours.
 */
readonly sameInColors: boolean,
};

/**
 * How to fine-tune.
 */
export type TrainingOptions = {
/**
 * Id of the objective. Default: what suits the network.
 */
readonly objective?: string | undefined,
/**
 * Steps of the optimiser, at most. Default: those of the objective's card.
 */
readonly steps?: number | undefined,
/**
 * Time, at most, seconds.
 */
readonly seconds?: number | undefined,
/**
 * Seed of everything random. Default 0.
 */
readonly seed?: number | undefined,
/**
 * Peak of the learning rate. Default: what suits network and objective.
 */
readonly learningRate?: number | undefined,
/**
 * Patches of a batch.
 */
readonly batch?: number | undefined,
/**
 * Side of a patch, pixels.
 */
readonly patch?: number | undefined,
/**
 * Whether several photos are shots of one scene.
 */
readonly shots: boolean,
/**
 * A model of noise to learn, as JSON, instead of that of the photo.
 */
readonly noise?: string | undefined,
};

/**
 * What a trainer is at.
 */
export type Phase = "looking" | "learning";

/**
 * How far a run of fine-tuning is.
 */
export type LearningProgress = {
/**
 * What is done at the moment.
 */
readonly phase: Phase,
/**
 * Stage of the run (teachers learn in stages of their own), from 0.
 */
readonly stage: number,
/**
 * Stages in all.
 */
readonly stages: number,
/**
 * How much of this stage is done, 0 to 1.
 */
readonly done: number,
/**
 * Steps of the optimiser in this stage.
 */
readonly step: number,
/**
 * Steps that this stage will have, unless time runs out before.
 */
readonly steps: number,
/**
 * The training objective.
 */
readonly objective: string,
/**
 * The photo's noise, once it is measured; for objectives that use it.
 */
readonly noise: NoiseSummary | null,
/**
 * Mean of the loss over the last steps, once there is one.
 */
readonly loss: number | null,
/**
 * Validation so far: after which step, and the score, of which less is better. The first is the network before training.
 */
readonly scores: ReadonlyArray<readonly [number, number]>,
/**
 * The same by simulated pairs of the photo's noise: mean square errors, of which less is better.
 */
readonly simulated: ReadonlyArray<readonly [number, number]>,
/**
 * After which step the network was best; 0 is the network before training.
 */
readonly bestStep: number,
/**
 * Share of its score by which the network before training must be beaten, where the score is the loss; else 0.
 */
readonly margin: number,
/**
 * Time since the beginning, seconds.
 */
readonly seconds: number,
};
