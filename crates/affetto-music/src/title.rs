//! What a piece is called where nobody gave it a name.

use affetto_emotion::{Emotion, Label, Mixture, Taxonomy};
use affetto_media::{Key, Score};

/// What a lead sheet is called that asks for no emotion in words.
pub(crate) const LEAD_SHEET: &str = "Lead sheet";
/// What piano music is called that asks for no emotion in words.
pub(crate) const PIANO_PIECE: &str = "Piano piece";

/// The title of what it is made from; else its emotion and key, such as `Joy and awe in D major`. In letters that
/// every format and every font has.
pub(crate) fn title(emotion: &Emotion, key: Key, source: Option<&Score>, kind: &str) -> String {
    match source {
        Some(source) if !source.title.is_empty() => source.title.clone(),
        _ => format!("{} in {key}", feeling(emotion, kind)),
    }
}

/// Whether what is called `old` needs another title where `emotion` is asked throughout: one that [`title`] gave.
pub(crate) fn is_due(emotion: &Emotion, old: &str) -> bool {
    *emotion != Emotion::NEUTRAL && is_made(old)
}

/// Whether a title is words of emotions, in a key.
fn is_made(title: &str) -> bool {
    let Some((feeling, key)) = title.rsplit_once(" in ") else {
        return false;
    };
    let is_key = key.parse::<Key>().is_ok_and(|read| read.to_string() == key);
    let feeling = feeling.to_ascii_lowercase();
    let words = feeling.strip_prefix("from ").unwrap_or(&feeling);
    let is_kind = |kind: &&str| kind.eq_ignore_ascii_case(&feeling);
    is_key && ([LEAD_SHEET, PIANO_PIECE].iter().any(is_kind) || are_words(words, 2 * MOST_WORDS))
}

/// Whether `text` is the name of a label, or up to `most` of them with what stands between them. Some names have an "and"
/// of their own.
fn are_words(text: &str, most: usize) -> bool {
    let is_label = |text: &str| Label::all().any(|label| label.name() == text);
    let several = |between: &&str| {
        let mut places = text.match_indices(*between);
        places.any(|(at, _)| {
            is_label(&text[..at]) && are_words(&text[at + between.len()..], most - 1)
        })
    };
    is_label(text) || most > 1 && [" to ", " and ", ", "].iter().any(several)
}

/// The words of an emotion; `From sadness to joy` where they move; the kind of piece where there are none.
fn feeling(emotion: &Emotion, kind: &str) -> String {
    let keys = emotion.curve().map_or(&[][..], |curve| curve.keys());
    let mut moving = keys
        .iter()
        .filter_map(|key| key.mixture.as_ref())
        .map(words);
    let words = match (moving.next(), moving.next_back()) {
        (Some(first), Some(last)) if first != last => format!("from {first} to {last}"),
        (Some(first), _) => first,
        (None, _) => emotion.mixture().map(words).unwrap_or_default(),
    };
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => kind.into(),
    }
}

/// How many words a title names of a mixture.
const MOST_WORDS: usize = 3;

/// The words of a mixture, the strongest first: `joy`, `joy and awe`, `joy, awe and trust`. Nothing where it has none.
fn words(mixture: &Mixture) -> String {
    let mut parts: Vec<(Label, f64)> = mixture
        .parts()
        .iter()
        .copied()
        .filter(|(label, _)| label.taxonomy() != Taxonomy::Russell && label.name() != "neutral")
        .collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut names: Vec<&str> = Vec::new();
    for (label, _) in parts {
        if !names.contains(&label.name()) {
            names.push(label.name());
        }
    }
    names.truncate(MOST_WORDS);
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).into(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn titled(emotion: &str, key: &str) -> String {
        title(
            &Emotion::parse(emotion).unwrap(),
            key.parse().unwrap(),
            None,
            LEAD_SHEET,
        )
    }

    #[test]
    fn a_title_says_feeling_and_key_in_words() {
        assert_eq!(titled("joy", "D major"), "Joy in D major");
        assert_eq!(
            titled("awe:0.3,joy:0.7", "Bb minor"),
            "Joy and awe in Bb minor"
        );
        let four = "joy:0.4,awe:0.3,trust:0.2,fear:0.1";
        assert_eq!(titled(four, "F# major"), "Joy, awe and trust in F# major");
        assert_eq!(
            titled("ekman/joy,goemotions/joy", "C major"),
            "Joy in C major"
        );
        assert_eq!(titled("russell/q3", "A minor"), "Lead sheet in A minor");
        assert_eq!(titled("neutral", "A minor"), "Lead sheet in A minor");
        let plain = title(&Emotion::NEUTRAL, Key::C_MAJOR, None, LEAD_SHEET);
        assert_eq!(plain, "Lead sheet in C major");
    }

    #[test]
    fn a_feeling_that_moves_is_named_from_where_to_where() {
        let emotion: Emotion = serde_json::from_str(
            r#"{"curve": {"schema": "emotion-track/1", "time": "bars", "keys":
                [{"t": 0, "label": "sadness"}, {"t": 8, "valence": 0.5}, {"t": 16, "label": "joy"}]}}"#,
        )
        .unwrap();
        assert_eq!(
            title(&emotion, Key::C_MAJOR, None, LEAD_SHEET),
            "From sadness to joy in C major"
        );
    }

    /// A colon, a slash or a number is what the command line is written with, not what a piece is called.
    #[test]
    fn every_word_makes_a_title_in_plain_letters() {
        for label in Label::all() {
            let title = title(&Emotion::from(label), Key::C_MAJOR, None, LEAD_SHEET);
            let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '-' | '\'');
            assert!(title.chars().all(plain), "{title}");
            assert!(
                title.starts_with(|c: char| c.is_ascii_uppercase()),
                "{title}"
            );
            assert!(is_made(&title), "{title}");
        }
    }

    #[test]
    fn a_title_of_ours_gives_way_to_another_feeling_and_no_other_does() {
        let sad = Emotion::parse("sadness").unwrap();
        for ours in [
            "Joy in D major",
            "Joy, awe and trust in F# major",
            "From sadness to joy in C minor",
            "Lead sheet in Bb major",
            "Piano piece in A minor",
        ] {
            assert!(is_due(&sad, ours), "{ours}");
            assert!(!is_due(&Emotion::NEUTRAL, ours), "{ours}");
        }
        for theirs in [
            "",
            "Joy",
            "Joy in D",
            "Joy in the morning",
            "Greensleeves in A minor",
            "Sonata and joy in C major",
            " in C major",
            "Joy, awe, trust, fear, joy, awe and trust in C major",
        ] {
            assert!(!is_due(&sad, theirs), "{theirs}");
        }
    }
}
