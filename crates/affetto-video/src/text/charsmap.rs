//! The table by which SentencePiece replaces characters. It is a trie in a double array, see Aoe, "An efficient digital
//! search algorithm by using a double-array structure" (1989), as the library Darts-clone lays it out, and what its values
//! point to: texts that end with a zero. It is looked through once, so that no text leads out of it later.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The most bytes of a table; those that are published have 250 thousand.
const MOST_BYTES: usize = 4 << 20;

/// A node of the trie.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn value(self) -> usize {
        (self.0 & ((1 << 31) - 1)) as usize
    }

    /// The byte that leads to it.
    fn label(self) -> u32 {
        self.0 & (1 << 31 | 0xff)
    }

    /// Where those that it leads to are, from where it is.
    fn offset(self) -> usize {
        ((self.0 >> 10) as usize) << ((self.0 & 1 << 9) >> 6)
    }
}

/// The bytes of the longest text that a character is replaced by.
///
/// # Errors
/// What is wrong with the table, in words.
pub(super) fn longest(base64: &str) -> Result<usize, String> {
    if base64.len() / 4 * 3 > MOST_BYTES {
        return Err(format!("a charsmap of more than {MOST_BYTES} bytes"));
    }
    let bytes = STANDARD.decode(base64);
    let bytes = bytes.map_err(|error| format!("a charsmap that is no base64: {error}"))?;
    let damaged = || String::from("a charsmap that leads out of itself");
    let (size, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
    let size = u32::from_le_bytes(*size) as usize / 4 * 4;
    let (trie, texts) = rest.split_at_checked(size).ok_or_else(damaged)?;
    let texts = std::str::from_utf8(texts)
        .map_err(|_| String::from("a charsmap whose texts are not UTF-8"))?;
    let (units, _) = trie.as_chunks();
    let units: Vec<Unit> = units
        .iter()
        .map(|bytes| Unit(u32::from_le_bytes(*bytes)))
        .collect();
    walk(&units, texts).ok_or_else(damaged)
}

/// Goes to every node that some text leads to; none where one lies outside.
fn walk(units: &[Unit], texts: &str) -> Option<usize> {
    let mut longest = 0;
    let mut seen = vec![false; units.len()];
    let mut open = vec![units.first()?.offset()];
    while let Some(base) = open.pop() {
        for byte in (1..=0xff_u8).filter(|byte| is_of_text(*byte)) {
            let place = base ^ usize::from(byte);
            let unit = *units.get(place)?;
            if unit.label() != u32::from(byte) || seen[place] {
                continue;
            }
            seen[place] = true;
            let base = place ^ unit.offset();
            if unit.has_leaf() {
                let text = texts.get(units.get(base)?.value()..)?;
                longest = longest.max(text.find('\0').unwrap_or(text.len()));
            }
            open.push(base);
        }
    }
    Some(longest)
}

/// Whether UTF-8 has this byte.
fn is_of_text(byte: u8) -> bool {
    !matches!(byte, 0xc0 | 0xc1 | 0xf5..)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A table that replaces `e` by `bc` and leaves `a` out.
    pub fn table(change: impl Fn(&mut Vec<u32>, &mut Vec<u8>)) -> String {
        let mut units = vec![0; 256];
        for (byte, value) in [(u32::from(b'a'), 0), (u32::from(b'e'), 1)] {
            units[byte as usize] = byte | 1 << 8 | 1 << 10;
            units[byte as usize ^ 1] = 1 << 31 | value;
        }
        let mut texts = b"\0bc\0".to_vec();
        change(&mut units, &mut texts);
        let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let size = (trie.len() as u32).to_le_bytes();
        STANDARD.encode([&size, &trie[..], &texts].concat())
    }

    #[test]
    fn a_table_is_as_long_as_its_longest_text() {
        assert_eq!(longest(&table(|_, _| ())), Ok(2));
        assert_eq!(longest(&table(|_, texts| texts.truncate(3))), Ok(2));
    }

    #[test]
    fn a_table_that_leads_out_of_itself_is_refused() {
        type Change = fn(&mut Vec<u32>, &mut Vec<u8>);
        let bad: [Change; 7] = [
            |units, _| units.clear(),
            |units, _| units.truncate(200),
            |units, _| units[0] = 5 << 10 | 1 << 9,
            |units, _| units[usize::from(b'a')] = u32::from(b'a') | 7 << 16,
            |units, _| units[usize::from(b'e') ^ 1] = 5,
            |_, texts| texts[1] = 0xff,
            |_, texts| texts.splice(1..2, "ä".bytes().rev()).for_each(drop),
        ];
        for (index, change) in bad.into_iter().enumerate() {
            assert!(longest(&table(change)).is_err(), "{index}");
        }
        for text in ["", "AAAA", "?", "////"] {
            assert!(longest(text).is_err(), "{text}");
        }
        assert!(longest(&"A".repeat(6 << 20)).is_err());
    }
}
