//! `cargo xtask bench`: how fast the package is in a headless Chromium, as ratios against onnxruntime-web and native
//! PyTorch in the same run. The peers are installed for it, under `target/bench/` and `tests/bench/`; nothing of the
//! package needs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::package::{self, Profile};
use crate::tools::{self, root};

/// What `cargo xtask bench` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// Against onnxruntime-web's WebGPU, on the GPU of this machine
    #[arg(long)]
    gpu: bool,
    /// Against onnxruntime-web's WebGPU, on Chromium's software adapter: counts of work, not speed of a card
    #[arg(long, conflicts_with = "gpu")]
    software: bool,
    /// Build as for publishing first
    #[arg(long)]
    release: bool,
    /// Only these networks
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    networks: Vec<String>,
    /// Sides of the square picture of the comparison
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    size: usize,
    /// Calls that are timed, of each
    #[arg(long, value_name = "N", default_value_t = 7)]
    runs: usize,
    /// Photos whose time and memory are measured, megapixels
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0.25,1,6,24")]
    photos: Vec<f64>,
}

impl Args {
    /// The largest ratio to onnxruntime-web's WebGPU that is aimed at, where that is the peer.
    fn webgpu_target(&self) -> Option<f64> {
        (self.gpu || self.software).then_some(if self.gpu { 0.7 } else { 0.25 })
    }
}

/// The networks that are compared, and the largest ratio to onnxruntime-web on one thread that is aimed at.
const NETWORKS: [(&str, f64); 9] = [
    ("unet", 0.25),
    ("rednet", 0.35),
    ("noise2noise-nvlabs", 0.35),
    ("noise2void", 0.35),
    ("neighbor2neighbor", 0.35),
    ("distilled-unet", 0.35),
    ("hq-ssl", 0.35),
    ("tbsn", 0.8),
    ("masked-denoising", 0.8),
];

/// Networks whose training step is compared with PyTorch's, too.
const STEPS: [&str; 1] = ["unet"];

/// The network, and the sides of the square picture, that all cores share: several tiles.
const LARGE: (&str, usize) = ("unet", 1024);

/// Measures, and writes `target/bench/report.json` and `report.md`.
pub fn run(args: &Args) -> Result<()> {
    let chromium = tools::ensure_chromium()?;
    package::build(if args.release { Profile::Publish } else { Profile::Quick }, &[])?;
    tools::ensure_npm("tests/bench")?;
    let out = tools::target().join("bench");
    let networks: Vec<(&str, f64)> = NETWORKS
        .into_iter()
        .filter(|(id, _)| args.networks.is_empty() || args.networks.iter().any(|wanted| wanted == id))
        .map(|(id, target)| (id, args.webgpu_target().unwrap_or(target)))
        .collect();
    let ids: Vec<&str> = networks.iter().map(|(id, _)| *id).collect();
    let mut native = export(&out, &out.join("onnx"), args.size, &ids)?;
    for (line, ours) in native.iter_mut().zip(forward(args, &ids)?) {
        line["ours"] = ours["forward"].clone();
    }
    let (large, side) = LARGE;
    export(&out, &out.join("onnx-large"), side, &[large])?;
    let options = json!({
        "pkg": root().join("pkg"),
        "weights": root().join("pkg-config/weights"),
        "onnx": out.join("onnx"),
        "large": { "id": large, "onnx": out.join("onnx-large"), "size": side },
        "out": out,
        "chromium": chromium,
        "native": native,
        "networks": networks.iter().map(|(id, target)| json!({ "id": id, "target": target })).collect::<Vec<_>>(),
        "steps": STEPS,
        "size": args.size,
        "runs": args.runs,
        "photos": args.photos,
        "gpu": args.gpu || args.software,
        "software": args.software,
    });
    tools::say("measuring");
    let folder = root().join("tests/bench");
    tools::run(Command::new("node").arg("run.mjs").arg(options.to_string()).current_dir(folder))?;
    tools::say(&format!("written: {}", out.join("report.md").display()));
    Ok(())
}

/// Writes the networks as ONNX files into a folder and returns what PyTorch takes for them on one thread.
fn export(out: &Path, onnx: &Path, size: usize, networks: &[&str]) -> Result<Vec<Value>> {
    let python = python(out)?;
    fs::create_dir_all(onnx)?;
    tools::say("exporting the networks, and timing PyTorch");
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/bench/export_onnx.py"))
        .arg(root().join("pretrain"))
        .arg(root().join("pkg-config/weights"))
        .arg(onnx)
        .arg(size.to_string())
        .args(networks);
    json_lines(&tools::output(&mut command)?)
}

/// What the crate takes for them natively on one thread.
fn forward(args: &Args, networks: &[&str]) -> Result<Vec<Value>> {
    tools::say("timing the networks natively");
    let profile = if args.release { "release" } else { "quick" };
    let weights = |id: &&str| root().join(format!("pkg-config/weights/{id}.safetensors"));
    let mut command = tools::cargo();
    command.args([
        "run",
        "--quiet",
        "--package",
        "unnoise",
        "--profile",
        profile,
        "--example",
        "forward",
        "--",
    ]);
    command.arg(args.size.to_string()).args(networks.iter().map(weights));
    json_lines(&tools::output(&mut command)?)
}

fn json_lines(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// A Python with the peers, in a folder of its own.
fn python(out: &Path) -> Result<PathBuf> {
    let folder = out.join("venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("installed");
    if !stamp.is_file() {
        tools::say("installing PyTorch and ONNX for the benchmark");
        tools::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("install Python 3 with venv")?;
        let packages = ["torch", "numpy", "onnx", "safetensors"];
        tools::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
        fs::write(stamp, "")?;
    }
    Ok(python)
}
