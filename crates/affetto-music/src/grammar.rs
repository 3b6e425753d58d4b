//! What may come next, so that every bar closes exactly and keeps what was asked of it.
//!
//! A bar is a path through positions in ticks; an event is a step. For each position the numbers of further events
//! that can still end exactly at the bar line are known beforehand, so that a choice is permitted only where a
//! way on exists: the search never meets a dead end.

use std::{ops::RangeInclusive, sync::LazyLock};

use affetto_attributes::{ValenceClass, valence::paper_quality};
use affetto_media::Quality;

use crate::tokens::{BarContext, DURATIONS, Token, ticks_from_quarters};

/// A set of numbers of events, one bit each; no bar has more than 36 events.
type Counts = u64;

/// What one bar must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRule {
    /// The class that the median chord valence of the bar's events must have.
    pub valence: Option<ValenceClass>,
    /// The median to come as near to as some rhythm and chords of that class permit.
    pub near: Option<f64>,
    /// How many events the bar may have.
    pub events: RangeInclusive<usize>,
    /// Lengths of the events in ticks, where the rhythm is given.
    pub rhythm: Option<Vec<i64>>,
    /// Ticks that no event may cross: given chord changes.
    pub cuts: Vec<i64>,
}

impl Default for BarRule {
    fn default() -> Self {
        Self {
            valence: None,
            near: None,
            events: 1..=36,
            rhythm: None,
            cuts: Vec::new(),
        }
    }
}

/// The permitted steps of one bar.
#[derive(Clone, Debug)]
pub struct BarGrammar {
    length: i64,
    /// From the metre's beginning to the bar's (a pick-up begins late).
    offset: i64,
    compound: bool,
    rule: BarRule,
    target: Option<Target>,
    /// For each position the possible numbers of further events.
    completions: Vec<Counts>,
}

/// Why a bar cannot be written as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// No rhythm of the vocabulary has so many events.
    #[error("no rhythm of {length} ticks has {fewest} to {most} events")]
    Events {
        /// The bar's length, 24 ticks a quarter.
        length: i64,
        /// The fewest events asked.
        fewest: usize,
        /// The most events asked.
        most: usize,
    },
    /// The given rhythm does not fill the bar.
    #[error("the given rhythm fills {given} of {length} ticks")]
    Rhythm {
        /// The bar's length, 24 ticks a quarter.
        length: i64,
        /// What the rhythm fills.
        given: i64,
    },
}

impl BarGrammar {
    /// The grammar of a bar of `context` that keeps `rule`.
    pub fn new(context: &BarContext, rule: BarRule) -> Result<Self, Impossible> {
        let metre = ticks_from_quarters(context.metre.length()).unwrap_or(context.length);
        let mut grammar = Self {
            length: context.length,
            offset: metre - context.length,
            compound: context.metre.is_compound(),
            completions: vec![0; context.length as usize + 1],
            target: None,
            rule,
        };
        grammar.check_rhythm()?;
        grammar.complete();
        if grammar.counts_from(0, 0) == 0 {
            return Err(Impossible::Events {
                length: grammar.length,
                fewest: *grammar.rule.events.start(),
                most: *grammar.rule.events.end(),
            });
        }
        grammar.target = grammar.nearest_target();
        Ok(grammar)
    }

    /// The narrowest of a few targets that the bar can reach.
    fn nearest_target(&self) -> Option<Target> {
        let class = self.rule.valence?;
        let whole = Target { class, near: None };
        let Some(near) = self.rule.near else {
            return Some(whole);
        };
        let narrow = [0.05, 0.1, 0.15, 0.2].map(|most| Target {
            class,
            near: Some((near, most)),
        });
        let counts = self.counts_from(0, 0);
        let found = narrow
            .into_iter()
            .find(|target| target.reached_by(&Tally::default(), counts));
        Some(found.unwrap_or(whole))
    }

    fn check_rhythm(&self) -> Result<(), Impossible> {
        let given = self.rule.rhythm.as_ref().map(|rhythm| rhythm.iter().sum());
        match given {
            Some(given) if given != self.length => Err(Impossible::Rhythm {
                length: self.length,
                given,
            }),
            _ => Ok(()),
        }
    }

    fn complete(&mut self) {
        self.completions[self.length as usize] = 1;
        for position in (0..self.length).rev() {
            let counts = self
                .steps(position)
                .map(|ticks| self.completions[(position + ticks) as usize] << 1)
                .fold(0, |all, counts| all | counts);
            self.completions[position as usize] = counts;
        }
    }

    /// The lengths that may start at `position`, without regard to counts and valence.
    fn steps(&self, position: i64) -> impl Iterator<Item = i64> + '_ {
        let given = self.rule.rhythm.as_ref().map(|rhythm| {
            let mut at = 0;
            rhythm.iter().copied().find(|ticks| {
                let here = at == position;
                at += ticks;
                here
            })
        });
        let free = DURATIONS.into_iter().filter(move |ticks| match given {
            Some(step) => step == Some(*ticks),
            None => self.on_grid(position, *ticks) && !self.crosses_cut(position, *ticks),
        });
        free.filter(move |ticks| position + ticks <= self.length)
    }

    /// Whether an event of `ticks` at `position` keeps to sixteenths, or to triplets that begin on a beat
    /// (quarters and eighths) or half a beat (sixteenths) and go on until the next one.
    fn on_grid(&self, position: i64, ticks: i64) -> bool {
        let place = (self.offset + position) % 24;
        let triplet_length = ticks % 6 != 0;
        if self.compound {
            return !triplet_length && place % 6 == 0;
        }
        match (place % 6 == 0, triplet_length) {
            (true, false) => true,
            (false, false) => false,
            (true, true) if ticks == 4 => place % 12 == 0,
            (true, true) => place == 0,
            (false, true) => place % 4 == 0,
        }
    }

    fn crosses_cut(&self, position: i64, ticks: i64) -> bool {
        self.rule
            .cuts
            .iter()
            .any(|cut| position < *cut && *cut < position + ticks)
    }

    /// The possible numbers of events after `position` when `events` are already written.
    fn counts_from(&self, position: i64, events: usize) -> Counts {
        let (fewest, most) = (*self.rule.events.start(), *self.rule.events.end());
        let fewest = fewest.saturating_sub(events) as u32;
        let Some(most) = most.checked_sub(events) else {
            return 0;
        };
        let up_to_most = if most >= 63 {
            !0
        } else {
            (1u64 << (most + 1)) - 1
        };
        let from_fewest = if fewest >= 64 { 0 } else { !0 << fewest };
        self.completions[position as usize] & up_to_most & from_fewest
    }

    /// Which chords may be taken at `position` after the events whose chord valences are `values`, by their quality (none for
    /// "no chord").
    pub fn permitted_chords(
        &self,
        position: i64,
        values: &[f64],
    ) -> impl Fn(Option<Quality>) -> bool + use<> {
        let after = self.counts_from(position, values.len()) >> 1;
        let before = Tally::of(values);
        let permitted: [bool; REPRESENTATIVES.len()] = std::array::from_fn(|place| {
            let mut values = before.clone();
            values.add(place, 1);
            let target = self.target;
            target.is_none_or(|target| target.reached_by(&values, after))
        });
        move |quality| {
            let valence = chord_valence(quality);
            let place = VALENCES.iter().position(|other| *other == valence);
            place.is_some_and(|place| permitted[place])
        }
    }

    /// Whether an event of `ticks` may be taken at `position`; `values` are the chord valences of the bar's events, this
    /// event's included.
    pub fn permits_duration(&self, position: i64, values: &[f64], ticks: i64) -> bool {
        if !self.steps(position).any(|step| step == ticks) {
            return false;
        }
        let after = self.counts_from(position + ticks, values.len());
        match self.target {
            Some(target) => target.reached_by(&Tally::of(values), after),
            None => after != 0,
        }
    }

    /// Whether `token` is a duration permitted here.
    pub fn permits(&self, position: i64, values: &[f64], token: Token) -> bool {
        matches!(token, Token::Duration(ticks) if self.permits_duration(position, values, ticks))
    }
}

/// One chord of each valence that exists, by Makris 2021.
const REPRESENTATIVES: [Option<Quality>; 9] = [
    None,
    Some(Quality::Major),
    Some(Quality::Minor),
    Some(Quality::Dominant7),
    Some(Quality::Major7),
    Some(Quality::Minor7),
    Some(Quality::Dominant9),
    Some(Quality::Minor9),
    Some(Quality::Diminished),
];

/// The chord valence of Makris 2021 (section A.4 of its released code); 0 for "no chord".
pub(crate) fn chord_valence(quality: Option<Quality>) -> f64 {
    quality.map_or(0.0, |quality| paper_quality(quality).valence())
}

/// The median; the mean of the middle two of an even number; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
    }
}

/// Where the median chord valence of a bar must come to lie.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    class: ValenceClass,
    /// A value, and how far from it at the most.
    near: Option<(f64, f64)>,
}

impl Target {
    fn holds(&self, median: f64) -> bool {
        let near = self
            .near
            .is_none_or(|(value, most)| (median - value).abs() <= most);
        near && ValenceClass::from_valence(median) == self.class
    }

    /// Whether some number of further events in `more`, with chords freely chosen, brings the median of `values` here.
    fn reached_by(&self, values: &Tally, more: Counts) -> bool {
        (0..64)
            .filter(|count| more >> count & 1 == 1)
            .any(|count| self.reached_with(values, count))
    }

    fn reached_with(&self, values: &Tally, count: usize) -> bool {
        // With more new events than old ones the median is theirs.
        if count > values.total && VALENCES.iter().any(|valence| self.holds(*valence)) {
            return true;
        }
        // At most two values decide a median, so two kinds of chords are enough to try.
        for first in 0..VALENCES.len() {
            for second in first..VALENCES.len() {
                for split in 0..=count {
                    let mut all = values.clone();
                    all.add(first, split);
                    all.add(second, count - split);
                    if self.holds(all.median()) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

/// The chord valences that there are, rising.
static VALENCES: LazyLock<[f64; REPRESENTATIVES.len()]> = LazyLock::new(|| {
    let mut valences = REPRESENTATIVES.map(chord_valence);
    valences.sort_by(f64::total_cmp);
    valences
});

/// How often each of [`VALENCES`] stands in a bar.
#[derive(Clone, Debug, Default)]
struct Tally {
    counts: [usize; REPRESENTATIVES.len()],
    total: usize,
}

impl Tally {
    fn of(values: &[f64]) -> Self {
        let mut tally = Self::default();
        for value in values {
            let place = VALENCES.iter().position(|valence| valence == value);
            tally.add(place.unwrap_or_default(), 1);
        }
        tally
    }

    fn add(&mut self, place: usize, count: usize) {
        self.counts[place] += count;
        self.total += count;
    }

    /// As [`median`] has it.
    fn median(&self) -> f64 {
        match self.total {
            0 => 0.0,
            count if count % 2 == 1 => self.at(count / 2),
            count => (self.at(count / 2 - 1) + self.at(count / 2)) / 2.0,
        }
    }

    /// The value at a place of the sorted list.
    fn at(&self, place: usize) -> f64 {
        let mut before = 0;
        let found = self.counts.iter().position(|count| {
            before += count;
            before > place
        });
        VALENCES[found.unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tokens::Group;
    use affetto_core::Seed;
    use affetto_media::{Metre, Mode};

    fn context(count: u8, unit: u8) -> BarContext {
        let metre = Metre::new(count, unit).unwrap();
        BarContext {
            metre,
            length: ticks_from_quarters(metre.length()).unwrap(),
            group: Group::Inside,
            valence: None,
            density: None,
            count: None,
            mode: Mode::Major,
            style: None,
        }
    }

    #[test]
    fn a_tally_has_the_median_of_its_values() {
        let mut rng = Seed(5).rng();
        for count in 0..30 {
            let draw = |_| VALENCES[(rng.uniform() * VALENCES.len() as f64) as usize];
            let values: Vec<f64> = (0..count).map(draw).collect();
            assert_eq!(Tally::of(&values).median(), median(&values), "{values:?}");
        }
    }

    /// Random walks through every metre, class and count: each closes exactly and keeps its rule.
    #[test]
    fn no_walk_meets_a_dead_end() {
        let mut rng = Seed(5).rng();
        let metres = [(4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (9, 8), (12, 8)];
        for round in 0..1500 {
            let (count, unit) = metres[round % metres.len()];
            let class = ValenceClass::ALL[rng.below(5)];
            let fewest = 1 + rng.below(9);
            let rule = BarRule {
                valence: Some(class),
                events: fewest..=fewest + rng.below(3),
                ..BarRule::default()
            };
            let grammar = BarGrammar::new(&context(count, unit), rule.clone()).unwrap();
            let values = walk(&grammar, &mut rng);
            assert_eq!(ValenceClass::from_valence(median(&values)), class);
            assert!(rule.events.contains(&values.len()));
        }
    }

    fn walk(grammar: &BarGrammar, rng: &mut affetto_core::Rng) -> Vec<f64> {
        let (mut position, mut values) = (0, Vec::new());
        while position < grammar.length {
            let chords: Vec<_> = REPRESENTATIVES
                .into_iter()
                .filter(|quality| grammar.permitted_chords(position, &values)(*quality))
                .collect();
            values.push(chord_valence(chords[rng.below(chords.len())]));
            let steps: Vec<i64> = DURATIONS
                .into_iter()
                .filter(|ticks| grammar.permits_duration(position, &values, *ticks))
                .collect();
            position += steps[rng.below(steps.len())];
        }
        assert_eq!(position, grammar.length);
        values
    }

    #[test]
    fn a_value_is_reached_as_nearly_as_chords_permit() {
        let mut rng = Seed(6).rng();
        for round in 0..60 {
            let near = f64::from(round - 27) / 32.0;
            let rule = BarRule {
                valence: Some(ValenceClass::from_valence(near)),
                near: Some(near),
                events: 4..=4,
                ..BarRule::default()
            };
            let grammar = BarGrammar::new(&context(4, 4), rule).unwrap();
            let reached = median(&walk(&grammar, &mut rng));
            assert!((reached - near).abs() <= 0.2, "{near} {reached}");
        }
    }

    #[test]
    fn a_given_rhythm_is_the_only_one() {
        let rule = BarRule {
            rhythm: Some(vec![36, 12, 48]),
            ..BarRule::default()
        };
        let grammar = BarGrammar::new(&context(4, 4), rule).unwrap();
        assert!(grammar.permits_duration(0, &[0.87], 36));
        assert!(!grammar.permits_duration(0, &[0.87], 48));
        let short = BarRule {
            rhythm: Some(vec![36]),
            ..BarRule::default()
        };
        assert!(matches!(
            BarGrammar::new(&context(4, 4), short),
            Err(Impossible::Rhythm { given: 36, .. })
        ));
    }

    #[test]
    fn triplets_begin_on_the_beat_and_finish_it() {
        let grammar = BarGrammar::new(&context(4, 4), BarRule::default()).unwrap();
        assert!(grammar.permits_duration(0, &[0.0], 8));
        assert!(!grammar.permits_duration(12, &[0.0], 8));
        assert!(!grammar.permits_duration(8, &[0.0], 12));
        let compound = BarGrammar::new(&context(6, 8), BarRule::default()).unwrap();
        assert!(!compound.permits_duration(0, &[0.0], 8));
    }

    #[test]
    fn nothing_crosses_a_cut() {
        let rule = BarRule {
            cuts: vec![48],
            ..BarRule::default()
        };
        let grammar = BarGrammar::new(&context(4, 4), rule).unwrap();
        assert!(!grammar.permits_duration(24, &[0.0], 48));
        assert!(grammar.permits_duration(24, &[0.0], 24));
    }

    #[test]
    fn an_impossible_count_is_refused() {
        let rule = BarRule {
            events: 30..=30,
            ..BarRule::default()
        };
        assert!(matches!(
            BarGrammar::new(&context(2, 4), rule),
            Err(Impossible::Events { .. })
        ));
    }
}
