//! Milliseconds that networks take natively on one thread, for `cargo xtask bench`:
//! `cargo run --release --example forward -- SIZE FILE.safetensors...` prints a JSON line for each, the median of seven.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::time::Instant;

use burn::tensor::{Distribution, Tensor};
use unnoise::device::Backend;
use unnoise::models::{Conditions, Model};

/// As in the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let size: usize = arguments.next().ok_or("no size")?.parse()?;
    let device = pollster::block_on(Backend::Flex.open())?;
    let x = Tensor::<4>::random([1, 3, size, size], Distribution::Uniform(0.0, 1.0), &device);
    let conditions = Conditions { sigma: Some(0.1), ..Conditions::default() };
    for path in arguments {
        let model = Model::from_bytes(&std::fs::read(path)?, &device)?;
        let run = || drop(model.network().denoise(x.clone(), &conditions).into_data());
        println!("{{\"network\": \"{}\", \"forward\": {}}}", model.card().id, median(run));
    }
    Ok(())
}

/// The middle of seven times, after one that warms up.
fn median(run: impl Fn()) -> f64 {
    run();
    let mut times: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[3]
}
