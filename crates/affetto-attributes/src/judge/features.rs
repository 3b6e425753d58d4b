//! What the judge hears: none of it is an attribute that music is asked for.

use affetto_media::midi::Performance;

use crate::{
    compare::pearson,
    statistics::{deviation, mean},
    tonality::{MAJOR_PROFILE, MINOR_PROFILE},
};

/// Between the classes of time from one onset to the next, in seconds.
const GAPS: [f64; 12] = [
    0.04, 0.08, 0.13, 0.18, 0.24, 0.3, 0.4, 0.55, 0.75, 1.0, 1.5, 2.5,
];
/// Between the classes of note length, in seconds.
const LENGTHS: [f64; 10] = [0.1, 0.17, 0.25, 0.35, 0.5, 0.75, 1.1, 1.6, 2.5, 4.0];
/// Between the classes of steps of the top line, in semitones up.
const STEPS: [f64; 10] = [-12.5, -7.5, -4.5, -2.5, -0.5, 0.5, 2.5, 4.5, 7.5, 12.5];
/// Between octaves of the keyboard.
const OCTAVES: [f64; 6] = [35.5, 47.5, 59.5, 71.5, 83.5, 95.5];
/// Notes closer than this begin together, in seconds.
const TOGETHER: f64 = 0.03;
/// Seconds of a stretch whose harmony is named.
const STRETCH: f64 = 1.0;
/// Chords that a stretch is compared with: semitones above the root.
const CHORDS: [&[usize]; 5] = [
    &[0, 4, 7],
    &[0, 3, 7],
    &[0, 3, 6],
    &[0, 4, 7, 10],
    &[0, 4, 7, 11],
];

/// A note in seconds.
#[derive(Clone, Copy, Debug)]
struct Note {
    onset: f64,
    end: f64,
    pitch: f64,
    velocity: f64,
}

/// Numbers that describe a performance, by name; all finite, 0 where there is nothing to measure.
pub fn features(performance: &Performance) -> Vec<(String, f64)> {
    let notes = notes(performance);
    let onsets: Vec<&[Note]> = notes
        .chunk_by(|a, b| b.onset - a.onset < TOGETHER)
        .collect();
    let mut features = Features::default();
    features.tonality(&notes, &onsets);
    features.loudness(&notes, &onsets);
    features.time(&notes, &onsets);
    features.lines(&onsets);
    features.texture(&notes, &onsets);
    features.harmony(&notes);
    features.0
}

/// By onset, then pitch.
fn notes(performance: &Performance) -> Vec<Note> {
    let clock = performance.clock();
    let mut notes: Vec<Note> = performance
        .notes
        .iter()
        .map(|note| Note {
            onset: clock.seconds(note.onset_tick),
            end: clock.seconds(note.end_tick),
            pitch: f64::from(note.pitch),
            velocity: f64::from(note.velocity),
        })
        .collect();
    notes.sort_by(|a, b| {
        (a.onset, a.pitch)
            .partial_cmp(&(b.onset, b.pitch))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    notes
}

fn class(note: &Note) -> usize {
    note.pitch as usize % 12
}

#[derive(Default)]
struct Features(Vec<(String, f64)>);

impl Features {
    fn add(&mut self, name: impl Into<String>, value: f64) {
        let value = if value.is_finite() { value } else { 0.0 };
        self.0.push((name.into(), value));
    }

    /// The shares of values in the classes between `edges`.
    fn histogram(&mut self, name: &str, values: &[f64], edges: &[f64]) {
        let mut counts = vec![0.0; edges.len() + 1];
        for value in values {
            counts[edges.partition_point(|edge| edge <= value)] += 1.0;
        }
        for (at, count) in counts.iter().enumerate() {
            self.add(format!("{name} {at}"), count / values.len() as f64);
        }
    }

    /// How well major and minor keys fit, and how much sounds on each degree of the one that fits best, in all and in the
    /// bass.
    fn tonality(&mut self, notes: &[Note], onsets: &[&[Note]]) {
        let mut sounds = [0.0; 12];
        for note in notes {
            sounds[class(note)] += (note.end - note.onset).min(STRETCH);
        }
        let best = |profile: &[f64; 12]| {
            let fits = (0..12).map(|tonic| {
                let turned: Vec<f64> = (0..12).map(|at| profile[(at + 12 - tonic) % 12]).collect();
                (pearson(&sounds, &turned).unwrap_or(0.0), tonic)
            });
            fits.fold(
                (-1.0, 0),
                |best, fit| if fit.0 > best.0 { fit } else { best },
            )
        };
        let (major, minor) = (best(&MAJOR_PROFILE), best(&MINOR_PROFILE));
        self.add("fit of major", major.0);
        self.add("fit of minor", minor.0);
        let tonic = if major.0 >= minor.0 { major.1 } else { minor.1 };
        let sum: f64 = sounds.iter().sum();
        let mut bass = [0.0; 12];
        for onset in onsets {
            bass[class(&onset[0])] += 1.0 / onsets.len() as f64;
        }
        for degree in 0..12 {
            self.add(
                format!("degree {degree}"),
                sounds[(degree + tonic) % 12] / sum,
            );
            self.add(format!("bass degree {degree}"), bass[(degree + tonic) % 12]);
        }
    }

    /// Softest and loudest, how loudness moves, and which voice is louder.
    fn loudness(&mut self, notes: &[Note], onsets: &[&[Note]]) {
        let velocities: Vec<f64> = notes.iter().map(|note| note.velocity).collect();
        for share in [0.1, 0.5, 0.9] {
            self.add(format!("velocity at {share}"), quantile(&velocities, share));
        }
        let seconds: Vec<f64> = notes.iter().map(|note| note.onset).collect();
        self.add(
            "velocity trend",
            pearson(&seconds, &velocities).unwrap_or(0.0),
        );
        let pitches: Vec<f64> = notes.iter().map(|note| note.pitch).collect();
        self.add(
            "velocity by pitch",
            pearson(&pitches, &velocities).unwrap_or(0.0),
        );
        let loudest = onsets
            .iter()
            .map(|onset| largest(onset.iter().map(|note| note.velocity)));
        self.add("loudest of an onset", mean(&loudest.collect::<Vec<f64>>()));
    }

    /// Times between onsets and lengths of notes.
    fn time(&mut self, notes: &[Note], onsets: &[&[Note]]) {
        let gaps: Vec<f64> = onsets
            .windows(2)
            .map(|pair| pair[1][0].onset - pair[0][0].onset)
            .collect();
        self.histogram("gap", &gaps, &GAPS);
        let logs: Vec<f64> = gaps.iter().map(|gap| libm::log2(gap.max(0.01))).collect();
        self.add("gap, mean of logarithms", mean(&logs));
        self.add("gap, deviation of logarithms", deviation(&logs));
        let turns = logs.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        self.add("gap, change", mean(&turns.collect::<Vec<f64>>()));
        let lengths: Vec<f64> = notes.iter().map(|note| note.end - note.onset).collect();
        self.histogram("length", &lengths, &LENGTHS);
        let logs: Vec<f64> = lengths
            .iter()
            .map(|length| libm::log2(length.max(0.01)))
            .collect();
        self.add("length, deviation of logarithms", deviation(&logs));
    }

    /// Steps of the highest notes and of the lowest.
    fn lines(&mut self, onsets: &[&[Note]]) {
        let top: Vec<f64> = onsets
            .iter()
            .map(|onset| onset[onset.len() - 1].pitch)
            .collect();
        let bass: Vec<f64> = onsets.iter().map(|onset| onset[0].pitch).collect();
        let steps =
            |line: &[f64]| -> Vec<f64> { line.windows(2).map(|pair| pair[1] - pair[0]).collect() };
        self.histogram("top step", &steps(&top), &STEPS);
        self.add(
            "top step, size",
            mean(
                &steps(&top)
                    .iter()
                    .map(|step| step.abs())
                    .collect::<Vec<f64>>(),
            ),
        );
        self.add(
            "bass step, size",
            mean(
                &steps(&bass)
                    .iter()
                    .map(|step| step.abs())
                    .collect::<Vec<f64>>(),
            ),
        );
        let width: Vec<f64> = top
            .iter()
            .zip(&bass)
            .map(|(top, bass)| top - bass)
            .collect();
        self.add("width", mean(&width));
        self.add("width, deviation", deviation(&width));
    }

    /// How many notes begin and sound together, and where.
    fn texture(&mut self, notes: &[Note], onsets: &[&[Note]]) {
        let sizes: Vec<f64> = onsets.iter().map(|onset| onset.len() as f64).collect();
        self.histogram("notes of an onset", &sizes, &[1.5, 2.5, 3.5, 4.5]);
        let pitches: Vec<f64> = notes.iter().map(|note| note.pitch).collect();
        self.histogram("octave", &pitches, &OCTAVES);
        let last = notes.iter().map(|note| note.end).fold(0.0, f64::max);
        let sounding: Vec<f64> = (0..(last / 0.25) as usize)
            .map(|at| {
                let now = 0.25 * at as f64 + 0.125;
                let sound = |note: &&Note| note.onset <= now && now < note.end;
                notes.iter().filter(sound).count() as f64
            })
            .collect();
        for share in [0.1, 0.5, 0.9] {
            self.add(format!("sounding at {share}"), quantile(&sounding, share));
        }
    }

    /// Which kinds of chord fit each second best, how well, and how often roots change.
    fn harmony(&mut self, notes: &[Note]) {
        let last = notes.iter().map(|note| note.end).fold(0.0, f64::max);
        let mut kinds = [0.0; CHORDS.len()];
        let (mut fits, mut roots) = (Vec::new(), Vec::new());
        for at in 0..(last / STRETCH).ceil() as usize {
            let (begin, end) = (STRETCH * at as f64, STRETCH * (at + 1) as f64);
            let mut sounds = [0.0; 12];
            for note in notes {
                sounds[class(note)] += (note.end.min(end) - note.onset.max(begin)).max(0.0);
            }
            let sum: f64 = sounds.iter().sum();
            if sum > 0.0 {
                let (fit, kind, root) = best_chord(&sounds, sum);
                kinds[kind] += 1.0;
                fits.push(fit);
                roots.push(root);
            }
        }
        for (at, kind) in kinds.iter().enumerate() {
            self.add(format!("chord {at}"), kind / fits.len() as f64);
        }
        self.add("chord, fit", mean(&fits));
        let changes: Vec<f64> = roots
            .windows(2)
            .map(|pair| f64::from(u8::from(pair[0] != pair[1])))
            .collect();
        self.add("chord, change", mean(&changes));
    }
}

/// How well the best chord fits, its kind and its root. Chords of four notes have it harder, since they cover more.
fn best_chord(sounds: &[f64; 12], sum: f64) -> (f64, usize, usize) {
    let mut best = (f64::MIN, 0, 0);
    for (kind, chord) in CHORDS.iter().enumerate() {
        for root in 0..12 {
            let inside: f64 = chord.iter().map(|above| sounds[(root + above) % 12]).sum();
            let fit = inside / sum - 0.07 * (chord.len() - 3) as f64;
            if fit > best.0 {
                best = (fit, kind, root);
            }
        }
    }
    best
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len() as f64) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}
