//! The parts of the picture, from back to front.

use super::{
    PianoRoll,
    canvas::{Area, Canvas, Colour, Style, Weight},
    colours,
    layout::{Layout, System, pitched},
};
use crate::{Bar, Note, Part, Quarters, Role, Score};

/// Everything.
pub(super) fn roll(canvas: &mut Canvas, roll: &PianoRoll<'_>, layout: &Layout) {
    let legend_left = legend(canvas, roll, layout);
    heading(canvas, roll, layout, legend_left);
    for (index, system) in layout.systems.iter().enumerate() {
        rows(canvas, layout, system);
        grid(canvas, roll.score, layout, system);
        keyboard(canvas, layout, system);
        notes(canvas, roll, layout, system);
        chord_names(canvas, layout, index);
        section_names(canvas, roll.score, layout, system);
        bar_numbers(canvas, roll.score, layout, system);
        if roll.has_valence() {
            valences(canvas, roll, layout, system);
        }
    }
}

fn style(layout: &Layout, size: f32, weight: Weight, colour: Colour) -> Style {
    Style {
        size: size * layout.scale,
        weight,
        colour,
    }
}

/// The title, and below it what the music is.
fn heading(canvas: &mut Canvas, roll: &PianoRoll<'_>, layout: &Layout, right: f32) {
    let left = 20.0 * layout.scale;
    let room = right - left;
    let title = style(layout, 28.0, Weight::Bold, colours::INK);
    let facts = style(layout, 16.0, Weight::Regular, colours::FAINT_INK);
    let line = canvas.fonts.fitted(&roll.title, title, room);
    canvas.text(left, 42.0 * layout.scale, &line, title);
    let line = canvas.fonts.fitted(&facts_line(roll), facts, room);
    canvas.text(left, 70.0 * layout.scale, &line, facts);
}

/// `D minor · 3/4 · 92 bpm · 16 bars · by A. N. Other`.
fn facts_line(roll: &PianoRoll<'_>) -> String {
    let score = roll.score;
    let mut facts = Vec::new();
    if let Some(bar) = score.bars.first() {
        facts.push(bar.key.to_string());
        facts.push(bar.metre.to_string());
    }
    let bpm = (score.tempo().bpm() * 10.0).round() / 10.0;
    facts.push(format!("{bpm} bpm"));
    let count = score.bars.len();
    facts.push(format!(
        "{count} {}",
        if count == 1 { "bar" } else { "bars" }
    ));
    if !score.creator.is_empty() {
        facts.push(format!("by {}", score.creator));
    }
    if let Some(asked) = &roll.asked {
        facts.push(format!("asked: {asked}"));
    }
    facts.join("  ·  ")
}

/// What the colours mean, at the top right; where it begins.
fn legend(canvas: &mut Canvas, roll: &PianoRoll<'_>, layout: &Layout) -> f32 {
    let s = layout.scale;
    let words = style(layout, 14.0, Weight::Regular, colours::FAINT_INK);
    let mut right = layout.right;
    let baseline = 40.0 * s;
    let swatch = |right: f32, baseline: f32| Area {
        x: right - 22.0 * s,
        y: baseline - 11.0 * s,
        width: 22.0 * s,
        height: 12.0 * s,
    };
    let mut entry = |canvas: &mut Canvas, text: &str, draw: &dyn Fn(&mut Canvas, Area)| {
        canvas.text_before(right, baseline, text, words);
        right -= canvas.fonts.width(text, words) + 7.0 * s;
        draw(canvas, swatch(right, baseline));
        right -= 22.0 * s + 20.0 * s;
    };
    let has = |role: Role| pitched(roll.score).any(|(_, part)| part.role == role);
    let hands = [
        (Role::LeftHand, "left hand"),
        (Role::RightHand, "right hand, soft to loud"),
    ];
    let shown = hands.into_iter().filter(|(role, _)| has(*role)).count();
    for (role, name) in hands.into_iter().filter(|(role, _)| has(*role)) {
        entry(canvas, name, &|canvas, area| {
            loudness_scale(canvas, role, area)
        });
    }
    let others = pitched(roll.score).count() - shown;
    if others > 1 || (others > 0 && shown > 0) {
        entry(canvas, "accompaniment", &|canvas, area| {
            canvas.fill_rounded(area, 2.0 * s, colours::ACCOMPANIMENT);
        });
    }
    let colour = if roll.has_valence() {
        colours::of_valence(0.7)
    } else {
        colours::PLAIN_MELODY
    };
    if shown == 0 || has(Role::Melody) {
        entry(canvas, "melody", &|canvas, area| {
            canvas.fill_rounded(area, 2.0 * s, colour);
        });
    }
    if roll.measured_valence.is_some() {
        entry(canvas, "measured", &|canvas, area| {
            canvas.fill(narrow(area, 0.6), colours::of_valence(0.7));
        });
    }
    if roll.asked_valence.is_some() {
        entry(canvas, "asked", &|canvas, area| {
            canvas.frame(area, outline(s), colours::INK);
        });
    }
    if roll.has_valence() {
        right = right.min(valence_scale(canvas, layout) - 20.0 * s);
    }
    right
}

/// The colours of a hand from soft to loud.
fn loudness_scale(canvas: &mut Canvas, role: Role, area: Area) {
    const STEPS: u8 = 8;
    let width = area.width / f32::from(STEPS);
    for step in 0..STEPS {
        let velocity = 20 + 13 * step; // 20 to 111
        let colour = colours::of_hand(role, velocity).unwrap_or(colours::ACCOMPANIMENT);
        let x = (area.x + f32::from(step) * width).round();
        let end = (area.x + f32::from(step + 1) * width).round();
        let strip = Area {
            x,
            width: end - x,
            ..area
        };
        canvas.fill(strip, colour);
    }
}

/// The scale of colours with its ends; where it begins.
fn valence_scale(canvas: &mut Canvas, layout: &Layout) -> f32 {
    let s = layout.scale;
    let words = style(layout, 14.0, Weight::Regular, colours::FAINT_INK);
    let baseline = 70.0 * s;
    let right = layout.right;
    canvas.text_before(right, baseline, "+1", words);
    let (steps, step) = (80, 2.0 * s);
    let end = right - 26.0 * s;
    let start = end - steps as f32 * step;
    for index in 0..steps {
        let valence = f64::from(index) / f64::from(steps - 1) * 2.0 - 1.0;
        let x = (start + index as f32 * step).floor();
        let area = Area {
            x,
            y: (baseline - 11.0 * s).round(),
            width: (start + (index + 1) as f32 * step).floor() - x,
            height: (12.0 * s).round(),
        };
        canvas.fill(area, colours::of_valence(valence));
    }
    let label = "valence  −1";
    canvas.text_before(start - 6.0 * s, baseline, label, words);
    start - 6.0 * s - canvas.fonts.width(label, words)
}

/// The thickness of the outline of an asked valence.
fn outline(scale: f32) -> f32 {
    (1.6 * scale).round().max(1.0)
}

/// The middle of `area`, of a `share` of its width.
fn narrow(area: Area, share: f32) -> Area {
    let width = area.width * share;
    Area {
        x: area.x + (area.width - width) / 2.0,
        width,
        ..area
    }
}

const fn is_black_key(pitch: u8) -> bool {
    matches!(pitch % 12, 1 | 3 | 6 | 8 | 10)
}

/// The rows of the black keys, and a line below each C.
fn rows(canvas: &mut Canvas, layout: &Layout, system: &System) {
    let right = layout.x(system, layout.end(system));
    for pitch in layout.lowest..=layout.highest {
        let top = layout.pitch_top(system, pitch);
        let row = Area {
            x: layout.left,
            y: top,
            width: right - layout.left,
            height: layout.row,
        };
        if is_black_key(pitch) {
            canvas.fill(row, colours::BLACK_KEY_ROW);
        }
        if pitch % 12 == 0 {
            canvas.horizontal(
                top + layout.row,
                layout.left,
                right,
                1.0,
                colours::BEAT_LINE,
            );
        }
    }
}

/// Lines at beats, bars and sections.
fn grid(canvas: &mut Canvas, score: &Score, layout: &Layout, system: &System) {
    let (top, bottom) = (layout.roll_top(system), layout.roll_bottom(system));
    for index in system.bars.clone() {
        let (start, end) = (layout.bar_onsets[index], layout.bar_onsets[index + 1]);
        for beat in beats(&score.bars[index], start, end) {
            canvas.vertical(layout.x(system, beat), top, bottom, 1.0, colours::BEAT_LINE);
        }
    }
    let right = layout.x(system, layout.end(system));
    canvas.horizontal(top, layout.left, right, 1.0, colours::BAR_LINE);
    canvas.horizontal(bottom, layout.left, right, 1.0, colours::BAR_LINE);
    for index in system.bars.start..=system.bars.end {
        let x = layout.x(system, layout.bar_onsets[index]);
        let thickness = 1.4 * layout.scale;
        canvas.vertical(x, top, bottom, thickness, colours::BAR_LINE);
    }
}

/// The beats after the first one; those of a short first bar count from its end.
fn beats(bar: &Bar, start: Quarters, end: Quarters) -> Vec<Quarters> {
    let beat = bar.metre.beat();
    let is_pickup = start == Quarters::from_integer(0) && bar.length < bar.metre.length();
    let mut onset = if is_pickup {
        end - beat * (bar.length / beat).floor()
    } else {
        start
    };
    let mut beats = Vec::new();
    while onset < end && beats.len() < 1024 {
        if onset > start {
            beats.push(onset);
        }
        onset += beat;
    }
    beats
}

/// The keys at the left, with the name of each C.
fn keyboard(canvas: &mut Canvas, layout: &Layout, system: &System) {
    let s = layout.scale;
    let width = 20.0 * s;
    let x = layout.left - width - 4.0 * s;
    let (top, bottom) = (layout.roll_top(system), layout.roll_bottom(system));
    let keys = Area {
        x,
        y: top,
        width,
        height: bottom - top,
    };
    canvas.fill(keys, colours::WHITE_KEY);
    let names = style(layout, 12.0, Weight::Regular, colours::FAINT_INK);
    for pitch in layout.lowest..=layout.highest {
        let row_top = layout.pitch_top(system, pitch);
        let middle = row_top + layout.row / 2.0;
        if is_black_key(pitch) {
            let key = Area {
                x,
                y: row_top,
                width: width * 0.62,
                height: layout.row,
            };
            canvas.horizontal(middle, x, x + width, 1.0, colours::BAR_LINE);
            canvas.fill(key, colours::BLACK_KEY);
        }
        // White keys that touch: E and F, B and C.
        if matches!(pitch % 12, 0 | 5) && pitch > layout.lowest {
            let y = row_top + layout.row;
            canvas.horizontal(y, x, x + width, 1.0, colours::BAR_LINE);
        }
        if pitch % 12 == 0 {
            let name = format!("C{}", i16::from(pitch / 12) - 1);
            canvas.text_before(x - 5.0 * s, middle + 4.2 * s, &name, names);
        }
    }
    canvas.frame(keys, 1.0, colours::BAR_LINE);
}

/// The accompaniment, over it the hands of a keyboard, the right one last, and over all the melody.
fn notes(canvas: &mut Canvas, roll: &PianoRoll<'_>, layout: &Layout, system: &System) {
    let melody = pitched(roll.score)
        .find(|(_, part)| part.role == Role::Melody)
        .map(|(index, _)| index);
    let mut others: Vec<&Part> = pitched(roll.score)
        .filter(|(index, _)| Some(*index) != melody)
        .map(|(_, part)| part)
        .collect();
    others.sort_by_key(|part| match part.role {
        Role::LeftHand => 1,
        Role::RightHand => 2,
        _ => 0,
    });
    for part in others {
        for note in &part.notes {
            let (colour, edge) = match (colours::of_hand(part.role, note.velocity), part.role) {
                (Some(colour), _) => (colour, colours::darker(colour)),
                (None, Role::Bass) => (colours::BASS, colours::ACCOMPANIMENT_EDGE),
                (None, _) => (colours::ACCOMPANIMENT, colours::ACCOMPANIMENT_EDGE),
            };
            let whole = [(note.onset, note.end(), colour)];
            note_shape(canvas, layout, system, note, &whole, edge);
        }
    }
    for note in melody.map_or(&[][..], |index| &roll.score.parts[index].notes) {
        let bars = coloured(roll, layout, note);
        let edge = bars
            .first()
            .map_or(colours::INK, |(_, _, colour)| colours::darker(*colour));
        note_shape(canvas, layout, system, note, &bars, edge);
    }
}

/// The stretches of a melody note, each in the colour of its bar.
fn coloured(
    roll: &PianoRoll<'_>,
    layout: &Layout,
    note: &Note,
) -> Vec<(Quarters, Quarters, Colour)> {
    let valences = roll
        .measured_valence
        .as_ref()
        .or(roll.asked_valence.as_ref());
    let Some(valences) = valences else {
        return vec![(note.onset, note.end(), colours::PLAIN_MELODY)];
    };
    let onsets = &layout.bar_onsets;
    let first = onsets.partition_point(|onset| *onset <= note.onset);
    (first.saturating_sub(1)..valences.len())
        .take_while(|bar| onsets[*bar] < note.end())
        .map(|bar| {
            let start = onsets[bar].max(note.onset);
            let end = onsets[bar + 1].min(note.end());
            (start, end, colours::of_valence(valences[bar]))
        })
        .collect()
}

/// A note as far as it lies in the system, with an edge around each stretch.
fn note_shape(
    canvas: &mut Canvas,
    layout: &Layout,
    system: &System,
    note: &Note,
    stretches: &[(Quarters, Quarters, Colour)],
    edge: Colour,
) {
    if note.pitch < layout.lowest || note.pitch > layout.highest {
        return;
    }
    let radius = (layout.row * 0.3).min(3.0 * layout.scale);
    for (start, end, colour) in stretches {
        let start = (*start).max(layout.start(system));
        let end = (*end).min(layout.end(system));
        if start >= end {
            continue;
        }
        let x = layout.x(system, start);
        // A gap of a pixel tells repeated notes apart.
        let width = (layout.x(system, end) - x - 1.0).max(1.5);
        let area = Area {
            x: x + 0.5,
            y: layout.pitch_top(system, note.pitch),
            width,
            height: layout.row,
        };
        let inside = Area {
            x: area.x + 1.0,
            y: area.y + 1.0,
            width: (area.width - 2.0).max(0.5),
            height: (area.height - 2.0).max(0.5),
        };
        canvas.fill_rounded(area, radius, edge);
        canvas.fill_rounded(inside, radius - 1.0, *colour);
    }
}

fn chord_names(canvas: &mut Canvas, layout: &Layout, system: usize) {
    let here = &layout.systems[system];
    let bottom = layout.roll_top(here) - 6.0 * layout.scale;
    for chord in layout.chords.iter().filter(|chord| chord.system == system) {
        let baseline = bottom - chord.row as f32 * layout.chord_row;
        let [root, rest] = &chord.words;
        let x = canvas.text(chord.x, baseline, root, layout.chord_style(Weight::Bold));
        canvas.text(x, baseline, rest, layout.chord_style(Weight::Regular));
    }
}

/// The name of each section in a box, with a strong bar line below it.
fn section_names(canvas: &mut Canvas, score: &Score, layout: &Layout, system: &System) {
    let s = layout.scale;
    let name = style(layout, 14.0, Weight::Bold, colours::WHITE_KEY);
    let (start, end) = (layout.start(system), layout.end(system));
    let here = |section: &&crate::Section| section.onset >= start && section.onset < end;
    for section in score.sections.iter().filter(here) {
        let x = layout.x(system, section.onset);
        let text = canvas.fonts.fitted(&section.name, name, 240.0 * s);
        let width = canvas.fonts.width(&text, name) + 12.0 * s;
        let area = Area {
            x,
            y: system.top,
            width,
            height: 19.0 * s,
        };
        canvas.fill_rounded(area, 3.0 * s, colours::SECTION_LINE);
        canvas.text(x + 6.0 * s, system.top + 14.5 * s, &text, name);
        let (top, bottom) = (layout.roll_top(system), layout.roll_bottom(system));
        canvas.vertical(x, top, bottom, 2.4 * s, colours::SECTION_LINE);
    }
}

/// Below each bar its number, and key and metre where they are new.
fn bar_numbers(canvas: &mut Canvas, score: &Score, layout: &Layout, system: &System) {
    let s = layout.scale;
    let words = style(layout, 12.0, Weight::Regular, colours::FAINT_INK);
    let strong = style(layout, 12.0, Weight::Bold, colours::INK);
    let baseline = layout.roll_bottom(system) + 14.0 * s;
    let pickup = score.bars[0].length < score.bars[0].metre.length() && score.bars.len() > 1;
    for index in system.bars.clone() {
        let x = layout.x(system, layout.bar_onsets[index]) + 4.0 * s;
        let number = match (pickup, index) {
            (true, 0) => String::new(), // A pick-up has no number.
            (true, index) => index.to_string(),
            (false, index) => (index + 1).to_string(),
        };
        let after = canvas.text(x, baseline, &number, words);
        let news = news(score, index);
        if !news.is_empty() {
            canvas.text(after + 7.0 * s, baseline, &news.join("  "), strong);
        }
    }
}

/// What changes at a bar after the first one.
fn news(score: &Score, index: usize) -> Vec<String> {
    let mut news = Vec::new();
    if let Some([before, here]) = index
        .checked_sub(1)
        .and_then(|before| score.bars.get(before..=index))
    {
        if before.metre != here.metre {
            news.push(here.metre.to_string());
        }
        if before.key != here.key {
            news.push(here.key.to_string());
        }
    }
    news
}

/// Below each bar its valences as bars from a zero line: asked outlined, measured filled.
fn valences(canvas: &mut Canvas, roll: &PianoRoll<'_>, layout: &Layout, system: &System) {
    let s = layout.scale;
    let right = layout.x(system, layout.end(system));
    let top = (layout.roll_bottom(system) + layout.number_band).round();
    let strip = Area {
        x: layout.left,
        y: top,
        width: right - layout.left,
        height: layout.valence_band,
    };
    canvas.fill(strip, colours::STRIP);
    let reach = layout.valence_band / 2.0 - 4.0 * s;
    let zero = (top + layout.valence_band / 2.0).round();
    let words = style(layout, 12.0, Weight::Regular, colours::FAINT_INK);
    for (text, y) in [("+1", zero - reach), ("0", zero), ("−1", zero + reach)] {
        canvas.text_before(layout.left - 6.0 * s, y + 4.2 * s, text, words);
        canvas.horizontal(y, layout.left, right, 1.0, colours::BEAT_LINE);
    }
    canvas.horizontal(zero, layout.left, right, 1.0, colours::FAINT_INK);
    // A valence of zero still shows.
    let least = (4.0 * s).round();
    for index in system.bars.clone() {
        let x = layout.x(system, layout.bar_onsets[index]);
        let end = layout.x(system, layout.bar_onsets[index + 1]);
        let column = |valence: f64, share: f32| {
            let height = (valence.abs() as f32 * reach).max(least);
            let width = ((end - x) * share).min(share * 130.0 * s).round();
            Area {
                x: ((x + end - width) / 2.0).round(),
                y: match valence.abs() as f32 * reach {
                    length if length < least => zero - least / 2.0,
                    _ if valence > 0.0 => zero - height,
                    _ => zero,
                },
                width,
                height,
            }
        };
        if let Some(measured) = &roll.measured_valence {
            let valence = measured[index];
            canvas.fill(column(valence, 0.34), colours::of_valence(valence));
        }
        if let Some(asked) = &roll.asked_valence {
            canvas.frame(column(asked[index], 0.56), outline(s), colours::INK);
        }
    }
}
