//! The modules of the crate stand in one order, and each imports only from those below it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// From the bottom. What is used by tests within a module only, does not count.
const ORDER: [&str; 18] = [
    "error",
    "sniff",
    "device",
    "nn",
    "photo",
    "noise",
    "metrics",
    "degradation",
    "weights",
    "layers",
    "models",
    "inference",
    "sampling",
    "objectives",
    "train",
    "contract",
    "parity",
    "wasm",
];

fn place(module: &str) -> usize {
    let place = ORDER.iter().position(|name| *name == module);
    place.unwrap_or_else(|| panic!("`{module}` is not in the order of modules: give it its place there"))
}

/// Code without comments and without the module's own tests, which stand at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules at the top of the crate that code imports from.
fn imports(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // Errors are re-exported at the top.
        if ["Error", "Kind", "Result"].contains(&name.as_str()) { "error".into() } else { name }
    };
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(name(&group[i..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// All Rust files below a folder, or a file itself.
fn files(path: &Path, found: &mut Vec<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|e| e == "rs") {
        found.push(path.to_str().unwrap().to_string());
    }
}

#[test]
fn no_module_imports_one_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        if module == "lib" {
            continue;
        }
        let mut all = Vec::new();
        files(&path, &mut all);
        for file in all {
            for import in imports(&code(&fs::read_to_string(&file).unwrap())) {
                if import != module && place(&import) >= place(&module) {
                    wrong.push(format!("{file} imports `{import}`, which stands above `{module}`"));
                }
            }
        }
        seen.insert(module);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, ORDER.map(String::from).into_iter().collect(), "the order names other modules");
}

#[test]
fn imports_are_found_in_all_their_forms() {
    let text = "use crate::nn::{read, mean};\nuse crate::{photo::tiles, Error};\nuse crate::models;\n\
        // use crate::train;\nfn f() { crate::weights::load() }\n#[cfg(test)]\nmod tests { use crate::wasm; }";
    let expected = ["nn", "photo", "error", "models", "weights"].map(String::from);
    assert_eq!(imports(&code(text)), expected.into_iter().collect());
}
