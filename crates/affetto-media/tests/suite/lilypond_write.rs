//! LilyPond input, compared with what it should be, by hand.

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Error, Key, Metre, Note, Part, PitchName, Quality, Quarters,
    Role, Score, Section, Tempo, TempoChange, lilypond,
};

use super::q;

fn score(metre: &str, key: &str, bars: usize) -> Score {
    let bar = Bar::full(metre.parse().unwrap(), key.parse().unwrap());
    Score {
        title: "A \"quoted\" name".into(),
        creator: String::new(),
        bars: vec![bar; bars],
        tempos: vec![TempoChange {
            onset: q(0, 1),
            tempo: Tempo::from_bpm(92.3),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: Vec::new(),
    }
}

fn part(notes: &[(Quarters, u8, Quarters)]) -> Part {
    let note = |(onset, pitch, duration): &(Quarters, u8, Quarters)| Note {
        onset: *onset,
        pitch: *pitch,
        duration: *duration,
        velocity: 80,
    };
    Part {
        name: "Melody".into(),
        role: Role::Melody,
        program: 0,
        channel: 0,
        notes: notes.iter().map(note).collect(),
    }
}

fn write(score: &Score) -> String {
    String::from_utf8(lilypond::write(score).unwrap()).unwrap()
}

/// What stands between the braces of a variable.
fn variable(text: &str, name: &str) -> Vec<String> {
    let start = text.find(&format!("{name} = ")).unwrap();
    let body = text[start..].split_once("{\n").unwrap().1;
    let body = body.split_once("\n}").unwrap().0;
    body.lines().map(|line| line.trim().into()).collect()
}

/// The tempo of 650,054 microseconds a quarter, which is 92.3 quarters a minute to the nearest microsecond.
fn exact(value: &str, shown: &str) -> String {
    format!(
        "\\set Score.tempoWholesPerMinute = #(ly:make-moment 7500000/325027) \\tempo \\markup \\concat {{ \\smaller \
         \\general-align #Y #DOWN \\note {{{value}}} #UP \" = {shown}\" }}"
    )
}

#[test]
fn a_waltz_with_a_pick_up() {
    let mut score = score("3/4", "D minor", 3);
    score.bars[0].length = q(1, 1);
    score.parts.push(part(&[
        (q(0, 1), 69, q(1, 1)),
        (q(1, 1), 74, q(2, 1)),
        (q(3, 1), 73, q(2, 1)), // Over the bar line.
        (q(5, 1), 58, q(2, 3)),
        (q(17, 3), 60, q(1, 3)),
    ]));
    for (onset, name) in [(1, "Dm"), (3, "A7/C#"), (5, "Bbmaj7")] {
        score.chords.push(ChordChange {
            onset: q(onset, 1),
            chord: Some(name.parse().unwrap()),
        });
    }
    score.chords.push(ChordChange {
        onset: q(6, 1),
        chord: None,
    });
    score.sections.push(Section {
        onset: q(1, 1),
        name: "A".into(),
    });
    let text = write(&score);
    assert!(text.starts_with("\\version \"2.24.0\"\n"));
    assert!(text.contains("title = \"A \\\"quoted\\\" name\""));
    assert_eq!(
        variable(&text, "timeline"),
        [
            &format!(
                "\\time 3/4 \\key d \\minor \\partial 1*1/4 {} s1*1/4 |",
                exact("4", "92.3")
            ),
            "\\mark \\markup \\box \"A\" s1*3/4 |",
            "s1*3/4 |",
            "\\bar \"|.\"",
        ]
    );
    assert_eq!(
        variable(&text, "harmonies"),
        ["s1*1/4 d1*1/2:m a1*1/2:7/+cis bes1*1/4:maj7 r1*1/4"]
    );
    assert_eq!(
        variable(&text, "partA"),
        [
            "a'4 |",
            "d''2 cis''4~ |",
            "cis''4 \\tuplet 3/2 { bes4 c'8 } r4 |",
        ]
    );
}

#[test]
fn changes_inside_and_irregular_bars() {
    let mut score = score("6/8", "Gb major", 3);
    score.bars[1].length = q(3, 2);
    score.bars[2].metre = "2/4".parse().unwrap();
    score.bars[2].length = q(2, 1);
    score.tempos.push(TempoChange {
        onset: q(3, 2),
        tempo: Tempo::from_bpm(60.0),
    });
    let text = write(&score);
    assert_eq!(
        variable(&text, "timeline"),
        [
            &format!(
                "\\time 6/8 \\key ges \\major {} s1*3/8 \\tempo 4. = 40 s1*3/8 |",
                exact("4.", "61.5")
            ),
            "\\set Timing.measureLength = #(ly:make-moment 3/8) s1*3/8 |",
            "\\time 2/4 \\set Timing.measureLength = #(ly:make-moment 1/2) s1*1/2 |",
            "\\bar \"|.\"",
        ]
    );
    assert_eq!(variable(&text, "partA"), ["R1*3/4 |", "r4. |", "R1*1/2 |"]);
}

#[test]
fn chords_of_notes_and_several_staves() {
    let mut score = score("4/4", "C major", 1);
    score
        .parts
        .push(part(&[(q(0, 1), 60, q(4, 1)), (q(0, 1), 64, q(2, 1))]));
    let mut bass = part(&[(q(0, 1), 36, q(2, 7))]);
    bass.name = "Bass".into();
    score.parts.push(bass);
    let text = write(&score);
    assert_eq!(variable(&text, "partA"), ["<c'~ e'>2 c'2 |"]);
    assert!(text.contains("instrumentName = \"Bass\" } { \\clef bass"));
    assert!(variable(&text, "partB")[0].starts_with("\\tuplet 7/4 { c,8 r"));
}

#[test]
fn every_quality_has_a_modifier_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for quality in Quality::ALL {
        let mut score = score("4/4", "C major", 1);
        let root: PitchName = "F#".parse().unwrap();
        let chord = Some(ChordSymbol::new(root, quality));
        score.chords.push(ChordChange {
            onset: q(0, 1),
            chord,
        });
        let text = write(&score);
        let harmonies = variable(&text, "harmonies").remove(0);
        assert!(harmonies.starts_with("fis1*1/1"), "{harmonies}");
        assert!(seen.insert(harmonies));
    }
}

#[test]
fn no_bars_are_refused() {
    let mut score = score("4/4", "C major", 0);
    assert!(matches!(
        lilypond::write(&score),
        Err(Error::Unsupported { .. })
    ));
    score.bars = vec![Bar::full(Metre::COMMON, Key::C_MAJOR)];
    assert!(lilypond::write(&score).is_ok());
}
