//! `THIRD-PARTY-LICENSES.txt` of the npm package: the licences of every crate that is compiled into the wasm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools;

/// The file's name in the package.
pub const FILE: &str = "THIRD-PARTY-LICENSES.txt";

/// What files of licences are called, in capitals; the first of these that a crate has is taken, but every notice.
const NAMES: [&str; 6] = ["LICENSE-MIT", "LICENSE", "LICENCE", "COPYING", "UNLICENSE", "LICENSE-APACHE"];
const NOTICE: &str = "NOTICE";

/// A crate inside of the wasm.
struct Inside {
    /// Name and version.
    name: String,
    /// Its licence as an SPDX expression.
    expression: String,
    repository: String,
    texts: Vec<String>,
}

/// Writes the file for the artifact with all features, and checks it against the crates that the wasm files in `artifacts` name
/// where they tell where a panic came from.
pub fn write(pkg: &Path, feature: &str, artifacts: &[&str]) -> Result<()> {
    let all = inside(feature)?;
    let known: BTreeSet<&str> = all.iter().map(|inside| inside.name.as_str()).collect();
    for artifact in artifacts {
        let wasm = fs::read(pkg.join("wasm").join(artifact).join("unnoise_bg.wasm"))?;
        for name in named_in(&wasm) {
            if !known.contains(name.as_str()) {
                bail!("{name} is in the {artifact} wasm, and not in {FILE}");
            }
        }
    }
    Ok(fs::write(pkg.join(FILE), text(&all))?)
}

/// The crates that a build for the web depends on, other than at compile time only.
fn inside(feature: &str) -> Result<Vec<Inside>> {
    let told = tools::output(tools::cargo().args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform=wasm32-unknown-unknown",
        "--no-default-features",
        "--features",
        feature,
    ]))?;
    let told: Value = serde_json::from_str(&told).context("cargo metadata")?;
    let packages: BTreeMap<&str, &Value> = list(&told["packages"]).map(|p| (string(&p["id"]), p)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&told["resolve"]["nodes"]).map(|n| (string(&n["id"]), n)).collect();
    let mut seen = BTreeSet::new();
    let mut ahead = vec![string(&told["resolve"]["root"])];
    while let Some(id) = ahead.pop() {
        let package = packages.get(id).with_context(|| format!("cargo metadata knows no {id}"))?;
        let runs = list(&package["targets"]).all(|t| list(&t["kind"]).all(|kind| kind != "proc-macro"));
        if runs && seen.insert(id) {
            let dependencies = list(&nodes[id]["deps"]);
            let normal = dependencies.filter(|d| list(&d["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            ahead.extend(normal.map(|d| string(&d["pkg"])));
        }
    }
    let foreign = seen.into_iter().map(|id| packages[id]).filter(|package| !package["source"].is_null());
    foreign.map(read).collect()
}

/// What a package says of its licence.
fn read(package: &Value) -> Result<Inside> {
    let folder =
        Path::new(string(&package["manifest_path"])).parent().context("a manifest lies in a folder")?;
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() {
            files.insert(name, path);
        }
    }
    let beginning = |name: &str| files.iter().find(|(file, _)| file.starts_with(name)).map(|(_, path)| path);
    let licence = NAMES.iter().find_map(|name| beginning(name));
    let texts = licence.into_iter().chain(beginning(NOTICE));
    Ok(Inside {
        name: format!("{} {}", string(&package["name"]), string(&package["version"])),
        expression: string(&package["license"]).to_owned(),
        repository: string(&package["repository"]).to_owned(),
        texts: texts
            .map(|path| Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()))
            .collect::<Result<_>>()?,
    })
}

/// All crates with their licences, each text once.
fn text(all: &[Inside]) -> String {
    let mut out = String::from(
        "The WebAssembly files of this package contain code of these crates. Texts follow, once each; those of crates that\n\
         come without one are what their line says, and that of Apache 2.0 is in LICENSE-APACHE.\n\n",
    );
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for inside in all {
        out += &format!("{}: {} {}\n", inside.name, inside.expression, inside.repository);
        for text in &inside.texts {
            let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
            texts.entry(lines.join("\n")).or_default().push(&inside.name);
        }
    }
    for (text, of) in texts {
        out += &format!("\n{}\n{}:\n\n{text}\n", "-".repeat(80), of.join(", "));
    }
    out
}

/// Name and version of the crates whose paths of sources, `.../name-version/src/...`, stand in a file.
fn named_in(wasm: &[u8]) -> BTreeSet<String> {
    const REGISTRY: &[u8] = b"registry/src/";
    let starts = wasm.windows(REGISTRY.len()).enumerate().filter(|(_, bytes)| *bytes == REGISTRY);
    let named = starts.filter_map(|(at, _)| {
        let path = wasm[at + REGISTRY.len()..].split(|byte| *byte == b'/').nth(1)?;
        let folder = std::str::from_utf8(path).ok()?;
        let version = folder.match_indices('-').map(|(at, _)| at).find(|at| {
            folder[at + 1..].starts_with(|c: char| c.is_ascii_digit()) && folder[at + 1..].contains('.')
        })?;
        Some(format!("{} {}", &folder[..version], &folder[version + 1..]))
    });
    named.collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_told_by_the_paths_of_their_sources() {
        let wasm = b"\0/x/registry/src/index-1/image-webp-0.2.4/src/a.rs\0registry/src/index-1/burn-0.22.1/src/lib.rs";
        assert_eq!(named_in(wasm).into_iter().collect::<Vec<_>>(), ["burn 0.22.1", "image-webp 0.2.4"]);
    }

    #[test]
    fn what_is_compiled_in_is_found_with_its_licence() {
        let all = inside("web-cpu").unwrap();
        let of = |name: &str| all.iter().find(|inside| inside.name.starts_with(name));
        assert!(of("burn-flex ").is_some(), "though it comes without a text");
        assert!(of("zune-jpeg ").is_some_and(|inside| !inside.texts.is_empty()));
        assert!(of("serde_derive ").is_none(), "runs at compile time only");
        assert!(of("unnoise").is_none(), "is ours");
        assert!(all.iter().all(|i| !i.expression.is_empty() || !i.texts.is_empty()), "each has a licence");
    }
}
