//! What pieces are like as wholes: the attributes of some of the windows that a model was trained on, so that what is
//! asked of a piece together is what occurs together.

use affetto_attributes::{Critic, RunMarks, piece::Attribute};
use affetto_core::Seed;
use affetto_media::{Metre, Mode};
use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    corpus::Window,
    critic::heard_names,
    levels::{ATTRIBUTES, LEVELS, Levels, measured},
    merit::Known,
    tokens::{Style, TempoStep},
};

/// Into how many parts of equal size the training windows are cut by each attribute.
pub const RANKS: usize = 64;
/// Attributes that grow with the length of a piece, so that its beginning says little of them.
const OF_WHOLE: [&str; 5] = [
    "Total Number of Notes",
    "Duration in Seconds",
    "Relative Note Density of Highest Line",
    "Number of Pitches",
    "Range",
];
/// How many windows are kept as profiles, at most.
const PROFILES: usize = 3000;

/// The 63 values between the 64 parts of the training windows, for each attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantiles(Vec<Vec<f64>>);

/// For each attribute the part of the training windows that a piece lies in, from 0 (the lowest); nothing where the
/// piece has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks(pub [Option<u8>; ATTRIBUTES]);

/// A training window as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its first time signature.
    pub metre: Metre,
    /// Its first tempo.
    pub tempo: TempoStep,
    /// The mode of its key.
    pub mode: Mode,
    /// The kind of music.
    pub style: Option<Style>,
    /// Its attributes.
    pub ranks: Ranks,
}

/// What is kept of the training windows beside the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// What lies between low and high.
    pub quantiles: Quantiles,
    /// Some of the windows.
    pub profiles: Vec<Profile>,
    /// Tells music from what the network writes, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<Critic>,
    /// Knows passages of the windows again, that none is written anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<RunMarks>,
}

impl Quantiles {
    /// Of measured values, a row each window.
    pub fn between(values: &[Vec<Option<f64>>]) -> Self {
        let column = |attribute: usize| {
            let mut column: Vec<f64> = values.iter().filter_map(|row| row[attribute]).collect();
            column.sort_by(f64::total_cmp);
            let at = |part: usize| column.get(column.len() * part / RANKS).copied();
            (1..RANKS)
                .map(|part| rounded(at(part).unwrap_or(0.0)))
                .collect()
        };
        Self((0..ATTRIBUTES).map(column).collect())
    }

    /// The ranks of measured values.
    pub fn ranks(&self, values: &[Option<f64>]) -> Ranks {
        let rank = |(edges, value): (&Vec<f64>, &Option<f64>)| {
            let value = (*value)?;
            Some(edges.iter().filter(|edge| value > **edge).count() as u8)
        };
        let mut ranks = [None; ATTRIBUTES];
        for (place, pair) in ranks.iter_mut().zip(self.0.iter().zip(values)) {
            *place = rank(pair);
        }
        Ranks(ranks)
    }

    /// The values in the middle of the parts that `ranks` names.
    pub fn values(&self, ranks: &Ranks) -> Vec<Option<f64>> {
        let value = |(edges, rank): (&Vec<f64>, &Option<u8>)| {
            let rank = usize::from((*rank)?);
            let above = edges.get(rank).or(edges.last())?;
            let below = rank.checked_sub(1).map_or(above, |below| &edges[below]);
            Some((above + below) / 2.0)
        };
        self.0.iter().zip(&ranks.0).map(value).collect()
    }

    /// The value that so large a share of the windows stays below, 0 to 1, to the nearest edge.
    pub fn edge(&self, attribute: Attribute, share: f64) -> Option<f64> {
        let edges = self.0.get(attribute.index())?;
        let part = (share * RANKS as f64).round() as usize;
        edges.get(part.checked_sub(1)?).copied()
    }

    fn is_whole(&self) -> bool {
        self.0.len() == ATTRIBUTES
            && self
                .0
                .iter()
                .all(|edges| edges.len() == RANKS - 1 && edges.is_sorted())
    }
}

/// Five significant digits: an edge between windows needs no more.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// The level of a rank, from 1.
pub fn level_of(rank: u8) -> u8 {
    1 + rank / (RANKS / LEVELS) as u8
}

impl Ranks {
    /// The level of each attribute; 0 where there is no value.
    pub fn levels(&self) -> Levels {
        Levels(self.0.map(|rank| rank.map_or(0, level_of)))
    }

    /// How surely `found` lies on the asked side of the middle, the mean over the attributes that are asked and can be told
    /// from the beginning of a piece: 1/2 in the middle, 1 from an eighth of all windows on. 1 where none is asked.
    pub fn sureness(&self, found: &Self) -> f64 {
        let middle = RANKS as f64 / 2.0;
        let beyond = |rank: u8| f64::from(rank) + 0.5 - middle;
        let sure = |asked: u8, found: Option<u8>| match found {
            Some(found) => {
                let side = beyond(asked).signum() * beyond(found);
                (0.5 + side / (RANKS / LEVELS) as f64).clamp(0.0, 1.0)
            }
            None => 0.0,
        };
        let pairs = Attribute::ALL.iter().filter_map(|attribute| {
            let at = attribute.index();
            let counts = !OF_WHOLE.contains(&attribute.name());
            self.0[at]
                .filter(|_| counts)
                .map(|asked| sure(asked, found.0[at]))
        });
        let (sum, count) = pairs.fold((0.0, 0), |(sum, count), sure| (sum + sure, count + 1));
        match count {
            0 => 1.0,
            count => sum / f64::from(count),
        }
    }

    /// The same with some of them higher or lower, by shares of all windows.
    pub fn moved(&self, by: &[f64]) -> Self {
        let mut moved = *self;
        for (rank, by) in moved.0.iter_mut().zip(by) {
            let steps = (by * RANKS as f64).round();
            *rank = rank.map(|rank| (f64::from(rank) + steps).clamp(0.0, RANKS as f64 - 1.0) as u8);
        }
        moved
    }
}

impl Statistics {
    /// Of the windows to train on; the same ones for the same windows.
    pub fn of(windows: &[Window], seed: Seed) -> Self {
        let values: Vec<Vec<Option<f64>>> = windows
            .par_iter()
            .map(|window| measured(&window.piece))
            .collect();
        let quantiles = Quantiles::between(&values);
        let mut order: Vec<usize> = (0..windows.len()).collect();
        seed.derive("profiles").rng().shuffle(&mut order);
        let profile = |at: &usize| {
            let window = &windows[*at];
            let bar = window.piece.bars.first()?;
            Some(Profile {
                metre: bar.metre,
                tempo: bar.tempo,
                mode: window.mode,
                style: window.style,
                ranks: quantiles.ranks(&values[*at]),
            })
        };
        Self {
            profiles: order.iter().filter_map(profile).take(PROFILES).collect(),
            quantiles,
            critic: None,
            marks: None,
        }
    }

    /// What a continuation is chosen by.
    pub const fn known(&self) -> Known<'_> {
        Known {
            quantiles: &self.quantiles,
            critic: self.critic.as_ref(),
            marks: self.marks.as_ref(),
        }
    }

    /// Whether it speaks of all attributes, there is a profile, and a critic hears what critics hear today.
    pub fn is_whole(&self) -> bool {
        let critic = self.critic.as_ref();
        self.quantiles.is_whole()
            && !self.profiles.is_empty()
            && critic.is_none_or(|critic| critic.hears(&heard_names()))
    }
}

/// The characters for ranks 0 to 63, and that for no value.
const DIGITS: &[u8; RANKS] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const NO_VALUE: u8 = b'.';

impl Serialize for Ranks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |rank: &Option<u8>| rank.map_or(NO_VALUE, |rank| DIGITS[usize::from(rank)]);
        let text: String = self.0.iter().map(|rank| char::from(digit(rank))).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Ranks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rank = |byte: u8| match byte {
            NO_VALUE => Some(None),
            _ => {
                let place = DIGITS.iter().position(|digit| *digit == byte)?;
                Some(Some(place as u8))
            }
        };
        let ranks: Option<Vec<Option<u8>>> = text.bytes().map(rank).collect();
        let ranks = ranks.and_then(|ranks| ranks.try_into().ok());
        ranks.map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "ranks are {ATTRIBUTES} characters, {text:?} are not"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The values 0 to 639 in every column: a part has ten of them.
    fn quantiles() -> Quantiles {
        let rows: Vec<Vec<Option<f64>>> = (0..640)
            .map(|number| vec![Some(f64::from(number)); ATTRIBUTES])
            .collect();
        Quantiles::between(&rows)
    }

    #[test]
    fn ranks_by_hand() {
        let quantiles = quantiles();
        assert!(quantiles.is_whole());
        let rank = |value: f64| quantiles.ranks(&[Some(value); ATTRIBUTES]).0[5];
        assert_eq!(
            [-1.0, 10.0, 10.5, 20.0, 629.0, 630.5].map(rank),
            [0, 0, 1, 1, 62, 63].map(Some)
        );
        let ranks = quantiles.ranks(&[Some(15.0); ATTRIBUTES]);
        assert_eq!(quantiles.values(&ranks)[5], Some(15.0));
        let attribute = Attribute::ALL[5];
        assert_eq!(quantiles.edge(attribute, 0.5), Some(320.0));
        assert_eq!(quantiles.edge(attribute, 0.0), None);
    }

    #[test]
    fn levels_are_quarters_of_ranks() {
        let level = |rank: Option<u8>| Ranks([rank; ATTRIBUTES]).levels().0[0];
        assert_eq!(
            [None, Some(0), Some(15), Some(16), Some(47), Some(63)].map(level),
            [0, 1, 1, 2, 3, 4]
        );
        let moved = Ranks([Some(20); ATTRIBUTES]).moved(&[0.25; ATTRIBUTES]);
        assert_eq!(moved.0[3], Some(36));
        assert_eq!(moved.moved(&[-1.0; ATTRIBUTES]).0[3], Some(0));
    }

    #[test]
    fn sureness_by_hand() {
        let ranks = |rank: u8| Ranks([Some(rank); ATTRIBUTES]);
        let sure = |asked, found| ranks(asked).sureness(&ranks(found));
        // A rank is half a step from its edges, and a step is a sixteenth.
        assert_eq!([sure(40, 32), sure(63, 31)], [0.53125, 0.46875]);
        assert_eq!([sure(40, 40), sure(40, 63), sure(0, 63)], [1.0, 1.0, 0.0]);
        let open = Ranks([None; ATTRIBUTES]);
        assert_eq!(
            [open.sureness(&ranks(3)), ranks(3).sureness(&open)],
            [1.0, 0.0]
        );
        let mut of_whole = open;
        of_whole.0[Attribute::named("Range").unwrap().index()] = Some(3);
        assert_eq!(of_whole.sureness(&ranks(60)), 1.0);
    }

    #[test]
    fn ranks_survive_json() {
        let mut ranks = Ranks([None; ATTRIBUTES]);
        for (at, rank) in ranks.0.iter_mut().enumerate().take(RANKS) {
            *rank = Some(at as u8);
        }
        let json = serde_json::to_string(&ranks).unwrap();
        assert_eq!(serde_json::from_str::<Ranks>(&json).unwrap(), ranks);
        for wrong in ["\"\"", "\"0123\""] {
            assert!(serde_json::from_str::<Ranks>(wrong).is_err());
        }
    }
}
