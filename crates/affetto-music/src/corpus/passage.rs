//! Songs cut into passages that the models can hold: bars of known metres and full length, one key.

use affetto_media::{Bar, ChordChange, Metre, Note, Part, Quarters, Score, Section, TempoChange};

/// The metres of the corpus, as (beats, beat type).
const METRES: [(u8, u8); 7] = [(4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (9, 8), (12, 8)];

/// Whether the corpus holds bars of this metre.
pub fn is_held(metre: Metre) -> bool {
    METRES.contains(&(metre.count(), metre.unit()))
}

/// How a source is cut.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// A change of metre ends the passage.
    pub one_metre: bool,
    /// More silent bars in a row end the passage, and silent bars at its ends are dropped.
    pub silent_bars: Option<usize>,
    /// Fewer bars make no passage.
    pub bars: usize,
    /// Fewer bars with a note make no passage.
    pub sung_bars: usize,
    /// A first bar that is silent up to its middle is dropped.
    pub drops_late_start: bool,
}

impl Rule {
    /// Lead sheets as they are written: pick-ups and rests are theirs.
    pub const LEAD_SHEET: Self = Self {
        one_metre: false,
        silent_bars: None,
        bars: 4,
        sung_bars: 4,
        drops_late_start: false,
    };
    /// The voice of an art song, with preludes and interludes left out.
    pub const SONG_WITH_PIANO: Self = Self {
        one_metre: true,
        silent_bars: Some(1),
        bars: 8,
        sung_bars: 8,
        drops_late_start: true,
    };
}

/// A part of a song.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The passage by itself, from 0, with the song's melody part only.
    pub score: Score,
    /// Where it begins in the song.
    pub onset: Quarters,
    /// Where it ends in the song.
    pub end: Quarters,
}

/// The passages of a song with one melody part. The keys of the bars stand for signatures; neither
/// pitches nor keys are changed. A last bar that is too short is filled up with silence.
pub fn cut(song: &Score, rule: &Rule) -> Vec<Passage> {
    let song = &Score {
        bars: regular_bars(&song.bars),
        ..song.clone()
    };
    let onsets = song.bar_onsets();
    let sung = sung_bars(song, &onsets);
    runs(&song.bars, rule.one_metre)
        .into_iter()
        .flat_map(|run| split_at_silence(run, &sung, rule))
        .map(|run| without_late_start(run, song, &onsets, rule))
        .filter(|run| run.len() >= rule.bars)
        .filter(|run| sung[run.clone()].iter().filter(|sung| **sung).count() >= rule.sung_bars)
        .map(|run| extract(song, run, &onsets))
        .collect()
}

type Run = std::ops::Range<usize>;

/// Neighbouring bars that make up one bar are merged; 6/4 becomes two bars of 3/4; a last bar that
/// lacks what the pick-up gave is filled up.
pub fn regular_bars(written: &[Bar]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::with_capacity(written.len());
    for bar in written {
        let full = bar.metre.length();
        match bars.last_mut() {
            Some(before)
                if (before.metre, before.key) == (bar.metre, bar.key)
                    && before.length < full
                    && before.length + bar.length == full =>
            {
                before.length = full;
            }
            _ => bars.push(*bar),
        }
    }
    let mut bars: Vec<Bar> = bars.into_iter().flat_map(halves_of_six_four).collect();
    if bars.len() > 1
        && let Some(last) = bars.last_mut()
    {
        last.length = last.length.max(last.metre.length());
    }
    bars
}

fn halves_of_six_four(bar: Bar) -> Vec<Bar> {
    let half = Metre::new(3, 4).unwrap_or(Metre::COMMON);
    let double = (bar.metre.count(), bar.metre.unit()) == (6, 4);
    let part = |length| Bar {
        metre: half,
        length,
        ..bar
    };
    let three = half.length();
    if !double {
        vec![bar]
    } else if bar.length == three * 2 {
        vec![part(three); 2]
    } else if bar.length < three * 2 && bar.length > three {
        vec![part(bar.length - three), part(three)]
    } else {
        vec![part(bar.length)]
    }
}

fn sung_bars(song: &Score, onsets: &[Quarters]) -> Vec<bool> {
    let mut sung = vec![false; song.bars.len()];
    for note in song.melody().map_or(&[][..], |part| &part.notes) {
        let first = onsets.partition_point(|onset| *onset <= note.onset) - 1;
        for (bar, sung) in sung.iter_mut().enumerate().skip(first) {
            if onsets[bar] >= note.end() {
                break;
            }
            *sung = true;
        }
    }
    sung
}

/// Runs of bars of full length and known metre in one key. The song's first bar may be shorter.
fn runs(bars: &[Bar], one_metre: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut start = 0;
    for (index, bar) in bars.iter().enumerate() {
        let full = bar.length == bar.metre.length();
        let pickup = index == 0 && bar.length < bar.metre.length();
        let fits = is_held(bar.metre) && (full || pickup);
        let changes = index > start
            && (bars[index - 1].key != bar.key
                || (one_metre && bars[index - 1].metre != bar.metre));
        if !fits || changes {
            runs.push(start..index);
            start = if fits { index } else { index + 1 };
        }
    }
    runs.push(start..bars.len());
    runs.retain(|run| run.start < run.end);
    runs
}

fn split_at_silence(run: Run, sung: &[bool], rule: &Rule) -> Vec<Run> {
    let Some(allowed) = rule.silent_bars else {
        return vec![run];
    };
    let mut passages: Vec<Run> = Vec::new();
    for bar in run.filter(|bar| sung[*bar]) {
        match passages.last_mut() {
            Some(passage) if bar - passage.end <= allowed => passage.end = bar + 1,
            _ => passages.push(bar..bar + 1),
        }
    }
    passages
}

fn without_late_start(run: Run, song: &Score, onsets: &[Quarters], rule: &Rule) -> Run {
    if rule.drops_late_start && run.start < run.end && starts_late(&run, song, onsets) {
        run.start + 1..run.end
    } else {
        run
    }
}

/// Whether the first note comes at or after the middle of the first bar, counted from where a full
/// bar would begin.
fn starts_late(run: &Run, song: &Score, onsets: &[Quarters]) -> bool {
    let bar = &song.bars[run.start];
    let full = bar.metre.length();
    let begin = onsets[run.start + 1] - full;
    let notes = song.melody().map_or(&[][..], |part| &part.notes);
    let first = notes
        .iter()
        .find(|note| note.end() > onsets[run.start])
        .map_or(begin + full, |note| note.onset);
    (first - begin) * 2 >= full
}

fn extract(song: &Score, run: Run, onsets: &[Quarters]) -> Passage {
    let (onset, end) = (onsets[run.start], onsets[run.end]);
    let parts = song.melody().map(|part| Part {
        notes: notes_between(&part.notes, onset, end),
        ..part.clone()
    });
    let score = Score {
        title: song.title.clone(),
        creator: song.creator.clone(),
        bars: song.bars[run].to_vec(),
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: tempo_at(song, onset),
        }],
        chords: chords_between(song, onset, end),
        sections: sections_between(&song.sections, onset, end),
        parts: parts.into_iter().collect(),
    };
    Passage { score, onset, end }
}

/// A full first bar that is silent up to its middle or longer, without a chord there, as the pick-up
/// that it stands for.
pub fn with_short_pickup(mut score: Score) -> Score {
    let zero = Quarters::from_integer(0);
    let (Some(bar), Some(first)) = (
        score.bars.first().copied(),
        score.melody().and_then(|part| part.notes.first()),
    ) else {
        return score;
    };
    let rest = first.onset;
    let silent = rest * 2 >= bar.length && rest < bar.length;
    let harmonised = score
        .chords
        .iter()
        .any(|change| change.onset < rest && change.chord.is_some());
    if !silent || harmonised || bar.length != bar.metre.length() || score.bars.len() == 1 {
        return score;
    }
    score.bars[0].length -= rest;
    score.chords.retain(|change| change.onset >= rest);
    for change in &mut score.chords {
        change.onset -= rest;
    }
    for section in &mut score.sections {
        section.onset = (section.onset - rest).max(zero);
    }
    for note in score.parts.iter_mut().flat_map(|part| &mut part.notes) {
        note.onset -= rest;
    }
    score
}

fn tempo_at(song: &Score, onset: Quarters) -> affetto_media::Tempo {
    let before = song
        .tempos
        .iter()
        .rev()
        .find(|change| change.onset <= onset);
    before.map_or(song.tempo(), |change| change.tempo)
}

/// The notes that sound in a passage, cut at its ends.
fn notes_between(notes: &[Note], onset: Quarters, end: Quarters) -> Vec<Note> {
    notes
        .iter()
        .filter(|note| note.end() > onset && note.onset < end)
        .map(|note| Note {
            onset: note.onset.max(onset) - onset,
            duration: note.end().min(end) - note.onset.max(onset),
            ..*note
        })
        .collect()
}

fn chords_between(song: &Score, onset: Quarters, end: Quarters) -> Vec<ChordChange> {
    let mut chords: Vec<ChordChange> = Vec::new();
    let in_force = song.chord_at(onset).map(|chord| ChordChange {
        onset,
        chord: Some(chord),
    });
    let inside = song
        .chords
        .iter()
        .filter(|change| change.onset > onset && change.onset < end);
    for change in in_force.iter().chain(inside) {
        if chords.last().and_then(|before| before.chord) != change.chord {
            chords.push(ChordChange {
                onset: change.onset - onset,
                chord: change.chord,
            });
        }
    }
    chords
}

fn sections_between(sections: &[Section], onset: Quarters, end: Quarters) -> Vec<Section> {
    sections
        .iter()
        .filter(|section| section.onset >= onset && section.onset < end)
        .map(|section| Section {
            onset: section.onset - onset,
            name: section.name.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_media::{Key, Role, Tempo};

    fn quarters(number: i64) -> Quarters {
        Quarters::from_integer(number)
    }

    /// A song with a quarter note on each of the given quarters.
    fn song(bars: Vec<Bar>, onsets: impl IntoIterator<Item = i64>) -> Score {
        let notes = onsets.into_iter().map(|onset| Note {
            onset: quarters(onset),
            pitch: 67,
            duration: quarters(1),
            velocity: 80,
        });
        Score {
            title: String::new(),
            creator: String::new(),
            bars,
            tempos: vec![TempoChange {
                onset: quarters(0),
                tempo: Tempo::from_bpm(100.0),
            }],
            chords: vec![ChordChange {
                onset: quarters(0),
                chord: Some("C".parse().unwrap()),
            }],
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

    fn bar(metre: &str) -> Bar {
        Bar::full(metre.parse().unwrap(), Key::C_MAJOR)
    }

    fn short(metre: &str, length: i64) -> Bar {
        Bar {
            length: quarters(length),
            ..bar(metre)
        }
    }

    #[test]
    fn a_prelude_and_a_long_interlude_are_left_out() {
        let sung = (8..40).chain(52..92);
        let song = song(vec![bar("4/4"); 24], sung);
        let passages = cut(&song, &Rule::SONG_WITH_PIANO);
        let spans: Vec<_> = passages.iter().map(|p| (p.onset, p.end)).collect();
        assert_eq!(
            spans,
            [(quarters(8), quarters(40)), (quarters(52), quarters(92))]
        );
        assert_eq!(passages[1].score.bars.len(), 10);
        assert_eq!(passages[1].score.chords[0].onset, quarters(0));
        assert_eq!(
            passages[1].score.melody().unwrap().notes[0].onset,
            quarters(0)
        );
    }

    #[test]
    fn a_first_bar_that_starts_at_its_middle_is_dropped() {
        let song = song(vec![bar("4/4"); 10], 2..40);
        let onset = |song| cut(song, &Rule::SONG_WITH_PIANO)[0].onset;
        assert_eq!(onset(&song), quarters(4));
        assert_eq!(cut(&song, &Rule::LEAD_SHEET)[0].onset, quarters(0));
    }

    #[test]
    fn split_bars_are_merged_and_six_four_is_halved() {
        let bars = vec![
            short("4/4", 1),
            bar("4/4"),
            short("4/4", 3),
            short("4/4", 1),
            bar("6/4"),
            short("4/4", 3),
        ];
        let passages = cut(&song(bars, 0..18), &Rule::LEAD_SHEET);
        let lengths: Vec<Quarters> = passages[0].score.bars.iter().map(|b| b.length).collect();
        assert_eq!(lengths, [1, 4, 4, 3, 3, 4].map(quarters));
    }

    #[test]
    fn a_foreign_metre_or_a_new_key_breaks() {
        let g_major = Bar {
            key: "G major".parse().unwrap(),
            ..bar("3/4")
        };
        let mut bars = vec![bar("3/4"); 5];
        bars.push(bar("5/4"));
        bars.extend([g_major; 4]);
        bars.extend([bar("3/4"); 5]);
        let lengths: Vec<usize> = cut(&song(bars, 0..47), &Rule::LEAD_SHEET)
            .iter()
            .map(|passage| passage.score.bars.len())
            .collect();
        assert_eq!(lengths, [5, 4, 5]);
    }
}
