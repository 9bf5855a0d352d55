//! Rules of this repository, kept as tests.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The longest file that still reads in a sitting, in lines.
const MAX_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every source file that people write, below some folders.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["node_modules", "dist", "wasm", "target", "testdata", "corpus"].contains(&name)
        {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if [".rs", ".ts", ".tsx", ".css", ".mjs"].iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "nothing was found below {folders:?}");
    files.sort();
    files
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path.as_ref())).unwrap()
}

const ALL: &[&str] = &["core", "server", "sdk", "demo", "tests", "xtask"];

#[test]
fn files_can_be_read_in_a_sitting() {
    for file in sources(ALL) {
        let lines = read(&file).lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}

#[test]
fn nothing_is_left_unfinished_or_waits_for_luck() {
    // Written in two pieces, so that this file does not hold them.
    let halves = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("FIX", "ME"),
        ("XX", "X"),
        ("thread::sl", "eep("),
        ("#[ign", "ore"),
        ("test.sk", "ip("),
        (".on", "ly("),
    ];
    let banned = halves.map(|(start, end)| format!("{start}{end}"));
    for file in sources(ALL) {
        let text = read(&file);
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{} holds `{word}`", file.display());
        }
    }
}

#[test]
fn core_is_pure() {
    let impure =
        ["async ", "std::fs", "std::net", "std::process", "std::thread", "std::env", "std::io", "std::time"];
    let impure =
        impure.iter().chain(&["println!", "dbg!", "HashMap", "HashSet", "RandomState", "SystemTime"]);
    for file in sources(&["core/src"]) {
        let path = file.to_string_lossy();
        let path = path.rsplit("core/src").next().unwrap_or_default();
        if ["/tests", "convergence.rs", "generate.rs", "laws.rs"].iter().any(|part| path.contains(part)) {
            continue;
        }
        let code =
            read(&file).lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
        for word in impure.clone() {
            assert!(
                !code.contains(word),
                "{path} holds `{word}`: core has no clock, randomness, I/O or async"
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for file in sources(ALL).into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
    {
        let text = read(&file);
        assert!(text.starts_with("//!"), "{} does not say what it is", file.display());
    }
}

/// The variants of an enum in core, in snake case, as serde writes them.
fn variants(file: &str, name: &str) -> Vec<String> {
    let text = read(file);
    let start =
        text.find(&format!("pub enum {name} {{")).unwrap_or_else(|| panic!("{file} has no enum {name}"));
    let body = &text[start..][..text[start..].find("\n}").unwrap()];
    let is_variant = |line: &&str| {
        line.strip_prefix("    ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let variants: Vec<_> = body
        .lines()
        .filter(is_variant)
        .map(|line| {
            let name = line.trim().trim_end_matches([',', '{', ' ']);
            let name = name.split(['(', ' ']).next().unwrap_or_default();
            let mut snake = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !snake.is_empty() {
                    snake.push('_');
                }
                snake.push(c.to_ascii_lowercase());
            }
            snake
        })
        .collect();
    assert!(variants.len() > 1, "{file}: no variants of {name} were found");
    variants
}

#[test]
fn the_protocol_is_documented_word_for_word() {
    let protocol = read("docs/protocol.md");
    let enums = [
        ("core/src/wire/client.rs", "ClientFrame"),
        ("core/src/wire/server.rs", "ServerFrame"),
        ("core/src/wire/error.rs", "ErrorCode"),
        ("core/src/change.rs", "Change"),
        ("core/src/entry.rs", "Fact"),
        ("core/src/entry.rs", "Reason"),
        ("core/src/entry.rs", "Outcome"),
    ];
    for (file, name) in enums {
        // `unknown` is what a client makes of a word that it does not know; nobody sends it.
        for word in variants(file, name).into_iter().filter(|word| word != "unknown") {
            let written =
                [format!("`{word}`"), format!("\"{word}\"")].iter().any(|form| protocol.contains(form));
            assert!(written, "docs/protocol.md does not mention `{word}` of {name}");
        }
    }
    for field in read("core/src/limits.rs").lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
        if let Some((field, _)) = field.split_once(": ").filter(|(name, _)| !name.contains(' ')) {
            assert!(
                protocol.contains(&format!("`{field}`")),
                "docs/protocol.md does not mention the limit {field}"
            );
        }
    }
    let fields = read("core/src/review/field.rs");
    for name in fields.lines().filter_map(|line| line.trim().strip_prefix("FieldSpec::new(")) {
        let name = name.split('"').nth(1).unwrap();
        assert!(
            protocol.contains(&format!("`{name}`")),
            "docs/protocol.md does not mention the field {name}"
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md"].iter().map(|name| root().join(name)).collect();
    for folder in ["docs", "docs/decisions"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    for document in documents {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            let outside = path.is_empty() || path.contains("://");
            let target = document.parent().unwrap().join(path);
            assert!(outside || target.exists(), "{}: {link} leads nowhere", document.display());
        }
    }
}
