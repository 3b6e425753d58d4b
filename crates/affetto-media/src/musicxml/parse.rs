use super::{
    document::{
        Attributes, Barline, Degree, DegreeKind, Direction, Document, Ending, EndingEdge, Harmony,
        Location, MAX_DENOMINATOR, MAX_MEASURE_QUARTERS, Measure, Note, Part, Repeat, Staff,
        malformed,
    },
    kind::quality_of,
    xml::{Element, Reader, Tag},
};
use crate::{ChordSymbol, Error, Limits, Metre, Mode, PitchName, Quarters, Role, Step, Tempo};

/// The name of the field that holds the role of a part.
pub(super) const ROLE_FIELD: &str = "affetto-role";
/// The names of the fields that hold what the staves of a part are, where each is a part of a score.
pub(super) const STAFF_FIELDS: [&str; 2] = ["affetto-staff-1", "affetto-staff-2"];

/// The part of a score that a staff is, as one of [`STAFF_FIELDS`] holds it: `right-hand; 1; 1; Right hand`, which is
/// its role, its MIDI channel and program counted from 1, and its name.
pub(super) fn staff_field(part: &crate::Part) -> String {
    let (role, name) = (part.role.word(), &part.name);
    format!("{role}; {}; {}; {name}", part.channel + 1, part.program + 1)
}

fn staff_from_field(text: &str, limits: &Limits) -> Option<Staff> {
    let mut words = text.splitn(4, ';').map(str::trim);
    let role = Role::from_word(words.next()?)?;
    let mut counted = |most: u8| -> Option<u8> {
        let number: u8 = words.next()?.parse().ok()?;
        (1..=most).contains(&number).then(|| number - 1)
    };
    Some(Staff {
        role,
        channel: counted(16)?,
        program: counted(128)?,
        name: cut(words.next()?, limits.text),
    })
}

/// The document that `text` is.
pub(super) fn document(text: &str, limits: &Limits) -> Result<Document, Error> {
    let mut reader = Reader::new(text, limits);
    let root = reader.root()?;
    if !["score-partwise", "score-timewise"].contains(&root.name) {
        let reason = "the outermost element is not score-partwise or score-timewise";
        return Err(malformed(reader.line(), reason));
    }
    let mut score = ScoreReader {
        limits: *limits,
        heading: Heading::default(),
        parts: Vec::new(),
        notes: 0,
    };
    while let Some(tag) = reader.child()? {
        match tag.name {
            "part" => score.part(&tag, &mut reader)?,
            "measure" => score.measure_of_parts(&tag, &mut reader)?,
            "" => reader.skip()?,
            _ => score.heading.take(&reader.element(tag)?, limits)?,
        }
    }
    score.finish(&reader)
}

/// `text` on one line, and not too long.
fn cut(text: &str, limit: usize) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let plain = text.replace(forbidden, " ");
    let short: String = plain.trim().chars().take(limit).collect();
    short.trim_end().into()
}

/// What stands before the music.
#[derive(Default)]
struct Heading {
    work_title: String,
    movement_title: String,
    creators: Vec<String>,
    parts: Vec<PartHeading>,
}

/// What the list of parts says of one part.
#[derive(Default)]
struct PartHeading {
    id: String,
    name: String,
    role: Option<Role>,
    hands: Option<[Staff; 2]>,
    program: Option<u8>,
    channel: Option<u8>,
    /// By instrument identifier.
    unpitched: Vec<(String, u8)>,
}

impl Heading {
    fn take(&mut self, element: &Element<'_>, limits: &Limits) -> Result<(), Error> {
        match element.name() {
            "work" => {
                self.work_title = cut(element.child_text("work-title").unwrap_or(""), limits.text);
            }
            "movement-title" => self.movement_title = cut(element.text(), limits.text),
            "identification" => {
                let creators = element
                    .named("creator")
                    .map(|it| cut(it.text(), limits.text));
                self.creators = creators.filter(|name| !name.is_empty()).collect();
            }
            "part-list" => {
                self.parts = element
                    .named("score-part")
                    .map(|part| PartHeading::from_element(part, limits))
                    .collect::<Result<_, _>>()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        let title = [&self.work_title, &self.movement_title].into_iter();
        title
            .clone()
            .find(|it| !it.is_empty())
            .cloned()
            .unwrap_or_default()
    }
}

impl PartHeading {
    fn from_element(part: &Element<'_>, limits: &Limits) -> Result<Self, Error> {
        let id = part.attribute("id").unwrap_or_default();
        let place = || format!("the part list, part {id}");
        let midi = part.child("midi-instrument");
        // Counted from 1, though some programs write a program 0.
        let counted = |midi: Option<&Element<'_>>, name: &str, most: u8| match midi
            .and_then(|midi| midi.child_text(name))
        {
            None => Ok(None),
            Some(text) => match text.parse::<u8>() {
                Ok(number) if number <= most => Ok(Some(number.saturating_sub(1))),
                _ => Err(malformed(
                    place(),
                    format!("{name} is {text:?}, not 1 to {most}"),
                )),
            },
        };
        let mut unpitched = Vec::new();
        for midi in part.named("midi-instrument") {
            if let Some(pitch) = counted(Some(midi), "midi-unpitched", 128)? {
                unpitched.push((midi.attribute("id").unwrap_or_default().into(), pitch));
            }
        }
        Ok(Self {
            id: id.into(),
            name: cut(part.child_text("part-name").unwrap_or(""), limits.text),
            role: field(part, ROLE_FIELD).and_then(role),
            hands: hands(part, limits),
            program: counted(midi, "midi-program", 128)?,
            channel: counted(midi, "midi-channel", 16)?,
            unpitched,
        })
    }
}

/// What Affetto writes beside a part under `name`.
fn field<'e>(part: &'e Element<'_>, name: &str) -> Option<&'e str> {
    let miscellaneous = part.child("identification")?.child("miscellaneous")?;
    let mut fields = miscellaneous.named("miscellaneous-field");
    let field = fields.find(|field| field.attribute("name") == Some(name))?;
    Some(field.text())
}

fn role(text: &str) -> Option<Role> {
    let same = |role: &Role| role.part_name().eq_ignore_ascii_case(text);
    Role::ALL.into_iter().find(same)
}

/// The two hands of a grand staff that Affetto wrote.
fn hands(part: &Element<'_>, limits: &Limits) -> Option<[Staff; 2]> {
    let staff = |name| staff_from_field(field(part, name)?, limits);
    let [right, left] = STAFF_FIELDS.map(staff);
    let (right, left) = (right?, left?);
    let are_hands = (right.role, left.role) == (Role::RightHand, Role::LeftHand);
    are_hands.then_some([right, left])
}

struct ScoreReader {
    limits: Limits,
    heading: Heading,
    parts: Vec<PartReader>,
    notes: usize,
}

impl ScoreReader {
    /// A part of measures.
    fn part(&mut self, tag: &Tag<'_>, reader: &mut Reader<'_>) -> Result<(), Error> {
        let index = self.part_index(tag.attribute("id").unwrap_or_default())?;
        while let Some(tag) = reader.child()? {
            match tag.name {
                "measure" => self.measure(index, &tag, reader)?,
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    /// A measure of parts, as timewise files have them.
    fn measure_of_parts(
        &mut self,
        measure: &Tag<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Error> {
        while let Some(tag) = reader.child()? {
            match tag.name {
                "part" => {
                    let index = self.part_index(tag.attribute("id").unwrap_or_default())?;
                    self.measure(index, measure, reader)?;
                }
                _ => reader.skip()?,
            }
        }
        Ok(())
    }

    fn part_index(&mut self, id: &str) -> Result<usize, Error> {
        if let Some(index) = self.parts.iter().position(|part| part.heading.id == id) {
            return Ok(index);
        }
        check("parts", self.parts.len() + 1, self.limits.tracks)?;
        let listed = self.heading.parts.iter().position(|part| part.id == id);
        let heading = match listed {
            Some(index) => self.heading.parts.swap_remove(index),
            None => PartHeading {
                id: cut(id, self.limits.text),
                ..PartHeading::default()
            },
        };
        self.parts.push(PartReader {
            heading,
            state: State::default(),
            measures: Vec::new(),
        });
        Ok(self.parts.len() - 1)
    }

    fn measure(
        &mut self,
        index: usize,
        tag: &Tag<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Error> {
        let part = &mut self.parts[index];
        check("bars", part.measures.len() + 1, self.limits.bars)?;
        let mut measure = MeasureReader::new(&part.heading, &mut part.state, tag, &self.limits);
        while let Some(tag) = reader.child()? {
            if tag.name.is_empty() {
                reader.skip()?;
                continue;
            }
            let item = reader.element(tag)?;
            self.notes += usize::from(item.name() == "note");
            check("notes", self.notes, self.limits.notes)?;
            measure.item(&item).map_err(|reason| {
                let number = &measure.measure.number;
                malformed(
                    format!("part {}, measure {number}", part.heading.id),
                    reason,
                )
            })?;
        }
        let measure = measure.finish();
        part.measures.push(measure);
        Ok(())
    }

    fn finish(self, reader: &Reader<'_>) -> Result<Document, Error> {
        let part = |part: PartReader| Part {
            id: part.heading.id,
            name: part.heading.name,
            role: part.heading.role,
            hands: part.heading.hands,
            program: part.heading.program,
            channel: part.heading.channel,
            measures: part.measures,
        };
        let title = self.heading.title();
        let creator = cut(&self.heading.creators.join(", "), self.limits.text);
        let parts: Vec<Part> = self.parts.into_iter().map(part).collect();
        if parts.iter().all(|part| part.measures.is_empty()) {
            return Err(malformed(reader.line(), "there is no measure in it"));
        }
        Ok(Document {
            title,
            creator,
            parts,
        })
    }
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit {
        return Err(Error::Limit {
            what,
            limit: limit as u64,
            found: found as u64,
        });
    }
    Ok(())
}

struct PartReader {
    heading: PartHeading,
    state: State,
    measures: Vec<Measure>,
}

/// What goes on from measure to measure.
#[derive(Default)]
struct State {
    attributes: Attributes,
    /// As they are written, before transposition.
    written_fifths: i32,
    /// For all staves.
    transpose: Transpose,
    /// For one staff.
    staff_transposes: Vec<(u32, Transpose)>,
}

/// From what is written to what sounds.
#[derive(Clone, Copy, Default)]
struct Transpose {
    semitones: i32,
    /// Steps up the line of fifths.
    fifths: i32,
}

/// What is wrong with an item of a measure.
type Reason = String;

struct MeasureReader<'p> {
    heading: &'p PartHeading,
    state: &'p mut State,
    text_limit: usize,
    measure: Measure,
    cursor: Quarters,
    /// Where the note before began, for chords.
    note_onset: Quarters,
}

impl<'p> MeasureReader<'p> {
    fn new(heading: &'p PartHeading, state: &'p mut State, tag: &Tag<'_>, limits: &Limits) -> Self {
        let measure = Measure {
            number: cut(tag.attribute("number").unwrap_or_default(), limits.text),
            implicit: tag.attribute("implicit") == Some("yes"),
            attributes: state.attributes,
            ..Measure::default()
        };
        Self {
            heading,
            state,
            text_limit: limits.text,
            measure,
            cursor: Quarters::from_integer(0),
            note_onset: Quarters::from_integer(0),
        }
    }

    fn item(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        match item.name() {
            "attributes" => self.attributes(item),
            "note" => self.note(item),
            // Past the beginning where the voice before was too short, as in some files of MuseScore.
            "backup" => self.travel(-self.duration(item)?.min(self.cursor)),
            "forward" => self.travel(self.duration(item)?),
            "harmony" => self.harmony(item),
            "direction" => self.direction(item),
            "sound" => self.sound(item),
            "barline" => self.barline(item),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Measure {
        self.measure.harmonies.sort_by_key(|harmony| harmony.onset);
        self.measure
    }

    /// Moves to a later or earlier place in the measure.
    fn travel(&mut self, distance: Quarters) -> Result<(), Reason> {
        self.cursor = checked_place(self.cursor, distance)?;
        self.measure.length = self.measure.length.max(self.cursor);
        Ok(())
    }

    fn duration(&self, item: &Element<'_>) -> Result<Quarters, Reason> {
        let text = item
            .child_text("duration")
            .ok_or_else(|| format!("a {} without duration", item.name()))?;
        let duration = self.quarters("duration", text)?;
        if duration < Quarters::from_integer(0) {
            return Err(format!("the duration {text} is negative"));
        }
        Ok(duration)
    }

    /// A number of divisions.
    fn quarters(&self, what: &str, text: &str) -> Result<Quarters, Reason> {
        let divisions = i64::from(self.state.attributes.divisions);
        let (numer, denom) = decimal(text)
            .ok_or_else(|| format!("the {what} {text:?} is not a number of divisions"))?;
        let quarters = Quarters::new(numer, denom * divisions);
        let most = Quarters::from_integer(MAX_MEASURE_QUARTERS);
        if *quarters.denom() > MAX_DENOMINATOR {
            return Err(format!(
                "the {what} {text} is finer than 1/{MAX_DENOMINATOR} quarter"
            ));
        }
        if quarters > most || quarters < -most {
            return Err(format!(
                "the {what} {text} is over {MAX_MEASURE_QUARTERS} quarters"
            ));
        }
        Ok(quarters)
    }

    /// The place of an item that has no duration.
    fn place(&self, item: &Element<'_>) -> Result<Quarters, Reason> {
        match item.child_text("offset") {
            None => Ok(self.cursor),
            Some(text) => {
                let offset = self.quarters("offset", text)?;
                // Some programs write offsets from a little before the measure.
                checked_place(self.cursor, offset.max(-self.cursor))
            }
        }
    }

    fn transpose(&self, staff: Option<u32>) -> Transpose {
        let own = |staff| {
            self.state
                .staff_transposes
                .iter()
                .find(|(it, _)| *it == staff)
        };
        let own = staff.and_then(own);
        own.map_or(self.state.transpose, |(_, transpose)| *transpose)
    }

    fn attributes(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        if let Some(text) = item.child_text("divisions") {
            self.state.attributes.divisions = divisions(text)?;
        }
        for transpose in item.named("transpose") {
            let read = transpose_from_element(transpose)?;
            match transpose.attribute("number") {
                None => self.state.transpose = read,
                Some(text) => {
                    let staff = number("staff", text)?;
                    self.state.staff_transposes.retain(|(it, _)| *it != staff);
                    self.state.staff_transposes.push((staff, read));
                }
            }
        }
        if let Some(key) = item.child("key") {
            self.key(key)?;
        }
        let sounding = self.state.written_fifths + self.transpose(None).fifths;
        self.state.attributes.fifths = fold_fifths(sounding);
        if let Some(time) = item.child("time") {
            self.state.attributes.metre = metre(time)?;
        }
        if self.cursor == Quarters::from_integer(0) {
            self.measure.attributes = self.state.attributes;
        }
        Ok(())
    }

    fn key(&mut self, key: &Element<'_>) -> Result<(), Reason> {
        // Keys of single steps have none.
        let Some(text) = key.child_text("fifths") else {
            return Ok(());
        };
        let fifths: i32 = number("number of fifths", text)?;
        if !(-14..=14).contains(&fifths) {
            return Err(format!("a key signature of {fifths} fifths"));
        }
        self.state.written_fifths = fifths;
        self.state.attributes.mode = key.child_text("mode").and_then(mode);
        Ok(())
    }

    fn note(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        let grace = item.has("grace");
        let chord = item.has("chord");
        let zero = Quarters::from_integer(0);
        let duration = if grace { zero } else { self.duration(item)? };
        let onset = if chord { self.note_onset } else { self.cursor };
        let tie = |kind| {
            item.named("tie")
                .any(|tie| tie.attribute("type") == Some(kind))
        };
        let count = |name: &str| item.child_text(name).and_then(|text| text.parse().ok());
        let staff = count("staff").unwrap_or(1);
        // What is no time there shifts nothing.
        let shift = |name: &str| {
            let text = item.attribute(name)?;
            self.quarters(name, text).ok()
        };
        let note = Note {
            onset,
            duration,
            attack: shift("attack").unwrap_or(zero),
            release: shift("release").unwrap_or(zero),
            pitch: self.pitch(item, staff)?,
            rest: item.has("rest"),
            chord,
            grace,
            cue: item.has("cue"),
            voice: count("voice").unwrap_or(1),
            staff,
            tie_start: tie("start"),
            tie_stop: tie("stop"),
            lyrics: item.named("lyric").count() as u32,
            velocity: item.attribute("dynamics").map(velocity).transpose()?,
        };
        self.note_onset = onset;
        let end = checked_place(onset, duration)?;
        if !chord {
            self.cursor = end;
        }
        self.measure.length = self.measure.length.max(end);
        self.measure.notes.push(note);
        Ok(())
    }

    fn pitch(&self, item: &Element<'_>, staff: u32) -> Result<Option<u8>, Reason> {
        if let Some(pitch) = item.child("pitch") {
            let written = written_pitch(pitch)?;
            let sounding = written + self.transpose(Some(staff)).semitones;
            return match u8::try_from(sounding) {
                Ok(midi) if midi <= 127 => Ok(Some(midi)),
                _ => Err(format!(
                    "the pitch of MIDI number {sounding} is not within 0 to 127"
                )),
            };
        }
        if item.has("unpitched") {
            let instrument = item.child("instrument").and_then(|it| it.attribute("id"));
            let own = |(id, _): &&(String, u8)| Some(id.as_str()) == instrument;
            let found = self.heading.unpitched.iter().find(own);
            return Ok(found
                .or(self.heading.unpitched.first())
                .map(|(_, midi)| *midi));
        }
        if item.has("rest") {
            return Ok(None);
        }
        Err("a note that is neither a pitch nor a rest".into())
    }

    fn harmony(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        let name = |part: &str| match item.child(part) {
            None => Ok(None),
            Some(it) => pitch_name(it, part),
        };
        let (root, bass) = (name("root")?, name("bass")?);
        let kind = item.child("kind");
        let text = kind.and_then(|kind| kind.attribute("text"));
        let value = kind.map_or("", Element::text);
        let degrees: Vec<Degree> = item.named("degree").filter_map(degree).collect();
        let transpose = self.transpose(None);
        let chord = || {
            Some(ChordSymbol {
                root: transpose.sounding(root?),
                quality: quality_of(value, text, &degrees)?,
                bass: bass.map(|bass| transpose.sounding(bass)),
            })
        };
        let chord = if value == "none" { None } else { chord() };
        let onset = self.place(item)?;
        let shorten = |text: &str| cut(text, self.text_limit);
        self.measure.harmonies.push(Harmony {
            onset,
            root,
            kind: shorten(value),
            text: text.map(shorten),
            degrees,
            bass,
            chord,
        });
        Ok(())
    }

    fn direction(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        let types = || {
            item.named("direction-type")
                .flat_map(|it| it.children.iter())
        };
        let words = |name: &str| {
            let words: Vec<&str> = types()
                .filter(|it| it.name() == name && !it.text().is_empty())
                .map(Element::text)
                .collect();
            let joined = cut(&words.join(" "), self.text_limit);
            (!joined.is_empty()).then_some(joined)
        };
        let played = item.child("sound").map(sound_tempo).transpose()?.flatten();
        let shown = types().find(|it| it.name() == "metronome");
        let direction = Direction {
            onset: self.place(item)?,
            tempo: played.or(shown.and_then(metronome_tempo)),
            rehearsal: words("rehearsal"),
            words: words("words"),
        };
        self.keep(direction);
        Ok(())
    }

    /// A sound that no direction shows.
    fn sound(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        let direction = Direction {
            onset: self.place(item)?,
            tempo: sound_tempo(item)?,
            rehearsal: None,
            words: None,
        };
        self.keep(direction);
        Ok(())
    }

    fn keep(&mut self, direction: Direction) {
        let says =
            direction.tempo.is_some() || direction.rehearsal.is_some() || direction.words.is_some();
        if says {
            self.measure.directions.push(direction);
        }
    }

    fn barline(&mut self, item: &Element<'_>) -> Result<(), Reason> {
        let location = match item.attribute("location") {
            Some("left") => Location::Left,
            Some("middle") => Location::Middle,
            _ => Location::Right,
        };
        let repeat = item.child("repeat").and_then(repeat);
        let ending = item.child("ending").and_then(ending);
        if repeat.is_some() || ending.is_some() {
            self.measure.barlines.push(Barline {
                location,
                repeat,
                ending,
            });
        }
        Ok(())
    }
}

impl Transpose {
    fn sounding(self, name: PitchName) -> PitchName {
        let fifths = i32::from(name.fifths()) + self.fifths;
        // Past double accidentals, the enharmonic name.
        let nearer = match fifths {
            ..-15 => fifths + 12,
            20.. => fifths - 12,
            _ => fifths,
        };
        i8::try_from(nearer)
            .ok()
            .and_then(PitchName::from_fifths)
            .unwrap_or(name)
    }
}

/// `place + distance`, which must be a place in a measure.
fn checked_place(place: Quarters, distance: Quarters) -> Result<Quarters, Reason> {
    let sum = place + distance;
    if sum < Quarters::from_integer(0) {
        return Err("it goes back to before the beginning of the measure".into());
    }
    if sum > Quarters::from_integer(MAX_MEASURE_QUARTERS) {
        return Err(format!("it is longer than {MAX_MEASURE_QUARTERS} quarters"));
    }
    if *sum.denom() > MAX_DENOMINATOR {
        return Err(format!(
            "its times are finer than 1/{MAX_DENOMINATOR} quarter"
        ));
    }
    Ok(sum)
}

/// A decimal number as numerator and denominator, with at most six places.
fn decimal(text: &str) -> Option<(i64, i64)> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let places = places.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.trim_start_matches(['-', '+']);
    let sound = whole.len() - unsigned.len() <= 1
        && digits(unsigned)
        && digits(places)
        && !(unsigned.is_empty() && places.is_empty())
        && unsigned.len() <= 12
        && places.len() <= 6;
    if !sound {
        return None;
    }
    let numer: i64 = format!("{unsigned}{places}").parse().ok()?;
    let signed = if whole.starts_with('-') {
        -numer
    } else {
        numer
    };
    Some((signed, 10_i64.pow(places.len() as u32)))
}

fn number<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Reason> {
    text.parse().map_err(|_| format!("the {what} is {text:?}"))
}

fn divisions(text: &str) -> Result<u32, Reason> {
    let whole = decimal(text).filter(|(_, denom)| *denom == 1);
    match whole.and_then(|(numer, _)| u32::try_from(numer).ok()) {
        Some(divisions) if (1..=MAX_DENOMINATOR as u32).contains(&divisions) => Ok(divisions),
        _ => Err(format!("divisions is {text:?}, not 1 to {MAX_DENOMINATOR}")),
    }
}

fn transpose_from_element(element: &Element<'_>) -> Result<Transpose, Reason> {
    let read = |name: &str, most: i32| match element.child_text(name) {
        None => Ok(0),
        Some(text) => match decimal(text) {
            Some((numer, denom)) if (numer / denom).abs() <= i64::from(most) => {
                Ok((numer / denom) as i32)
            }
            _ => Err(format!("transpose has the {name} {text:?}")),
        },
    };
    let chromatic = read("chromatic", 48)?;
    let octaves = read("octave-change", 8)?;
    let diatonic = read("diatonic", 28)?;
    let doubled = if element.has("double") { -1 } else { 0 };
    let spelled = 7 * chromatic - 12 * diatonic;
    let nearest = (7 * chromatic + 5).rem_euclid(12) - 5;
    let consistent = element.has("diatonic") && spelled.abs() <= 12;
    Ok(Transpose {
        semitones: chromatic + 12 * (octaves + doubled),
        fifths: if consistent { spelled } else { nearest },
    })
}

/// The signature with at most seven accidentals that sounds alike.
fn fold_fifths(fifths: i32) -> i8 {
    match fifths {
        -7..=7 => fifths as i8,
        _ => ((fifths + 5).rem_euclid(12) - 5) as i8,
    }
}

fn mode(text: &str) -> Option<Mode> {
    match text {
        "major" | "ionian" | "lydian" | "mixolydian" => Some(Mode::Major),
        "minor" | "aeolian" | "dorian" | "phrygian" | "locrian" => Some(Mode::Minor),
        _ => None,
    }
}

/// The time signature; several pairs, and sums of beats, are added up.
fn metre(time: &Element<'_>) -> Result<Option<Metre>, Reason> {
    if time.has("senza-misura") {
        return Ok(None);
    }
    let counts: Vec<u32> = time
        .named("beats")
        .map(|beats| beats_sum(beats.text()))
        .collect::<Result<_, _>>()?;
    let units: Vec<u32> = time
        .named("beat-type")
        .map(|unit| number("beat type", unit.text()))
        .collect::<Result<_, _>>()?;
    let shown = || format!("the time signature {counts:?}/{units:?} is not one of 1 to 64 beats");
    let finest = *units.iter().max().ok_or_else(shown)?;
    if counts.len() != units.len() || units.iter().any(|unit| !(1..=64).contains(unit)) {
        return Err(shown());
    }
    let pairs = counts.iter().zip(&units);
    let count: u32 = pairs.map(|(count, unit)| count * (finest / unit)).sum();
    let metre = u8::try_from(count).ok().zip(u8::try_from(finest).ok());
    match metre.and_then(|(count, unit)| Metre::new(count, unit)) {
        Some(metre) => Ok(Some(metre)),
        None => Err(shown()),
    }
}

/// `4`, or `3+2`.
fn beats_sum(text: &str) -> Result<u32, Reason> {
    text.split('+').try_fold(0, |sum: u32, beats| {
        let beats: u16 = number("number of beats", beats.trim())?;
        Ok(sum.saturating_add(beats.into()).min(1000))
    })
}

/// MIDI number of what is written; quarter tones go to the semitone below.
fn written_pitch(pitch: &Element<'_>) -> Result<i32, Reason> {
    let step = pitch.child_text("step").and_then(step);
    let step = step.ok_or("a pitch without a step from A to G")?;
    let octave: i32 = number("octave", pitch.child_text("octave").unwrap_or_default())?;
    if !(-1..=10).contains(&octave) {
        return Err(format!("the octave {octave} is not within 0 to 9"));
    }
    let alter = alter(pitch.child_text("alter"))?;
    Ok(12 * (octave + 1) + i32::from(step.pitch_class()) + i32::from(alter))
}

fn step(text: &str) -> Option<Step> {
    let mut letters = text.chars();
    let step = letters.next().and_then(Step::from_letter);
    step.filter(|_| letters.next().is_none())
}

fn alter(text: Option<&str>) -> Result<i8, Reason> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(0);
    };
    match decimal(text).map(|(numer, denom)| numer.div_euclid(denom)) {
        Some(alter) if (-4..=4).contains(&alter) => Ok(alter as i8),
        _ => Err(format!("the alteration {text:?} is not within -4 to 4")),
    }
}

/// `root` or `bass` with their step and alteration; nothing without a letter.
fn pitch_name(element: &Element<'_>, part: &str) -> Result<Option<PitchName>, Reason> {
    let Some(step) = element.child_text(&format!("{part}-step")).and_then(step) else {
        return Ok(None);
    };
    let alter = alter(element.child_text(&format!("{part}-alter")))?;
    if !(-2..=2).contains(&alter) {
        return Err(format!("a {part} with {alter} accidentals"));
    }
    Ok(Some(PitchName { step, alter }))
}

fn degree(element: &Element<'_>) -> Option<Degree> {
    let kind = match element.child_text("degree-type")? {
        "add" => DegreeKind::Add,
        "alter" => DegreeKind::Alter,
        "subtract" => DegreeKind::Subtract,
        _ => return None,
    };
    let value: u8 = element.child_text("degree-value")?.parse().ok()?;
    let alter = alter(element.child_text("degree-alter")).ok()?;
    (1..=13)
        .contains(&value)
        .then_some(Degree { kind, value, alter })
}

/// A tempo of 0 stands for none.
fn sound_tempo(sound: &Element<'_>) -> Result<Option<Tempo>, Reason> {
    let Some(text) = sound.attribute("tempo") else {
        return Ok(None);
    };
    match text.trim().parse::<f64>() {
        Ok(bpm) if bpm.is_finite() && bpm >= 0.0 => Ok((bpm > 0.0).then(|| Tempo::from_bpm(bpm))),
        _ => Err(format!(
            "the tempo {text:?} is not a number of quarters a minute"
        )),
    }
}

/// The tempo that a metronome mark shows; nothing for `c. 60` and for equations of note values.
fn metronome_tempo(metronome: &Element<'_>) -> Option<Tempo> {
    let unit: f64 = match metronome.child_text("beat-unit")? {
        "breve" => 8.0,
        "whole" => 4.0,
        "half" => 2.0,
        "quarter" => 1.0,
        "eighth" => 0.5,
        "16th" => 0.25,
        "32nd" => 0.125,
        _ => return None,
    };
    let dots = metronome.named("beat-unit-dot").count().min(4);
    let dotted = unit * (2.0 - 0.5_f64.powi(dots as i32));
    let per_minute: f64 = metronome.child_text("per-minute")?.parse().ok()?;
    let sound = per_minute.is_finite() && per_minute > 0.0;
    sound.then(|| Tempo::from_bpm(per_minute * dotted))
}

/// A percentage of the MIDI velocity 90.
fn velocity(text: &str) -> Result<u8, Reason> {
    match text.trim().parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => {
            Ok((percent * 0.9).round().clamp(1.0, 127.0) as u8)
        }
        _ => Err(format!("the dynamics {text:?} are not a percentage")),
    }
}

fn repeat(element: &Element<'_>) -> Option<Repeat> {
    match element.attribute("direction")? {
        "forward" => Some(Repeat::Forward),
        "backward" => {
            let times = element
                .attribute("times")
                .and_then(|text| text.parse().ok());
            Some(Repeat::Backward {
                times: times.unwrap_or(2),
            })
        }
        _ => None,
    }
}

fn ending(element: &Element<'_>) -> Option<Ending> {
    let edge = match element.attribute("type")? {
        "start" => EndingEdge::Start,
        "stop" => EndingEdge::Stop,
        _ => EndingEdge::Discontinue,
    };
    let numbers = element.attribute("number").unwrap_or_default();
    Some(Ending {
        numbers: numbers.chars().take(40).collect(),
        edge,
    })
}
