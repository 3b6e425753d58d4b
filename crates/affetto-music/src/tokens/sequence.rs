use affetto_attributes::{DensityClass, Event, ValenceClass, events::events, valence::bar_valence};
use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Metre, Mode, Note, Part, PitchName, Quarters, Role, Score,
    Tempo, TempoChange,
};

use serde::{Deserialize, Serialize};

use super::{
    Group,
    echo::{ECHO_COLUMNS, Heard, echo_vocab},
    groups,
    vocabulary::{
        CHORDS, DURATIONS, Degree, LOWEST_PITCH, METRES, PITCHES, Slot, Token, fold, metre_place,
        quarters_from_ticks, ticks_from_quarters,
    },
};

/// Columns of the encoder's input: metre, group, valence, density, count of events, mode, style.
pub const CONDITION_COLUMNS: usize = 7;
/// Columns beside each decoder token: place in the bar, bars left, metre, group, valence, density, count of events,
/// mode, style, events so far, sounding pitch; then what the music may come back to.
pub const FEATURE_COLUMNS: usize = PLACE_COLUMNS + ECHO_COLUMNS;
/// So many columns, the first, tell of the place of a token; the others of what the music may come back to.
pub const PLACE_COLUMNS: usize = 11;

/// The id of "not said" among valences, densities and counts; 0 is padding.
const ANY: u32 = 1;
/// More bars left than this look the same.
const FAR: usize = 33;
/// More events in a bar than this look the same.
const MANY: usize = 15;
/// The longest bar, in ticks.
const LONGEST_BAR: usize = 144;

/// How many ids each condition column has.
pub fn condition_vocab() -> Vec<usize> {
    vec![
        1 + METRES.len(),
        1 + Group::ALL.len(),
        7,
        5,
        2 + 11,
        3,
        2 + Style::ALL.len(),
    ]
}

/// How many ids each feature column has.
pub fn feature_vocab() -> Vec<usize> {
    let mut sizes = vec![
        2 + LONGEST_BAR,
        2 + FAR,
        1 + METRES.len(),
        1 + Group::ALL.len(),
        7,
        5,
        2 + 11,
        3,
        2 + Style::ALL.len(),
        1 + MANY,
        2 + PITCHES as usize,
    ];
    sizes.extend(echo_vocab());
    sizes
}

/// The kind of song. The training songs are of these kinds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Popular songs and jazz standards of before 1931.
    Song,
    /// Hymns.
    Hymn,
    /// Art songs of the nineteenth century.
    Lied,
}

impl Style {
    /// Every style. Ids follow this order.
    pub const ALL: [Self; 3] = [Self::Song, Self::Hymn, Self::Lied];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Song => "song",
            Self::Hymn => "hymn",
            Self::Lied => "lied",
        }
    }
}

/// What is known of a bar before its notes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarContext {
    /// The time signature.
    pub metre: Metre,
    /// The length in ticks; below the metre's in a pick-up.
    pub length: i64,
    /// The place in the phrase.
    pub group: Group,
    /// The valence class, where it is asked for.
    pub valence: Option<ValenceClass>,
    /// The density class, where it is asked for.
    pub density: Option<DensityClass>,
    /// The number of events, where it is asked for.
    pub count: Option<usize>,
    /// The mode of the piece.
    pub mode: Mode,
    /// The style of the piece, where it is asked for.
    pub style: Option<Style>,
}

impl BarContext {
    /// The encoder's ids, in the order of [`CONDITION_COLUMNS`].
    pub fn condition_ids(&self) -> [u32; CONDITION_COLUMNS] {
        [
            1 + metre_place(self.metre).unwrap_or(0) as u32,
            self.group.id(),
            valence_id(self.valence),
            density_id(self.density),
            count_id(self.count),
            mode_id(self.mode),
            style_id(self.style),
        ]
    }

    fn metre_ticks(&self) -> i64 {
        ticks_from_quarters(self.metre.length()).unwrap_or(LONGEST_BAR as i64)
    }
}

fn valence_id(class: Option<ValenceClass>) -> u32 {
    class.map_or(ANY, |class| {
        (ANY as i32 + 3 + i32::from(class.number())) as u32
    })
}

fn density_id(class: Option<DensityClass>) -> u32 {
    let place = |class| DensityClass::ALL.iter().position(|known| *known == class);
    class
        .and_then(place)
        .map_or(ANY, |place| ANY + 1 + place as u32)
}

/// Counts 1 to 8, then 9-10, 11-12, more.
fn count_id(count: Option<usize>) -> u32 {
    count.map_or(ANY, |count| match count {
        0..=8 => ANY + count.max(1) as u32,
        9 | 10 => ANY + 9,
        11 | 12 => ANY + 10,
        _ => ANY + 11,
    })
}

fn mode_id(mode: Mode) -> u32 {
    match mode {
        Mode::Major => 1,
        Mode::Minor => 2,
    }
}

fn style_id(style: Option<Style>) -> u32 {
    style.map_or(ANY, |style| ANY + 1 + style as u32)
}

/// Walks along the tokens of a sequence and knows where in the music it is.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// How many tokens were fed.
    tokens: usize,
    /// How many bars were begun.
    bars_begun: usize,
    /// Ticks from the beginning of the bar to the next event.
    position: i64,
    /// Ticks from the beginning of the piece to the bar.
    bar_onset: i64,
    /// Events finished in this bar.
    events: usize,
    /// The pitch that a `hold` would carry on.
    sounding: Option<u8>,
    slot: Slot,
    heard: Heard,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            tokens: 0,
            bars_begun: 0,
            position: 0,
            bar_onset: 0,
            events: 0,
            sounding: None,
            slot: Slot::Bar,
            heard: Heard::default(),
        }
    }
}

impl Cursor {
    /// What kind of token comes next.
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// The bar that is being written, or nothing before the first.
    pub const fn bar(&self) -> Option<usize> {
        self.bars_begun.checked_sub(1)
    }

    /// Ticks from the beginning of the bar.
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// Events finished in this bar.
    pub const fn events(&self) -> usize {
        self.events
    }

    /// The pitch that a `hold` would carry on.
    pub const fn sounding(&self) -> Option<u8> {
        self.sounding
    }

    /// Takes `token` in and gives its features, in the order of [`FEATURE_COLUMNS`], and its two positions:
    /// tokens from the beginning, and quarter notes from the beginning.
    pub fn feed(
        &mut self,
        token: Token,
        bars: &[BarContext],
    ) -> ([u32; FEATURE_COLUMNS], [f32; 2]) {
        self.advance(token, bars);
        let time = (self.bar_onset + self.position) as f32 / super::TICKS_PER_QUARTER as f32;
        let positions = [self.tokens as f32, time];
        self.tokens += 1;
        (self.features(bars), positions)
    }

    fn advance(&mut self, token: Token, bars: &[BarContext]) {
        self.heard.take(token, self.position);
        match token {
            Token::Pad | Token::Bos | Token::Eos => self.slot = Slot::Bar,
            Token::Bar => {
                if let Some(bar) = self.bar().and_then(|bar| bars.get(bar)) {
                    self.bar_onset += bar.length;
                }
                self.bars_begun += 1;
                (self.position, self.events) = (0, 0);
                self.slot = Slot::Chord;
            }
            Token::Chord(_) => self.slot = Slot::Pitch,
            Token::Pitch(pitch) => {
                self.sounding = Some(pitch);
                self.slot = Slot::Duration;
            }
            Token::Rest => {
                self.sounding = None;
                self.slot = Slot::Duration;
            }
            Token::Hold => self.slot = Slot::Duration,
            Token::Duration(ticks) => {
                self.position += ticks;
                self.events += 1;
                let length = self
                    .bar()
                    .and_then(|bar| bars.get(bar))
                    .map(|bar| bar.length);
                self.slot = if Some(self.position) < length {
                    Slot::Chord
                } else {
                    Slot::Bar
                };
            }
        }
    }

    fn features(&self, bars: &[BarContext]) -> [u32; FEATURE_COLUMNS] {
        let Some((at, bar)) = self.bar().and_then(|at| Some((at, bars.get(at)?))) else {
            return [0; FEATURE_COLUMNS];
        };
        let [metre, group, valence, density, count, mode, style] = bar.condition_ids();
        let place = bar.metre_ticks() - bar.length + self.position;
        let sounding = self
            .sounding
            .map_or(1, |pitch| 2 + u32::from(pitch - LOWEST_PITCH));
        let mut ids = [0; FEATURE_COLUMNS];
        ids[..PLACE_COLUMNS].copy_from_slice(&[
            1 + place.clamp(0, LONGEST_BAR as i64) as u32,
            1 + (bars.len() - at).min(FAR) as u32,
            metre,
            group,
            valence,
            density,
            count,
            mode,
            style,
            self.events.min(MANY) as u32,
            sounding.min(1 + u32::from(PITCHES)),
        ]);
        let echo = self.heard.columns(self.slot, self.position, at, bars);
        ids[PLACE_COLUMNS..].copy_from_slice(&echo);
        ids
    }
}

/// A lead sheet as the models see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The bars, with the measured classes.
    pub bars: Vec<BarContext>,
    /// `bos ... eos`.
    pub tokens: Vec<Token>,
}

/// Why a score is outside what the models can hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenizeError {
    /// No melody part.
    #[error("there is no melody part")]
    NoMelody,
    /// A metre outside [`METRES`].
    #[error("bar {bar} is in {metre}, which the models do not know")]
    Metre {
        /// Counted from 1.
        bar: usize,
        /// Its metre.
        metre: Metre,
    },
    /// A bar that is short but not the first, or too long.
    #[error("bar {bar} is {length} quarters long in {metre}")]
    Length {
        /// Counted from 1.
        bar: usize,
        /// Its metre.
        metre: Metre,
        /// Its length in quarter notes.
        length: Quarters,
    },
    /// A time outside the grid.
    #[error(
        "bar {bar} has a note {duration} quarters long, and the grid is sixteenths and triplets"
    )]
    Grid {
        /// Counted from 1.
        bar: usize,
        /// The length in quarter notes.
        duration: Quarters,
    },
    /// More than one key.
    #[error("the key changes in bar {bar}")]
    KeyChange {
        /// Counted from 1.
        bar: usize,
    },
}

/// A lead sheet in one key as a sequence. Notes outside the models' range are moved by octaves.
pub fn encode(score: &Score) -> Result<Sequence, TokenizeError> {
    let melody = score.melody().ok_or(TokenizeError::NoMelody)?;
    let key = score.bars.first().map_or(Key::C_MAJOR, |bar| bar.key);
    let down = i32::from(key.semitones_from_c());
    let octave = octave_shift(melody.notes.iter().map(|note| note.pitch), -down);
    let bars = events(score);
    let pickup = score.bars.len() > 1 && score.bars[0].length < score.bars[0].metre.length();
    let onsets = score.bar_onsets();
    let breaks: Vec<usize> = score
        .sections
        .iter()
        .filter_map(|section| onsets.binary_search(&section.onset).ok())
        .collect();
    let groups = groups(&bars, pickup, &breaks);
    let mut sequence = Sequence {
        bars: Vec::with_capacity(bars.len()),
        tokens: vec![Token::Bos],
    };
    for (at, (bar, events)) in score.bars.iter().zip(&bars).enumerate() {
        let context = bar_context(at, bar, key, groups[at])?;
        sequence.tokens.push(Token::Bar);
        for event in &events.events {
            push_event(&mut sequence.tokens, event, down, octave - down).ok_or(
                TokenizeError::Grid {
                    bar: at + 1,
                    duration: event.duration,
                },
            )?;
        }
        let count = events.events.len();
        sequence.bars.push(BarContext {
            valence: Some(ValenceClass::from_valence(bar_valence(events))),
            density: Some(DensityClass::from_events(count)),
            count: Some(count),
            ..context
        });
    }
    sequence.tokens.push(Token::Eos);
    Ok(sequence)
}

fn bar_context(at: usize, bar: &Bar, key: Key, group: Group) -> Result<BarContext, TokenizeError> {
    let number = at + 1;
    if bar.key != key {
        return Err(TokenizeError::KeyChange { bar: number });
    }
    if metre_place(bar.metre).is_none() {
        return Err(TokenizeError::Metre {
            bar: number,
            metre: bar.metre,
        });
    }
    let full = bar.metre.length();
    let fits = bar.length == full || at == 0 && bar.length < full;
    match ticks_from_quarters(bar.length) {
        Some(length) if fits => Ok(BarContext {
            metre: bar.metre,
            length,
            group,
            valence: None,
            density: None,
            count: None,
            mode: key.mode(),
            style: None,
        }),
        _ => Err(TokenizeError::Length {
            bar: number,
            metre: bar.metre,
            length: bar.length,
        }),
    }
}

/// Adds the tokens of `event`; a length that is no token becomes several, tied.
fn push_event(
    tokens: &mut Vec<Token>,
    event: &Event,
    chord_down: i32,
    pitch_up: i32,
) -> Option<()> {
    let chord = Token::Chord(event.chord.map(|chord| Degree {
        root: (i32::from(chord.root.pitch_class()) - chord_down).rem_euclid(12) as u8,
        quality: fold(chord.quality),
    }));
    let mut sound = match event.pitch {
        None => Token::Rest,
        Some(_) if event.held => Token::Hold,
        Some(pitch) => Token::Pitch(within_range(i32::from(pitch) + pitch_up)),
    };
    for piece in split_duration(ticks_from_quarters(event.duration)?)? {
        tokens.extend([chord, sound, Token::Duration(piece)]);
        if sound != Token::Rest {
            sound = Token::Hold;
        }
    }
    Some(())
}

/// The fewest known lengths that sum to `ticks`, longest first.
pub(crate) fn split_duration(ticks: i64) -> Option<Vec<i64>> {
    let mut best: Vec<Option<(usize, i64)>> = vec![None; usize::try_from(ticks).ok()? + 1];
    best[0] = Some((0, 0));
    for end in 1..best.len() {
        best[end] = DURATIONS
            .iter()
            .filter_map(|piece| {
                let before = end.checked_sub(*piece as usize)?;
                Some((best[before]?.0 + 1, *piece))
            })
            .min_by_key(|(pieces, piece)| (*pieces, -piece));
    }
    let mut pieces = Vec::new();
    let mut left = ticks;
    while left > 0 {
        let piece = best[left as usize]?.1;
        pieces.push(piece);
        left -= piece;
    }
    Some(pieces)
}

fn within_range(pitch: i32) -> u8 {
    let (lowest, highest) = (
        i32::from(LOWEST_PITCH),
        i32::from(LOWEST_PITCH + PITCHES - 1),
    );
    let mut pitch = pitch;
    while pitch < lowest {
        pitch += 12;
    }
    while pitch > highest {
        pitch -= 12;
    }
    pitch as u8
}

/// The multiple of 12 that, added to `pitches` moved by `shift`, leaves the fewest of them outside the models' range;
/// among equals the smallest move.
pub fn octave_shift(pitches: impl Iterator<Item = u8> + Clone, shift: i32) -> i32 {
    let range = i32::from(LOWEST_PITCH)..i32::from(LOWEST_PITCH + PITCHES);
    let outside = |octave: i32| {
        pitches
            .clone()
            .filter(|pitch| !range.contains(&(i32::from(*pitch) + shift + octave)))
            .count()
    };
    [0, -12, 12, -24, 24, -36, 36, -48, 48]
        .into_iter()
        .min_by_key(|octave| (outside(*octave), octave.abs()))
        .unwrap_or(0)
}

/// How a sequence sounds: the key, and semitones from the models' pitches up to the sounding ones.
#[derive(Clone, Copy, Debug)]
pub struct Transposition {
    /// The key to write in.
    pub key: Key,
    /// Semitones added to each pitch.
    pub semitones: i32,
}

impl Sequence {
    /// The features and positions of every token, with the conditions of `bars` (which may say less than
    /// [`Sequence::bars`]).
    pub fn features(&self, bars: &[BarContext]) -> (Vec<[u32; FEATURE_COLUMNS]>, Vec<[f32; 2]>) {
        let mut cursor = Cursor::default();
        self.tokens
            .iter()
            .map(|token| cursor.feed(*token, bars))
            .unzip()
    }

    /// The bars `bars` as a sequence of its own. A note held from before begins with a tie.
    pub fn bars_only(&self, bars: std::ops::Range<usize>) -> Self {
        let mut tokens = vec![Token::Bos];
        let mut bar = None;
        for token in &self.tokens {
            if *token == Token::Bar {
                bar = Some(bar.map_or(0, |bar: usize| bar + 1));
            }
            if *token != Token::Eos && bar.is_some_and(|bar| bars.contains(&bar)) {
                tokens.push(*token);
            }
        }
        tokens.push(Token::Eos);
        Self {
            bars: self.bars[bars].to_vec(),
            tokens,
        }
    }

    /// The music: one melody part and chord symbols.
    pub fn decode(&self, transposition: Transposition, tempo: Tempo) -> Score {
        let zero = Quarters::from_integer(0);
        let mut reader = Reader::new(transposition);
        for token in &self.tokens {
            reader.read(*token);
        }
        Score {
            title: String::new(),
            creator: String::new(),
            bars: self
                .bars
                .iter()
                .map(|bar| Bar {
                    metre: bar.metre,
                    key: transposition.key,
                    length: quarters_from_ticks(bar.length),
                })
                .collect(),
            tempos: vec![TempoChange { onset: zero, tempo }],
            chords: reader.chords,
            sections: Vec::new(),
            parts: vec![Part {
                name: Role::Melody.part_name().into(),
                role: Role::Melody,
                program: 73, // flute, as in the paper's output
                channel: 0,
                notes: reader.notes,
            }],
        }
    }
}

/// Collects notes and chord changes from tokens.
struct Reader {
    to: Transposition,
    now: i64,
    chord: Option<Degree>,
    sound: Token,
    notes: Vec<Note>,
    chords: Vec<ChordChange>,
}

impl Reader {
    fn new(to: Transposition) -> Self {
        Self {
            to,
            now: 0,
            chord: None,
            sound: Token::Rest,
            notes: Vec::new(),
            chords: Vec::new(),
        }
    }

    fn read(&mut self, token: Token) {
        match token {
            Token::Chord(chord) => self.chord = chord,
            Token::Pitch(_) | Token::Rest | Token::Hold => self.sound = token,
            Token::Duration(ticks) => self.event(ticks),
            Token::Pad | Token::Bos | Token::Bar | Token::Eos => {}
        }
    }

    fn event(&mut self, ticks: i64) {
        let onset = quarters_from_ticks(self.now);
        let duration = quarters_from_ticks(ticks);
        let chord = self.chord.map(|degree| spell(degree, self.to.key));
        let last = self.chords.last().and_then(|change| change.chord);
        if chord != last {
            self.chords.push(ChordChange { onset, chord });
        }
        match self.sound {
            Token::Pitch(pitch) => self.notes.push(Note {
                onset,
                pitch: (i32::from(pitch) + self.to.semitones).clamp(0, 127) as u8,
                duration,
                velocity: 80,
            }),
            Token::Hold => {
                if let Some(note) = self.notes.last_mut().filter(|note| note.end() == onset) {
                    note.duration += duration;
                }
            }
            _ => {}
        }
        self.now += ticks;
    }
}

/// The chord symbol of `degree` in `key`.
pub fn spell(degree: Degree, key: Key) -> ChordSymbol {
    let class = i32::from(degree.root) + i32::from(key.semitones_from_c());
    let root: PitchName = key.spell(class.rem_euclid(12) as u8);
    ChordSymbol::new(root, degree.quality)
}

const _: () = assert!(CHORDS == 169);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn quarters(numerator: i64, denominator: i64) -> Quarters {
        Quarters::new(numerator, denominator)
    }

    /// Two bars of 3/4 in D minor: a chord change under a held note, a tie over the bar line, 5/4 of a quarter.
    fn score() -> Score {
        let key: Key = "D minor".parse().unwrap();
        let note = |onset, pitch, duration| Note {
            onset,
            pitch,
            duration,
            velocity: 80,
        };
        let chord = |onset, chord: &str| ChordChange {
            onset,
            chord: Some(chord.parse().unwrap()),
        };
        Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full("3/4".parse().unwrap(), key); 2],
            tempos: vec![TempoChange {
                onset: quarters(0, 1),
                tempo: Tempo::from_bpm(90.0),
            }],
            chords: vec![chord(quarters(0, 1), "Dm"), chord(quarters(1, 1), "A7")],
            sections: vec![],
            parts: vec![Part {
                name: "Melody".into(),
                role: Role::Melody,
                program: 73,
                channel: 0,
                notes: vec![
                    note(quarters(0, 1), 69, quarters(2, 1)),
                    note(quarters(2, 1), 61, quarters(2, 1)),
                    note(quarters(19, 4), 62, quarters(5, 4)),
                ],
            }],
        }
    }

    #[test]
    fn worked_by_hand() {
        let sequence = encode(&score()).unwrap();
        let dm = Token::Chord(Some(Degree {
            root: 9,
            quality: affetto_media::Quality::Minor,
        }));
        let a7 = Token::Chord(Some(Degree {
            root: 4,
            quality: affetto_media::Quality::Dominant7,
        }));
        let d = Token::Duration;
        let expected = [
            &[Token::Bos, Token::Bar][..],
            &[dm, Token::Pitch(64), d(24)],
            &[a7, Token::Hold, d(24)],
            &[a7, Token::Pitch(56), d(24), Token::Bar],
            &[a7, Token::Hold, d(24)],
            &[a7, Token::Rest, d(18)],
            &[a7, Token::Pitch(57), d(24), a7, Token::Hold, d(6)],
            &[Token::Eos],
        ]
        .concat();
        assert_eq!(sequence.tokens, expected);
        assert_eq!(sequence.bars[1].count, Some(3)); // the tied pieces are one event
    }

    #[test]
    fn decoding_gives_the_score_back() {
        let sequence = encode(&score()).unwrap();
        let transposition = Transposition {
            key: "D minor".parse().unwrap(),
            semitones: 5,
        };
        assert_eq!(
            sequence.decode(transposition, Tempo::from_bpm(90.0)),
            score()
        );
    }

    #[test]
    fn features_follow_the_music() {
        let sequence = encode(&score()).unwrap();
        let (features, positions) = sequence.features(&sequence.bars);
        let vocab = feature_vocab();
        for row in &features {
            for (id, size) in row.iter().zip(&vocab) {
                assert!((*id as usize) < *size);
            }
        }
        assert_eq!(features[1][..2], [1, 3]); // `bar`: at its beginning, two bars left
        assert_eq!(features[4][0], 25); // after the first quarter
        assert_eq!(positions[4], [4.0, 1.0]);
        assert_eq!(positions[14], [14.0, 4.0]);
    }

    #[test]
    fn lengths_split_into_the_fewest_pieces() {
        assert_eq!(split_duration(30), Some(vec![24, 6]));
        assert_eq!(split_duration(24), Some(vec![24]));
        assert_eq!(split_duration(3), None);
        assert_eq!(split_duration(10), Some(vec![6, 4]));
    }
}
