//! What is said: answers on stdout, everything else on stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::Result;

/// Whether nothing is said but answers and errors: set once, by the arguments.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Says nothing from now on but answers and errors.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Says something that is no failure.
pub fn tell(name: &impl Display, note: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        eprintln!("unnoise: {name}: {note}");
    }
}

/// Says what went wrong.
pub fn fail(error: &dyn Display) {
    eprintln!("unnoise: {error}");
}

/// A bar on stderr, where that is a terminal.
pub fn bar(length: u64, template: &str) -> Result<ProgressBar> {
    if QUIET.load(Ordering::Relaxed) {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?))
}

/// Answers with JSON for a person to read.
pub fn print_json(value: &(impl Serialize + ?Sized)) -> Result<()> {
    print(serde_json::to_string_pretty(value)?)
}

/// Answers with a line of JSON, one of several.
pub fn print_line(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(value)?)
}

/// Answers with a line. Where nobody reads any more (`| head`), work goes on without words.
pub fn print(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
