//! The decoder in the generation loop.

use super::{Decoder, Fed, State};
use crate::{
    next_token::{Input, NextToken},
    tokens::CONDITION_COLUMNS,
};

/// The state is nothing where the conditions or tokens are not those of the network's vocabularies:
/// then every token is equally likely, which keeps the music within its rules. The vocabularies are
/// compared when the model is read, so this does not happen with a model that was.
impl NextToken for Decoder {
    type State = Option<State>;

    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Self::State {
        Decoder::start(self, conditions.as_flattened()).ok()
    }

    fn step(&self, state: &mut Self::State, input: Input) -> Vec<f32> {
        let logits = match state {
            Some(state) => Decoder::step(self, state, fed(&input))
                .map(<[f32]>::to_vec)
                .ok(),
            None => None,
        };
        logits.unwrap_or_else(|| {
            *state = None;
            self.even()
        })
    }

    fn peek(&self, state: &Self::State, inputs: &[Input]) -> Vec<Vec<f32>> {
        let candidates: Vec<Fed<'_>> = inputs.iter().map(fed).collect();
        let scores = state
            .as_ref()
            .and_then(|state| self.score(state, &candidates).ok());
        scores.unwrap_or_else(|| vec![self.even(); inputs.len()])
    }
}

impl Decoder {
    fn even(&self) -> Vec<f32> {
        vec![0.0; self.config().vocabularies().tokens]
    }
}

fn fed(input: &Input) -> Fed<'_> {
    Fed {
        token: input.token,
        features: &input.features,
        position: input.positions,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Seed;
    use affetto_nn::weights::Weights;
    use candle_core::Device;

    use super::*;
    use crate::{
        model::{Model, ModelConfig, ModelKind},
        tokens::FEATURE_COLUMNS,
        train::vocabularies,
        uncached::Uncached,
    };

    #[test]
    fn it_says_what_the_network_without_a_cache_says() {
        for kind in ModelKind::ALL {
            let config = ModelConfig::tiny(kind, vocabularies());
            let weights = Weights::drawn(Seed(3), &Device::Cpu);
            let model = Model::new(&config, &weights).unwrap();
            let decoder = Decoder::new(&config, weights.export().unwrap()).unwrap();
            let conditions = [[1; CONDITION_COLUMNS], [2; CONDITION_COLUMNS]];
            let uncached = Uncached(&model);
            let mut slow = uncached.start(&conditions);
            let mut fast = NextToken::start(&decoder, &conditions);
            for index in 0..25 {
                let input = Input {
                    token: 1 + index % 9,
                    features: [1 + index % 2; FEATURE_COLUMNS],
                    positions: [index as f32, index as f32 / 3.0],
                };
                let expected = uncached.step(&mut slow, input);
                let peeked = decoder.peek(&fast, &[input]);
                let stepped = NextToken::step(&decoder, &mut fast, input);
                assert_eq!(peeked, [stepped.as_slice()]);
                for (a, b) in stepped.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-4, "{kind:?} {index}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn wrong_tokens_make_all_equally_likely() {
        let config = ModelConfig::tiny(ModelKind::Lstm, vocabularies());
        let weights = Weights::drawn(Seed(3), &Device::Cpu);
        Model::new(&config, &weights).unwrap();
        let decoder = Decoder::new(&config, weights.export().unwrap()).unwrap();
        let mut state = NextToken::start(&decoder, &[[1; CONDITION_COLUMNS]]);
        let input = Input {
            token: u32::MAX,
            features: [0; FEATURE_COLUMNS],
            positions: [0.0; 2],
        };
        let logits = NextToken::step(&decoder, &mut state, input);
        assert!(logits.iter().all(|logit| *logit == 0.0) && !logits.is_empty());
    }
}
