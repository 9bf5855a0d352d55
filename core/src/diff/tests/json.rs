//! The JSON shape.

use serde_json::{Value, json};

use super::*;

fn small() -> Value {
    json!({ "files": [{
        "status": "modified",
        "old_path": "x",
        "new_path": "x",
        "hunks": [{
            "old_start": 1, "old_count": 2, "new_start": 1, "new_count": 2, "section": "f()",
            "lines": [" a", "-\"b\"", "+c\r"],
            "no_newline": [1, 2],
        }],
    }] })
}

#[test]
fn shape() {
    let mark = "\\ No newline at end of file";
    let input = format!("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f()\n a\n-\"b\"\n{mark}\n+c\r\n{mark}\n");
    assert_eq!(serde_json::to_value(parse(input)).unwrap(), small());
    let mode = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n";
    assert_eq!(
        serde_json::to_string(&parse(mode)).unwrap(),
        concat!(
            r#"{"files":[{"status":"mode_changed","old_path":"x","new_path":"x","#,
            r#""old_mode":"100644","new_mode":"100755"}]}"#
        )
    );
    let plain = "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n";
    assert_eq!(
        serde_json::to_string(&parse(plain)).unwrap(),
        concat!(
            r#"{"files":[{"status":"added","new_path":"x","hunks":["#,
            r#"{"old_start":0,"old_count":0,"new_start":1,"new_count":1,"lines":["+a"]}]}]}"#
        )
    );
}

#[test]
fn round_trip() {
    for input in [GIT, FORMAT_PATCH, SHOW, BINARY, NO_PREFIX, PLAIN, TYPECHANGE] {
        let patch = parse(input);
        let text = serde_json::to_string(&patch).unwrap();
        assert_eq!(serde_json::from_str::<PatchSet>(&text).unwrap(), patch);
        assert_eq!(serde_json::from_value::<PatchSet>(serde_json::to_value(&patch).unwrap()).unwrap(), patch);
    }
}

#[test]
fn nonsense_is_refused() {
    let hunk = "/files/0/hunks/0";
    let cases = [
        ("/files/0", "extra", json!(1)),
        ("/files/0", "status", json!("Modified")),
        ("", "extra", json!(1)),
        (hunk, "extra", json!(1)),
        (hunk, "old_count", json!(1)),
        (hunk, "old_start", json!(0)),
        (hunk, "old_start", json!(u32::MAX)),
        (hunk, "old_start", json!(-1)),
        (hunk, "lines", json!([" a", "-b"])),
        (hunk, "lines", json!([" a", "-b", "c"])),
        (hunk, "lines", json!([" a", "-b", ""])),
        (hunk, "lines", json!([" a", "-b", "+c\n"])),
        (hunk, "no_newline", json!([3])),
        (hunk, "no_newline", json!([2, 1])),
        (hunk, "no_newline", json!([1, 1])),
    ];
    assert!(serde_json::from_value::<PatchSet>(small()).is_ok());
    for (place, key, value) in cases {
        let mut json = small();
        json.pointer_mut(place).unwrap()[key] = value.clone();
        assert!(serde_json::from_value::<PatchSet>(json).is_err(), "{place} {key} {value}");
    }
    let mut twice = small();
    let again = twice["files"][0]["hunks"][0].clone();
    twice["files"][0]["hunks"].as_array_mut().unwrap().push(again);
    assert!(serde_json::from_value::<PatchSet>(twice).is_err());
    assert!(serde_json::from_value::<PatchSet>(json!({ "files": [{ "status": "added" }] })).is_err());
}
