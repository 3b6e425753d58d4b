//! Lead sheets played: accompaniment and bass.
//!
//! [`arrange`] adds a chord part and a bass part to a melody with chord symbols. The chords are voiced as a
//! whole (`voicing`), the patterns follow the metre (`pattern`, `bass`), and every added note sounds
//! below the melody. [`shape_melody`] and [`humanize`] make a score sound played. [`arrange_along`] and
//! [`shape_melody_along`] do it with an arousal that moves from bar to bar.

mod bass;
mod ceiling;
mod cell;
mod dynamics;
mod grid;
mod humanize;
mod pattern;
#[cfg(test)]
mod tests;
mod voicing;

use std::{collections::BTreeMap, fmt, str::FromStr};

use affetto_media::{Metre, Note, Part, Quarters, Role, Score, f64_from_quarters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use dynamics::{shape_melody, shape_melody_along};
pub use humanize::humanize;

use ceiling::Ceiling;
use cell::Cell;
use dynamics::Levels;
use grid::BarGrid;

/// How the chords are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Accompaniment {
    /// Held chords, struck at changes and at the beginnings of bars.
    Block,
    /// Chords broken into single notes.
    Arpeggio,
    /// Bass on the first pulse of each group, chords on the others: a waltz in 3/4, a march in 4/4.
    Waltz,
    /// Repeated chords.
    Pulse,
    /// The melody alone.
    None,
}

impl Accompaniment {
    /// Every accompaniment.
    pub const ALL: [Self; 5] = [
        Self::Block,
        Self::Arpeggio,
        Self::Waltz,
        Self::Pulse,
        Self::None,
    ];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Arpeggio => "arpeggio",
            Self::Waltz => "waltz",
            Self::Pulse => "pulse",
            Self::None => "none",
        }
    }

    /// What suits a metre at an arousal of -1 to 1; never [`Accompaniment::None`].
    ///
    /// | metre | accompaniment, by rising arousal |
    /// |---|---|
    /// | 3/4, 3/8 | waltz; from 0.5 pulse |
    /// | 6/8, 9/8, 12/8 and their like | arpeggio; from 0.5 pulse |
    /// | any other | block; from -0.4 arpeggio; from 0.3 pulse |
    pub fn choose(metre: Metre, arousal: f64) -> Self {
        let triple = metre.count() == 3 && metre.unit() >= 4;
        if triple && arousal < 0.5 {
            Self::Waltz
        } else if metre.is_compound() && arousal < 0.5 {
            Self::Arpeggio
        } else if triple || metre.is_compound() || arousal >= 0.3 {
            Self::Pulse
        } else if arousal >= -0.4 {
            Self::Arpeggio
        } else {
            Self::Block
        }
    }
}

impl fmt::Display for Accompaniment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no accompaniment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an accompaniment; the choices are {}", Accompaniment::ALL.map(Accompaniment::name).join(", "))]
pub struct UnknownAccompaniment {
    /// The word.
    pub text: String,
}

impl FromStr for Accompaniment {
    type Err = UnknownAccompaniment;

    fn from_str(text: &str) -> Result<Self, UnknownAccompaniment> {
        let word = text.trim().to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|accompaniment| accompaniment.name() == word)
            .ok_or_else(|| UnknownAccompaniment { text: text.into() })
    }
}

/// How a lead sheet is to be played. An arousal out of range counts as its nearest end, NaN as 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrangement {
    /// How the chords are played.
    pub accompaniment: Accompaniment,
    /// How busy and how loud it is, -1 (few long notes, pianissimo) to 1 (many short ones, fortissimo). The
    /// accompaniment is always softer than the melody.
    pub arousal: f64,
}

impl Arrangement {
    /// `accompaniment`, at `arousal`.
    pub const fn new(accompaniment: Accompaniment, arousal: f64) -> Self {
        Self {
            accompaniment,
            arousal,
        }
    }

    /// What [`Accompaniment::choose`] takes for the metre that fills most of `score`.
    pub fn chosen(score: &Score, arousal: f64) -> Self {
        let metre = main_metre(score);
        Self::new(Accompaniment::choose(metre, arousal), arousal)
    }
}

fn main_metre(score: &Score) -> Metre {
    let mut lengths = BTreeMap::<Metre, Quarters>::new();
    for bar in &score.bars {
        *lengths
            .entry(bar.metre)
            .or_insert(Quarters::from_integer(0)) += bar.length;
    }
    let longest = lengths.into_iter().max_by_key(|(_, length)| *length);
    longest.map_or(Metre::COMMON, |(metre, _)| metre)
}

/// The melody of `score` as it is, with a part of chords and a part for the bass where there is anything to
/// play. Bars, tempos, chord symbols and sections stay; parts other than the melody are left out.
///
/// The added notes stay below the melody: a voice that the melody goes under is released or left out.
/// Accompaniment rests in a pick-up of at most half a bar, and where there is no chord.
pub fn arrange(score: &Score, arrangement: &Arrangement) -> Score {
    let arousal = vec![arrangement.arousal; score.bars.len()];
    arrange_along(score, arrangement.accompaniment, &arousal)
}

/// As [`arrange`], with an arousal for each bar; bars without one are at 0. How busy and how loud a bar is goes with its
/// own arousal; the register of the chords, and whether the bass walks, with the mean.
pub fn arrange_along(score: &Score, accompaniment: Accompaniment, arousal: &[f64]) -> Score {
    let mut arranged = score.lead_sheet();
    if accompaniment == Accompaniment::None {
        return arranged;
    }
    let setting = Setting::new(score, accompaniment, arousal);
    let voicings = voicing::lead(&setting.cells, &setting.ceiling, setting.mean_arousal);
    let taken = arranged.melody().map(|melody| melody.channel);
    let mut channels = (1..=15).filter(|channel| Some(*channel) != taken && *channel != 9);
    let chords = pattern::notes(&setting, &voicings);
    let bass = bass::notes(&setting, &voicings);
    for (role, program, notes) in [
        (Role::Chords, 0, chords),
        (Role::Bass, bass::program(&setting), bass),
    ] {
        let channel = channels.next().unwrap_or(1);
        if !notes.is_empty() {
            arranged.parts.push(Part {
                name: role.part_name().into(),
                role,
                program,
                channel,
                notes,
            });
        }
    }
    arranged
}

/// All that the patterns look at.
struct Setting<'a> {
    score: &'a Score,
    accompaniment: Accompaniment,
    /// Of each bar.
    arousal: Vec<f64>,
    mean_arousal: f64,
    grids: Vec<BarGrid>,
    cells: Vec<Cell>,
    ceiling: Ceiling,
    levels: Levels,
    /// Whether the bass walks in 4/4.
    walks: bool,
}

impl<'a> Setting<'a> {
    fn new(score: &'a Score, accompaniment: Accompaniment, arousal: &[f64]) -> Self {
        let grids = grid::grids(score);
        let arousal = of_each_bar(score, arousal);
        let mut setting = Self {
            score,
            accompaniment,
            mean_arousal: mean(&arousal),
            cells: cell::cells(score, &grids),
            ceiling: Ceiling::of(score.melody()),
            levels: Levels::new(score, &arousal),
            arousal,
            grids,
            walks: false,
        };
        setting.walks = bass::walks(&setting);
        setting
    }

    fn grid(&self, cell: &Cell) -> &BarGrid {
        &self.grids[cell.bar]
    }

    fn arousal(&self, cell: &Cell) -> f64 {
        self.arousal[cell.bar]
    }

    /// How long `length` lasts at the tempo of `onset`, in seconds.
    fn seconds(&self, onset: Quarters, length: Quarters) -> f64 {
        let after = self
            .score
            .tempos
            .partition_point(|change| change.onset <= onset);
        let change = self.score.tempos[..after].last();
        let tempo = change.map_or(self.score.tempo(), |change| change.tempo);
        f64_from_quarters(length) * f64::from(tempo.micros_per_quarter()) * 1e-6
    }

    /// `note` cut where the melody goes below it, or nothing where too little is left.
    fn below_melody(&self, note: Note) -> Option<Note> {
        let end = self
            .ceiling
            .first_at_or_below(note.pitch, note.onset, note.end());
        let duration = end - note.onset;
        let kept = duration == note.duration
            || duration * 2 >= note.duration && duration >= Quarters::new(1, 4);
        (kept && duration > Quarters::from_integer(0)).then_some(Note { duration, ..note })
    }
}

/// One arousal for each bar of `score`, within -1..=1.
fn of_each_bar(score: &Score, arousal: &[f64]) -> Vec<f64> {
    let given = arousal.iter().copied().map(within_one);
    given
        .chain(std::iter::repeat(0.0))
        .take(score.bars.len())
        .collect()
}

fn mean(arousal: &[f64]) -> f64 {
    match arousal {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => arousal.iter().sum::<f64>() / arousal.len().max(1) as f64,
    }
}

fn within_one(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) }
}
