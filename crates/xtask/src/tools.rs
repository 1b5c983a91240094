//! The programs we call: found, or installed, or asked for in one sentence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Root of the repository: of the one that `cargo xtask` was called in, even if clones share a build directory.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.ancestors().nth(2).expect("this crate lies in `crates/`").to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Tells the person what happens now.
#[expect(clippy::print_stdout, reason = "this is how a build tool talks")]
pub fn say(message: &str) {
    println!("\n== {message}");
}

/// Runs a command in the repository (unless it says where) and fails when it does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns what it prints; its errors are shown.
pub fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// cargo, in the repository.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The command line, built as the tests build it: by itself it would have other features of its dependencies, and all of
/// burn would be compiled twice.
pub fn command_line() -> Result<PathBuf> {
    run(cargo().args(["test", "--workspace", "--profile", "quick", "--no-run", "--quiet"]))?;
    Ok(target().join("quick").join(format!("unnoise{}", std::env::consts::EXE_SUFFIX)))
}

/// A program of the npm packages of `folder`, run in that folder; the first argument is its name.
pub fn npx(folder: &str) -> Command {
    let mut command = Command::new("npx");
    command.arg("--no-install").current_dir(root().join(folder));
    command
}

/// The wasm target of the toolchain.
pub fn ensure_wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    say("adding the wasm target to the toolchain");
    run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()))
        .with_context(|| format!("install the Rust target {TARGET}, e.g. with `rustup target add {TARGET}`"))
}

/// The npm packages of `folder`, exactly as its lock file names them; nothing is done when they are there.
pub fn ensure_npm(folder: &str) -> Result<()> {
    let folder = root().join(folder);
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.unnoise-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    say(&format!("installing the npm packages of {}", folder.display()));
    ensure_node()?;
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)).context(
        "the npm packages could not be installed; the lines above say why (is there a network, and room on the disk?)",
    )?;
    Ok(fs::write(stamp, lock)?)
}

/// Node.js, of a version that the page's build runs on, and npm.
pub fn ensure_node() -> Result<()> {
    const OLDEST: (u32, u32) = (20, 19);
    let wanted =
        || format!("install Node.js {}.{} or later, with npm: https://nodejs.org", OLDEST.0, OLDEST.1);
    let version = |program: &str| output(Command::new(program).arg("--version")).with_context(wanted);
    version("npm")?;
    let node = version("node")?;
    let mut parts = node.trim().trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
        bail!("Node.js {} is too old: {}", node.trim(), wanted());
    }
    Ok(())
}

/// A Chromium for the browser tests: `$CHROMIUM`, or one in a usual place, or Debian's, installed when we are root.
pub fn ensure_chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = || places.iter().map(PathBuf::from).find(|p| p.is_file());
    if let Some(path) = found() {
        return Ok(path);
    }
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root && Path::new("/etc/debian_version").is_file() {
        say("installing chromium");
        run(Command::new("apt-get").arg("update"))?;
        run(Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends", "chromium"])
            .env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    found().context("install Chromium for the browser tests, or name one in the variable CHROMIUM")
}
