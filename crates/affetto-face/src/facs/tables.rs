use std::{collections::BTreeMap, sync::LazyLock};

use affetto_media::rig::{Shape, Weights};
use serde::Deserialize;

use super::{ActionUnit, Side};

const JSON: &str = include_str!("../../data/face_tables.json");

/// The SHA-256 of the tables, which name their sources within.
pub const TABLES_SHA256: &str = "0ff19a590d10bdd40cadb5cd0aa47ca9384d75f5729ad32634d6c38296036d24";

/// The tables as they are embedded: action units of emotions, shapes of action units.
pub const fn tables_json() -> &'static str {
    JSON
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "a test reads what is embedded")]
    let mut tables: Tables = serde_json::from_str(JSON).expect("the embedded tables are valid");
    for (unit, half, shape) in MORE {
        let units = tables.au_to_ict.entry(unit.into()).or_default();
        units.push((half.into(), 1.0));
        tables.ict_to_arkit.insert(half.into(), Some(shape.into()));
    }
    tables
});

/// Units that the tables leave out: the half of a shape that each moves, and the shape of ARKit.
const MORE: [(&str, &str, &str); 6] = [
    ("19", "tongueOut", "tongueOut"),
    ("29", "jawForward", "jawForward"),
    ("30", "jaw_L", "jawLeft"),
    ("30", "jaw_R", "jawRight"),
    ("33", "cheekPuff_L", "cheekPuff"),
    ("33", "cheekPuff_R", "cheekPuff"),
];

/// The part of the tables that is used here.
#[derive(Debug, Deserialize)]
pub(super) struct Tables {
    /// Shapes of ICT-FaceKit and the ARKit shape that each is a half of.
    ict_to_arkit: BTreeMap<String, Option<String>>,
    /// The shapes of ICT-FaceKit that a unit moves.
    au_to_ict: BTreeMap<String, Vec<(String, f64)>>,
    /// Units of basic and extended emotions, each with its strength.
    pub emotion_to_au: BTreeMap<String, BTreeMap<String, f64>>,
    /// What those come to, for a test.
    #[cfg_attr(not(test), allow(dead_code))]
    emotion_to_arkit: BTreeMap<String, BTreeMap<String, f64>>,
    /// Units of the emotions of Du, Tao & Martinez (2014), table 1.
    pub du2014_compound_au: BTreeMap<String, Row<Observed>>,
    /// Units of the displays of Keltner et al. (2019).
    pub keltner2019_au: BTreeMap<String, Row<Vec<u8>>>,
    /// Pleasure, arousal and dominance of emotions.
    pub pad_mehrabian: BTreeMap<String, Row<[f64; 3]>>,
}

/// A row, or a note on the table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Row<T> {
    /// A row.
    Data(T),
    /// A note.
    Note(#[allow(dead_code)] String),
}

impl<T> Row<T> {
    pub fn data(&self) -> Option<&T> {
        match self {
            Self::Data(data) => Some(data),
            Self::Note(_) => None,
        }
    }
}

/// Units that all showed, and the share of people who showed others.
#[derive(Debug, Deserialize)]
pub(super) struct Observed {
    pub core: Vec<u8>,
    pub var: BTreeMap<String, f64>,
}

impl Tables {
    /// Whether a unit moves shapes that are there for each half of the face.
    pub fn has_halves(&self, number: u8) -> bool {
        let rows = self.au_to_ict.get(&number.to_string());
        rows.into_iter()
            .flatten()
            .any(|(half, _)| half.ends_with("_L"))
    }

    /// The shapes that a unit of some strength moves.
    pub fn shapes(&self, unit: ActionUnit, strength: f64) -> Weights {
        let mut halves = BTreeMap::new();
        self.add(unit, strength, &mut halves);
        self.merged(&halves)
    }

    /// The shapes that units move together: each half of a shape sums up to 1 at the most, and a shape that is one on both
    /// halves is as strong as the stronger half.
    pub fn shapes_of(&self, units: &BTreeMap<ActionUnit, f64>) -> Weights {
        let mut halves = BTreeMap::new();
        for (unit, strength) in units {
            self.add(*unit, *strength, &mut halves);
        }
        self.merged(&halves)
    }

    fn add<'a>(&'a self, unit: ActionUnit, strength: f64, halves: &mut BTreeMap<&'a str, f64>) {
        let other = match unit.side {
            Side::Both => None,
            Side::Left => Some("_R"),
            Side::Right => Some("_L"),
        };
        let rows = self.au_to_ict.get(&unit.number.to_string());
        for (half, weight) in rows.into_iter().flatten() {
            if other.is_none_or(|other| !half.ends_with(other)) {
                *halves.entry(half).or_insert(0.0) += weight * strength;
            }
        }
    }

    fn merged(&self, halves: &BTreeMap<&str, f64>) -> Weights {
        let mut weights = Weights::default();
        for (half, weight) in halves {
            let name = self.ict_to_arkit.get(*half).and_then(Option::as_deref);
            if let Some(shape) = name.and_then(Shape::named) {
                weights[shape] = weights[shape].max(weight.min(1.0));
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use affetto_core::sha256_hex;

    use super::*;

    #[test]
    fn the_tables_are_those_that_they_were() {
        assert_eq!(sha256_hex(JSON.as_bytes()), TABLES_SHA256);
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shared = manifest.join("../../../shared/data/face/tables/face_tables.json");
        match std::fs::read(&shared) {
            Ok(bytes) => assert_eq!(sha256_hex(&bytes), TABLES_SHA256),
            Err(_) => {
                use std::io::Write;
                let _ = writeln!(
                    std::io::stderr(),
                    "skipped: {} is not there",
                    shared.display()
                );
            }
        }
    }

    #[test]
    fn the_order_of_shapes_is_that_of_the_tables() {
        let value: serde_json::Value = serde_json::from_str(JSON).unwrap();
        let order = value["arkit52_order"].as_array().unwrap();
        let names: Vec<&str> = order.iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, Shape::ALL.map(Shape::name));
    }

    #[test]
    fn shapes_of_emotions_are_those_of_the_tables() {
        assert_eq!(TABLES.emotion_to_au.len(), 14);
        for (emotion, units) in &TABLES.emotion_to_au {
            let units = units
                .iter()
                .map(|(unit, strength)| (unit.parse().unwrap(), *strength));
            let weights = TABLES.shapes_of(&units.collect());
            let expected = &TABLES.emotion_to_arkit[emotion];
            for shape in Shape::ALL {
                let expected = expected.get(shape.name()).copied().unwrap_or(0.0);
                let error = (weights[shape] - expected).abs();
                assert!(
                    error < 1e-3,
                    "{emotion} {shape}: {} {expected}",
                    weights[shape]
                );
            }
        }
    }
}
