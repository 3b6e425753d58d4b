//! Phrases and forms: where bars repeat.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{condition::excerpt, tokens::Group};

/// A form such as `AABA`: equal letters are the same music, varied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Za-z]{1,16}$"))]
pub struct Form(Vec<char>);

/// Why a word is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no form: between 1 and 16 letters such as AABA")]
pub struct FormError(String);

impl FromStr for Form {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let letters: Vec<char> = text
            .trim()
            .chars()
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let sound =
            (1..=16).contains(&letters.len()) && letters.iter().all(char::is_ascii_uppercase);
        if sound {
            Ok(Self(letters))
        } else {
            Err(FormError(excerpt(text)))
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{letter}"))
    }
}

impl TryFrom<String> for Form {
    type Error = FormError;

    fn try_from(text: String) -> Result<Self, FormError> {
        text.parse()
    }
}

impl From<Form> for String {
    fn from(form: Form) -> Self {
        form.to_string()
    }
}

/// A section of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormSection {
    /// The letter.
    pub letter: char,
    /// Its first bar, counted from 0.
    pub start: usize,
    /// How many bars it has.
    pub bars: usize,
    /// The first bar of the earlier section of the same letter.
    pub repeats: Option<usize>,
}

impl Form {
    /// How many sections it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: a form has at least one section.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `bars` bars shared out: equal parts, what is over goes to the last.
    pub fn sections(&self, bars: usize) -> Vec<FormSection> {
        let each = bars / self.len().max(1);
        let section = |(at, letter): (usize, &char)| {
            let earlier = self.0[..at].iter().position(|other| other == letter);
            let last = at + 1 == self.len();
            FormSection {
                letter: *letter,
                start: at * each,
                bars: if last { bars - at * each } else { each },
                repeats: earlier.map(|earlier| earlier * each),
            }
        };
        self.0.iter().enumerate().map(section).collect()
    }
}

/// The phrase groups of `bars` bars in fours; what is over lengthens the last phrase by one or two bars, or is a
/// phrase of three.
pub fn groups_in_fours(bars: usize) -> Vec<Group> {
    let mut phrases = vec![4; bars / 4];
    match (bars % 4, phrases.last_mut()) {
        (0, _) => {}
        (over @ (1 | 2), Some(last)) => *last += over,
        (over, _) => phrases.push(over),
    }
    phrases.into_iter().flat_map(Group::phrase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn aaba_of_thirty_three_bars() {
        let form: Form = "aaba".parse().unwrap();
        let sections = form.sections(33);
        let starts: Vec<_> = sections
            .iter()
            .map(|section| (section.start, section.bars, section.repeats))
            .collect();
        assert_eq!(
            starts,
            [
                (0, 8, None),
                (8, 8, Some(0)),
                (16, 8, None),
                (24, 9, Some(0))
            ]
        );
        assert!("A1".parse::<Form>().is_err() && "".parse::<Form>().is_err());
    }

    #[test]
    fn every_number_of_bars_is_covered() {
        for bars in 1..80 {
            assert_eq!(groups_in_fours(bars).len(), bars);
        }
    }
}
