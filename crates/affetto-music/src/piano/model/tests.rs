#![allow(clippy::unwrap_used)]

use affetto_core::{Seed, Silent};
use affetto_media::{Metre, Mode};
use affetto_nn::{
    ops::{DropoutSeed, Targets},
    train::{TrainSettings, Trainee, TrainingData, train},
    weights::Weights,
};
use candle_core::Device;

use super::*;
use crate::piano::{
    corpus::Window,
    grid::{GridBar, GridNote, GridPiece},
    levels::{ATTRIBUTES, Levels},
    tokens::{Length, Style, TempoStep, VelocityStep},
};
use crate::testing::assert_gradients;

/// Bars of 3/4 whose notes vary.
fn window(seed: u64, bars: usize) -> Window {
    let mut rng = Seed(seed).rng();
    let mut note = |position: u8| GridNote {
        position,
        pitch: 48 + rng.below(24) as u8,
        length: Length::within(1 + rng.below(24) as i64),
        velocity: VelocityStep::of(40 + rng.below(60) as u8),
    };
    let mut bar = |_| {
        let mut bar = GridBar {
            metre: Metre::new(3, 4).unwrap(),
            tempo: TempoStep::of_bpm(100.0),
            notes: [0, 0, 12, 18, 24].map(&mut note).to_vec(),
        };
        bar.put_in_order();
        bar
    };
    Window {
        piece: GridPiece {
            bars: (0..bars).map(&mut bar).collect(),
        },
        before: 1,
        after: 0,
        mode: Mode::Major,
        style: Some(Style::Classical),
        weight: 1.0,
    }
}

fn levels(seed: u64) -> Levels {
    let mut rng = Seed(seed).rng();
    Levels(std::array::from_fn(|_| rng.below(5) as u8))
}

/// Two forms of the network, each small.
fn configs() -> [Config; 2] {
    let features = Config::of(ModelSize::Tiny);
    let published = Config {
        width: 24,
        layers: 2,
        heads: 2,
        feed_forward: 40,
        attribute_width: Some(3),
        half_lives: vec![None; 2],
        ..Config::of(ModelSize::Published)
    };
    [features, published]
}

fn batch(config: &Config) -> Batch {
    let examples: Vec<Example> = [(1, 2), (2, 4), (3, 1)]
        .iter()
        .map(|(seed, bars)| Example::new(&window(*seed, *bars), &levels(*seed), config).unwrap())
        .collect();
    Batch::pad(&examples, config).unwrap()
}

fn each_form(test: impl Fn(&Config, &Weights, &Network)) {
    for config in configs() {
        let weights = Weights::drawn(Seed(8), &Device::Cpu);
        let network = Network::new(&config, &weights.root()).unwrap();
        test(&config, &weights, &network);
    }
}

fn logits(network: &Network, batch: &Batch) -> Vec<Vec<Vec<f32>>> {
    network.forward(batch, None).unwrap().to_vec3().unwrap()
}

#[test]
fn published_and_shipped_sizes() {
    let count = |size| {
        let config = Config::of(size);
        assert!(config.is_current());
        assert_eq!(
            Config::from_json(config.to_json().unwrap().as_bytes()).unwrap(),
            config
        );
        let weights = Weights::drawn(Seed(1), &Device::Cpu);
        Network::new(&config, &weights.root()).unwrap();
        weights.count()
    };
    // 2 x 236,544 + 6 x 3,152,384 + 822,912 + 1,024: the research notes' count and the last normalisation.
    assert_eq!(count(ModelSize::Published), 20_211_328);
    assert!((4_000_000..5_500_000).contains(&count(ModelSize::Small)));
    assert!((11_000_000..15_000_000).contains(&count(ModelSize::Medium)));
}

#[test]
fn only_what_is_open_is_read_beside_features() {
    let [features, published] = configs();
    let words = |config: &Config| {
        let example = Example::new(&window(1, 2), &Levels::OPEN, config).unwrap();
        let name = |id: &u32| {
            crate::piano::tokens::Token::from_id(*id)
                .unwrap()
                .to_string()
        };
        let mut tokens: Vec<String> = example.tokens.iter().map(name).collect();
        tokens.push(name(example.targets.last().unwrap()));
        tokens
    };
    assert_eq!(words(&published)[..5], ["<s>", "s-8", "t-32", "o-0", "i-0"]);
    assert_eq!(words(&published).last().unwrap(), "</s>");
    assert_eq!(words(&features)[..2], ["<s>", "o-0"]);
    assert!(words(&features)[2].starts_with("p-"));
    assert_eq!(words(&features).last().unwrap(), "b-1");
}

#[test]
fn a_later_token_does_not_change_earlier_logits_and_padding_nothing() {
    each_form(|config, _, network| {
        let first = batch(config);
        let mut second = first.clone();
        let changed = first.len + 40; // of the second example
        second.tokens[changed] = second.tokens[changed] % 300 + 10;
        let (first, second) = (logits(network, &first), logits(network, &second));
        assert_eq!(first[1][..40], second[1][..40]);
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1][40], second[1][40]);
        let example = Example::new(&window(3, 1), &levels(3), config).unwrap();
        let alone = logits(network, &Batch::pad(&[example], config).unwrap());
        for (a, b) in alone[0].iter().zip(&first[2]) {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5));
        }
    });
}

#[test]
fn every_input_matters_and_what_is_open_differs_from_every_level() {
    each_form(|config, _, network| {
        let plain = batch(config);
        let before = logits(network, &plain);
        let changed = |change: &dyn Fn(&mut Batch)| {
            let mut batch = plain.clone();
            change(&mut batch);
            assert_ne!(logits(network, &batch)[1], before[1]);
        };
        let levels = config.levels as u32;
        for column in [0, 7, config.attributes - 1] {
            let at = config.attributes + column;
            changed(&|batch| batch.conditions[at] = (batch.conditions[at] + 1) % (levels + 1));
        }
        if !config.forced_tokens() {
            let at = plain.len * config.feature_columns();
            changed(&|batch| batch.features[at] = (batch.features[at] + 1) % 4);
        }
    });
}

#[test]
fn the_upper_two_levels_are_the_bit_of_the_published_network() {
    let [features, published] = configs();
    let mut levels = [0; ATTRIBUTES];
    levels[..5].copy_from_slice(&[0, 1, 2, 3, 4]);
    assert_eq!(published.conditions(&levels)[..6], [0, 1, 1, 2, 2, 0]);
    assert_eq!(features.conditions(&levels)[..6], [0, 1, 2, 3, 4, 0]);
}

#[test]
fn gradients_of_every_parameter_are_right() {
    each_form(|config, weights, network| {
        let seed = Some(DropoutSeed(Seed(4)));
        let batch = batch(config);
        assert_gradients(weights, || network.loss(&batch, seed).unwrap());
    });
}

#[test]
fn one_token_after_the_other_is_as_all_at_once() {
    each_form(|config, weights, network| {
        let decoder = Decoder::new(config, weights.export().unwrap()).unwrap();
        let columns = config.feature_columns();
        let windows = [(1, 5), (2, 7)];
        let examples: Vec<Example> = windows
            .iter()
            .map(|(seed, bars)| {
                Example::new(&window(*seed, *bars), &levels(*seed), config).unwrap()
            })
            .collect();
        let whole: Vec<_> = examples
            .iter()
            .map(|example| {
                logits(
                    network,
                    &Batch::pad(std::slice::from_ref(example), config).unwrap(),
                )
            })
            .collect();
        let mut states: Vec<State> = windows
            .iter()
            .map(|(seed, _)| decoder.start(&levels(*seed)))
            .collect();
        for at in 0..examples[0].tokens.len() {
            let fed: Vec<Fed> = examples
                .iter()
                .map(|example| Fed {
                    token: example.tokens[at],
                    features: &example.features[at * columns..][..columns],
                })
                .collect();
            let mut states: Vec<&mut State> = states.iter_mut().collect();
            let scores = decoder.step_all(&mut states, &fed).unwrap();
            for (scores, whole) in scores.chunks(config.tokens).zip(&whole) {
                for (a, b) in scores.iter().zip(&whole[0][at]) {
                    // Weights and inputs of the decoder are rounded.
                    assert!((a - b).abs() < 1e-2, "{at}: {a} {b}");
                }
            }
        }
    });
}

#[test]
fn steps_by_hand() {
    let steps = super::network::attribute_steps(&[0, 1, 3, 4], 4);
    let rows: Vec<&[f32]> = steps.chunks(3).collect();
    let expected = [
        [0.0, 0.0, 0.0],
        [-1.0, -1.0, -1.0],
        [1.0, 1.0, -1.0],
        [1.0, 1.0, 1.0],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn foreign_weights_are_refused() {
    each_form(|config, weights, _| {
        let mut file = weights.export().unwrap();
        let extra = file.tensors["norm.weight"].clone();
        file.tensors.insert("more".into(), extra);
        assert!(Decoder::new(config, file).is_err());
        let narrow = Config {
            attribute_width: Some(5),
            ..config.clone()
        };
        assert!(Decoder::new(&narrow, weights.export().unwrap()).is_err());
    });
    let odd = Config {
        half_lives: vec![None],
        ..Config::of(ModelSize::Tiny)
    };
    assert!(Config::from_json(odd.to_json().unwrap().as_bytes()).is_err());
}

/// One window, over and over.
struct Same(Config);

impl TrainingData for Same {
    type Index = ();
    type Batch = Batch;

    fn epoch(&self, _: Seed) -> Vec<()> {
        vec![()]
    }

    fn batch(
        &self,
        (): &(),
    ) -> std::result::Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        Ok(batch(&self.0))
    }
}

#[test]
fn it_learns_three_windows_by_heart() {
    for config in configs() {
        let config = Config {
            dropout: 0.0,
            ..config
        };
        let weights = Weights::drawn(Seed(8), &Device::Cpu);
        let network = Network::new(&config, &weights.root()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = TrainSettings {
            steps: 150,
            warmup_steps: 10,
            evaluate_steps: 50,
            peak_rate: 0.01,
            ..TrainSettings::default()
        };
        let held_out = [batch(&config)];
        let report = train(
            &network,
            &weights,
            &Same(config.clone()),
            &held_out,
            &settings,
            folder.path(),
            &Silent,
        )
        .unwrap();
        let losses: Vec<f32> = report.evaluations.iter().map(|e| e.training_loss).collect();
        assert!(losses[2] < 1.0 && losses[0] > losses[2], "{losses:?}");
    }
}

#[test]
fn targets_of_padding_do_not_count() {
    let [config, _] = configs();
    let batch = batch(&config);
    let Targets { ids, .. } = &batch.targets;
    let lengths: usize = [(1, 2), (2, 4), (3, 1)]
        .iter()
        .map(|(seed, bars)| Example::new(&window(*seed, *bars), &levels(*seed), &config).unwrap())
        .map(|example| example.tokens.len())
        .sum();
    assert_eq!(ids.iter().filter(|id| **id != 0).count(), lengths);
}
