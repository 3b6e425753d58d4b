#![no_main]

use affetto_media::{
    Error, Limits,
    sticker::{StickerTake, csv, json},
};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    frames: 10_000,
    ..Limits::DEFAULT
};

type Read = fn(&[u8], &Limits) -> Result<StickerTake, Error>;
type Write = fn(&StickerTake) -> Result<Vec<u8>, Error>;

const FORMATS: [(Read, Write); 2] = [(csv::read, csv::write), (json::read, json::write)];

fuzz_target!(|bytes: &[u8]| {
    for (read, _) in FORMATS {
        match read(bytes, &LIMITS) {
            Ok(take) => check(&take),
            Err(error) => assert_eq!(error.to_string().lines().count(), 1),
        }
    }
});

fn check(take: &StickerTake) {
    assert_eq!(take.broken_rule(), None);
    for (read, write) in FORMATS {
        let written = write(take).expect("what we read is written");
        let again = read(&written, &LIMITS).expect("what we write is read");
        assert_eq!(bits(&again), bits(take));
        assert_eq!((again.rate, again.loops), (take.rate, take.loops));
    }
    let length = take.seconds();
    let usual = take.usual_moment();
    assert!((0.0..=length).contains(&usual), "{usual} of {length}");
    for share in [-0.3, 0.0, 0.4, 1.0, 7.7] {
        let pose = take.at(share * length);
        assert!(pose.0.iter().all(|value| value.is_finite()), "{pose:?}");
    }
}

/// Every number as it is stored, so that -0 is not 0.
fn bits(take: &StickerTake) -> Vec<u32> {
    let numbers = take.frames.iter().flat_map(|pose| pose.0);
    numbers.map(f32::to_bits).collect()
}
