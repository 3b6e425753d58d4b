use std::collections::BTreeMap;

use affetto_emotion::{Emotion, Label, Taxonomy, Vad};
use affetto_media::rig::{Turn, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ActionUnit, Side,
    tables::{Observed, Row, TABLES},
};

/// What an emotion moves in a face: action units, each from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prototype {
    /// The units with their strengths.
    pub units: BTreeMap<ActionUnit, f64>,
    /// Where they come from.
    pub bases: Vec<Basis>,
}

/// Where action units come from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The prototypes of EMFACS (Friesen & Ekman 1983), with strengths of ours.
    Emfacs,
    /// Units that all people showed, and as strong as the share of people the others, of Du, Tao & Martinez (2014), table 1.
    Compound,
    /// The displays of Keltner et al. (2019), at one strength.
    Display,
    /// Ours: no prototype is agreed on for sarcasm, charisma, envy and romance.
    Design,
    /// The emotions near a point of valence, arousal and dominance (Russell & Mehrabian 1977).
    Point,
}

impl Basis {
    /// The source in words.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Emfacs => "EMFACS prototypes (Friesen & Ekman 1983), strengths ours",
            Self::Compound => "Du, Tao & Martinez, PNAS 2014, table 1",
            Self::Display => "Keltner, Sauter, Tracy & Cowen 2019, strengths ours",
            Self::Design => "a design of this project: no prototype is agreed on",
            Self::Point => {
                "the emotions near its valence, arousal and dominance (Russell & Mehrabian 1977)"
            }
        }
    }
}

/// How strong a unit is that all people showed.
const CORE: f64 = 0.8;
/// How strong the units of a display are.
const DISPLAY: f64 = 0.7;
/// How near an emotion must lie to a point to be seen in it.
const NEAR: f64 = 0.35;
/// Units of the head that go with an emotion: the column of extras beside the table, with strengths of ours.
const HEADS: [(&str, &[(u8, f64)]); 7] = [
    ("sad", &[(54, 0.5)]),
    ("angry", &[(57, 0.6)]),
    ("fear", &[(58, 0.7)]),
    ("contempt", &[(53, 0.4)]),
    ("sarcastic", &[(55, 0.4)]),
    ("empathetic", &[(57, 0.4), (55, 0.4)]),
    ("romantic", &[(55, 0.4)]),
];
/// Rows of the table without an agreed prototype.
const DESIGNED: [&str; 4] = ["sarcastic", "charismatic", "envious", "romantic"];
/// The rows of the table, the emotions of MEAD and of C-MET, and the label each has there.
const ROWS: [(&str, Taxonomy, &str); 14] = [
    ("neutral", Taxonomy::Mead, "neutral"),
    ("happy", Taxonomy::Mead, "happy"),
    ("sad", Taxonomy::Mead, "sad"),
    ("angry", Taxonomy::Mead, "angry"),
    ("fear", Taxonomy::Mead, "fear"),
    ("disgusted", Taxonomy::Mead, "disgusted"),
    ("surprised", Taxonomy::Mead, "surprised"),
    ("contempt", Taxonomy::Mead, "contempt"),
    ("sarcastic", Taxonomy::Cmet, "sarcastic"),
    ("charismatic", Taxonomy::Cmet, "charismatic"),
    ("empathetic", Taxonomy::Cmet, "empathetic"),
    ("desirous", Taxonomy::Cmet, "desirous"),
    ("envious", Taxonomy::Cmet, "envious"),
    ("romantic", Taxonomy::Cmet, "romantic"),
];
/// Pairs of rows that people show as one emotion, by its name in Du et al.
const COMPOUNDS: [(&str, &str, &str); 12] = [
    ("happy", "surprised", "happily_surprised"),
    ("happy", "disgusted", "happily_disgusted"),
    ("sad", "fear", "sadly_fearful"),
    ("sad", "angry", "sadly_angry"),
    ("sad", "surprised", "sadly_surprised"),
    ("sad", "disgusted", "sadly_disgusted"),
    ("fear", "angry", "fearfully_angry"),
    ("fear", "surprised", "fearfully_surprised"),
    ("fear", "disgusted", "fearfully_disgusted"),
    ("angry", "surprised", "angrily_surprised"),
    ("angry", "disgusted", "angrily_disgusted"),
    ("disgusted", "surprised", "disgustedly_surprised"),
];
/// Words for what Du et al. and Keltner et al. name otherwise.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("awe", "awed"),
    ("hate", "hatred"),
    ("appalment", "appalled"),
    ("compassion", "sympathy"),
    ("longing", "desire"),
    ("curiosity", "interest"),
];
/// Which row an anchor of the table of points is.
const ANCHORS: [(&str, &str); 8] = [
    ("anger", "angry"),
    ("disgust", "disgusted"),
    ("fear", "fear"),
    ("sadness", "sad"),
    ("joy", "happy"),
    ("surprise", "surprised"),
    ("contempt", "contempt"),
    ("neutral", "neutral"),
];
/// How much more is moved at full arousal, and how much less at none.
const AROUSAL_GAIN: f64 = 0.25;

/// What one word comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    Row(&'static str),
    Compound(&'static str),
    Display(&'static str),
}

/// What `emotion` moves in a face at full intensity: that of its words, and where two of them are shown as one emotion
/// (happily surprised), that one; without words what the emotions near its point move.
pub fn prototype(emotion: &Emotion) -> Prototype {
    let mut parts: Vec<(Source, f64)> = Vec::new();
    let mut prototype = Prototype::default();
    let mut gain = 1.0;
    match emotion.mixture() {
        Some(mixture) => {
            for (label, weight) in mixture.parts() {
                match sources(*label) {
                    Some(sources) => {
                        parts.extend(
                            sources
                                .iter()
                                .map(|(source, share)| (*source, weight * share)),
                        );
                    }
                    None => {
                        prototype.bases.push(Basis::Point);
                        parts.extend(near(label.vad()).map(|(row, share)| (row, weight * share)));
                    }
                }
            }
        }
        None => {
            prototype.bases.push(Basis::Point);
            let point = emotion.full_vad();
            gain += AROUSAL_GAIN * point.arousal();
            parts.extend(near(point));
        }
    }
    let mut sums: BTreeMap<ActionUnit, f64> = BTreeMap::new();
    let mut add = |units: &BTreeMap<ActionUnit, f64>, share: f64| {
        for (unit, strength) in units {
            *sums.entry(*unit).or_insert(0.0) += share * gain * strength;
        }
    };
    for (source, weight) in &parts {
        let (units, basis) = source.units();
        add(&units, *weight);
        if !units.is_empty() {
            prototype.bases.push(basis);
        }
    }
    for (one, other, both) in COMPOUNDS {
        let weight = |row: &'static str| -> f64 {
            let own = parts
                .iter()
                .filter(|(source, _)| *source == Source::Row(row));
            own.map(|(_, weight)| weight).sum()
        };
        let together = 4.0 * weight(one) * weight(other); // 1 where both are a half
        if together > 0.0 && emotion.mixture().is_some() {
            add(&Source::Compound(both).units().0, together);
            for row in [one, other] {
                add(&Source::Row(row).units().0, -together / 2.0);
            }
            prototype.bases.push(Basis::Compound);
        }
    }
    prototype.units = sums
        .into_iter()
        .map(|(unit, strength)| (unit, strength.clamp(0.0, 1.0)))
        .filter(|(_, strength)| *strength > LEAST)
        .collect();
    prototype.bases.sort_unstable();
    prototype.bases.dedup();
    prototype
}

/// Less of a unit is nothing.
const LEAST: f64 = 1e-9;

/// What a word comes to: the row of that emotion, one that Du et al. or Keltner et al. describe, or rows that it is mapped
/// to; nothing where there is none.
fn sources(label: Label) -> Option<Vec<(Source, f64)>> {
    let name = label.name();
    let rows = [Taxonomy::Mead, Taxonomy::Cmet];
    let same = rows.iter().find_map(|set| set.resolve(name).ok());
    if let Some(row) = same.and_then(row_of) {
        return Some(vec![(Source::Row(row), 1.0)]);
    }
    if let Some(source) = described(name) {
        return Some(vec![(source, 1.0)]);
    }
    let image = label
        .image(Taxonomy::Cmet)
        .or_else(|| label.image(Taxonomy::Mead))?;
    let row = |(label, weight): &(Label, f64)| Some((Source::Row(row_of(*label)?), *weight));
    image.parts().iter().map(row).collect()
}

fn row_of(label: Label) -> Option<&'static str> {
    let own = |row: &&(&str, Taxonomy, &str)| row.1 == label.taxonomy() && row.2 == label.name();
    ROWS.iter().find(own).map(|(name, ..)| *name)
}

fn described(name: &str) -> Option<Source> {
    let other = OTHER_NAMES.iter().find(|(word, _)| *word == name);
    let name = other.map_or(name, |(_, name)| name);
    let tables = &*TABLES;
    if let Some((name, Row::Data(_))) = tables.du2014_compound_au.get_key_value(name) {
        return Some(Source::Compound(name));
    }
    match tables.keltner2019_au.get_key_value(name) {
        Some((name, Row::Data(_))) => Some(Source::Display(name)),
        _ => None,
    }
}

/// The rows near a point, by a Gaussian about each anchor; they sum to 1.
fn near(point: Vad) -> impl Iterator<Item = (Source, f64)> {
    let [v, a, d] = point.to_array();
    let weight = |(anchor, row): (&str, &'static str)| {
        let at = TABLES.pad_mehrabian.get(anchor).and_then(Row::data)?;
        let square = (at[0] - v).powi(2) + (at[1] - a).powi(2) + (at[2] - d).powi(2);
        Some((row, libm::exp(-square / (2.0 * NEAR * NEAR))))
    };
    let weights: Vec<(&str, f64)> = ANCHORS.into_iter().filter_map(weight).collect();
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let share = move |(row, weight)| (Source::Row(row), weight / sum.max(f64::MIN_POSITIVE));
    weights.into_iter().map(share)
}

impl Source {
    /// Its units with their strengths.
    fn units(self) -> (BTreeMap<ActionUnit, f64>, Basis) {
        let tables = &*TABLES;
        let both = |number: u8| ActionUnit {
            number,
            side: Side::Both,
        };
        let of_observed = |observed: &Observed| {
            let core = observed.core.iter().map(|number| (both(*number), CORE));
            let share = |(unit, share): (&String, &f64)| Some((unit.parse().ok()?, *share));
            core.chain(observed.var.iter().filter_map(share)).collect()
        };
        match self {
            Self::Row(row) => {
                let unit =
                    |(unit, strength): (&String, &f64)| Some((unit.parse().ok()?, *strength));
                let units = tables.emotion_to_au.get(row).into_iter().flatten();
                let head = HEADS.iter().filter(|(name, _)| *name == row);
                let head = head.flat_map(|(_, units)| units.iter());
                let head = head.map(|(number, strength)| (both(*number), *strength));
                let basis = match DESIGNED.contains(&row) {
                    true => Basis::Design,
                    false if row == "empathetic" || row == "desirous" => Basis::Display,
                    false => Basis::Emfacs,
                };
                (units.filter_map(unit).chain(head).collect(), basis)
            }
            Self::Compound(name) => {
                let observed = tables.du2014_compound_au.get(name).and_then(Row::data);
                (
                    observed.map(of_observed).unwrap_or_default(),
                    Basis::Compound,
                )
            }
            Self::Display(name) => {
                let numbers = tables.keltner2019_au.get(name).and_then(Row::data);
                let units = numbers
                    .into_iter()
                    .flatten()
                    .map(|number| (both(*number), DISPLAY));
                (units.collect(), Basis::Display)
            }
        }
    }
}

impl Prototype {
    /// The same with the two halves of the face exchanged.
    pub fn mirrored(&self) -> Self {
        let units = self.units.iter();
        Self {
            units: units
                .map(|(unit, strength)| (unit.mirrored(), *strength))
                .collect(),
            bases: self.bases.clone(),
        }
    }

    /// The same with some units as strong as they are given.
    pub fn with(mut self, units: &BTreeMap<ActionUnit, f64>) -> Self {
        self.units.extend(units);
        self.units.retain(|_, strength| *strength > LEAST);
        self
    }

    /// The shapes that it moves at an intensity from 0 to 1, and the turn of the head.
    pub fn shown(&self, intensity: f64) -> (Weights, Turn) {
        let scaled = self
            .units
            .iter()
            .map(|(unit, strength)| (*unit, strength * intensity));
        let units: BTreeMap<ActionUnit, f64> = scaled.collect();
        let mut turn = Turn::default();
        for (unit, strength) in &units {
            let full = unit.turn();
            turn.yaw += full.yaw * strength;
            turn.pitch += full.pitch * strength;
            turn.roll += full.roll * strength;
        }
        (TABLES.shapes_of(&units), turn)
    }
}

#[cfg(test)]
mod tests {
    use affetto_media::rig::Shape;

    use super::*;

    fn of(words: &str) -> Prototype {
        prototype(&Emotion::parse(words).unwrap())
    }

    fn strength(prototype: &Prototype, unit: &str) -> f64 {
        let unit = unit.parse().unwrap();
        prototype.units.get(&unit).copied().unwrap_or(0.0)
    }

    #[test]
    fn words_find_their_row() {
        for (words, unit, expected, basis) in [
            ("joy", "12", 0.8, Basis::Emfacs),
            ("happily", "12", 0.8, Basis::Emfacs),
            ("anger", "23", 0.8, Basis::Emfacs),
            ("contempt", "14L", 0.8, Basis::Emfacs),
            ("sarcastic", "12L", 0.5, Basis::Design),
            ("sarcasm", "12L", 0.5, Basis::Design),
            ("hate", "10", 0.8, Basis::Compound),
            ("awe", "20", 0.62, Basis::Compound),
            ("embarrassment", "15", 0.7, Basis::Display),
            ("pride", "53", 0.7, Basis::Display),
            ("sadness", "54", 0.5, Basis::Emfacs),
        ] {
            let prototype = of(words);
            let found = strength(&prototype, unit);
            assert!((found - expected).abs() < 1e-12, "{words} {unit}: {found}");
            assert_eq!(prototype.bases, [basis], "{words}");
        }
        assert!(of("neutral").units.is_empty());
    }

    #[test]
    fn every_word_moves_something_but_neutral() {
        for label in Label::all() {
            let prototype = prototype(&label.into());
            let still = ["neutral", "noemotion", "none"];
            if !still.contains(&label.name()) && label.vad().distance(Vad::NEUTRAL) > 0.2 {
                assert!(!prototype.units.is_empty(), "{}", label.id());
            }
            assert!(prototype.units.values().all(|it| (0.0..=1.0).contains(it)));
        }
    }

    #[test]
    fn two_halves_are_the_compound_and_between_nothing_jumps() {
        let half = of("joy:0.5,surprise:0.5");
        for (unit, expected) in [
            ("1", 0.8),
            ("2", 0.8),
            ("12", 0.8),
            ("25", 0.8),
            ("5", 0.64),
        ] {
            assert!((strength(&half, unit) - expected).abs() < 1e-9, "{unit}");
        }
        assert!(
            strength(&half, "6").abs() < 1e-9,
            "six is none of happily surprised"
        );
        let mut before = of("joy").shown(1.0).0;
        for step in 1..=1000 {
            let share = f64::from(step) / 1000.0;
            let words = format!("joy:{},surprise:{share}", 1.0 - share);
            let now = of(&words).shown(1.0).0;
            for shape in Shape::ALL {
                assert!(
                    (now[shape] - before[shape]).abs() < 0.005,
                    "{words} {shape}"
                );
            }
            before = now;
        }
    }

    #[test]
    fn a_point_is_seen_as_what_lies_near() {
        let at = |v, a, d| prototype(&Vad::clamped(v, a, d).into());
        let joy = at(0.76, 0.48, 0.35);
        assert!(strength(&joy, "12") > 0.5 && strength(&joy, "15") < 0.1);
        let sad = at(-0.63, -0.27, -0.33);
        assert!(strength(&sad, "15") > 0.3 && strength(&sad, "12") < 0.1);
        let neutral = at(0.0, 0.0, 0.0);
        assert!(
            neutral.units.values().all(|strength| *strength < 0.35),
            "{neutral:?}"
        );
    }

    #[test]
    fn sides_and_overrides() {
        let left = of("contempt");
        let right = left.mirrored();
        assert_eq!(strength(&right, "14R"), strength(&left, "14L"));
        assert_eq!(right.mirrored(), left);
        let unit: ActionUnit = "12".parse().unwrap();
        let given = BTreeMap::from([(unit, 0.25), ("14L".parse().unwrap(), 0.0)]);
        let changed = left.with(&given);
        assert_eq!(strength(&changed, "12"), 0.25);
        assert_eq!(strength(&changed, "14L"), 0.0);
        let (weights, _) = changed.shown(0.5);
        assert_eq!(weights[Shape::MouthSmileRight], 0.125);
    }

    #[test]
    fn intensities_are_monotone_and_emotions_apart() {
        let rows: Vec<[f64; 52]> = ROWS
            .iter()
            .map(|(_, set, name)| Emotion::from(set.resolve(name).unwrap()))
            .map(|emotion| prototype(&emotion).shown(1.0).0.0)
            .collect();
        let distance = |a: &[f64; 52], b: &[f64; 52]| {
            a.iter()
                .zip(b)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        for (at, one) in rows.iter().enumerate() {
            for other in &rows[..at] {
                assert!(
                    distance(one, other) > 0.55,
                    "{at}: {}",
                    distance(one, other)
                );
            }
        }
        for (_, set, name) in ROWS {
            let prototype = prototype(&set.resolve(name).unwrap().into());
            let norms: Vec<f64> = (1..=9)
                .map(|step| prototype.shown(f64::from(step) / 9.0).0)
                .map(|weights| distance(&weights.0, &[0.0; 52]))
                .collect();
            assert!(
                norms.is_sorted_by(|a, b| a < b || *b == 0.0),
                "{name}: {norms:?}"
            );
        }
    }
}
