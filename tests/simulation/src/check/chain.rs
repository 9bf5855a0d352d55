//! The log's chain of hashes, by SHA-256 alone.

use sha2::{Digest, Sha256};

use crate::evidence::{Evidence, Logged};

/// Each link is the hash of the one before and of the payload's hash; versions are contiguous from 1.
pub(super) fn check(evidence: &Evidence) -> Result<(), String> {
    let mut link = [0_u8; 32];
    for (at, Logged { place, payload }) in evidence.log.iter().enumerate() {
        if place.0 != at as u64 + 1 {
            return Err(format!("entry {} stands at place {}", place.0, at + 1));
        }
        let payload: [u8; 32] = Sha256::digest(payload.as_bytes()).into();
        link = Sha256::new().chain_update(link).chain_update(payload).finalize().into();
        let hex: String = link.iter().map(|byte| format!("{byte:02x}")).collect();
        if hex != place.1 {
            return Err(format!("the chain breaks at entry {}", place.0));
        }
    }
    Ok(())
}
