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

/// The gradient of the whole loss, with dropout, against central differences in f32 along the
/// gradient itself: f(w + h g) - f(w - h g) = 2 h |g|^2, for each parameter alone.
#[test]
fn gradients_of_every_parameter_are_right() {
    each_kind(|config, weights, model| {
        let seed = Some(DropoutSeed(Seed(4)));
        let batch = Batch {
            targets: Targets {
                smoothing: 0.05,
                ..batch().targets
            },
            ..batch()
        };
        let loss = || -> f64 {
            let loss = Seq2Seq::loss(model, &batch, seed).unwrap();
            loss.to_scalar::<f32>().unwrap().into()
        };
        let gradients = Seq2Seq::loss(model, &batch, seed)
            .unwrap()
            .backward()
            .unwrap();
        for (name, parameter) in weights.parameters() {
            let gradient = gradients.get(parameter.var.as_tensor());
            let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
            let norm = gradient
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            let norm = f64::from(norm).sqrt();
            assert!(norm > 0.0 || name.contains("packed"), "{name}: no gradient");
            let original = parameter.var.as_tensor().copy().unwrap();
            let at = |step: f64| {
                let moved = (&original + (gradient * (step / norm.max(1e-12))).unwrap()).unwrap();
                parameter.var.set(&moved).unwrap();
                loss()
            };
            let step = 4e-3;
            let slope = (at(step) - at(-step)) / (2.0 * step);
            parameter.var.set(&original).unwrap();
            let error = (slope - norm).abs();
            assert!(
                error < 0.01 * norm + 2e-4,
                "{:?} {name}: {slope} {norm}",
                config.kind()
            );
        }
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
