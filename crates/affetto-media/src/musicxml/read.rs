use std::collections::HashMap;

use super::document::{self, Document, Measure, malformed};
use crate::{
    Bar, ChordChange, Error, Limits, Metre, Note, Part, Quarters, Role, Score, Section, Tempo,
    TempoChange,
};

/// The velocity of a note that has none: MusicXML counts loudness in percent of it.
pub const DEFAULT_VELOCITY: u8 = 90;
/// The tempo before the first mark, in quarters a minute.
const DEFAULT_BPM: f64 = 120.0;
/// The longest score that is read, in quarter notes.
const MAX_SCORE_QUARTERS: i64 = 1_000_000;
const ZERO: Quarters = Quarters::ZERO;

/// Reads a plain or compressed MusicXML file as a score.
///
/// A bar is as long as what is in it, and as its metre where it is empty; so a pick-up comes out short.
/// Repeats and endings stand once, as they are written. Grace notes and cues are left out, tied notes
/// are one note. Chord symbols are those of the part that has most of them; this part is the melody. In parts that
/// [`write()`](super::write()) wrote, notes begin and end as they are played (`attack`, `release`), in all others as they are
/// written.
///
/// # Errors
///
/// As [`Document::read`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Score, Error> {
    Document::read(bytes, limits)?.to_score()
}

impl Document {
    /// The score that this document is; see [`read`](super::read).
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where the bars together are too long, or their times too fine.
    pub fn to_score(&self) -> Result<Score, Error> {
        let lead = self.lead_index();
        let bars = self.bars(lead);
        let onsets = bar_onsets(&bars)?;
        let end = onsets.last().copied().unwrap_or(ZERO);
        let timed = Timed { onsets, end };
        let mut parts = self.score_parts(lead, &timed)?;
        parts.sort_by_key(|part| part.role != Role::Melody);
        Ok(Score {
            title: self.title.clone(),
            creator: self.creator.clone(),
            tempos: self.tempos(&timed)?,
            chords: chords(&self.parts[lead], &timed)?,
            sections: self.sections(&timed),
            bars,
            parts,
        })
    }

    /// The part with most chord symbols, or else the first one sung, or else the first one.
    fn lead_index(&self) -> usize {
        let harmonies = |part: &document::Part| {
            let counts = part.measures.iter().map(|measure| measure.harmonies.len());
            counts.sum::<usize>()
        };
        let sung = |part: &document::Part| {
            let notes = part.measures.iter().flat_map(|measure| &measure.notes);
            notes.into_iter().any(|note| note.lyrics > 0)
        };
        let weight = |part: &document::Part| (harmonies(part), sung(part));
        let parts = self.parts.iter().enumerate().rev();
        parts
            .max_by_key(|(_, part)| weight(part))
            .map_or(0, |(index, _)| index)
    }

    /// Signatures are those of the lead part; parts without a measure there have nothing to say.
    fn bars(&self, lead: usize) -> Vec<Bar> {
        let count = self.parts.iter().map(|part| part.measures.len()).max();
        let mut metre = Metre::COMMON;
        (0..count.unwrap_or(0))
            .map(|index| {
                let measures = || {
                    self.parts
                        .iter()
                        .filter_map(|part| part.measures.get(index))
                };
                let lead = self.parts[lead].measures.get(index);
                let signed = lead.or_else(|| measures().next());
                let attributes = signed.map(|it| it.attributes).unwrap_or_default();
                let metres = || measures().find_map(|it| it.attributes.metre);
                metre = attributes.metre.or_else(metres).unwrap_or(metre);
                let filled = measures().map(|it| it.length).max().unwrap_or(ZERO);
                Bar {
                    metre,
                    key: attributes.key(),
                    length: if filled > ZERO {
                        filled
                    } else {
                        metre.length()
                    },
                }
            })
            .collect()
    }

    fn tempos(&self, timed: &Timed) -> Result<Vec<TempoChange>, Error> {
        let mut tempos = Vec::new();
        for (onset, direction) in self.directions(timed) {
            if let Some(tempo) = direction.tempo {
                let onset = timed.checked(onset)?;
                tempos.push(TempoChange { onset, tempo });
            }
        }
        tempos.sort_by_key(|change| change.onset);
        tempos.dedup_by_key(|change| change.onset);
        tempos.retain(|change| change.onset <= timed.end);
        if tempos.first().is_none_or(|change| change.onset > ZERO) {
            let tempo = Tempo::from_bpm(DEFAULT_BPM);
            tempos.insert(0, TempoChange { onset: ZERO, tempo });
        }
        Ok(tempos)
    }

    /// Rehearsal marks, each at the beginning of its bar; parts repeat them.
    fn sections(&self, timed: &Timed) -> Vec<Section> {
        let marks = |part: &document::Part| -> Vec<Section> {
            timed
                .measures(part)
                .flat_map(|(onset, measure)| {
                    let names = measure
                        .directions
                        .iter()
                        .filter_map(|it| it.rehearsal.clone());
                    names.map(move |name| Section { onset, name })
                })
                .collect()
        };
        let mut marked = self.parts.iter().map(marks);
        marked
            .find(|sections| !sections.is_empty())
            .unwrap_or_default()
    }

    fn directions<'d>(
        &'d self,
        timed: &'d Timed,
    ) -> impl Iterator<Item = (Quarters, &'d document::Direction)> {
        self.parts
            .iter()
            .flat_map(|part| timed.measures(part))
            .flat_map(|(onset, measure)| {
                let directions = measure.directions.iter();
                directions.map(move |direction| (onset + direction.onset, direction))
            })
    }

    fn score_parts(&self, lead: usize, timed: &Timed) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            if let Some([right, left]) = &part.hands {
                let is_right = |note: &document::Note| note.staff < 2;
                let is_left = |note: &document::Note| note.staff >= 2;
                parts.push(hand(right, notes(part, timed, Time::Played, is_right)?));
                parts.push(hand(left, notes(part, timed, Time::Played, is_left)?));
                continue;
            }
            // Only Affetto says what role a part has.
            let time = match part.role {
                Some(_) => Time::Played,
                None => Time::Written,
            };
            let notes = notes(part, timed, time, |_| true)?;
            if notes.is_empty() && part.program.is_none() && part.role.is_none() {
                continue; // nothing but measures, for chord symbols alone
            }
            let channel = match (part.channel, part.role) {
                (Some(channel), Some(_)) => channel,
                (channel, _) => free_channel(channel, &parts),
            };
            parts.push(Part {
                name: part.name.clone(),
                role: role(part, index == lead, &notes),
                program: part.program.unwrap_or(0),
                channel,
                notes,
            });
        }
        Ok(parts)
    }
}

fn hand(staff: &document::Staff, notes: Vec<Note>) -> Part {
    Part {
        name: staff.name.clone(),
        role: staff.role,
        program: staff.program,
        channel: staff.channel,
        notes,
    }
}

/// The channel asked for, or the first one that no part has; other programs give one to many parts.
fn free_channel(asked: Option<u8>, parts: &[Part]) -> u8 {
    const PERCUSSION_CHANNEL: u8 = 9;
    let is_free = |channel: &u8| parts.iter().all(|part| part.channel != *channel);
    let pitched = (0..16).filter(|channel| *channel != PERCUSSION_CHANNEL);
    let free = asked.into_iter().chain(pitched).find(is_free);
    free.or(asked).unwrap_or(0)
}

/// Where the measures stand.
struct Timed {
    /// Of each bar, and of the end.
    onsets: Vec<Quarters>,
    end: Quarters,
}

impl Timed {
    fn measures<'m>(
        &'m self,
        part: &'m document::Part,
    ) -> impl Iterator<Item = (Quarters, &'m Measure)> {
        self.onsets.iter().copied().zip(&part.measures)
    }

    /// `time`, which must be one that a score may hold.
    fn checked(&self, time: Quarters) -> Result<Quarters, Error> {
        checked_time(time, "the score")
    }
}

fn checked_time(time: Quarters, place: &str) -> Result<Quarters, Error> {
    if *time.denom() > document::MAX_DENOMINATOR {
        let reason = format!(
            "its times are finer than 1/{} quarter",
            document::MAX_DENOMINATOR
        );
        return Err(malformed(place, reason));
    }
    if time > Quarters::from_integer(MAX_SCORE_QUARTERS) {
        let reason = format!("it is longer than {MAX_SCORE_QUARTERS} quarters");
        return Err(malformed(place, reason));
    }
    Ok(time)
}

fn bar_onsets(bars: &[Bar]) -> Result<Vec<Quarters>, Error> {
    let mut onset = ZERO;
    let mut onsets = vec![onset];
    for (index, bar) in bars.iter().enumerate() {
        onset = checked_time(onset + bar.length, &format!("bar {}", index + 1))?;
        onsets.push(onset);
    }
    Ok(onsets)
}

/// Chords that are not understood are passed over.
fn chords(part: &document::Part, timed: &Timed) -> Result<Vec<ChordChange>, Error> {
    let mut chords: Vec<ChordChange> = Vec::new();
    for (onset, measure) in timed.measures(part) {
        for harmony in &measure.harmonies {
            if harmony.chord.is_none() && !harmony.is_no_chord() {
                continue;
            }
            let onset = timed.checked(onset + harmony.onset)?;
            let chord = harmony.chord;
            chords.push(ChordChange { onset, chord });
        }
    }
    chords.sort_by_key(|change| change.onset);
    chords.retain(|change| change.onset <= timed.end);
    // Of two at one onset the later one counts.
    chords.reverse();
    chords.dedup_by_key(|change| change.onset);
    chords.reverse();
    chords.dedup_by_key(|change| change.chord);
    Ok(chords)
}

/// Which of its two times a note has.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    Written,
    Played,
}

/// The notes of some staves that are played, with ties merged.
fn notes(
    part: &document::Part,
    timed: &Timed,
    time: Time,
    is_on_staff: impl Fn(&document::Note) -> bool,
) -> Result<Vec<Note>, Error> {
    let mut notes: Vec<Note> = Vec::new();
    // How much later they begin and end when they are played.
    let mut shifts: Vec<[Quarters; 2]> = Vec::new();
    let mut ties = OpenTies::default();
    for (bar_onset, measure) in timed.measures(part) {
        for note in measure.notes.iter().filter(|note| is_on_staff(note)) {
            let (Some(pitch), false) = (note.pitch, note.grace || note.cue) else {
                continue;
            };
            if note.duration == ZERO {
                continue;
            }
            let onset = timed.checked(bar_onset + note.onset)?;
            let end = timed.checked(onset + note.duration)?;
            let tied = note.tie_stop.then(|| ties.take(pitch, note.voice, onset));
            let index = match tied.flatten() {
                Some(index) => {
                    notes[index].duration = timed.checked(end - notes[index].onset)?;
                    shifts[index][1] = note.release;
                    index
                }
                None => {
                    notes.push(Note {
                        onset,
                        pitch,
                        duration: note.duration,
                        velocity: note.velocity.unwrap_or(DEFAULT_VELOCITY),
                    });
                    shifts.push([note.attack, note.release]);
                    notes.len() - 1
                }
            };
            if note.tie_start {
                ties.open(pitch, note.voice, end, index);
            }
        }
    }
    if time == Time::Played {
        for (note, [attack, release]) in notes.iter_mut().zip(shifts) {
            let (onset, end) = (note.onset + attack, note.end() + release);
            if ZERO <= onset && onset < end && end <= timed.end {
                note.onset = timed.checked(onset)?;
                note.duration = timed.checked(end - onset)?;
            }
        }
    }
    notes.sort_unstable();
    Ok(notes)
}

/// Ties that go on, by pitch and by where they go on.
#[derive(Default)]
struct OpenTies {
    ties: HashMap<(u8, Quarters), Vec<OpenTie>>,
}

struct OpenTie {
    voice: u32,
    note: usize,
}

impl OpenTies {
    /// So many ties of one pitch at one place are told apart by voice.
    const SEARCHED: usize = 16;

    fn open(&mut self, pitch: u8, voice: u32, end: Quarters, note: usize) {
        let ties = self.ties.entry((pitch, end)).or_default();
        ties.push(OpenTie { voice, note });
    }

    /// The note that a tie at `onset` goes on from, in the same voice if there is one.
    fn take(&mut self, pitch: u8, voice: u32, onset: Quarters) -> Option<usize> {
        let ties = self.ties.get_mut(&(pitch, onset))?;
        let searched = ties.len().saturating_sub(Self::SEARCHED)..ties.len();
        let own = searched.rev().find(|index| ties[*index].voice == voice);
        let index = own.or(ties.len().checked_sub(1))?;
        Some(ties.swap_remove(index).note)
    }
}

fn role(part: &document::Part, is_lead: bool, notes: &[Note]) -> Role {
    let name = part.name.to_lowercase();
    let is_bass_program = part
        .program
        .is_some_and(|program| (32..40).contains(&program));
    let one_at_a_time = notes.windows(2).all(|pair| pair[0].end() <= pair[1].onset);
    match part.role {
        Some(role) => role,
        None if is_lead && (one_at_a_time || has_harmonies(part)) => Role::Melody,
        None if name.contains("bass") || is_bass_program => Role::Bass,
        None if one_at_a_time => Role::Other,
        None => Role::Chords,
    }
}

fn has_harmonies(part: &document::Part) -> bool {
    part.measures
        .iter()
        .any(|measure| !measure.harmonies.is_empty())
}
