#![no_main]

use affetto_media::{Limits, rig::arkit_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(take) = arkit_json::read_lines(bytes, &Limits::DEFAULT) {
        assert_eq!(take.broken_rule(), None);
    }
    let Ok(take) = arkit_json::read(bytes, &Limits::DEFAULT) else {
        return;
    };
    assert_eq!(take.broken_rule(), None);
    let written = arkit_json::write(&take).expect("what we read is written");
    let again = arkit_json::read(&written, &Limits::DEFAULT).expect("what we write is read");
    assert_eq!(again, take);
});
