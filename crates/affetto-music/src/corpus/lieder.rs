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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SONG: &str = r#"<score-partwise><part-list><score-part id="P1"><part-name>Voice</part-name>
</score-part><score-part id="P2"><part-name>Piano</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions><key><fifths>0</fifths></key>
<time><beats>3</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>E</step><octave>5</octave></pitch><duration>2</duration><lyric><text>la</text></lyric></note>
<note><pitch><step>F</step><octave>5</octave></pitch><duration>1</duration></note></measure>
<measure number="2">
<note><pitch><step>G</step><octave>5</octave></pitch><duration>3</duration><voice>1</voice></note>
<backup><duration>3</duration></backup>
<note><pitch><step>D</step><octave>5</octave></pitch><duration>3</duration><voice>2</voice>
<lyric><text>lu</text></lyric></note></measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions></attributes>
<note><pitch><step>C</step><octave>3</octave></pitch><duration>3</duration></note>
<note><chord/><pitch><step>G</step><octave>3</octave></pitch><duration>3</duration></note>
<note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>3</duration></note></measure>
<measure number="2">
<note><pitch><step>G</step><octave>2</octave></pitch><duration>1</duration></note>
<note><pitch><step>F</step><octave>3</octave></pitch><duration>2</duration></note>
<note><chord/><pitch><step>B</step><octave>3</octave></pitch><duration>2</duration></note>
</measure></part></score-partwise>"#;

    #[test]
    fn the_voice_with_words_sings_over_the_piano() {
        let song = read(SONG.as_bytes(), &Limits::DEFAULT).unwrap().unwrap();
        let pitches: Vec<u8> = song.score.parts[0].notes.iter().map(|n| n.pitch).collect();
        assert_eq!(pitches, [76, 77, 74]);
        let chords: Vec<String> = song
            .score
            .chords
            .iter()
            .map(|change| format!("{}:{}", change.onset, change.chord.unwrap()))
            .collect();
        assert_eq!(chords, ["0:C", "3:G7"]);
        assert_eq!(
            song.attacks.iter().filter(|attack| !attack.melody).count(),
            6
        );
    }

    #[test]
    fn duets_are_left_out() {
        let start = "<part id=\"P2\"><measure number=\"1\">";
        let note = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration>\
                    <lyric><text>la</text></lyric></note><backup><duration>1</duration></backup>";
        let duet = SONG.replace(start, &format!("{start}{note}"));
        assert!(read(duet.as_bytes(), &Limits::DEFAULT).unwrap().is_none());
    }

    #[test]
    fn the_table_of_songs() {
        let rows = table("id\tpath\tname\n7\tAbt,_Franz/Op._1/01_Song\tA Song\nbroken\n");
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows["7"].title.as_str(), rows["7"].composer.as_str()),
            ("A Song", "Abt, Franz")
        );
    }
}
