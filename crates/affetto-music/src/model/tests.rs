//! What holds for both networks.
#![allow(clippy::unwrap_used)]

use affetto_core::{Seed, Silent};
use affetto_nn::{
    ops::{DropoutSeed, Targets},
    train::{TrainSettings, TrainingData, train},
    weights::Weights,
};
use candle_core::{Device, Tensor};

use super::*;
use crate::testing::assert_gradients;

/// An example of `bars` bars and `len` tokens whose every value varies.
pub(super) fn example(seed: u64, bars: usize, len: usize) -> Example {
    let mut rng = Seed(seed).rng();
    let vocabularies = Vocabularies::tiny();
    let mut ids = |rows: usize, sizes: &[usize]| -> Vec<u32> {
        let columns = (0..rows).flat_map(|_| sizes.to_vec());
        columns.map(|size| 1 + rng.below(size - 1) as u32).collect()
    };
    let conditions = ids(bars, &vocabularies.conditions);
    let mut tokens = ids(len + 1, &[vocabularies.tokens]);
    let features = ids(len + 1, &vocabularies.features);
    for (index, token) in tokens.iter_mut().enumerate() {
        if index % (len / bars + 1) == 1 {
            *token = vocabularies.bar_token;
        } else if *token == vocabularies.bar_token {
            *token = 1;
        }
    }
    let positions: Vec<[f32; 2]> = (0..=len)
        .map(|i| [i as f32, (i / 3) as f32 * 0.75])
        .collect();
    Example::next_tokens(&conditions, &tokens, &features, &positions).unwrap()
}

/// Three examples with different extents.
fn batch() -> Batch {
    Batch::pad(&[example(1, 2, 7), example(2, 4, 9), example(3, 1, 5)], 3).unwrap()
}

pub(super) fn each_kind(test: impl Fn(&ModelConfig, &Weights, &Model)) {
    for kind in ModelKind::ALL {
        let config = ModelConfig::tiny(kind, Vocabularies::tiny());
        let weights = Weights::drawn(Seed(8), &Device::Cpu);
        let model = Model::new(&config, &weights).unwrap();
        test(&config, &weights, &model);
    }
}

fn logits(model: &Model, batch: &Batch) -> Vec<Vec<Vec<f32>>> {
    model.forward(batch, None).unwrap().to_vec3().unwrap()
}

fn assert_close(left: &[Vec<f32>], right: &[Vec<f32>]) {
    for (position, (left, right)) in left.iter().zip(right).enumerate() {
        for (left, right) in left.iter().zip(right) {
            assert!(
                (left - right).abs() < 2e-5,
                "position {position}: {left} {right}"
            );
        }
    }
}

#[test]
fn logits_have_the_shape_of_the_tokens_and_the_vocabulary() {
    each_kind(|_, _, model| {
        let logits = model.forward(&batch(), None).unwrap();
        assert_eq!(logits.dims(), [3, 9, 11]);
    });
}

#[test]
fn a_later_token_does_not_change_earlier_logits() {
    each_kind(|_, _, model| {
        let first = batch();
        let mut second = first.clone();
        let changed = 9 + 6; // token 6 of the second example
        second.tokens[changed] = second.tokens[changed] % 2 + 1;
        second.features[changed * 2] = second.features[changed * 2] % 4 + 1;
        let (first, second) = (logits(model, &first), logits(model, &second));
        assert_eq!(first[1][..6], second[1][..6]);
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1][6], second[1][6]);
    });
}

#[test]
fn padding_changes_nothing() {
    each_kind(|_, _, model| {
        let together = logits(model, &batch());
        for (item, example) in [example(1, 2, 7), example(2, 4, 9), example(3, 1, 5)]
            .into_iter()
            .enumerate()
        {
            let len = example.tokens.len();
            let alone = logits(model, &Batch::pad(&[example], 3).unwrap());
            assert_close(&together[item][..len], &alone[0]);
        }
    });
}

#[test]
fn every_input_matters() {
    each_kind(|_, _, model| {
        let plain = batch();
        let before = logits(model, &plain);
        let changed = |change: &dyn Fn(&mut Batch)| {
            let mut batch = plain.clone();
            change(&mut batch);
            assert_ne!(logits(model, &batch)[1], before[1]);
        };
        let next = |id: u32, size: u32| id % (size - 1) + 1;
        for (column, size) in [5, 3, 4].into_iter().enumerate() {
            let at = (4 + 2) * 3 + column;
            changed(&|batch| batch.conditions[at] = next(batch.conditions[at], size));
        }
        changed(&|batch| batch.features[9 * 2] = next(batch.features[9 * 2], 6));
    });
}

#[test]
fn gradients_of_every_parameter_are_right() {
    each_kind(|_, weights, model| {
        let seed = Some(DropoutSeed(Seed(4)));
        let batch = Batch {
            targets: Targets {
                smoothing: 0.05,
                ..batch().targets
            },
            ..batch()
        };
        let norms = assert_gradients(weights, || Seq2Seq::loss(model, &batch, seed).unwrap());
        for (name, norm) in norms {
            assert!(norm > 0.0 || name.contains("packed"), "{name}: no gradient");
        }
    });
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    each_kind(|config, weights, model| {
        let bits = |threads: usize| -> Vec<Vec<u32>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let examples: Vec<Example> = (0..20).map(|seed| example(seed, 3, 40)).collect();
                let batch = Batch::pad(&examples, 3).unwrap();
                let loss = Seq2Seq::loss(model, &batch, Some(DropoutSeed(Seed(4)))).unwrap();
                let gradients = loss.backward().unwrap();
                let numbers = |tensor: &Tensor| -> Vec<u32> {
                    let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
                    numbers.into_iter().map(f32::to_bits).collect()
                };
                let parameters = weights.parameters();
                let of = |var: &Tensor| numbers(gradients.get(var).unwrap());
                parameters
                    .iter()
                    .map(|(_, p)| of(p.var.as_tensor()))
                    .collect()
            })
        };
        assert!(bits(1) == bits(3), "{:?}", config.kind());
    });
}

/// One batch, again and again.
struct Same(Batch);

impl TrainingData for Same {
    type Index = ();
    type Batch = Batch;

    fn epoch(&self, _seed: Seed) -> Vec<()> {
        vec![(); 50]
    }

    fn batch(
        &self,
        _index: &(),
    ) -> std::result::Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_tiny_batch_is_learnt_by_heart() {
    each_kind(|config, weights, model| {
        let folder = tempfile::tempdir().unwrap();
        let settings = TrainSettings {
            steps: 400,
            warmup_steps: 20,
            evaluate_steps: 400,
            peak_rate: 0.01,
            ..TrainSettings::default()
        };
        let data = Same(batch());
        let folder = folder.path();
        train(model, weights, &data, &[], &settings, folder, &Silent).unwrap();
        let loss: Tensor = Seq2Seq::loss(model, &batch(), None).unwrap();
        let loss = loss.to_scalar::<f32>().unwrap();
        assert!(loss < 0.1, "{:?}: {loss}", config.kind());
    });
}

#[test]
fn wrong_ids_and_extents_are_refused() {
    each_kind(|_, _, model| {
        let mut wrong = batch();
        wrong.tokens[3] = 11;
        assert!(model.forward(&wrong, None).is_err());
        let mut wrong = batch();
        wrong.conditions[1] = 3;
        let error = model.forward(&wrong, None).unwrap_err().to_string();
        assert!(error.contains("id 3 in column 1"), "{error}");
    });
    assert!(Batch::pad(&[example(1, 2, 7)], 4).is_err());
    assert!(Example::next_tokens(&[1], &[1], &[1], &[[0.0; 2]]).is_err());
}

/// The scores after each token of `example`, one token at a time.
fn decoded(decoder: &Decoder, example: &Example) -> Vec<Vec<f32>> {
    let mut state = decoder.start(&example.conditions).unwrap();
    let step = |index| {
        decoder
            .step(&mut state, fed(example, index))
            .unwrap()
            .to_vec()
    };
    (0..example.tokens.len()).map(step).collect()
}

fn fed(example: &Example, index: usize) -> Fed<'_> {
    Fed {
        token: example.tokens[index],
        features: &example.features[index * 2..][..2],
        position: example.positions[index],
    }
}

fn each_decoder(test: impl Fn(&Decoder, &Model)) {
    each_kind(|config, weights, model| {
        let file = weights.export().unwrap();
        test(&Decoder::new(config, file).unwrap(), model);
    });
}

#[test]
fn decoding_token_by_token_gives_the_scores_of_the_whole() {
    each_decoder(|decoder, model| {
        let example = example(5, 4, 45);
        let whole = logits(
            model,
            &Batch::pad(std::slice::from_ref(&example), 3).unwrap(),
        );
        let steps = decoded(decoder, &example);
        assert_eq!(steps.len(), whole[0].len());
        for (step, whole) in steps.iter().zip(&whole[0]) {
            for (step, whole) in step.iter().zip(whole) {
                assert!((step - whole).abs() < 1e-5, "{step} {whole}");
            }
        }
    });
}

#[test]
fn trying_candidates_changes_nothing_and_gives_what_stepping_gives() {
    each_decoder(|decoder, _| {
        let example = example(5, 4, 40);
        let mut state = decoder.start(&example.conditions).unwrap();
        for index in 0..20 {
            decoder.step(&mut state, fed(&example, index)).unwrap();
        }
        let candidates: Vec<Fed> = (20..26).map(|index| fed(&example, index)).collect();
        let scores = decoder.score(&state, &candidates).unwrap();
        for (candidate, scores) in candidates.iter().zip(&scores) {
            let mut copy = state.clone();
            assert_eq!(decoder.step(&mut copy, *candidate).unwrap(), scores);
        }
        assert_eq!(decoder.step(&mut state, candidates[0]).unwrap(), scores[0]);
    });
}

#[test]
fn several_hypotheses_step_as_each_alone() {
    each_decoder(|decoder, _| {
        let examples = [example(5, 4, 30), example(6, 2, 25), example(7, 1, 22)];
        let start = |example: &Example| decoder.start(&example.conditions).unwrap();
        let mut states: Vec<State> = examples.iter().map(start).collect();
        let alone: Vec<_> = examples.iter().map(|e| decoded(decoder, e)).collect();
        for index in 0..20 {
            let all: Vec<Fed> = examples.iter().map(|e| fed(e, index)).collect();
            decoder.step_all(&mut states, &all).unwrap();
            for (state, alone) in states.iter().zip(&alone) {
                assert_eq!(state.logits(), alone[index]);
            }
        }
    });
}

/// The scores of fixed weights as bits: they change when the order of any sum does, or when a
/// processor rounds differently.
#[test]
fn decoded_scores_are_the_same_to_the_last_bit_everywhere() {
    each_decoder(|decoder, _| {
        let scores = decoded(decoder, &example(5, 4, 45));
        let bytes = scores.iter().flatten().flat_map(|x| x.to_le_bytes());
        let digest = affetto_core::sha256_hex(&bytes.collect::<Vec<u8>>());
        let expected = match decoder.config().kind() {
            ModelKind::Transformer => "207b08d725fd18d3",
            ModelKind::Lstm => "e9ea6eec39f09bbc",
        };
        assert_eq!(&digest[..16], expected, "{:?}", decoder.config().kind());
    });
}

#[test]
fn files_round_trip_and_wrong_ones_are_refused() {
    each_kind(|config, weights, _| {
        let file = weights.export().unwrap();
        let json = config.to_json().unwrap();
        let bytes = file.to_bytes(affetto_nn::weights::Precision::F32).unwrap();
        let decoder = Decoder::from_bytes(json.as_bytes(), &bytes).unwrap();
        assert_eq!(decoder.config(), config);
        let mut more = file.clone();
        let first = more.tensors.values().next().unwrap().clone();
        more.tensors.insert("surplus".into(), first);
        let error = Decoder::new(config, more).unwrap_err().to_string();
        assert!(error.contains("surplus"), "{error}");
        let mut fewer = file;
        fewer.tensors.remove("out.bias");
        let error = Decoder::new(config, fewer).unwrap_err().to_string();
        assert!(error.contains("out.bias"), "{error}");
        assert!(decoder.start(&[]).is_err() && decoder.start(&[1, 1]).is_err());
        let mut state = decoder.start(&[1, 1, 1]).unwrap();
        let wrong = Fed {
            token: 11,
            features: &[1, 1],
            position: [0.0; 2],
        };
        assert!(decoder.step(&mut state, wrong).is_err());
    });
}
