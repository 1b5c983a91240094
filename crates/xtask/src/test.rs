//! Every check and test, with one count at the end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::counted;
use crate::package::{self, Profile};
use crate::tools::{self, root};

/// How many tests passed and failed.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    /// What is to be said of those that failed once more at the end, where it is seen.
    complaints: Vec<String>,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.complaints.extend(other.complaints);
    }

    /// Counts a check that passes or fails as a whole.
    fn check(&mut self, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                let complaint = format!("FAILED: {error:#}");
                tools::say(&complaint);
                self.failed += 1;
                self.complaints.push(complaint);
            }
        }
    }
}

/// Runs everything (or only the browser's part), and prints `N passed, N failed` as the last line.
#[expect(clippy::print_stdout, reason = "the answer of the command")]
pub fn run(browser_only: bool) -> Result<()> {
    let mut count = Count::default();
    if !browser_only {
        count.add(rust()?);
        count.check(counted::check(false));
    }
    package::build(Profile::Quick, &["parity"])?;
    package::page(true)?;
    if !browser_only {
        count.check(lint());
    }
    let native = native_results()?;
    bundlers(&native, &mut count)?;
    count.add(browser(&native)?);
    for complaint in &count.complaints {
        tools::say(complaint);
    }
    println!("\n{} passed, {} failed", count.passed, count.failed);
    if count.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// Formatting and lints; needs the package in `pkg/` for the types of the TypeScript.
pub fn lint() -> Result<()> {
    tools::say("linting");
    tools::ensure_wasm_target()?;
    tools::ensure_npm("www")?;
    tools::ensure_npm("tests/browser")?;
    tools::run(tools::cargo().args(["fmt", "--all", "--check"]))?;
    tools::run(tools::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    clippy(&["--workspace", "--all-targets"])?;
    for features in ["web-cpu", "web-full,parity"] {
        clippy(&[
            "--package=unnoise",
            "--lib",
            "--target=wasm32-unknown-unknown",
            "--no-default-features",
            "--features",
            features,
        ])?;
    }
    tools::run(Command::new("npm").args(["run", "--silent", "check"]).current_dir(root().join("www")))
}

fn clippy(args: &[&str]) -> Result<()> {
    tools::run(tools::cargo().args(["clippy", "--quiet"]).args(args).args(["--", "--deny", "warnings"]))
}

/// Has the test that compares the generated TypeScript with the Rust types write it.
pub fn write_contract() -> Result<()> {
    tools::run(
        tools::cargo()
            .args(["test", "--workspace", "--profile", "quick", "--lib", "--", "contract"])
            .env("UNNOISE_WRITE_CONTRACT", "1"),
    )
}

/// The Rust tests, counted from cargo's summary lines.
fn rust() -> Result<Count> {
    tools::say("testing natively");
    let mut child = tools::cargo()
        .args(["test", "--workspace", "--profile", "quick", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut count = Count::default();
    for line in BufReader::new(child.stdout.take().context("piped above")?).lines() {
        let line = line?;
        echo(&line);
        if line.starts_with("test ") && line.ends_with("... FAILED") {
            count.complaints.push(line.clone());
        }
        if let Some(summary) = line.strip_prefix("test result: ") {
            count.passed += number_before(summary, " passed")?;
            count.failed += number_before(summary, " failed")?;
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        bail!("the Rust tests could not be run ({status})");
    }
    Ok(count)
}

#[expect(clippy::print_stdout, reason = "passes on what the tests print")]
fn echo(line: &str) {
    println!("{line}");
}

fn number_before(text: &str, word: &str) -> Result<u64> {
    let before = text.split(word).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().with_context(|| format!("no number before `{word}` in `{text}`"))
}

/// The Playwright tests, in a real Chromium, against the built page.
fn browser(native: &Path) -> Result<Count> {
    let chromium = tools::ensure_chromium()?;
    tools::ensure_npm("tests/browser")?;
    tools::say("testing in the browser");
    let folder = root().join("tests/browser");
    let results = folder.join("test-results/results.json");
    let _ = fs::remove_file(&results);
    let status = tools::npx("tests/browser")
        .args(["playwright", "test"])
        .env("CHROMIUM", chromium)
        .env("UNNOISE_NATIVE", native)
        .status()?;
    let text = fs::read_to_string(&results)
        .with_context(|| format!("the browser tests left no results ({status})"))?;
    let stats = serde_json::from_str::<serde_json::Value>(&text)?["stats"].clone();
    let number = |key: &str| stats[key].as_u64().with_context(|| format!("no `{key}` in the results"));
    Ok(Count {
        passed: number("expected")?,
        // A test that passes only when tried again has failed once.
        failed: number("unexpected")? + number("flaky")?,
        // Playwright lists them itself as its last words.
        complaints: Vec::new(),
    })
}

/// Installs the packed package as a stranger would, builds a page around it with every bundler, for the browser tests
/// to open, runs it in Node, and has it looked over by the tools that know what goes wrong in packages.
fn bundlers(native: &Path, count: &mut Count) -> Result<()> {
    const FOLDER: &str = "tests/bundlers";
    const SCRIPTS: [&str; 10] = [
        "build:vite",
        "build:webpack",
        "build:rollup",
        "build:esbuild",
        "build:next",
        "build:frameworks",
        "test:node",
        "check:types",
        "check:package",
        "check:exports",
    ];
    tools::ensure_npm(FOLDER)?;
    tools::say("packing, installing and bundling the package");
    install("pkg", "unnoise")?;
    install("pkg-weights", "unnoise-weights")?;
    for script in SCRIPTS {
        tools::say(script);
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script]).current_dir(root().join(FOLDER));
        npm.env("NEXT_TELEMETRY_DISABLED", "1").env("UNNOISE_NATIVE", native);
        count.check(tools::run(&mut npm));
    }
    count.check(package::docs());
    Ok(())
}

/// Packs a package, and puts it where `npm install` would.
fn install(package: &str, name: &str) -> Result<()> {
    let folder = root().join("tests/bundlers");
    let tarball = folder.join(format!("{name}.tgz"));
    fs::rename(package::pack(&root().join(package), &folder)?, &tarball)?;
    let installed = folder.join("node_modules").join(name);
    let _ = fs::remove_dir_all(&installed);
    fs::create_dir_all(&installed)?;
    tools::run(
        Command::new("tar").args(["--strip-components=1", "-xzf"]).arg(tarball).arg("-C").arg(&installed),
    )
}

/// Field cases whose results are compared with the browser's: a file of each format, depth and structure.
const FIELD: [&str; 14] = [
    "05-gray8-alpha.png",
    "07-adam7-rgb16.png",
    "38-exif-big-endian.jpg",
    "43-baseline-restart-422.jpg",
    "62-really-a-webp.png",
    "64-float32-gray-0-4095.tif",
    "66-float32-nan.tif",
    "68-float32-rgb-hdr.tif",
    "72-uint16-12bit-camera.tif",
    "75-int16-signed.tif",
    "77-imagej-z-stack.tif",
    "81-planar-rgb8.tif",
    "98-orientation-6.tif",
    "103-565.bmp",
];

/// What the native command line makes of the browser tests' photos, for comparison: `<name>.in.png`,
/// `<name>.out.png`, and `psnr.json`; of field cases, `field/<file>.tif`, which holds all depths.
fn native_results() -> Result<PathBuf> {
    tools::say("denoising the browser tests' photos natively");
    let out = tools::target().join("native-results");
    fs::create_dir_all(&out)?;
    let program = tools::command_line()?;
    let unnoise = || Command::new(&program);
    let fixtures = root().join("tests/browser/fixtures");
    for photo in photos(&fixtures)? {
        let name = photo.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        fs::copy(&photo, out.join(format!("{name}.in.png")))?;
        let result = out.join(format!("{name}.out.png"));
        tools::run(unnoise().arg("denoise").arg(&photo).arg("--overwrite").arg("-o").arg(result))?;
    }
    let field = out.join("field");
    fs::create_dir_all(&field)?;
    for name in FIELD {
        let photo = root().join("tests/fixtures/field").join(name);
        let result = field.join(format!("{name}.tif"));
        tools::run(unnoise().arg("denoise").arg(photo).arg("--overwrite").arg("-o").arg(result))?;
    }
    let json = tools::output(unnoise().args(["evaluate", "--json", "--pairs"]).arg(&fixtures))?;
    let report: serde_json::Value = serde_json::from_str(&json)?;
    let psnr = serde_json::json!({ "psnr": report["mean"]["psnr"] });
    fs::write(out.join("psnr.json"), psnr.to_string())?;
    Ok(out)
}

fn photos(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "png") {
            found.push(path);
        }
    }
    Ok(found)
}
