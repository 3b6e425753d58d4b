//! The fourteen chord qualities that the lead-sheet models write.

use affetto_media::Quality;

/// `quality` as the models write it: one of the first fourteen of [`Quality::ALL`].
///
/// The paper's own folding (eight qualities) is coarser: what it calls major here stays apart where a
/// model can write it. Ninths, elevenths and thirteenths over a dominant become the dominant ninth,
/// over a major seventh the major seventh, which keeps their third and seventh.
pub const fn fold(quality: Quality) -> Quality {
    match quality {
        Quality::Major | Quality::Power | Quality::Add9 => Quality::Major,
        Quality::Minor | Quality::MinorMajor7 | Quality::MinorAdd9 => Quality::Minor,
        Quality::Dominant7
        | Quality::Augmented7
        | Quality::Dominant7Flat5
        | Quality::Dominant7Flat9
        | Quality::Dominant7Sharp9 => Quality::Dominant7,
        Quality::Major7 | Quality::Major9 | Quality::Major13 => Quality::Major7,
        Quality::Minor7 => Quality::Minor7,
        Quality::Dominant9 | Quality::Dominant11 | Quality::Dominant13 => Quality::Dominant9,
        Quality::Minor9 | Quality::Minor11 | Quality::Minor13 => Quality::Minor9,
        Quality::Diminished => Quality::Diminished,
        Quality::Major6 | Quality::SixNine => Quality::Major6,
        Quality::Minor6 => Quality::Minor6,
        Quality::HalfDiminished => Quality::HalfDiminished,
        Quality::Diminished7 => Quality::Diminished7,
        Quality::Augmented => Quality::Augmented,
        Quality::Sus4 | Quality::Sus2 | Quality::Dominant7Sus4 => Quality::Sus4,
    }
}

/// Every quality goes to one that the models write, and those stay as they are.
#[test]
fn folding_ends_in_the_first_fourteen() {
    for quality in Quality::ALL {
        assert!(Quality::ALL[..14].contains(&fold(quality)), "{quality:?}");
        assert_eq!(fold(fold(quality)), fold(quality));
    }
    for quality in &Quality::ALL[..14] {
        assert_eq!(fold(*quality), *quality);
    }
}
