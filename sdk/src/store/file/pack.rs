//! One value of a table: its bytes with a checksum of their own, so that what can be read of a damaged file is known
//! to be what was written.

/// The way values are packed: this, the CRC-32 of what follows, and that.
const FORMAT: u8 = 1;
const HEADER: usize = 5;

pub(super) fn pack(parts: &[&[u8]]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|part| crc.update(part));
    let mut packed = Vec::with_capacity(HEADER + parts.iter().map(|part| part.len()).sum::<usize>());
    packed.push(FORMAT);
    packed.extend(crc.finalize().to_le_bytes());
    parts.iter().for_each(|part| packed.extend_from_slice(part));
    packed
}

/// The bytes; `None` if they are not what was packed.
pub(super) fn unpack(packed: &[u8]) -> Option<&[u8]> {
    let (header, bytes) = packed.split_at_checked(HEADER)?;
    let (format, crc) = header.split_first()?;
    (*format == FORMAT && crc == crc32fast::hash(bytes).to_le_bytes()).then_some(bytes)
}

/// The same as text.
pub(super) fn unpack_text(packed: &[u8]) -> Option<String> {
    unpack(packed).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_packed_is_unpacked() {
        let packed = pack(&["té".as_bytes(), b"", b"xt"]);
        assert_eq!(unpack_text(&packed).as_deref(), Some("téxt"));
        assert_eq!(unpack(&pack(&[])), Some(&b""[..]));
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 1;
            assert_eq!(unpack(&bad), None, "{at}");
            assert_eq!(unpack(&packed[..at]), None, "{at}");
        }
        assert_eq!(unpack_text(&pack(&[&[0xff]])), None);
    }
}
