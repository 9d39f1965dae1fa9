//! Digests of inputs and names.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first `length` hexadecimal digits (at most 64) of the SHA-256 of `parts`, each preceded by its length so that two
/// different lists never give the same input.
#[must_use]
pub fn of_parts(parts: &[&str], length: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hexadecimal(&hasher.finalize(), length)
}

/// The digest, 32 hexadecimal digits, of a value's JSON form. Values of one type with equal contents have equal digests.
#[must_use]
pub fn of_value(value: &impl Serialize) -> String {
    // A value that cannot be written as JSON has no map with other than string keys among our types; an empty text stands for it.
    let text = serde_json::to_string(value).unwrap_or_default();
    of_parts(&[&text], 32)
}

fn hexadecimal(bytes: &[u8], length: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.take(length).map(|half| char::from(DIGITS[usize::from(half)])).collect()
}
