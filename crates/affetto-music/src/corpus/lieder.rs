//! OpenScore Lieder as lead sheets: the voice is the melody, the chords are derived from the piano.

use std::collections::BTreeMap;

use affetto_media::{
    Bar, Limits, Score,
    musicxml::document::{Document, Part},
};

use super::{
    derive::{Attack, derive},
    measures::{self, Layout},
    passage::regular_bars,
};

/// A song in the corpus table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The title.
    pub title: String,
    /// The composer, family name first.
    pub composer: String,
}

/// The rows of `scores.tsv` by song number.
pub fn table(text: &str) -> BTreeMap<String, Row> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split('\t').collect();
    let column = |name: &str| header.iter().position(|title| *title == name);
    let (Some(id), Some(path), Some(name)) = (column("id"), column("path"), column("name")) else {
        return BTreeMap::new();
    };
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let composer = fields.get(path)?.split('/').next()?.replace('_', " ");
            let title = (*fields.get(name)?).to_owned();
            Some(((*fields.get(id)?).to_owned(), Row { title, composer }))
        })
        .collect()
}

/// A song with derived chords, and all that sounds in it.
pub struct Song {
    /// The whole song, its bars' keys standing for signatures.
    pub score: Score,
    /// The voice and the piano, as written.
    pub attacks: Vec<Attack>,
}

/// The song in a file with exactly one part that has lyrics; none for duets and songs without words.
///
/// # Errors
///
/// What [`Document::read`] says.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Option<Song>, affetto_media::Error> {
    Ok(song(&Document::read(bytes, limits)?))
}

/// The song in a document.
pub fn song(document: &Document) -> Option<Song> {
    let mut singing = document.parts.iter().filter(|part| has_lyrics(part));
    let voice = singing.next().filter(|_| singing.next().is_none())?;
    let mut layout = Layout::of(document)?;
    let attacks = attacks(document, voice, &layout);
    let notes = measures::melody(&layout, voice);
    let bars: Vec<Bar> = regular_bars(&layout.bars);
    let chords = derive(&bars, &attacks);
    layout.bars = bars;
    let score = measures::lead_sheet(document, layout, notes, chords);
    Some(Song { score, attacks })
}

fn has_lyrics(part: &Part) -> bool {
    let mut notes = part.measures.iter().flat_map(|measure| &measure.notes);
    notes.any(|note| note.lyrics > 0)
}

fn attacks(document: &Document, voice: &Part, layout: &Layout) -> Vec<Attack> {
    let mut attacks: Vec<Attack> = Vec::new();
    for part in &document.parts {
        for (start, measure) in layout.of_part(part) {
            attacks.extend(measures::sounding(measure).map(|note| Attack {
                onset: start + note.onset,
                end: start + note.onset + note.duration,
                pitch: note.pitch.unwrap_or(0),
                melody: std::ptr::eq(part, voice),
            }));
        }
    }
    attacks.sort();
    attacks
}
