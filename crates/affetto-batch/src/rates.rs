//! How long things take, by what was measured.

use std::collections::{BTreeMap, BTreeSet};

use affetto::Request;
use serde::Serialize;
use serde_json::Value;

use crate::{Item, Outcome, journal::Journals};

/// Seconds and bytes of a unit of each kind: of a bar of music, of a second of film, else of a whole item.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    measured: BTreeMap<String, Rate>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    units: f64,
    seconds: f64,
    bytes: f64,
}

/// Seconds and bytes a unit, measured on one core of a loaded server with the defaults of each kind: sixteen bars as MIDI, a
/// take of three seconds, a sticker of two as WebP.
const MEASURED_BEFORE: [(&str, f64, f64); 4] = [
    ("music.lead-sheet", 0.17, 540.0),
    ("music.piano", 0.34, 710.0),
    ("face.rig", 0.02, 160_000.0),
    ("video.sticker", 1.0, 750_000.0),
];

impl Rates {
    /// Those of the items that journals hold, before those that were measured elsewhere.
    pub(crate) fn new(journals: &Journals) -> Self {
        let mut measured: BTreeMap<String, Rate> = BTreeMap::new();
        for record in journals.records() {
            if record.outcome == Outcome::Made {
                let rate = measured.entry(record.kind.clone()).or_default();
                rate.units += record.units;
                rate.seconds += record.seconds;
                let bytes: u64 = record.all_files().map(|file| file.bytes).sum();
                rate.bytes += bytes as f64;
            }
        }
        Self { measured }
    }

    /// Seconds and bytes of a unit.
    fn of(&self, kind: &str) -> Option<(f64, f64)> {
        let measured = self.measured.get(kind).filter(|rate| rate.units > 0.0);
        let measured = measured.map(|rate| (rate.seconds / rate.units, rate.bytes / rate.units));
        let before = MEASURED_BEFORE.iter().find(|(name, ..)| *name == kind);
        measured.or(before.map(|(_, seconds, bytes)| (*seconds, *bytes)))
    }
}

/// How much there is to a request: its bars, its seconds, else 1.
pub(crate) fn units(request: &Request) -> f64 {
    let fields = serde_json::to_value(request).unwrap_or(Value::Null);
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    let default = match fields.get("kind").and_then(Value::as_str) {
        Some(kind) if kind.starts_with("music.") => 16.0,
        _ => 1.0,
    };
    let units = number("bars").or_else(|| number("length_secs"));
    units.unwrap_or(default)
}

/// How long the items of a plan take one after another, and how much they write.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds, of one item at a time.
    pub seconds: f64,
    /// Bytes.
    pub bytes: f64,
    /// Kinds that were never measured; their items are not counted.
    pub unknown: BTreeSet<String>,
}

impl Estimate {
    pub(crate) fn add(&mut self, rates: &Rates, item: &Item) {
        let kind = item.kind().name();
        match rates.of(kind) {
            Some((seconds, bytes)) => {
                self.seconds += item.units() * seconds;
                self.bytes += item.units() * bytes;
            }
            None => {
                self.unknown.insert(kind.into());
            }
        }
    }
}
