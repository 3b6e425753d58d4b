//! Piano scores of the Mutopia Project.

use std::path::Path;

use affetto_core::Progress;
use affetto_media::{Bar, Quarters, Score};

use super::{Error, Song, Source, archive, composer_group, each, pickup::pickup, score_of, struck};
use crate::piano::tokens::quarters_from_positions;

/// The songs of the archive; those whose licence asks for it are named in `attributions`.
pub fn songs(
    path: &Path,
    attributions: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<Vec<Song>, Error> {
    let entries = archive::read(path)?;
    let table = entries.iter().find(|entry| entry.path == "index.csv");
    let table = table.ok_or(Error::Table {
        path: path.into(),
        inside: "index.csv",
    })?;
    let rows = rows(&String::from_utf8_lossy(&table.bytes));
    attributions.extend(rows.iter().filter_map(Row::attribution));
    each(&rows, progress, |row| {
        let inside = format!("midi/{}", row.file);
        let entry = entries.iter().find(|entry| entry.path == inside);
        let score = entry.and_then(|entry| score_of(&entry.bytes));
        score.map(|score| song(row, score)).into_iter().collect()
    })
}

/// A line of `index.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    file: String,
    composer: String,
    title: String,
    licence: String,
    maintainer: String,
}

impl Row {
    fn attribution(&self) -> Option<String> {
        let Self {
            composer,
            title,
            licence,
            maintainer,
            ..
        } = self;
        licence.contains("Attribution").then(|| {
            format!("{title} ({composer}), typeset by {maintainer}, Mutopia Project, {licence}")
        })
    }
}

fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines().map(fields);
    let header = lines.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|title| title == name);
    let row = |fields: Vec<String>| {
        let field = |name: &str| Some(fields.get(column(name)?)?.trim().to_owned());
        Some(Row {
            file: field("file")?,
            composer: field("composer")?,
            title: field("title")?,
            licence: field("licence")?,
            maintainer: field("maintainer")?,
        })
    };
    lines.filter_map(row).collect()
}

/// The fields of a line of comma-separated values (RFC 4180).
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => push(&mut fields, letter),
        }
    }
    fields
}

fn push(fields: &mut [String], letter: char) {
    if let Some(field) = fields.last_mut() {
        field.push(letter);
    }
}

fn song(row: &Row, mut score: Score) -> Song {
    let named = !["Anonymous", "Traditional"].contains(&row.composer.as_str());
    let group = if named {
        composer_group(&row.composer)
    } else {
        format!("title/{}", crate::corpus::title::title_key(&row.title))
    };
    if let Some(bars) = bars_after_pickup(&score) {
        score.bars = bars;
    }
    let id = format!("{}/{}", Source::Mutopia.name(), row.file);
    Song::of_score(id, group, Source::Mutopia, &score)
}

/// The bars of a piece of one metre that seems to begin with a pick-up.
fn bars_after_pickup(score: &Score) -> Option<Vec<Bar>> {
    let metre = score.bars.first()?.metre;
    if score.bars.iter().any(|bar| bar.metre != metre) {
        return None;
    }
    let pickup = quarters_from_positions(pickup(metre, &struck(score)));
    if pickup == Quarters::from_integer(0) {
        return None;
    }
    let onsets = score.bar_onsets();
    let key_at = |onset: Quarters| {
        let after = onsets.partition_point(|start| *start <= onset);
        score.bars[after.saturating_sub(1).min(score.bars.len() - 1)].key
    };
    let mut bars = vec![Bar {
        length: pickup,
        ..score.bars[0]
    }];
    let mut onset = pickup;
    while onset < score.length() {
        bars.push(Bar::full(metre, key_at(onset)));
        onset += metre.length();
    }
    Some(bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_quotes_is_read() {
        let text = "file,composer,title,licence,maintainer\n\
                    1.mid,GriegE,\"March, \"\"Trolls\"\"\",Creative Commons Attribution 3.0,A. B.\n\
                    2.mid,BachJS,Air,Public Domain,C. D.\n";
        let rows = rows(text);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].title, "March, \"Trolls\"");
        let credit = "March, \"Trolls\" (GriegE), typeset by A. B., Mutopia Project, Creative Commons Attribution 3.0";
        assert_eq!(rows[0].attribution().as_deref(), Some(credit));
        assert_eq!(rows[1].attribution(), None);
    }
}
