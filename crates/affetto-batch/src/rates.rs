//! How long things take, by what was measured.

use std::collections::{BTreeMap, BTreeSet};

use affetto::Kind;
use serde::{Deserialize, Serialize};

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

/// How much there is to a request that is written as `text`: its bars, its seconds, else 1.
pub(crate) fn units(kind: Kind, text: &str) -> f64 {
    #[derive(Deserialize)]
    struct Length {
        bars: Option<f64>,
        length_secs: Option<f64>,
    }
    let length: Option<Length> = serde_json::from_str(text).ok();
    let default = match kind.name().starts_with("music.") {
        true => 16.0,
        false => 1.0,
    };
    let units = length.and_then(|length| length.bars.or(length.length_secs));
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
