//! From what is wished of a piece to what is decided of each bar.

use affetto_attributes::{DensityClass, ValenceClass};
use affetto_core::{Rng, Seed};
use affetto_media::{Key, Metre, Tempo};

use crate::{
    form::{Form, groups_in_fours},
    generate::{Aim, BarPlan, Given, Plan},
    grammar::BarRule,
    next_token::Sampling,
    statistics::{CLASS_MIDDLES, Statistics, valence_place},
    template::TemplateWish,
    tokens::{
        BarContext, Group, LOWEST_PITCH, PITCHES, Style, Transposition, quarters_from_ticks,
        ticks_from_quarters,
    },
};

/// What is wished of a piece, every word resolved.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Full bars.
    pub bars: usize,
    /// The time signature.
    pub metre: Metre,
    /// Length of a pick-up before the first full bar, in ticks; 0 for none.
    pub pickup: i64,
    /// The key.
    pub key: Key,
    /// The tempo.
    pub tempo: Tempo,
    /// The lowest and highest sounding pitch of the melody.
    pub range: (u8, u8),
    /// The valence.
    pub valence: ValenceWish,
    /// Events per quarter note of each bar, where asked: [`events_per_quarter`].
    pub density: Option<Vec<f64>>,
    /// The mean density class (0 low to 2 high) where no density is asked.
    pub mean_density: f64,
    /// The tension of each bar, 0..=1, where asked.
    pub tension: Option<Vec<f64>>,
    /// The style.
    pub style: Option<Style>,
    /// The form, where asked.
    pub form: Option<Form>,
    /// How freely tokens are drawn.
    pub sampling: Sampling,
}

/// How valence is wished.
#[derive(Clone, Debug, PartialEq)]
pub enum ValenceWish {
    /// A mean over the piece, steered: bars move around it as songs do.
    Mean(f64),
    /// A value for each bar; the class that it falls in is enforced.
    Curve(Vec<f64>),
    /// A class for each bar, enforced.
    Pinned(Vec<ValenceClass>),
}

/// A density between 0 and 1 as events per quarter note: a whole note in common time at 0, eighths throughout at 1.
pub fn events_per_quarter(density: f64) -> f64 {
    0.25 + 1.75 * density.clamp(0.0, 1.0)
}

/// The chord valence range that chords of the paper span: an asked valence is brought into it.
pub const VALENCE_RANGE: (f64, f64) = (-0.81, 0.87);

/// Decides everything that does not need the model. The second value says how the models' pitches sound.
pub fn plan(wish: &Wish, statistics: &Statistics, seed: Seed) -> (Plan, Transposition) {
    let transposition = transposition(wish.key, wish.range);
    let drawn = statistics.draw_bars(&template_wish(wish), &mut seed.derive("template").rng());
    let valences = valences(wish, &drawn.valence);
    let densities = densities(wish, &drawn.density);
    let mut groups = match (&wish.form, drawn.groups) {
        (None, Some(groups)) => groups,
        _ => groups(wish),
    };
    let mut bars: Vec<BarPlan> = Vec::new();
    if wish.pickup > 0 {
        groups.insert(0, Group::Pickup);
    }
    for (at, group) in groups.into_iter().enumerate() {
        // A pick-up takes what is wished of the bar it leads to.
        let wished = at.saturating_sub(usize::from(wish.pickup > 0));
        bars.push(bar_plan(
            wish,
            group,
            valences[wished],
            densities[wished],
            wished,
        ));
    }
    if let Some(form) = &wish.form {
        repeat(&mut bars, form, wish, &mut seed.derive("form").rng());
    }
    let (lowest, highest) = model_range(wish.range, transposition.semitones);
    let plan = Plan {
        bars,
        lowest,
        highest,
        sampling: wish.sampling,
    };
    (plan, transposition)
}

fn template_wish(wish: &Wish) -> TemplateWish {
    let mean = |curve: &[f64]| curve.iter().sum::<f64>() / curve.len().max(1) as f64;
    let valence = match &wish.valence {
        ValenceWish::Mean(mean) => *mean,
        ValenceWish::Curve(curve) => mean(curve),
        ValenceWish::Pinned(classes) => mean(
            &classes
                .iter()
                .map(|class| middle(*class))
                .collect::<Vec<_>>(),
        ),
    };
    TemplateWish {
        bars: wish.bars,
        mode: wish.key.mode(),
        metre: wish.metre,
        style: wish.style,
        valence: Some(valence.clamp(VALENCE_RANGE.0, VALENCE_RANGE.1)),
        density: Some(wish.mean_density),
    }
}

fn bar_plan(
    wish: &Wish,
    group: Group,
    valence: BarValence,
    density: BarDensity,
    at: usize,
) -> BarPlan {
    let full = ticks_from_quarters(wish.metre.length()).unwrap_or(96);
    let length = if group == Group::Pickup {
        wish.pickup
    } else {
        full
    };
    let quarters = affetto_media::f64_from_quarters(quarters_from_ticks(length));
    let count = density
        .per_quarter
        .map(|rate| ((rate * quarters).round() as usize).clamp(1, (length / 6).max(1) as usize));
    BarPlan {
        context: BarContext {
            metre: wish.metre,
            length,
            group,
            valence: Some(valence.class),
            density: Some(count.map_or(density.class, DensityClass::from_events)),
            count,
            mode: wish.key.mode(),
            style: wish.style,
        },
        rule: BarRule {
            valence: valence.enforced.then_some(valence.class),
            near: valence.near,
            events: count.map_or(1..=36, |count| count..=count),
            ..BarRule::default()
        },
        aim: Aim {
            valence: Some(valence.aim),
            tension: wish
                .tension
                .as_ref()
                .and_then(|curve| curve.get(at).copied()),
            closes: false,
        },
        given: Given::Nothing,
    }
}

#[derive(Clone, Copy)]
struct BarValence {
    class: ValenceClass,
    aim: f64,
    enforced: bool,
    near: Option<f64>,
}

const fn middle(class: ValenceClass) -> f64 {
    CLASS_MIDDLES[valence_place(class)]
}

fn valences(wish: &Wish, drawn: &[ValenceClass]) -> Vec<BarValence> {
    match &wish.valence {
        ValenceWish::Mean(mean) => {
            let mean = mean.clamp(VALENCE_RANGE.0, VALENCE_RANGE.1);
            let sum: f64 = drawn.iter().map(|class| middle(*class)).sum();
            let over = sum / wish.bars.max(1) as f64 - mean;
            let bar = |class: &ValenceClass| BarValence {
                class: *class,
                aim: middle(*class) - over,
                enforced: false,
                near: None,
            };
            drawn.iter().map(bar).collect()
        }
        ValenceWish::Curve(curve) => {
            let bar = |value: &f64| {
                let aim = value.clamp(VALENCE_RANGE.0, VALENCE_RANGE.1);
                BarValence {
                    class: ValenceClass::from_valence(aim),
                    aim,
                    enforced: true,
                    near: Some(aim),
                }
            };
            curve.iter().map(bar).collect()
        }
        ValenceWish::Pinned(classes) => {
            let bar = |class: &ValenceClass| BarValence {
                class: *class,
                aim: middle(*class),
                enforced: true,
                near: None,
            };
            classes.iter().map(bar).collect()
        }
    }
}

#[derive(Clone, Copy)]
struct BarDensity {
    class: DensityClass,
    per_quarter: Option<f64>,
}

fn densities(wish: &Wish, drawn: &[DensityClass]) -> Vec<BarDensity> {
    let asked = |at: usize| {
        wish.density
            .as_ref()
            .and_then(|curve| curve.get(at).copied())
    };
    drawn
        .iter()
        .enumerate()
        .map(|(at, class)| BarDensity {
            class: *class,
            per_quarter: asked(at),
        })
        .collect()
}

fn groups(wish: &Wish) -> Vec<Group> {
    match &wish.form {
        Some(form) => form
            .sections(wish.bars)
            .iter()
            .flat_map(|section| groups_in_fours(section.bars))
            .collect(),
        None => groups_in_fours(wish.bars),
    }
}

/// In a repeated section the last two bars are new, so are the notes (not the chords) of about one bar in four where
/// no valence class is enforced; the rest is as it was. A bar whose own wishes are enforced and differ is new.
fn repeat(bars: &mut [BarPlan], form: &Form, wish: &Wish, rng: &mut Rng) {
    let skip = usize::from(wish.pickup > 0);
    for section in form.sections(wish.bars) {
        let Some(earlier) = section.repeats else {
            continue;
        };
        let kept = section.bars.saturating_sub(2);
        for at in 0..kept {
            let (from, to) = (skip + earlier + at, skip + section.start + at);
            // New notes over old chords weigh the chords anew, so an enforced class allows no variation.
            let varied = rng.uniform() < 0.25 && bars[to].rule.valence.is_none();
            if bars[from].rule != bars[to].rule {
                continue;
            }
            bars[to].context = BarContext {
                group: bars[to].context.group,
                ..bars[from].context
            };
            bars[to].aim = bars[from].aim;
            bars[to].given = if varied {
                Given::RepeatChords(from)
            } else {
                Given::Repeat(from)
            };
        }
    }
}

/// From the models' C major or A minor to `key`, in the octave where the most of `range` can be sung.
pub fn transposition(key: Key, range: (u8, u8)) -> Transposition {
    let base = i32::from(key.semitones_from_c());
    let overlap = |semitones: i32| {
        let lowest = i32::from(LOWEST_PITCH) + semitones;
        let highest = lowest + i32::from(PITCHES) - 1;
        highest.min(i32::from(range.1)) - lowest.max(i32::from(range.0))
    };
    let middle_distance = |semitones: i32| {
        let middle = 2 * (i32::from(LOWEST_PITCH) + semitones) + i32::from(PITCHES) - 1;
        (middle - i32::from(range.0) - i32::from(range.1)).abs()
    };
    let semitones = (-5..=5)
        .map(|octave| base + 12 * octave)
        .max_by_key(|semitones| (overlap(*semitones), -middle_distance(*semitones)))
        .unwrap_or(base);
    Transposition { key, semitones }
}

/// `range` in the models' pitches, as far as they reach.
pub(crate) fn model_range(range: (u8, u8), semitones: i32) -> (u8, u8) {
    let within = |pitch: u8| {
        let pitch = i32::from(pitch) - semitones;
        pitch.clamp(
            i32::from(LOWEST_PITCH),
            i32::from(LOWEST_PITCH + PITCHES) - 1,
        ) as u8
    };
    (within(range.0), within(range.1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn any_range_of_an_octave_and_a_half_is_within_reach_in_every_key() {
        for key in Key::all() {
            for lowest in 20..100 {
                let range = (lowest, lowest + 18);
                let semitones = transposition(key, range).semitones;
                let (low, high) = model_range(range, semitones);
                let sounding = |pitch: u8| i32::from(pitch) + semitones;
                assert_eq!(
                    (sounding(low), sounding(high)),
                    (i32::from(range.0), i32::from(range.1)),
                    "{key}"
                );
            }
        }
    }
}
