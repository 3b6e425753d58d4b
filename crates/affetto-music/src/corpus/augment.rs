//! More minor music from major songs, and other octaves.

use affetto_media::{
    ChordChange, ChordSymbol, Key, Mode, Note, PitchName, Quality, Quarters, Score,
};

/// What a melody may reach, MIDI numbers; the vocabulary of the paper.
pub const MELODY_RANGE: std::ops::RangeInclusive<u8> = 52..=86;
/// The share of the melody's time that must lie in the major scale for a flip to make sense.
const DIATONIC: f64 = 0.9;

/// The song in the parallel minor: the third, sixth and seventh degrees of the melody lowered, the
/// chords those of minor, the dominant kept. Over a dominant chord the seventh degree stays raised.
/// None for songs in minor, for melodies that leave the scale often, and where the minor key has more
/// than seven flats.
pub fn mode_flip(score: &Score) -> Option<Score> {
    let key = score.bars.first()?.key;
    if key.mode() != Mode::Major || diatonic_share(score, key) < DIATONIC {
        return None;
    }
    let minor = Key::new(key.fifths() - 3, Mode::Minor).or_else(|| {
        // The parallel minor of a key with many flats, respelled: D flat major to C sharp minor.
        Key::new(key.fifths() - 3 + 12, Mode::Minor)
    })?;
    let tonic = key.tonic().pitch_class();
    let mut flipped = score.clone();
    for bar in &mut flipped.bars {
        bar.key = minor;
    }
    for change in &mut flipped.chords {
        change.chord = change.chord.map(|chord| flip_chord(chord, tonic, minor));
    }
    flipped.chords = super::measures::regular_chords(flipped.chords);
    let chords = &flipped.chords;
    for note in flipped.parts.iter_mut().flat_map(|part| &mut part.notes) {
        note.pitch -= lowering(note, tonic, chords);
    }
    Some(flipped)
}

fn diatonic_share(score: &Score, key: Key) -> f64 {
    const SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];
    let notes = score.melody().map_or(&[][..], |part| &part.notes);
    let zero = Quarters::from_integer(0);
    let degree = |note: &Note| (note.pitch + 12 - key.tonic().pitch_class()) % 12;
    let time = |notes: &mut dyn Iterator<Item = &Note>| {
        notes.fold(zero, |time, note| time + note.duration)
    };
    let all = time(&mut notes.iter());
    let inside = time(&mut notes.iter().filter(|note| SCALE.contains(&degree(note))));
    if all == zero {
        0.0
    } else {
        affetto_media::f64_from_quarters(inside / all)
    }
}

/// Semitones that `note` sinks by: degrees 3 and 6 always, 7 unless the dominant sounds.
fn lowering(note: &Note, tonic: u8, chords: &[ChordChange]) -> u8 {
    let over_dominant = || {
        let before = chords.partition_point(|change| change.onset <= note.onset);
        let chord = before.checked_sub(1).and_then(|index| chords[index].chord);
        chord.is_some_and(|chord| chord.pitch_classes().contains(&((tonic + 11) % 12)))
    };
    match (note.pitch + 12 - tonic) % 12 {
        4 | 9 => 1,
        11 if !over_dominant() => 1,
        _ => 0,
    }
}

/// The chord of the parallel minor on the same degree.
fn flip_chord(chord: ChordSymbol, tonic: u8, minor: Key) -> ChordSymbol {
    let degree = (chord.root.pitch_class() + 12 - tonic) % 12;
    let quality = chord.quality;
    // Major and minor by the third, so that sixths and sevenths follow their triads.
    let third = quality.intervals().get(1).copied();
    let (lowered, quality) = match (degree, third) {
        // I and IV; their dominant sevenths (as in the blues) keep the seventh.
        (0 | 5, Some(4)) => (0, minor_of(quality)),
        // ii
        (2, Some(3)) => (0, half_diminished_of(quality)),
        // iii and vi
        (4 | 9, Some(3)) => (1, major_of(quality)),
        // The dominants of vi and iii go where vi and iii go.
        (4 | 11, Some(4)) => (1, quality),
        // vii
        (11, Some(3)) if quality == Quality::HalfDiminished => (0, Quality::Diminished7),
        _ => (0, quality),
    };
    let name = |class: u8| minor.spell(class % 12);
    let bass = chord
        .bass
        .map(|bass| name(lowered_degree(bass, tonic, degree)));
    ChordSymbol {
        root: name(chord.root.pitch_class() + 12 - lowered),
        quality,
        bass,
    }
}

/// The bass follows the scale: degrees 3 and 6 sink, and 7 unless the chord is the dominant.
fn lowered_degree(bass: PitchName, tonic: u8, root_degree: u8) -> u8 {
    let class = bass.pitch_class();
    match (class + 12 - tonic) % 12 {
        4 | 9 => class + 11,
        11 if root_degree != 7 && root_degree != 11 => class + 11,
        _ => class,
    }
}

const fn minor_of(quality: Quality) -> Quality {
    match quality {
        Quality::Major | Quality::Augmented => Quality::Minor,
        Quality::Dominant7 | Quality::Major7 => Quality::Minor7,
        Quality::Major6 | Quality::SixNine => Quality::Minor6,
        Quality::Dominant9 | Quality::Major9 => Quality::Minor9,
        Quality::Add9 => Quality::MinorAdd9,
        Quality::Dominant13 | Quality::Major13 => Quality::Minor13,
        other => other,
    }
}

const fn half_diminished_of(quality: Quality) -> Quality {
    match quality {
        Quality::Minor
        | Quality::Minor7
        | Quality::Minor6
        | Quality::Minor9
        | Quality::Minor11
        | Quality::MinorAdd9 => Quality::HalfDiminished,
        other => other,
    }
}

const fn major_of(quality: Quality) -> Quality {
    match quality {
        Quality::Minor => Quality::Major,
        Quality::Minor7 => Quality::Major7,
        Quality::Minor6 => Quality::Major6,
        Quality::Minor9 => Quality::Major9,
        Quality::MinorAdd9 => Quality::Add9,
        other => other,
    }
}

/// The score with its melody moved by `octaves`, where all of it stays in [`MELODY_RANGE`].
pub fn octave_shift(score: &Score, octaves: i8) -> Option<Score> {
    let mut shifted = score.clone();
    for note in shifted.parts.iter_mut().flat_map(|part| &mut part.notes) {
        let pitch = i16::from(note.pitch) + 12 * i16::from(octaves);
        note.pitch = u8::try_from(pitch)
            .ok()
            .filter(|pitch| MELODY_RANGE.contains(pitch))?;
    }
    Some(shifted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_media::{Bar, Metre, Part, Role, Tempo, TempoChange};

    /// One chord and one note a bar.
    fn song(key: &str, bars: &[(&str, u8)]) -> Score {
        let key: Key = key.parse().unwrap();
        let onset = |bar: usize| Quarters::from_integer(4 * bar as i64);
        let chords = bars
            .iter()
            .enumerate()
            .map(|(bar, (chord, _))| ChordChange {
                onset: onset(bar),
                chord: Some(chord.parse().unwrap()),
            });
        let notes = bars.iter().enumerate().map(|(bar, (_, pitch))| Note {
            onset: onset(bar),
            pitch: *pitch,
            duration: Quarters::from_integer(4),
            velocity: 80,
        });
        Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, key); bars.len()],
            tempos: vec![TempoChange {
                onset: onset(0),
                tempo: Tempo::from_bpm(100.0),
            }],
            chords: chords.collect(),
            sections: Vec::new(),
            parts: vec![Part {
                name: String::new(),
                role: Role::Melody,
                program: 0,
                channel: 0,
                notes: notes.collect(),
            }],
        }
    }

    fn shown(score: &Score) -> Vec<(String, u8)> {
        let chords = score
            .chords
            .iter()
            .map(|change| change.chord.unwrap().to_string());
        let pitches = score.parts[0].notes.iter().map(|note| note.pitch);
        chords.zip(pitches).collect()
    }

    fn expected(bars: &[(&str, u8)]) -> Vec<(String, u8)> {
        bars.iter()
            .map(|(chord, pitch)| ((*chord).into(), *pitch))
            .collect()
    }

    #[test]
    fn c_major_becomes_c_minor() {
        let major = [
            ("C", 64),
            ("Am", 69),
            ("Dm7", 65),
            ("G7", 71),
            ("Em", 71),
            ("F6", 69),
            ("E7", 62),
            ("C/E", 72),
        ];
        let minor = [
            ("Cm", 63),
            ("Ab", 68),
            ("Dm7b5", 65),
            ("G7", 71),
            ("Eb", 70),
            ("Fm6", 68),
            ("Eb7", 62),
            ("Cm/Eb", 72),
        ];
        let flipped = mode_flip(&song("C major", &major)).unwrap();
        assert_eq!(shown(&flipped), expected(&minor));
        assert_eq!(flipped.bars[0].key.to_string(), "C minor");
    }

    #[test]
    fn a_key_with_many_flats_is_respelled() {
        let flipped = mode_flip(&song("Db major", &[("Db", 65), ("Ab7", 63)])).unwrap();
        assert_eq!(flipped.bars[0].key.to_string(), "C# minor");
        assert_eq!(shown(&flipped), expected(&[("C#m", 64), ("G#7", 63)]));
    }

    #[test]
    fn minor_and_chromatic_songs_are_not_flipped() {
        assert_eq!(mode_flip(&song("A minor", &[("Am", 69)])), None);
        assert_eq!(mode_flip(&song("C major", &[("C", 61), ("C", 60)])), None);
    }

    #[test]
    fn octaves_stay_in_range() {
        let score = song("C major", &[("C", 60), ("C", 76)]);
        let up = octave_shift(&score, 1);
        assert_eq!(up, None);
        let down = octave_shift(&song("C major", &[("C", 72)]), -1).unwrap();
        assert_eq!(down.parts[0].notes[0].pitch, 60);
    }
}
