//! The tiles of a photo, denoised by several threads.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use unnoise::inference::{Job, Task, Worker};
use unnoise::photo::Planar;

use crate::{Loaded, Result};

/// What a thread made of a tile: which thread, which tile, what came of it.
type Done = (usize, usize, unnoise::Result<Planar>);

/// How many threads share the tiles of a photo: as many as were asked for, else as there are cores.
pub fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Denoises all tiles of a job, and calls `tick` after each. Which thread did which tile cannot be seen in the result.
pub fn denoise(engine: &Loaded, job: &mut Job, threads: usize, tick: impl Fn()) -> Result<()> {
    let total = job.plan().tiles.len();
    let (overview, execution) = (job.overview(), *job.execution());
    thread::scope(|scope| {
        let (results, done) = channel();
        let start = |id: usize| {
            let (tasks, waiting) = channel();
            let mut worker = Worker::new(engine.model.clone(), execution);
            let (overview, results) = (overview.clone(), results.clone());
            scope.spawn(move || {
                if let Some(overview) = overview {
                    worker.see_overview(overview);
                }
                work(id, &worker, &waiting, &results);
            });
            tasks
        };
        let workers: Vec<Sender<Task>> = (0..threads.min(total)).map(start).collect();
        let mut next = workers.len();
        for (index, tasks) in workers.iter().enumerate() {
            tasks.send(job.task(index)?)?;
        }
        for _ in 0..total {
            let (id, index, block): Done = done.recv()?;
            job.place(index, &block?)?;
            tick();
            if next < total {
                workers[id].send(job.task(next)?)?;
                next += 1;
            }
        }
        Ok(())
    })
}

/// Denoises what is sent until nothing more can come.
fn work(id: usize, worker: &Worker, waiting: &Receiver<Task>, results: &Sender<Done>) {
    for task in waiting {
        let index = task.index;
        let block = pollster::block_on(worker.denoise(task));
        // Nobody listens any more when another tile has failed.
        if results.send((id, index, block)).is_err() {
            return;
        }
    }
}
