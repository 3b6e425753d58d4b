#![no_main]

use affetto_media::{Limits, midi};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(score) = midi::read(bytes, &Limits::DEFAULT) else {
        return;
    };
    assert_eq!(score.broken_rule(), None);
    midi::quantise(&score, &midi::PLAYED_GRID);
    // Refused where tracks share channels, or where SMPTE time makes bars that no metre shows.
    let Ok(written) = midi::write(&score) else {
        return;
    };
    let again = midi::read(&written, &Limits::DEFAULT).expect("what we write is read");
    assert_eq!(again.bars.len(), score.bars.len());
    // The second time around nothing is lost: ticks, roles and channels are ours.
    let rewritten = midi::write(&again).expect("what we read is written");
    assert_eq!(midi::read(&rewritten, &Limits::DEFAULT).expect("read"), again);
});
