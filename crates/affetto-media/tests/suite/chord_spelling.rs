//! Chords are spelled by the key in every format: Bb in F major, F# in E major.

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Limits, Metre, Mode, Note, Part, PitchName, Quality,
    Quarters, Role, Score, Tempo, TempoChange, abc, lilypond, midi, musicxml,
};

/// Semitones above the tonic; minor with both sevenths.
fn scale(key: Key) -> &'static [u8] {
    match key.mode() {
        Mode::Major => &[0, 2, 4, 5, 7, 9, 11],
        Mode::Minor => &[0, 2, 3, 5, 7, 8, 10, 11],
    }
}

/// The roots of the scale, as the key spells them.
fn roots(key: Key) -> Vec<PitchName> {
    let tonic = key.tonic().pitch_class();
    let spell = |semitone: &u8| key.spell((tonic + semitone) % 12);
    scale(key).iter().map(spell).collect()
}

/// A bar with each chord.
fn score(key: Key, chords: &[ChordSymbol]) -> Score {
    let bars = vec![Bar::full(Metre::COMMON, key); chords.len()];
    let onset = |bar: usize| Quarters::from_integer(4 * bar as i64);
    let note = |bar| Note {
        onset: onset(bar),
        pitch: 60 + key.tonic().pitch_class(),
        duration: Quarters::from_integer(4),
        velocity: 80,
    };
    Score {
        title: "Chords".into(),
        creator: String::new(),
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(92.0),
        }],
        chords: (0..)
            .zip(chords)
            .map(|(bar, chord)| ChordChange {
                onset: onset(bar),
                chord: Some(*chord),
            })
            .collect(),
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: (0..bars.len()).map(note).collect(),
        }],
        bars,
    }
}

#[test]
fn the_chords_of_a_scale_have_the_names_of_its_notes() {
    for key in Key::all() {
        let letters: Vec<_> = roots(key).iter().map(|root| root.step).collect();
        let tonic = key.tonic().step as usize;
        let expected = scale(key).iter().enumerate();
        for (at, semitone) in expected {
            // The eighth of minor is the seventh again, raised.
            let step = (tonic + at.min(6)) % 7;
            assert_eq!(letters[at] as usize, step, "{key}: {semitone} semitones up");
        }
    }
    let name = |key: &str, pitch_class| key.parse::<Key>().unwrap().spell(pitch_class).to_string();
    for (key, pitch_class, expected) in [
        ("F major", 10, "Bb"),
        ("E major", 6, "F#"),
        ("E major", 3, "D#"),
        ("Ab major", 1, "Db"),
        ("A minor", 8, "G#"),
        ("D minor", 10, "Bb"),
        ("C minor", 8, "Ab"),
        // Outside the scale: the dominants' dominants, borrowed and Neapolitan chords.
        ("C major", 6, "F#"),
        ("C major", 10, "Bb"),
        ("Bb major", 4, "E"),
        ("D major", 8, "G#"),
        ("A minor", 10, "Bb"),
    ] {
        assert_eq!(name(key, pitch_class), expected, "{key}");
    }
}

#[test]
fn every_format_writes_the_name_that_a_chord_has() {
    for key in Key::all() {
        let roots = roots(key);
        let chords: Vec<ChordSymbol> = roots
            .iter()
            .zip(Quality::ALL)
            .map(|(root, quality)| ChordSymbol {
                bass: Some(roots[3]).filter(|bass| bass != root),
                ..ChordSymbol::new(*root, quality)
            })
            .collect();
        let score = score(key, &chords);
        let limits = Limits::DEFAULT;
        let midi = midi::write(&score).unwrap();
        for chord in &chords {
            let marker = chord.to_string();
            assert!(
                midi.windows(marker.len())
                    .any(|bytes| bytes == marker.as_bytes()),
                "{key}: {marker}"
            );
        }
        let read = [
            midi::read(&midi, &limits),
            abc::read(&abc::write(&score).unwrap(), &limits),
            musicxml::read(&musicxml::write(&score).unwrap(), &limits),
        ];
        for read in read {
            assert_eq!(read.unwrap().chords, score.chords, "{key}");
        }
        let text = String::from_utf8(lilypond::write(&score).unwrap()).unwrap();
        for chord in &chords {
            let word = format!(" {}1*1/1", dutch(chord.root));
            assert!(text.contains(&word), "{key}: {word}");
        }
    }
}

/// The name that LilyPond knows: `bes`, `fis`.
fn dutch(name: PitchName) -> String {
    let sign = if name.alter > 0 { "is" } else { "es" };
    let letter = name.step.letter().to_ascii_lowercase();
    format!("{letter}{}", sign.repeat(name.alter.unsigned_abs().into()))
}
