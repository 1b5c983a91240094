//! The npm package: three wasm artifacts, their glue, the compiled TypeScript, weights and model cards, in `pkg/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::tools::{self, root};
use crate::{constructors, licences};

/// How the wasm is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For every day: minutes.
    Quick,
    /// For publishing: link-time optimisation.
    Publish,
}

impl Profile {
    pub fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Publish => "dist",
        }
    }
}

/// Folder in `pkg/`, not packed, with a file for each artifact that tells how it was made.
const STAMPS: &str = ".recipes";

/// The wasm artifacts: name and cargo feature.
const ARTIFACTS: [(&str, &str); 3] = [("cpu", "web-cpu"), ("relaxed", "web-relaxed"), ("full", "web-full")];

/// Networks whose weights are in the package: those that are taken when none is named. All others are in a package of their own,
/// so that nobody has 23 MB that most pages never ask for.
const INSIDE: [&str; 2] = ["unet", "unet-large"];

/// Folder of the package with the weights of the other networks.
const WEIGHTS_PACKAGE: &str = "pkg-weights";

/// Builds the package into `pkg/`, and that of the further weights beside it; `extra` are further cargo features of the crate.
pub fn build(profile: Profile, extra: &[&str]) -> Result<()> {
    let pkg = root().join("pkg");
    artifacts(&ARTIFACTS, profile, extra, &pkg)?;
    assemble(profile, &pkg)
}

/// [`build`] without the artifact with WebGPU, which takes longest, and has another one in its place, which refuses WebGPU. If
/// it is there already, all of it; says whether it is.
pub fn build_for_cpu(profile: Profile) -> Result<bool> {
    let pkg = root().join("pkg");
    let [cpu @ .., (full, feature)] = &ARTIFACTS;
    if is_built(full, &recipe(profile, feature), &pkg)? {
        build(profile, &[])?;
        return Ok(true);
    }
    artifacts(cpu, profile, &[], &pkg)?;
    stand_in(&pkg.join("wasm").join(cpu[0].0), &pkg.join("wasm").join(full))?;
    let stamp = pkg.join(STAMPS).join(full);
    if stamp.is_file() {
        fs::remove_file(stamp)?;
    }
    assemble(profile, &pkg)?;
    Ok(false)
}

/// Puts the files of an artifact in the place of another one.
fn stand_in(artifact: &Path, place: &Path) -> Result<()> {
    remove_folder(place)?;
    fs::create_dir_all(place)?;
    for entry in fs::read_dir(artifact)? {
        let file = entry?;
        fs::copy(file.path(), place.join(file.file_name()))?;
    }
    Ok(())
}

fn recipe(profile: Profile, features: &str) -> String {
    format!("{} {features}", profile.name())
}

/// Whether an artifact is there, made by this recipe of what there is now.
fn is_built(name: &str, recipe: &str, pkg: &Path) -> Result<bool> {
    Ok(pkg.join("wasm").join(name).is_dir() && is_current(&pkg.join(STAMPS).join(name), recipe)?)
}

/// Builds those of the artifacts that are not there.
fn artifacts(wanted: &[(&str, &str)], profile: Profile, extra: &[&str], pkg: &Path) -> Result<()> {
    tools::ensure_wasm_target()?;
    fs::create_dir_all(pkg.join(STAMPS))?;
    for (name, feature) in wanted.iter().copied() {
        let features: Vec<&str> = [feature].into_iter().chain(extra.iter().copied()).collect();
        let features = features.join(",");
        let recipe = recipe(profile, &features);
        if is_built(name, &recipe, pkg)? {
            continue;
        }
        tools::say(&format!("building the {name} wasm"));
        let out = pkg.join("wasm").join(name);
        let wasm = compile(profile, &features)?;
        bindgen(&wasm, &out, profile)?;
        if name == "relaxed" {
            share_glue(&out, &pkg.join("wasm/cpu"))?;
        }
        fs::write(pkg.join(STAMPS).join(name), recipe)?;
    }
    Ok(())
}

/// All of the packages but the artifacts.
fn assemble(profile: Profile, pkg: &Path) -> Result<()> {
    let more = root().join(WEIGHTS_PACKAGE);
    manifest("package.json", pkg)?;
    weights(&pkg.join("weights"), &more)?;
    manifest("weights-package.json", &more)?;
    fs::copy(root().join("pkg-config/WEIGHTS.md"), more.join("README.md"))?;
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root().join(file), pkg.join(file))?;
        fs::copy(root().join(file), more.join(file))?;
    }
    for file in ["README.md", "RECIPES.md"] {
        fs::copy(root().join("pkg-config").join(file), pkg.join(file))?;
    }
    licences::write(pkg, "web-full", &ARTIFACTS.map(|(name, _)| name))?;
    tools::ensure_npm("www")?;
    tools::say("compiling the TypeScript of the package");
    remove_folder(&pkg.join("dist"))?;
    for project in ["../pkg-config", "../pkg-config/src/node"] {
        tools::run(tools::npx("www").args(["tsc", "-p", project]))?;
    }
    shipped(pkg)?;
    for folder in ["dist", "wasm/cpu", "wasm/full"] {
        strip_comments(&pkg.join(folder))?;
    }
    list(pkg)?;
    sizes(profile)
}

/// `files.json`: what a page that serves the folder of the package as it is may load of it, with the bytes of each file, for
/// service workers.
fn list(pkg: &Path) -> Result<()> {
    let mut files = Vec::new();
    for folder in ["dist", "wasm", "weights"] {
        loaded(&pkg.join(folder), &mut files)?;
    }
    files.sort();
    let entry = |path: &PathBuf| -> Result<serde_json::Value> {
        let name = path.strip_prefix(pkg)?.components().map(|part| part.as_os_str().to_string_lossy());
        let name = name.collect::<Vec<_>>().join("/");
        Ok(serde_json::json!({ "path": name, "bytes": fs::metadata(path)?.len() }))
    };
    let entries = files.iter().map(entry).collect::<Result<Vec<_>>>()?;
    Ok(fs::write(pkg.join("files.json"), serde_json::to_string_pretty(&entries)? + "\n")?)
}

/// The files in a folder that pages load: no declarations, nothing that is for Node, no cards.
fn loaded(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("dist/node") {
            loaded(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|e| ["js", "wasm", "safetensors"].iter().any(|known| e == *known))
        {
            found.push(path);
        }
    }
    Ok(())
}

/// Two builds that differ in their arithmetic only have one glue: the second is checked and dropped.
fn share_glue(out: &Path, shared: &Path) -> Result<()> {
    let code = |folder: &Path| -> Result<Vec<String>> {
        let text = fs::read_to_string(folder.join("unnoise.js"))?;
        Ok(without_comments(&text).lines().map(str::to_owned).collect())
    };
    if code(out)? != code(shared)? {
        bail!("{} needs glue of its own", out.display());
    }
    for file in ["unnoise.js", "unnoise.d.ts", "unnoise_bg.wasm.d.ts"] {
        fs::remove_file(out.join(file))?;
    }
    Ok(())
}

/// Takes the comments out of the JavaScript in a folder: editors read them in the declarations, and pages need not download
/// them.
fn strip_comments(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            strip_comments(&path)?;
            continue;
        }
        if path.extension().is_none_or(|e| e != "js") {
            continue;
        }
        let kept = without_comments(&fs::read_to_string(&path)?);
        fs::write(path, kept)?;
    }
    Ok(())
}

/// JavaScript without its doc comments and the comments that have lines of their own.
fn without_comments(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let line_comment = line.trim_start().starts_with("//");
        inside |= line.trim_start().starts_with("/**");
        if !inside && !line_comment {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.trim_end().ends_with("*/");
    }
    kept
}

/// Prints how large the package is over the network, and fails when it is larger than it may be.
fn sizes(profile: Profile) -> Result<()> {
    tools::run(Command::new("node").args(["crates/xtask/sizes.mjs", profile.name()]).current_dir(root()))
}

/// Packs a package as npm would publish it, into `folder`, and returns the file.
pub fn pack(package: &Path, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(folder).current_dir(package);
    let name = tools::output(&mut npm)?;
    Ok(folder.join(name.trim()))
}

/// Writes the reference of the API into `pkg/docs/`.
pub fn docs() -> Result<()> {
    tools::ensure_npm("tests/bundlers")?;
    tools::say("writing the reference of the API");
    tools::run(tools::npx("tests/bundlers").args(["typedoc", "--options", "../../pkg-config/typedoc.json"]))
}

/// Builds the page into `www/dist/`; the files of an older one are removed from there, if `anew`.
pub fn page(anew: bool) -> Result<()> {
    tools::ensure_npm("www")?;
    tools::say("building the page");
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "build", "--", &format!("--emptyOutDir={anew}")]);
    tools::run(npm.current_dir(root().join("www")))
}

fn compile(profile: Profile, features: &str) -> Result<PathBuf> {
    const TARGET: &str = "wasm32-unknown-unknown";
    tools::run(
        tools::cargo()
            .args(["build", "--lib", "--package", "unnoise", "--target", TARGET, "--no-default-features"])
            .args(["--profile", profile.name(), "--features", features]),
    )?;
    Ok(tools::target().join(TARGET).join(profile.name()).join("unnoise.wasm"))
}

/// Whether the artifact with this stamp was made by this recipe, after the last change of anything it is made from.
/// Asked here because cargo builds the artifacts in turn under one file name, and so would build both anew each time.
fn is_current(stamp: &Path, recipe: &str) -> Result<bool> {
    if !fs::read_to_string(stamp).is_ok_and(|known| known == recipe) {
        return Ok(false);
    }
    let made = fs::metadata(stamp)?.modified()?;
    let inputs = [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        ".cargo",
        "src",
        "crates/kernels",
        "crates/xtask",
        "pkg-config/src/shared/contract.ts",
    ];
    for input in inputs {
        if newest(&root().join(input))? >= made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or the last of all files in a folder (or the folder itself), was changed.
fn newest(path: &Path) -> Result<SystemTime> {
    let mut time = fs::metadata(path).with_context(|| path.display().to_string())?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            time = time.max(newest(&entry?.path())?);
        }
    }
    Ok(time)
}

/// Writes glue and wasm into `out`; names of functions are for those who debug, and a seventh of the file.
fn bindgen(wasm: &Path, out: &Path, profile: Profile) -> Result<()> {
    let bytes = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    constructors::check(&bytes)?;
    fs::create_dir_all(out)?;
    Bindgen::new()
        .input_bytes("unnoise", bytes)
        .web(true)?
        .typescript(true)
        .out_name("unnoise")
        .omit_default_module_path(true)
        .remove_name_section(profile == Profile::Publish)
        .remove_producers_section(true)
        .generate(out)?;
    // Its comments tell of the compiler's insides, and are a twentieth of all JavaScript.
    let glue = out.join("unnoise.js");
    let text = fs::read_to_string(&glue)?;
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    Ok(fs::write(&glue, code.join("\n") + "\n")?)
}

/// `package.json`, from a file of `pkg-config/`, with the version of the crate.
fn manifest(source: &str, pkg: &Path) -> Result<()> {
    let text = fs::read_to_string(root().join("pkg-config").join(source))?;
    let mut json: serde_json::Value = serde_json::from_str(&text)?;
    json["version"] = env!("CARGO_PKG_VERSION").into();
    Ok(fs::write(pkg.join("package.json"), serde_json::to_string_pretty(&json)? + "\n")?)
}

/// Shares the weights out, each with its card and licence; the credits of what they learned from go with both.
fn weights(inside: &Path, more: &Path) -> Result<()> {
    let source = root().join("pkg-config/weights");
    for folder in [inside, more] {
        remove_folder(folder)?;
        fs::create_dir_all(folder)?;
    }
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        match path.file_stem().and_then(|stem| stem.to_str()).context("a name is text")? {
            "CREDITS" => {
                fs::copy(&path, inside.join(name))?;
                fs::copy(&path, more.join(name))?;
            }
            "README" => {
                fs::copy(&path, inside.join(name))?;
                fs::copy(&path, more.join("WEIGHTS.md"))?;
            }
            network if INSIDE.contains(&network) => {
                fs::copy(&path, inside.join(name))?;
            }
            _ => {
                fs::copy(&path, more.join(name))?;
            }
        }
    }
    Ok(())
}

/// The cards of models and objectives, as the wasm itself tells them, in `models.json` (models only) and in
/// `dist/shipped.js`. The latter spells out the URL of every file of weights: that is how bundlers see that it is needed. The
/// package of further weights has a module for each, so that bundlers take no other, and one for all.
fn shipped(pkg: &Path) -> Result<()> {
    const SCRIPT: &str = "
        import init, { cards, objectives } from './wasm/cpu/unnoise.js';
        import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
        await init({ module_or_path: readFileSync('wasm/cpu/unnoise_bg.wasm') });
        const models = cards();
        const trained = models.filter(({ weights }) => weights);
        const urls = trained.filter(({ weights: { file } }) => existsSync(`weights/${file}`))
            .map(({ weights: { file } }) =>
                `  ${JSON.stringify(file)}: () => new URL('../weights/${file}', import.meta.url),\\n`);
        const more = trained.filter(({ weights: { file } }) => !existsSync(`weights/${file}`));
        const url = ({ weights: { file } }) => `new URL('./${file}', import.meta.url).href`;
        const type = '/** Address of the weights. */\\ndeclare const url: string;\\nexport default url;\\n';
        for (const card of more) {
            writeFileSync(`../pkg-weights/${card.id}.js`, `export default ${url(card)};\\n`);
            writeFileSync(`../pkg-weights/${card.id}.d.ts`, type);
        }
        writeFileSync('../pkg-weights/index.js', `export const weights = {\\n${
            more.map((card) => `  ${JSON.stringify(card.id)}: ${url(card)},\\n`).join('')}};\\n`);
        writeFileSync('../pkg-weights/index.d.ts',
            '/** Addresses of the weights, by network. */\\n' +
            'export declare const weights: Readonly<Record<string, string>>;\\n');
        const sizes = Object.fromEntries(['cpu', 'relaxed', 'full'].map((name) =>
            [name, statSync(`wasm/${name}/unnoise_bg.wasm`).size]));
        writeFileSync('models.json', `${JSON.stringify(models, null, 2)}\\n`);
        writeFileSync('dist/shipped.js',
            `export const cards = ${JSON.stringify(models)};\\n` +
            `export const objectiveCards = ${JSON.stringify(objectives())};\\n` +
            `export const weightsUrls = {\\n${urls.join('')}};\\n` +
            `export const wasmSizes = ${JSON.stringify(sizes)};\\n`);";
    tools::run(Command::new("node").args(["--input-type=module", "--eval", SCRIPT]).current_dir(pkg))
}

/// Removes a folder, where there is one: what was compiled from a file that is gone must not be published.
fn remove_folder(path: &Path) -> Result<()> {
    if path.is_dir() { Ok(fs::remove_dir_all(path)?) } else { Ok(()) }
}
