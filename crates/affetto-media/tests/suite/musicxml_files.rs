//! Damaged, hostile and odd files: each bad one is refused with a clear message, each good one is read.
//! The files are made by `rebuild` below.

use std::{
    fs,
    io::{Cursor, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use affetto_media::{
    Limits, Quarters, Role, Score, Tempo,
    musicxml::{self, document::Document},
};
use zip::{ZipWriter, write::SimpleFileOptions};

fn folder(kind: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    root.join(kind).join("musicxml")
}

fn file(kind: &str, name: &str) -> Vec<u8> {
    fs::read(folder(kind).join(name)).unwrap()
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NOTE: &str =
    "<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration></note>";
const SIGNATURES: &str = "<attributes><divisions>1</divisions><key><fifths>0</fifths></key><time>\
                          <beats>4</beats><beat-type>4</beat-type></time></attributes>";

/// One part with one measure.
fn measure(content: &str) -> String {
    format!(
        "{DECLARATION}<score-partwise version=\"4.0\"><part-list><score-part id=\"P1\">\
         <part-name>Voice</part-name></score-part></part-list><part id=\"P1\"><measure number=\"1\">\
         {content}</measure></part></score-partwise>\n"
    )
}

fn signed(content: &str) -> Vec<u8> {
    measure(&format!("{SIGNATURES}{content}")).into_bytes()
}

fn titled(doctype: &str, title: &str) -> Vec<u8> {
    format!(
        "{DECLARATION}{doctype}<score-partwise><work><work-title>{title}</work-title></work>\
         <part id=\"P1\"><measure number=\"1\">{NOTE}</measure></part></score-partwise>\n"
    )
    .into_bytes()
}

fn container(path: &str) -> String {
    format!("<container><rootfiles><rootfile full-path=\"{path}\"/></rootfiles></container>")
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn zipped_score(score: &[u8]) -> Vec<u8> {
    let container = container("score.xml");
    zipped(&[
        ("META-INF/container.xml", container.as_bytes()),
        ("score.xml", score),
    ])
}

fn billion_laughs() -> Vec<u8> {
    let mut doctype = String::from("<!DOCTYPE score-partwise [<!ENTITY laugh0 \"ha\">");
    for level in 1..10 {
        let before = format!("&laugh{};", level - 1).repeat(10);
        doctype += &format!("<!ENTITY laugh{level} \"{before}\">");
    }
    titled(&(doctype + "]>"), "&laugh9;")
}

fn deep_nesting() -> Vec<u8> {
    let depth = 5000;
    let nested = "<note>".repeat(depth) + &"</note>".repeat(depth);
    signed(&nested)
}

fn parts(count: usize) -> Vec<u8> {
    let part =
        |index| format!("<part id=\"P{index}\"><measure number=\"1\">{NOTE}</measure></part>");
    let parts: String = (0..count).map(part).collect();
    format!("<score-partwise>{parts}</score-partwise>").into_bytes()
}

fn zip_bomb() -> Vec<u8> {
    let mut text = measure(NOTE);
    text += &" ".repeat(65 << 20);
    zipped_score(text.as_bytes())
}

fn empty_measures() -> Vec<u8> {
    let measures = "<measure number=\"1\"/>".repeat(1_000_000);
    zipped_score(
        format!("<score-partwise><part id=\"P1\">{measures}</part></score-partwise>").as_bytes(),
    )
}

fn many_elements() -> Vec<u8> {
    let dots = "<dot/>".repeat(2_100_000);
    zipped_score(measure(&format!("<note>{dots}</note>")).as_bytes())
}

fn many_notes() -> Vec<u8> {
    let note = "<note><rest/><duration>0</duration></note>";
    let notes = note.repeat(500_001);
    zipped_score(measure(&notes).as_bytes())
}

/// Time steps of 1/999983, then 1/999979, ... whose sums have no common measure.
fn prime_divisions() -> Vec<u8> {
    let step = |divisions| {
        format!(
            "<attributes><divisions>{divisions}</divisions></attributes><note><rest/>\
             <duration>1</duration></note>"
        )
    };
    let steps: String = [999_983, 999_979, 999_961, 999_959].map(step).concat();
    measure(&steps).into_bytes()
}

fn truncated(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() * 2 / 3);
    bytes
}

fn replaced(from: &str, to: &str) -> Vec<u8> {
    let text = measure(&format!("{SIGNATURES}{NOTE}"));
    assert!(text.contains(from));
    text.replacen(from, to, 1).into_bytes()
}

/// Name, content, and a part of the message.
fn bad_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let rest = |duration: &str| {
        signed(&format!(
            "<note><rest/><duration>{duration}</duration></note>"
        ))
    };
    vec![
        ("empty.musicxml", Vec::new(), "there is no XML element"),
        (
            "not-xml.musicxml",
            b"X:1\nK:C\nCDEF|\n".to_vec(),
            "this is not XML",
        ),
        ("truncated.musicxml", truncated(signed(NOTE)), "not closed"),
        (
            "unclosed.musicxml",
            b"<score-partwise><part id=\"P1\"><measure>".to_vec(),
            "the file ends too early",
        ),
        (
            "wrong-root.musicxml",
            b"<opml version=\"2.0\"></opml>".to_vec(),
            "score-partwise",
        ),
        (
            "mismatched-tags.musicxml",
            replaced("</pitch>", "</step>"),
            "line 2",
        ),
        (
            "no-measures.musicxml",
            b"<score-partwise><part-list/></score-partwise>".to_vec(),
            "no measure",
        ),
        (
            "billion-laughs.musicxml",
            billion_laughs(),
            "&laugh9; is not expanded",
        ),
        (
            "deep-nesting.musicxml",
            deep_nesting(),
            "65 levels of XML elements",
        ),
        (
            "external-entity.musicxml",
            titled(
                "<!DOCTYPE score-partwise [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
                "&x;",
            ),
            "&x; is not expanded",
        ),
        (
            "invalid-utf8.musicxml",
            titled("", "X")
                .into_iter()
                .map(|byte| if byte == b'X' { 0xFF } else { byte })
                .collect(),
            "not UTF-8",
        ),
        (
            "invalid-utf16.musicxml",
            [0xFE, 0xFF, 0, b'<', 0xD8, 0x00, 0, b'a'].to_vec(),
            "not UTF-16",
        ),
        (
            "unknown-encoding.musicxml",
            b"<?xml version=\"1.0\" encoding=\"EBCDIC\"?><a/>".to_vec(),
            "\"ebcdic\"",
        ),
        (
            "double-attribute.musicxml",
            replaced("id=\"P1\"", "id=\"P1\" id=\"P2\""),
            "two attributes",
        ),
        ("zip-bomb.mxl", zip_bomb(), "bytes when unpacked"),
        (
            "zip-without-score.mxl",
            zipped(&[("notes.txt", b"la la la")]),
            "there is no MusicXML file in it",
        ),
        (
            "zip-slip.mxl",
            zipped(&[("../../score.xml", &signed(NOTE))]),
            "there is no MusicXML file in it",
        ),
        (
            "zip-truncated.mxl",
            truncated(zipped_score(&signed(NOTE))),
            "the zip container",
        ),
        (
            "zip-container-names-itself.mxl",
            zipped(&[(
                "META-INF/container.xml",
                container("META-INF/container.xml").as_bytes(),
            )]),
            "the outermost element",
        ),
        ("million-measures.mxl", empty_measures(), "20001 bars"),
        ("many-elements.mxl", many_elements(), "2000001 XML elements"),
        ("many-notes.mxl", many_notes(), "500001 notes"),
        ("many-parts.mxl", zipped_score(&parts(300)), "257 parts"),
        (
            "divisions-zero.musicxml",
            replaced("<divisions>1", "<divisions>0"),
            "divisions is \"0\"",
        ),
        (
            "divisions-huge.musicxml",
            replaced("<divisions>1", "<divisions>4000000000"),
            "divisions is",
        ),
        (
            "divisions-prime.musicxml",
            prime_divisions(),
            "finer than 1/1000000",
        ),
        ("duration-negative.musicxml", rest("-4"), "is negative"),
        (
            "duration-huge.musicxml",
            rest("99999999999"),
            "over 4096 quarters",
        ),
        (
            "duration-beyond-numbers.musicxml",
            rest("99999999999999999999999999"),
            "not a number",
        ),
        (
            "duration-missing.musicxml",
            signed("<note><rest/></note>"),
            "without duration",
        ),
        (
            "duration-words.musicxml",
            rest("four"),
            "\"four\" is not a number",
        ),
        (
            "backup-huge.musicxml",
            signed("<backup><duration>9223372036854775807</duration></backup>"),
            "not a number",
        ),
        (
            "forward-repeated.musicxml",
            signed(&"<forward><duration>4096</duration></forward>".repeat(2)),
            "longer than 4096",
        ),
        (
            "time-zero.musicxml",
            replaced(
                "<beats>4</beats><beat-type>4",
                "<beats>0</beats><beat-type>0",
            ),
            "time signature [0]/[0]",
        ),
        (
            "time-thirds.musicxml",
            replaced("<beat-type>4", "<beat-type>3"),
            "time signature [4]/[3]",
        ),
        (
            "key-ninety-sharps.musicxml",
            replaced("<fifths>0", "<fifths>90"),
            "90 fifths",
        ),
        (
            "note-without-pitch.musicxml",
            signed("<note><duration>4</duration></note>"),
            "neither a pitch nor a rest",
        ),
        (
            "octave-99.musicxml",
            replaced("<octave>4", "<octave>99"),
            "octave 99",
        ),
        (
            "step-h.musicxml",
            replaced("<step>C", "<step>H"),
            "a step from A to G",
        ),
        (
            "alter-huge.musicxml",
            replaced("</step>", "</step><alter>1000000</alter>"),
            "alteration",
        ),
        (
            "alter-endless-places.musicxml",
            replaced("</step>", &format!("</step><alter>1.{:0>92}</alter>", 1)),
            "alteration",
        ),
        (
            "transposed-away.musicxml",
            signed(&format!(
                "<attributes><transpose><chromatic>0</chromatic><octave-change>-8</octave-change></transpose></attributes>{NOTE}"
            )),
            "MIDI number -36",
        ),
        (
            "tempo-nan.musicxml",
            signed(&format!("<sound tempo=\"NaN\"/>{NOTE}")),
            "tempo \"NaN\"",
        ),
        (
            "channel-99.musicxml",
            replaced(
                "</part-name>",
                "</part-name><midi-instrument id=\"I\"><midi-channel>99</midi-channel></midi-instrument>",
            ),
            "midi-channel is \"99\"",
        ),
    ]
}

#[test]
fn bad_files_are_refused() {
    let mut wrong = Vec::new();
    for (name, _, message) in bad_files() {
        let bytes = file("bad", name);
        let start = Instant::now();
        let error = musicxml::read(&bytes, &Limits::DEFAULT)
            .map_or_else(|it| it.to_string(), |_| "no error".into());
        let is_clear = error.contains(message) && !error.contains('\n') && error.len() < 300;
        if !is_clear || start.elapsed() > Duration::from_secs(5) {
            wrong.push(format!("{name} in {:?}: {error}", start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_is_in_a_table() {
    let names = |kind: &str| {
        let entries = fs::read_dir(folder(kind)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut bad: Vec<_> = bad_files().into_iter().map(|it| it.0).collect();
    let mut good: Vec<_> = good_files().into_iter().map(|it| it.0).collect();
    bad.sort_unstable();
    good.sort_unstable();
    assert_eq!(names("bad"), bad);
    assert_eq!(names("good"), good);
}

#[test]
#[ignore = "writes the fixtures again"]
fn rebuild() {
    let bad = bad_files().into_iter().map(|it| ("bad", it.0, it.1));
    let good = good_files().into_iter().map(|it| ("good", it.0, it.1));
    for (kind, name, bytes) in bad.chain(good) {
        fs::create_dir_all(folder(kind)).unwrap();
        fs::write(folder(kind).join(name), bytes).unwrap();
    }
}

const TIMEWISE: &str = "<score-timewise><part-list><score-part id=\"P1\"><part-name>A</part-name>\
    </score-part><score-part id=\"P2\"><part-name>B</part-name></score-part></part-list>\
    <measure number=\"1\"><part id=\"P1\"><attributes><divisions>2</divisions></attributes>\
    <note><pitch><step>C</step><octave>5</octave></pitch><duration>8</duration></note></part>\
    <part id=\"P2\"><note><pitch><step>E</step><octave>3</octave></pitch><duration>4</duration></note>\
    </part></measure><measure number=\"2\"><part id=\"P1\"><note><rest/><duration>8</duration></note>\
    </part><part id=\"P2\"><note><rest/><duration>4</duration></note></part></measure></score-timewise>";

/// A B flat clarinet with repeats, a first ending, a cue, a grace note, a tie and several chord symbols.
const CLARINET: &str = "<score-partwise><part-list><score-part id=\"P1\"><part-name>Clarinet</part-name>\
    <midi-instrument id=\"I\"><midi-program>72</midi-program></midi-instrument></score-part></part-list>\
    <part id=\"P1\"><measure number=\"0\" implicit=\"yes\"><attributes><divisions>2</divisions><key>\
    <fifths>2</fifths><mode>major</mode></key><time><beats>3</beats><beat-type>4</beat-type></time>\
    <transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>\
    <note><pitch><step>A</step><octave>4</octave></pitch><duration>2</duration></note></measure>\
    <measure number=\"1\"><barline location=\"left\"><repeat direction=\"forward\"/></barline>\
    <direction><direction-type><rehearsal>A</rehearsal></direction-type></direction>\
    <direction><direction-type><metronome><beat-unit>quarter</beat-unit><beat-unit-dot/>\
    <per-minute>60</per-minute></metronome></direction-type></direction>\
    <harmony><root><root-step>D</root-step></root><kind text=\"7\">dominant</kind><degree>\
    <degree-value>9</degree-value><degree-alter>-1</degree-alter><degree-type>add</degree-type></degree>\
    </harmony><harmony><root><root-step>G</root-step></root><kind>min7</kind><bass><bass-step>D</bass-step>\
    </bass><offset>4</offset></harmony>\
    <note><grace/><pitch><step>G</step><octave>4</octave></pitch></note>\
    <note><pitch><step>F</step><alter>1</alter><octave>4</octave></pitch><duration>6</duration>\
    <tie type=\"start\"/></note><backup><duration>2</duration></backup><note><cue/><rest/>\
    <duration>2</duration><voice>2</voice></note></measure>\
    <measure number=\"2\"><barline location=\"left\"><ending number=\"1\" type=\"start\"/></barline>\
    <harmony><root><root-step text=\"\">C</root-step></root><kind text=\"N.C.\">none</kind></harmony>\
    <note><pitch><step>F</step><alter>1</alter><octave>4</octave></pitch><duration>2</duration>\
    <tie type=\"stop\"/></note><note><rest/><duration>4</duration></note>\
    <barline location=\"right\"><ending number=\"1\" type=\"stop\"/><repeat direction=\"backward\"/>\
    </barline></measure></part></score-partwise>";

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

type Expectation = fn(&Score);

/// Name, content, and what is read.
fn good_files() -> Vec<(&'static str, Vec<u8>, Expectation)> {
    let one_note: Expectation = |score| {
        assert_eq!(score.bars.len(), 1);
        assert_eq!(score.bars[0].length, Quarters::from_integer(4));
        let note = score.parts[0].notes[0];
        assert_eq!((note.pitch, note.duration), (60, Quarters::from_integer(4)));
    };
    let umlaut = "<score-partwise><work><work-title>Für</work-title></work><part id=\"P1\">\
                  <measure number=\"1\"><note><pitch><step>C</step><octave>4</octave></pitch>\
                  <duration>4</duration></note></measure></part></score-partwise>";
    let latin1: Vec<u8> = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{umlaut}")
        .chars()
        .map(|letter| letter as u8)
        .collect();
    let titled_note: Expectation = |score| {
        assert_eq!(score.title, "Für");
        assert_eq!(score.parts[0].notes[0].pitch, 60);
    };
    vec![
        ("minimal.musicxml", measure(NOTE).into_bytes(), one_note),
        ("no-part-list.musicxml", titled("", "T"), one_note),
        (
            "doctype.musicxml",
            titled(
                "<!DOCTYPE score-partwise PUBLIC \"-//Recordare//DTD MusicXML 3.0 Partwise//EN\" \"http://www.musicxml.org/dtds/partwise.dtd\">",
                "T",
            ),
            one_note,
        ),
        ("latin1.musicxml", latin1, titled_note),
        ("utf16.musicxml", utf16(umlaut), titled_note),
        (
            "byte-order-mark.musicxml",
            format!("\u{feff}{umlaut}").into_bytes(),
            titled_note,
        ),
        (
            "no-container.mxl",
            zipped(&[("a song.xml", &signed(NOTE))]),
            one_note,
        ),
        (
            "container-with-raw-ampersand.mxl",
            zipped(&[
                (
                    "META-INF/container.xml",
                    container("You & I.xml").as_bytes(),
                ),
                ("You & I.xml", &signed(NOTE)),
            ]),
            one_note,
        ),
        (
            "backup-too-far.musicxml",
            signed(&format!(
                "{NOTE}<backup><duration>6</duration></backup>{NOTE}"
            )),
            |score| {
                let onsets: Vec<_> = score.parts[0].notes.iter().map(|note| note.onset).collect();
                assert_eq!(onsets, [Quarters::ZERO; 2]);
            },
        ),
        ("empty-measure.musicxml", signed(""), |score| {
            assert_eq!(score.bars[0].length, Quarters::from_integer(4));
            assert!(score.parts.is_empty());
        }),
        (
            "additive-time.musicxml",
            signed(
                "<attributes><time><beats>3+2</beats><beat-type>8</beat-type></time></attributes>",
            ),
            |score| assert_eq!(score.bars[0].metre.to_string(), "5/8"),
        ),
        (
            "quarter-tone.musicxml",
            replaced("</step>", "</step><alter>0.5</alter>"),
            one_note,
        ),
        ("timewise.musicxml", TIMEWISE.as_bytes().to_vec(), |score| {
            assert_eq!((score.bars.len(), score.parts.len()), (2, 2));
            // The second part has divisions of its own: none, so 1.
            let first = score.parts[0].notes[0];
            assert_eq!(
                (first.pitch, first.duration),
                (72, Quarters::from_integer(4))
            );
            assert_eq!(score.parts[1].notes[0].duration, Quarters::from_integer(4));
        }),
        (
            "transposing.musicxml",
            CLARINET.as_bytes().to_vec(),
            |score| {
                let lengths: Vec<_> = score.bars.iter().map(|bar| *bar.length.numer()).collect();
                assert_eq!(lengths, [1, 3, 3]);
                assert!(
                    score
                        .bars
                        .iter()
                        .all(|bar| bar.key.to_string() == "C major")
                );
                let chords: Vec<_> = score
                    .chords
                    .iter()
                    .map(|it| it.chord.map(|it| it.to_string()))
                    .collect();
                let shown: Vec<_> = chords
                    .iter()
                    .map(|it| it.as_deref().unwrap_or("N.C."))
                    .collect();
                assert_eq!(shown, ["C7b9", "Fm7/C", "N.C."]);
                let onsets: Vec<_> = score.chords.iter().map(|it| *it.onset.numer()).collect();
                assert_eq!(onsets, [1, 3, 4]);
                let part = &score.parts[0];
                assert_eq!((part.role, part.program), (Role::Melody, 71));
                let notes: Vec<_> = part
                    .notes
                    .iter()
                    .map(|it| (*it.onset.numer(), it.pitch, *it.duration.numer()))
                    .collect();
                assert_eq!(notes, [(0, 67, 1), (1, 64, 4)]);
                assert_eq!(
                    (
                        score.sections[0].name.as_str(),
                        *score.sections[0].onset.numer()
                    ),
                    ("A", 1)
                );
                assert_eq!(score.tempos[1].tempo, Tempo::from_bpm(90.0));
            },
        ),
    ]
}

#[test]
fn good_files_are_read() {
    for (name, _, expectation) in good_files() {
        let score = musicxml::read(&file("good", name), &Limits::DEFAULT);
        expectation(&score.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

#[test]
fn the_document_keeps_repeats_and_what_is_not_played() {
    use musicxml::document::{EndingEdge, Location, Repeat};
    let document = Document::read(&file("good", "transposing.musicxml"), &Limits::DEFAULT).unwrap();
    let measures = &document.parts[0].measures;
    assert!(measures[0].implicit && measures[0].number == "0");
    assert_eq!(measures[1].barlines[0].repeat, Some(Repeat::Forward));
    assert_eq!(measures[1].barlines[0].location, Location::Left);
    let [first, last] = &measures[2].barlines[..] else {
        panic!("two bar lines");
    };
    assert_eq!(first.ending.as_ref().unwrap().edge, EndingEdge::Start);
    assert_eq!(last.repeat, Some(Repeat::Backward { times: 2 }));
    let flags: Vec<_> = measures[1]
        .notes
        .iter()
        .map(|it| (it.grace, it.cue, it.tie_start))
        .collect();
    assert_eq!(
        flags,
        [
            (true, false, false),
            (false, false, true),
            (false, true, false)
        ]
    );
    assert_eq!(measures[1].notes[2].onset, Quarters::from_integer(2));
    assert_eq!(measures[1].harmonies[1].onset, Quarters::from_integer(2));
}

#[test]
fn limits_are_kept() {
    let bytes = file("good", "minimal.musicxml");
    let few_bytes = Limits {
        bytes: 100,
        ..Limits::DEFAULT
    };
    let error = musicxml::read(&bytes, &few_bytes).unwrap_err().to_string();
    assert!(error.contains("at most 100 are read"), "{error}");
}
