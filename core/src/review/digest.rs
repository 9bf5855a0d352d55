//! A digest of a whole review: whoever caught up by other means than single entries holds it against the server's.

use std::fmt::Write;

use super::{FieldValue, Fields, Review};

impl Review {
    /// CRC-32 over these lines, each ended by LF, with one space between their parts:
    ///
    /// - `patch_set` and its number;
    /// - for every field of the review, by name: its name, the version that wrote it, its value as it is (a text, or
    ///   `true` or `false`);
    /// - for every comment, by id: its id, the version that added it, the checksum of its text, and the version that
    ///   removed it or 0; then its fields, as above.
    pub fn digest(&self) -> u32 {
        let mut lines = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "patch_set {}", self.patch_set);
        write_fields(&mut lines, &self.fields);
        for (id, comment) in &self.comments {
            let removed = comment.removed.as_ref().map_or(0, |removal| removal.version);
            let _ = writeln!(lines, "{id} {} {} {removed}", comment.added, comment.text.checksum());
            write_fields(&mut lines, &comment.fields);
        }
        crc32fast::hash(lines.as_bytes())
    }
}

fn write_fields(lines: &mut String, fields: &Fields) {
    for name in fields.names() {
        let Some(register) = fields.register(name) else { continue };
        let _ = match &register.value {
            FieldValue::Flag(flag) => writeln!(lines, "{name} {} {flag}", register.version),
            FieldValue::Text(text) => writeln!(lines, "{name} {} {text}", register.version),
        };
    }
}
