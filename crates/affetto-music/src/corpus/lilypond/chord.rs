use affetto_media::Quality;

/// The quality that what follows the colon of a chord stands for (LilyPond notation reference,
/// "Common chords"). Tensions that no [`Quality`] has are left out.
pub(super) fn quality(modifiers: &str) -> Option<Quality> {
    Some(match modifiers {
        "" | "5" | "1.3.5" => Quality::Major,
        "m" | "m5" => Quality::Minor,
        "7" => Quality::Dominant7,
        "maj" | "maj7" => Quality::Major7,
        "m7" => Quality::Minor7,
        "9" => Quality::Dominant9,
        "m9" => Quality::Minor9,
        "dim" | "dim5" | "m5-" => Quality::Diminished,
        "6" => Quality::Major6,
        "m6" | "m6.9" => Quality::Minor6,
        "m7.5-" => Quality::HalfDiminished,
        "dim7" => Quality::Diminished7,
        "aug" | "5+" | "1.3.5+" => Quality::Augmented,
        "sus" | "sus4" => Quality::Sus4,
        "sus2" => Quality::Sus2,
        "1.5" => Quality::Power,
        "sus7" | "sus9" | "sus13" | "sus4.7" | "7sus4" => Quality::Dominant7Sus4,
        "aug7" | "7.5+" => Quality::Augmented7,
        "7.5-" => Quality::Dominant7Flat5,
        "7.9-" => Quality::Dominant7Flat9,
        "7.9+" => Quality::Dominant7Sharp9,
        "m7+" | "m.7+" => Quality::MinorMajor7,
        "maj9" => Quality::Major9,
        "1.3.5.9" | "5.9" => Quality::Add9,
        "m5.9" => Quality::MinorAdd9,
        "6.9" => Quality::SixNine,
        "11" => Quality::Dominant11,
        "m11" => Quality::Minor11,
        "13" => Quality::Dominant13,
        "maj13" => Quality::Major13,
        "m13" => Quality::Minor13,
        "13.9-" => Quality::Dominant7Flat9,
        "9.5+" => Quality::Augmented7,
        "9.5-" => Quality::Dominant7Flat5,
        longer => return quality(longer.rsplit_once('.')?.0),
    })
}

#[test]
fn tensions_without_a_quality_are_left_out() {
    assert_eq!(quality("9.11+"), Some(Quality::Dominant9));
    assert_eq!(quality("7.5+.9-"), Some(Quality::Augmented7));
    assert_eq!(quality("7.9-.5+"), Some(Quality::Dominant7Flat9));
    assert_eq!(quality("x"), None);
}
