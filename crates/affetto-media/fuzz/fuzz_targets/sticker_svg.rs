#![no_main]

use affetto_media::sticker::{Character, Look, Pose, Sticker, StickerTake, export};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(character) = Character::from_svg("fuzz", bytes) else {
        return;
    };
    let take = StickerTake {
        rate: "24".parse().expect("a rate"),
        loops: true,
        frames: vec![Pose::rest(); 2],
    };
    let sticker = Sticker::new(&character, &take, Look::default()).expect("a take at rest");
    sticker.render(0.0, 64).expect("a picture");
    export::lottie(&sticker).expect("a Lottie");
});
