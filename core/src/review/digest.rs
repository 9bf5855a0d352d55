//! A digest of a whole review: whoever caught up by other means than single entries holds it against the server's.

use std::fmt::Write;

use super::{Anchor, FieldValue, Fields, Place, Review, Sets, StatusPolicy};

impl Review {
    /// CRC-32 over these lines, each ended by LF, with one space between their parts:
    ///
    /// - `patch_set` and its number;
    /// - `status_policy lww`, where that is what it is;
    /// - for every field of the review, by name: its name, the version that wrote it, its value as it is (a text, or
    ///   `true` or `false`);
    /// - for every set of the review, by name, and every element of it, in order: `set`, the set's name, and for every
    ///   addition in order its version, a colon and its client; then the element;
    /// - for every decision, by user: `decision`, its version and its value, then the user;
    /// - for every open conflict, by name: `conflict`, its name, and the version of every side;
    /// - for every settled one that is remembered: `settled`, its name and the version that settled it;
    /// - for every comment, by id: its id, the version that added it, the checksum of its text, and the version that
    ///   removed it or 0; then, of a published draft, `published` and the version that published it; then its fields and its sets, as above; then, of a comment that stands on another patch set
    ///   than it was written on, its state, the patch set, the first and the last line, the line's hash and the file of
    ///   its place.
    pub fn digest(&self) -> u32 {
        let mut lines = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "patch_set {}", self.patch_set);
        if self.status_policy == StatusPolicy::Lww {
            let _ = writeln!(lines, "status_policy lww");
        }
        write_fields(&mut lines, &self.fields);
        write_sets(&mut lines, &self.sets);
        for (user, decision) in &self.decisions {
            let _ = writeln!(lines, "decision {} {} {user}", decision.version, decision.value.name());
        }
        for conflict in self.conflicts.open() {
            let _ = write!(lines, "conflict {}", conflict.id);
            for side in &conflict.sides {
                let _ = write!(lines, " {}", side.version);
            }
            let _ = writeln!(lines);
        }
        for settled in self.conflicts.settled() {
            let _ = writeln!(lines, "settled {} {}", settled.conflict, settled.version);
        }
        for (id, comment) in &self.comments {
            let removed = comment.removed.as_ref().map_or(0, |removal| removal.version);
            let _ = writeln!(lines, "{id} {} {} {removed}", comment.added, comment.text.checksum());
            if let Some(published) = comment.published {
                let _ = writeln!(lines, "published {published}");
            }
            write_fields(&mut lines, &comment.fields);
            write_sets(&mut lines, &comment.sets);
            if let (Some(standing), Place::Line(anchor)) = (&comment.standing, &comment.place) {
                let hash = anchor.hash.map(|hash| hash.to_string()).unwrap_or_default();
                let (state, last) = (standing.state.name(), anchor.last_line());
                let Anchor { patch_set, line, file, .. } = anchor;
                let _ = writeln!(lines, "{state} {patch_set} {line} {last} {hash} {file}");
            }
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

fn write_sets(lines: &mut String, sets: &Sets) {
    for (name, elements) in sets.iter() {
        for element in elements.iter() {
            let _ = write!(lines, "set {name}");
            for dot in elements.dots(element) {
                let _ = write!(lines, " {}:{}", dot.version, dot.client);
            }
            let _ = writeln!(lines, " {element}");
        }
    }
}
