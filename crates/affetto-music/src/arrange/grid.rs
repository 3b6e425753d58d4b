//! How a bar is felt: groups of two or three pulses.

use affetto_media::{Bar, Metre, Quarters, Score};

/// How strong a place in a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Between two pulses.
    Off,
    /// On a pulse that begins no group.
    Pulse,
    /// On the first pulse of a group.
    Group,
    /// On the first beat.
    Bar,
}

/// How often a bar longer than its metre begins it anew; what is left after that has no pulses.
const MOST_REPEATS: usize = 16;

/// One pulse of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pulse {
    /// In quarter notes from the beginning of the score.
    pub onset: Quarters,
    /// Cut off at the end of the bar.
    pub length: Quarters,
    /// Bar, group or pulse.
    pub weight: Weight,
}

impl Pulse {
    pub(super) fn end(&self) -> Quarters {
        self.onset + self.length
    }
}

/// The pulses of one bar.
#[derive(Clone, Debug)]
pub(super) struct BarGrid {
    pub start: Quarters,
    pub end: Quarters,
    /// A first bar that lacks its beginning.
    pub pickup: bool,
    /// Whether the groups have three pulses, as in 6/8 and 3/4.
    pub triple: bool,
    pub metre: Metre,
    pub pulses: Vec<Pulse>,
}

impl BarGrid {
    fn new(bar: &Bar, start: Quarters, pickup: bool) -> Self {
        let (groups, length) = groups(bar.metre);
        let end = start + bar.length;
        let mut onset = if pickup {
            end - bar.metre.length()
        } else {
            start
        };
        let mut pulses = Vec::new();
        // A bar longer than its metre begins it anew.
        for _ in 0..MOST_REPEATS {
            if onset >= end {
                break;
            }
            let next_bar = onset + bar.metre.length();
            let places = groups.iter().flat_map(|size| 0..*size).enumerate();
            for (place, in_group) in places {
                let weight = match (place, in_group) {
                    (0, _) => Weight::Bar,
                    (_, 0) => Weight::Group,
                    _ => Weight::Pulse,
                };
                let length = length.min(end - onset).min(next_bar - onset);
                if onset >= start && onset < end {
                    pulses.push(Pulse {
                        onset,
                        length,
                        weight,
                    });
                }
                onset += length;
            }
            onset = next_bar;
        }
        Self {
            start,
            end,
            pickup,
            triple: groups.contains(&3),
            metre: bar.metre,
            pulses,
        }
    }

    /// How strong `onset` is.
    pub(super) fn weight(&self, onset: Quarters) -> Weight {
        self.pulses
            .binary_search_by_key(&onset, |pulse| pulse.onset)
            .map_or(Weight::Off, |place| self.pulses[place].weight)
    }

    /// The pulses that begin in `[start, end)`.
    pub(super) fn between(&self, start: Quarters, end: Quarters) -> impl Iterator<Item = &Pulse> {
        self.pulses
            .iter()
            .filter(move |pulse| pulse.onset >= start && pulse.onset < end)
    }

    /// How many groups begin in the bar.
    pub(super) fn group_count(&self) -> usize {
        let begins = |pulse: &&Pulse| pulse.weight >= Weight::Group;
        self.pulses.iter().filter(begins).count()
    }
}

/// The sizes of the groups of a bar, and the length of a pulse: 4/4 is 2+2 quarters, 6/8 3+3 eighths, 2/2 2+2
/// quarters, 5/4 3+2, 7/8 2+2+3. Units below sixteenths are felt as sixteenths, the last one perhaps shorter.
fn groups(metre: Metre) -> (Vec<u8>, Quarters) {
    let unit = i64::from(metre.unit());
    if unit <= 2 {
        let halves = vec![2; usize::from(metre.count())];
        return (halves, Quarters::new(2, unit));
    }
    let coarse = (unit / 16).max(1);
    let count = (i64::from(metre.count()) + coarse - 1) / coarse;
    let sizes = match count {
        5 => vec![3, 2],
        1 => vec![1],
        _ if count % 3 == 0 => vec![3; (count / 3) as usize],
        _ if count % 2 == 0 => vec![2; (count / 2) as usize],
        _ => {
            let mut sizes = vec![2; ((count - 3) / 2) as usize];
            sizes.push(3);
            sizes
        }
    };
    (sizes, Quarters::new(4 * coarse, unit))
}

/// The grid of every bar.
pub(super) fn grids(score: &Score) -> Vec<BarGrid> {
    let onsets = score.bar_onsets();
    let bars = score.bars.iter().zip(onsets).enumerate();
    bars.map(|(index, (bar, onset))| {
        let pickup = index == 0 && score.bars.len() > 1 && bar.length < bar.metre.length();
        BarGrid::new(bar, onset, pickup)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::Key;

    use super::*;

    fn shape(metre: &str, length: Quarters, pickup: bool) -> String {
        let bar = Bar {
            metre: metre.parse().unwrap(),
            key: Key::C_MAJOR,
            length,
        };
        let grid = BarGrid::new(&bar, Quarters::from_integer(0), pickup);
        let letter = |pulse: &Pulse| match pulse.weight {
            Weight::Bar => 'B',
            Weight::Group => 'G',
            _ => '.',
        };
        assert_eq!(
            grid.pulses
                .iter()
                .map(|pulse| pulse.length)
                .sum::<Quarters>(),
            length
        );
        grid.pulses.iter().map(letter).collect()
    }

    #[test]
    fn metres_have_their_groups() {
        for (metre, expected) in [
            ("4/4", "B.G."),
            ("3/4", "B.."),
            ("2/4", "B."),
            ("2/2", "B.G."),
            ("3/2", "B.G.G."),
            ("6/8", "B..G.."),
            ("9/8", "B..G..G.."),
            ("12/8", "B..G..G..G.."),
            ("5/4", "B..G."),
            ("7/8", "B.G.G.."),
            ("1/4", "B"),
            ("3/64", "B"),
            ("16/32", "B.G.G.G."),
        ] {
            let full = metre.parse::<Metre>().unwrap().length();
            assert_eq!(shape(metre, full, false), expected, "{metre}");
        }
    }

    #[test]
    fn a_pickup_ends_its_metre_and_a_long_bar_begins_anew() {
        assert_eq!(shape("4/4", Quarters::from_integer(1), true), ".");
        assert_eq!(shape("4/4", Quarters::from_integer(3), true), ".G.");
        assert_eq!(shape("3/4", Quarters::from_integer(4), false), "B..B");
    }
}
