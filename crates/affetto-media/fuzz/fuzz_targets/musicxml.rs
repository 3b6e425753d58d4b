#![no_main]

use affetto_media::{Limits, musicxml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(score) = musicxml::read(bytes, &Limits::DEFAULT) {
        assert_eq!(score.broken_rule(), None);
    }
});
