//! Figures of judged music.

use serde::{Deserialize, Serialize};

use crate::map::Quadrant;

/// A judged piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What it is, or was to be.
    pub asked: Quadrant,
    /// How likely each quadrant is, Q1 to Q4.
    pub votes: [f64; 4],
}

/// A share with its 95 % interval (Wilson 1927).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The share.
    pub share: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// What a judge says of some pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// How many.
    pub pieces: usize,
    /// The share of pieces judged to be of their quadrant.
    pub quadrant: Share,
    /// The same of arousal.
    pub arousal: Share,
    /// The same of valence.
    pub valence: Share,
    /// For each quadrant asked, Q1 to Q4, how many were judged to be of each.
    pub confusion: [[usize; 4]; 4],
    /// The share of each quadrant's pieces judged to be of it.
    pub recall: [f64; 4],
}

/// The normal deviate of a 95 % interval.
const DEVIATE: f64 = 1.96;

impl Share {
    /// Of so many pieces.
    pub fn new(hits: usize, of: usize) -> Self {
        let count = of.max(1) as f64;
        let share = hits as f64 / count;
        let square = DEVIATE * DEVIATE;
        let middle = (share + square / (2.0 * count)) / (1.0 + square / count);
        let half = DEVIATE / (1.0 + square / count)
            * (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
        Self {
            share,
            low: middle - half,
            high: middle + half,
        }
    }
}

impl Judged {
    /// The likeliest quadrant.
    pub fn found(&self) -> Quadrant {
        let votes = |quadrant: &Quadrant| self.votes[*quadrant as usize];
        let best = Quadrant::ALL
            .into_iter()
            .max_by(|a, b| votes(a).total_cmp(&votes(b)));
        best.unwrap_or(Quadrant::Q1) // there are four
    }

    /// How likely it is awake.
    pub fn arousal(&self) -> f64 {
        self.votes[0] + self.votes[1]
    }

    /// How likely it is pleasant.
    pub fn valence(&self) -> f64 {
        self.votes[0] + self.votes[3]
    }
}

impl JudgeReport {
    /// Of judged pieces.
    pub fn of(judged: &[Judged]) -> Self {
        let mut confusion = [[0; 4]; 4];
        for piece in judged {
            confusion[piece.asked as usize][piece.found() as usize] += 1;
        }
        let right = |is_right: &dyn Fn(&Judged) -> bool| {
            let hits = judged.iter().filter(|piece| is_right(piece)).count();
            Share::new(hits, judged.len())
        };
        let recall =
            |row: &[usize; 4], at: usize| row[at] as f64 / row.iter().sum::<usize>().max(1) as f64;
        Self {
            pieces: judged.len(),
            quadrant: right(&|piece| piece.found() == piece.asked),
            arousal: right(&|piece| (piece.arousal() > 0.5) == piece.asked.is_awake()),
            valence: right(&|piece| (piece.valence() > 0.5) == piece.asked.is_pleasant()),
            recall: std::array::from_fn(|at| recall(&confusion[at], at)),
            confusion,
        }
    }
}

/// The share of pairs, of the same seed, of which the first is judged more awake than the second.
pub fn pairs_in_order(awake: &[Judged], calm: &[Judged]) -> Share {
    let pairs = awake.iter().zip(calm);
    let hits = pairs
        .clone()
        .filter(|(awake, calm)| awake.arousal() > calm.arousal());
    Share::new(hits.count(), pairs.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_by_the_formula() {
        // 81 of 100: Wilson's interval is 0.7222 to 0.8749.
        let share = Share::new(81, 100);
        assert!(
            (share.low - 0.7222).abs() < 5e-4 && (share.high - 0.8749).abs() < 5e-4,
            "{share:?}"
        );
        assert_eq!(Share::new(0, 0).share, 0.0);
    }

    #[test]
    fn a_report_by_hand() {
        let judged = |asked, votes| Judged { asked, votes };
        let pieces = [
            judged(Quadrant::Q1, [0.6, 0.2, 0.1, 0.1]),
            judged(Quadrant::Q1, [0.3, 0.4, 0.1, 0.2]), // awake, and as pleasant as not
            judged(Quadrant::Q3, [0.0, 0.0, 0.4, 0.6]), // calm and pleasant
            judged(Quadrant::Q4, [0.1, 0.1, 0.2, 0.6]),
        ];
        let report = JudgeReport::of(&pieces);
        assert_eq!(report.quadrant.share, 0.5);
        assert_eq!((report.arousal.share, report.valence.share), (1.0, 0.5));
        assert_eq!(report.confusion[0], [1, 1, 0, 0]);
        assert_eq!(report.recall, [0.5, 0.0, 0.0, 1.0]);
        assert_eq!(pairs_in_order(&pieces[..2], &pieces[2..]).share, 1.0);
    }
}
