//! Small deviations in time and loudness, as a player has them.

use affetto_core::{Rng, Seed};
use affetto_media::{Note, Part, Quarters, Score};

/// The grid of onsets, per quarter note.
const GRID: i64 = 480;
/// The largest deviation in time at an amount of 1, in seconds.
const DEVIATION_SECS: f64 = 0.02;
/// The largest deviation in velocity at an amount of 1.
const DEVIATION_VELOCITY: f64 = 10.0;

/// `score` with small deviations: notes begin up to 20 ms times `amount` early or late, and are up to 10 times
/// `amount` louder or softer. `amount` is 0 (nothing changes) to 1.
///
/// Notes of one part that began together still do; none crosses another, the beginning or the end. Onsets that
/// move lie on a grid of 1/480 quarter note.
pub fn humanize(score: &Score, amount: f64, seed: Seed) -> Score {
    let amount = if amount.is_nan() {
        0.0
    } else {
        amount.clamp(0.0, 1.0)
    };
    let mut played = score.clone();
    if amount == 0.0 {
        return played;
    }
    for (index, part) in played.parts.iter_mut().enumerate() {
        let seed = seed.derive(&format!("humanize part {index}"));
        move_onsets(score, part, amount, &mut seed.derive("onset").rng());
        let mut rng = seed.derive("velocity").rng();
        for note in &mut part.notes {
            let deviation = DEVIATION_VELOCITY * amount * triangular(&mut rng);
            let velocity = f64::from(note.velocity) + deviation;
            note.velocity = velocity.round().clamp(1.0, 127.0) as u8;
        }
    }
    played
}

/// A draw from the triangular distribution on (-1, 1).
fn triangular(rng: &mut Rng) -> f64 {
    rng.uniform() + rng.uniform() - 1.0
}

fn move_onsets(score: &Score, part: &mut Part, amount: f64, rng: &mut Rng) {
    let (old, shortest) = onsets(&part.notes);
    let length = score.length();
    let mut new = Vec::with_capacity(old.len());
    for (place, onset) in old.iter().enumerate() {
        let before = place
            .checked_sub(1)
            .map_or(Quarters::from_integer(0), |last| old[last]);
        let after = old.get(place + 1).copied().unwrap_or(length);
        let largest = quarters_in(score, *onset, DEVIATION_SECS * amount);
        let room = shortest[place].min(after - onset) / 4;
        let early = largest.min(room).min((onset - before) / 4);
        let wish = triangular(rng);
        new.push(moved(*onset, early, largest.min(room), wish));
    }
    for note in &mut part.notes {
        let place = old.partition_point(|onset| *onset < note.onset);
        // What ended where another note began still does; nothing else comes to overlap.
        let follows = old.partition_point(|onset| *onset < note.end());
        let end = match (old.get(follows), new.get(follows)) {
            (Some(onset), Some(moved)) if *onset == note.end() => *moved,
            (Some(_), Some(moved)) => note.end().min(*moved),
            _ => note.end(),
        };
        note.onset = new[place];
        note.duration = end - note.onset;
    }
    part.notes.sort();
}

/// The different onsets of sorted notes, and the shortest duration at each.
fn onsets(notes: &[Note]) -> (Vec<Quarters>, Vec<Quarters>) {
    let (mut onsets, mut shortest) = (Vec::new(), Vec::<Quarters>::new());
    for note in notes {
        match shortest.last_mut() {
            Some(duration) if onsets.last() == Some(&note.onset) => {
                *duration = note.duration.min(*duration);
            }
            _ => {
                onsets.push(note.onset);
                shortest.push(note.duration);
            }
        }
    }
    (onsets, shortest)
}

/// A number of quarter notes that lasts at most `secs` near `onset`, whatever tempo is in force there.
fn quarters_in(score: &Score, onset: Quarters, secs: f64) -> Quarters {
    let near = Quarters::new(1, 4);
    let first = score
        .tempos
        .partition_point(|change| change.onset <= onset - near)
        .saturating_sub(1);
    let slowest = score.tempos[first..]
        .iter()
        .take_while(|change| change.onset <= onset + near)
        .map(|change| change.tempo.micros_per_quarter())
        .max()
        .unwrap_or_else(|| score.tempo().micros_per_quarter());
    let ticks = secs * 1e6 / f64::from(slowest) * GRID as f64;
    Quarters::new(ticks.floor() as i64, GRID).min(near)
}

/// `onset` moved by `wish` (-1..1) of what is allowed, onto the grid; as it is where the grid has no place.
fn moved(onset: Quarters, early: Quarters, late: Quarters, wish: f64) -> Quarters {
    let first = ((onset - early) * GRID).ceil().to_integer();
    let last = ((onset + late) * GRID).floor().to_integer();
    if first > last {
        return onset;
    }
    let room = if wish < 0.0 { early } else { late };
    let centre = (onset * GRID).round().to_integer();
    let room_ticks = (room * GRID).to_integer() as f64;
    let tick = centre + (wish * room_ticks).round() as i64;
    Quarters::new(tick.clamp(first, last), GRID)
}
