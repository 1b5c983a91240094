//! The main job: photo and network in, photo out, one tile at a time.
//!
//! A [`Job`] is pumped: each [`Job::step`] denoises one tile. Whoever pumps it shows progress between the steps,
//! and cancels by dropping it.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Kind, Result};
use crate::models::{Card, Network, Run};
use crate::nn::read;
use crate::photo::tiles::{Plan, Rect, Tile};
use crate::photo::{Photo, Planar, check_strength};

/// Input pixels per tile, unless asked otherwise: what the widest network needs then stays below 2 GB.
pub const TILE_PIXELS: usize = 1 << 20;

/// How to denoise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// At most this many input pixels per tile.
    pub tile_pixels: usize,
    /// From 0 (the photo as it is) to 1 (all of the network's work).
    pub strength: f32,
    /// Seed and known noise level, for networks that ask.
    pub run: Run,
}

impl Default for Options {
    fn default() -> Self {
        Self { tile_pixels: TILE_PIXELS, strength: 1.0, run: Run::default() }
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
    run: Run,
    done: usize,
}

impl Job {
    /// Plans a run. Nothing is computed yet.
    ///
    /// # Errors
    /// [`Kind::Option`] for options outside their range.
    pub fn new(
        network: Network,
        card: &'static Card,
        device: Device,
        input: Arc<Photo>,
        options: Options,
    ) -> Result<Self> {
        check_strength(options.strength)?;
        let plan = Plan::new(input.width(), input.height(), options.tile_pixels, card.demands())?;
        let output = input.blank_like();
        Ok(Self {
            network,
            card,
            device,
            input,
            output,
            plan,
            strength: options.strength,
            run: options.run,
            done: 0,
        })
    }

    /// The tiles of this run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many tiles are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The result so far: black where nothing has been written yet.
    pub fn output(&self) -> &Photo {
        &self.output
    }

    /// Denoises the next tile and returns the part of the output that is now final; `None` when all are done.
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the network gives something that is no number.
    pub async fn step(&mut self) -> Result<Option<Rect>> {
        let Some(&tile) = self.plan.tiles.get(self.done) else {
            return Ok(None);
        };
        let result = self.denoise(tile).await?;
        let core = tile.core;
        let block = result.crop(core.x - tile.x, core.y - tile.y, core.width, core.height);
        self.output.write(core.x, core.y, &block, &self.input, self.strength);
        self.done += 1;
        Ok(Some(core))
    }

    async fn denoise(&self, tile: Tile) -> Result<Planar> {
        let (width, height) = (self.plan.tile_width, self.plan.tile_height);
        let window = self.input.window(tile.x as isize, tile.y as isize, width, height, self.card.channels);
        let shape = [1, self.card.channels, height, width];
        let x = Tensor::from_data(TensorData::new(window.data, shape), &self.device);
        let run = Run { seed: self.run.seed.wrapping_add(self.done as u64), ..self.run };
        let data = read(self.network.denoise(x, &run)).await?;
        if let Some(bad) = data.iter().find(|v| !v.is_finite()) {
            let message = format!("the network gave {bad} for a pixel");
            return Err(Error::new(Kind::Internal, message));
        }
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
