//! Where everything stands: the systems and what each one has room for.

use super::{
    PianoRoll,
    canvas::{Fonts, Style, Weight},
    colours,
};
use crate::{ChordSymbol, Note, Part, Quarters, Score, f64_from_quarters};

/// One row of bars.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct System {
    /// Its bars, by index.
    pub bars: std::ops::Range<usize>,
    /// Where its uppermost band begins, in pixels.
    pub top: f32,
}

/// A chord symbol's place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChordPlace {
    /// Root and the rest.
    pub words: [String; 2],
    pub system: usize,
    pub x: f32,
    /// 0 is the row next to the notes.
    pub row: usize,
}

/// Positions and sizes, in pixels.
pub(super) struct Layout {
    /// One design pixel at a width of 1600.
    pub scale: f32,
    pub height: f32,
    pub left: f32,
    pub right: f32,
    /// The width of a quarter note.
    pub quarter: f32,
    /// The height of a semitone.
    pub row: f32,
    pub lowest: u8,
    pub highest: u8,
    pub section_band: f32,
    pub chord_row: f32,
    pub chord_rows: usize,
    pub number_band: f32,
    pub valence_band: f32,
    pub systems: Vec<System>,
    pub chords: Vec<ChordPlace>,
    pub bar_onsets: Vec<Quarters>,
}

/// Rows for chord symbols, at the most.
const CHORD_ROWS: usize = 4;

/// Bars of a system, the most that have room.
const BARS_OF_SYSTEM: [usize; 5] = [16, 8, 4, 2, 1];

impl Layout {
    pub fn of(roll: &PianoRoll<'_>, fonts: &Fonts) -> Self {
        let score = roll.score;
        let scale = (roll.width_pixels as f32 / 1600.0).clamp(0.7, 4.0);
        let bar_onsets = score.bar_onsets();
        let (left, right) = (64.0 * scale, roll.width_pixels as f32 - 28.0 * scale);
        let (ranges, quarters) = systems(score, &bar_onsets, (right - left) / scale);
        let (lowest, highest) = pitch_range(score);
        let rows = f32::from(highest - lowest + 1);
        let mut layout = Self {
            scale,
            height: 0.0,
            left,
            right,
            quarter: ((right - left) / quarters as f32).min(150.0 * scale),
            row: (380.0 * scale / rows)
                .clamp(4.0 * scale, 11.0 * scale)
                .round()
                .max(2.0),
            lowest,
            highest,
            section_band: if score.sections.is_empty() {
                0.0
            } else {
                24.0 * scale
            },
            chord_row: 20.0 * scale,
            chord_rows: 0,
            number_band: 20.0 * scale,
            valence_band: if roll.has_valence() {
                72.0 * scale
            } else {
                0.0
            },
            systems: Vec::new(),
            chords: Vec::new(),
            bar_onsets,
        };
        layout.systems = ranges
            .into_iter()
            .map(|bars| System { bars, top: 0.0 })
            .collect();
        layout.place_chords(score, fonts);
        layout.stack();
        layout
    }

    /// Sets the systems one below the other.
    fn stack(&mut self) {
        let gap = 26.0 * self.scale;
        let mut top = self.heading_height();
        let height = self.system_height();
        for system in &mut self.systems {
            system.top = top.round();
            top += height + gap;
        }
        self.height = (top - gap / 2.0).ceil();
    }

    pub fn heading_height(&self) -> f32 {
        104.0 * self.scale
    }

    fn system_height(&self) -> f32 {
        self.roll_offset() + self.roll_height() + self.number_band + self.valence_band
    }

    fn roll_offset(&self) -> f32 {
        self.section_band + self.chord_row * self.chord_rows as f32
    }

    pub fn roll_top(&self, system: &System) -> f32 {
        (system.top + self.roll_offset()).round()
    }

    pub fn roll_height(&self) -> f32 {
        self.row * f32::from(self.highest - self.lowest + 1)
    }

    pub fn roll_bottom(&self, system: &System) -> f32 {
        self.roll_top(system) + self.roll_height()
    }

    /// The upper edge of a pitch's row.
    pub fn pitch_top(&self, system: &System, pitch: u8) -> f32 {
        self.roll_top(system) + f32::from(self.highest - pitch) * self.row
    }

    pub fn start(&self, system: &System) -> Quarters {
        self.bar_onsets[system.bars.start]
    }

    pub fn end(&self, system: &System) -> Quarters {
        self.bar_onsets[system.bars.end]
    }

    pub fn x(&self, system: &System, onset: Quarters) -> f32 {
        let quarters = f64_from_quarters(onset - self.start(system));
        self.left + quarters as f32 * self.quarter
    }

    pub fn chord_style(&self, weight: Weight) -> Style {
        Style {
            size: 16.0 * self.scale,
            weight,
            colour: colours::INK,
        }
    }

    /// Puts each chord symbol in the lowest row where it touches no other.
    fn place_chords(&mut self, score: &Score, fonts: &Fonts) {
        let gap = 6.0 * self.scale;
        let edge = self.right + 24.0 * self.scale;
        let mut free = [f32::MIN; CHORD_ROWS];
        let mut last_system = usize::MAX;
        for change in &score.chords {
            let end = |system: &System| self.end(system);
            let system = self
                .systems
                .partition_point(|system| end(system) <= change.onset);
            let Some(here) = self.systems.get(system) else {
                continue;
            };
            if system != last_system {
                free = [f32::MIN; CHORD_ROWS];
                last_system = system;
            }
            let words = words(change.chord);
            let width = fonts.width(&words[0], self.chord_style(Weight::Bold))
                + fonts.width(&words[1], self.chord_style(Weight::Regular));
            let x = self.x(here, change.onset).min(edge - width);
            let row = free.iter().position(|free| *free <= x).unwrap_or(0);
            free[row] = x + width + gap;
            self.chord_rows = self.chord_rows.max(row + 1);
            self.chords.push(ChordPlace {
                words,
                system,
                x,
                row,
            });
        }
    }
}

/// The root and what follows it.
fn words(chord: Option<ChordSymbol>) -> [String; 2] {
    match chord {
        None => [String::new(), "N.C.".into()],
        Some(chord) => {
            let (root, all) = (chord.root.to_string(), chord.to_string());
            let rest = all[root.len()..].to_owned();
            [root, rest]
        }
    }
}

/// The bars of each system, and the length of the longest one in quarters. A pick-up is added to the
/// bars of the first system.
fn systems(score: &Score, onsets: &[Quarters], width: f32) -> (Vec<std::ops::Range<usize>>, f64) {
    /// The narrowest quarter note that can be read, in design pixels.
    const NARROWEST: f32 = 44.0;
    let count = score.bars.len();
    let pickup = usize::from(
        score
            .bars
            .first()
            .is_some_and(|bar| bar.length < bar.metre.length()),
    );
    let split = |bars: usize| -> Vec<std::ops::Range<usize>> {
        let mut ranges = Vec::new();
        let mut start = 0;
        while start < count {
            let extra = if start == 0 { pickup } else { 0 };
            let end = (start + bars + extra).min(count);
            ranges.push(start..end);
            start = end;
        }
        ranges
    };
    let longest = |ranges: &[std::ops::Range<usize>]| {
        ranges
            .iter()
            .map(|range| f64_from_quarters(onsets[range.end] - onsets[range.start]))
            .fold(0.0, f64::max)
    };
    for bars in BARS_OF_SYSTEM {
        let ranges = split(bars);
        let quarters = longest(&ranges);
        if quarters as f32 * NARROWEST <= width || bars == 1 {
            return (ranges, quarters.max(0.25));
        }
    }
    (split(1), longest(&split(1)).max(0.25))
}

/// The parts whose notes are pitches.
pub(super) fn pitched(score: &Score) -> impl Iterator<Item = (usize, &Part)> {
    score
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.channel != 9)
}

/// The lowest and highest row: two octaves or more, with some air around the notes.
fn pitch_range(score: &Score) -> (u8, u8) {
    let pitches = || {
        pitched(score)
            .flat_map(|(_, part)| &part.notes)
            .map(|note: &Note| note.pitch.min(127))
    };
    let lowest = pitches().min().unwrap_or(60).saturating_sub(2);
    let highest = (pitches().max().unwrap_or(72) + 2).min(127);
    let missing = 24u8.saturating_sub(highest - lowest);
    let lowest = lowest.saturating_sub(missing / 2);
    (lowest, (highest + missing.div_ceil(2)).min(127))
}
