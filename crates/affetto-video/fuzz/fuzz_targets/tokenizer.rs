#![no_main]

use affetto_video::text::Words;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, bytes).expect("a file");
    if let Ok(words) = Words::read(&path)
        && let Ok(ids) = words.of("a fox waiting in the rain", 512)
    {
        assert!(ids.len() <= 512);
    }
});
