#![no_main]

use affetto_media::sticker::{Channel, Character, Look, Pose, Sticker, StickerTake, Tint, export};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let character = match Character::from_svg("fuzz", bytes) {
        Ok(character) => character,
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            return;
        }
    };
    for (frames, look) in [(vec![Pose::rest(); 2], Look::default()), busy(bytes.len())] {
        let take = StickerTake {
            rate: "24".parse().expect("a rate"),
            loops: true,
            frames,
        };
        let sticker = Sticker::new(&character, &take, look).expect("a take within its ranges");
        let picture = sticker.render(0.0, 64).expect("a picture");
        assert_eq!(picture.dimensions(), (64, 64));
        let lottie = export::lottie(&sticker).expect("a Lottie");
        assert!(is_whole(&lottie), "a number that is none in Lottie");
    }
});

/// Everything moves, as far as it may; what moves which way depends on `draw`.
fn busy(draw: usize) -> (Vec<Pose>, Look) {
    let frame = |frame: usize| {
        let mut pose = Pose::rest();
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            let spec = channel.spec();
            let values = [spec.least, spec.most, spec.rest];
            pose[channel] = values[(index * 7 + frame + draw) % 3];
        }
        pose
    };
    let look = Look {
        tint: Tint::of_mikels([0.125; 8], 1.0),
        outline: 6.0,
    };
    ((0..3).map(frame).collect(), look)
}

/// A number that is none is written as null.
fn is_whole(lottie: &[u8]) -> bool {
    !lottie.windows(4).any(|word| word == b"null")
}
