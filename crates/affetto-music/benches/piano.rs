//! Time of one token of a piano network, early and late in a piece, beside reading all before it anew.
//!
//!     cargo bench -p affetto-music --bench piano

use affetto_core::Seed;
use affetto_music::piano::{
    levels::Levels,
    model::{Batch, Config, Decoder, Example, Fed, ModelSize, Network, State},
};
use affetto_nn::weights::Weights;
use candle_core::Device;
use divan::{Bencher, black_box, counter::ItemsCount};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many tokens were read before.
const BEFORE: [usize; 3] = [100, 1000, 4000];

fn main() {
    divan::main();
}

fn network(size: ModelSize) -> (Config, Network, Decoder) {
    let config = Config::of(size);
    let weights = Weights::drawn(Seed(1), &Device::Cpu);
    let network = Network::new(&config, &weights.root()).expect("a known size");
    let file = weights.export().expect("weights of this machine");
    let decoder = Decoder::new(&config, file).expect("the same network");
    (config, network, decoder)
}

fn features(config: &Config) -> Vec<u32> {
    vec![1; config.feature_columns()]
}

fn token(index: usize) -> u32 {
    4 + index as u32 % 400
}

fn read(decoder: &Decoder, tokens: usize) -> State {
    let features = features(decoder.config());
    let mut state = decoder.start(&Levels::OPEN);
    for index in 0..tokens {
        let fed = Fed {
            token: token(index),
            features: &features,
        };
        decoder.step(&mut state, fed).expect("known ids");
    }
    state
}

fn next(decoder: &Decoder, bencher: Bencher, before: usize) {
    let state = read(decoder, before);
    let features = features(decoder.config());
    bencher
        .with_inputs(|| state.clone())
        .counter(ItemsCount::new(1usize))
        .bench_local_values(|mut state| {
            let fed = Fed {
                token: black_box(9),
                features: &features,
            };
            decoder.step(&mut state, fed)
        });
}

/// The next token of the small network.
#[divan::bench(args = BEFORE)]
fn recurrent(bencher: Bencher, before: usize) {
    next(&network(ModelSize::Small).2, bencher, before);
}

/// The next token of the network as published.
#[divan::bench(args = BEFORE)]
fn recurrent_published(bencher: Bencher, before: usize) {
    next(&network(ModelSize::Published).2, bencher, before);
}

/// The next token of sixteen pieces at once.
#[divan::bench]
fn sixteen_side_by_side(bencher: Bencher) {
    let (_, _, decoder) = network(ModelSize::Small);
    let features = features(decoder.config());
    let mut states = vec![read(&decoder, 100); 16];
    let fed = Fed {
        token: 9,
        features: &features,
    };
    bencher.counter(ItemsCount::new(16usize)).bench_local(|| {
        let mut states: Vec<&mut State> = states.iter_mut().collect();
        decoder.step_all(&mut states, &[fed; 16])
    });
}

/// The next token of the small network, all tokens read anew.
#[divan::bench(args = BEFORE, sample_count = 5)]
fn prefix_anew(bencher: Bencher, before: usize) {
    let (config, network, _) = network(ModelSize::Small);
    let example = Example {
        tokens: (0..before).map(token).collect(),
        features: features(&config).repeat(before),
        targets: vec![4; before],
        conditions: vec![0; config.attributes],
    };
    let batch = Batch::pad(&[example], &config).expect("whole lists");
    bencher
        .counter(ItemsCount::new(1usize))
        .bench_local(|| network.forward(black_box(&batch), None));
}
