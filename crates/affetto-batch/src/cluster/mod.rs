//! Past one machine: clusters that run the shards.

pub(crate) mod kubernetes;
pub(crate) mod slurm;

use std::ops::RangeInclusive;

use crate::Error;

fn check(what: &'static str, found: usize, range: RangeInclusive<usize>) -> Result<(), Error> {
    match range.contains(&found) {
        true => Ok(()),
        false => Err(Error::Range { what, found, range }),
    }
}

/// A word as a POSIX shell reads it, whatever is in it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[test]
fn a_word_is_one_word_of_a_shell() {
    assert_eq!(quoted("a/b-1.mid"), "a/b-1.mid");
    assert_eq!(quoted("my assets.yaml"), "'my assets.yaml'");
    assert_eq!(quoted("it's; rm -rf $HOME"), r"'it'\''s; rm -rf $HOME'");
    assert_eq!(quoted(""), "''");
}
