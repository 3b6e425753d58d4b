//! The lowest note of the melody at each moment: nothing of the accompaniment reaches it.

use std::collections::BTreeMap;

use affetto_media::{Part, Quarters};

/// A step function: from each onset on, the lowest note that sounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Ceiling {
    steps: Vec<(Quarters, Option<u8>)>,
}

impl Ceiling {
    /// That of `melody`; where several notes sound, the lowest counts.
    pub(super) fn of(melody: Option<&Part>) -> Self {
        let notes = melody.map_or(&[][..], |part| &part.notes);
        // At each time, the notes that begin (+1) and end (-1).
        let mut events = BTreeMap::<Quarters, Vec<(u8, i32)>>::new();
        for note in notes {
            events.entry(note.onset).or_default().push((note.pitch, 1));
            events.entry(note.end()).or_default().push((note.pitch, -1));
        }
        let mut sounding = [0_i32; 256];
        let mut steps = Vec::with_capacity(events.len());
        for (onset, changes) in events {
            for (pitch, change) in changes {
                sounding[usize::from(pitch)] += change;
            }
            let lowest = sounding.iter().position(|count| *count > 0);
            steps.push((onset, lowest.map(|pitch| pitch as u8)));
        }
        Self { steps }
    }

    /// The sounding lengths and pitches within `[start, end)`.
    pub(super) fn between(
        &self,
        start: Quarters,
        end: Quarters,
    ) -> impl Iterator<Item = (Quarters, Quarters, u8)> {
        let first = self.steps.partition_point(|step| step.0 <= start);
        let from = first.saturating_sub(1);
        let steps = self.steps[from..].iter().enumerate();
        steps
            .take_while(move |(_, step)| step.0 < end)
            .filter_map(move |(index, step)| {
                let next = self.steps.get(from + index + 1);
                let until = next.map_or(end, |next| next.0.min(end));
                let since = step.0.max(start);
                let pitch = step.1.filter(|_| until > since)?;
                Some((since, until, pitch))
            })
    }

    /// The first moment in `[start, end)` at which the melody is at or below `pitch`, else `end`.
    pub(super) fn first_at_or_below(&self, pitch: u8, start: Quarters, end: Quarters) -> Quarters {
        self.between(start, end)
            .find(|(_, _, lowest)| *lowest <= pitch)
            .map_or(end, |(since, _, _)| since)
    }
}
