//! Which notes of a chord sound, and where: three or four voices between C3 and A4, led with as little motion
//! over the whole piece as the other rules leave (Viterbi's algorithm over all voicings in close and drop-2
//! position).
//!
//! The rules are those of keyboard harmony: common tones stay, sevenths fall by step, no parallel fifths or
//! octaves between outer voices, guide tones (third and seventh) always sound, the root may be left to the
//! bass. All of them are costs in semitones of motion.

use std::collections::BTreeMap;

use affetto_media::{ChordSymbol, f64_from_quarters};

use super::{ceiling::Ceiling, cell::Cell};

/// The lowest and highest note of the chord part.
pub(super) const RANGE: std::ops::RangeInclusive<u8> = 48..=69;

/// The pitches of a chord, rising.
pub(super) type Voicing = Vec<u8>;

/// What breaking a rule costs, in semitones of motion.
mod cost {
    /// A voice fewer than the chord would have.
    pub(super) const MISSING_VOICE: f64 = 4.0;
    /// A voice at or above the melody, for all of the time.
    pub(super) const ABOVE_MELODY: f64 = 9.0;
    /// A voice a semitone below the melody, for all of the time.
    pub(super) const CLASH: f64 = 6.0;
    /// The top voice a whole tone below the melody, for all of the time.
    pub(super) const NEAR: f64 = 1.0;
    /// Each semitone of the mean pitch away from the middle of the register.
    pub(super) const REGISTER: f64 = 0.4;
    /// A step between neighbouring voices below F3.
    pub(super) const MUD: f64 = 1.5;
    /// A semitone between the two top voices.
    pub(super) const TOP_SEMITONE: f64 = 0.8;
    /// Any minor ninth.
    pub(super) const MINOR_NINTH: f64 = 3.0;
    /// Drop-2 position.
    pub(super) const OPEN: f64 = 1.0;
    /// Parallel fifths or octaves between outer voices.
    pub(super) const PARALLEL: f64 = 6.0;
    /// A seventh that could fall by step or stay, and does not.
    pub(super) const SEVENTH: f64 = 2.5;
    /// A common tone that does not stay.
    pub(super) const COMMON_TONE: f64 = 0.5;
    /// Each semitone beyond a major third in the motion of one voice.
    pub(super) const LEAP: f64 = 0.5;
}

/// The voicing of every cell.
pub(super) fn lead(cells: &[Cell], ceiling: &Ceiling, arousal: f64) -> Vec<Voicing> {
    let mut choices = Choices::new(arousal);
    let places: Vec<usize> = cells.iter().map(|cell| choices.place(cell.chord)).collect();
    let mut ways: Vec<Vec<u16>> = Vec::with_capacity(cells.len());
    let mut costs: Vec<f64> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let column = &choices.of_chord[places[index]];
        let before = index.checked_sub(1).map(|last| Before {
            cell: &cells[last],
            choices: &choices.of_chord[places[last]],
            costs: &costs,
        });
        let (way, cost) = column
            .iter()
            .map(|choice| {
                let own = choice.cost + melody_cost(&choice.voicing, cell, ceiling);
                let (way, cost) = before
                    .as_ref()
                    .map_or((0, 0.0), |before| before.best(cell, choice));
                (way, cost + own)
            })
            .unzip();
        ways.push(way);
        costs = cost;
    }
    let chosen = trace(&ways, &costs);
    let voicings = places.iter().zip(chosen);
    voicings
        .map(|(place, choice)| choices.of_chord[*place][choice].voicing.clone())
        .collect()
}

/// A voicing, and how far it is from sounding well alone.
struct Choice {
    voicing: Voicing,
    cost: f64,
}

/// The voicings of each chord that occurs.
struct Choices {
    /// The middle of the register.
    middle: f64,
    chords: BTreeMap<ChordSymbol, usize>,
    of_chord: Vec<Vec<Choice>>,
}

impl Choices {
    fn new(arousal: f64) -> Self {
        Self {
            middle: 58.5 + 1.5 * arousal,
            chords: BTreeMap::new(),
            of_chord: Vec::new(),
        }
    }

    /// Where the voicings of `chord` are in `of_chord`.
    fn place(&mut self, chord: ChordSymbol) -> usize {
        let (place, middle) = (self.of_chord.len(), self.middle);
        *self.chords.entry(chord).or_insert_with(|| {
            let choice = |(voicing, missing): (Voicing, usize)| Choice {
                cost: cost::MISSING_VOICE * missing as f64 + sound_cost(&voicing, middle),
                voicing,
            };
            self.of_chord
                .push(candidates(chord).into_iter().map(choice).collect());
            place
        })
    }
}

/// The cell before, and the cost of the best way to each of its voicings.
struct Before<'a> {
    cell: &'a Cell,
    choices: &'a [Choice],
    costs: &'a [f64],
}

impl Before<'_> {
    /// The place of the best voicing to come from, and the cost of the whole way to `to`.
    fn best(&self, next: &Cell, to: &Choice) -> (u16, f64) {
        let ways = self.choices.iter().zip(self.costs);
        cheapest(
            ways.map(|(from, cost)| cost + step_cost(self.cell, &from.voicing, next, &to.voicing)),
        )
    }
}

/// The place and the size of the least cost; the first of equals.
fn cheapest(costs: impl Iterator<Item = f64>) -> (u16, f64) {
    let mut best = (0, f64::INFINITY);
    for (place, cost) in (0_u16..).zip(costs) {
        if cost < best.1 {
            best = (place, cost);
        }
    }
    best
}

/// The best way back from the last column.
fn trace(ways: &[Vec<u16>], last_costs: &[f64]) -> Vec<usize> {
    let mut place = usize::from(cheapest(last_costs.iter().copied()).0);
    let mut chosen = Vec::with_capacity(ways.len());
    for way in ways.iter().rev() {
        chosen.push(place);
        place = usize::from(way[place]);
    }
    chosen.reverse();
    chosen
}

/// Every voicing of `chord` in range, with the number of voices that it lacks.
pub(super) fn candidates(chord: ChordSymbol) -> Vec<(Voicing, usize)> {
    let mut found: Vec<(Voicing, usize)> = Vec::new();
    for (tones, missing) in tone_sets(chord) {
        for voicing in positions(chord, &tones) {
            if !found.iter().any(|(other, _)| *other == voicing) {
                found.push((voicing, missing));
            }
        }
    }
    found
}

/// Close and drop-2 position of `tones` (semitones above the root) on every lowest note.
fn positions(chord: ChordSymbol, tones: &[u8]) -> Vec<Voicing> {
    let root = chord.root.pitch_class();
    let sounds = |pitch: u8| tones.iter().any(|tone| (root + tone) % 12 == pitch % 12);
    let mut voicings = Vec::new();
    for lowest in RANGE.filter(|pitch| sounds(*pitch)) {
        let close: Voicing = (lowest..lowest + 12)
            .filter(|pitch| sounds(*pitch))
            .collect();
        if let [_, .., second, _] = close[..] {
            let mut open: Voicing = close
                .iter()
                .copied()
                .filter(|pitch| *pitch != second)
                .collect();
            open.insert(0, second - 12);
            voicings.push(open);
        }
        if let [_, _] = close[..] {
            let mut octave = close.clone();
            octave.push(lowest + 12);
            voicings.push(octave);
        }
        voicings.push(close);
    }
    voicings.retain(|voicing| voicing.iter().all(|pitch| RANGE.contains(pitch)));
    voicings
}

/// Which tones (semitones above the root) may stand for the chord, with the number of voices lacking: four of
/// them, or three or two where four do not fit. What gives the chord its character is never left out for
/// something else.
fn tone_sets(chord: ChordSymbol) -> Vec<(Vec<u8>, usize)> {
    let intervals = chord.quality.intervals();
    let full = intervals.len().min(4);
    let characteristic = characteristic(chord);
    let mut sets = Vec::new();
    for missing in 0..=full.saturating_sub(2) {
        let size = full - missing;
        let needed = &characteristic[..size.min(characteristic.len())];
        for mask in 1_u32..1 << intervals.len() {
            let tones: Vec<u8> = (0..intervals.len())
                .filter(|place| mask >> place & 1 == 1)
                .map(|place| intervals[place])
                .collect();
            if tones.len() == size && needed.iter().all(|tone| tones.contains(tone)) {
                sets.push((tones, missing));
            }
        }
    }
    sets
}

/// The tones that the chord is known by, the most important first: guide tones, a root that the bass does not
/// play, the highest extension, an altered fifth.
fn characteristic(chord: ChordSymbol) -> Vec<u8> {
    let intervals = chord.quality.intervals();
    let among = |range: std::ops::RangeInclusive<u8>| {
        intervals
            .iter()
            .copied()
            .filter(move |tone| range.contains(tone))
    };
    let root_elsewhere = chord
        .bass
        .is_some_and(|bass| bass.pitch_class() != chord.root.pitch_class());
    let mut tones: Vec<u8> = among(2..=5).chain(among(9..=11)).collect();
    tones.extend(root_elsewhere.then_some(0));
    tones.extend(among(13..=21).next_back());
    tones.extend(among(6..=8).filter(|tone| *tone != 7));
    tones
}

/// How far `voicing` is from sounding well alone.
fn sound_cost(voicing: &[u8], middle: f64) -> f64 {
    let sum: f64 = voicing.iter().map(|pitch| f64::from(*pitch)).sum();
    let mut cost = cost::REGISTER * (sum / voicing.len() as f64 - middle).abs();
    for pair in voicing.windows(2) {
        if pair[1] - pair[0] < 3 && pair[0] < 53 {
            cost += cost::MUD;
        }
    }
    if let [.., second, top] = voicing
        && top - second == 1
    {
        cost += cost::TOP_SEMITONE;
    }
    let ninth = |low: &u8| voicing.contains(&(low + 13));
    cost += cost::MINOR_NINTH * voicing.iter().filter(|low| ninth(low)).count() as f64;
    if let (Some(low), Some(high)) = (voicing.first(), voicing.last())
        && high - low > 12
    {
        cost += cost::OPEN;
    }
    cost
}

/// How far `voicing` is in the way of the melody.
fn melody_cost(voicing: &[u8], cell: &Cell, ceiling: &Ceiling) -> f64 {
    let whole = f64_from_quarters(cell.length());
    let mut cost = 0.0;
    for (since, until, melody) in ceiling.between(cell.start, cell.end) {
        let share = f64_from_quarters(until - since) / whole;
        for pitch in voicing {
            cost += share
                * match i16::from(melody) - i16::from(*pitch) {
                    ..=0 => cost::ABOVE_MELODY,
                    1 => cost::CLASH,
                    2 => cost::NEAR,
                    _ => 0.0,
                };
        }
    }
    cost
}

/// What it costs to go from one voicing to the next.
fn step_cost(last: &Cell, from: &[u8], next: &Cell, to: &[u8]) -> f64 {
    if from == to {
        return 0.0;
    }
    let parallels = is_parallel((last.bass(), from.last()), (next.bass(), to.last()))
        + is_parallel((from[0], from.last()), (to[0], to.last()));
    motion(from, to)
        + leaps(from, to)
        + cost::PARALLEL * parallels
        + cost::SEVENTH * unresolved_sevenths(last, from, to)
        + cost::COMMON_TONE * moved_common_tones(from, to)
}

/// Semitones moved by all voices together. Where the number of voices changes, the best division or union of
/// voices counts.
pub(super) fn motion(from: &[u8], to: &[u8]) -> f64 {
    let (few, many) = if from.len() <= to.len() {
        (from, to)
    } else {
        (to, from)
    };
    f64::from(match many.len() - few.len() {
        0 => in_order(few, many.iter()),
        _ => least_pairing(few, many),
    })
}

fn in_order<'a>(few: &[u8], many: impl Iterator<Item = &'a u8>) -> u32 {
    few.iter()
        .zip(many)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum()
}

/// Every voice of `many` goes to one of `few` without crossing, each of which is reached.
fn least_pairing(few: &[u8], many: &[u8]) -> u32 {
    // least[i]: the least motion with the voices so far paired and the last one paired with few[i].
    const FAR: u32 = 1 << 20;
    let mut least = vec![FAR; few.len()];
    for (place, pitch) in many.iter().enumerate() {
        for i in (0..few.len()).rev() {
            let stay = if place == 0 && i == 0 { 0 } else { least[i] };
            let advance = if i > 0 { least[i - 1] } else { FAR };
            least[i] = (stay.min(advance) + u32::from(few[i].abs_diff(*pitch))).min(FAR);
        }
    }
    least.last().copied().unwrap_or(0)
}

/// Motion beyond a major third, where voices can be told apart.
fn leaps(from: &[u8], to: &[u8]) -> f64 {
    if from.len() != to.len() {
        return 0.0;
    }
    let beyond = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b).saturating_sub(4));
    cost::LEAP * from.iter().zip(to).map(beyond).sum::<f64>()
}

/// 1 where a fifth or an octave (with the octaves between) moves into another of its kind.
fn is_parallel(from: (u8, Option<&u8>), to: (u8, Option<&u8>)) -> f64 {
    let (Some(top), Some(next_top)) = (from.1, to.1) else {
        return 0.0;
    };
    let interval = (top + 12 - from.0 % 12) % 12;
    let next = (next_top + 12 - to.0 % 12) % 12;
    let moves = top != next_top && from.0 % 12 != to.0 % 12;
    f64::from(u8::from(
        moves && interval == next && matches!(interval, 0 | 7),
    ))
}

fn unresolved_sevenths(last: &Cell, from: &[u8], to: &[u8]) -> f64 {
    let root = last.chord.root.pitch_class();
    let seventh = |pitch: &&u8| matches!((*pitch + 12 - root) % 12, 10 | 11);
    let sounds = |class: u8| to.iter().any(|pitch| pitch % 12 == class % 12);
    let unresolved = |pitch: &&u8| {
        let goals = [**pitch, **pitch - 1, **pitch - 2];
        goals.iter().any(|goal| sounds(*goal)) && !goals.iter().any(|goal| to.contains(goal))
    };
    from.iter().filter(seventh).filter(unresolved).count() as f64
}

fn moved_common_tones(from: &[u8], to: &[u8]) -> f64 {
    let moved =
        |pitch: &&u8| !to.contains(pitch) && to.iter().any(|other| other % 12 == **pitch % 12);
    from.iter().filter(moved).count() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Key, Quarters};

    use super::*;

    fn cell(chord: &str) -> Cell {
        Cell {
            bar: 0,
            start: Quarters::from_integer(0),
            end: Quarters::from_integer(4),
            chord: chord.parse().unwrap(),
            since: 0,
            last: false,
            key: Key::C_MAJOR,
        }
    }

    #[test]
    fn sevenths_fall_or_stay() {
        let unresolved = |to: &[u8]| unresolved_sevenths(&cell("G7"), &[55, 59, 62, 65], to);
        assert_eq!(unresolved(&[55, 60, 64]), 0.0); // F falls to E
        assert_eq!(unresolved(&[57, 60, 62, 65]), 0.0); // F stays
        assert_eq!(unresolved(&[48, 52, 55]), 1.0); // E sounds, but an octave lower
        assert_eq!(unresolved(&[58, 61, 66]), 0.0); // neither F, E nor E flat in F#
    }

    #[test]
    fn parallels_are_fifths_and_octaves_that_move() {
        let parallel = |from: (u8, u8), to: (u8, u8)| {
            is_parallel((from.0, Some(&from.1)), (to.0, Some(&to.1)))
        };
        assert_eq!(parallel((0, 55), (2, 57)), 1.0); // C-G to D-A
        assert_eq!(parallel((0, 60), (2, 62)), 1.0); // octaves
        assert_eq!(parallel((0, 55), (0, 55)), 0.0); // at rest
        assert_eq!(parallel((0, 52), (2, 54)), 0.0); // thirds
    }
}
