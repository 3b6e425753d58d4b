//! The bass: roots at changes, fifths and octaves after them, steps that lead into the next chord, and in
//! lively 4/4 with seventh chords a walking line.

use affetto_media::{Key, Metre, Mode, Note, Quarters};

use super::{
    Accompaniment, Setting,
    cell::Cell,
    dynamics::Loudness,
    grid::{Pulse, Weight},
    pattern,
    voicing::Voicing,
};

/// The lowest and highest note of the bass.
pub(super) const RANGE: std::ops::RangeInclusive<u8> = 28..=55;

/// Roots stay at or below C3, so that fifths and octaves have room above.
const HIGHEST_ROOT: u8 = 45;
/// Where the bass line is drawn to.
const MIDDLE: u8 = 36;

/// From this arousal on, held basses move within the bar.
const MOVING: f64 = 0.2;
/// From this arousal on, steps lead into the next chord.
const LEADING: f64 = 0.3;
/// From this arousal on, the bass of a pulse plays every pulse.
const DRIVING: f64 = 0.5;
/// From this arousal on, the bass may walk.
const WALKING: f64 = 0.6;
/// A walking bass takes at least this long for a step, in seconds.
const FASTEST_WALK_SECS: f64 = 0.2;

/// General MIDI 32 (acoustic bass), or 33 (finger bass) under a pulse that does not walk.
pub(super) fn program(setting: &Setting<'_>) -> u8 {
    let finger = setting.accompaniment == Accompaniment::Pulse && !setting.walks;
    if finger { 33 } else { 32 }
}

/// What a stroke of the bass plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Root,
    Fifth,
    Octave,
    /// A step below or above the next root.
    Approach,
}

/// The notes of the bass part.
pub(super) fn notes(setting: &Setting<'_>, voicings: &[Voicing]) -> Vec<Note> {
    let roots = roots(&setting.cells);
    let mut notes = Vec::new();
    for (index, cell) in setting.cells.iter().enumerate() {
        let follows = setting
            .cells
            .get(index + 1)
            .filter(|next| next.start == cell.end);
        let line = Line {
            cell,
            root: roots[index],
            next_root: follows.map(|_| roots[index + 1]),
            highest: highest(&voicings[index]),
        };
        let strokes = match setting.walks && setting.grid(cell).metre == Metre::COMMON && !cell.last
        {
            true => line.walking(setting),
            false => line.patterned(setting),
        };
        for (place, (onset, pitch)) in strokes.iter().enumerate() {
            let next = strokes.get(place + 1).map_or(cell.end, |stroke| stroke.0);
            let note = Note {
                onset: *onset,
                pitch: *pitch,
                duration: line.duration(setting, *onset, next),
                velocity: setting.levels.velocity(Loudness {
                    onset: *onset,
                    weight: setting.grid(cell).weight(*onset),
                    accent: 1.0,
                    above: 3.0,
                }),
            };
            notes.extend(setting.below_melody(note));
        }
    }
    notes
}

/// Whether the bass walks in the bars of 4/4: the piece is lively, and at least half of its chords have a sixth
/// or a seventh.
pub(super) fn walks(setting: &Setting<'_>) -> bool {
    let rich = |cell: &&Cell| {
        cell.chord
            .quality
            .intervals()
            .iter()
            .any(|tone| (9..=11).contains(tone))
    };
    let quarter = setting.seconds(Quarters::from_integer(0), Quarters::from_integer(1));
    setting.mean_arousal >= WALKING
        && matches!(
            setting.accompaniment,
            Accompaniment::Pulse | Accompaniment::Block
        )
        && quarter >= FASTEST_WALK_SECS
        && setting.cells.iter().filter(rich).count() * 2 >= setting.cells.len()
}

/// The bass stays below the chord.
fn highest(voicing: &[u8]) -> u8 {
    let below_chord = voicing.first().map_or(*RANGE.end(), |lowest| lowest - 1);
    below_chord.min(*RANGE.end())
}

/// The lowest note of each cell: near the one before, and near the middle.
fn roots(cells: &[Cell]) -> Vec<u8> {
    let mut last = MIDDLE;
    cells
        .iter()
        .map(|cell| {
            let octaves = (*RANGE.start()..=HIGHEST_ROOT).filter(|pitch| pitch % 12 == cell.bass());
            let away = |pitch: &u8| 2 * pitch.abs_diff(last) + pitch.abs_diff(MIDDLE);
            last = octaves.min_by_key(away).unwrap_or(last);
            last
        })
        .collect()
}

/// The bass of one cell.
struct Line<'a> {
    cell: &'a Cell,
    root: u8,
    /// The root that follows without a gap.
    next_root: Option<u8>,
    highest: u8,
}

impl Line<'_> {
    /// Strokes by the pattern.
    fn patterned(&self, setting: &Setting<'_>) -> Vec<(Quarters, u8)> {
        if self.cell.last {
            return vec![(self.cell.start, self.root)];
        }
        let tones = self.tones(setting);
        let onsets = tones.iter().map(|(onset, _)| *onset).collect();
        let kept = pattern::thin(setting, self.cell, onsets);
        let kept = tones.into_iter().filter(|(onset, _)| kept.contains(onset));
        kept.map(|(onset, tone)| (onset, self.pitch(tone)))
            .collect()
    }

    fn tones(&self, setting: &Setting<'_>) -> Vec<(Quarters, Tone)> {
        let (grid, arousal) = (setting.grid(self.cell), setting.arousal(self.cell));
        let every_group = match setting.accompaniment {
            Accompaniment::Block | Accompaniment::Arpeggio => arousal >= MOVING,
            _ => true,
        };
        let every_pulse = setting.accompaniment == Accompaniment::Pulse
            && arousal >= DRIVING
            && !grid.metre.is_compound();
        let leads = match setting.accompaniment {
            Accompaniment::Waltz | Accompaniment::Pulse => arousal >= LEADING,
            _ => false,
        };
        // Where a bar has one group only, root and fifth alternate from bar to bar.
        let mut groups = match grid.group_count() {
            1 if every_group && !every_pulse => self.cell.since,
            _ => 0,
        };
        let mut tones = vec![(self.cell.start, alternating(groups))];
        for pulse in grid.between(self.cell.start, self.cell.end) {
            let strong = pulse.weight >= Weight::Group;
            if leads && !strong && self.leads_over(pulse) && pulse.onset > self.cell.start {
                tones.push((pulse.onset, Tone::Approach));
            } else if pulse.onset == self.cell.start {
                continue;
            } else if strong && every_group {
                groups += 1;
                tones.push((pulse.onset, alternating(groups)));
            } else if every_pulse {
                tones.push((pulse.onset, Tone::Octave));
            }
        }
        tones
    }

    /// Whether `pulse` is the last before another root.
    fn leads_over(&self, pulse: &Pulse) -> bool {
        pulse.end() == self.cell.end && self.next_root.is_some_and(|next| next != self.root)
    }

    fn pitch(&self, tone: Tone) -> u8 {
        let octave = Some(self.root + 12).filter(|pitch| *pitch <= self.highest);
        match tone {
            Tone::Root => self.root,
            Tone::Octave => octave.unwrap_or(self.root),
            Tone::Fifth => self.fifth().or(octave).unwrap_or(self.root),
            Tone::Approach => self.approach().unwrap_or(self.root),
        }
    }

    /// The fifth of a chord in root position, below the root where there is no room above.
    fn fifth(&self) -> Option<u8> {
        let slash = self.cell.bass() != self.cell.chord.root.pitch_class();
        let intervals = self.cell.chord.quality.intervals();
        let fifth = intervals
            .iter()
            .find(|tone| (6..=8).contains(*tone) && !slash)?;
        let (above, below) = (self.root + fifth, self.root + fifth - 12);
        let roomy = above <= self.highest.min(HIGHEST_ROOT + 2);
        if roomy || !RANGE.contains(&below) {
            (above <= self.highest).then_some(above)
        } else {
            Some(below)
        }
    }

    /// A step from the next root, on the side that the line comes from; in the key where there is one.
    fn approach(&self) -> Option<u8> {
        let next = self.next_root?;
        let below = [next - 1, next - 2];
        let above = [next + 1, next + 2];
        let mut steps = if self.root < next {
            [below[0], below[1], above[0], above[1]]
        } else {
            [above[0], above[1], below[0], below[1]]
        };
        steps.sort_by_key(|step| (!in_key(self.cell.key, *step), *step == self.root));
        let reachable = |step: &u8| RANGE.contains(step) && *step <= self.highest;
        steps.into_iter().find(reachable)
    }

    /// A note on every pulse: the root, chord tones towards the next root, a step into it.
    fn walking(&self, setting: &Setting<'_>) -> Vec<(Quarters, u8)> {
        let grid = setting.grid(self.cell);
        let mut strokes = vec![(self.cell.start, self.root)];
        let mut rises = self.next_root.is_none_or(|next| next >= self.root);
        for pulse in grid.between(self.cell.start, self.cell.end) {
            if pulse.onset == self.cell.start {
                continue;
            }
            let last = strokes.last().map_or(self.root, |stroke| stroke.1);
            let leads = pulse.weight == Weight::Pulse && self.leads_over(pulse);
            let pitch = match leads.then(|| self.approach()).flatten() {
                Some(pitch) => pitch,
                None => match self.chord_tone(last, rises) {
                    Some(pitch) => pitch,
                    None => {
                        rises = !rises;
                        self.chord_tone(last, rises).unwrap_or(self.root)
                    }
                },
            };
            strokes.push((pulse.onset, pitch));
        }
        let onsets = strokes.iter().map(|stroke| stroke.0).collect();
        let kept = pattern::thin(setting, self.cell, onsets);
        strokes.retain(|stroke| kept.contains(&stroke.0));
        strokes
    }

    /// The next chord tone above or below `pitch`.
    fn chord_tone(&self, pitch: u8, rises: bool) -> Option<u8> {
        let classes = self.cell.chord.pitch_classes();
        let sounds = |pitch: &u8| classes.contains(&(pitch % 12));
        if rises {
            (pitch + 1..=self.highest.min(HIGHEST_ROOT + 5)).find(sounds)
        } else {
            (*RANGE.start()..pitch).rev().find(sounds)
        }
    }

    /// Until the next stroke; in a lively waltz one pulse.
    fn duration(&self, setting: &Setting<'_>, onset: Quarters, next: Quarters) -> Quarters {
        let short = setting.accompaniment == Accompaniment::Waltz
            && setting.arousal(self.cell) >= 0.0
            && !self.cell.last;
        let pulse = setting
            .grid(self.cell)
            .pulses
            .first()
            .map(|pulse| pulse.length);
        let longest = pulse.filter(|_| short).unwrap_or(next - onset);
        longest.min(next - onset)
    }
}

const fn alternating(groups: usize) -> Tone {
    if groups.is_multiple_of(2) {
        Tone::Root
    } else {
        Tone::Fifth
    }
}

/// Whether `pitch` belongs to the scale; minor has both sevenths.
fn in_key(key: Key, pitch: u8) -> bool {
    let scale: &[u8] = match key.mode() {
        Mode::Major => &[0, 2, 4, 5, 7, 9, 11],
        Mode::Minor => &[0, 2, 3, 5, 7, 8, 10, 11],
    };
    scale.contains(&((pitch + 12 - key.tonic().pitch_class()) % 12))
}
