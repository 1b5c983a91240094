//! Every reference case, natively, on every CPU backend (with the feature `wgpu` on this machine's GPU, too): those under
//! `tests/fixtures/`, and those under the folder that `UNNOISE_REFERENCE` names
//! (`<model>/<case>/{case.json,*.safetensors}`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use unnoise::device::Backend;
use unnoise::parity::{self, Case, Check};
use unnoise::weights::StateDict;

/// Largest difference allowed, relative to the reference's largest magnitude: of losses, of what training changes, of
/// all else. GPUs approximate functions like the exponential.
fn tolerance(check: &str, backend: Backend) -> f64 {
    if backend == Backend::Wgpu {
        return 1e-3;
    }
    if check.starts_with("loss") {
        return 1e-5;
    }
    if check.starts_with("gradient") || check.starts_with("weights after") { 1e-3 } else { 1e-4 }
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn read_weights(path: &Path) -> StateDict {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    StateDict::from_safetensors(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read_case(folder: &Path) -> Case {
    let json = fs::read(folder.join("case.json")).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let json: serde_json::Value =
        serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: BTreeMap<String, StateDict> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read_weights(&path)))
        .collect();
    // A case of weights that we ship names them instead of repeating them.
    if let Some(shipped) = json["weights"].as_str() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg-config/weights").join(shipped);
        files.insert("weights".into(), read_weights(&path));
    }
    Case { model: name(folder.parent().unwrap()), name: name(folder), json, files }
}

/// Runs all cases under `root` and returns how many, and what failed.
fn run_all(root: &Path, backend: Backend) -> (usize, Vec<String>) {
    let device = pollster::block_on(backend.open()).unwrap();
    let (mut ran, mut failures) = (0, Vec::new());
    for folder in subfolders(root).iter().flat_map(|model| subfolders(model)) {
        let (model, case) = (name(folder.parent().unwrap()), name(&folder));
        if let Some(why) = parity::not_yet(&model, &case) {
            eprintln!("{backend:8} {model:20} {case:40} not yet: {why}");
            continue;
        }
        ran += 1;
        match pollster::block_on(parity::run(&read_case(&folder), &device)) {
            Ok(checks) if checks.is_empty() => failures.push(format!("{model}/{case}: nothing was compared")),
            Ok(checks) => {
                let share = |check: &Check| check.worst / tolerance(&check.name, backend);
                let worst = checks.iter().max_by(|a, b| share(a).total_cmp(&share(b))).unwrap();
                eprintln!("{backend:8} {model:20} {case:40} {:.2e} ({})", worst.worst, worst.name);
                let wrong = checks.iter().filter(|check| check.worst.is_nan() || share(check) > 1.0);
                failures
                    .extend(wrong.map(|c| format!("{model}/{case}: {} is off by {:.2e}", c.name, c.worst)));
            }
            Err(error) => failures.push(format!("{model}/{case}: {error}")),
        }
    }
    (ran, failures)
}

fn check(backend: Backend) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let more = std::env::var_os("UNNOISE_REFERENCE").map(PathBuf::from);
    for root in [fixtures].into_iter().chain(more) {
        let (ran, failures) = run_all(&root, backend);
        assert!(ran > 0, "no case was run under {}", root.display());
        assert!(failures.is_empty(), "{} of {ran} failed:\n{}", failures.len(), failures.join("\n"));
    }
}

#[test]
fn flex_equals_the_public_implementations() {
    check(Backend::Flex);
}

#[test]
fn ndarray_equals_the_public_implementations() {
    check(Backend::NdArray);
}

#[cfg(feature = "wgpu")]
#[test]
fn wgpu_equals_the_public_implementations() {
    check(Backend::Wgpu);
}
