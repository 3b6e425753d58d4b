#![no_main]

use affetto_media::{
    Limits,
    rig::{gltf, vrm},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        frames: 10_000,
        ..Limits::DEFAULT
    };
    if let Ok(track) = vrm::read(bytes, &limits) {
        let written = vrm::write(&track).expect("what we read is written");
        let again = vrm::read(&written, &limits).expect("what we write is read");
        assert_eq!(again.frames.len(), track.frames.len());
    }
    let Ok(take) = gltf::read(bytes, &limits) else {
        return;
    };
    assert_eq!(take.broken_rule(), None);
    let written = gltf::write(&take, None).expect("what we read is written");
    let again = gltf::read(&written, &limits).expect("what we write is read");
    assert_eq!(again.frames.len(), take.frames.len());
});
