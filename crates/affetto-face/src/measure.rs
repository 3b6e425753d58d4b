//! What is measured of an edited take: how far it moved, and whether speech is what it was.

use std::collections::BTreeMap;

use affetto_media::rig::{SHAPES, Shape, TakeFrame, Turn, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::{Half, Region};

/// The shapes whose course is compared before and after.
pub const SPOKEN: [Shape; 3] = [Shape::JawOpen, Shape::MouthClose, Shape::MouthPucker];

/// Sums over the frames of a take.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    frames: usize,
    asked: f64,
    moved: f64,
    changed: bool,
    most: f64,
    speaking: f64,
    by_shape: Vec<f64>,
    /// Of what is asked and of what moved, in the shapes of the left half and of the right one.
    halves: [[f64; 2]; 2],
    regions: [f64; Region::ALL.len()],
    first: Option<f64>,
    last: f64,
    spoken: [Pairs; SPOKEN.len()],
}

/// What was measured of a take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaceMeasured {
    /// Frames.
    pub frames: usize,
    /// The mean over frames of the length of what was added to the 52 shapes.
    pub moved: f64,
    /// The largest change of one shape in one frame.
    pub most: f64,
    /// The same within each region; of the head in radians.
    #[serde(default)]
    pub regions: BTreeMap<Region, f64>,
    /// The length of what was added to the shapes of the left half of the face and of the right one, the mean over frames.
    #[serde(default)]
    pub halves: [f64; 2],
    /// The same as `moved` in the first frame and in the last one.
    #[serde(default)]
    pub ends: [f64; 2],
    /// The share of the take in which somebody speaks, by the movement of the shapes of speech.
    pub speaking: f64,
    /// The shapes that moved most, each with its mean change, the largest first.
    pub shapes: Vec<(Shape, f64)>,
    /// For jawOpen, mouthClose and mouthPucker the correlation of before and after; nothing where the shape does not move.
    pub speech: [Option<f64>; SPOKEN.len()],
}

/// Sums of pairs of numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Pairs {
    count: f64,
    means: [f64; 2],
    /// Sums of squares about the means, and of products.
    squares: [f64; 2],
    products: f64,
}

/// A shape with less deviation than this does not move.
const STILL: f64 = 1e-4;
/// How many shapes are named.
const NAMED: usize = 8;

impl Pairs {
    /// Welford's update.
    fn add(&mut self, pair: [f64; 2]) {
        self.count += 1.0;
        let before = [pair[0] - self.means[0], pair[1] - self.means[1]];
        for (mean, before) in self.means.iter_mut().zip(before) {
            *mean += before / self.count;
        }
        let after = [pair[0] - self.means[0], pair[1] - self.means[1]];
        self.squares[0] += before[0] * after[0];
        self.squares[1] += before[1] * after[1];
        self.products += before[0] * after[1];
    }

    fn correlation(&self) -> Option<f64> {
        let deviation = |square: f64| (square / self.count.max(1.0)).sqrt();
        if self.squares.iter().any(|square| deviation(*square) < STILL) {
            return None;
        }
        Some(self.products / (self.squares[0] * self.squares[1]).sqrt())
    }
}

fn widen(regions: &mut [f64; Region::ALL.len()], region: Region, change: f64) {
    let most = &mut regions[region as usize];
    *most = most.max(change.abs());
}

fn length(numbers: &[f64]) -> f64 {
    let squares = numbers.iter().map(|number| number * number);
    squares.sum::<f64>().sqrt()
}

impl Measured {
    /// One more frame, before and after, and what the emotion adds to a face at rest.
    pub fn add(&mut self, before: &TakeFrame, after: &TakeFrame, asked: &Weights, speaking: f64) {
        self.frames += 1;
        self.changed |= before != after;
        self.asked += length(&asked.0);
        self.speaking += speaking;
        self.by_shape.resize(SHAPES, 0.0);
        let change = |shape: Shape| after.shapes[shape] - before.shapes[shape];
        let changes = Shape::ALL.map(change);
        for ((sum, change), shape) in self.by_shape.iter_mut().zip(changes).zip(Shape::ALL) {
            *sum += change;
            self.most = self.most.max(change.abs());
            widen(&mut self.regions, Region::of(shape), change);
        }
        let turned = |of: fn(&Turn) -> f64| of(&after.head) - of(&before.head);
        for change in [
            turned(|it| it.yaw),
            turned(|it| it.pitch),
            turned(|it| it.roll),
        ] {
            widen(&mut self.regions, Region::Head, change);
        }
        for (sums, by) in self.halves.iter_mut().zip([&asked.0, &changes]) {
            for (sum, half) in sums.iter_mut().zip(Half::ALL) {
                let of_half = |shape: &Shape| Half::of(*shape) == Some(half);
                let shapes = Shape::ALL.into_iter().filter(of_half);
                let by: Vec<f64> = shapes.map(|shape| by[shape.index()]).collect();
                *sum += length(&by);
            }
        }
        self.last = length(&changes);
        self.first.get_or_insert(self.last);
        self.moved += self.last;
        for (pairs, shape) in self.spoken.iter_mut().zip(SPOKEN) {
            pairs.add([before.shapes[shape], after.shapes[shape]]);
        }
    }

    /// How far the emotion moves the left half of a face at rest and how far the right one, as [`Measured::asked`].
    pub fn asked_halves(&self) -> [f64; 2] {
        self.halves[0].map(|sum| sum / self.frames.max(1) as f64)
    }

    /// Whether any frame is another than it was.
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// How far the emotion moves the shapes of a face at rest: the mean over frames of the length of what it adds.
    pub fn asked(&self) -> f64 {
        self.asked / self.frames.max(1) as f64
    }

    /// The figures.
    pub fn figures(&self) -> FaceMeasured {
        let count = self.frames.max(1) as f64;
        let mut shapes: Vec<(Shape, f64)> = Shape::ALL
            .into_iter()
            .zip(&self.by_shape)
            .map(|(shape, sum)| (shape, sum / count))
            .filter(|(_, mean)| mean.abs() >= STILL)
            .collect();
        shapes.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        shapes.truncate(NAMED);
        FaceMeasured {
            frames: self.frames,
            moved: self.moved / count,
            most: self.most,
            regions: Region::ALL.into_iter().zip(self.regions).collect(),
            halves: self.halves[1].map(|sum| sum / count),
            ends: [self.first.unwrap_or(0.0), self.last],
            speaking: self.speaking / count,
            shapes,
            speech: self.spoken.map(|pairs| pairs.correlation()),
        }
    }
}
