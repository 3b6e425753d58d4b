#![no_main]

use affetto_media::{Limits, Quarters, Score, midi};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(score) = midi::read(bytes, &Limits::DEFAULT) else {
        return;
    };
    assert_eq!(score.broken_rule(), None);
    midi::quantise(&score, &midi::PLAYED_GRID);
    // Refused where tracks share channels, or where rounded bars are longer than any metre.
    let Ok(written) = midi::write(&score) else {
        return;
    };
    let again = midi::read(&written, &Limits::DEFAULT).expect("what we write is read");
    if is_exact(&score) {
        assert_eq!(again, score);
    }
    // Ticks are whole by now: nothing changes any more.
    let rewritten = midi::write(&again).expect("what we read is written");
    assert_eq!(
        midi::read(&rewritten, &Limits::DEFAULT).expect("read"),
        again
    );
});

/// Whether some number of ticks per quarter note makes every time whole.
fn is_exact(score: &Score) -> bool {
    let notes = score.parts.iter().flat_map(|part| &part.notes);
    let bars = score.bars.iter().map(|bar| bar.length);
    let changes = score.tempos.iter().map(|change| change.onset);
    let chords = score.chords.iter().map(|change| change.onset);
    let times = bars.chain(changes).chain(chords);
    let times = times.chain(notes.flat_map(|note| [note.onset, note.duration]));
    let denoms = times.map(|time: Quarters| *time.denom());
    let ticks = denoms.fold(1_i64, |ticks, denom| {
        let gcd = (1..=denom).rev().find(|d| ticks % d == 0 && denom % d == 0);
        (ticks / gcd.unwrap_or(1) * denom).min(1 << 40)
    });
    ticks <= 0x7fff
}
