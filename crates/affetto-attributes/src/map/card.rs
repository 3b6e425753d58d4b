//! A map as files: the map, its card, and what was measured.

use std::path::{Path, PathBuf};

use affetto_core::{sha256_hex, write_atomic};
use serde_json::Value;

use super::{Accuracy, AttributeMap, Cue, CueModel, Learned, Quadrant};
use crate::Error;

/// How many attributes the card lists.
const LISTED_ATTRIBUTES: usize = 12;

impl AttributeMap {
    /// As a file has it: one attribute a line.
    pub fn to_json(&self) -> String {
        let line = |value: serde_json::Result<String>| value.unwrap_or_default(); // numbers are finite: see broken_rule
        let attributes: Vec<String> = self
            .attributes
            .iter()
            .map(|attribute| line(serde_json::to_string(attribute)))
            .collect();
        let head = Self {
            attributes: Vec::new(),
            ..self.clone()
        };
        let head = line(serde_json::to_string(&head));
        let head = head.trim_end_matches("]}");
        format!("{head}\n{}\n]}}\n", attributes.join(",\n"))
    }
}

impl Learned {
    /// Writes `map.json`, `card.md` and `report.json` to `folder`, which is made where it is missing. `licence` is that
    /// of the pieces, `command` how the map was made.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write(
        &self,
        folder: &Path,
        licence: &str,
        command: &str,
    ) -> Result<Vec<PathBuf>, Error> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            |source| Error::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let map = self.map.to_json();
        let report = serde_json::to_string_pretty(&self.validation).unwrap_or_default(); // plain numbers
        let files = [
            ("map.json", map.clone()),
            ("card.md", self.card(&map, licence, command)),
            ("report.json", report + "\n"),
        ];
        files
            .into_iter()
            .map(|(name, text)| {
                let path = folder.join(name);
                write_atomic(&path, text.as_bytes()).map_err(failed(&path))?;
                Ok(path)
            })
            .collect()
    }

    /// Front matter in YAML, then the same for people.
    fn card(&self, map_json: &str, licence: &str, command: &str) -> String {
        let map = &self.map;
        let [q1, q2, q3, q4] = map.quadrant_pieces;
        format!(
            "---\n\
             id: attribute-map\n\
             task: music.attribute-map\n\
             parameters: {parameters}\n\
             bytes: {bytes}\n\
             sha256: {sha256}\n\
             licence: MIT OR Apache-2.0\n\
             data:\n  \
               - name: >-\n      {source}\n    \
                 licence: {licence}\n    \
                 pieces: {{ all: {pieces}, songs: {songs}, Q1: {q1}, Q2: {q2}, Q3: {q3}, Q4: {q4} }}\n\
             command: {command}\n\
             results:\n{results}\
             limits: >-\n  {LIMITS}\n\
             ---\n\n\
             # What an emotion asks of music: the attribute map\n\n\
             {PAPER}\n\n\
             Made from {pieces} pieces of {songs} songs: {source} ({licence}). The file holds statistics of many pieces\n\
             and nothing of any one of them: for each quadrant mean, deviation, quartiles and the share above the median,\n\
             and nine quantiles over all pieces.\n\n\
             ## Does it tell emotions apart?\n\n\
             Cross-validated by song: five parts, three times, never a song on both sides. Shares of pieces told right:\n\n\
             {accuracies}\n\
             ## The cues\n\n\
             In the order of importance of Eerola, Friberg & Bresin (2013). The pieces give the amounts where they have\n\
             them and agree with the literature; else the amounts are the project's.\n\n\
             {cues}\n\
             ## What tells most\n\n\
             {attributes}",
            parameters = numbers(&serde_json::json!([map.cues, map.attributes])),
            bytes = map_json.len(),
            sha256 = sha256_hex(map_json.as_bytes()),
            source = map.source,
            pieces = map.pieces,
            songs = map.songs,
            results = results(&self.rows()),
            accuracies = accuracies(&self.rows()),
            cues = cues(&map.cues),
            attributes = attributes(map),
        )
    }

    fn rows(&self) -> [(&'static str, &'static str, Accuracy); 6] {
        let validation = &self.validation;
        [
            ("chance", "always the commonest", validation.chance),
            (
                "emogen",
                "EmoGen's published vectors, the nearest",
                validation.emogen,
            ),
            ("bits", "majority bits, the nearest", validation.bits),
            (
                "centres_of_hundred",
                "supervised clustering, 100 attributes",
                validation.centres_of_hundred,
            ),
            (
                "centres",
                "supervised clustering, all attributes",
                validation.centres,
            ),
            ("forest", "random forest, all attributes", validation.forest),
        ]
    }
}

/// How many numbers stand in `value`.
fn numbers(value: &Value) -> usize {
    match value {
        Value::Number(_) => 1,
        Value::Array(values) => values.iter().map(numbers).sum(),
        Value::Object(fields) => fields.values().map(numbers).sum(),
        _ => 0,
    }
}

const PAPER: &str = "After the attribute mapping of EmoGen (Kang et al., \"EmoGen: Eliminating Subjective Bias in Emotional \
    Music Generation\", 2023; code and tables MIT). Differs: the pieces of a quadrant stand for it together instead of \
    one of them, thresholds are those of the pieces at hand, any point lies between the quadrants, and mode, tempo, \
    register, loudness and articulation are controlled by themselves.";

const LIMITS: &str = "Labels are quadrants as a few listeners heard them. Transcriptions of recordings lengthen notes by the \
    pedal and say nothing of tempo marks. What holds for one style of music need not hold for another.";

fn results(rows: &[(&str, &str, Accuracy)]) -> String {
    let row = |(name, _, accuracy): &(&str, &str, Accuracy)| {
        let Accuracy {
            quadrant,
            arousal,
            valence,
            ..
        } = accuracy;
        format!(
            "  {name}: {{ quadrant: {quadrant:.3}, arousal: {arousal:.3}, valence: {valence:.3} }}\n"
        )
    };
    rows.iter().map(row).collect()
}

fn accuracies(rows: &[(&str, &str, Accuracy)]) -> String {
    let row = |(_, words, accuracy): &(&str, &str, Accuracy)| {
        let Accuracy {
            quadrant,
            arousal,
            valence,
            ..
        } = accuracy;
        format!("| {words} | {quadrant:.3} | {arousal:.3} | {valence:.3} |\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!("| | quadrant | arousal | valence |\n|---|--:|--:|--:|\n{rows}")
}

fn cues(models: &[CueModel]) -> String {
    let row = |model: &CueModel| {
        let unit = match model.cue {
            Cue::Tempo => "bpm; octaves",
            cue => cue.unit().name(),
        };
        format!(
            "| {} | {unit} | {:.3} | {:+.3} | {:+.3} | {:.3} |\n",
            model.cue.name(),
            model.neutral,
            model.per_valence,
            model.per_arousal,
            model.half_spread
        )
    };
    let rows: String = models.iter().map(row).collect();
    format!(
        "| cue | unit | neutral | by valence | by arousal | spread, +- |\n|---|---|--:|--:|--:|--:|\n{rows}"
    )
}

fn attributes(map: &AttributeMap) -> String {
    let mut listed: Vec<_> = map.attributes.iter().collect();
    listed.sort_by(|a, b| {
        b.importance
            .unwrap_or(0.0)
            .total_cmp(&a.importance.unwrap_or(0.0))
    });
    let row = |statistics: &&super::AttributeStatistics| {
        let medians = Quadrant::ALL.map(|quadrant| {
            let values = statistics.quadrants[quadrant as usize].values;
            values.map_or_else(|| "-".into(), |values| format!("{:.3}", values.median))
        });
        let importance = statistics.importance.unwrap_or(0.0);
        format!(
            "| {} | {importance:.4} | {} |\n",
            statistics.attribute,
            medians.join(" | ")
        )
    };
    let rows: String = listed.iter().take(LISTED_ATTRIBUTES).map(row).collect();
    format!(
        "| attribute | importance | median Q1 | Q2 | Q3 | Q4 |\n|---|--:|--:|--:|--:|--:|\n{rows}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::map::Preset;

    #[test]
    fn a_map_is_written_and_read() {
        for preset in Preset::ALL {
            let map = AttributeMap::preset(preset);
            let text = map.to_json();
            assert_eq!(&AttributeMap::parse(&text).unwrap(), map);
            assert_eq!(text.lines().count(), map.attributes.len() + 2);
        }
    }
}
