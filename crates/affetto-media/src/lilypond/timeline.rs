//! What stands above and at the beginning of every staff: metre, key, tempo, sections.

use super::{note_name, quoted, scaled};
use crate::{Bar, Key, Mode, Quarters, Score, Tempo, TempoChange};

/// The timeline of the whole score, one bar on a line, in silent notes.
pub(super) fn text(score: &Score) -> String {
    let onsets = score.bar_onsets();
    let mut text = String::new();
    for (index, bar) in score.bars.iter().enumerate() {
        text += "  ";
        text += &changes(&score.bars, index);
        text += &sections(score, onsets[index]);
        text += &silence(score, bar, onsets[index], onsets[index + 1]);
        text += "|\n";
    }
    text + "  \\bar \"|.\"\n"
}

/// Metre and key where they are new, and the length of a bar that is not a full one.
fn changes(bars: &[Bar], index: usize) -> String {
    let bar = &bars[index];
    let before = index.checked_sub(1).map(|before| &bars[before]);
    let mut text = String::new();
    if before.is_none_or(|before| before.metre != bar.metre) {
        text += &format!("\\time {} ", bar.metre);
    }
    if before.is_none_or(|before| before.key != bar.key) {
        text += &key(bar.key);
    }
    let is_pickup = |index: usize| index == 0 && bars[0].length < bars[0].metre.length();
    let is_full = |bar: &Bar| bar.length == bar.metre.length();
    // A pick-up changes nothing for the bars after it; any other length stays until it is set again.
    let was_set = before.is_some_and(|before| !is_full(before) && !is_pickup(index - 1));
    if is_pickup(index) {
        text += &format!("\\partial {} ", scaled(bar.length));
    } else if !is_full(bar) || was_set {
        let wholes = bar.length / 4;
        text += &format!(
            "\\set Timing.measureLength = #(ly:make-moment {}/{}) ",
            wholes.numer(),
            wholes.denom()
        );
    }
    text
}

fn key(key: Key) -> String {
    let mode = match key.mode() {
        Mode::Major => "major",
        Mode::Minor => "minor",
    };
    format!("\\key {} \\{mode} ", note_name(key.tonic()))
}

/// The names of the sections that begin here, in a box.
fn sections(score: &Score, onset: Quarters) -> String {
    let first = score
        .sections
        .partition_point(|section| section.onset < onset);
    let here = score.sections[first..].iter();
    let here = here.take_while(|section| section.onset == onset);
    let names: Vec<&str> = here.map(|section| section.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("\\mark \\markup \\box {} ", quoted(&names.join(", ")))
}

/// Silence from `start` to `end`, with the tempos that begin in between.
fn silence(score: &Score, bar: &Bar, start: Quarters, end: Quarters) -> String {
    let first = score.tempos.partition_point(|change| change.onset < start);
    let last = score.tempos.partition_point(|change| change.onset < end);
    let mut text = String::new();
    let mut onset = start;
    for change in &score.tempos[first..last] {
        if change.onset > onset {
            text += &format!("s{} ", scaled(change.onset - onset));
        }
        text += &tempo(change, bar);
        onset = change.onset;
    }
    text + &format!("s{} ", scaled(end - onset))
}

/// A tempo in beats of the metre. `\tempo` takes whole numbers only: any other is printed with one digit after the point,
/// and set exactly for who has it played.
fn tempo(change: &TempoChange, bar: &Bar) -> String {
    let beat = bar.metre.beat();
    let beats = change.tempo.bpm() / crate::f64_from_quarters(beat);
    let whole = beats.round().max(1.0);
    let value = super::value(beat);
    if Tempo::from_bpm(whole * crate::f64_from_quarters(beat)) == change.tempo {
        return format!("\\tempo {value} = {whole} ");
    }
    // A whole note has four quarters, a minute 60,000,000 microseconds.
    let wholes = Quarters::new(15_000_000, change.tempo.micros_per_quarter().into());
    let shown = format!("{beats:.1}");
    let shown = shown.trim_end_matches(".0");
    format!(
        "\\set Score.tempoWholesPerMinute = #(ly:make-moment {}/{}) \
         \\tempo \\markup \\concat {{ \\smaller \\general-align #Y #DOWN \\note {{{value}}} #UP \" = {shown}\" }} ",
        wholes.numer(),
        wholes.denom()
    )
}
