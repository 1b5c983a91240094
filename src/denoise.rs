//! The main job: photo and network in, photo out, one tile at a time.
//!
//! A [`Job`] is pumped: each [`Job::step`] denoises one tile. Whoever pumps it shows progress between the steps,
//! and cancels by dropping it.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::adapt::{Adapt, Mode};
use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network, Run, Survey};
use crate::nn::read;
use crate::noise::NoiseEstimate;
use crate::photo::tiles::{Plan, Rect, Tile};
use crate::photo::{Photo, Planar, check_strength};

/// Pixels of the photo, at most, that a network surveys before it sees the tiles.
const SURVEY_PIXELS: usize = 1 << 20;

/// Deviation that a network is told at least, where it has to be told one: one step of 8 bits.
const SMALLEST_SIGMA: f32 = 1.0 / 255.0;

/// How to denoise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// At most this many input pixels per tile; by default what the card says.
    pub tile_pixels: Option<usize>,
    /// From 0 (the photo as it is) to 1 (all of the network's work).
    pub strength: f32,
    /// Pixel-shuffle downsampling and refinement around the network.
    pub adapt: Mode,
    /// Seed and known noise level, for networks that ask. Where the level is not known, it is estimated.
    pub run: Run,
}

impl Default for Options {
    fn default() -> Self {
        Self { tile_pixels: None, strength: 1.0, adapt: Mode::Auto, run: Run::default() }
    }
}

/// A run of one network over one photo.
pub struct Job {
    network: Network,
    card: &'static Card,
    device: Device,
    input: Arc<Photo>,
    output: Photo,
    plan: Plan,
    strength: f32,
    noise: NoiseEstimate,
    adapt: Adapt,
    /// Of the network itself.
    size_multiple: usize,
    run: Run,
    survey: Option<Survey>,
    done: usize,
}

impl Job {
    /// Plans a run: estimates the noise and chooses how to run the network. Nothing is denoised yet.
    ///
    /// [`Mode::Auto`] runs the network plain where tiles of the allowed size are too small for what it would choose.
    ///
    /// # Errors
    /// [`Kind::Option`] for options outside their range, [`Kind::TooLarge`] when the result would be.
    pub fn new(
        network: Network,
        card: &'static Card,
        device: Device,
        input: Arc<Photo>,
        options: Options,
    ) -> Result<Self> {
        check_strength(options.strength)?;
        let noise = NoiseEstimate::of_photo(&input);
        let mut adapt = options.adapt.choose(card, &noise)?;
        let demands = network.demands(card);
        let tile_pixels = options.tile_pixels.unwrap_or(card.tile_pixels);
        let plan =
            |adapt: Adapt| Plan::new(input.width(), input.height(), tile_pixels, adapt.demands(demands));
        let plan = match plan(adapt) {
            Err(_) if options.adapt == Mode::Auto => {
                adapt = Adapt::PLAIN;
                plan(adapt)?
            }
            plan => plan?,
        };
        let output = input.blank_like(card.scale)?;
        let sigma = options.run.sigma.unwrap_or(noise.sigma.max(SMALLEST_SIGMA));
        Ok(Self {
            network,
            card,
            device,
            input,
            output,
            plan,
            strength: options.strength,
            noise,
            adapt,
            size_multiple: demands.size_multiple,
            run: Run { sigma: Some(sigma), ..options.run },
            survey: None,
            done: 0,
        })
    }

    /// The tiles of this run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The noise of the photo, as estimated.
    pub fn noise(&self) -> &NoiseEstimate {
        &self.noise
    }

    /// How the network is run.
    pub fn adapt(&self) -> Adapt {
        self.adapt
    }

    /// How many tiles are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The result so far: black where nothing has been written yet.
    pub fn output(&self) -> &Photo {
        &self.output
    }

    /// Denoises the next tile and returns the part of the output (in its own pixels) that is now final; `None` when
    /// all are done.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the network gives something that is no number.
    pub async fn step(&mut self) -> Result<Option<Rect>> {
        let Some(&tile) = self.plan.tiles.get(self.done) else {
            return Ok(None);
        };
        if self.done == 0 {
            self.survey = self.network.survey(|| self.overview());
        }
        let result = self.denoise(tile).await?;
        let (core, scale) = (tile.core, self.card.scale);
        let done = Rect {
            x: core.x * scale,
            y: core.y * scale,
            width: core.width * scale,
            height: core.height * scale,
        };
        let block = result.crop(done.x - tile.x * scale, done.y - tile.y * scale, done.width, done.height);
        self.output.write(done.x, done.y, &block, &self.input, self.strength);
        self.done += 1;
        Ok(Some(done))
    }

    /// The photo, or the middle of a large one.
    fn overview(&self) -> Tensor<4> {
        let (width, height) = survey_size(self.input.width(), self.input.height());
        let (x, y) = ((self.input.width() - width) / 2, (self.input.height() - height) / 2);
        self.window(x, y, width, height)
    }

    /// A window of the photo as the network takes it: `[1, C, height, width]` in `[0, 1]`.
    fn window(&self, x: usize, y: usize, width: usize, height: usize) -> Tensor<4> {
        let channels = self.card.channels;
        let window = self.input.window(x as isize, y as isize, width, height, channels);
        Tensor::from_data(TensorData::new(window.data, [1, channels, height, width]), &self.device)
    }

    async fn denoise(&self, tile: Tile) -> Result<Planar> {
        let (width, height) = (self.plan.tile_width, self.plan.tile_height);
        let x = self.window(tile.x, tile.y, width, height);
        let run = Run { seed: self.run.seed.wrapping_add(self.done as u64), ..self.run };
        let network = |x| self.network.denoise_tile(x, &run, self.survey.as_ref());
        let result = match self.adapt {
            // Networks that enlarge, too.
            adapt if adapt == Adapt::PLAIN => network(x),
            adapt => adapt.apply(x, [tile.x, tile.y], self.size_multiple, self.run.seed, network),
        };
        let data = read(result).await?;
        if let Some(bad) = data.iter().find(|v| !v.is_finite()) {
            let message = format!("the network gave {bad} for a pixel");
            return Err(Error::new(Kind::Internal, message));
        }
        let (height, width) = (height * self.card.scale, width * self.card.scale);
        Ok(Planar { channels: self.card.channels, height, width, data })
    }

    /// The denoised photo.
    ///
    /// # Errors
    /// [`Kind::Internal`] when tiles are still to be done.
    pub fn finish(self) -> Result<Photo> {
        if self.done < self.plan.tiles.len() {
            let message = format!(
                "{} of {} tiles are still to be done",
                self.plan.tiles.len() - self.done,
                self.plan.tiles.len()
            );
            return Err(Error::new(Kind::Internal, message));
        }
        Ok(self.output)
    }
}

/// Size of the part of a photo that is surveyed: the same proportions, at most [`SURVEY_PIXELS`].
fn survey_size(width: usize, height: usize) -> (usize, usize) {
    if width * height <= SURVEY_PIXELS {
        return (width, height);
    }
    let shrink = (SURVEY_PIXELS as f64 / (width as f64 * height as f64)).sqrt();
    let rows = ((height as f64 * shrink) as usize).clamp(1, SURVEY_PIXELS);
    ((SURVEY_PIXELS / rows).clamp(1, width), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;
    use crate::models::dasr::DasrConfig;
    use crate::photo::Samples;

    /// A small network, and a card that is true for it.
    fn tiny(scale: usize) -> (Network, &'static Card) {
        let config =
            DasrConfig::new(scale).with_groups(1).with_blocks(1).with_features(8).with_encoder([4, 4, 8]);
        let card = models::card(&format!("dasr-x{scale}")).unwrap();
        // Head, four in the block, group, body, tail: 1 + 4 + 1 + 1 + 2.
        let card = Card { receptive_field: 9, ..*card };
        (Network::Dasr(config.init(&Device::flex())), Box::leak(Box::new(card)))
    }

    fn photo(width: usize, height: usize, alpha: bool) -> Arc<Photo> {
        let count = width * height * (3 + usize::from(alpha));
        let samples = (0..count).map(|i| ((i * 7919 + i / 97 * 31) % 256) as f32 / 255.0).collect();
        Arc::new(Photo::new(width, height, 3, alpha, Samples::F32(samples)).unwrap())
    }

    fn run(network: &Network, card: &'static Card, input: &Arc<Photo>, options: Options) -> (usize, Photo) {
        let device = Device::flex();
        let mut job = Job::new(network.clone(), card, device, Arc::clone(input), options).unwrap();
        let mut pixels = 0;
        while let Some(done) = pollster::block_on(job.step()).unwrap() {
            pixels += done.width * done.height;
        }
        assert_eq!(pixels, job.output().width() * job.output().height());
        (job.plan().tiles.len(), job.finish().unwrap())
    }

    #[test]
    fn enlarging_in_tiles_equals_enlarging_in_one_piece() {
        for scale in [2, 3, 4] {
            let (network, card) = tiny(scale);
            let input = photo(83, 61, true);
            let (one, whole) = run(&network, card, &input, Options::default());
            let options = Options { tile_pixels: Some(40 * 40), ..Options::default() };
            let (many, tiled) = run(&network, card, &input, options);
            assert!(one == 1 && many > 4, "{one}, {many}");
            assert_eq!((whole.width(), whole.height()), (83 * scale, 61 * scale));
            let (a, b) = (whole.float32(), tiled.float32());
            let peak = a.iter().fold(0f32, |m, v| m.max(v.abs()));
            let worst = a.iter().zip(&b).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst <= 1e-4 * peak, "{scale}: {worst} of {peak}");
        }
    }

    #[test]
    fn no_strength_is_plain_enlargement_and_alpha_is_enlarged_too() {
        let (network, card) = tiny(2);
        let flat = [0.25, 0.5, 0.75, 0.5].repeat(7 * 5);
        let input = Arc::new(Photo::new(7, 5, 3, true, Samples::F32(flat)).unwrap());
        let options = Options { strength: 0.0, ..Options::default() };
        let (_, output) = run(&network, card, &input, options);
        assert_eq!((output.width(), output.height(), output.has_alpha()), (14, 10, true));
        for pixel in output.float32().chunks(4) {
            assert!(pixel.iter().zip([0.25, 0.5, 0.75, 0.5]).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn the_smallest_photos_and_gray_ones_are_enlarged() {
        let (network, card) = tiny(4);
        for (width, height) in [(1, 1), (7, 5), (2, 31)] {
            let (_, output) = run(&network, card, &photo(width, height, false), Options::default());
            assert_eq!((output.width(), output.height()), (4 * width, 4 * height));
        }
        let gray = Photo::new(3, 2, 1, false, Samples::U8(vec![9; 6])).unwrap();
        let (_, output) = run(&network, card, &Arc::new(gray), Options::default());
        assert_eq!((output.width(), output.height(), output.colors()), (12, 8, 1));
    }

    #[test]
    fn a_result_that_is_too_large_is_refused_before_the_work() {
        let (network, card) = tiny(4);
        let input = Photo::new(4000, 3000, 1, false, Samples::U8(vec![0; 12_000_000])).unwrap();
        let job = Job::new(network, card, Device::flex(), Arc::new(input), Options::default());
        assert_eq!(job.map(|_| ()).unwrap_err().kind(), Kind::TooLarge);
    }

    #[test]
    fn what_is_surveyed_is_bounded() {
        assert_eq!(survey_size(640, 480), (640, 480));
        for (width, height) in [(4000, 3000), (1, 100_000_000), (100_000_000, 1), (1025, 1024)] {
            let (w, h) = survey_size(width, height);
            assert!(w <= width && h <= height && w * h <= SURVEY_PIXELS && w * h > SURVEY_PIXELS / 2);
        }
    }
}
