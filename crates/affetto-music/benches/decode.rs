//! Tokens per second of both networks, with and without a cache.
//!
//!     cargo bench -p affetto-music --bench decode

use affetto_core::Seed;
use affetto_music::{
    Input, NextToken,
    model::{Decoder, Fed, Model, ModelConfig, ModelKind, State},
    tokens::{CONDITION_COLUMNS, FEATURE_COLUMNS},
    train::vocabularies,
    uncached::Uncached,
};
use affetto_nn::weights::Weights;
use candle_core::Device;
use divan::{Bencher, black_box, counter::ItemsCount};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BARS: usize = 32;
const CONDITIONS: [[u32; CONDITION_COLUMNS]; BARS] = [[1; CONDITION_COLUMNS]; BARS];
const FEATURES: [u32; FEATURE_COLUMNS] = [1; FEATURE_COLUMNS];

fn main() {
    divan::main();
}

fn network(kind: ModelKind) -> (Model, Decoder) {
    let config = ModelConfig::base(kind, vocabularies());
    let weights = Weights::drawn(Seed(1), &Device::Cpu);
    let model = Model::new(&config, &weights).expect("the shipped size");
    let file = weights.export().expect("weights of this machine");
    let decoder = Decoder::new(&config, file).expect("the same network");
    (model, decoder)
}

fn fed(index: usize) -> Fed<'static> {
    Fed {
        token: 4 + index as u32 % 100,
        features: &FEATURES,
        position: [index as f32, index as f32 / 4.0],
    }
}

fn read(decoder: &Decoder, tokens: usize) -> State {
    let mut state = decoder.start(CONDITIONS.as_flattened()).expect("known ids");
    for index in 0..tokens {
        decoder.step(&mut state, fed(index)).expect("known ids");
    }
    state
}

/// A lead sheet of 256 tokens, one token at a time.
#[divan::bench(args = ModelKind::ALL)]
fn cached(bencher: Bencher, kind: ModelKind) {
    let (_, decoder) = network(kind);
    bencher
        .counter(ItemsCount::new(256usize))
        .bench_local(|| read(&decoder, black_box(256)));
}

/// The same, each token read anew from the first.
#[divan::bench(args = ModelKind::ALL, sample_count = 3)]
fn uncached(bencher: Bencher, kind: ModelKind) {
    let (model, _) = network(kind);
    let network = Uncached(&model);
    bencher.counter(ItemsCount::new(256usize)).bench_local(|| {
        let mut state = network.start(&CONDITIONS);
        for index in 0..256 {
            let Fed {
                token, position, ..
            } = fed(index);
            let input = Input {
                token,
                features: FEATURES,
                positions: position,
            };
            black_box(network.step(&mut state, input));
        }
    });
}

/// The scores after each of eight candidates, 256 tokens into a lead sheet.
#[divan::bench(args = ModelKind::ALL)]
fn eight_candidates(bencher: Bencher, kind: ModelKind) {
    let (_, decoder) = network(kind);
    let state = read(&decoder, 256);
    let candidates: Vec<Fed> = (256..264).map(fed).collect();
    bencher
        .counter(ItemsCount::new(8usize))
        .bench_local(|| decoder.score(&state, &candidates));
}

/// The conditions of 32 bars.
#[divan::bench(args = ModelKind::ALL)]
fn start(bencher: Bencher, kind: ModelKind) {
    let (_, decoder) = network(kind);
    bencher.bench_local(|| decoder.start(CONDITIONS.as_flattened()));
}
