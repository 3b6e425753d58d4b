#![no_main]

use affetto_media::{Limits, rig::livelink};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(take) = livelink::read(bytes, &Limits::DEFAULT) else {
        return;
    };
    assert_eq!(take.broken_rule(), None);
    let written = livelink::write(&take).expect("what we read is written");
    let again = livelink::read(&written[..], &Limits::DEFAULT).expect("what we write is read");
    assert_eq!(again.rate, take.rate);
    let pairs = again.frames.iter().zip(&take.frames);
    assert!(
        pairs
            .into_iter()
            .all(|(again, frame)| again.shapes == frame.shapes)
    );
});
