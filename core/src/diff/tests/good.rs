//! What is accepted, and what it becomes.

use super::super::{DiffError, LineHash};
use super::*;
use crate::review::Side;

#[test]
fn genuine_output_of_git() {
    let expected = [
        r#"Modified "a dir/with space.txt" +1 -1"#,
        r#"Modified "bin.dat" binary"#,
        r#"Modified "dos.txt" +1 -1"#,
        r#"Copied "dst.txt" from "src.txt" 95% +1 -1"#,
        r#"Renamed "empty_new.txt" from "empty_gone.txt" 100%"#,
        r#"Added "fresh.txt" new=100644 +2 -0"#,
        r#"Deleted "gone.txt" old=100644 +0 -1"#,
        r#"Modified "latin.txt" lossy +1 -1"#,
        r#"Modified "mod.txt" +3 -2"#,
        r#"ModeChanged "mode.txt" old=100644 new=100755"#,
        r#"Renamed "new_name.txt" from "old_name.txt" 94% +1 -1"#,
        r#"Modified "nonl.txt" +1 -1"#,
        r#"Modified "q.sql" +1 -2"#,
        r#"Modified "run.sh" old=100644 new=100755 +1 -0"#,
        r#"Modified "src.txt" +1 -1"#,
        r#"Modified "ta\tb\"q\\.txt" +1 -1"#,
        r#"Modified "é.txt" +1 -1"#,
    ];
    assert_eq!(summaries(GIT), expected);
}

#[test]
fn genuine_output_of_other_commands() {
    let sql = r#"Modified "q.sql" +1 -2"#;
    let mode = r#"ModeChanged "mode.txt" old=100644 new=100755"#;
    let fresh = r#"Added "fresh.txt" new=100644 +2 -0"#;
    assert_eq!(summaries(FORMAT_PATCH), [mode, sql]);
    assert_eq!(summaries(SHOW), [fresh, mode, sql]);
    assert_eq!(summaries(BINARY), [r#"Modified "bin.dat" binary"#, mode]);
    assert_eq!(
        summaries(NO_PREFIX),
        [r#"Modified "a dir/with space.txt" +1 -1"#, r#"Modified "é.txt" +1 -1"#]
    );
    assert_eq!(
        summaries(PLAIN),
        [
            r#"Modified "new/b" from "old/b" binary"#,
            r#"Added "new/fresh" +1 -0"#,
            r#"Deleted "old/gone" +0 -1"#,
            r#"Modified "new/x" from "old/x" +1 -1"#,
        ]
    );
    assert_eq!(
        summaries(TYPECHANGE),
        [
            r#"Renamed "b.txt" from "a.txt" 96%"#,
            r#"Deleted "ln" old=120000 +0 -1"#,
            r#"Added "ln" new=100644 +1 -0"#,
            r#"ModeChanged "m.sh" old=100644 new=100755"#,
        ]
    );
}

/// One file as a header alone, or with a hunk of `-x`, `+y`.
#[test]
fn headers() {
    let hunk = "@@ -1 +1 @@\n-x\n+y\n";
    let new = "@@ -0,0 +1 @@\n+y\n";
    let mode = "old mode 100644\nnew mode 100755\n";
    let modes = "old=100644 new=100755";
    let index = "index 1234567..89abcde 100644";
    let cases = [
        // Prefixes: git's, none, a directory that looks like one, git's others, swapped, of one's own.
        (format!("diff --git a/x b/x\n--- a/x\n+++ b/x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("diff --git x x\n--- x\n+++ x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("diff --git a/x a/x\n--- a/x\n+++ a/x\n{hunk}"), r#"Modified "a/x" +1 -1"#),
        (format!("diff --git i/x w/x\n--- i/x\n+++ w/x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("diff --git b/x a/x\n--- b/x\n+++ a/x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("diff --git old/x new/x\n--- old/x\n+++ new/x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("--- a/x\n+++ b/x\n{hunk}"), r#"Modified "x" +1 -1"#),
        (format!("--- a/x\n+++ a/x\n{hunk}"), r#"Modified "a/x" +1 -1"#),
        (format!("--- /dev/null\n+++ b/x\n{new}"), r#"Added "x" +1 -0"#),
        (format!("--- /dev/null\n+++ x\n{new}"), r#"Added "x" +1 -0"#),
        ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n".into(), r#"Deleted "x" +0 -1"#),
        // `git diff --no-index`: two names, and no rename.
        (format!("diff --git a/x b/yy\n--- a/x\n+++ b/yy\n{hunk}"), r#"Modified "yy" from "x" +1 -1"#),
        // Time stamps.
        (
            format!("--- x.orig\t2024-01-02 03:04:05.6 +0000\n+++ x\tTue Jan 2 2024\n{hunk}"),
            r#"Modified "x" from "x.orig" +1 -1"#,
        ),
        (
            format!("--- x\t1970-01-01 01:00:00 +0100\n+++ x\t2024-01-02 03:04:05 +0100\n{new}"),
            r#"Added "x" +1 -0"#,
        ),
        (
            format!("--- x\t1970-01-01 01:00:00 +0100\n+++ x\t2024-01-02 03:04:05 +0100\n{hunk}"),
            r#"Modified "x" +1 -1"#,
        ),
        // Quoting.
        (
            format!("--- \"a/\\303\\251\\t\\\"\\\\\\a\"\n+++ \"b/\\303\\251\\t\\\"\\\\\\a\"\t2024\n{hunk}"),
            r#"Modified "é\t\"\\\u{7}" +1 -1"#,
        ),
        (
            format!("diff --git \"a/\\377\" \"b/\\377\"\n{mode}"),
            "ModeChanged \"\u{fffd}\" old=100644 new=100755 lossy",
        ),
        (format!("diff --git a/x y b/x y\n{mode}"), &format!("ModeChanged \"x y\" {modes}")),
        // Without content.
        (
            "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n".into(),
            r#"Added "x" new=100644"#,
        ),
        (
            "diff --git a/x b/x\ndeleted file mode 100644\nindex e69de29..0000000\n".into(),
            r#"Deleted "x" old=100644"#,
        ),
        (
            "diff --git a/x b/x\nnew file mode 100644\nBinary files /dev/null and b/x differ\n".into(),
            r#"Added "x" new=100644 binary"#,
        ),
        (
            format!("diff --git a/x and y b/x and y\n{index}\nBinary files a/x and y and b/x and y differ\n"),
            r#"Modified "x and y" binary"#,
        ),
        ("Binary files a/x and y and b/x and y differ\n".into(), r#"Modified "x and y" binary"#),
        ("Binary files /dev/null and b/x differ\n".into(), r#"Added "x" binary"#),
        (
            format!("diff --git a/x b/y z\n{mode}similarity index 100%\nrename from x\nrename to y z\n"),
            &format!("Renamed \"y z\" from \"x\" {modes} 100%"),
        ),
        (
            format!("diff --git a/x b/x\ndissimilarity index 90%\n{index}\n--- a/x\n+++ b/x\n{hunk}"),
            r#"Modified "x" +1 -1"#,
        ),
        // Transport: a byte order mark, carriage returns in the header, text around.
        (format!("\u{feff}--- a/x\r\n+++ b/x\r\n{hunk}"), r#"Modified "x" +1 -1"#),
        (
            format!("Prose.\n--- not a header\n+++ nor this\n---\n\n--- a/x\n+++ b/x\n{hunk}-- \n2.39"),
            r#"Modified "x" +1 -1"#,
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(
            PatchSet::parse(input.as_bytes()).map(|_| summaries(&input)),
            Ok(vec![expected.to_owned()]),
            "{input}"
        );
    }
}

#[test]
fn content() {
    let cases: [(&[u8], &[&str]); 10] = [
        // What looks like headers is content while the counts last.
        (
            b"@@ -1,3 +1,2 @@\n--- sql comment\n--- a/x\n+++ x\n \n",
            &["--- sql comment$", "--- a/x$", "+++ x$", " $"],
        ),
        (b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n", &["-a", "+b"]),
        (b"@@ -1,2 +1 @@\n a\n-b\n\\ Kein Zeilenumbruch am Dateiende.\n", &[" a$", "-b"]),
        // `git diff -w`: the kept line ends the head without a newline, or the base.
        (b"@@ -1,3 +1,2 @@\n a\n b\n\\ No newline at end of file\n-c\n", &[" a$", " b$", "-c$"]),
        (b"@@ -1 +1,2 @@\n b\n\\ No newline\n+c\n\\ No newline\n", &[" b$", "+c"]),
        (b"@@ -1,2 +1,3 @@\n+a\n b\n c\n\\ No newline at end of file\n", &["+a$", " b$", " c"]),
        (b"@@ -1 +1 @@\n-a\r\n+b\r\n", &["-a\r$", "+b\r$"]),
        (b"@@ -1,3 +1,2 @@\n a\n\n-b\n", &[" a$", " $", "-b$"]),
        (b"@@ -1 +1 @@\n-\xe9\n+\xff\xfe\n", &["-\u{fffd}$", "+\u{fffd}\u{fffd}$"]),
        (b"@@ -1 +0,0 @@\n-a\n@@ -2 +1 @@\n-b\n+c\n@@ -9,0 +9 @@\n+d\n", &["-a$", "-b$", "+c$", "+d$"]),
    ];
    for (hunks, expected) in cases {
        let input = [b"--- x\n+++ x\n", hunks].concat();
        let patch =
            PatchSet::parse(&input).unwrap_or_else(|error| panic!("{error}: {}", input.escape_ascii()));
        assert_eq!(body(&patch.files()[0]), expected);
        assert_eq!(patch.files()[0].lossy, std::str::from_utf8(hunks).is_err());
    }
}

#[test]
fn sections() {
    let hunk =
        |header: &str| parse(format!("--- x\n+++ x\n{header}\n-a\n")).into_files().remove(0).hunks.remove(0);
    assert_eq!(hunk("@@ -7 +6,0 @@").section, "");
    assert_eq!(hunk("@@ -7 +6,0 @@ fn main() { @@\r").section, "fn main() { @@");
    let hunk = hunk("@@ -7 +6,0 @@ x");
    assert_eq!((hunk.old_start, hunk.old_count, hunk.new_start, hunk.new_count), (7, 1, 6, 0));
    let cut = parse(b"--- x\n+++ x\n@@ -1 +0,0 @@ fn \xc3\n-a\n");
    assert_eq!((cut.files()[0].hunks[0].section.as_str(), cut.files()[0].lossy), ("fn ", false));
}

#[test]
fn lines_by_number() {
    let patch = parse(GIT);
    let cases = [
        ("mod.txt", Side::Base, 3, Some("line 3")),
        ("mod.txt", Side::Head, 3, Some("line three")),
        ("mod.txt", Side::Head, 6, Some("line 6")),
        ("mod.txt", Side::Head, 7, None),
        ("mod.txt", Side::Base, 23, None),
        ("mod.txt", Side::Base, 28, Some("line 28")),
        ("mod.txt", Side::Head, 28, Some("extra")),
        ("mod.txt", Side::Head, 31, Some("line 30")),
        ("mod.txt", Side::Head, 32, None),
        ("mod.txt", Side::Head, 0, None),
        ("mod.txt", Side::Head, u32::MAX, None),
        ("fresh.txt", Side::Base, 1, None),
        ("fresh.txt", Side::Head, 2, Some("world")),
        ("gone.txt", Side::Base, 1, Some("bye")),
        ("gone.txt", Side::Head, 1, None),
        ("new_name.txt", Side::Base, 10, Some("keep 10")),
        ("old_name.txt", Side::Base, 10, None),
        ("dos.txt", Side::Head, 2, Some("changed\r")),
        ("nowhere", Side::Head, 1, None),
    ];
    for (file, side, line, expected) in cases {
        assert_eq!(patch.line(file, side, line), expected, "{file} {side:?} {line}");
    }
    let typechange = parse(TYPECHANGE);
    assert_eq!(typechange.line("ln", Side::Base, 1), Some("x"));
    assert_eq!(typechange.line("ln", Side::Head, 1), Some("file"));
}

#[test]
fn line_hashes() {
    // The well known digest of the empty string.
    assert_eq!(LineHash::of("").to_string(), "e3b0c44298fc1c14");
    assert_ne!(LineHash::of("a"), LineHash::of("a\r"));
    let hash = LineHash::of("é");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(serde_json::to_string(&LineHash::of("")).unwrap(), r#""e3b0c44298fc1c14""#);
    assert_eq!(
        serde_json::from_str::<LineHash>(r#""00000000000000ff""#).unwrap().to_string(),
        "00000000000000ff"
    );
    for bad in [
        "",
        "e3b0c44298fc1c1",
        "e3b0c44298fc1c144",
        "E3b0c44298fc1c14",
        "+3b0c44298fc1c14",
        "é3b0c44298fc1c1",
    ] {
        assert!(bad.parse::<LineHash>().is_err(), "{bad}");
        assert!(serde_json::from_value::<LineHash>(bad.into()).is_err());
    }
}

#[test]
fn combined_is_refused() {
    assert_eq!(PatchSet::parse(COMBINED), Err(DiffError::Combined { line: 8 }));
    assert_eq!(
        PatchSet::parse(b"--- a/f\n+++ b/f\n@@@ -1,1 -1,1 +1,1 @@@\n- c\n"),
        Err(DiffError::Combined { line: 3 })
    );
}
