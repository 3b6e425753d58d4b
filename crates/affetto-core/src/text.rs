/// The letters of a text with a space for each control letter, so that it stays on its line: a file's words in a message
/// or a field.
pub fn on_one_line(text: &str) -> impl Iterator<Item = char> {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        let shown: String = on_one_line("a\n\u{1b}[31mb\tä\u{85}").collect();
        assert_eq!(shown, "a  [31mb ä ");
    }
}
