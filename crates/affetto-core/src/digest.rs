use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The digest of "abc", FIPS 180-2 appendix B.1.
#[test]
fn abc() {
    assert!(sha256_hex(b"abc").starts_with("ba7816bf8f01cfea414140de5dae2223"));
}
