//! Denoising the tiles of a run, by one worker or several.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{Device, Tensor, TensorData};

use super::execution::Execution;
use crate::error::{Error, Kind, Result};
use crate::models::{Conditions, GlobalContext, Model};
use crate::nn::{numbers, read_data};
use crate::photo::Planar;
use crate::photo::tiles::Rect;

/// The wanted part of a tile, on its way from the device.
pub(super) type Coming = Pin<Box<dyn Future<Output = Result<Planar>>>>;

/// The work for one tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its place in the plan.
    pub index: usize,
    /// Where the window begins in the photo: column, row.
    pub at: [usize; 2],
    /// What the network sees.
    pub window: Planar,
    /// The part of the window that is wanted.
    pub core: Rect,
}

/// A network that denoises the tiles of a run.
pub struct Worker {
    model: Model,
    execution: Execution,
    context: Option<GlobalContext>,
}

impl Worker {
    /// A worker for a run whose networks are run so ([`super::Job::execution`]).
    pub fn new(model: Model, execution: Execution) -> Self {
        let model = match execution.conditions.range {
            Some(range) => model.map(|network| network.in_range(range)),
            None => model,
        };
        Self { model, execution, context: None }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How it is run.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// Shows the worker [`super::Job::overview`].
    pub fn see_overview(&mut self, overview: Planar) {
        let network = self.model.network();
        self.context = network.global_context(tensor(overview, self.model.device()));
    }

    /// Tells the network the noise, where nobody has told it.
    pub(super) fn tell_sigma(&mut self, sigma: f32) {
        self.execution.conditions.sigma.get_or_insert(sigma);
    }

    /// Whether there is nothing that the network has still to be told or shown.
    pub(super) fn is_ready(&self) -> bool {
        let lacks_sigma = self.model.network().needs_sigma() && self.execution.conditions.sigma.is_none();
        !lacks_sigma && !self.lacks_context()
    }

    pub(super) fn lacks_context(&self) -> bool {
        self.context.is_none() && self.model.network().has_global_context()
    }

    /// The wanted part of a tile, denoised (and enlarged, by networks that do).
    ///
    /// # Errors
    /// [`Kind::Device`] when the device fails, [`Kind::Internal`] when the network gives something that is no number.
    pub async fn denoise(&self, task: Task) -> Result<Planar> {
        self.launch(task).await
    }

    /// [`Worker::denoise`], begun: the device has all its work when this returns, and was asked for the result. Asked for
    /// only when it is waited for, that would come after the results of tiles that are launched later.
    pub(super) fn launch(&self, Task { index, at, window, core }: Task) -> Coming {
        let scale = self.model.card().scale;
        let (height, width) = (window.height * scale, window.width * scale);
        let Execution { conditions, adapt } = self.execution;
        let place = (at, conditions.seed);
        let conditions = Conditions { seed: conditions.seed.wrapping_add(index as u64), ..conditions };
        let execution = Execution { conditions, adapt };
        let x = tensor(window, self.model.device());
        let result = execution.denoise(self.model.network(), x, self.context.as_ref(), place);
        let shape = [self.model.card().channels, height, width];
        let wanted = core.scaled(scale);
        let mut coming: Coming = Box::pin(async move {
            let data = read_data(result).await?;
            let block = Planar::cut(numbers(&data)?, shape, wanted);
            let is_bad = |v: &&f32| !v.is_finite();
            // To count is a loop of vectors, to find one is not.
            if block.data.iter().filter(is_bad).count() == 0 {
                return Ok(block);
            }
            let bad = block.data.iter().find(is_bad).copied().unwrap_or(f32::NAN);
            Err(Error::new(Kind::Internal, format!("the network gave {bad} for a pixel")))
        });
        match coming.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(block) => Box::pin(ready(block)),
            Poll::Pending => coming,
        }
    }
}

/// `[1, C, H, W]`.
fn tensor(planar: Planar, device: &Device) -> Tensor<4> {
    let shape = [1, planar.channels, planar.height, planar.width];
    Tensor::from_data(TensorData::new(planar.data, shape), device)
}
