//! Reading ABC: cases worked by hand.

use affetto_media::{Error, Limits, Mode, Quarters, Role, Score, abc};

use super::q;

fn read(text: &str) -> Score {
    abc::read(text.as_bytes(), &Limits::DEFAULT).unwrap()
}

/// One voice in 4/4 with eighths as unit.
fn tune(music: &str) -> Score {
    read(&format!("X:1\nT:t\nM:4/4\nL:1/8\nK:C\n{music}\n"))
}

/// Onset, pitch, duration of every note of a part.
fn notes(score: &Score, part: usize) -> Vec<(Quarters, u8, Quarters)> {
    let notes = &score.parts[part].notes;
    notes
        .iter()
        .map(|note| (note.onset, note.pitch, note.duration))
        .collect()
}

fn pitches(score: &Score) -> Vec<u8> {
    score.parts[0].notes.iter().map(|note| note.pitch).collect()
}

fn durations(score: &Score) -> Vec<Quarters> {
    let notes = &score.parts[0].notes;
    notes.iter().map(|note| note.duration).collect()
}

#[test]
fn octaves_and_lengths() {
    let score = tune("C,,2 C, C c2 c'2|c/ c// c3/2 c/4 z4 c/2");
    assert_eq!(pitches(&score)[..5], [36, 48, 60, 72, 84]);
    assert_eq!(durations(&score)[..2], [q(1, 1), q(1, 2)]);
    assert_eq!(
        durations(&score)[5..],
        [q(1, 4), q(1, 8), q(3, 4), q(1, 8), q(1, 4)]
    );
}

#[test]
fn accidentals_hold_to_the_bar_line_and_ties_carry_them() {
    let score = tune("^F F f =F|F ^G2- | G G");
    assert_eq!(pitches(&score), [66, 66, 78, 65, 65, 68, 67]);
    assert_eq!(durations(&score)[5], q(3, 2)); // Tied over the bar line.
    let octave = read("X:1\nK:C\n%%propagate-accidentals octave\n^F f F|\n");
    assert_eq!(pitches(&octave), [66, 77, 66]);
}

#[test]
fn the_signature_is_in_force() {
    let score = read("X:1\nK:Eb\nE A B e|\n");
    assert_eq!(pitches(&score), [63, 68, 70, 75]);
    let dorian = read("X:1\nK:D dor\nF B|\n");
    assert_eq!(pitches(&dorian), [65, 71]);
    assert_eq!(dorian.bars[0].key.mode(), Mode::Minor);
}

#[test]
fn broken_rhythm_and_tuplets() {
    assert_eq!(
        durations(&tune("A>B A<B")),
        [q(3, 4), q(1, 4), q(1, 4), q(3, 4)]
    );
    assert_eq!(durations(&tune("A>>B")), [q(7, 8), q(1, 8)]);
    assert_eq!(
        durations(&tune("(3ABc (3:2:2A2B")),
        [q(1, 3), q(1, 3), q(1, 3), q(2, 3), q(1, 3)]
    );
    assert_eq!(durations(&tune("(2AB")), [q(3, 4), q(3, 4)]);
    assert_eq!(durations(&tune("(3A>BA")), [q(1, 2), q(1, 6), q(1, 3)]);
}

#[test]
fn chords_of_notes_grace_notes_and_decorations() {
    let score = tune("!f!{gag}[CE-G]2 [E2A2]|");
    assert_eq!(
        notes(&score, 0),
        [
            (q(0, 1), 60, q(1, 1)),
            (q(0, 1), 64, q(2, 1)),
            (q(0, 1), 67, q(1, 1)),
            (q(1, 1), 69, q(1, 1)),
        ]
    );
}

/// A chord lasts as long as its first note: what is longer in it goes on, though not over the end.
#[test]
fn a_longer_note_in_a_chord_ends_with_the_music() {
    let score = tune("[CE4]G z6|[CE4]");
    assert_eq!(score.broken_rule(), None);
    let notes = notes(&score, 0);
    assert_eq!(notes[1], (q(0, 1), 64, q(2, 1)));
    assert_eq!(notes[4], (q(4, 1), 64, q(1, 2)));
}

#[test]
fn chord_symbols_and_annotations() {
    let score = tune("\"Am7\"A4 \"^slow\"\"G/B\"B4|\"N.C.\"z4 \"Gmin\"A4|\"Gm\"A4");
    let chords: Vec<(Quarters, String)> = score
        .chords
        .iter()
        .map(|change| {
            (
                change.onset,
                change.chord.map_or("-".into(), |c| c.to_string()),
            )
        })
        .collect();
    assert_eq!(
        chords,
        [
            (q(0, 1), "Am7".into()),
            (q(2, 1), "G/B".into()),
            (q(4, 1), "-".into()),
            (q(6, 1), "Gm".into()),
        ]
    );
}

#[test]
fn repeats_are_written_once_and_split_bars_joined() {
    let score = tune("G2|:A6 B2|c6:|G2|1 A8:|2 B8||");
    let lengths: Vec<Quarters> = score.bars.iter().map(|bar| bar.length).collect();
    assert_eq!(lengths, [q(1, 1), q(4, 1), q(4, 1), q(4, 1), q(4, 1)]);
}

#[test]
fn changes_of_metre_key_unit_and_tempo() {
    let score =
        read("X:1\nM:3/4\nL:1/4\nQ:1/4=90\nK:G\nA3|[M:2/4][K:F][Q:1/2=50]B2|\nL:1/8\nB4|]\n");
    let metres: Vec<String> = score.bars.iter().map(|bar| bar.metre.to_string()).collect();
    assert_eq!(metres, ["3/4", "2/4", "2/4"]);
    assert_eq!(score.bars[1].key.to_string(), "F major");
    assert_eq!(pitches(&score), [69, 70, 70]);
    assert_eq!(score.tempos.len(), 2);
    assert_eq!(
        (score.tempos[1].onset, score.tempos[1].tempo.bpm()),
        (q(3, 1), 100.0)
    );
}

#[test]
fn voices_become_parts() {
    let score = read(concat!(
        "X:1\nT:Two\nC:Anon\nM:4/4\nL:1/4\nV:T name=\"Tune\"\n%%MIDI program 73\n",
        "V:B clef=bass-8\nK:C\n[V:T]cdef|\\\ng4|\nw: la la\n[V: B] C4|C4|\nV:T\nP:B\nc4|\n[V:B]z4|]\n"
    ));
    assert_eq!(
        (score.title.as_str(), score.creator.as_str()),
        ("Two", "Anon")
    );
    assert_eq!(
        (score.parts[0].name.as_str(), score.parts[0].program),
        ("Tune", 73)
    );
    assert_eq!(
        (score.parts[0].role, score.parts[1].role),
        (Role::Melody, Role::Other)
    );
    assert_eq!(
        notes(&score, 1),
        [(q(0, 1), 48, q(4, 1)), (q(4, 1), 48, q(4, 1))]
    );
    assert_eq!(
        (score.sections[0].onset, score.sections[0].name.as_str()),
        (q(8, 1), "B")
    );
}

#[test]
fn a_forgotten_bar_line_in_one_voice_is_made_up_for() {
    let voices = "X:1\nM:2/4\nL:1/4\nK:C\n[V:1]c2|d2|e2|\n";
    let score = read(&format!("{voices}[V:2]C2|D2 E2|\n"));
    assert_eq!((score.bars.len(), notes(&score, 1).len()), (3, 3));
    let error = abc::read(
        format!("{voices}[V:2]C2|D|E2|\n").as_bytes(),
        &Limits::DEFAULT,
    );
    let message = error.unwrap_err().to_string();
    assert_eq!(
        message,
        "not a readable ABC file: 1 quarter notes, where voice \"1\" has 2, at bar 2 of voice \"2\""
    );
}

#[test]
fn rests_of_bars_overlays_and_unmetred_bars() {
    let score = tune("Z2|c8 & e8|d8|");
    assert_eq!((score.bars.len(), notes(&score, 0).len()), (4, 2));
    let free = read("X:1\nM:none\nL:1/4\nK:C\nc5|d3/2|\n");
    let metres: Vec<String> = free.bars.iter().map(|bar| bar.metre.to_string()).collect();
    assert_eq!(metres, ["5/4", "3/8"]);
}

#[test]
fn a_tunebook() {
    let book = "%abc-2.1\nL:1/4\n\nX:1\nT:a\nK:C\nc|\n\nfree text\n\nX:2\nT:b\nK:C\nd|\n";
    let scores = abc::read_all(book.as_bytes(), &Limits::DEFAULT).unwrap();
    assert_eq!(scores.len(), 2);
    assert_eq!(durations(&scores[1]), [q(1, 1)]);
    let error = abc::read_all(
        format!("{book}\nX:3\nK:C\n\"G\n").as_bytes(),
        &Limits::DEFAULT,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .ends_with("at line 18, column 2")
    );
}

#[test]
fn limits_hold_before_memory_is_taken() {
    let limit = |limits: Limits, music: &str| {
        let text = format!("X:1\nM:4/4\nK:C\n{music}\n");
        matches!(
            abc::read(text.as_bytes(), &limits),
            Err(Error::Limit { .. })
        )
    };
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::DEFAULT;
        change(&mut limits);
        limits
    };
    assert!(limit(with(|limits| limits.bytes = 10), "c"));
    assert!(limit(with(|limits| limits.notes = 3), "cccc"));
    assert!(limit(with(|limits| limits.bars = 3), "c|c|c|c|"));
    assert!(limit(with(|limits| limits.tracks = 1), "[V:1]c[V:2]d"));
    assert!(limit(with(|limits| limits.events = 3), "c|c|c"));
    assert!(limit(Limits::DEFAULT, "Z999999999"));
}
