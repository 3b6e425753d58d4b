//! One network of a folder as diffusers has it, once or several times: seconds of each run, and the most memory that the
//! process has held, as a line of JSON. `tests/python/bench_wan.py` runs it beside diffusers on the same weights, and beside
//! stable-diffusion.cpp on the same GGUF file.
//!
//!     cargo bench -p affetto-video --bench beside -- transformer FOLDER RUNS
//!     cargo bench -p affetto-video --bench beside -- gguf FOLDER RUNS
//!     cargo bench -p affetto-video --bench beside -- gguf-streamed FOLDER RUNS
//!     cargo bench -p affetto-video --bench beside -- vae FOLDER RUNS
//!     cargo bench -p affetto-video --bench beside -- memory
//!
//! `gguf` runs the transformer of `FOLDER/model.gguf` with linear layers in the blocks of the file, as a video is made;
//! `gguf-streamed` reads its layers anew in every pass, as is done where less memory is allowed. The last decodes 17 and 161 frames, each in a process of its own, with a quarter of the channels of Wan 2.1.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{collections::HashMap, env, fs, path::Path, process::Command, time::Instant};

use affetto_video::{
    model::{Conditioning, DitCondition, DitConfig, VaeConfig, WanDit, WanVae},
    weights::{Keep, Network, Weights},
};
use candle_core::{DType, Device, Tensor};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["transformer", folder, runs] => transformer(Path::new(folder), runs.parse().unwrap()),
        ["gguf", folder, runs] => gguf(Path::new(folder), runs.parse().unwrap(), WanDit::new),
        ["gguf-streamed", folder, runs] => {
            gguf(Path::new(folder), runs.parse().unwrap(), WanDit::streamed);
        }
        ["vae", folder, runs] => vae(Path::new(folder), runs.parse().unwrap()),
        ["decode", frames] => decode(frames.parse().unwrap()),
        _ => memory(),
    }
}

/// The most that the process has held besides mapped files, in bytes.
fn held() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    };
    1024 * (kilobytes("VmHWM:").saturating_sub(kilobytes("RssFile:")))
}

fn report(seconds: &[f64]) {
    println!("{{\"seconds\": {seconds:?}, \"bytes\": {}}}", held());
}

fn timed(runs: usize, mut work: impl FnMut()) -> Vec<f64> {
    let run = |_| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    (0..runs).map(run).collect()
}

fn input(folder: &Path, name: &str) -> Tensor {
    let path = folder.join("inputs.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()[name].clone()
}

fn transformer(folder: &Path, runs: usize) {
    let part = folder.join("transformer");
    let config = fs::read_to_string(part.join("config.json")).unwrap();
    let config = DitConfig::from_json(&config).unwrap();
    let weights = Weights::open(&part, Network::Dit, &Device::Cpu).unwrap();
    let dit = WanDit::new(&config, &weights).unwrap();
    passes(folder, &dit, runs);
}

type Load = fn(&DitConfig, &Weights) -> affetto_video::Result<WanDit>;

fn gguf(folder: &Path, runs: usize, load: Load) {
    let path = folder.join("model.gguf");
    let weights = Weights::open(&path, Network::Dit, &Device::Cpu).unwrap();
    let weights = weights.with_kept(Keep::AsStored);
    let rows = input(folder, "context").dim(1).unwrap();
    let config = DitConfig {
        conditioning: Conditioning::Text { rows },
        ..DitConfig::of_weights(&weights).unwrap()
    };
    passes(folder, &load(&config, &weights).unwrap(), runs);
}

fn passes(folder: &Path, dit: &WanDit, runs: usize) {
    let latent = input(folder, "latent");
    let condition = DitCondition::of_context(input(folder, "context"));
    report(&timed(runs, || {
        dit.forward(&latent, &[500.0], &condition).unwrap();
    }));
}

fn vae(folder: &Path, runs: usize) {
    let part = folder.join("vae");
    let config = fs::read_to_string(part.join("config.json")).unwrap();
    let config = VaeConfig::from_json(&config).unwrap();
    let res_blocks = config.num_res_blocks;
    let weights = Weights::open(&part, Network::Vae { res_blocks }, &Device::Cpu).unwrap();
    let vae = WanVae::new(&config, &weights).unwrap();
    let raw = vae.denormalise(&input(folder, "latent")).unwrap();
    report(&timed(runs, || {
        vae.decode_streamed(&raw, None, |_| Ok(())).unwrap();
    }));
}

fn decode(frames: usize) {
    let folder = tempfile::tempdir().unwrap();
    let config = VaeConfig {
        base_dim: 24,
        ..VaeConfig::wan_2_1()
    };
    let drawn = |(name, shape): (String, Vec<usize>)| {
        (
            name,
            Tensor::randn(0f32, 0.05, shape, &Device::Cpu).unwrap(),
        )
    };
    let tensors: HashMap<String, Tensor> = config.tensors().into_iter().map(drawn).collect();
    let path = folder.path().join("vae.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    drop(tensors);
    let weights = Weights::open(&path, Network::Vae { res_blocks: 2 }, &Device::Cpu).unwrap();
    let vae = WanVae::new(&config, &weights).unwrap();
    let shape = (1, 16, (frames - 1) / 4 + 1, 24, 32);
    let raw = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    report(&timed(1, || {
        vae.decode_streamed(&raw, None, |_| Ok(())).unwrap();
    }));
}

fn memory() {
    let program = env::current_exe().unwrap();
    for frames in ["17", "161"] {
        let output = Command::new(&program)
            .args(["decode", frames])
            .output()
            .unwrap();
        print!(
            "{frames} frames of 256 x 192: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
