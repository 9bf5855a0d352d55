//! What people write: marks that no one else ever writes, among text that everybody writes.
//!
//! A mark is one scalar from a private plane. It tells who wrote it, and shows what was lost, doubled or
//! made up. The shared text around it makes ties, and breaks code that counts bytes or UTF-16 units.

/// Text that anybody may write.
pub(super) const SHARED: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    " ",
    "\n",
    "é",
    "e\u{301}",
    "中",
    "\u{1F600}",
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    "\u{1F1E9}\u{1F1EA}",
];

const FIRST: u32 = 0x10_0000;
const EACH: u32 = 0x1000;

/// One writer's marks.
#[derive(Debug, Default)]
pub(super) struct Pen {
    writer: u32,
    written: u32,
}

impl Pen {
    pub(super) fn new(writer: usize) -> Pen {
        Pen { writer: writer as u32, written: 0 }
    }

    /// Writes what `ink` asks for: some shared text, and up to three marks.
    pub(super) fn write(&mut self, ink: u8) -> String {
        let shared = SHARED[usize::from(ink / 4) % SHARED.len()];
        let marks: String = (0..ink % 4).map(|_| self.mark()).collect();
        format!("{shared}{marks}")
    }

    /// Who writes with it.
    pub(super) fn writer(&self) -> u32 {
        self.writer
    }

    /// A mark that was never written before.
    pub(super) fn mark(&mut self) -> char {
        let mark = FIRST + self.writer * EACH + self.written % EACH;
        self.written += 1;
        char::from_u32(mark).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

/// Whether a scalar is somebody's mark.
pub(super) fn is_mark(scalar: char) -> bool {
    u32::from(scalar) >= FIRST
}

/// Which mark it is, of all.
pub(super) fn number(mark: char) -> usize {
    u32::from(mark).saturating_sub(FIRST) as usize
}

/// Whether a scalar is part of what anybody may write.
pub(super) fn is_shared(scalar: char) -> bool {
    SHARED.iter().any(|text| text.contains(scalar))
}

/// Who wrote a mark.
pub(super) fn writer(mark: char) -> u32 {
    u32::from(mark).saturating_sub(FIRST) / EACH
}

/// Whether a scalar is this writer's mark.
pub(super) fn is_own(of: u32, mark: char) -> bool {
    is_mark(mark) && writer(mark) == of
}

/// What is no mark in a text.
pub(super) fn shared(text: &str) -> String {
    text.chars().filter(|scalar| !is_mark(*scalar)).collect()
}

/// The marks in a text.
pub(super) fn marks(text: &str) -> String {
    text.chars().filter(|scalar| is_mark(*scalar)).collect()
}
