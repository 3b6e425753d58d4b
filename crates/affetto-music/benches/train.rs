//! Tokens per second of a training step on 4,096 tokens: forward, backward and optimiser.
//!
//!     MIMALLOC_PURGE_DELAY=-1 cargo bench -p affetto-music --bench train
//!
//! The variable keeps freed memory for the next step, which saves a quarter of the time.

use affetto_core::Seed;
use affetto_music::{
    model::{Batch, Example, Model, ModelConfig, ModelKind, Seq2Seq, Vocabularies},
    train::vocabularies,
};
use affetto_nn::{
    ops::{AdamW, DropoutSeed, Moments, global_norm},
    weights::Weights,
};
use candle_core::Device;
use divan::{Bencher, counter::ItemsCount};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: usize = 16;
const TOKENS: usize = 256;
const BARS: usize = 24;

fn main() {
    divan::main();
}

fn example(seed: u64, vocabularies: &Vocabularies) -> Example {
    let mut rng = Seed(seed).rng();
    let mut ids = |rows: usize, sizes: &[usize]| -> Vec<u32> {
        let columns = (0..rows).flat_map(|_| sizes.to_vec());
        columns.map(|size| 1 + rng.below(size - 1) as u32).collect()
    };
    let conditions = ids(BARS, &vocabularies.conditions);
    let tokens = ids(TOKENS + 1, &[vocabularies.tokens]);
    let features = ids(TOKENS + 1, &vocabularies.features);
    let positions: Vec<[f32; 2]> = (0..=TOKENS).map(|i| [i as f32, i as f32 / 4.0]).collect();
    Example::next_tokens(&conditions, &tokens, &features, &positions).expect("one row each")
}

#[divan::bench(args = ModelKind::ALL, sample_count = 10)]
fn step(bencher: Bencher, kind: ModelKind) {
    let vocabularies = vocabularies();
    let examples: Vec<Example> = (0..EXAMPLES as u64)
        .map(|seed| example(seed, &vocabularies))
        .collect();
    let batch = Batch::pad(&examples, vocabularies.conditions.len()).expect("one row each");
    let weights = Weights::drawn(Seed(1), &Device::Cpu);
    let model = Model::new(&ModelConfig::base(kind, vocabularies), &weights).expect("a known size");
    let zeros = |count| Moments {
        mean: vec![0.0; count],
        square: vec![0.0; count],
        average: vec![0.0; count],
    };
    let parameters = weights.parameters();
    let counts = parameters
        .iter()
        .map(|(_, parameter)| parameter.var.elem_count());
    let mut moments: Vec<Moments> = counts.map(zeros).collect();
    let mut number = 0;
    let mut train = || -> candle_core::Result<()> {
        number += 1;
        let seed = DropoutSeed::new(Seed(1), number);
        let gradients = model.loss(&batch, Some(seed))?.backward()?;
        let found = parameters
            .iter()
            .filter_map(|(_, p)| gradients.get(p.var.as_tensor()));
        let norm = global_norm(found)?;
        let factors = AdamW::default().step(number, 1e-3, norm.recip().min(1.0), 0.999);
        for ((_, parameter), moments) in parameters.iter().zip(&mut moments) {
            if let Some(gradient) = gradients.get(parameter.var.as_tensor()) {
                factors.apply(&parameter.var, gradient, moments, parameter.decays)?;
            }
        }
        Ok(())
    };
    bencher
        .counter(ItemsCount::new(EXAMPLES * TOKENS))
        .bench_local(|| train().expect("extents that fit"));
}
