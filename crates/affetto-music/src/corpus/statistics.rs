//! What a corpus is like: the figures by which one corpus is compared with another.

use std::{collections::BTreeMap, fmt};

use affetto_media::{
    ChordChange, ChordSymbol, Metre, Mode, Note, Quality, Quarters, Score, f64_from_quarters,
};

use super::{Song, Source};

/// Figures of some songs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Files that gave at least one passage.
    pub songs: usize,
    /// Passages.
    pub passages: usize,
    /// Bars.
    pub bars: usize,
    /// Bars of each metre.
    pub metres: BTreeMap<Metre, usize>,
    /// Bars of each valence class, from 2 down to -2.
    pub valence: [usize; 5],
    /// Bars in minor.
    pub minor_bars: usize,
    /// Means over the passages.
    pub means: Means,
}

/// Means over passages, as in "Automatic melody harmonization with triad chords" (Yeh et al. 2021),
/// and simple counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Means {
    /// Entropy of the chords between changes, in nats.
    pub chord_entropy: f64,
    /// Distinct chords.
    pub chords: f64,
    /// Tonal distance of neighbouring chords (Harte et al. 2006).
    pub chord_distance: f64,
    /// The share of the melody's time on members of the chord.
    pub chord_tones: f64,
    /// Tonal distance of the melody from its chord.
    pub melody_distance: f64,
    /// Entropy of the melody's pitch classes, in bits.
    pub pitch_class_entropy: f64,
    /// The share of notes in the scale of the signature.
    pub in_scale: f64,
    /// Semitones from the lowest to the highest note.
    pub range: f64,
    /// Notes in a bar, pieces of notes tied over bar lines counted.
    pub notes_per_bar: f64,
    /// The share of time without a note.
    pub rest: f64,
    /// Changes of chord in a bar.
    pub chords_per_bar: f64,
}

impl Statistics {
    /// The figures of `songs`.
    pub fn of<'s>(songs: impl IntoIterator<Item = &'s Song>) -> Self {
        let mut statistics = Self::default();
        let mut before = None;
        for song in songs {
            let file = song.id.split('#').next();
            statistics.songs += usize::from(before != file);
            before = file;
            statistics.add(&song.score);
        }
        statistics.means = statistics.means.divided_by(statistics.passages);
        statistics
    }

    /// The figures of each source that has songs.
    pub fn by_source(songs: &[Song]) -> Vec<(Source, Self)> {
        Source::ALL
            .into_iter()
            .map(|source| {
                (
                    source,
                    Self::of(songs.iter().filter(|s| s.source == source)),
                )
            })
            .filter(|(_, statistics)| statistics.songs > 0)
            .collect()
    }

    fn add(&mut self, score: &Score) {
        self.passages += 1;
        self.bars += score.bars.len();
        for bar in &score.bars {
            *self.metres.entry(bar.metre).or_default() += 1;
            self.minor_bars += usize::from(bar.key.mode() == Mode::Minor);
        }
        let bars = bar_events(score);
        for events in &bars {
            self.valence[(2 - valence_class(events)) as usize] += 1;
        }
        self.means = self.means.plus(&means(score, &bars));
    }
}

/// A stretch of a bar with one note (or silence) and one chord.
struct Event {
    duration: Quarters,
    chord: Option<ChordSymbol>,
    pitch: Option<u8>,
}

/// The events of each bar: cut where a note begins or ends and where the chord changes.
fn bar_events(score: &Score) -> Vec<Vec<Event>> {
    let notes = score.melody().map_or(&[][..], |part| &part.notes);
    let onsets = score.bar_onsets();
    let mut points: Vec<Quarters> = notes.iter().flat_map(|n| [n.onset, n.end()]).collect();
    points.extend(score.chords.iter().map(|change| change.onset));
    points.extend(&onsets);
    points.sort();
    points.dedup();
    let mut bars: Vec<Vec<Event>> = score.bars.iter().map(|_| Vec::new()).collect();
    for pair in points.windows(2) {
        let bar = onsets.partition_point(|onset| *onset <= pair[0]) - 1;
        if let Some(events) = bars.get_mut(bar) {
            events.push(Event {
                duration: pair[1] - pair[0],
                chord: score.chord_at(pair[0]),
                pitch: note_at(notes, pair[0]),
            });
        }
    }
    bars
}

fn note_at(notes: &[Note], onset: Quarters) -> Option<u8> {
    let after = notes.partition_point(|note| note.onset <= onset);
    let note = notes.get(after.checked_sub(1)?)?;
    (note.end() > onset).then_some(note.pitch)
}

/// The valence of a chord by its quality: Makris et al., "Generating Lead Sheets with Affect" (2021),
/// after the mood tags of Chase, with the paper's eight qualities.
const fn chord_valence(quality: Quality) -> f64 {
    match quality {
        Quality::Major
        | Quality::Major6
        | Quality::Sus4
        | Quality::Sus2
        | Quality::Augmented
        | Quality::Power
        | Quality::Add9 => 0.87,
        Quality::Minor | Quality::Minor6 | Quality::MinorMajor7 | Quality::MinorAdd9 => -0.81,
        Quality::Dominant7
        | Quality::Augmented7
        | Quality::Dominant7Sus4
        | Quality::Dominant7Flat5
        | Quality::Dominant7Flat9
        | Quality::Dominant7Sharp9 => -0.02,
        Quality::Major7 => 0.83,
        Quality::Minor7 => -0.46,
        Quality::Diminished | Quality::Diminished7 | Quality::HalfDiminished => -0.43,
        Quality::Dominant9
        | Quality::Major9
        | Quality::SixNine
        | Quality::Dominant11
        | Quality::Dominant13
        | Quality::Major13 => 0.51,
        Quality::Minor9 | Quality::Minor11 | Quality::Minor13 => -0.15,
    }
}

/// The class of a bar, -2..=2: the median over its events.
fn valence_class(events: &[Event]) -> i8 {
    let mut values: Vec<f64> = events
        .iter()
        .map(|event| {
            event
                .chord
                .map_or(0.0, |chord| chord_valence(chord.quality))
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    };
    match median {
        m if m > 0.6 => 2,
        m if m > 0.2 => 1,
        m if m > -0.2 => 0,
        m if m > -0.6 => -1,
        _ => -2,
    }
}

fn means(score: &Score, bars: &[Vec<Event>]) -> Means {
    let events: Vec<&Event> = bars.iter().flatten().collect();
    let notes = score.melody().map_or(&[][..], |part| &part.notes);
    let per_bar = |count: usize| count as f64 / score.bars.len().max(1) as f64;
    let sung = || events.iter().filter(|event| event.pitch.is_some());
    Means {
        chord_entropy: entropy(&chord_counts(&score.chords)) * std::f64::consts::LN_2,
        chords: chord_counts(&score.chords).len() as f64,
        chord_distance: chord_distance(&score.chords),
        chord_tones: chord_tone_share(&events),
        melody_distance: melody_distance(&events),
        pitch_class_entropy: entropy(&pitch_class_times(notes)),
        in_scale: in_scale(score, notes),
        range: range(notes),
        notes_per_bar: per_bar(pieces(score, notes)),
        rest: 1.0 - time(sung().copied()) / time(events.iter().copied()).max(1e-9),
        chords_per_bar: per_bar(score.chords.len()),
    }
}

/// Notes, each as often as bars hold it.
fn pieces(score: &Score, notes: &[Note]) -> usize {
    let onsets = score.bar_onsets();
    let lines = |until: Quarters| onsets.partition_point(|onset| *onset < until);
    let crossed = |note: &Note| lines(note.end()) - onsets.partition_point(|o| *o <= note.onset);
    notes.iter().map(|note| 1 + crossed(note)).sum()
}

fn time<'e>(events: impl Iterator<Item = &'e Event>) -> f64 {
    events.map(|event| f64_from_quarters(event.duration)).sum()
}

fn chord_counts(chords: &[ChordChange]) -> Vec<f64> {
    let mut counts: BTreeMap<(u8, Quality), f64> = BTreeMap::new();
    for chord in chords.iter().filter_map(|change| change.chord) {
        *counts
            .entry((chord.root.pitch_class(), crate::tokens::fold(chord.quality)))
            .or_default() += 1.0;
    }
    counts.into_values().collect()
}

fn pitch_class_times(notes: &[Note]) -> Vec<f64> {
    let mut times = vec![0.0; 12];
    for note in notes {
        times[usize::from(note.pitch % 12)] += f64_from_quarters(note.duration);
    }
    times
}

/// Shannon's entropy of `counts`, in bits.
fn entropy(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let shares = counts.iter().filter(|count| **count > 0.0);
    shares
        .map(|count| -(count / total) * libm::log2(count / total))
        .sum()
}

/// The six numbers of the tonal space of Harte, Sandler and Gasser, "Detecting Harmonic Change in
/// Musical Audio" (2006), averaged over `classes`.
fn tonal_centre(classes: &[u8]) -> [f64; 6] {
    use std::f64::consts::PI;
    let circles = [
        (7.0 * PI / 6.0, 1.0),
        (1.5 * PI, 1.0),
        (2.0 * PI / 3.0, 0.5),
    ];
    let mut centre = [0.0; 6];
    for class in classes {
        for (index, (turn, radius)) in circles.into_iter().enumerate() {
            let angle = f64::from(*class) * turn;
            centre[2 * index] += radius * libm::sin(angle) / classes.len() as f64;
            centre[2 * index + 1] += radius * libm::cos(angle) / classes.len() as f64;
        }
    }
    centre
}

fn tonal_distance(one: &[u8], other: &[u8]) -> f64 {
    let (one, other) = (tonal_centre(one), tonal_centre(other));
    let squares = one.iter().zip(other).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

fn chord_distance(chords: &[ChordChange]) -> f64 {
    let chords: Vec<ChordSymbol> = chords.iter().filter_map(|change| change.chord).collect();
    let pairs = chords.windows(2);
    let count = pairs.len().max(1) as f64;
    let distance =
        |pair: &[ChordSymbol]| tonal_distance(&pair[0].pitch_classes(), &pair[1].pitch_classes());
    pairs.map(distance).sum::<f64>() / count
}

/// Events with a note and a chord: pitch class, the chord's members, time.
fn harmonised(events: &[&Event]) -> Vec<(u8, Vec<u8>, f64)> {
    events
        .iter()
        .filter_map(|event| {
            let members = event.chord?.pitch_classes();
            Some((
                event.pitch? % 12,
                members,
                f64_from_quarters(event.duration),
            ))
        })
        .collect()
}

fn chord_tone_share(events: &[&Event]) -> f64 {
    let events = harmonised(events);
    let all: f64 = events.iter().map(|(_, _, time)| time).sum();
    let inside = events
        .iter()
        .filter(|(class, members, _)| members.contains(class));
    inside.map(|(_, _, time)| time).sum::<f64>() / all.max(1e-9)
}

fn melody_distance(events: &[&Event]) -> f64 {
    let events = harmonised(events);
    let all: f64 = events.iter().map(|(_, _, time)| time).sum();
    let weighted = events
        .iter()
        .map(|(class, members, time)| tonal_distance(&[*class], members) * time);
    weighted.sum::<f64>() / all.max(1e-9)
}

fn in_scale(score: &Score, notes: &[Note]) -> f64 {
    const SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];
    let Some(bar) = score.bars.first() else {
        return 0.0;
    };
    let up = bar.key.semitones_from_c();
    let inside = notes
        .iter()
        .filter(|note| {
            SCALE.contains(&((i16::from(note.pitch) - i16::from(up)).rem_euclid(12) as u8))
        })
        .count();
    inside as f64 / notes.len().max(1) as f64
}

fn range(notes: &[Note]) -> f64 {
    let lowest = notes.iter().map(|note| note.pitch).min();
    let highest = notes.iter().map(|note| note.pitch).max();
    match (lowest, highest) {
        (Some(lowest), Some(highest)) => f64::from(highest - lowest),
        _ => 0.0,
    }
}

impl Means {
    /// Names and values, in the order of the fields.
    pub const fn named(&self) -> [(&'static str, f64); 11] {
        [
            ("CHE", self.chord_entropy),
            ("CC", self.chords),
            ("CTD", self.chord_distance),
            ("CTR", self.chord_tones),
            ("MCTD", self.melody_distance),
            ("PCE", self.pitch_class_entropy),
            ("in scale", self.in_scale),
            ("range", self.range),
            ("notes/bar", self.notes_per_bar),
            ("rest", self.rest),
            ("chords/bar", self.chords_per_bar),
        ]
    }

    fn combined(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            chord_entropy: combine(self.chord_entropy, other.chord_entropy),
            chords: combine(self.chords, other.chords),
            chord_distance: combine(self.chord_distance, other.chord_distance),
            chord_tones: combine(self.chord_tones, other.chord_tones),
            melody_distance: combine(self.melody_distance, other.melody_distance),
            pitch_class_entropy: combine(self.pitch_class_entropy, other.pitch_class_entropy),
            in_scale: combine(self.in_scale, other.in_scale),
            range: combine(self.range, other.range),
            notes_per_bar: combine(self.notes_per_bar, other.notes_per_bar),
            rest: combine(self.rest, other.rest),
            chords_per_bar: combine(self.chords_per_bar, other.chords_per_bar),
        }
    }

    fn plus(&self, other: &Self) -> Self {
        self.combined(other, |one, other| one + other)
    }

    fn divided_by(&self, count: usize) -> Self {
        self.combined(self, |one, _| one / count.max(1) as f64)
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: usize| count as f64 / self.bars.max(1) as f64;
        let (songs, passages, bars) = (self.songs, self.passages, self.bars);
        writeln!(f, "{songs} songs, {passages} passages, {bars} bars")?;
        for (metre, bars) in &self.metres {
            write!(f, "{metre} {bars}  ")?;
        }
        let valence = self
            .valence
            .map(|bars| format!("{:.3}", share(bars)))
            .join(" ");
        write!(
            f,
            "\nvalence 2..-2: {valence}; minor {:.3}\n",
            share(self.minor_bars)
        )?;
        for (name, mean) in self.means.named() {
            write!(f, "{name} {mean:.3}  ")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks of the paper's rule, worked by hand.
    #[test]
    fn bars_of_known_valence() {
        let class = |symbols: &[&str]| {
            let events: Vec<Event> = symbols
                .iter()
                .map(|symbol| Event {
                    duration: Quarters::from_integer(1),
                    chord: symbol.parse().ok(),
                    pitch: None,
                })
                .collect();
            valence_class(&events)
        };
        assert_eq!(class(&["C", "G7"]), 1);
        assert_eq!(class(&["Am", "E"]), 0);
        assert_eq!(class(&["Dm7", "G7"]), -1);
        assert_eq!(class(&["Am", "Am", "E"]), -2);
        assert_eq!(class(&["-"]), 0);
    }

    #[test]
    fn entropy_of_four_equals_is_two_bits() {
        assert!((entropy(&[3.0; 4]) - 2.0).abs() < 1e-12);
        assert!(tonal_distance(&[0, 4, 7], &[0, 4, 7]) < 1e-12);
        assert!(tonal_distance(&[0, 4, 7], &[6, 10, 1]) > tonal_distance(&[0, 4, 7], &[9, 0, 4]));
    }
}
