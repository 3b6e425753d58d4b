#![no_main]

use affetto_media::{
    Limits,
    sticker::{csv, json},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        frames: 10_000,
        ..Limits::DEFAULT
    };
    if let Ok(take) = csv::read(bytes, &limits) {
        assert_eq!(take.broken_rule(), None);
        let written = csv::write(&take).expect("what we read is written");
        assert_eq!(csv::read(&written, &limits).expect("what we write is read"), take);
    }
    let Ok(take) = json::read(bytes, &limits) else {
        return;
    };
    assert_eq!(take.broken_rule(), None);
    let written = json::write(&take).expect("what we read is written");
    assert_eq!(json::read(&written, &limits).expect("what we write is read"), take);
});
