//! What is asked of a piece: its 112 attributes, each in one of four quarters of the training music, or left open.

use affetto_attributes::piece::{Attribute, Piece, Reading};
use affetto_core::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{corpus::Window, grid::GridPiece};

/// How many attributes there are.
pub const ATTRIBUTES: usize = Attribute::ALL.len();
/// How many levels an attribute has.
pub const LEVELS: usize = 4;

/// How often nothing at all is said of the attributes in training, so that music without wishes, and guidance away from
/// it (Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022), are learned.
const SILENCE: f64 = 0.15;
/// How often every attribute is said, as where a whole piece is like another.
const ALL_SAID: f64 = 0.35;

/// For each attribute 1 (the lowest quarter of the training windows) to 4 (the highest), or 0 where it is left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels(pub [u8; ATTRIBUTES]);

impl Levels {
    /// Nothing is asked.
    pub const OPEN: Self = Self([0; ATTRIBUTES]);

    /// Some attributes left open, by chance: all of them, none, or else each at a rate that is itself drawn, so that any
    /// subset may be asked for.
    pub fn with_some_left_open(mut self, rng: &mut Rng) -> Self {
        match rng.uniform() {
            share if share < SILENCE => return Self::OPEN,
            share if share < SILENCE + ALL_SAID => return self,
            _ => {}
        }
        let rate = rng.uniform();
        for level in &mut self.0 {
            if rng.uniform() < rate {
                *level = 0;
            }
        }
        self
    }

    /// For each attribute that is asked, by its place, whether `found` lies on the asked side of the middle. One that a piece
    /// does not have is no hit.
    pub fn hits<'a>(&'a self, found: &'a Self) -> impl Iterator<Item = (usize, bool)> + 'a {
        let is_high = |level: u8| usize::from(level) > LEVELS / 2;
        let pairs = self.0.iter().zip(&found.0).enumerate();
        pairs
            .filter(|(_, (asked, _))| **asked > 0)
            .map(move |(at, (asked, found))| (at, *found > 0 && is_high(*asked) == is_high(*found)))
    }

    /// The share of the attributes asked that are hit; 1 where none is asked.
    pub fn share_hit(&self, found: &Self) -> f64 {
        let (hits, asked) = self.hits(found).fold((0, 0), |(hits, asked), (_, hit)| {
            (hits + usize::from(hit), asked + 1)
        });
        match asked {
            0 => 1.0,
            asked => hits as f64 / asked as f64,
        }
    }
}

/// What lies between the quarters of the training windows, for each attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quartiles(Vec<[f64; LEVELS - 1]>);

/// The values of all attributes of a piece as it is performed; nothing where a piece has none.
pub fn measured(piece: &GridPiece) -> Vec<Option<f64>> {
    Piece::of(&piece.performance(), Reading::Performed).values()
}

impl Quartiles {
    /// Of some windows.
    pub fn of(windows: &[Window]) -> Self {
        let values: Vec<Vec<Option<f64>>> = windows
            .par_iter()
            .map(|window| measured(&window.piece))
            .collect();
        Self::between(&values)
    }

    /// Of measured values, a row each piece.
    pub fn between(values: &[Vec<Option<f64>>]) -> Self {
        let column = |attribute: usize| {
            let mut column: Vec<f64> = values.iter().filter_map(|row| row[attribute]).collect();
            column.sort_by(f64::total_cmp);
            let at = |quarter: usize| column.get(column.len() * quarter / LEVELS);
            [1, 2, 3].map(|quarter| at(quarter).copied().unwrap_or(0.0))
        };
        Self((0..ATTRIBUTES).map(column).collect())
    }

    /// The levels of measured values: how many of the three a value exceeds, and one. Equal is not above, as in EmoGen.
    pub fn levels(&self, values: &[Option<f64>]) -> Levels {
        let mut levels = Levels::OPEN;
        for ((level, value), between) in levels.0.iter_mut().zip(values).zip(&self.0) {
            if let Some(value) = value {
                *level = 1 + between.iter().filter(|edge| *value > **edge).count() as u8;
            }
        }
        levels
    }

    /// The levels of a piece.
    pub fn levels_of(&self, piece: &GridPiece) -> Levels {
        self.levels(&measured(piece))
    }

    /// Whether there is a row for each attribute.
    pub fn is_whole(&self) -> bool {
        self.0.len() == ATTRIBUTES
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Seed;

    use super::*;

    /// The values 0 to 99 in every column: the edges are 25, 50 and 75, and no edge is above itself.
    #[test]
    fn levels_by_hand() {
        let rows: Vec<Vec<Option<f64>>> = (0..100)
            .map(|number| vec![Some(f64::from(number)); ATTRIBUTES])
            .collect();
        let quartiles = Quartiles::between(&rows);
        let level = |value: Option<f64>| quartiles.levels(&[value; ATTRIBUTES]).0[7];
        assert_eq!(
            [0.0, 25.0, 25.5, 50.0, 51.0, 75.0, 75.1].map(|v| level(Some(v))),
            [1, 1, 2, 2, 3, 3, 4]
        );
        assert_eq!(level(None), 0);
    }

    #[test]
    fn hits_are_sides_of_the_middle() {
        let levels = |level| Levels([level; ATTRIBUTES]);
        let hit = |asked, found| levels(asked).hits(&levels(found)).next();
        assert_eq!(hit(0, 4), None);
        assert_eq!(hit(3, 4), Some((0, true)));
        assert_eq!(hit(2, 3), Some((0, false)));
        assert_eq!(hit(1, 0), Some((0, false)));
        assert_eq!(levels(0).share_hit(&levels(4)), 1.0);
        assert_eq!(levels(4).share_hit(&levels(2)), 0.0);
    }

    #[test]
    fn some_attributes_are_left_open_and_sometimes_all_or_none() {
        let mut rng = Seed(5).rng();
        let levels = Levels([3; ATTRIBUTES]);
        let drawn: Vec<usize> = (0..1000)
            .map(|_| levels.with_some_left_open(&mut rng))
            .map(|levels| levels.0.iter().filter(|level| **level == 0).count())
            .collect();
        let count = |of: usize| drawn.iter().filter(|open| **open == of).count();
        assert!((110..200).contains(&count(ATTRIBUTES)));
        assert!((300..410).contains(&count(0)));
        let mean = drawn.iter().sum::<usize>() as f64 / 1000.0;
        assert!((40.0..50.0).contains(&mean), "{mean}"); // 0.15 + 0.5 / 2 of 112 is 44.8
    }
}
