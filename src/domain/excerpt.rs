//! Excerpts: what a caller wrote, short enough for a message or a log.

/// The beginning of a text.
pub fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 64;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(excerpt("chat"), "chat");
        assert_eq!(excerpt(&"й".repeat(64)), "й".repeat(64));
        assert_eq!(excerpt(&"й".repeat(10_000)), format!("{}…", "й".repeat(64)));
    }
}
