//! The cached decoders as sources of next tokens.

use crate::{
    model::{Decoder, Fed, State},
    next_token::{Input, NextToken},
    tokens::{CONDITION_COLUMNS, VOCAB},
};

/// A state of a decoder; none where it refused its input, which is a defect of this crate, not of a request: the flat
/// scores then keep the music within its rules.
pub type Read = Option<State>;

fn fed(input: &Input) -> Fed<'_> {
    Fed {
        token: input.token,
        features: &input.features,
        position: input.positions,
    }
}

impl NextToken for Decoder {
    type State = Read;

    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Read {
        Self::start(self, conditions.as_flattened()).ok()
    }

    fn step(&self, state: &mut Read, input: Input) -> Vec<f32> {
        let logits = state.as_mut().and_then(|state| {
            Self::step(self, state, fed(&input))
                .ok()
                .map(<[f32]>::to_vec)
        });
        logits.unwrap_or_else(|| vec![0.0; VOCAB])
    }

    fn peek(&self, state: &Read, inputs: &[Input]) -> Vec<Vec<f32>> {
        let candidates: Vec<Fed<'_>> = inputs.iter().map(fed).collect();
        let scores = state
            .as_ref()
            .and_then(|state| self.score(state, &candidates).ok());
        scores.unwrap_or_else(|| vec![vec![0.0; VOCAB]; inputs.len()])
    }
}
