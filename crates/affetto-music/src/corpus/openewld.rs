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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_media::Quarters;

    /// Two bars of 4/4: a rest and a tied G, then a grace note, a stack and a first ending.
    const SHEET: &str = r#"<score-partwise><part-list><score-part id="P1"><part-name/></score-part>
</part-list><part id="P1">
<measure number="1"><attributes><divisions>2</divisions><key><fifths>1</fifths></key>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<harmony><root><root-step>G</root-step></root><kind>major</kind></harmony>
<note><rest/><duration>4</duration></note>
<harmony><root><root-step>D</root-step></root><kind>dominant</kind><offset>2</offset></harmony>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>4</duration><tie type="start"/></note>
</measure>
<measure number="2"><barline location="left"><ending number="1" type="start"/></barline>
<note><pitch><step>B</step><octave>4</octave></pitch><duration>8</duration></note>
<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>
</measure>
<measure number="3"><barline location="left"><ending number="2" type="start"/></barline>
<harmony><root><root-step>G</root-step></root><kind>none</kind></harmony>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration><tie type="stop"/></note>
<note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>
<note><pitch><step>B</step><octave>4</octave></pitch><duration>6</duration></note>
<note><chord/><pitch><step>D</step><octave>5</octave></pitch><duration>6</duration></note>
<barline location="right"><ending number="2" type="stop"/></barline>
</measure></part></score-partwise>"#;

    #[test]
    fn a_lead_sheet_without_its_first_ending() {
        let score = read(SHEET.as_bytes(), &Limits::DEFAULT).unwrap().unwrap();
        assert_eq!(score.bars.len(), 2);
        let q = Quarters::from_integer;
        let notes: Vec<_> = score.parts[0]
            .notes
            .iter()
            .map(|note| (note.onset, note.pitch, note.duration))
            .collect();
        assert_eq!(notes, [(q(2), 67, q(3)), (q(5), 74, q(3))]);
        let chords: Vec<_> = score
            .chords
            .iter()
            .map(|change| (change.onset, change.chord.map(|chord| chord.to_string())))
            .collect();
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            chords,
            [(q(0), name("G")), (q(3), name("D7")), (q(4), None)]
        );
    }

    #[test]
    fn a_sheet_without_chords_is_none() {
        let bare: String = SHEET
            .replace("<harmony>", "<figure>")
            .replace("</harmony>", "</figure>");
        assert!(read(bare.as_bytes(), &Limits::DEFAULT).unwrap().is_none());
        assert!(read(b"nonsense", &Limits::DEFAULT).is_err());
    }
}
