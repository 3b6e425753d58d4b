//! Pictures: what an emotion asks, and how a piece compares with a corpus.

mod canvas;
mod circumplex;
mod profile;
mod style;

use affetto_emotion::Emotion;

use crate::{
    Error,
    map::{AttributeMap, AttributeStatistics, AttributeTarget, Cue, Target, Targets},
    piece::{Attribute, Unit},
};
use canvas::{Align, Canvas, Ink};
use circumplex::Circumplex;
use profile::{Column, ROW_HEIGHT, Row, VALUE_WIDTH};
use style::{ASKED, FAINT, GRID, INK, PAPER, TRACK};

/// What an emotion asks is neither low nor high between these places.
const ASKED_MIDDLE: (f64, f64) = (0.4, 0.6);

/// The middle half of the pieces.
const MIDDLE_HALF: (f64, f64) = (0.25, 0.75);

/// The most rows in a column of attributes.
const ROWS_OF_PROFILE: usize = 32;

/// Draws the circumplex with the emotion on it, the five cues, and the attributes that tell most, as a PNG file. `name`
/// is what the emotion is called.
///
/// # Errors
///
/// [`Error::Picture`] where it cannot be drawn or packed.
pub fn emotion(map: &AttributeMap, emotion: &Emotion, name: &str) -> Result<Vec<u8>, Error> {
    let targets = map.targets(emotion);
    let (width, height) = (1720, 990);
    let mut canvas = Canvas::new(width, height, PAPER).ok_or_else(no_canvas)?;
    canvas.text_within(
        40.0,
        56.0,
        &format!("What {name} asks of music"),
        style::title(),
        1600.0,
    );
    let plane = Circumplex {
        left: 40.0,
        top: 120.0,
        side: 500.0,
    };
    plane.draw(&mut canvas, emotion, name);
    let point = emotion.vad();
    let words = format!(
        "valence {:+.2}, arousal {:+.2}, dominance {:+.2}",
        point.valence(),
        point.arousal(),
        point.dominance()
    );
    canvas.text(290.0, 676.0, &words, style::text(INK), Align::Centre);
    cues(&mut canvas, &targets, 40.0, 724.0);
    attributes(&mut canvas, map, &targets, 640.0, 96.0);
    packed(canvas)
}

fn no_canvas() -> Error {
    Error::Picture {
        reason: "its size or font is impossible".into(),
    }
}

fn packed(canvas: Canvas) -> Result<Vec<u8>, Error> {
    canvas.png().map_err(|error| Error::Picture {
        reason: error.to_string(),
    })
}

/// A slider for each cue.
fn cues(canvas: &mut Canvas, targets: &Targets, left: f32, top: f32) {
    canvas.text(
        left,
        top,
        "The five cues, the most important first",
        style::heading(),
        Align::Left,
    );
    for (index, cue) in Cue::ALL.into_iter().enumerate() {
        slider(
            canvas,
            cue,
            targets.cue(cue),
            left,
            top + 34.0 + 44.0 * index as f32,
        );
    }
}

fn slider(canvas: &mut Canvas, cue: Cue, target: Target, left: f32, middle: f32) {
    let (track, width) = (left + 190.0, 230.0);
    let x = |value: f64| track + width * share_of_cue(cue, value) as f32;
    let ink = style::text(INK);
    canvas.text(
        left,
        middle + 5.0,
        cue.name(),
        Ink { bold: true, ..ink },
        Align::Left,
    );
    let (low_end, high_end) = ends(cue);
    canvas.text(
        track - 10.0,
        middle + 5.0,
        low_end,
        style::small(FAINT),
        Align::Right,
    );
    canvas.text(
        track + width + 10.0,
        middle + 5.0,
        high_end,
        style::small(FAINT),
        Align::Left,
    );
    canvas.rectangle(track, middle - 4.0, width, 8.0, TRACK);
    canvas.rectangle(
        x(target.low),
        middle - 6.0,
        x(target.high) - x(target.low),
        12.0,
        ASKED.alpha(80),
    );
    canvas.disc(x(target.value), middle, 9.0, PAPER);
    canvas.disc(x(target.value), middle, 7.0, ASKED);
    let value = cue_in_words(cue, target.value);
    let at = x(target.value).clamp(track + 20.0, track + width - 20.0);
    canvas.text(at, middle - 13.0, &value, style::small(INK), Align::Centre);
}

/// Where a value of a cue lies between the ends that music has.
fn share_of_cue(cue: Cue, value: f64) -> f64 {
    let share = match cue {
        Cue::Mode => value,
        Cue::Tempo => libm::log2(value.max(1.0) / 40.0) / libm::log2(220.0 / 40.0),
        Cue::Register => (value - 60.0) / 27.0,
        Cue::Loudness => (value - 20.0) / 100.0,
        Cue::Articulation => (value - 0.4) / 0.8,
    };
    share.clamp(0.0, 1.0)
}

const fn ends(cue: Cue) -> (&'static str, &'static str) {
    match cue {
        Cue::Mode => ("minor", "major"),
        Cue::Tempo => ("slow", "fast"),
        Cue::Register => ("low", "high"),
        Cue::Loudness => ("soft", "loud"),
        Cue::Articulation => ("staccato", "legato"),
    }
}

/// A cue as a musician says it.
pub fn cue_in_words(cue: Cue, value: f64) -> String {
    match cue {
        Cue::Mode => format!("major {:.0} %", value * 100.0),
        Cue::Tempo => format!("{value:.0} bpm"),
        Cue::Register => format!("around {}", note_name(value)),
        Cue::Loudness => format!("velocity {value:.0} ({})", dynamic(value)),
        Cue::Articulation => format!("notes fill {:.0} %", value * 100.0),
    }
}

/// The nearest note, such as `C#5`; MIDI 60 is C4.
fn note_name(pitch: f64) -> String {
    const NAMES: [&str; 12] = [
        "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B",
    ];
    let nearest = pitch.round().clamp(0.0, 127.0) as usize;
    format!("{}{}", NAMES[nearest % 12], nearest as i32 / 12 - 1)
}

/// The dynamic mark whose usual velocity is nearest, 16 apart from ppp at 16.
fn dynamic(velocity: f64) -> &'static str {
    const MARKS: [&str; 8] = ["ppp", "pp", "p", "mp", "mf", "f", "ff", "fff"];
    let index = (velocity / 16.0).round().clamp(1.0, 8.0) as usize;
    MARKS[index - 1]
}

fn attributes(canvas: &mut Canvas, map: &AttributeMap, targets: &Targets, left: f32, top: f32) {
    canvas.text(
        left,
        top,
        "The attributes that tell emotions apart, the most telling first",
        style::heading(),
        Align::Left,
    );
    let mut listed: Vec<&AttributeTarget> = targets.attributes.iter().collect();
    listed.sort_by(|a, b| {
        b.importance
            .unwrap_or(0.0)
            .total_cmp(&a.importance.unwrap_or(0.0))
    });
    let column = Column {
        left,
        top: top + 40.0,
        name_width: 300.0,
        meaning_width: 300.0,
        track_width: 300.0,
    };
    column.head(canvas);
    for (index, target) in listed.iter().take(ROWS_OF_PROFILE).enumerate() {
        let row = target_row(map.statistics(target.attribute), target);
        column.row(canvas, index, &row);
    }
    let below = column.top + ROWS_OF_PROFILE as f32 * ROW_HEIGHT + 22.0;
    let note = format!(
        "Dot: what is asked, and its place among {} pieces of {} songs. Bar: the middle half of the pieces of this emotion.",
        map.pieces, map.songs
    );
    canvas.text(left, below, &note, style::small(FAINT), Align::Left);
}

fn target_row(statistics: Option<&AttributeStatistics>, target: &AttributeTarget) -> Row {
    let (name, meaning) = (
        target.attribute.name().to_owned(),
        target.attribute.meaning(),
    );
    let place = |value: f64| statistics.and_then(|statistics| statistics.percentile(value));
    let colours = |at: Option<f64>| {
        let colour = style::of_share(at.unwrap_or(0.5), ASKED_MIDDLE);
        (colour, colour.alpha(70))
    };
    match target.target {
        Some(Target { value, low, high }) => Row {
            name,
            meaning,
            at: place(value),
            usual: place(low).zip(place(high)),
            colours: colours(place(value)),
            value: with_unit(value, target.attribute.unit()),
        },
        None => Row {
            name,
            meaning,
            at: Some(target.share_above),
            usual: None,
            colours: colours(Some(target.share_above)),
            value: if target.share_above > 0.5 {
                "high".into()
            } else {
                "low".into()
            },
        },
    }
}

/// A number with its unit, short.
pub fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::MidiPitch => note_name(value),
        Unit::Count if value.abs() >= 20.0 => format!("{value:.0}"),
        Unit::Count | Unit::Ratio => format!("{value:.2}"),
        Unit::Bpm => format!("{value:.0} bpm"),
        Unit::Semitones => format!("{value:.1} semitones"),
        Unit::Quarters => format!("{value:.2} quarters"),
        Unit::Seconds if value.abs() >= 20.0 => format!("{value:.0} s"),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::PerSecond => format!("{value:.1} a second"),
        Unit::PerQuarter => format!("{value:.2} a quarter"),
        Unit::Loudness => format!("{value:.1}"),
    }
}

/// Draws every attribute of a piece against the pieces of the map's corpus, as a PNG file. `values` are in the order of
/// [`Attribute::ALL`] and in the reading of the map; `name` is that of the piece.
///
/// # Errors
///
/// [`Error::Picture`] where it cannot be drawn or packed.
pub fn piece(map: &AttributeMap, values: &[Option<f64>], name: &str) -> Result<Vec<u8>, Error> {
    const COLUMNS: usize = 3;
    let rows_of_column = Attribute::ALL.len().div_ceil(COLUMNS);
    let column_width = 740.0;
    let height = 190.0 + rows_of_column as f32 * ROW_HEIGHT;
    let width = 40.0 + COLUMNS as f32 * column_width;
    let mut canvas = Canvas::new(width as u32, height as u32, PAPER).ok_or_else(no_canvas)?;
    canvas.text_within(40.0, 56.0, name, style::title(), width - 80.0);
    let note = format!(
        "All attributes among {} pieces of {} songs. Bar: the middle half of those pieces. Dot: this piece, blue where few are lower, orange where few are higher.",
        map.pieces, map.songs
    );
    canvas.text(40.0, 86.0, &note, style::text(FAINT), Align::Left);
    for column in 0..COLUMNS {
        let place = Column {
            left: 40.0 + column as f32 * column_width,
            top: 146.0,
            name_width: 350.0,
            meaning_width: 0.0,
            track_width: column_width - 350.0 - VALUE_WIDTH - 40.0,
        };
        place.head(&mut canvas);
        let shown = Attribute::ALL
            .iter()
            .skip(column * rows_of_column)
            .take(rows_of_column);
        for (index, attribute) in shown.enumerate() {
            let value = values.get(attribute.index()).copied().flatten();
            let row = measured_row(map.statistics(*attribute), *attribute, value);
            place.row(&mut canvas, index, &row);
        }
    }
    canvas.line((40.0, 104.0), (width - 40.0, 104.0), 1.0, GRID);
    packed(canvas)
}

fn measured_row(
    statistics: Option<&AttributeStatistics>,
    attribute: Attribute,
    value: Option<f64>,
) -> Row {
    let at = value.and_then(|value| statistics?.percentile(value));
    let usual = statistics.and_then(|statistics| statistics.quantiles);
    Row {
        name: attribute.name().to_owned(),
        meaning: attribute.meaning(),
        at,
        usual: usual.map(|_| MIDDLE_HALF),
        colours: (
            style::of_share(at.unwrap_or(0.5), MIDDLE_HALF),
            style::MIDDLE.alpha(80),
        ),
        value: value.map_or_else(
            || "undefined".into(),
            |value| with_unit(value, attribute.unit()),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::map::Preset;

    fn size(png: &[u8]) -> (u32, u32) {
        let picture = image::load_from_memory(png).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn every_emotion_can_be_drawn() {
        for preset in Preset::ALL {
            for words in ["joy", "joy:0.5,sadness:0.5", "neutral", "russell/q3"] {
                let asked = Emotion::parse(words).unwrap();
                let png = emotion(AttributeMap::preset(preset), &asked, words).unwrap();
                assert_eq!(size(&png), (1720, 990));
            }
        }
    }

    #[test]
    fn a_piece_without_values_can_be_drawn() {
        let map = AttributeMap::preset(Preset::Default);
        let nothing = piece(map, &[], "nothing").unwrap();
        let values = vec![Some(1.0); Attribute::ALL.len()];
        let something = piece(
            map,
            &values,
            "a name that is far too long ".repeat(20).as_str(),
        )
        .unwrap();
        assert_eq!(size(&nothing), size(&something));
        assert_ne!(nothing, something);
    }

    #[test]
    fn values_as_musicians_say_them() {
        assert_eq!(cue_in_words(Cue::Register, 72.4), "around C5");
        assert_eq!(cue_in_words(Cue::Loudness, 64.0), "velocity 64 (mp)");
        assert_eq!(with_unit(0.256, Unit::Share), "25.6 %");
        assert_eq!(with_unit(60.0, Unit::MidiPitch), "C4");
    }
}
