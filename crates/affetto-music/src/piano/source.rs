//! What a piece starts from: nothing, a beginning, a piece with bars to fill, or a lead sheet to arrange.

use std::ops::Range;

use affetto_emotion::Emotion;
use affetto_media::{
    Bar, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange, f64_from_quarters,
};

use super::{
    compose::PianoSources,
    condition::PianoRequest,
    grid::{GridBar, GridPiece},
    hands::{Hand, hands},
    measure::values_at,
    profile::{Ranks, Statistics},
    rules::{Given, MelodyNote},
    tokens::{
        BarPlan, Length, Plan, TempoStep, Token, VelocityStep, encode, quarters_from_positions,
    },
    wish::{Frame, Wish},
};
use crate::{Error, condition::BARS, rules, title::is_due};

/// Bars where nothing else is asked.
const USUAL_BARS: usize = 16;
/// The most bars of what is already there that the network reads.
const BARS_READ: usize = 64;

/// What a piece starts from.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    kind: Kind,
    score: Option<&'a Score>,
    /// The bars of the score on the grid.
    bars: Vec<GridBar>,
    /// The score's time of the first position of the grid: before 0 where it begins with a pick-up.
    start: Quarters,
    /// The bars to be written, counted from 0.
    pub written: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Continue,
    Fill,
    Arrange,
}

impl<'a> Source<'a> {
    /// What `request` starts from.
    ///
    /// # Errors
    /// Where a score has no bars to fill, a metre that the vocabulary lacks, or no melody to arrange.
    pub fn new(request: &PianoRequest, sources: &'a PianoSources) -> Result<Self, Error> {
        let given = [
            (Kind::Continue, &sources.continue_from),
            (Kind::Fill, &sources.fill_in),
            (Kind::Arrange, &sources.arrange),
        ];
        let given = given
            .into_iter()
            .find_map(|(kind, score)| Some((kind, score.as_ref()?)));
        let Some((kind, score)) = given else {
            let bars = request.bars.unwrap_or(USUAL_BARS);
            return Ok(Self {
                kind: Kind::New,
                score: None,
                bars: Vec::new(),
                start: Quarters::from_integer(0),
                written: 0..bars,
            });
        };
        let on_grid = GridPiece::of_score(score).map_err(|number| Error::PianoMetre {
            metre: score.bars[number - 1].metre,
        })?;
        let first = score.bars.first();
        let missing = first.map(|bar| bar.length - bar.metre.length());
        let zero = Quarters::from_integer(0);
        let mut source = Self {
            kind,
            score: Some(score),
            start: missing.unwrap_or(zero).min(zero),
            written: 0..on_grid.bars.len(),
            bars: on_grid.bars,
        };
        source.written = source.bars_to_write(request)?;
        if kind == Kind::Arrange && score.melody().is_none_or(|melody| melody.notes.is_empty()) {
            return Err(Error::NoMelody);
        }
        Ok(source)
    }

    fn bars_to_write(&self, request: &PianoRequest) -> Result<Range<usize>, Error> {
        let bars = self.bars.len();
        match (self.kind, request.fill) {
            (Kind::Continue, _) => Ok(bars..bars + request.bars.unwrap_or(USUAL_BARS)),
            (Kind::Fill, Some(fill)) if fill.last > bars => Err(Error::Fill {
                first: fill.first,
                last: fill.last,
                bars,
            }),
            (Kind::Fill, Some(fill)) => Ok(fill.first - 1..fill.last),
            _ if bars > *BARS.end() => Err(Error::Range {
                what: "bars",
                value: bars as f64,
                lowest: *BARS.start() as f64,
                highest: *BARS.end() as f64,
            }),
            _ => Ok(0..bars),
        }
    }

    /// The bars before the written ones that the network reads.
    pub fn before(&self) -> &[GridBar] {
        let end = self.written.start.min(self.bars.len());
        &self.bars[end.saturating_sub(BARS_READ)..end]
    }

    /// The bars after the written ones.
    pub fn after(&self) -> &[GridBar] {
        match self.kind {
            Kind::Fill => &self.bars[self.written.end..],
            _ => &[],
        }
    }

    /// The score that gives its title to a piece in which `emotion` is asked.
    pub fn titled(&self, emotion: &Emotion) -> Option<&Score> {
        self.score
            .filter(|score| self.kind != Kind::Arrange || !is_due(emotion, &score.title))
    }

    /// Whether the last bar that is written is the end of the piece.
    pub fn ends(&self) -> bool {
        self.after().is_empty()
    }

    /// Whether nothing stands yet.
    pub fn is_new(&self) -> bool {
        self.kind == Kind::New
    }

    /// What is settled before the wish.
    pub fn frame(&self, request: &PianoRequest, statistics: &Statistics) -> Frame {
        let vad = request.emotion.vad();
        let mut rng = request.seed.derive("key").rng();
        let last = self.score.and_then(|score| score.bars.last());
        let chosen = || rules::key(vad.valence(), vad.arousal(), &mut rng);
        let key = request
            .key
            .or(last.map(|bar| bar.key))
            .unwrap_or_else(chosen);
        let metre = request.meter.or(last.map(|bar| bar.metre));
        let metre = metre.unwrap_or(Metre::COMMON);
        let quarters: Quarters = self
            .written
            .clone()
            .map(|bar| self.metre(bar, metre).length())
            .sum();
        let tempo = self.score.map(|score| {
            let onsets = score.bar_onsets();
            let at = self.written.start.min(onsets.len().saturating_sub(2));
            score.tempo_at(onsets[at]).bpm()
        });
        let tempo_bpm = request.tempo_bpm.or(tempo);
        Frame {
            key,
            metre,
            bars: self.written.len(),
            quarters: f64_from_quarters(quarters),
            tempo_bpm,
            found: self.found(request, tempo_bpm, statistics),
        }
    }

    /// The attributes of what is already there, where the request asks for no other feeling.
    fn found(
        &self,
        request: &PianoRequest,
        tempo_bpm: Option<f64>,
        statistics: &Statistics,
    ) -> Option<Ranks> {
        let goes_on = matches!(self.kind, Kind::Continue | Kind::Fill);
        let tempo_bpm = tempo_bpm.filter(|_| goes_on && request.emotion == Emotion::NEUTRAL)?;
        let there = GridPiece {
            bars: [self.before(), self.after()].concat(),
        };
        (there.notes() > 0).then(|| statistics.quantiles.ranks(&values_at(&there, tempo_bpm)))
    }

    /// The metre of a bar to be written: a filled or an arranged one keeps its own.
    fn metre(&self, bar: usize, asked: Metre) -> Metre {
        match self.kind {
            Kind::Fill | Kind::Arrange => self.bars[bar].metre,
            Kind::New | Kind::Continue => asked,
        }
    }

    /// The bars that the network reads and writes.
    pub fn plan(&self, frame: &Frame, wish: &Wish) -> Plan {
        let written = self.written.clone().map(|bar| BarPlan {
            metre: self.metre(bar, frame.metre),
            tempo: TempoStep::of_bpm(wish.tempo_bpm),
        });
        let read = self.before().iter().map(GridBar::plan);
        Plan {
            bars: read.chain(written).collect(),
            before: self.written.start - self.before().len(),
            after: self.after().len(),
            mode: frame.key.mode(),
            style: Some(wish.style),
        }
    }

    /// The tokens of the bars before, `semitones` lower. Pitches that the vocabulary then lacks are left out.
    ///
    /// # Errors
    /// Where the bars cannot be encoded.
    pub fn tokens(&self, bars: &[GridBar], semitones: i8) -> Result<Vec<Token>, Error> {
        let mut lower = GridPiece {
            bars: bars.to_vec(),
        };
        for bar in &mut lower.bars {
            bar.notes.retain_mut(|note| {
                let pitch = i16::from(note.pitch) - i16::from(semitones);
                let pitch = u8::try_from(pitch).ok();
                let found = pitch.filter(|pitch| super::tokens::has_pitch(*pitch));
                note.pitch = found.unwrap_or(note.pitch);
                found.is_some()
            });
        }
        Ok(encode(&lower)?)
    }

    /// The melody to keep and its chords, `semitones` lower; nothing where no lead sheet is arranged.
    pub fn given(&self, semitones: i8) -> Option<Given> {
        let score = self.score.filter(|_| self.kind == Kind::Arrange)?;
        let position = |onset: Quarters| {
            let positions = (onset - self.start) * super::tokens::POSITIONS_PER_QUARTER;
            positions.round().to_integer()
        };
        let mut melody: Vec<MelodyNote> = Vec::new();
        for note in &score.melody()?.notes {
            let lower = i16::from(note.pitch) - i16::from(semitones);
            let (onset, end) = (position(note.onset), position(note.end()));
            let end = end.max(onset + 1);
            if let Some(last) = melody.last_mut() {
                if last.onset == onset {
                    last.pitch = last.pitch.max(lower.clamp(0, 127) as u8);
                    continue;
                }
                last.end = last.end.min(onset);
            }
            melody.push(MelodyNote {
                onset,
                end,
                pitch: lower.clamp(0, 127) as u8,
                length: Length::within(end - onset),
                velocity: VelocityStep::of(note.velocity),
            });
        }
        for note in &mut melody {
            note.length = Length::within(note.end - note.onset);
        }
        let mut chords: Vec<(i64, u16)> = Vec::new();
        for change in &score.chords {
            let classes = change.chord.map(|chord| {
                let classes = chord.pitch_classes();
                let lower = |class: u8| (i16::from(class) - i16::from(semitones)).rem_euclid(12);
                classes
                    .iter()
                    .fold(0, |mask, class| mask | 1 << lower(*class))
            });
            chords.push((position(change.onset), classes.unwrap_or(0xFFF)));
        }
        Some(Given { melody, chords })
    }

    /// The score with the bars `piece` written into it; `hand_span` parts them between the hands.
    pub fn score(
        &self,
        piece: &GridPiece,
        wish: &Wish,
        frame: &Frame,
        hand_span: u8,
        title: String,
    ) -> Score {
        let mut score = self.frame_of_score(wish, frame, title);
        let onsets = score.bar_onsets();
        let begin = onsets[self.written.start];
        let end = onsets[self.written.end];
        // The first written bar of an arranged or filled piece may be a pick-up: the grid begins before it.
        let start = match self.written.start {
            0 => self.start,
            _ => begin,
        };
        let notes = piece.timed_notes();
        let hands = hands(&notes, hand_span);
        let held: Vec<Note> = score
            .parts
            .iter()
            .flat_map(|part| &part.notes)
            .filter(|note| note.onset < end && note.end() > begin)
            .copied()
            .collect();
        for (note, hand) in notes.iter().zip(hands) {
            let onset = (start + quarters_from_positions(note.onset)).max(begin);
            let note = Note {
                onset,
                pitch: note.pitch,
                duration: (start + quarters_from_positions(note.end)).min(end) - onset,
                velocity: note.velocity,
            };
            add(&mut score, note, hand, &held);
        }
        if self.kind == Kind::Arrange {
            self.restore_melody(&mut score);
        }
        score.parts.iter_mut().for_each(|part| part.notes.sort());
        score
    }

    /// All that the score has besides the written notes.
    fn frame_of_score(&self, wish: &Wish, frame: &Frame, title: String) -> Score {
        let tempo = TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(wish.tempo_bpm),
        };
        let Some(source) = self.score.filter(|_| self.kind != Kind::Arrange) else {
            let bar = |bar: usize| Bar::full(self.metre(bar, frame.metre), frame.key);
            let bars: Vec<Bar> = match self.score {
                Some(source) => {
                    let same_key = |bar: &Bar| Bar {
                        key: frame.key,
                        ..*bar
                    };
                    source.bars.iter().map(same_key).collect()
                }
                None => self.written.clone().map(bar).collect(),
            };
            return Score {
                title,
                creator: String::new(),
                bars,
                tempos: vec![tempo],
                chords: self
                    .score
                    .map_or(Vec::new(), |source| source.chords.clone()),
                sections: self
                    .score
                    .map_or(Vec::new(), |source| source.sections.clone()),
                parts: two_hands(),
            };
        };
        let mut score = source.clone();
        if score.parts.is_empty() {
            score.parts = two_hands();
        }
        if self.kind == Kind::Continue {
            let end = score.length();
            let bar = Bar::full(frame.metre, frame.key);
            score.bars.extend(vec![bar; self.written.len()]);
            if score.tempo_at(end) != tempo.tempo {
                score.tempos.push(TempoChange {
                    onset: end,
                    ..tempo
                });
            }
        } else {
            let onsets = score.bar_onsets();
            let (begin, end) = (onsets[self.written.start], onsets[self.written.end]);
            for part in &mut score.parts {
                part.notes
                    .retain(|note| note.onset < begin || note.onset >= end);
            }
        }
        score
    }

    /// Puts the notes of the melody back as they were, to the tick.
    fn restore_melody(&self, score: &mut Score) {
        let melody = self.score.and_then(Score::melody);
        let notes = melody.map_or(&[][..], |melody| &melody.notes);
        let grid = quarters_from_positions(1);
        for note in notes {
            for part in &mut score.parts {
                part.notes.retain(|other| {
                    let apart = (other.onset - note.onset).max(note.onset - other.onset);
                    let sounds = other.onset < note.end() && note.onset < other.end();
                    !(other.pitch == note.pitch && (apart < grid || sounds))
                });
            }
            score.parts[0].notes.push(*note);
        }
    }
}

/// The parts of a piano piece, still empty.
fn two_hands() -> Vec<Part> {
    let part = |role: Role, channel| Part {
        name: role.part_name().into(),
        role,
        program: 0,
        channel,
        notes: Vec::new(),
    };
    vec![part(Role::RightHand, 0), part(Role::LeftHand, 1)]
}

/// Puts a note into the first part, or for the left hand into the last, unless its key is still held down.
fn add(score: &mut Score, note: Note, hand: Hand, held: &[Note]) {
    let last = score.parts.len() - 1;
    let is_same_key = |other: &Note| {
        other.pitch == note.pitch && other.onset < note.end() && note.onset < other.end()
    };
    if note.duration > Quarters::from_integer(0) && !held.iter().any(is_same_key) {
        let part = if hand == Hand::Right { 0 } else { last };
        score.parts[part].notes.push(note);
    }
}
