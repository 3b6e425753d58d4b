//! How loud music is played, in the words that stand under a staff.

use std::ops::Range;

use crate::{Part, Quarters, Score};

/// A dynamic mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dynamic {
    Ppp,
    Pp,
    P,
    Mp,
    Mf,
    F,
    Ff,
    Fff,
}

/// So many bars have one mark.
const BARS: usize = 4;
/// A mark stays while the mean velocity is this near to its own: half of the way to the next mark and half as far again.
const STAYS: f64 = 12.0;

impl Dynamic {
    /// Every mark, softest first.
    const ALL: [Self; 8] = [
        Self::Ppp,
        Self::Pp,
        Self::P,
        Self::Mp,
        Self::Mf,
        Self::F,
        Self::Ff,
        Self::Fff,
    ];

    /// As MusicXML and LilyPond name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ppp => "ppp",
            Self::Pp => "pp",
            Self::P => "p",
            Self::Mp => "mp",
            Self::Mf => "mf",
            Self::F => "f",
            Self::Ff => "ff",
            Self::Fff => "fff",
        }
    }

    /// The MIDI velocity that notation programs play it with.
    const fn velocity(self) -> f64 {
        match self {
            Self::Ppp => 16.0,
            Self::Pp => 33.0,
            Self::P => 49.0,
            Self::Mp => 64.0,
            Self::Mf => 80.0,
            Self::F => 96.0,
            Self::Ff => 112.0,
            Self::Fff => 126.0,
        }
    }

    fn distance(self, velocity: f64) -> f64 {
        (self.velocity() - velocity).abs()
    }

    fn nearest(velocity: f64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .min_by(|a, b| a.distance(velocity).total_cmp(&b.distance(velocity)))
    }
}

/// The marks of two hands, for each bar that has one: by the mean velocity of four bars, where that leaves the mark before. None
/// for a group of staves that is not two hands.
pub(crate) fn marks(score: &Score, group: Range<usize>) -> Vec<Option<Dynamic>> {
    let mut marks = vec![None; score.bars.len()];
    let [right, left] = &score.parts[group] else {
        return marks;
    };
    let onsets = score.bar_onsets();
    let parts = [right, left];
    let mut in_force: Option<Dynamic> = None;
    for first in (0..marks.len()).step_by(BARS) {
        let last = (first + BARS).min(marks.len());
        let Some(velocity) = mean_velocity(parts, onsets[first]..onsets[last]) else {
            continue;
        };
        if in_force.is_none_or(|mark| mark.distance(velocity) > STAYS) {
            in_force = Dynamic::nearest(velocity);
            marks[first] = in_force;
        }
    }
    marks
}

fn mean_velocity(parts: [&Part; 2], window: Range<Quarters>) -> Option<f64> {
    let inside = parts.into_iter().flat_map(|part| {
        let first = part.notes.partition_point(|note| note.onset < window.start);
        let last = part.notes.partition_point(|note| note.onset < window.end);
        &part.notes[first..last]
    });
    let velocities: Vec<f64> = inside.map(|note| note.velocity.into()).collect();
    let count = velocities.len() as f64;
    (count > 0.0).then(|| velocities.iter().sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bar, Key, Metre, Note, Role};

    fn part(role: Role, notes: Vec<Note>) -> Part {
        Part {
            name: String::new(),
            role,
            program: 0,
            channel: 0,
            notes,
        }
    }

    /// The marks of bars with one note each, of these velocities; 0 for a bar without.
    fn marked(velocities: &[u8]) -> Vec<&'static str> {
        let at = |bar: usize| Quarters::from_integer(4 * bar as i64);
        let notes = velocities.iter().enumerate().filter(|(_, it)| **it > 0);
        let notes = notes.map(|(bar, velocity)| Note {
            onset: at(bar),
            pitch: 60,
            duration: Quarters::ONE,
            velocity: *velocity,
        });
        let score = Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); velocities.len()],
            tempos: Vec::new(),
            chords: Vec::new(),
            sections: Vec::new(),
            parts: vec![
                part(Role::RightHand, notes.collect()),
                part(Role::LeftHand, Vec::new()),
            ],
        };
        assert!(marks(&score, 0..1).iter().all(Option::is_none));
        let names = marks(&score, 0..2).into_iter();
        names.map(|mark| mark.map_or("", Dynamic::name)).collect()
    }

    #[test]
    fn a_mark_stands_where_music_gets_louder_or_softer() {
        let quiet_then_loud = [40, 44, 52, 52, 0, 0, 0, 0, 92, 100];
        assert_eq!(
            marked(&quiet_then_loud),
            ["p", "", "", "", "", "", "", "", "f", ""]
        );
    }

    #[test]
    fn a_mark_stays_while_it_is_near() {
        let around = [80, 80, 80, 80, 91, 91, 91, 91, 69, 69, 69, 69, 67];
        assert_eq!(marked(&around)[0], "mf");
        assert_eq!(marked(&around).concat(), "mfmp");
        assert!(marked(&[]).is_empty());
    }
}
