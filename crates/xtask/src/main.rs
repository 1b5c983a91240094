//! The build crate, run as `cargo xtask`: builds the wasm artifacts and the npm package, serves the page, runs every
//! test. Each command installs what it needs, or says in one sentence what to install.

mod bench;
mod constructors;
mod counted;
mod licences;
mod package;
mod quality;
mod start;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, serves and tests unnoise.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and serve the page on localhost
    Start {
        /// Build as for publishing: smaller and faster, but it takes long
        #[arg(long)]
        release: bool,
        /// Port on localhost
        #[arg(long, default_value_t = 5173)]
        port: u16,
    },
    /// Build the npm package into `pkg/`
    Package {
        /// Build quickly instead of as for publishing
        #[arg(long)]
        quick: bool,
    },
    /// Build the package quickly and write the reference of its API into `pkg/docs/`
    Docs,
    /// Run every check and test, in a real Chromium too
    Test {
        /// Only the tests in the browser
        #[arg(long)]
        browser: bool,
    },
    /// Measure all networks that have weights, and write the table of the README
    Quality(quality::Args),
    /// Measure the speed in Chromium, as ratios against onnxruntime-web and PyTorch
    Bench(bench::Args),
    /// Write the TypeScript of what crosses between Rust and JavaScript, after a change of its Rust types
    Contract,
    /// Count the instructions of the kernels anew, after a change that is meant to change them
    Count,
    /// Check formatting and lints, Rust and TypeScript
    Lint,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tools::say(&format!("FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Start { release, port } => start::run(profile(release), port),
        Command::Package { quick } => package::build(profile(!quick), &[]),
        Command::Docs => {
            package::build(package::Profile::Quick, &[])?;
            package::docs()
        }
        Command::Test { browser } => test::run(browser),
        Command::Quality(args) => quality::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Contract => test::write_contract(),
        Command::Count => counted::check(true),
        Command::Lint => {
            package::build(package::Profile::Quick, &[])?;
            test::lint()
        }
    }
}

fn profile(release: bool) -> package::Profile {
    if release { package::Profile::Publish } else { package::Profile::Quick }
}
