//! A guard against slower kernels that no load of the machine disturbs: the instructions that they execute, counted.

use std::fs;

use anyhow::{Context, Result, ensure};
use wasmi::{Config, Engine, Instance, Linker, Module, Store};

use crate::tools::{self, root};

/// Name and instructions of each case of `crates/kernels/examples/counted.rs`.
const TABLE: &str = "crates/kernels/counted.tsv";
/// How much more than in the table a case may take before it is said to be slower; as much less, and the table is old.
const TOLERANCE: f64 = 0.03;

/// Counts the instructions of the kernels in WebAssembly and compares them with the table, or writes it anew.
///
/// # Errors
/// When a case takes more or less than its row says.
pub fn check(write: bool) -> Result<()> {
    tools::say("counting the instructions of the kernels");
    let path = root().join(TABLE);
    let table = fs::read_to_string(&path)?;
    let mut counter = Counter::new(&module()?)?;
    let (mut rows, mut wrong) = (String::new(), Vec::new());
    for (case, row) in table.lines().enumerate() {
        let (name, known) = row.split_once('\t').with_context(|| format!("{TABLE}: {row}"))?;
        let (known, count) = (known.parse::<f64>()?, counter.count(u32::try_from(case)?)?);
        let change = count as f64 / known - 1.0;
        if change.abs() > TOLERANCE {
            wrong.push(format!("{name}: {count} instructions, {:+.1} %", 100.0 * change));
        }
        rows += &format!("{name}\t{count}\n");
    }
    if write {
        return Ok(fs::write(path, rows)?);
    }
    ensure!(
        wrong.is_empty(),
        "the kernels do other work than {TABLE} says ({}); if that is meant, run `cargo xtask count`",
        wrong.join("; ")
    );
    Ok(())
}

/// Compiles the module that is counted.
fn module() -> Result<Vec<u8>> {
    tools::ensure_wasm_target()?;
    tools::run(
        tools::cargo()
            .args(["build", "--quiet", "--package", "unnoise-kernels", "--example", "counted"])
            .args(["--target", "wasm32-unknown-unknown", "--profile", "quick"]),
    )?;
    let file = tools::target().join("wasm32-unknown-unknown/quick/examples/counted.wasm");
    fs::read(&file).with_context(|| file.display().to_string())
}

/// A module in an interpreter that counts what it executes.
struct Counter {
    store: Store<()>,
    instance: Instance,
}

impl Counter {
    fn new(wasm: &[u8]) -> Result<Self> {
        let engine = Engine::new(Config::default().consume_fuel(true));
        let module = Module::new(&engine, wasm)?;
        let mut store = Store::new(&engine, ());
        store.set_fuel(u64::MAX)?;
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
        Ok(Self { store, instance })
    }

    /// Instructions of one run of a case that has run before.
    fn count(&mut self, case: u32) -> Result<u64> {
        let prepare = self.instance.get_typed_func::<u32, ()>(&self.store, "prepare")?;
        let run = self.instance.get_typed_func::<(), ()>(&self.store, "run")?;
        prepare.call(&mut self.store, case)?;
        run.call(&mut self.store, ())?;
        self.store.set_fuel(u64::MAX)?;
        run.call(&mut self.store, ())?;
        Ok(u64::MAX - self.store.get_fuel()?)
    }
}
