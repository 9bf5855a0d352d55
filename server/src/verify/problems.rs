//! What is wrong with one thing, in one line.

/// How many problems are named; the rest are counted.
const NAMED: usize = 20;

/// What is wrong with one thing.
#[derive(Debug, Default)]
pub(super) struct Problems {
    named: Vec<String>,
    count: u64,
}

impl Problems {
    pub(super) fn add(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(what.into());
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// All of it, unless nothing is wrong.
    pub(super) fn line(&self, what: &str) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let more = self.count - self.named.len() as u64;
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Some(format!("{what}: {}{more}", self.named.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_readable() {
        let mut problems = Problems::default();
        assert_eq!(problems.line("x"), None);
        (0..3).for_each(|n| problems.add(format!("p{n}")));
        assert_eq!(problems.line("x").unwrap(), "x: p0; p1; p2");
        (3..100).for_each(|n| problems.add(format!("p{n}")));
        let line = problems.line("x").unwrap();
        assert!(line.ends_with("p19; and 80 more"), "{line}");
    }
}
