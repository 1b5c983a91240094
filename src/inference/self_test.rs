//! Whether a GPU computes what the CPU does.

use burn::tensor::Device;

use super::execution::Execution;
use super::worker::{Coming, Task, Worker};
use crate::device;
use crate::error::{Error, Kind, Result};
use crate::models::Model;
use crate::photo::Planar;
use crate::photo::tiles::Rect;
use crate::weights::StateDict;

/// Side, at least, of the tile that is computed, pixels.
const SIDE: usize = 32;
/// Largest difference, as a share of the largest value. That of a GPU which computes rightly is a thousandth of it.
const TOLERANCE: f32 = 0.01;

/// A small tile on its way through a GPU, which also has the shaders of the network compiled while nobody waits for
/// them, and the same network on the CPU.
pub struct SelfTest {
    coming: Coming,
    reference: Worker,
    task: Task,
}

impl SelfTest {
    /// Starts the test of a model that was loaded from these weights; on a CPU there is nothing to be tested.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    pub fn begin(model: &Model, weights: &StateDict, cpu: &Device) -> Result<Option<Self>> {
        if !device::is_gpu(model.device()) {
            return Ok(None);
        }
        let task = tile(model);
        let reference = Model::load(model.card().id, weights, cpu)?;
        let [worker, reference] = [model.clone(), reference].map(|model| {
            let mut worker = Worker::new(model, Execution::default());
            if worker.lacks_context() {
                worker.see_overview(task.window.clone());
            }
            worker
        });
        Ok(Some(Self { coming: worker.launch(task.clone()), reference, task }))
    }

    /// Waits for the GPU.
    ///
    /// # Errors
    /// [`Kind::Device`] when it fails or gives something else than the CPU.
    pub async fn finish(self) -> Result<()> {
        let expected = self.reference.denoise(self.task).await?;
        let wrong = |why: &str| Error::new(Kind::Device, format!("the GPU computes wrongly ({why})"));
        let got = self.coming.await.map_err(|e| match e.kind() {
            Kind::Device => e,
            _ => wrong(&e.to_string()),
        })?;
        let pairs = || got.data.iter().zip(&expected.data);
        let largest = expected.data.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        let worst = pairs().fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs()));
        if worst <= TOLERANCE * largest {
            return Ok(());
        }
        Err(wrong(&format!("a value differs by {worst:.1e} of {largest:.1e}")))
    }
}

/// A tile with edges and slopes, so that no two of its values are alike.
fn tile(model: &Model) -> Task {
    let side = SIDE.next_multiple_of(model.network().demands().size_multiple);
    let channels = model.card().channels;
    let value = |i: usize| {
        let (x, y, c) = (i % side, i / side % side, i / side / side);
        let edge = if (x / 5 + y / 7) % 2 == 0 { 0.25 } else { 0.0 };
        0.2 + edge + 0.5 * (x + 2 * y + 3 * c) as f32 / (6 * side) as f32
    };
    let data = (0..channels * side * side).map(value).collect();
    let window = Planar { channels, height: side, width: side, data };
    Task { index: 0, at: [0, 0], window, core: Rect { x: 0, y: 0, width: side, height: side } }
}
