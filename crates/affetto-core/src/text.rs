/// The letters of a text with a space for each control letter, so that it stays on its line: a file's words in a message
/// or a field.
pub fn on_one_line(text: &str) -> impl Iterator<Item = char> {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(plain)
}

/// A text on one line, without blanks around it, and of at most `most` letters: as a title or a name is kept.
pub fn one_line(text: &str, most: usize) -> String {
    let line: String = on_one_line(text).collect();
    let cut: String = line.trim().chars().take(most).collect();
    cut.trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        let shown: String = on_one_line("a\n\u{1b}[31mb\tä\u{85}").collect();
        assert_eq!(shown, "a  [31mb ä ");
    }

    #[test]
    fn a_line_has_no_blanks_around_it_cut_or_not() {
        for (most, kept) in [(9, "ab c"), (3, "ab"), (2, "ab"), (0, "")] {
            assert_eq!(one_line("\n\u{7} ab\tc \n", most), kept);
        }
    }
}
