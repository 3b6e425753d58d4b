use std::{
    io::{Cursor, Write},
    ops::Range,
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{
    document::{DegreeKind, MAX_DENOMINATOR},
    kind::{base_quality, kind_of},
    markup::Markup,
    notation::{Filling, Grid, Piece, Shape, Value, is_pickup},
    parse::{ROLE_FIELD, STAFF_FIELDS, staff_field},
    score_time,
    voices::{self, Chord},
};
use crate::{
    Bar, ChordChange, ChordSymbol, Error, Format, Key, Metre, Mode, Note, Part, PitchName, Quality,
    Quarters, Role, Score, Step, Tempo,
    dynamics::{self, Dynamic},
};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
"#;
const MEDIA_TYPE: &str = "application/vnd.recordare.musicxml";
const CONTAINER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<container>
 <rootfiles>
  <rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>
 </rootfiles>
</container>
"#;
const ZERO: Quarters = Quarters::ZERO;
/// The name shown for two hands together.
const GRAND_STAFF_NAME: &str = "Piano";

/// Writes a score as MusicXML 4.0, partwise and uncompressed. [`read`](super::read) gives the same score
/// back.
///
/// Notes are split into tied note values that leave the beats visible; overlapping notes are laid out
/// in voices. A right hand and the left hand after it are one part on a grand staff, treble and bass. Hands, and parts
/// whose notes begin a little early and late, are written in score time, as a reader expects them, while the attributes `attack`
/// and `release` of a note say when it is played. Chord symbols, tempos and sections stand in the first part. A first bar shorter than its metre is a pick-up.
///
/// # Errors
///
/// [`Error::Unsupported`] for a score that breaks the rules of [`Score`], where a time is too fine to be
/// a note value, and for a pitch below C in octave 0.
pub fn write(score: &Score) -> Result<Vec<u8>, Error> {
    let layout = Layout::new(score)?;
    let mut markup = Markup::new(HEAD);
    markup.open("score-partwise", &[("version", "4.0")]);
    heading(score, &mut markup);
    part_list(score, &mut markup);
    for (index, part) in layout.parts.iter().enumerate() {
        markup.open("part", &[("id", &part_id(index))]);
        for bar in 0..score.bars.len() {
            let place = Place {
                score,
                layout: &layout,
                part: index,
                bar,
            };
            place.measure(part, &mut markup)?;
        }
        markup.close();
    }
    markup.close();
    Ok(markup.finish().into_bytes())
}

/// Writes a score as compressed MusicXML (`.mxl`).
///
/// # Errors
///
/// As [`write()`].
pub fn write_compressed(score: &Score) -> Result<Vec<u8>, Error> {
    let text = write(score)?;
    pack(&text).map_err(|error| Error::Unsupported {
        format: Format::MusicXml,
        what: format!("this score in a zip container ({error})"),
    })
}

fn pack(text: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
    let stored = options.compression_method(CompressionMethod::Stored);
    let deflated = options.compression_method(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, options, content) in [
        ("mimetype", stored, MEDIA_TYPE.as_bytes()),
        ("META-INF/container.xml", deflated, CONTAINER.as_bytes()),
        ("score.musicxml", deflated, text),
    ] {
        archive.start_file(name, options)?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn part_id(index: usize) -> String {
    format!("P{}", index + 1)
}

fn heading(score: &Score, markup: &mut Markup) {
    if !score.title.is_empty() {
        markup.open("work", &[]);
        markup.leaf("work-title", &score.title);
        markup.close();
    }
    markup.open("identification", &[]);
    if !score.creator.is_empty() {
        markup.leaf_with("creator", &[("type", "composer")], &score.creator);
    }
    markup.open("encoding", &[]);
    markup.leaf("software", "Affetto");
    for element in ["accidental", "beam"] {
        markup.empty("supports", &[("element", element), ("type", "yes")]);
    }
    markup.close();
    markup.close();
}

fn part_list(score: &Score, markup: &mut Markup) {
    markup.open("part-list", &[]);
    for (index, group) in score.staff_groups().into_iter().enumerate() {
        score_part(index, &score.parts[group], markup);
    }
    if score.parts.is_empty() {
        // Chord symbols need a part to stand in; without an instrument it is none when it is read.
        markup.open("score-part", &[("id", &part_id(0))]);
        markup.leaf("part-name", "");
        markup.close();
    }
    markup.close();
}

/// One part, or the two hands of one.
fn score_part(index: usize, staves: &[Part], markup: &mut Markup) {
    let part = &staves[0];
    let id = part_id(index);
    let instrument = format!("{id}-I1");
    markup.open("score-part", &[("id", &id)]);
    markup.open("identification", &[]);
    markup.open("miscellaneous", &[]);
    let field = |name: &str, text: String, markup: &mut Markup| {
        markup.leaf_with("miscellaneous-field", &[("name", name)], text);
    };
    match staves {
        [_] => field(ROLE_FIELD, part.role.part_name().to_lowercase(), markup),
        staves => {
            for (name, staff) in STAFF_FIELDS.iter().zip(staves) {
                field(name, staff_field(staff), markup);
            }
        }
    }
    markup.close();
    markup.close();
    let shown = match staves {
        [_] => &part.name,
        _ => GRAND_STAFF_NAME,
    };
    markup.leaf("part-name", shown);
    markup.open("score-instrument", &[("id", &instrument)]);
    let name = if shown.is_empty() {
        part.role.part_name()
    } else {
        shown
    };
    markup.leaf("instrument-name", name);
    markup.close();
    markup.open("midi-instrument", &[("id", &instrument)]);
    markup.leaf("midi-channel", (part.channel + 1).to_string());
    markup.leaf("midi-program", (part.program + 1).to_string());
    markup.close();
    markup.close();
}

/// Everything in its bar, voice and note value.
struct Layout {
    /// Of the bars, and of the end.
    onsets: Vec<Quarters>,
    divisions: i64,
    parts: Vec<PartLayout>,
}

#[derive(Default)]
struct PartLayout {
    /// One, or those of the two hands.
    staves: Vec<StaffLayout>,
    /// Of the bars of two hands.
    dynamics: Vec<Option<Dynamic>>,
}

#[derive(Default)]
struct StaffLayout {
    /// The part, where there is any.
    part: Option<usize>,
    chords: Vec<Chord>,
    measures: Vec<MeasureLayout>,
    /// So many voices of the part are on staves above.
    voices_above: usize,
}

/// Each staff has so many voices or more, as many programs count them.
const VOICES_OF_STAFF: usize = 4;

/// The pieces of each voice that has any, with its number.
type MeasureLayout = Vec<(usize, Vec<Piece>)>;

impl Layout {
    fn new(score: &Score) -> Result<Self, Error> {
        if let Some(rule) = score.broken_rule() {
            return Err(unsupported(format!("a score with {rule}")));
        }
        let onsets = score.bar_onsets();
        let groups = score.staff_groups().into_iter();
        let mut parts = groups
            .map(|group| PartLayout::new(group, score, &onsets))
            .collect::<Result<Vec<_>, _>>()?;
        if parts.is_empty() {
            let staff = StaffLayout::new(Vec::new(), score, &onsets)?;
            let staves = vec![staff];
            parts.push(PartLayout {
                staves,
                ..PartLayout::default()
            });
        }
        let divisions = divisions(score, &onsets, &parts)?;
        Ok(Self {
            onsets,
            divisions,
            parts,
        })
    }
}

impl PartLayout {
    fn new(group: Range<usize>, score: &Score, onsets: &[Quarters]) -> Result<Self, Error> {
        let mut staves: Vec<StaffLayout> = Vec::new();
        let dynamics = dynamics::marks(score, group.clone());
        for part in group {
            let above = staves.last().map_or(0, |staff| {
                staff.voices_above + staff.voices().max(VOICES_OF_STAFF)
            });
            staves.push(StaffLayout {
                part: Some(part),
                voices_above: above,
                ..StaffLayout::new(score_time::chords(&score.parts[part], score), score, onsets)?
            });
        }
        Ok(Self { staves, dynamics })
    }

    /// The number of a staff, where the part has several.
    fn staff_number(&self, staff: usize) -> Option<String> {
        (self.staves.len() > 1).then(|| (staff + 1).to_string())
    }
}

impl StaffLayout {
    /// How many voices it has.
    fn voices(&self) -> usize {
        let last = |measure: &MeasureLayout| measure.last().map(|(voice, _)| voice + 1);
        self.measures.iter().filter_map(last).max().unwrap_or(0)
    }

    fn new(chords: Vec<Chord>, score: &Score, onsets: &[Quarters]) -> Result<Self, Error> {
        let mut voices = voices::voices(&chords)?;
        let mut measures = Vec::new();
        for (index, grid) in Grid::of_bars(score).iter().enumerate() {
            let mut measure = MeasureLayout::new();
            for (voice, line) in voices.iter_mut().enumerate() {
                let between = if voice == 0 {
                    Filling::Rest
                } else {
                    Filling::Gap
                };
                let spans = line.spans(&chords, onsets[index], onsets[index + 1], between);
                if voice == 0 || spans.iter().any(|span| span.filling != Filling::Gap) {
                    measure.push((voice, grid.pieces(&spans)?));
                }
            }
            measures.push(measure);
        }
        Ok(Self {
            chords,
            measures,
            ..Self::default()
        })
    }
}

/// The fewest divisions of a quarter note that make every time a whole number.
fn divisions(score: &Score, onsets: &[Quarters], parts: &[PartLayout]) -> Result<i64, Error> {
    let pieces = parts
        .iter()
        .flat_map(|part| &part.staves)
        .flat_map(|staff| staff.measures.iter().flatten())
        .flat_map(|(_, pieces)| pieces)
        .flat_map(|piece| [piece.onset, piece.duration]);
    let chords = parts
        .iter()
        .flat_map(|part| &part.staves)
        .flat_map(|staff| &staff.chords);
    let played = chords.flat_map(|chord| {
        let times = |note: &Note| [note.onset - chord.onset, note.end() - chord.end];
        chord.notes.iter().flat_map(times)
    });
    let marks = score.chords.iter().map(|change| change.onset);
    let marks = marks.chain(score.tempos.iter().map(|change| change.onset));
    let mut divisions = 1;
    for time in pieces
        .chain(played)
        .chain(marks)
        .chain(onsets.iter().copied())
    {
        // The least common multiple.
        divisions *= *Quarters::new(*time.denom(), divisions).numer();
        if divisions > MAX_DENOMINATOR {
            let what =
                format!("times that need more than {MAX_DENOMINATOR} divisions of a quarter");
            return Err(unsupported(what));
        }
    }
    Ok(divisions)
}

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported {
        format: Format::MusicXml,
        what: what.into(),
    }
}

/// One bar of one part.
#[derive(Clone, Copy)]
struct Place<'s> {
    score: &'s Score,
    layout: &'s Layout,
    part: usize,
    bar: usize,
}

/// A chord symbol or a tempo that stands before a note.
enum Mark {
    Chord(Option<ChordSymbol>),
    Tempo(Tempo),
}

impl Place<'_> {
    fn measure(&self, part: &PartLayout, markup: &mut Markup) -> Result<(), Error> {
        let has_pickup = is_pickup(self.score, 0);
        let number = (self.bar + usize::from(!has_pickup)).to_string();
        match is_pickup(self.score, self.bar) {
            true => markup.open("measure", &[("number", &number), ("implicit", "yes")]),
            false => markup.open("measure", &[("number", &number)]),
        }
        self.signatures(part, markup);
        if self.part == 0 {
            self.sections(markup);
        }
        dynamic(part.dynamics.get(self.bar).copied().flatten(), markup);
        let mut marks = self.marks();
        for (index, layout) in part.staves.iter().enumerate() {
            let number = part.staff_number(index);
            let staff = Staff {
                place: *self,
                layout,
                number,
            };
            let is_last = index + 1 == part.staves.len();
            staff.measure(&mut marks, is_last, markup)?;
        }
        if self.bar + 1 == self.score.bars.len() {
            markup.open("barline", &[("location", "right")]);
            markup.leaf("bar-style", "light-heavy");
            markup.close();
        }
        markup.close();
        Ok(())
    }

    fn this_bar(&self) -> &Bar {
        &self.score.bars[self.bar]
    }

    fn bar_before(&self) -> Option<&Bar> {
        self.bar
            .checked_sub(1)
            .map(|before| &self.score.bars[before])
    }

    fn divisions(&self, quarters: Quarters) -> String {
        (quarters * self.layout.divisions).to_integer().to_string()
    }

    fn signatures(&self, part: &PartLayout, markup: &mut Markup) {
        let (bar, before) = (self.this_bar(), self.bar_before());
        let new_key = before.is_none_or(|before| before.key != bar.key);
        let new_metre = before.is_none_or(|before| before.metre != bar.metre);
        if !new_key && !new_metre {
            return;
        }
        markup.open("attributes", &[]);
        if before.is_none() {
            markup.leaf("divisions", self.layout.divisions.to_string());
        }
        if new_key {
            key(bar.key, markup);
        }
        if new_metre {
            time(bar.metre, markup);
        }
        if before.is_none() {
            if part.staves.len() > 1 {
                markup.leaf("staves", part.staves.len().to_string());
            }
            for (index, staff) in part.staves.iter().enumerate() {
                let shown = staff.part.and_then(|part| self.score.parts.get(part));
                clef(shown, part.staff_number(index), markup);
            }
        }
        markup.close();
    }

    fn sections(&self, markup: &mut Markup) {
        let onset = self.layout.onsets[self.bar];
        let sections = self.score.sections.iter();
        for section in sections.filter(|section| section.onset == onset) {
            markup.open("direction", &[("placement", "above")]);
            markup.open("direction-type", &[]);
            markup.leaf("rehearsal", &section.name);
            markup.close();
            markup.close();
        }
    }

    /// The chord symbols and tempos of the bar by their place in it, the last one first.
    fn marks(&self) -> Vec<(Quarters, Mark)> {
        if self.part > 0 {
            return Vec::new();
        }
        let (start, end) = (
            self.layout.onsets[self.bar],
            self.layout.onsets[self.bar + 1],
        );
        let (chords, tempos) = (&self.score.chords, &self.score.tempos);
        let is_last = self.bar + 1 == self.score.bars.len();
        let is_here = |onset: Quarters| onset < end || is_last && onset == end;
        let first_chord = chords.partition_point(|change| change.onset < start);
        let first_tempo = tempos.partition_point(|change| change.onset < start);
        let chords = chords[first_chord..]
            .iter()
            .take_while(|change| is_here(change.onset))
            .map(|ChordChange { onset, chord }| (*onset - start, Mark::Chord(*chord)));
        let tempos = tempos[first_tempo..]
            .iter()
            .take_while(|change| is_here(change.onset))
            .map(|change| (change.onset - start, Mark::Tempo(change.tempo)));
        let mut marks: Vec<_> = tempos.chain(chords).collect();
        marks.sort_by_key(|(onset, _)| *onset);
        marks.reverse();
        marks
    }

    /// `offset` from the note that follows.
    fn mark(&self, mark: &Mark, offset: Quarters, markup: &mut Markup) {
        let offset = (offset > ZERO).then(|| self.divisions(offset));
        match mark {
            Mark::Chord(chord) => harmony(*chord, offset, markup),
            Mark::Tempo(tempo) => self.tempo(*tempo, offset, markup),
        }
    }

    fn tempo(&self, tempo: Tempo, offset: Option<String>, markup: &mut Markup) {
        let metre = self.this_bar().metre;
        let beat = if metre.unit() <= 4 || metre.is_compound() {
            Value::of(metre.beat())
        } else {
            None
        };
        let beat = beat.unwrap_or(Value {
            shape: Shape::Quarter,
            dotted: false,
        });
        let per_minute = tempo.bpm() / crate::f64_from_quarters(beat.quarters());
        markup.open("direction", &[("placement", "above")]);
        markup.open("direction-type", &[]);
        markup.open("metronome", &[]);
        markup.leaf("beat-unit", beat.shape.name());
        if beat.dotted {
            markup.empty("beat-unit-dot", &[]);
        }
        // Two places are enough to look at; `sound` holds the exact tempo.
        markup.leaf(
            "per-minute",
            ((per_minute * 100.0).round() / 100.0).to_string(),
        );
        markup.close();
        markup.close();
        if let Some(offset) = offset {
            markup.leaf("offset", offset);
        }
        markup.empty("sound", &[("tempo", &tempo.bpm().to_string())]);
        markup.close();
    }
}

/// One bar of one staff.
struct Staff<'s> {
    place: Place<'s>,
    layout: &'s StaffLayout,
    /// Where the part has several.
    number: Option<String>,
}

impl Staff<'_> {
    /// Its voices, one after the other from the beginning of the bar, with the marks that are still to be written.
    fn measure(
        &self,
        marks: &mut Vec<(Quarters, Mark)>,
        is_last: bool,
        markup: &mut Markup,
    ) -> Result<(), Error> {
        let measure = &self.layout.measures[self.place.bar];
        let accidentals = self.accidentals(measure)?;
        for (line, (voice, pieces)) in measure.iter().enumerate() {
            for (index, piece) in pieces.iter().enumerate() {
                while let Some((onset, mark)) = marks.pop_if(|(onset, _)| *onset < piece.end()) {
                    self.place.mark(&mark, onset - piece.onset, markup);
                }
                self.piece(piece, *voice, &accidentals[line][index], markup);
            }
            let end = pieces.last().map_or(ZERO, Piece::end);
            // At the end of the last bar.
            while let Some((onset, mark)) = marks.pop() {
                self.place.mark(&mark, onset - end, markup);
            }
            if line + 1 < measure.len() || !is_last {
                markup.open("backup", &[]);
                markup.leaf("duration", self.place.divisions(end));
                markup.close();
            }
        }
        Ok(())
    }

    /// How each note of each piece is spelled.
    fn accidentals(&self, measure: &MeasureLayout) -> Result<Vec<Vec<Vec<Spelling>>>, Error> {
        let mut order: Vec<(Quarters, usize, usize)> = Vec::new();
        let mut spellings: Vec<Vec<Vec<Spelling>>> = Vec::new();
        for (line, (_, pieces)) in measure.iter().enumerate() {
            spellings.push(vec![Vec::new(); pieces.len()]);
            let places = pieces.iter().enumerate();
            order.extend(places.map(|(index, piece)| (piece.onset, line, index)));
        }
        order.sort_unstable();
        let mut signs = Signs::new(self.place.this_bar().key);
        for (_, line, index) in order {
            let piece = &measure[line].1[index];
            let Filling::Notes(chord) = piece.filling else {
                continue;
            };
            let chord = &self.layout.chords[chord];
            let is_tied = self.is_tied_from_before(piece, chord);
            spellings[line][index] = chord
                .notes
                .iter()
                .map(|note| signs.spell(note.pitch, is_tied))
                .collect::<Result<_, _>>()?;
        }
        Ok(spellings)
    }

    fn is_tied_from_before(&self, piece: &Piece, chord: &Chord) -> bool {
        self.place.layout.onsets[self.place.bar] + piece.onset > chord.onset
    }

    fn is_tied_on(&self, piece: &Piece, chord: &Chord) -> bool {
        self.place.layout.onsets[self.place.bar] + piece.end() < chord.end
    }

    fn piece(&self, piece: &Piece, voice: usize, spellings: &[Spelling], markup: &mut Markup) {
        let chord = match piece.filling {
            Filling::Gap => {
                markup.open("forward", &[]);
                markup.leaf("duration", self.place.divisions(piece.duration));
                markup.close();
                return;
            }
            Filling::Rest => {
                markup.open("note", &[]);
                match piece.value {
                    Some(_) => markup.empty("rest", &[]),
                    None => markup.empty("rest", &[("measure", "yes")]),
                }
                self.note_body(piece, voice, None, markup);
                markup.close();
                return;
            }
            Filling::Notes(chord) => &self.layout.chords[chord],
        };
        for (index, (note, spelling)) in chord.notes.iter().zip(spellings).enumerate() {
            let shown = ShownNote {
                accidental: spelling.accidental,
                is_upper: index > 0,
                tie_stop: self.is_tied_from_before(piece, chord),
                tie_start: self.is_tied_on(piece, chord),
                is_staccato: chord.is_staccato(),
            };
            let played = self.played(note, chord, &shown);
            let played = played.iter().map(|(name, value)| (*name, value.as_str()));
            markup.open("note", &played.collect::<Vec<_>>());
            if index > 0 {
                markup.empty("chord", &[]);
            }
            spelling.pitch(markup);
            self.note_body(piece, voice, Some(shown), markup);
            markup.close();
        }
    }

    /// How loud a note is, and when it is played, from when it is written.
    fn played(&self, note: &Note, chord: &Chord, shown: &ShownNote) -> Vec<(&'static str, String)> {
        // Percent of the velocity 90, fine enough to be rounded back to the same velocity.
        let percent = format!("{:.2}", f64::from(note.velocity) / 0.9);
        let mut attributes = vec![("dynamics", percent)];
        let mut later = |name, offset: Quarters| {
            if offset != ZERO {
                attributes.push((name, self.place.divisions(offset)));
            }
        };
        if !shown.tie_stop {
            later("attack", note.onset - chord.onset);
        }
        if !shown.tie_start {
            later("release", note.end() - chord.end);
        }
        attributes
    }

    /// What follows the pitch or the rest.
    fn note_body(&self, piece: &Piece, voice: usize, note: Option<ShownNote>, markup: &mut Markup) {
        markup.leaf("duration", self.place.divisions(piece.duration));
        let ties = note.iter().flat_map(ShownNote::ties);
        for tie in ties.clone() {
            markup.empty("tie", &[("type", tie)]);
        }
        let voice = self.layout.voices_above + voice + 1;
        markup.leaf("voice", voice.to_string());
        if let Some(value) = piece.value {
            markup.leaf("type", value.shape.name());
            if value.dotted {
                markup.empty("dot", &[]);
            }
        }
        if let Some(accidental) = note.as_ref().and_then(|note| note.accidental) {
            markup.leaf("accidental", accidental);
        }
        if let Some(tuplet) = piece.tuplet {
            markup.open("time-modification", &[]);
            markup.leaf("actual-notes", tuplet.actual.to_string());
            markup.leaf("normal-notes", tuplet.normal.to_string());
            markup.close();
        }
        if let Some(number) = &self.number {
            markup.leaf("staff", number);
        }
        let is_upper = note.as_ref().is_some_and(|note| note.is_upper);
        if !is_upper {
            for (level, beam) in piece.beams.iter().enumerate().take(8) {
                let number = (level + 1).to_string();
                markup.leaf_with("beam", &[("number", &number)], beam.name());
            }
        }
        let tuplet = piece.tuplet.filter(|_| !is_upper);
        let edges = [
            tuplet.filter(|it| it.is_first).map(|_| "start"),
            tuplet.filter(|it| it.is_last).map(|_| "stop"),
        ];
        let is_staccato = note.as_ref().is_some_and(ShownNote::has_dot);
        if ties.clone().next().is_none() && edges == [None, None] && !is_staccato {
            return;
        }
        markup.open("notations", &[]);
        for tie in ties {
            markup.empty("tied", &[("type", tie)]);
        }
        for edge in edges.into_iter().flatten() {
            markup.empty("tuplet", &[("type", edge), ("number", "1")]);
        }
        if is_staccato {
            markup.open("articulations", &[]);
            markup.empty("staccato", &[]);
            markup.close();
        }
        markup.close();
    }
}

/// How a note of a chord is shown.
struct ShownNote {
    accidental: Option<&'static str>,
    /// Not the lowest note of its chord.
    is_upper: bool,
    tie_stop: bool,
    tie_start: bool,
    is_staccato: bool,
}

impl ShownNote {
    fn ties(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let stop = self.tie_stop.then_some("stop");
        stop.into_iter().chain(self.tie_start.then_some("start"))
    }

    /// Whether the dot of its chord stands at it.
    fn has_dot(&self) -> bool {
        self.is_staccato && !self.is_upper && !self.tie_stop && !self.tie_start
    }
}

/// A pitch as it is written.
#[derive(Clone, Copy)]
struct Spelling {
    name: PitchName,
    octave: i32,
    /// The sign to show, where the signature and the bar so far do not say it.
    accidental: Option<&'static str>,
}

impl Spelling {
    fn pitch(&self, markup: &mut Markup) {
        markup.open("pitch", &[]);
        markup.leaf("step", self.name.step.letter().to_string());
        if self.name.alter != 0 {
            markup.leaf("alter", self.name.alter.to_string());
        }
        markup.leaf("octave", self.octave.to_string());
        markup.close();
    }
}

/// The accidentals in force in a bar.
struct Signs {
    key: Key,
    /// By step and octave.
    shown: Vec<((Step, i32), i8)>,
}

impl Signs {
    fn new(key: Key) -> Self {
        Self {
            key,
            shown: Vec::new(),
        }
    }

    fn spell(&mut self, pitch: u8, is_tied: bool) -> Result<Spelling, Error> {
        let (name, octave) = spell(self.key, pitch)?;
        let place = (name.step, octave);
        let in_bar = self.shown.iter().position(|(other, _)| *other == place);
        let in_force = match in_bar {
            Some(index) => self.shown[index].1,
            None => signature_alter(self.key, name.step),
        };
        let accidental = (in_force != name.alter && !is_tied).then(|| {
            match in_bar {
                Some(index) => self.shown[index].1 = name.alter,
                None => self.shown.push((place, name.alter)),
            }
            accidental_name(name.alter)
        });
        Ok(Spelling {
            name,
            octave,
            accidental,
        })
    }
}

/// The name in the key, or the natural or nearest name where that has no octave in MusicXML.
fn spell(key: Key, pitch: u8) -> Result<(PitchName, i32), Error> {
    let octave = |name: PitchName| {
        let natural = i32::from(pitch) - i32::from(name.alter);
        natural.div_euclid(12) - 1
    };
    let names = [key, Key::C_MAJOR].map(|key| key.spell(pitch % 12));
    let named = names.map(|name| (name, octave(name)));
    let sound = named
        .into_iter()
        .find(|(_, octave)| (0..=9).contains(octave));
    sound.ok_or_else(|| unsupported(format!("the MIDI pitch {pitch}, which is below octave 0")))
}

/// What the signature does to a step.
fn signature_alter(key: Key, step: Step) -> i8 {
    let natural = PitchName { step, alter: 0 }.fifths();
    // The seven names of the signature stand from one fifth below the major tonic upwards.
    (key.fifths() - 1 - natural + 6).div_euclid(7)
}

const fn accidental_name(alter: i8) -> &'static str {
    match alter {
        ..=-2 => "flat-flat",
        -1 => "flat",
        0 => "natural",
        1 => "sharp",
        2.. => "double-sharp",
    }
}

/// Between the two staves.
fn dynamic(mark: Option<Dynamic>, markup: &mut Markup) {
    let Some(mark) = mark else {
        return;
    };
    markup.open("direction", &[("placement", "below")]);
    markup.open("direction-type", &[]);
    markup.open("dynamics", &[]);
    markup.empty(mark.name(), &[]);
    markup.close();
    markup.close();
    markup.close();
}

fn key(key: Key, markup: &mut Markup) {
    markup.open("key", &[]);
    markup.leaf("fifths", key.fifths().to_string());
    let mode = match key.mode() {
        Mode::Major => "major",
        Mode::Minor => "minor",
    };
    markup.leaf("mode", mode);
    markup.close();
}

fn time(metre: Metre, markup: &mut Markup) {
    markup.open("time", &[]);
    markup.leaf("beats", metre.count().to_string());
    markup.leaf("beat-type", metre.unit().to_string());
    markup.close();
}

/// The bass clef for basses, for left hands, and for what lies mostly below the middle of both staves.
fn clef(part: Option<&Part>, staff: Option<String>, markup: &mut Markup) {
    let is_low = part.is_some_and(|part| {
        let sum: u64 = part.notes.iter().map(|note| u64::from(note.pitch)).sum();
        let count = part.notes.len() as u64;
        match part.role {
            Role::Bass | Role::LeftHand => true,
            Role::RightHand => false,
            _ => count > 0 && sum < 57 * count,
        }
    });
    let (sign, line) = if is_low { ("F", "4") } else { ("G", "2") };
    match &staff {
        Some(number) => markup.open("clef", &[("number", number)]),
        None => markup.open("clef", &[]),
    }
    markup.leaf("sign", sign);
    markup.leaf("line", line);
    markup.close();
}

fn harmony(chord: Option<ChordSymbol>, offset: Option<String>, markup: &mut Markup) {
    markup.open("harmony", &[]);
    match chord {
        Some(chord) => chord_symbol(chord, markup),
        None => {
            markup.open("root", &[]);
            markup.leaf_with("root-step", &[("text", "")], "C");
            markup.close();
            markup.leaf_with("kind", &[("text", "N.C.")], "none");
        }
    }
    if let Some(offset) = offset {
        markup.leaf("offset", offset);
    }
    markup.close();
}

fn chord_symbol(chord: ChordSymbol, markup: &mut Markup) {
    markup.open("root", &[]);
    pitch_name(chord.root, ("root-step", "root-alter"), markup);
    markup.close();
    let kind = kind_of(chord.quality);
    markup.leaf_with("kind", &[("text", shown_kind(chord.quality))], kind.value);
    if let Some(bass) = chord.bass {
        markup.open("bass", &[]);
        pitch_name(bass, ("bass-step", "bass-alter"), markup);
        markup.close();
    }
    if let Some(degree) = kind.degree {
        markup.open("degree", &[]);
        markup.leaf("degree-value", degree.value.to_string());
        markup.leaf("degree-alter", degree.alter.to_string());
        let name = match degree.kind {
            DegreeKind::Add => "add",
            DegreeKind::Alter => "alter",
            DegreeKind::Subtract => "subtract",
        };
        markup.leaf("degree-type", name);
        markup.close();
    }
}

/// The symbol, less what the degree shows: programs engrave the one behind the other, `7(b9)`.
fn shown_kind(quality: Quality) -> &'static str {
    let kind = kind_of(quality);
    let shown = kind.degree.and_then(|_| base_quality(kind.value));
    shown.unwrap_or(quality).symbol()
}

fn pitch_name(name: PitchName, (step, alter): (&str, &str), markup: &mut Markup) {
    markup.leaf(step, name.step.letter().to_string());
    if name.alter != 0 {
        markup.leaf(alter, name.alter.to_string());
    }
}
