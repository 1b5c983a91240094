//! `cargo xtask start`: the page on localhost, as soon as it can be shown. The build with WebGPU takes most of the time, so on
//! a machine that has none yet the page is served on the CPU before that.

use std::net::TcpListener;
use std::process::Child;

use anyhow::{Context, Result, bail};

use crate::package::{self, Profile};
use crate::tools;

/// Bytes that a first build writes, at most.
const NEEDED: u64 = 6 << 30;

/// Builds everything and serves the page.
pub fn run(profile: Profile, port: u16) -> Result<()> {
    check(port)?;
    let address = format!("http://localhost:{port}/");
    let whole = package::build_for_cpu(profile)?;
    package::page(true)?;
    if whole {
        tools::say(&format!("serving the page: {address}"));
        return wait(serve(port)?);
    }
    tools::say(&format!("serving the page, on the CPU for now: {address} (WebGPU is being built)"));
    let mut server = serve(port)?;
    // What the page in front of somebody may still ask for stays where it is.
    match package::build(profile, &[]).and_then(|()| package::page(false)) {
        Ok(()) => tools::say(&format!("WebGPU is ready: reload {address}")),
        Err(error) => tools::say(&format!("WebGPU could not be built, the page stays on the CPU: {error:#}")),
    }
    if let Some(status) = server.try_wait()? {
        bail!("the server ended with {status}");
    }
    wait(server)
}

/// What would fail after minutes of building.
fn check(port: u16) -> Result<()> {
    if TcpListener::bind(("localhost", port)).is_err() {
        bail!("port {port} is taken: end what listens there, or name another one with --port");
    }
    tools::ensure_node()?;
    let target = tools::target();
    std::fs::create_dir_all(&target).with_context(|| format!("{} cannot be written", target.display()))?;
    let free = fs4::available_space(&target)?;
    if !target.join("wasm32-unknown-unknown").is_dir() && free < NEEDED {
        bail!(
            "{} GB are free where {} lies, and building takes up to {}: make room, or name another folder in CARGO_TARGET_DIR",
            free >> 30,
            target.display(),
            NEEDED >> 30
        );
    }
    tools::ensure_wasm_target()?;
    tools::ensure_npm("www")
}

fn serve(port: u16) -> Result<Child> {
    let port = port.to_string();
    let mut vite = tools::npx("www");
    vite.args(["vite", "preview", "--host", "localhost", "--strictPort", "--port", &port]);
    vite.spawn().context("the server does not start")
}

fn wait(mut server: Child) -> Result<()> {
    let status = server.wait()?;
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_before_anything_is_built() {
        let taken = TcpListener::bind(("localhost", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let told = check(port).unwrap_err().to_string();
        assert!(told.contains(&port.to_string()) && told.contains("--port"), "{told}");
    }
}
