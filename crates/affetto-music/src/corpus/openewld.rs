//! OpenEWLD: MusicXML lead sheets with chord symbols.

use affetto_media::{Limits, Score, musicxml::document::Document};
use serde::Deserialize;

use super::{Tier, measures};

/// What is known of the rights in one file.
#[derive(Clone, Debug, Deserialize)]
pub struct Rights {
    /// Where the file lies in the archive.
    pub path: String,
    /// The title.
    pub title: String,
    /// `A`, `B`, or another letter for songs that are left out.
    pub tier: String,
    /// Whether the file has a melody and chords in bars that add up.
    pub usable: bool,
}

impl Rights {
    /// The tier, for songs that may be trained on.
    pub fn tier(&self) -> Option<Tier> {
        match self.tier.as_str() {
            "A" => Some(Tier::A),
            "B" => Some(Tier::B),
            _ => None,
        }
    }
}

/// The melody and chords of the part with the most chord symbols; none where there are none.
///
/// # Errors
///
/// What [`Document::read`] says.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Option<Score>, affetto_media::Error> {
    Ok(lead_sheet(&Document::read(bytes, limits)?))
}

/// The lead sheet in a document.
pub fn lead_sheet(document: &Document) -> Option<Score> {
    let layout = measures::Layout::of(document)?;
    let chords = document
        .parts
        .iter()
        .map(|part| measures::chords(&layout, part))
        .rev()
        .max_by_key(Vec::len)
        .filter(|chords| !chords.is_empty())?;
    let notes = document
        .parts
        .iter()
        .map(|part| measures::melody(&layout, part))
        .find(|notes| !notes.is_empty())?;
    Some(measures::lead_sheet(document, layout, notes, chords))
}
