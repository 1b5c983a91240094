//! Static constructors run once: the linker has every export call them where nobody does, and cubecl has thousands.

use anyhow::{Context, Result, ensure};
use wasmparser::{KnownCustom, Name, Operator, Parser, Payload};

/// What the linker gathers the constructors in.
const CONSTRUCTORS: &str = "__wasm_call_ctors";

/// Checks that a module, with its names, calls its constructors in one place.
///
/// # Errors
/// When it calls them elsewhere too, or nowhere, or has no names.
pub fn check(wasm: &[u8]) -> Result<()> {
    let calls = calls(wasm)?;
    ensure!(
        calls == 1,
        "the wasm calls its static constructors in {calls} places instead of one, its start; see `src/wasm/mod.rs`"
    );
    Ok(())
}

/// How many places the constructors are called from.
fn calls(wasm: &[u8]) -> Result<usize> {
    let constructors = index(wasm)?.with_context(|| format!("the wasm has no function `{CONSTRUCTORS}`"))?;
    let mut calls = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CodeSectionEntry(body) = payload? else { continue };
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let called =
                matches!(operator, Operator::Call { function_index } if function_index == constructors);
            calls += usize::from(called);
        }
    }
    Ok(calls)
}

/// The index of the constructors among the functions.
fn index(wasm: &[u8]) -> Result<Option<u32>> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload? else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for names in names {
            let Name::Function(names) = names? else { continue };
            for naming in names {
                let naming = naming?;
                if naming.name == CONSTRUCTORS {
                    return Ok(Some(naming.index));
                }
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id, content.len() as u8], content].concat()
    }

    /// A module of the constructors and of `callers` functions that call them.
    fn module(callers: u8) -> Vec<u8> {
        let functions = callers + 1;
        let bodies = [vec![2, 0, 0x0b], [4, 0, 0x10, 0, 0x0b].repeat(callers.into())].concat();
        let names = [&[1, 0, CONSTRUCTORS.len() as u8], CONSTRUCTORS.as_bytes()].concat();
        let names = [b"\x04name".to_vec(), section(1, &names)].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(3, &[vec![functions], vec![0; functions.into()]].concat()),
            section(10, &[vec![functions], bodies].concat()),
            section(0, &names),
        ]
        .concat()
    }

    #[test]
    fn one_call_is_right_and_any_other_number_is_not() {
        check(&module(1)).unwrap();
        assert!(check(&module(0)).unwrap_err().to_string().contains("in 0 places"));
        assert!(check(&module(2)).unwrap_err().to_string().contains("in 2 places"));
    }

    #[test]
    fn without_names_nothing_can_be_said() {
        assert!(check(&section(0, b"")[..0]).is_err());
        assert!(check(b"\0asm\x01\0\0\0").is_err());
    }
}
