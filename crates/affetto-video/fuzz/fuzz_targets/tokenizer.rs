#![no_main]

use affetto_video::text::Words;
use libfuzzer_sys::fuzz_target;

const TEXTS: [&str; 4] = [
    "",
    "a fox waiting in the rain",
    "Ein  Fuchs,\n der wartet: 狐 ﬁ e\u{301} 🦊\u{200d}🌧 \u{0} 12.5",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
const MOST: usize = 512;
const FEW: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, bytes).expect("a file");
    let words = match Words::read(&path) {
        Ok(words) => words,
        Err(error) => {
            assert!(error.to_string().contains("tokenizer.json"), "{error}");
            return;
        }
    };
    for text in TEXTS {
        let Ok(ids) = words.of(text, MOST) else {
            continue;
        };
        assert!(ids.len() <= MOST);
        let few = words.of(text, FEW).expect("the same text");
        assert!(few.len() <= FEW);
        assert_eq!(few.last(), ids.last(), "the mark of the end is kept");
        let kept = few.len().saturating_sub(1);
        assert_eq!(few[..kept], ids[..kept]);
    }
});
