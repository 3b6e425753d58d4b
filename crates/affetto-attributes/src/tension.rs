//! Tonal tension in the spiral array.
//!
//! Herremans & Chew, "Tension ribbons: quantifying and visualising tonal tension" (2016), on Chew,
//! "Mathematical and Computational Modeling of Tonality" (2014). Spelled pitches lie on a helix,
//! neighbours a fifth apart; a chord, a key or a stretch of music is a weighted mean of pitches.
//!
//! | quantity | is |
//! |---|---|
//! | cloud diameter | the largest distance between two pitches of a window: dissonance |
//! | cloud momentum | the distance between the centres of neighbouring windows: movement |
//! | tensile strain | the distance between a window's centre and the key: remoteness |
//!
//! Chord tones are spelled from the root as it is written, melody notes as the chord tone that they
//! double, else by the key.

use affetto_media::{
    ChordSymbol, Key, Mode, PitchName, Quality, Quarters, Score, f64_from_quarters,
};
use serde::{Deserialize, Serialize};

use crate::events::{Event, event_list, zero};
use crate::statistics::mean;

/// A place in the spiral array.
pub type Point = [f64; 3];

/// Radius of the helix.
const RADIUS: f64 = 1.0;

/// Rise of the helix per fifth, the square root of 2/15: fifths and major thirds are then equally
/// far.
const RISE: f64 = 0.365_148_371_670_110_75;

/// Weights of root, fifth and third in a triad, and of tonic, dominant and subdominant in a key
/// (Chew 2014).
const WEIGHTS: [f64; 3] = [0.536, 0.274, 0.19];

/// The share of the major dominant, and of the minor subdominant, in a minor key (Chew 2014).
const HARMONIC_SHARE: f64 = 0.75;

/// Diameters at which tension counts as 0 and as 1: the 5th and 95th percentile of the 10,338 sounding bars
/// of 305 songs first performed by 1930 (OpenEWLD).
pub const DIAMETER_RANGE: (f64, f64) = (1.79, 3.17);

/// Strains at which tension counts as 0 and as 1: the same percentiles of the same bars.
pub const STRAIN_RANGE: (f64, f64) = (0.35, 1.33);

/// The place of the pitch so many fifths above C.
pub fn pitch_position(fifths: i8) -> Point {
    let (sine, cosine) = match fifths.rem_euclid(4) {
        0 => (0.0, 1.0),
        1 => (1.0, 0.0),
        2 => (0.0, -1.0),
        _ => (-1.0, 0.0),
    };
    [RADIUS * sine, RADIUS * cosine, RISE * f64::from(fifths)]
}

/// The centre of the triad on a root.
pub fn triad_position(root_fifths: i8, mode: Mode) -> Point {
    let third = match mode {
        Mode::Major => 4,
        Mode::Minor => -3,
    };
    weighted([root_fifths, root_fifths + 1, root_fifths + third].map(pitch_position))
}

/// The centre of a key.
pub fn key_position(key: Key) -> Point {
    let tonic = key.tonic().fifths();
    let triad = |fifths, mode| triad_position(tonic + fifths, mode);
    let (dominant, subdominant) = match key.mode() {
        Mode::Major => (triad(1, Mode::Major), triad(-1, Mode::Major)),
        Mode::Minor => (
            blend(triad(1, Mode::Major), triad(1, Mode::Minor)),
            blend(triad(-1, Mode::Minor), triad(-1, Mode::Major)),
        ),
    };
    weighted([triad(0, key.mode()), dominant, subdominant])
}

fn weighted(points: [Point; 3]) -> Point {
    centre(points.into_iter().zip(WEIGHTS))
}

fn blend(usual: Point, other: Point) -> Point {
    centre([(usual, HARMONIC_SHARE), (other, 1.0 - HARMONIC_SHARE)])
}

/// The weighted mean; the origin where the weights sum to 0.
fn centre(points: impl IntoIterator<Item = (Point, f64)>) -> Point {
    let mut sum = [0.0; 3];
    let mut total = 0.0;
    for (point, weight) in points {
        total += weight;
        for (axis, value) in sum.iter_mut().zip(point) {
            *axis += weight * value;
        }
    }
    sum.map(|axis| if total > 0.0 { axis / total } else { 0.0 })
}

fn distance(a: Point, b: Point) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    squares.sqrt()
}

/// The tones of a chord, as places on the line of fifths; a bass that is not among them comes last.
pub fn chord_tones(chord: ChordSymbol) -> Vec<i8> {
    let root = chord.root.fifths();
    let mut tones: Vec<i8> = chord
        .quality
        .intervals()
        .iter()
        .map(|interval| root + fifths_of_interval(chord.quality, *interval))
        .collect();
    let bass = chord.bass.map(PitchName::fifths);
    tones.extend(bass.filter(|bass| {
        !tones
            .iter()
            .any(|tone| pitch_class(*tone) == pitch_class(*bass))
    }));
    tones
}

/// How an interval above the root is spelled: a diminished seventh and a raised ninth differ from the sixth and
/// the minor third that they sound like.
const fn fifths_of_interval(quality: Quality, interval: u8) -> i8 {
    match (quality, interval) {
        (Quality::Diminished7, 9) => -9,
        (_, 15) => 9,
        _ => [0, -5, 2, -3, 4, -1, -6, 1, 8, 3, -2, 5][interval as usize % 12],
    }
}

const fn pitch_class(fifths: i8) -> u8 {
    (fifths as i16 * 7).rem_euclid(12) as u8
}

/// The tension of a chord or of a stretch of music against a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChordTension {
    /// The cloud diameter, from 0.
    pub diameter: f64,
    /// The tensile strain, from 0.
    pub strain: f64,
}

impl ChordTension {
    /// One number, 0..=1: the mean of diameter and strain, each scaled so that [`DIAMETER_RANGE`] and
    /// [`STRAIN_RANGE`] become 0..=1.
    pub fn combined(self) -> f64 {
        let scaled =
            |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)).clamp(0.0, 1.0);
        0.5 * (scaled(self.diameter, DIAMETER_RANGE) + scaled(self.strain, STRAIN_RANGE))
    }
}

/// The tension of one chord in a key, its tones weighing the same.
pub fn chord_tension(chord: ChordSymbol, key: Key) -> ChordTension {
    let cloud = Cloud::of_chord(chord);
    ChordTension {
        diameter: cloud.diameter(),
        strain: distance(cloud.centre(), key_position(key)),
    }
}

/// The cloud momentum from one chord to the next.
pub fn chord_momentum(from: ChordSymbol, to: ChordSymbol) -> f64 {
    distance(Cloud::of_chord(from).centre(), Cloud::of_chord(to).centre())
}

/// Spelled pitches, each with the time for which it sounds.
#[derive(Default)]
struct Cloud(Vec<(i8, f64)>);

impl Cloud {
    fn of_chord(chord: ChordSymbol) -> Self {
        let tones = chord_tones(chord);
        Self(tones.into_iter().map(|tone| (tone, 1.0)).collect())
    }

    fn add(&mut self, fifths: i8, quarters: f64) {
        match self.0.iter_mut().find(|(pitch, _)| *pitch == fifths) {
            Some((_, weight)) => *weight += quarters,
            None => self.0.push((fifths, quarters)),
        }
    }

    /// What sounds in `quarters` of an event.
    fn add_event(&mut self, event: &Event, key: Key, quarters: f64) {
        let tones = event.chord.map(chord_tones).unwrap_or_default();
        for tone in &tones {
            self.add(*tone, quarters);
        }
        if let Some(pitch) = event.pitch.map(|pitch| pitch % 12) {
            let doubled = tones.into_iter().find(|tone| pitch_class(*tone) == pitch);
            self.add(
                doubled.unwrap_or_else(|| key.spell(pitch).fifths()),
                quarters,
            );
        }
    }

    fn is_silent(&self) -> bool {
        self.0.is_empty()
    }

    fn centre(&self) -> Point {
        centre(
            self.0
                .iter()
                .map(|(fifths, weight)| (pitch_position(*fifths), *weight)),
        )
    }

    fn diameter(&self) -> f64 {
        let places: Vec<Point> = self
            .0
            .iter()
            .map(|(fifths, _)| pitch_position(*fifths))
            .collect();
        let pairs = places.iter().enumerate().flat_map(|(index, a)| {
            let rest = &places[index + 1..];
            rest.iter().map(|b| distance(*a, *b))
        });
        pairs.fold(0.0, f64::max)
    }
}

/// The tension of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowTension {
    /// In quarter notes from the beginning.
    pub onset: Quarters,
    /// The index of its bar.
    pub bar: usize,
    /// The cloud diameter.
    pub diameter: f64,
    /// The cloud momentum from the last window in which something sounded; 0 for the first.
    pub momentum: f64,
    /// The tensile strain against the key in force.
    pub strain: f64,
}

/// The tension of one bar: the means over its windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BarTension {
    /// The cloud diameter.
    pub diameter: f64,
    /// The cloud momentum.
    pub momentum: f64,
    /// The tensile strain.
    pub strain: f64,
}

impl BarTension {
    /// Diameter and strain in one number, 0..=1, as [`ChordTension::combined`]; 0 for a silent bar.
    pub fn combined(self) -> f64 {
        let Self {
            diameter, strain, ..
        } = self;
        ChordTension { diameter, strain }.combined()
    }
}

/// The tension of every window of one beat in which something sounds. Windows begin anew with each
/// bar; its last one may be shorter.
pub fn tension_windows(score: &Score) -> Vec<WindowTension> {
    let events = event_list(score);
    let onsets = score.bar_onsets();
    let mut windows: Vec<WindowTension> = Vec::new();
    let mut last_centre: Option<Point> = None;
    for (index, bar) in score.bars.iter().enumerate() {
        let mut onset = onsets[index];
        while onset < onsets[index + 1] {
            let end = (onset + bar.metre.beat()).min(onsets[index + 1]);
            let cloud = cloud_between(&events, bar.key, onset, end);
            if !cloud.is_silent() {
                let centre = cloud.centre();
                windows.push(WindowTension {
                    onset,
                    bar: index,
                    diameter: cloud.diameter(),
                    momentum: last_centre.map_or(0.0, |last| distance(last, centre)),
                    strain: distance(centre, key_position(bar.key)),
                });
                last_centre = Some(centre);
            }
            onset = end;
        }
    }
    windows
}

fn cloud_between(events: &[Event], key: Key, start: Quarters, end: Quarters) -> Cloud {
    let first = events.partition_point(|event| event.end() <= start);
    let mut cloud = Cloud::default();
    for event in events[first..].iter().take_while(|event| event.onset < end) {
        let sounding = event.end().min(end) - event.onset.max(start);
        if sounding > zero() {
            cloud.add_event(event, key, f64_from_quarters(sounding));
        }
    }
    cloud
}

/// The tension of every bar; 0 throughout where nothing sounds.
pub fn tension_per_bar(score: &Score) -> Vec<BarTension> {
    let windows = tension_windows(score);
    let mut left = &windows[..];
    (0..score.bars.len())
        .map(|bar| {
            let count = left.partition_point(|window| window.bar <= bar);
            let (own, rest) = left.split_at(count);
            left = rest;
            bar_mean(own)
        })
        .collect()
}

fn bar_mean(windows: &[WindowTension]) -> BarTension {
    let mean_of = |value: fn(&WindowTension) -> f64| {
        let values: Vec<f64> = windows.iter().map(value).collect();
        mean(&values)
    };
    BarTension {
        diameter: mean_of(|window| window.diameter),
        momentum: mean_of(|window| window.momentum),
        strain: mean_of(|window| window.strain),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet, transposed};
    use proptest::prelude::*;

    fn chord(symbol: &str) -> ChordSymbol {
        symbol.parse().unwrap()
    }

    fn key(name: &str) -> Key {
        name.parse().unwrap()
    }

    fn near(a: Point, b: Point) -> bool {
        distance(a, b) < 1e-5
    }

    /// With this rise a fifth and a major third are the same distance, the root of 32/15; a minor third is
    /// the root of 3.2.
    #[test]
    fn distances_worked_by_hand() {
        let apart = |fifths| distance(pitch_position(0), pitch_position(fifths));
        assert!((apart(1) - (32.0f64 / 15.0).sqrt()).abs() < 1e-12);
        assert!((apart(4) - apart(1)).abs() < 1e-12);
        assert!((apart(3) - 3.2f64.sqrt()).abs() < 1e-12);
        assert!((apart(6) - 8.8f64.sqrt()).abs() < 1e-12); // tritone
    }

    /// C at (0, 1, 0), G at (1, 0, h), E at (0, 1, 4h).
    #[test]
    fn the_c_major_triad_and_key() {
        let triad = triad_position(0, Mode::Major);
        assert!(near(triad, [0.274, 0.726, 1.034 * RISE]), "{triad:?}");
        let c_major = key_position(Key::C_MAJOR);
        assert!(
            near(c_major, [0.207848, 0.36612, 1.118 * RISE]),
            "{c_major:?}"
        );
    }

    /// Tonic (A, E, C): .536 (-1, 0, 3h) + .274 (0, 1, 4h) + .19 (0, 1, 0) = (-.536, .464, 2.704h).
    #[test]
    fn the_a_minor_triad() {
        let triad = triad_position(3, Mode::Minor);
        assert!(near(triad, [-0.536, 0.464, 2.704 * RISE]), "{triad:?}");
    }

    #[test]
    fn diameters_worked_by_hand() {
        let diameter = |symbol| chord_tension(chord(symbol), Key::C_MAJOR).diameter;
        assert!((diameter("C") - 3.2f64.sqrt()).abs() < 1e-12); // E and G
        assert!((diameter("Am") - 3.2f64.sqrt()).abs() < 1e-12);
        assert!((diameter("Bdim") - 8.8f64.sqrt()).abs() < 1e-12); // B and F
        assert!((diameter("G7") - 8.8f64.sqrt()).abs() < 1e-12);
        assert!(diameter("C5") < diameter("C") && diameter("C") < diameter("Cmaj7"));
        assert!(diameter("Cmaj7") < diameter("Caug") && diameter("Caug") < diameter("Bdim"));
        assert!(diameter("Bdim") < diameter("Bdim7")); // B and A flat, nine fifths apart
    }

    /// All twelve pitch classes spread over eleven fifths: wider than any chord above.
    #[test]
    fn a_chromatic_cluster_is_widest() {
        let score = sheet("4/4", "C major", 1)
            .run(&[60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71], 1, 12)
            .build();
        let cluster = tension_windows(&score)[0].diameter;
        assert!(
            (cluster - (2.0f64 + 121.0 * 2.0 / 15.0).sqrt()).abs() < 1e-12,
            "{cluster}"
        );
    }

    #[test]
    fn remote_chords_strain_more() {
        let strain = |symbol| chord_tension(chord(symbol), Key::C_MAJOR).strain;
        let nearest_first = ["C", "Am", "Fm", "Ab", "Db", "F#"];
        for pair in nearest_first.windows(2) {
            assert!(strain(pair[0]) < strain(pair[1]), "{pair:?}");
        }
        assert!(chord_tension(chord("Am"), key("A minor")).strain < strain("Am") + 0.5);
        assert!(
            chord_tension(chord("Cm"), key("C minor")).strain
                < chord_tension(chord("C#m"), key("C minor")).strain
        );
    }

    #[test]
    fn every_chord_is_spelled_as_it_sounds() {
        for quality in Quality::ALL {
            let chord = ChordSymbol::new("D".parse().unwrap(), quality);
            let sounds: Vec<u8> = chord_tones(chord).into_iter().map(pitch_class).collect();
            assert_eq!(sounds, chord.pitch_classes(), "{quality:?}");
        }
        let names: Vec<String> = chord_tones(chord("Bdim7/C"))
            .into_iter()
            .map(|tone| PitchName::from_fifths(tone).unwrap().to_string())
            .collect();
        assert_eq!(names, ["B", "D", "F", "Ab", "C"]);
    }

    /// C major for a bar of C, then the same notes over F# major.
    #[test]
    fn a_bar_is_the_mean_of_its_beats() {
        let score = sheet("4/4", "C major", 3)
            .chord(0, 1, "C")
            .chord(4, 1, "F#")
            .chord(6, 1, "N.C.")
            .build();
        let bars = tension_per_bar(&score);
        assert_eq!(tension_windows(&score).len(), 6);
        let (c, f_sharp) = (chord("C"), chord("F#"));
        assert!((bars[0].strain - chord_tension(c, Key::C_MAJOR).strain).abs() < 1e-12);
        assert_eq!(bars[0].momentum, 0.0);
        assert!((bars[1].strain - chord_tension(f_sharp, Key::C_MAJOR).strain).abs() < 1e-12);
        assert!((bars[1].momentum - chord_momentum(c, f_sharp) / 2.0).abs() < 1e-12);
        assert_eq!(bars[2], BarTension::default());
        assert!(bars[0].combined() < bars[1].combined());
    }

    /// A foreign note makes the beat wider; doubling a chord tone does not.
    #[test]
    fn the_melody_belongs_to_the_cloud() {
        let with = |pitch| {
            let score = sheet("4/4", "C major", 1)
                .chord(0, 1, "C")
                .note(0, 1, pitch, 4, 1);
            tension_per_bar(&score.build())[0]
        };
        let plain = tension_per_bar(&sheet("4/4", "C major", 1).chord(0, 1, "C").build())[0];
        assert_eq!(with(64).diameter, plain.diameter);
        assert!(with(66).diameter > with(65).diameter && with(65).diameter > plain.diameter);
        // A raised fifth over the augmented chord is its G sharp, not the A flat of the key.
        let augmented = sheet("4/4", "F major", 1)
            .chord(0, 1, "Caug")
            .note(0, 1, 68, 4, 1);
        assert_eq!(
            tension_per_bar(&augmented.build())[0].diameter,
            chord_tension(chord("Caug"), key("F major")).diameter
        );
    }

    proptest! {
        #[test]
        fn tension_is_finite_and_combined_within_bounds(score in any_score()) {
            let bars = tension_per_bar(&score);
            prop_assert_eq!(bars.len(), score.bars.len());
            for bar in bars {
                prop_assert!(bar.diameter.is_finite() && bar.momentum.is_finite() && bar.strain.is_finite());
                prop_assert!((0.0..=1.0).contains(&bar.combined()));
            }
        }

        #[test]
        fn transposing_changes_nothing(score in any_score(), semitones in -6i8..=6) {
            if let Some(moved) = transposed(&score, semitones) {
                for (a, b) in tension_per_bar(&score).iter().zip(tension_per_bar(&moved)) {
                    prop_assert!((a.diameter - b.diameter).abs() < 1e-9);
                    prop_assert!((a.momentum - b.momentum).abs() < 1e-9);
                    prop_assert!((a.strain - b.strain).abs() < 1e-9);
                }
            }
        }
    }
}
