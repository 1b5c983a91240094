//! The main job: photo and network in, photo out, one tile at a time.
//!
//! A [`Job`] is pumped: each [`Job::step`] denoises one tile. Whoever pumps it shows progress between the steps,
//! and cancels by dropping it.

use std::cell::LazyCell;
use std::sync::Arc;

use super::execution::Execution;
use super::worker::{Coming, Task, Worker};
use crate::device;
use crate::error::{Error, Kind, Result};
use crate::models::{Adapt, Card, Conditions, Mode, Model};
use crate::noise::{Defects, NoiseEstimate};
use crate::photo::tiles::{Plan, Rect, Tile};
use crate::photo::{Photo, Planar, Samples, check_detail, check_strength};

/// Pixels of the photo, at most, that the global context of a network is computed of.
const OVERVIEW_PIXELS: usize = 1 << 20;

/// Deviation that a network is told at least, where it has to be told one: one step of 8 bits.
pub(super) const SMALLEST_SIGMA: f32 = 1.0 / 255.0;

/// By how much the mean of a result may differ from that of the photo: this, in `[0, 1]` units, and a share of the noise.
const MEAN_SHIFT: (f64, f64) = (0.01, 0.25);

/// Pixels of the largest photo that is searched for impulses and lines: planes of it are held in memory.
const MENDED_PIXELS: usize = 1 << 22;

/// How to denoise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// At most this many input pixels per tile; by default what the card says.
    pub tile_pixels: Option<usize>,
    /// From 0 (the photo as it is) to 1 (all of the network's work).
    pub strength: f32,
    /// Share of the fine luminance that is given back, from 0 to 1; see [`Photo::blend`]. Not for networks that enlarge.
    pub detail: f32,
    /// What is done around the network; by default what the model says.
    pub adapt: Mode,
    /// Whether impulses and offsets of lines, which few networks know, are first taken out of a photo that has such
    /// ([`Defects`]); of up to 4 megapixels, as they are looked for in all of it.
    pub mend: bool,
    /// Seed and known noise level, for networks that ask. Where the level is not known, it is estimated.
    pub conditions: Conditions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tile_pixels: None,
            strength: 1.0,
            detail: 0.0,
            adapt: Mode::Auto,
            mend: true,
            conditions: Conditions::default(),
        }
    }
}

impl Options {
    fn check(&self, card: &Card) -> Result<()> {
        check_strength(self.strength)?;
        check_detail(self.detail)?;
        if self.detail > 0.0 && card.scale > 1 {
            let message = "an enlarged photo has no detail of its own that could be given back";
            return Err(Error::new(Kind::Option, message));
        }
        Ok(())
    }
}

/// A run of one network over one photo.
///
/// [`Job::step`] does all that there is to do for a tile. Where several workers share a run, each denoises the
/// [`Task`]s that it is handed, with a [`Worker`] made like the job's own, and [`Job::place`] puts them together: the
/// result is the same to the bit.
pub struct Job {
    worker: Worker,
    input: Arc<Photo>,
    /// The input without impulses and offsets of lines, where it has such.
    mended: Option<Photo>,
    output: Photo,
    plan: Plan,
    strength: f32,
    detail: f32,
    placed: Vec<bool>,
    noise: NoiseEstimate,
    /// The next tile, when the device works on it already.
    ahead: Option<(usize, Coming)>,
}

impl Job {
    /// Plans a run: estimates the noise and chooses how to run the network. Nothing is denoised yet.
    ///
    /// [`Mode::Auto`] and [`Mode::Shared`] run the network plain where tiles of the allowed size are too small for what they would choose.
    ///
    /// # Errors
    /// [`Kind::Option`] for options outside their range, [`Kind::TooLarge`] when the result would be.
    pub fn new(model: Model, input: Arc<Photo>, options: Options) -> Result<Self> {
        let card = model.card();
        options.check(card)?;
        let (planes, mended) = if options.mend && input.width() * input.height() <= MENDED_PIXELS {
            mended(input.planar())?
        } else {
            (None, None)
        };
        let estimate = LazyCell::new(|| match &planes {
            Some(planes) => NoiseEstimate::of(planes),
            None => NoiseEstimate::of_photo(&input),
        });
        let mode = options.adapt.or(model.mode());
        let mut adapt = mode.choose(card, &estimate, input.width() * input.height())?;
        let demands = model.network().demands();
        let tile_pixels = options.tile_pixels.unwrap_or(card.tile_pixels);
        let plan =
            |adapt: Adapt| Plan::new(input.width(), input.height(), tile_pixels, adapt.demands(demands));
        let plan = match plan(adapt) {
            Err(_) if matches!(mode, Mode::Auto | Mode::Shared) => {
                adapt = Adapt::PLAIN;
                plan(adapt)?
            }
            plan => plan?,
        };
        let output = input.blank_like(card.scale)?;
        let placed = vec![false; plan.tiles.len()];
        let Options { strength, detail, conditions, .. } = options;
        let range = conditions.range.or(Some(input.range()));
        let conditions = Conditions { range, ..conditions };
        let mut worker = Worker::new(model, Execution { conditions, adapt });
        // A GPU need not wait for the noise of the photo where nothing depends on it.
        let ahead = match worker.is_ready() && device::is_gpu(worker.model().device()) {
            true => {
                let source = mended.as_ref().unwrap_or(&input);
                Some((0, worker.launch(cut(source, &plan, 0, worker.model())?)))
            }
            false => None,
        };
        let noise = LazyCell::force(&estimate).clone();
        drop(estimate);
        worker.tell_sigma(noise.sigma.max(SMALLEST_SIGMA));
        Ok(Self { worker, input, mended, output, plan, strength, detail, placed, noise, ahead })
    }

    /// The tiles of this run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The model of this run.
    pub fn model(&self) -> &Model {
        self.worker.model()
    }

    /// How the networks of this run are run: what further workers have to be made with.
    pub fn execution(&self) -> &Execution {
        self.worker.execution()
    }

    /// The noise of the photo, as estimated.
    pub fn noise(&self) -> &NoiseEstimate {
        &self.noise
    }

    /// How the network is run.
    pub fn adapt(&self) -> Adapt {
        self.execution().adapt
    }

    /// How many tiles are done.
    pub fn done(&self) -> usize {
        self.placed.iter().filter(|&&placed| placed).count()
    }

    /// The result so far: black where nothing has been written yet, and without [`Options::detail`].
    pub fn output(&self) -> &Photo {
        &self.output
    }

    /// What a user should know of the result: that its mean is further from that of the photo than the noise explains. When
    /// all tiles are done.
    pub fn note(&self) -> Option<String> {
        let (before, after) = (self.input.mean_level(), self.output.mean_level());
        let allowed = MEAN_SHIFT.0 + MEAN_SHIFT.1 * f64::from(self.noise.sigma);
        if (after - before).abs() <= allowed {
            return None;
        }
        let [black, white] = self.input.range().map(f64::from);
        let [before, after] = [before, after].map(|level| black + level * (white - black));
        Some(format!(
            "the mean went from {before:.4} to {after:.4}, which is more than the noise explains: this network does not suit the picture"
        ))
    }

    /// Denoises the next tile and returns the part of the output (in its own pixels) that is now final; `None` when
    /// all are done. See [`Job::denoise`].
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the network gives something that is no number.
    pub async fn step(&mut self) -> Result<Option<Rect>> {
        let mut waiting =
            self.placed.iter().enumerate().filter(|(_, placed)| !**placed).map(|(index, _)| index);
        let (Some(index), next) = (waiting.next(), waiting.next()) else {
            return Ok(None);
        };
        self.denoise(index, next).await.map(Some)
    }

    /// Denoises a tile and returns the part of the output (in its own pixels) that is now final. A GPU is given the `next`
    /// one as well, so that it never waits for what is done here.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the network gives something that is no number,
    /// [`Kind::Option`] when there is no such tile.
    pub async fn denoise(&mut self, index: usize, next: Option<usize>) -> Result<Rect> {
        if let Some(overview) = self.overview() {
            self.worker.see_overview(overview);
        }
        let coming = match self.ahead.take() {
            Some((ahead, coming)) if ahead == index => coming,
            _ => self.worker.launch(self.task(index)?),
        };
        if let Some(next) = next.filter(|_| device::is_gpu(self.model().device())) {
            self.ahead = Some((next, self.worker.launch(self.task(next)?)));
        }
        let block = coming.await?;
        self.place(index, &block)
    }

    /// What a worker has to see of the whole photo before its first tile (the photo, or the middle of a large one), for
    /// networks with a global context.
    pub fn overview(&self) -> Option<Planar> {
        self.worker.lacks_context().then(|| {
            let (width, height) = overview_size(self.input.width(), self.input.height());
            let (x, y) = ((self.input.width() - width) / 2, (self.input.height() - height) / 2);
            window(self.source(), x, y, width, height, self.model())
        })
    }

    /// The work for one tile.
    ///
    /// # Errors
    /// [`Kind::Option`] when there is no such tile.
    pub fn task(&self, index: usize) -> Result<Task> {
        cut(self.source(), &self.plan, index, self.model())
    }

    /// Writes what became of a task, and returns the part of the output that is now final.
    ///
    /// # Errors
    /// [`Kind::Option`] when there is no such tile, or the block is not of its size.
    pub fn place(&mut self, index: usize, block: &Planar) -> Result<Rect> {
        let card = self.model().card();
        let done = self.output_of(index)?;
        let expected = (card.channels, done.height, done.width);
        if (block.channels, block.height, block.width) != expected
            || block.data.len() != expected.0 * expected.1 * expected.2
        {
            let message = format!("tile {index} has another size than what is put in its place");
            return Err(Error::new(Kind::Option, message));
        }
        self.output.write(done.x, done.y, block, &self.input, self.strength);
        self.placed[index] = true;
        Ok(done)
    }

    /// What was placed of a tile, in the depth of the photo: a third of a block's memory where that is 8 bits, or less.
    ///
    /// # Errors
    /// [`Kind::Option`] when there is no such tile.
    pub fn placed(&self, index: usize) -> Result<Samples> {
        Ok(self.output.samples_in(self.output_of(index)?))
    }

    /// Puts in place what another job of the same photo and options has [`Job::placed`].
    ///
    /// # Errors
    /// [`Kind::Option`] when there is no such tile, or the samples are of another number or depth.
    pub fn restore(&mut self, index: usize, samples: &Samples) -> Result<()> {
        let rect = self.output_of(index)?;
        if !self.output.put_samples(rect, samples) {
            let message = format!("these samples are not those of tile {index}");
            return Err(Error::new(Kind::Option, message));
        }
        self.placed[index] = true;
        Ok(())
    }

    /// The part of the output, in its own pixels, that a tile is responsible for.
    fn output_of(&self, index: usize) -> Result<Rect> {
        Ok(tile(&self.plan, index)?.core.scaled(self.model().card().scale))
    }

    /// What the network denoises.
    fn source(&self) -> &Photo {
        self.mended.as_ref().unwrap_or(&self.input)
    }

    /// The denoised photo.
    ///
    /// # Errors
    /// [`Kind::Internal`] when tiles are still to be done.
    pub fn finish(self) -> Result<Photo> {
        let (done, total) = (self.done(), self.placed.len());
        if done < total {
            let message = format!("{} of {total} tiles are still to be done", total - done);
            return Err(Error::new(Kind::Internal, message));
        }
        if self.detail > 0.0 {
            return self.output.blend(&self.input, 1.0, self.detail);
        }
        Ok(self.output)
    }
}

fn tile(plan: &Plan, index: usize) -> Result<Tile> {
    plan.tiles.get(index).copied().ok_or_else(|| {
        let message = format!("there is no tile {index}: there are {}", plan.tiles.len());
        Error::new(Kind::Option, message)
    })
}

/// The work for one tile of a photo.
fn cut(photo: &Photo, plan: &Plan, index: usize, model: &Model) -> Result<Task> {
    let Tile { x, y, core } = tile(plan, index)?;
    let window = window(photo, x, y, plan.tile_width, plan.tile_height, model);
    let core = Rect { x: core.x - x, y: core.y - y, ..core };
    Ok(Task { index, at: [x, y], window, core })
}

/// A window of a photo as the network takes it, in `[0, 1]`.
fn window(photo: &Photo, x: usize, y: usize, width: usize, height: usize, model: &Model) -> Planar {
    photo.window(x as isize, y as isize, width, height, model.card().channels)
}

/// The colours of a photo without impulses and offsets of lines, and the photo of these where it had any.
fn mended(planes: Planar) -> Result<(Option<Planar>, Option<Photo>)> {
    let defects = Defects::of(&[&planes]);
    if defects.is_empty() {
        return Ok((Some(planes), None));
    }
    let planes = defects.removed(&planes);
    let photo = Photo::from_planar(&planes)?;
    Ok((Some(planes), Some(photo)))
}

/// Size of the part of a photo that a global context is computed of: the same proportions, at most [`OVERVIEW_PIXELS`].
fn overview_size(width: usize, height: usize) -> (usize, usize) {
    if width * height <= OVERVIEW_PIXELS {
        return (width, height);
    }
    let shrink = (OVERVIEW_PIXELS as f64 / (width as f64 * height as f64)).sqrt();
    let rows = ((height as f64 * shrink) as usize).clamp(1, OVERVIEW_PIXELS);
    ((OVERVIEW_PIXELS / rows).clamp(1, width), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Architecture;
    use crate::models::dasr::DasrConfig;
    use burn::tensor::Device;

    /// A small network, which sees 9 pixels far.
    fn tiny(scale: usize) -> Model {
        let config =
            DasrConfig::new(scale).with_groups(1).with_blocks(1).with_features(8).with_encoder([4, 4, 8]);
        let device = Device::flex();
        let state = pollster::block_on(config.init(&device).export()).unwrap();
        Model::from_state(&state, &device).unwrap()
    }

    fn photo(width: usize, height: usize, alpha: bool) -> Arc<Photo> {
        let count = width * height * (3 + usize::from(alpha));
        let samples = (0..count).map(|i| ((i * 7919 + i / 97 * 31) % 256) as f32 / 255.0).collect();
        Arc::new(Photo::new(width, height, 3, alpha, Samples::F32(samples)).unwrap())
    }

    fn run(model: &Model, input: &Arc<Photo>, options: Options) -> (usize, Photo) {
        let mut job = Job::new(model.clone(), Arc::clone(input), options).unwrap();
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
            let model = tiny(scale);
            let input = photo(83, 61, true);
            let (one, whole) = run(&model, &input, Options::default());
            let options = Options { tile_pixels: Some(40 * 40), ..Options::default() };
            let (many, tiled) = run(&model, &input, options);
            assert!(one == 1 && many > 4, "{one}, {many}");
            assert_eq!((whole.width(), whole.height()), (83 * scale, 61 * scale));
            let (a, b) = (whole.float32(), tiled.float32());
            let peak = a.iter().fold(0f32, |m, v| m.max(v.abs()));
            let worst = a.iter().zip(&b).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst <= 1e-4 * peak, "{scale}: {worst} of {peak}");
        }
    }

    #[test]
    fn tiles_denoised_elsewhere_and_in_any_order_give_the_same_bits() {
        let model = tiny(2);
        let input = photo(83, 61, true);
        let options = Options { tile_pixels: Some(40 * 40), ..Options::default() };
        let (tiles, expected) = run(&model, &input, options);
        let mut job = Job::new(model.clone(), Arc::clone(&input), options).unwrap();
        let mut workers: Vec<Worker> = (0..3).map(|_| Worker::new(model.clone(), *job.execution())).collect();
        for worker in &mut workers {
            worker.see_overview(job.overview().unwrap());
        }
        for index in (0..tiles).rev() {
            let task = job.task(index).unwrap();
            let block = pollster::block_on(workers[index % 3].denoise(task)).unwrap();
            job.place(index, &block).unwrap();
        }
        assert_eq!(job.done(), tiles);
        assert_eq!(job.finish().unwrap(), expected);
    }

    #[test]
    fn a_job_goes_on_from_what_another_has_placed() {
        let model = tiny(2);
        let options = Options { tile_pixels: Some(40 * 40), ..Options::default() };
        let deep = Samples::U16((0..83 * 61 * 3).map(|i| (i * 7919 % 65536) as u16).collect());
        for input in [photo(83, 61, true), Arc::new(Photo::new(83, 61, 3, false, deep).unwrap())] {
            let (_, expected) = run(&model, &input, options);
            let begin = || Job::new(model.clone(), Arc::clone(&input), options).unwrap();
            let (mut lost, mut next) = (begin(), begin());
            for index in 0..3 {
                pollster::block_on(lost.step()).unwrap();
                next.restore(index, &lost.placed(index).unwrap()).unwrap();
            }
            let wrong = lost.placed(next.plan().tiles.len() - 1).unwrap();
            assert_eq!(next.restore(0, &wrong).unwrap_err().kind(), Kind::Option);
            assert_eq!(next.restore(0, &Samples::U8(vec![0; 9])).unwrap_err().kind(), Kind::Option);
            assert_eq!(next.done(), 3);
            while pollster::block_on(next.step()).unwrap().is_some() {}
            assert_eq!(next.finish().unwrap(), expected);
        }
    }

    #[test]
    fn a_block_that_does_not_fit_is_refused() {
        let model = tiny(2);
        let options = Options::default();
        let mut job = Job::new(model, photo(9, 7, false), options).unwrap();
        let block = |width| Planar { channels: 3, height: 14, width, data: vec![0.0; 3 * 14 * width] };
        assert_eq!(job.task(1).unwrap_err().kind(), Kind::Option);
        assert_eq!(job.place(1, &block(18)).unwrap_err().kind(), Kind::Option);
        assert_eq!(job.place(0, &block(17)).unwrap_err().kind(), Kind::Option);
        assert_eq!(job.finish().unwrap_err().kind(), Kind::Internal);
    }

    #[test]
    fn no_strength_is_plain_enlargement_and_alpha_is_enlarged_too() {
        let model = tiny(2);
        let flat = [0.25, 0.5, 0.75, 0.5].repeat(7 * 5);
        let input = Arc::new(Photo::new(7, 5, 3, true, Samples::F32(flat)).unwrap());
        let options = Options { strength: 0.0, ..Options::default() };
        let (_, output) = run(&model, &input, options);
        let detail = Options { detail: 0.5, ..options };
        let refused = Job::new(model, Arc::clone(&input), detail);
        assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Option));
        assert_eq!((output.width(), output.height(), output.has_alpha()), (14, 10, true));
        for pixel in output.float32().chunks(4) {
            assert!(pixel.iter().zip([0.25, 0.5, 0.75, 0.5]).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn the_smallest_photos_and_gray_ones_are_enlarged() {
        let model = tiny(4);
        for (width, height) in [(1, 1), (7, 5), (2, 31)] {
            let (_, output) = run(&model, &photo(width, height, false), Options::default());
            assert_eq!((output.width(), output.height()), (4 * width, 4 * height));
        }
        let gray = Photo::new(3, 2, 1, false, Samples::U8(vec![9; 6])).unwrap();
        let (_, output) = run(&model, &Arc::new(gray), Options::default());
        assert_eq!((output.width(), output.height(), output.colors()), (12, 8, 1));
    }

    #[test]
    fn a_result_that_is_too_large_is_refused_before_the_work() {
        let model = tiny(4);
        let input = Photo::new(4000, 3000, 1, false, Samples::U8(vec![0; 12_000_000])).unwrap();
        let job = Job::new(model, Arc::new(input), Options::default());
        assert_eq!(job.map(|_| ()).unwrap_err().kind(), Kind::TooLarge);
    }

    #[test]
    fn what_a_global_context_is_computed_of_is_bounded() {
        assert_eq!(overview_size(640, 480), (640, 480));
        for (width, height) in [(4000, 3000), (1, 100_000_000), (100_000_000, 1), (1025, 1024)] {
            let (w, h) = overview_size(width, height);
            assert!(w <= width && h <= height && w * h <= OVERVIEW_PIXELS && w * h > OVERVIEW_PIXELS / 2);
        }
    }
}
