//! File names as diffs write them: quoted or bare, with or without `a/` and `b/`.

use std::borrow::Cow;

use super::MAX_PATH_BYTES;

/// A name as it stands in the diff, unquoted, with its prefix.
pub(super) type Name<'a> = Cow<'a, [u8]>;

/// An old and a new name; `None` where there is no file.
pub(super) type Pair<'n> = (Option<&'n [u8]>, Option<&'n [u8]>);

/// A name that fills the field, as in `rename from`.
pub(super) fn whole(field: &[u8]) -> Option<Name<'_>> {
    match quoted(field) {
        Some((name, [])) => checked(name),
        Some(_) => None,
        None if field.starts_with(b"\"") => None,
        None => checked(Cow::Borrowed(field)),
    }
}

/// The name and the time stamp of a `---` or `+++` line. A tab ends a bare name: git puts one after a name
/// with spaces, `diff -u` before the time, and both quote a name that has one inside.
pub(super) fn stamped(field: &[u8]) -> Option<(Name<'_>, &[u8])> {
    if field.starts_with(b"\"") {
        let (name, rest) = quoted(field)?;
        let stamp = if rest.is_empty() { rest } else { rest.strip_prefix(b"\t")? };
        return Some((checked(name)?, stamp));
    }
    let end = field.iter().position(|&byte| byte == b'\t').unwrap_or(field.len());
    let (name, stamp) = field.split_at(end);
    Some((checked(Cow::Borrowed(name))?, stamp.strip_prefix(b"\t").unwrap_or(stamp)))
}

/// The two names of a `diff --git` line, if there is only one way to tell them apart.
///
/// Bare names are not delimited, so they are told apart by being the same but for prefixes of one length,
/// which they are unless the file is renamed; then other lines carry the names.
pub(super) fn git_pair(field: &[u8]) -> Option<(Name<'_>, Name<'_>)> {
    let (old, new) = if field.starts_with(b"\"") {
        let (old, rest) = quoted(field)?;
        (checked(old)?, whole(rest.strip_prefix(b" ")?)?)
    } else {
        let (old, rest) = field.split_at(field.len() / 2);
        (checked(Cow::Borrowed(old))?, checked(Cow::Borrowed(rest.strip_prefix(b" ")?))?)
    };
    common(&old, &new).is_some().then_some((old, new))
}

/// The name without its prefixes, if both sides have the same.
pub(super) fn common<'n>(old: &'n [u8], new: &[u8]) -> Option<&'n [u8]> {
    if old == new {
        return Some(old);
    }
    let (old, new) = (past_slash(old)?, past_slash(new)?);
    (old == new && !old.is_empty()).then_some(old)
}

/// Takes git's prefixes off two names of which nothing else is known: both off, or neither, so that a
/// directory called `a` survives `--no-prefix`. `None` stands for `/dev/null`.
pub(super) fn strip_pair<'n>((old, new): Pair<'n>) -> Pair<'n> {
    let off = |name: Option<&'n [u8]>, prefix: &[u8]| match name {
        None => Some(None),
        Some(name) => name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(Some),
    };
    match (off(old, b"a/"), off(new, b"b/")) {
        (Some(old), Some(new)) => (old, new),
        _ => (old, new),
    }
}

/// The two names of `Binary files … and … differ`. They are not delimited, so the first ` and ` parts them,
/// unless another parting makes them the two sides of one name.
pub(super) fn binary_pair(line: &[u8]) -> Option<(Name<'_>, Name<'_>)> {
    const AND: &[u8] = b" and ";
    let names = line.strip_prefix(b"Binary files ")?.strip_suffix(b" differ")?;
    let middle = names.len().checked_sub(AND.len())? / 2;
    let twin = Some(middle).filter(|&at| {
        names[at..].starts_with(AND) && common(&names[..at], &names[at + AND.len()..]).is_some()
    });
    let at = twin.or_else(|| names.windows(AND.len()).position(|window| window == AND))?;
    Some((whole(&names[..at])?, whole(&names[at + AND.len()..])?))
}

/// Whether the name says that there is no file on this side.
pub(super) fn is_null(name: &[u8]) -> bool {
    name == b"/dev/null"
}

fn past_slash(name: &[u8]) -> Option<&[u8]> {
    let slash = name.iter().position(|&byte| byte == b'/')?;
    Some(&name[slash + 1..])
}

fn checked(name: Name<'_>) -> Option<Name<'_>> {
    let fine = !name.is_empty() && name.len() <= MAX_PATH_BYTES && !name.contains(&0);
    fine.then_some(name)
}

/// Undoes git's C-style quoting at the beginning of the field; also gives what follows the closing quote.
fn quoted(field: &[u8]) -> Option<(Name<'_>, &[u8])> {
    let mut rest = field.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((Cow::Owned(name), rest)),
            b'\\' => {
                let (byte, after) = escape(rest)?;
                name.push(byte);
                rest = after;
            }
            _ => name.push(byte),
        }
    }
}

/// The byte an escape stands for; the backslash is already taken.
fn escape(field: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, rest) = field.split_first()?;
    let byte = match first {
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b'"' | b'\\' => first,
        b'0'..=b'3' => {
            let (digits, rest) = field.split_at_checked(3)?;
            let fold = |value: u8, &digit: &u8| match digit {
                b'0'..=b'7' => Some(value * 8 + (digit - b'0')),
                _ => None,
            };
            return Some((digits.iter().try_fold(0, fold)?, rest));
        }
        _ => return None,
    };
    Some((byte, rest))
}
