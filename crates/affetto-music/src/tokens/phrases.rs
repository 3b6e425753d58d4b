use affetto_attributes::BarEvents;

use super::vocabulary::ticks_from_quarters;

/// Where a bar stands in its phrase (the paper's grouping), or that it is the pick-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Inside a phrase.
    Inside,
    /// The first bar of a phrase.
    Start1,
    /// The second bar of a phrase.
    Start2,
    /// The last bar but one.
    End1,
    /// The last bar.
    End2,
    /// An incomplete bar before the first phrase.
    Pickup,
}

impl Group {
    /// Every value. Ids follow this order, from 1.
    pub const ALL: [Self; 6] = [
        Self::Inside,
        Self::Start1,
        Self::Start2,
        Self::End1,
        Self::End2,
        Self::Pickup,
    ];
    /// The id, from 1.
    pub fn id(self) -> u32 {
        1 + self as u32
    }

    /// The groups of one phrase of `bars` bars. The first and the last bar come before the second and the last
    /// but one where there are not enough.
    pub fn phrase(bars: usize) -> Vec<Self> {
        let place = |bar: usize| match (bar, bars - bar) {
            (0, _) => Self::Start1,
            (_, 1) => Self::End2,
            (1, _) => Self::Start2,
            (_, 2) => Self::End1,
            _ => Self::Inside,
        };
        (0..bars).map(place).collect()
    }
}

/// Longest phrase looked for, in bars.
const LONGEST: usize = 9;

/// What a phrase of so many bars costs: fours are usual, eights and twos less so, odd numbers rare.
fn length_cost(bars: usize) -> f64 {
    match bars {
        4 => 0.0,
        8 => 0.9,
        2 => 1.2,
        6 => 1.2,
        3 | 5 => 1.4,
        7 => 1.8,
        _ => 2.6,
    }
}

/// How much a bar sounds like the end of a phrase, 0..=2: its last note is long, or silence follows.
fn closure(bar: &BarEvents) -> f64 {
    let length: i64 = bar
        .events
        .iter()
        .filter_map(|event| ticks_from_quarters(event.duration))
        .sum();
    // From the last attack on; what is silent after it counts too.
    let mut tail = 0;
    for event in bar.events.iter().rev() {
        tail += ticks_from_quarters(event.duration).unwrap_or(0);
        if event.pitch.is_some() && !event.held {
            break;
        }
    }
    let share = tail as f64 / length.max(1) as f64;
    let rests = bar.events.last().is_some_and(|event| event.pitch.is_none());
    share + if rests { 0.5 } else { 0.0 }
}

/// Finds phrases: the cut of the bars into pieces of 2 to 9 bars that costs least, where a phrase costs by its
/// length and gains by how much its last bar sounds like an end. `pickup` says that the first bar is a
/// pick-up, which belongs to no phrase. `breaks` are bars that must begin a phrase (section marks).
pub fn groups(bars: &[BarEvents], pickup: bool, breaks: &[usize]) -> Vec<Group> {
    let skip = usize::from(pickup);
    let body = bars.get(skip..).unwrap_or(&[]);
    let mut groups = vec![Group::Pickup; skip.min(bars.len())];
    for phrase in phrase_lengths(body, skip, breaks) {
        groups.extend(Group::phrase(phrase));
    }
    groups
}

fn phrase_lengths(body: &[BarEvents], skip: usize, breaks: &[usize]) -> Vec<usize> {
    let mut best = vec![(f64::INFINITY, 0usize); body.len() + 1];
    best[0] = (0.0, 0);
    for end in 1..=body.len() {
        for bars in 1..=LONGEST.min(end) {
            let start = end - bars;
            let crosses = breaks
                .iter()
                .any(|at| (start + skip + 1..end + skip).contains(at));
            let gain = if end == body.len() {
                0.0
            } else {
                closure(&body[end - 1])
            };
            let cost = best[start].0 + length_cost(bars) - gain + if crosses { 10.0 } else { 0.0 };
            if cost < best[end].0 {
                best[end] = (cost, bars);
            }
        }
    }
    let mut lengths = Vec::new();
    let mut end = body.len();
    while end > 0 {
        lengths.push(best[end].1);
        end -= best[end].1;
    }
    lengths.reverse();
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_of_each_length() {
        use Group::{End1, End2, Inside, Start1, Start2};
        assert_eq!(Group::phrase(4), [Start1, Start2, End1, End2]);
        assert_eq!(
            Group::phrase(6),
            [Start1, Start2, Inside, Inside, End1, End2]
        );
        assert_eq!(Group::phrase(3), [Start1, Start2, End2]);
        assert_eq!(Group::phrase(1), [Start1]);
    }
}
