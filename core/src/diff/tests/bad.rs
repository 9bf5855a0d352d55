//! What is refused, by which error, at which line.

use super::super::{DiffError, MAX_DIFF_BYTES, MAX_FILES, MAX_PATH_BYTES};
use super::*;

fn refusal(input: impl AsRef<[u8]>) -> (&'static str, Option<usize>) {
    let input = input.as_ref();
    let error = PatchSet::parse(input).expect_err(&input.escape_ascii().to_string());
    if let Some(line) = error.line() {
        assert!(error.to_string().contains(&line.to_string()), "{error}");
    }
    (error.code(), error.line())
}

#[test]
fn whole_inputs() {
    assert_eq!(refusal(""), ("empty", None));
    assert_eq!(refusal("\u{feff} \n\r\n"), ("empty", None));
    assert_eq!(refusal("one\ntwo\n"), ("not_a_diff", Some(2)));
    assert_eq!(refusal(vec![b'x'; MAX_DIFF_BYTES + 1]), ("too_large", None));
    assert_eq!(refusal(vec![b'x'; MAX_DIFF_BYTES]), ("not_a_diff", Some(1)));
    let file = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n";
    assert_eq!(parse(file.repeat(MAX_FILES)).files().len(), MAX_FILES);
    assert_eq!(refusal(file.repeat(MAX_FILES + 1)), ("too_many_files", Some(3 * MAX_FILES + 1)));
}

#[test]
fn hunks_that_hide_changes() {
    let file = |hunks: &str| format!("--- x\n+++ x\n{hunks}");
    let one = "@@ -1 +1,2 @@\n a\n+b\n";
    assert!(PatchSet::parse(file(&format!("{one}@@ -9 +10 @@\n-c\n+d\n")).as_bytes()).is_ok());
    // A blank line that came between the two, as `--ignore-blank-lines` has it, and one that went.
    for second in ["@@ -9 +11 @@", "@@ -9 +9 @@"] {
        let hidden = file(&format!("{one}{second}\n-c\n+d\n"));
        assert_eq!(refusal(hidden), ("hides_changes", Some(6)), "{second}");
    }
    assert_eq!(refusal(file("@@ -3 +4 @@\n-c\n+d\n")), ("hides_changes", Some(3)));
    // Without context a place is named by the line before it.
    assert!(PatchSet::parse(file("@@ -3,0 +4 @@\n+c\n@@ -5 +5,0 @@\n-d\n").as_bytes()).is_ok());
    assert_eq!(refusal(file("@@ -3,0 +4 @@\n+c\n@@ -5 +6,0 @@\n-d\n")), ("hides_changes", Some(5)));
}

#[test]
fn headers() {
    let hunk = "@@ -1 +1 @@\n-x\n+y\n";
    let index = "index 1234567..89abcde 100644\n";
    let long = "x".repeat(MAX_PATH_BYTES + 1);
    let cases = [
        ("diff --git a/x b/x\n".into(), "truncated", 1),
        ("diff --git a/x b/".into(), "truncated", 1),
        (format!("diff --git a/x b/x\n{index}"), "truncated", 2),
        (format!("diff --git a/x b/x\n{index}--- a/x\n"), "truncated", 3),
        (format!("diff --git a/x b/x\n{index}--- a/x\n+++ b/x\n"), "truncated", 4),
        (format!("diff --git a/x b/x\n{index}diff --git a/y b/y\n{index}"), "truncated", 3),
        (format!("diff --git a/x b/x\n{index}--- a/x\ndiff --git a/y b/y\n"), "truncated", 4),
        ("diff --git a/x b/x\nnew file mode 100644\n".into(), "truncated", 2),
        ("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..1234567\n".into(), "truncated", 3),
        ("diff --git a/x b/x\nold mode 100644\n".into(), "truncated", 2),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 1007".into(), "truncated", 3),
        ("diff --git a/x b/y\nsimilarity index 100%\n".into(), "truncated", 2),
        ("diff --git a/x b/y\nsimilarity index 100%\nrename from x\n".into(), "truncated", 3),
        ("diff --git a/x b/y\nrename from x\nrename to".into(), "truncated", 3),
        ("--- x\n".into(), "truncated", 1),
        ("--- x\n+++ x\n".into(), "truncated", 2),
        ("--- x\n++".into(), "truncated", 2),
        (format!("diff --git a/x b/x\n{index}GIT binary patch\nliteral 7\nOcmZ"), "truncated", 5),
        (format!("diff --git a/x b/x\n{index}GIT binary patch\nliteral 7\nOcmZ\n"), "truncated", 5),
        (format!("diff --git a/x b/x\n{index}GIT binary patch\n"), "truncated", 3),
        (format!("diff --git a/x b/x\n{index}GIT binary patch\nliteral 7\n@@\n"), "unexpected_line", 5),
        (format!("diff --git a/x b/x\n{index}{hunk}"), "unexpected_line", 3),
        (format!("diff --git a/x b/x\n--- a/x\n{hunk}"), "unexpected_line", 3),
        ("diff --git a/x b/x\nold mode rwx\n".into(), "unexpected_line", 2),
        ("diff --git a/x b/x\nold mode 100644\nold mode 100644\n".into(), "unexpected_line", 3),
        ("diff --git a/x b/x\nnew file mode 100644\ndeleted file mode 100644\n".into(), "unexpected_line", 3),
        ("diff --git a/x b/y\nrename from x\ncopy to y\n".into(), "unexpected_line", 3),
        ("diff --git a/x b/y\nsimilarity index 101%\n".into(), "unexpected_line", 2),
        ("diff --git a/x b/y\nsimilarity index +10%\n".into(), "unexpected_line", 2),
        ("diff --git a/x b/x\nindex what\n".into(), "unexpected_line", 2),
        (format!("text\n{hunk}"), "unexpected_line", 2),
        ("diff --git a/x b/y\nold mode 100644\nnew mode 100755\n".into(), "bad_path", 1),
        (format!("diff --git a/x b/x\n--- a/y\n+++ b/x\n{hunk}"), "bad_path", 2),
        (format!("diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ b/x\n{hunk}"), "bad_path", 3),
        (format!("diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/z\n{hunk}"), "bad_path", 4),
        ("diff --git a/x b/y\nrename from \"x\n".into(), "bad_path", 2),
        ("diff --git a/x b/y\nrename from \n".into(), "bad_path", 2),
        (format!("--- \"x\n+++ x\n{hunk}"), "bad_path", 1),
        (format!("--- x\n+++ \"\\400\"\n{hunk}"), "bad_path", 2),
        (format!("--- x\n+++ \"\\0\"\n{hunk}"), "bad_path", 2),
        (format!("--- x\n+++ \"\\000\"\n{hunk}"), "bad_path", 2),
        (format!("--- x\n+++ \"\\q\"\n{hunk}"), "bad_path", 2),
        (format!("--- x\n+++ \"x\"y\n{hunk}"), "bad_path", 2),
        (format!("--- x\n+++ \tstamp\n{hunk}"), "bad_path", 2),
        (format!("--- {long}\n+++ x\n{hunk}"), "bad_path", 1),
        (format!("--- /dev/null\n+++ /dev/null\n{hunk}"), "bad_path", 1),
        ("Binary files x differ\n".into(), "bad_path", 1),
    ];
    for (input, code, line) in cases {
        assert_eq!(refusal(&input), (code, Some(line)), "{input}");
    }
}

/// The hunks of one file; their first line is line 3 of the input.
#[test]
fn hunks() {
    let two = |first: &str, second: &str| format!("@@ {first} @@\n-a\n+b\n@@ {second} @@\n-c\n+d\n");
    let cases = [
        ("@@ -1,2 +1,2 @@\n-a\n+b\n".into(), "truncated", 5),
        ("@@ -1 +1 @@\n-a\n+b".into(), "truncated", 5),
        ("@@ -1 +1 @@\n-a\n".into(), "truncated", 4),
        ("@@ -1 +1 @@\n".into(), "truncated", 3),
        ("@@ -1 +".into(), "truncated", 3),
        ("@@ -1 +1 @@\n-a\n+b\n\\ No newl".into(), "truncated", 6),
        ("@@ -1 +1 @@\n-a\n+b\n@".into(), "truncated", 6),
        ("@@ -1,4294967295 +1 @@\n-a\n+b\n".into(), "hunk_out_of_range", 3),
        ("@@ -1,4294967294 +1 @@\n-a\n+b\n".into(), "truncated", 5),
        ("@@ -18446744073709551615,9 +1 @@\n-a\n+b\n".into(), "hunk_out_of_range", 3),
        ("@@ -1,99999999999999999999999999 +1 @@\n-a\n+b\n".into(), "hunk_out_of_range", 3),
        ("@@ -0 +1 @@\n-a\n+b\n".into(), "hunk_out_of_range", 3),
        ("@@ -1,0 +1,0 @@\n".into(), "hunk_out_of_range", 3),
        ("@@ -4294967295,0 +1 @@\n+a\n".into(), "hunk_out_of_range", 3),
        ("@@ -1 +1\n-a\n+b\n".into(), "bad_hunk_header", 3),
        ("@@ -1, +1 @@\n-a\n+b\n".into(), "bad_hunk_header", 3),
        ("@@ -1,-1 +1 @@\n-a\n+b\n".into(), "bad_hunk_header", 3),
        ("@@ --1 +1 @@\n-a\n+b\n".into(), "bad_hunk_header", 3),
        ("@@ -+1 +1 @@\n-a\n+b\n".into(), "bad_hunk_header", 3),
        ("@@\n".into(), "bad_hunk_header", 3),
        ("@@ -\u{661} +1 @@\n".into(), "bad_hunk_header", 3),
        (two("-1 +1", "-1 +2"), "hunk_out_of_order", 6),
        (two("-1 +1", "-2 +1"), "hunk_out_of_order", 6),
        (two("-5 +5", "-1 +1"), "hunk_out_of_order", 6),
        ("@@ -1 +1 @@\n-a\n-b\n".into(), "unexpected_line", 5),
        ("@@ -1 +1 @@\n-a\n b\n".into(), "unexpected_line", 5),
        ("@@ -1 +1 @@\n-a\ndiff --git a/y b/y\n".into(), "unexpected_line", 5),
        ("@@ -1 +1 @@\n-a\n@@ -2 +2 @@\n".into(), "unexpected_line", 5),
        ("@@ -1 +1 @@\n-a\n+b\n+c\n".into(), "unexpected_line", 6),
        ("@@ -1 +1 @@\n-a\n+b\n c\n".into(), "unexpected_line", 6),
        ("@@ -1 +1 @@\n-a\n+b\n--- c\nx\n".into(), "unexpected_line", 6),
        ("@@ -1 +1 @@\n-a\n+b\n\n@@ -3 +3 @@\n-a\n+b\n".into(), "unexpected_line", 7),
        ("@@ -1 +1 @@\n\\ No newline at end of file\n-a\n+b\n".into(), "unexpected_line", 4),
        ("@@ -2 +2 @@\n-a\n+b\n\\ No newline\n\\ No newline\n".into(), "unexpected_line", 7),
        ("@@ -1,2 +1 @@\n-a\n\\ No newline at end of file\n-b\n+c\n".into(), "unexpected_line", 5),
        ("@@ -1,2 +1,2 @@\n a\n\\ No newline at end of file\n-b\n+c\n".into(), "unexpected_line", 5),
        ("@@ -1,2 +1 @@\n a\n\\ No newline\n\\ No newline\n-b\n".into(), "unexpected_line", 6),
    ];
    for (input, code, line) in cases {
        let input: String = input;
        assert_eq!(refusal(format!("--- x\n+++ x\n{input}")), (code, Some(line)), "{input}");
    }
}

#[test]
fn a_cut_hunk_says_what_is_due() {
    let error = PatchSet::parse(b"--- x\n+++ x\n@@ -1,3 +1,2 @@\n a\n-b\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 5: the diff is cut short, expected 1 more old and 1 more new lines of the hunk"
    );
}

/// Inputs that make careless parsers quadratic. A few seconds would already be a failure in debug builds.
#[test]
fn hostile_inputs_take_linear_time() {
    let size = 2 * 1024 * 1024;
    for line in
        ["--- \n", "--- a\n+++ b\n", "diff --git ", "Binary files and and ", "diff --git \"\\", " and ", "@"]
    {
        assert!(PatchSet::parse(line.repeat(size / line.len()).as_bytes()).is_err());
    }
    let file = |n| format!("diff --git a/{n} b/{n}\n--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n");
    let files: String = (0..MAX_FILES).map(file).collect();
    assert!(parse(files).line("7", crate::review::Side::Head, 1).is_some());
}

#[test]
fn colours_and_repeated_paths_are_refused_with_their_line() {
    let plain = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    let coloured = "\u{1b}[1mdiff --git a/x b/x\u{1b}[m\n\u{1b}[1m--- a/x\u{1b}[m\n";
    let after = format!("{plain}{coloured}");
    assert_eq!(PatchSet::parse(coloured.as_bytes()), Err(DiffError::Coloured { line: 1 }));
    assert_eq!(PatchSet::parse(after.as_bytes()), Err(DiffError::Coloured { line: 6 }));
    let twice = format!("{plain}diff --git a/x b/x\n{plain}");
    assert_eq!(PatchSet::parse(twice.as_bytes()), Err(DiffError::RepeatedPath { line: 6 }));
}
