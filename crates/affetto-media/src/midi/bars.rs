//! From time signatures to bars.

use std::collections::BTreeMap;

use super::ZERO;
use crate::{Bar, Error, Key, Limits, Metre, Quarters};

/// What bars are made from; every list sorted by time.
pub(super) struct BarPlan {
    /// Time signatures.
    pub(super) metres: Vec<(Quarters, Metre)>,
    /// Bars said to belong to another metre than is shown.
    pub(super) remarks: BTreeMap<Quarters, Metre>,
    /// Key signatures.
    pub(super) keys: Vec<(Quarters, Key)>,
    /// Where the last note or marker ends.
    pub(super) content_end: Quarters,
    /// Where the file ends.
    pub(super) file_end: Quarters,
}

impl BarPlan {
    /// Bars that hold all content, and as many more as fit before the end of the file; at least one.
    /// 4/4 and C major where nothing is said. A change of metre inside a bar ends the bar there.
    pub(super) fn bars(&self, limits: &Limits) -> Result<Vec<Bar>, Error> {
        let mut bars = Vec::new();
        let mut onset = ZERO;
        loop {
            let bar = self.bar_at(onset);
            let is_needed = bars.is_empty() || onset < self.content_end;
            if !is_needed && onset + bar.length > self.file_end {
                return Ok(bars);
            }
            if bars.len() == limits.bars {
                return Err(Error::Limit {
                    what: "bars",
                    limit: limits.bars as u64,
                    found: limits.bars as u64 + 1,
                });
            }
            bars.push(bar);
            onset += bar.length;
        }
    }

    fn bar_at(&self, onset: Quarters) -> Bar {
        let seen = self.metres.partition_point(|(time, _)| *time <= onset);
        let shown = last(&self.metres[..seen]).unwrap_or(Metre::COMMON);
        let remark = self.remarks.get(&onset);
        // A bar with a remark may be cut where its own metre is shown again, or where the file ends.
        let ends_bar = |(_, metre): &&(Quarters, Metre)| remark.is_some() || *metre != shown;
        let mut length = shown.length();
        if let Some((time, _)) = self.metres[seen..].iter().find(ends_bar) {
            length = length.min(time - onset);
        }
        if remark.is_some() && self.file_end > onset {
            length = length.min(self.file_end - onset);
        }
        Bar {
            metre: remark.copied().unwrap_or(shown),
            key: self.key_at(onset),
            length,
        }
    }

    fn key_at(&self, onset: Quarters) -> Key {
        let seen = self.keys.partition_point(|(time, _)| *time <= onset);
        last(&self.keys[..seen]).unwrap_or(Key::C_MAJOR)
    }
}

fn last<T: Copy>(changes: &[(Quarters, T)]) -> Option<T> {
    changes.last().map(|(_, value)| *value)
}
