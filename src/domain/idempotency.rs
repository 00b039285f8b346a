//! The rule for idempotency keys.

/// Fits into an index entry beside the user and the operation.
pub const MAX_KEY_BYTES: usize = 255;

/// Whether a text can be an idempotency key: any text of 1 to 255 bytes.
pub fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_255_bytes() {
        assert!(!is_key(""));
        assert!(is_key(" "));
        assert!(is_key(&"x".repeat(255)));
        assert!(!is_key(&"x".repeat(256)));
        assert!(!is_key(&"й".repeat(128)));
    }
}
