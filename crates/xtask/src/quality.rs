//! `cargo xtask quality`: measures every network that has weights, and writes the table of the README. Each cell is
//! one run of `unnoise evaluate`, kept under `target/quality/` by what it depends on, so that a run can be stopped and
//! goes on, and only what changed is measured again.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools::{self, root};

/// What `cargo xtask quality` is asked for.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with Kodak24, CBSD68, Set12, CC15 and PolyU100 in it
    #[arg(long, value_name = "DIR")]
    sets: PathBuf,
    /// Only these networks (the table then has only them)
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    networks: Vec<String>,
    /// Only every n-th photo of each set
    #[arg(long, value_name = "N", default_value = "1")]
    every: NonZeroUsize,
    /// What `pretrain/peers.py` measured on the same photos
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// A built `unnoise`, instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// A column: its heading, its set, the noise that is added (none: the set has noisy photos), and what FFDNet reaches.
struct Column {
    title: &'static str,
    set: &'static str,
    sigma: Option<u32>,
    ffdnet: Option<&'static str>,
}

const fn column(
    title: &'static str,
    set: &'static str,
    sigma: Option<u32>,
    ffdnet: Option<&'static str>,
) -> Column {
    Column { title, set, sigma, ffdnet }
}

/// FFDNet's figures were measured on the same photos; they do not come from this command.
const COLUMNS: [Column; 7] = [
    column("Kodak24, 15", "Kodak24", Some(15), None),
    column("Kodak24, 25", "Kodak24", Some(25), Some("32.09")),
    column("Kodak24, 50", "Kodak24", Some(50), None),
    column("CBSD68, 25", "CBSD68", Some(25), Some("30.38")),
    column("Set12 (gray), 25", "Set12", Some(25), None),
    column("CC15", "CC15", None, Some("35.44")),
    column("PolyU100", "PolyU100", None, Some("37.50")),
];

/// For networks that enlarge: photos that `evaluate` blurs and shrinks before it adds this noise.
const ENLARGED: [Column; 2] =
    [column("Kodak24, 0", "Kodak24", Some(0), None), column("Kodak24, 10", "Kodak24", Some(10), None)];

const BEGIN: &str = "<!-- quality: written by `cargo xtask quality` -->";
const END: &str = "<!-- /quality -->";

/// Mean figures of a cell.
#[derive(Clone, Copy)]
struct Scores {
    plain: [f64; 2],
    denoised: [f64; 2],
}

struct Measure<'a> {
    args: &'a Args,
    binary: PathBuf,
    cache: PathBuf,
    /// PSNR by peer and title of a column.
    peers: serde_json::Map<String, Value>,
}

/// Measures, and writes the table into the README.
pub fn run(args: &Args) -> Result<()> {
    let cache = tools::target().join("quality");
    let measure = Measure { args, binary: binary(args)?, cache, peers: peers(args)? };
    fs::create_dir_all(&measure.cache)?;
    let cards: Vec<Value> =
        serde_json::from_str(&tools::output(Command::new(&measure.binary).arg("models"))?)?;
    let unknown = args.networks.iter().find(|id| !cards.iter().any(|card| card["id"] == id.as_str()));
    if let Some(id) = unknown {
        bail!("there is no network `{id}`");
    }
    let wanted = |card: &&Value| {
        let id = card["id"].as_str().unwrap_or_default();
        !card["weights"].is_null() && (args.networks.is_empty() || args.networks.iter().any(|n| n == id))
    };
    let (enlarging, denoising): (Vec<&Value>, Vec<&Value>) =
        cards.iter().filter(wanted).partition(|card| card["scale"] != 1);
    let mut text = measure.table("noisy", &COLUMNS, &denoising)?;
    for enlarging in enlarging.chunk_by(|a, b| a["scale"] == b["scale"]) {
        writeln!(
            text,
            "\nNetworks that enlarge {} times, beside bicubic enlargement, on photos that were blurred (1.2 pixels) and shrunk:\n",
            enlarging[0]["scale"]
        )?;
        text += &measure.table("bicubic", &ENLARGED, enlarging)?;
    }
    write_into(&root().join("README.md"), &format!("{}{text}", heading(args.every.get())))
}

/// The program to measure with.
fn binary(args: &Args) -> Result<PathBuf> {
    if let Some(path) = &args.binary {
        return path.canonicalize().with_context(|| format!("{} is not there", path.display()));
    }
    tools::say("building the command line");
    tools::command_line()
}

/// What others reach, if it was measured on the same photos.
fn peers(args: &Args) -> Result<serde_json::Map<String, Value>> {
    let Some(path) = &args.peers else { return Ok(serde_json::Map::new()) };
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut found: Value = serde_json::from_str(&text)?;
    if found["every"] != args.every.get() {
        bail!("{} is of one photo in {}", path.display(), found["every"]);
    }
    match found["psnr"].take() {
        Value::Object(peers) => Ok(peers),
        _ => bail!("{} has no `psnr`", path.display()),
    }
}

fn heading(every: usize) -> String {
    let (part, peer) = if every == 1 {
        let peer = " For comparison, FFDNet (855k weights), told the true sigma: its figures were measured apart, on the same photos.";
        (String::new(), peer)
    } else {
        (format!(" (one photo in {every} of each set)"), "")
    };
    format!(
        "PSNR in dB / SSIM{part}: white Gaussian noise of the given sigma of 255, clipped and rounded to 8 bits, on clean \
         photos, or noisy photos of cameras with their truth. Networks run as `adapt: auto` chooses, on the CPU, with the \
         weights of the package. HQ-SSL is told sigma; all others are blind. kMAC (multiply-accumulates) are those of the published \
         configuration; that of the weights in the package is smaller for many.{peer}\n\n"
    )
}

impl Measure<'_> {
    fn table(&self, plain: &str, columns: &[Column], cards: &[&Value]) -> Result<String> {
        let mut text = String::from("| network | kMAC per pixel |");
        for column in columns {
            write!(text, " {} |", column.title)?;
        }
        writeln!(text, "\n|---|{}", "---|".repeat(columns.len() + 1))?;
        let mut first = format!("| {plain} | |");
        let mut rows = String::new();
        for (i, card) in cards.iter().enumerate() {
            let work = card["macPerPixel"].as_f64().context("a card without its work")? / 1000.0;
            write!(rows, "| `{}` | {work:.0} |", card["id"].as_str().unwrap_or_default())?;
            for column in columns {
                let scores = self.cell(card, column)?;
                write!(rows, " {} |", shown(scores.denoised))?;
                if i == 0 {
                    write!(first, " {} |", shown(scores.plain))?;
                }
            }
            rows.push('\n');
        }
        writeln!(text, "{first}")?;
        text += &rows;
        let compared = columns.iter().any(|column| column.ffdnet.is_some());
        for (peer, reached) in self.peers.iter().filter(|_| compared) {
            let cell =
                |column: &Column| reached[column.title].as_f64().map_or(String::new(), |v| format!("{v:.2}"));
            let cells: Vec<String> = columns.iter().map(cell).collect();
            writeln!(text, "| {peer}, told sigma | | {} |", cells.join(" | "))?;
        }
        // On a part of the photos its figures would mislead.
        if self.args.every.get() == 1 && compared {
            let cells: Vec<&str> = columns.iter().map(|column| column.ffdnet.unwrap_or("")).collect();
            writeln!(text, "| FFDNet, told sigma | | {} |", cells.join(" | "))?;
        }
        Ok(text)
    }

    /// One cell, measured or remembered.
    fn cell(&self, card: &Value, column: &Column) -> Result<Scores> {
        let id = card["id"].as_str().context("a card without id")?;
        let weights = card["weights"]["file"].as_str().context("weights without a file")?;
        let sum = card["weights"]["sha256"].as_str().context("weights without SHA-256")?;
        let sigma = column.sigma.map_or_else(|| "real".to_string(), |sigma| sigma.to_string());
        let name = format!("{id}-{}-{}-{sigma}-every{}.json", &sum[..12], column.set, self.args.every);
        let file = self.cache.join(name);
        if !file.is_file() {
            tools::say(&format!("{id}: {}", column.title));
            let set = self.args.sets.join(column.set);
            let mut command = Command::new(&self.binary);
            command.args(["evaluate", "--json", "--model", id, "--every", &self.args.every.to_string()]);
            command.arg("--weights").arg(root().join("pkg-config/weights").join(weights));
            match column.sigma {
                Some(_) => command.arg("--clean").arg(set).args(["--sigma", &sigma]),
                None => command.arg("--pairs").arg(set),
            };
            fs::write(&file, tools::output(&mut command)?)?;
        }
        let report: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let mean = |key: &str| {
            report["mean"][key].as_f64().with_context(|| format!("{}: no `{key}`", file.display()))
        };
        Ok(Scores {
            plain: [mean("psnr_noisy")?, mean("ssim_noisy")?],
            denoised: [mean("psnr")?, mean("ssim")?],
        })
    }
}

fn shown([psnr, ssim]: [f64; 2]) -> String {
    format!("{psnr:.2} / {ssim:.3}")
}

/// Exchanges what stands between the markers of a file.
fn write_into(path: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let text =
        between(&text, table).with_context(|| format!("{} has no place for the table", path.display()))?;
    Ok(fs::write(path, text)?)
}

fn between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_old_one() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(between(&new, "new\n").unwrap(), new);
        assert!(between("no place", "new\n").is_none());
    }
}
