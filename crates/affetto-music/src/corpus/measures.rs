//! What the importers of MusicXML share: bars, one voice and chord symbols out of measures.

use affetto_media::{
    Bar, ChordChange, Key, Metre, Mode, Note, Part, Quarters, Role, Score, Tempo, TempoChange,
    musicxml::document::{self, Document, EndingEdge, Measure},
};

use super::melody::monophonic;

/// Where no tempo is known, in quarter notes a minute.
pub const DEFAULT_TEMPO_BPM: f64 = 100.0;
/// First endings of fewer bars are left out; longer ones are music of their own.
const SHORT_ENDING_BARS: usize = 4;
const VELOCITY: u8 = 80;

/// A measure that is kept, with its place in the music.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Index into the measures of every part.
    pub index: usize,
    /// In quarter notes from the beginning.
    pub onset: Quarters,
}

/// The measures of a document without first endings, one after the other.
pub struct Layout {
    /// The kept measures.
    pub measures: Vec<Placed>,
    /// A bar for each; its key stands for the signature.
    pub bars: Vec<Bar>,
}

impl Layout {
    /// None where there is no metre or no measure.
    pub fn of(document: &Document) -> Option<Self> {
        let guide = document.parts.first()?;
        let dropped = first_endings(&guide.measures);
        let mut onset = Quarters::from_integer(0);
        let (mut measures, mut bars) = (Vec::new(), Vec::new());
        for (index, measure) in guide.measures.iter().enumerate() {
            if dropped[index] {
                continue;
            }
            let bar = bar_of(document, index, measure)?;
            measures.push(Placed { index, onset });
            bars.push(bar);
            onset += bar.length;
        }
        (!bars.is_empty()).then_some(Self { measures, bars })
    }

    /// The kept measures of one part.
    pub fn of_part<'d>(
        &'d self,
        part: &'d document::Part,
    ) -> impl Iterator<Item = (Quarters, &'d Measure)> {
        self.measures
            .iter()
            .filter_map(|placed| Some((placed.onset, part.measures.get(placed.index)?)))
    }
}

fn bar_of(document: &Document, index: usize, guide: &Measure) -> Option<Bar> {
    let metre = guide.attributes.metre.unwrap_or(Metre::COMMON);
    let zero = Quarters::from_integer(0);
    let reach = document
        .parts
        .iter()
        .filter_map(|part| Some(part.measures.get(index)?.length))
        .max()
        .filter(|length| *length > zero);
    Some(Bar {
        metre,
        key: Key::new(guide.attributes.fifths, Mode::Major)?,
        length: reach.unwrap_or(metre.length()),
    })
}

/// Which measures lie under a short ending that another ending follows.
fn first_endings(measures: &[Measure]) -> Vec<bool> {
    let mut dropped = vec![false; measures.len()];
    let mut open: Option<usize> = None;
    for (index, measure) in measures.iter().enumerate() {
        let edges = || {
            measure
                .barlines
                .iter()
                .filter_map(|line| line.ending.as_ref())
        };
        if edges().any(|ending| ending.edge == EndingEdge::Start) {
            open = Some(index);
        }
        if edges().any(|ending| ending.edge != EndingEdge::Start) {
            let Some(start) = open.take() else { continue };
            let another = measures.get(index + 1).is_some_and(|next| {
                let mut endings = next.barlines.iter().filter_map(|line| line.ending.as_ref());
                endings.any(|ending| ending.edge == EndingEdge::Start)
            });
            if another && index + 1 - start < SHORT_ENDING_BARS {
                dropped[start..=index].fill(true);
            }
        }
    }
    dropped
}

/// The notes of the voice that sings in `measure`: the first one, unless another has more than twice
/// as many syllables. Grace and cue notes and rests are left out.
pub fn singing_voice(measure: &Measure) -> impl Iterator<Item = &document::Note> {
    let voice = voice_number(measure);
    sounding(measure).filter(move |note| Some(note.voice) == voice)
}

/// The notes that sound, without grace and cue notes.
pub fn sounding(measure: &Measure) -> impl Iterator<Item = &document::Note> {
    let zero = Quarters::from_integer(0);
    measure.notes.iter().filter(move |note| {
        note.pitch.is_some() && !note.grace && !note.cue && note.duration > zero
    })
}

fn voice_number(measure: &Measure) -> Option<u32> {
    let first = measure.notes.iter().map(|note| note.voice).min()?;
    let syllables = |voice: u32| {
        let mut sung = sounding(measure).filter(|note| note.voice == voice);
        sung.by_ref().filter(|note| note.lyrics > 0).count()
    };
    let mut others: Vec<u32> = sounding(measure).map(|note| note.voice).collect();
    others.sort_unstable();
    others.dedup();
    let most = others
        .into_iter()
        .max_by_key(|voice| (syllables(*voice), std::cmp::Reverse(*voice)))
        .filter(|voice| syllables(*voice) > 2 * syllables(first));
    Some(most.unwrap_or(first))
}

/// The melody of a part, one note at a time, tied notes as one.
pub fn melody(layout: &Layout, part: &document::Part) -> Vec<Note> {
    let mut written: Vec<(Note, bool)> = Vec::new();
    for (start, measure) in layout.of_part(part) {
        for note in singing_voice(measure) {
            let sounding = Note {
                onset: start + note.onset,
                pitch: note.pitch.unwrap_or(0),
                duration: note.duration,
                velocity: VELOCITY,
            };
            let begun = written.iter_mut().rev().take(8).find(|(begun, tied)| {
                note.tie_stop
                    && *tied
                    && begun.pitch == sounding.pitch
                    && begun.end() == sounding.onset
            });
            match begun {
                Some((begun, tied)) => {
                    begun.duration += sounding.duration;
                    *tied = note.tie_start;
                }
                None => written.push((sounding, note.tie_start)),
            }
        }
    }
    monophonic(written.into_iter().map(|(note, _)| note).collect())
}

/// The chord symbols of a part. One that is not understood changes nothing.
pub fn chords(layout: &Layout, part: &document::Part) -> Vec<ChordChange> {
    let mut chords: Vec<ChordChange> = Vec::new();
    for (start, measure) in layout.of_part(part) {
        for harmony in &measure.harmonies {
            if harmony.chord.is_some() || harmony.is_no_chord() {
                chords.push(ChordChange {
                    onset: start + harmony.onset,
                    chord: harmony.chord,
                });
            }
        }
    }
    regular_chords(chords)
}

/// Chord changes in order: the last of those at one onset, and none that changes nothing.
pub fn regular_chords(mut chords: Vec<ChordChange>) -> Vec<ChordChange> {
    chords.sort_by_key(|change| change.onset);
    let mut regular: Vec<ChordChange> = Vec::with_capacity(chords.len());
    for change in chords {
        if regular
            .last()
            .is_some_and(|last| last.onset == change.onset)
        {
            regular.pop();
        }
        if regular.last().and_then(|last| last.chord) != change.chord {
            regular.push(change);
        }
    }
    regular
}

/// The tempos of a document, [`DEFAULT_TEMPO_BPM`] from the beginning where none stands there.
pub fn tempos(layout: &Layout, document: &Document) -> Vec<TempoChange> {
    let mut tempos: Vec<TempoChange> = Vec::new();
    for part in &document.parts {
        for (start, measure) in layout.of_part(part) {
            for direction in &measure.directions {
                if let Some(tempo) = direction.tempo {
                    let onset = start + direction.onset;
                    tempos.push(TempoChange { onset, tempo });
                }
            }
        }
    }
    with_first_tempo(tempos)
}

/// `tempos` in order, one at each onset, the first at 0.
pub fn with_first_tempo(mut tempos: Vec<TempoChange>) -> Vec<TempoChange> {
    let zero = Quarters::from_integer(0);
    tempos.sort_by_key(|change| change.onset);
    tempos.dedup_by_key(|change| change.onset);
    if tempos.first().is_none_or(|change| change.onset > zero) {
        let tempo = Tempo::from_bpm(DEFAULT_TEMPO_BPM);
        tempos.insert(0, TempoChange { onset: zero, tempo });
    }
    tempos
}

/// A part that holds `notes` as the melody.
pub fn melody_part(notes: Vec<Note>) -> Part {
    Part {
        name: Role::Melody.part_name().into(),
        role: Role::Melody,
        program: 0,
        channel: 0,
        notes,
    }
}

/// A score of one melody part.
pub fn lead_sheet(
    document: &Document,
    layout: Layout,
    notes: Vec<Note>,
    chords: Vec<ChordChange>,
) -> Score {
    let tempos = tempos(&layout, document);
    Score {
        title: document.title.clone(),
        creator: document.creator.clone(),
        bars: layout.bars,
        tempos,
        chords,
        sections: Vec::new(),
        parts: vec![melody_part(notes)],
    }
}
