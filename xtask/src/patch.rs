//! Unified diffs, applied without a tool: what a hunk takes away must stand in the file exactly so, but may have moved.

use anyhow::{Context, Result, bail, ensure};

/// What a patch does to one file.
#[derive(Debug, PartialEq)]
pub(crate) struct FilePatch {
    /// The file, from the project's root.
    pub(crate) path: String,
    hunks: Vec<Hunk>,
}

#[derive(Debug, Default, PartialEq)]
struct Hunk {
    /// Where it stood when the patch was made, counted from 0.
    at: usize,
    old: Vec<String>,
    new: Vec<String>,
}

/// Reads a patch: its first line `# what it breaks`, and what it does to each file.
pub(crate) fn parse(patch: &str) -> Result<(&str, Vec<FilePatch>)> {
    let mut lines = patch.lines();
    let about =
        lines.next().and_then(|line| line.strip_prefix("# ")).context("it does not say what it breaks")?;
    let mut files: Vec<FilePatch> = Vec::new();
    for line in lines {
        if line.starts_with("--- a/") || line.starts_with("\\ ") {
            continue;
        }
        if let Some(path) = line.strip_prefix("+++ b/") {
            files.push(FilePatch { path: path.trim_end().to_owned(), hunks: Vec::new() });
            continue;
        }
        let file = files.last_mut().with_context(|| format!("`{line}` comes before a file is named"))?;
        if let Some(header) = line.strip_prefix("@@ -") {
            let at = header.split([',', ' ']).next().unwrap_or_default();
            let at: usize = at.parse().with_context(|| format!("`{line}` names no line"))?;
            file.hunks.push(Hunk { at: at.saturating_sub(1), ..Hunk::default() });
            continue;
        }
        let hunk = file.hunks.last_mut().with_context(|| format!("`{line}` comes before a hunk"))?;
        // Editors strip the blank of an empty line.
        let (kind, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        match kind {
            " " => {
                hunk.old.push(text.to_owned());
                hunk.new.push(text.to_owned());
            }
            "-" => hunk.old.push(text.to_owned()),
            "+" => hunk.new.push(text.to_owned()),
            _ => bail!("`{line}` is not part of a diff"),
        }
    }
    ensure!(!files.is_empty(), "it changes no file");
    for file in &files {
        ensure!(!file.hunks.is_empty(), "it changes nothing in {}", file.path);
    }
    Ok((about, files))
}

impl FilePatch {
    /// The file's text with the patch applied.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        let mut lines: Vec<&str> = text.lines().collect();
        for hunk in &self.hunks {
            let len = hunk.old.len();
            let fits = |at: &usize| lines[*at..at + len].iter().eq(&hunk.old);
            let places = (0..(lines.len() + 1).saturating_sub(len)).filter(fits);
            let at = places.min_by_key(|at| at.abs_diff(hunk.at));
            let at = at.with_context(|| {
                format!("{} no longer reads as it did around line {}", self.path, hunk.at + 1)
            })?;
            lines.splice(at..at + len, hunk.new.iter().map(String::as_str));
        }
        Ok(lines.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "# b is missing\n--- a/x\n+++ b/x\n@@ -9,3 +9,3 @@\n a\n-b\n+B\n c\n";

    #[test]
    fn a_hunk_finds_its_place_though_it_moved() {
        let (about, files) = parse(PATCH).expect("a good patch");
        assert_eq!((about, files[0].path.as_str()), ("b is missing", "x"));
        assert_eq!(files[0].apply("1\na\nb\nc\n").expect("it applies"), "1\na\nB\nc\n");
        // Of two places the nearer.
        let twice = "a\nb\nc\n\n\n\n\na\nb\nc\n";
        assert_eq!(files[0].apply(twice).expect("it applies"), "a\nb\nc\n\n\n\n\na\nB\nc\n");
    }

    #[test]
    fn what_no_longer_stands_there_is_not_guessed() {
        let (_, files) = parse(PATCH).expect("a good patch");
        assert!(files[0].apply("a\nb \nc\n").is_err());
        assert!(files[0].apply("a\nb\n").is_err());
        assert!(files[0].apply("").is_err());
    }

    #[test]
    fn a_patch_says_what_it_breaks_and_changes_something() {
        for bad in
            ["", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n", "# x\n", "# x\n+++ b/x\n", "# x\n+++ b/x\n-a\n"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
