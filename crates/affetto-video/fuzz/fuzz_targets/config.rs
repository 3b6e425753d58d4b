#![no_main]

use affetto_video::model::{ClipConfig, DitConfig, Umt5Config, VaeConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(config) = DitConfig::from_json(text) {
        let again = DitConfig::from_json(&config.to_json().expect("JSON"));
        let again = again.expect("what is written is read");
        assert_eq!(again.width(), config.width());
        config.tensors();
    }
    if let Ok(config) = VaeConfig::from_json(text) {
        config.tensors();
    }
    if let Ok(config) = Umt5Config::from_json(text) {
        config.tensors();
    }
    if let Ok(config) = ClipConfig::from_json(text) {
        config.tensors();
    }
});
