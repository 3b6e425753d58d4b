//! The values of information fields.

use super::{measure, token::Length};
use crate::{Key, Metre, Mode, PitchName, Quarters, Step, Tempo};

/// A key as a field gives it: what it is called, and what it does to each letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyField {
    pub key: Key,
    /// Semitones up by letter, C first.
    pub signature: [i8; 7],
}

/// What a clef and its companions say of the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// Semitones up.
    pub shift: i32,
    pub percussion: bool,
}

/// `4/4`, `C`, `C|`, `(2+3)/8`; nothing for `none`.
pub(super) fn metre(text: &str) -> Result<Option<Metre>, String> {
    let plain: String = text.chars().filter(|c| !" \t()".contains(*c)).collect();
    match plain.as_str() {
        "none" | "None" | "" => return Ok(None),
        "C" => return Ok(Some(Metre::COMMON)),
        "C|" => return Ok(Metre::new(2, 2)),
        _ => {}
    }
    let metre = || {
        let (counts, unit) = plain.split_once('/')?;
        let counts: Option<Vec<u8>> = counts.split('+').map(|count| count.parse().ok()).collect();
        let count = counts?
            .into_iter()
            .try_fold(0u8, |sum, count| sum.checked_add(count))?;
        Metre::new(count, unit.parse().ok()?)
    };
    metre()
        .map(Some)
        .ok_or_else(|| format!("the metre {:?}", text.trim()))
}

/// The unit length where none is given: 1/16 for metres below 3/4, else 1/8.
pub(super) fn default_unit(metre: Option<Metre>) -> Quarters {
    match metre {
        Some(metre) if metre.length() < Quarters::from_integer(3) => Quarters::new(1, 4),
        _ => Quarters::new(1, 2),
    }
}

/// `1/8`, as quarter notes.
pub(super) fn unit(text: &str) -> Result<Quarters, String> {
    fraction(text.trim()).ok_or_else(|| format!("the unit length {:?}", text.trim()))
}

/// `3/8` or `1`, as quarter notes.
fn fraction(text: &str) -> Option<Quarters> {
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    let numerator = numerator.trim().parse().ok()?;
    let denominator = denominator.trim().parse().ok()?;
    let in_bounds = 1..=1024;
    if !in_bounds.contains(&numerator) || !in_bounds.contains(&denominator) {
        return None;
    }
    let length = Length {
        numerator,
        denominator,
    };
    measure::scaled(Quarters::from_integer(4), &[length]).ok()
}

/// `1/4=120`, `3/8 1/4=40`, `"Allegro" 1/4=120`, and the old forms `120` and `C3=40`, which count unit
/// lengths. Nothing where there are only words.
pub(super) fn tempo(text: &str, unit: Quarters) -> Result<Option<Tempo>, String> {
    let quiet: String = text.split('"').step_by(2).collect();
    let quiet = quiet.trim();
    if !quiet.contains(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    let refuse = || format!("the tempo {quiet:?}");
    let (beat, count) = match quiet.split_once('=') {
        None => (Some(unit), quiet),
        Some((beat, count)) => (beat_length(beat.trim(), unit), count.trim()),
    };
    let beat = crate::f64_from_quarters(beat.ok_or_else(refuse)?);
    let bpm = count.parse::<f64>().map_err(|_| refuse())? * beat;
    let sound = bpm.is_finite() && bpm > 0.0;
    sound.then(|| Some(Tempo::from_bpm(bpm))).ok_or_else(refuse)
}

fn beat_length(text: &str, unit: Quarters) -> Option<Quarters> {
    if let Some(count) = text.strip_prefix('C') {
        let count = if count.is_empty() { "1" } else { count };
        return Some(fraction(count)? / 4 * unit);
    }
    let mut lengths = text.split_whitespace().take(16).map(fraction);
    let first = lengths.next()??;
    lengths.try_fold(first, |sum, length| Some(sum + length?))
}

/// `G`, `F#m`, `D dor`, `Emix`, `none`, `HP`, `D exp _b ^f`, `Am ^f clef=bass`; no key where there is
/// only a clef.
pub(super) fn key(text: &str) -> Result<(Option<KeyField>, Option<Sound>), String> {
    let words = parameters(text)?;
    let plain: Vec<&str> = words
        .iter()
        .filter(|(name, _)| name.is_empty())
        .map(|(_, value)| *value)
        .collect();
    Ok((key_of_words(&plain)?, sound(&words)?))
}

fn key_of_words(words: &[&str]) -> Result<Option<KeyField>, String> {
    let Some((first, rest)) = words.split_first() else {
        return Ok(None);
    };
    if clef_shift(first).is_some() {
        return Ok(None);
    }
    let no_signature = KeyField {
        key: Key::C_MAJOR,
        signature: [0; 7],
    };
    match *first {
        // The Highland pipes: without a signature, or with F and C sharp.
        "none" | "HP" => return accidentals(no_signature, rest).map(Some),
        "Hp" => return Ok(Key::new(2, Mode::Major).map(of_key)),
        _ if first.starts_with(['^', '_', '=']) => {
            return accidentals(no_signature, words).map(Some);
        }
        _ => {}
    }
    let refuse = || format!("the key {:?}", words.join(" "));
    let mut letters = first.chars();
    let step = letters
        .next()
        .filter(char::is_ascii_uppercase)
        .and_then(Step::from_letter)
        .ok_or_else(refuse)?;
    let (alter, word) = match letters.as_str() {
        sharp if sharp.starts_with(['#', '♯']) => (1, sharp.trim_start_matches(['#', '♯'])),
        flat if flat.starts_with(['b', '♭']) => (-1, flat.trim_start_matches(['b', '♭'])),
        natural => (0, natural),
    };
    let tonic = PitchName { step, alter };
    let (word, rest) = match (word, rest.split_first()) {
        ("", Some((next, after))) if mode(next).is_some() => (*next, after),
        _ => (word, rest),
    };
    if word.eq_ignore_ascii_case("exp") {
        let key = Key::on(tonic, Mode::Major).unwrap_or(Key::C_MAJOR);
        let bare = KeyField {
            key,
            signature: [0; 7],
        };
        return accidentals(bare, rest).map(Some);
    }
    let (mode, fifths) = mode(word).ok_or_else(refuse)?;
    let key = Key::new(tonic.fifths() + fifths, mode).ok_or_else(refuse)?;
    accidentals(of_key(key), rest).map(Some)
}

/// Major or minor, and how far its signature lies from that of major, in fifths.
fn mode(word: &str) -> Option<(Mode, i8)> {
    let start: String = word.chars().take(3).collect::<String>().to_lowercase();
    Some(match start.as_str() {
        "" | "maj" | "ion" => (Mode::Major, 0),
        "exp" => (Mode::Major, 0),
        "lyd" => (Mode::Major, 1),
        "mix" => (Mode::Major, -1),
        "m" | "min" | "aeo" => (Mode::Minor, -3),
        "dor" => (Mode::Minor, -2),
        "phr" => (Mode::Minor, -4),
        "loc" => (Mode::Minor, -5),
        _ => return None,
    })
}

/// The signature that goes with the key.
pub(super) fn of_key(key: Key) -> KeyField {
    // The letter stands at its own place on the line of fifths, and the signature covers the seven
    // places from one below the key's major tonic.
    let signature = Step::ALL.map(|step| {
        let natural = PitchName { step, alter: 0 }.fifths();
        (key.fifths() - natural + 5).div_euclid(7)
    });
    KeyField { key, signature }
}

/// `field` with `words` such as `^f` and `_b` added to its signature; other words say nothing of it.
fn accidentals(mut field: KeyField, words: &[&str]) -> Result<KeyField, String> {
    for word in words {
        let letter = word.trim_start_matches(['^', '_', '=']);
        let alter = match &word[..word.len() - letter.len()] {
            "" => continue,
            "=" => 0,
            "^" => 1,
            "^^" => 2,
            "_" => -1,
            "__" => -2,
            _ => return Err(format!("the accidental {word:?} in a key")),
        };
        let mut letters = letter.chars();
        match (letters.next().and_then(Step::from_letter), letters.next()) {
            (Some(step), None) => field.signature[step as usize] = alter,
            _ => return Err(format!("the accidental {word:?} in a key")),
        }
    }
    Ok(field)
}

/// A voice's name, as its field begins, and the rest of the field.
pub(super) fn voice(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

/// `name=value` pairs, and words with an empty name; a value may stand in quotes.
pub(super) fn parameters(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let ends = |c: char| c.is_whitespace() || (c == '=' && !rest.starts_with('='));
        let end = rest.find(ends).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            parameters.push(("", word));
            rest = after.trim_start();
            continue;
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or("a text without its closing \"")?,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        parameters.push((word, value));
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// What the parameters of a voice or key say of the sound; nothing where they say nothing.
pub(super) fn sound(parameters: &[(&str, &str)]) -> Result<Option<Sound>, String> {
    let mut sound = Sound::default();
    let mut said = false;
    for (name, value) in parameters {
        let number = || {
            let number: Option<i32> = value.trim_start_matches('+').parse().ok();
            number
                .filter(|number| number.abs() <= 60)
                .ok_or_else(|| format!("{name}={value}"))
        };
        match *name {
            "" | "clef" => {
                let Some(shift) = clef_shift(value) else {
                    continue;
                };
                sound.shift += shift;
                sound.percussion = value.starts_with("perc");
            }
            "octave" => sound.shift += 12 * number()?,
            "transpose" => sound.shift += number()?,
            _ => continue,
        }
        said = true;
    }
    Ok(said.then_some(sound))
}

/// The semitones that a clef moves the notes, where `word` is a clef.
fn clef_shift(word: &str) -> Option<i32> {
    const CLEFS: [&str; 6] = ["treble", "bass", "alto", "tenor", "perc", "baritone"];
    let stem = CLEFS.into_iter().find(|clef| word.starts_with(clef))?;
    let after = word[stem.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
    match after {
        "-8" => Some(-12),
        "+8" => Some(12),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key_named(text: &str) -> KeyField {
        key(text).unwrap().0.unwrap()
    }

    #[test]
    fn modes_keep_their_signature() {
        for (text, fifths, mode) in [
            ("G", 1, Mode::Major),
            ("F#m", 3, Mode::Minor),
            ("Ddor", 0, Mode::Minor),
            ("A mixolydian", 2, Mode::Major),
            ("Bb Major clef=bass", -2, Mode::Major),
            ("E Phr", 0, Mode::Minor),
            ("F lyd", 0, Mode::Major),
            ("B loc", 0, Mode::Minor),
            ("C minor", -3, Mode::Minor),
            ("Hp", 2, Mode::Major),
            ("none", 0, Mode::Major),
        ] {
            let key = key_named(text).key;
            assert_eq!((key.fifths(), key.mode()), (fifths, mode), "{text}");
        }
        for text in ["H", "Gfoo", "G#", "Fb", "c"] {
            assert!(key(text).is_err(), "{text}");
        }
    }

    #[test]
    fn signatures_by_letter() {
        assert_eq!(key_named("D").signature, [1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(key_named("Cm").signature, [0, 0, -1, 0, 0, -1, -1]);
        assert_eq!(key_named("C#").signature, [1; 7]);
        assert_eq!(key_named("Cb").signature, [-1; 7]);
        assert_eq!(key_named("D Phr ^f").signature, [0, 0, -1, 1, 0, 0, -1]);
        assert_eq!(key_named("D exp _b ^f").signature, [0, 0, 0, 1, 0, 0, -1]);
    }

    #[test]
    fn a_clef_alone_is_no_key() {
        assert_eq!(key("bass").unwrap(), (None, Some(Sound::default())));
        let sound = key("G clef=treble-8 octave=+2").unwrap().1.unwrap();
        assert_eq!(sound.shift, 12);
    }

    #[test]
    fn tempos_in_every_form() {
        let bpm = |text: &str| tempo(text, Quarters::new(1, 2)).unwrap().map(|t| t.bpm());
        assert_eq!(bpm("1/4=120"), Some(120.0));
        assert_eq!(bpm("\"Allegro 99\" 3/8=40"), Some(60.0));
        assert_eq!(bpm("1/4 1/8=40"), Some(60.0));
        assert_eq!(bpm("240"), Some(120.0));
        assert_eq!(bpm("C3=40"), Some(60.0));
        assert_eq!(bpm("\"slow\""), None);
        for text in ["1/0=120", "1/4=0", "1/4=-5", "1/4=x1", "=1", "1/4=1e999"] {
            assert!(tempo(text, Quarters::new(1, 2)).is_err(), "{text}");
        }
    }

    #[test]
    fn metres_in_every_form() {
        assert_eq!(metre(" C| ").unwrap(), Metre::new(2, 2));
        assert_eq!(metre("(2+3)/8").unwrap(), Metre::new(5, 8));
        assert_eq!(metre("none").unwrap(), None);
        for text in ["0/0", "4", "4/5", "200+200/4", "x"] {
            assert!(metre(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parameters_may_be_quoted() {
        assert_eq!(
            parameters("name=\"Tenor I\" bass =x clef=alto").unwrap(),
            [
                ("name", "Tenor I"),
                ("", "bass"),
                ("", "=x"),
                ("clef", "alto")
            ]
        );
        assert!(parameters("name=\"x").is_err());
    }
}
