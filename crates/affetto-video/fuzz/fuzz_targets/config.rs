#![no_main]

use std::{collections::BTreeSet, fmt::Debug};

use affetto_video::{
    model::{ClipConfig, DitConfig, Umt5Config, VaeConfig},
    weights::{Network, Spelling},
};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;

/// Networks of more tensors are only listed: their names take time and show no more.
const MOST_NAMES: usize = 400;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(config) = DitConfig::from_json(text) {
        let written = config.to_json().expect("JSON");
        same(&DitConfig::from_json(&written), &config);
        assert_eq!(
            config.rope_pairs().iter().sum::<usize>(),
            config.head_width / 2
        );
        sound(Network::Dit, config.tensors());
    }
    if let Ok(config) = VaeConfig::from_json(text) {
        same(&VaeConfig::from_json(&json(&config)), &config);
        let res_blocks = config.num_res_blocks;
        sound(Network::Vae { res_blocks }, config.tensors());
        assert!(config.frames(3) >= 3);
    }
    if let Ok(config) = Umt5Config::from_json(text) {
        same(&Umt5Config::from_json(&json(&config)), &config);
        sound(Network::Umt5, config.tensors());
    }
    if let Ok(config) = ClipConfig::from_json(text) {
        same(&ClipConfig::from_json(&json(&config)), &config);
        sound(Network::Clip, config.tensors());
    }
});

fn json(config: &impl Serialize) -> String {
    serde_json::to_string(config).expect("JSON")
}

fn same<C: Debug + PartialEq, E: Debug>(again: &Result<C, E>, config: &C) {
    assert_eq!(again.as_ref().expect("what is written is read"), config);
}

/// Every tensor holds numbers that can be counted, and has a name of its own however names are spelled.
fn sound(network: Network, tensors: Vec<(String, Vec<usize>)>) {
    for (name, shape) in &tensors {
        let count = shape
            .iter()
            .try_fold(1_usize, |count, extent| count.checked_mul(*extent));
        assert!(count.is_some_and(|count| count > 0), "{name}: {shape:?}");
    }
    if tensors.len() > MOST_NAMES {
        return;
    }
    for spelling in Spelling::ALL {
        let spelled = tensors
            .iter()
            .map(|(name, _)| network.spell(name, spelling));
        let names: BTreeSet<String> = spelled.collect();
        assert_eq!(names.len(), tensors.len(), "{network:?} as {spelling:?}");
    }
}
