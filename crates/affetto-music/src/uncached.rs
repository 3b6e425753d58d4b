//! The network read anew from the first token for every next one: slow, and what the cached decoder is checked
//! and measured against.

use affetto_nn::NnError;

use crate::{
    model::{Batch, Example, Model, Seq2Seq},
    next_token::{Input, NextToken},
    tokens::{CONDITION_COLUMNS, VOCAB},
};

/// A network without a cache.
pub struct Uncached<'a>(
    /// The network.
    pub &'a Model,
);

impl Uncached<'_> {
    fn logits(&self, state: &Example) -> Result<Vec<f32>, NnError> {
        let batch = Batch::pad(std::slice::from_ref(state), CONDITION_COLUMNS)?;
        let logits = self.0.forward(&batch, None)?; // (1, T, V)
        let rows = logits.squeeze(0)?.to_vec2::<f32>()?;
        Ok(rows.into_iter().next_back().unwrap_or_default())
    }
}

impl NextToken for Uncached<'_> {
    type State = Example;

    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Example {
        Example {
            conditions: conditions.as_flattened().to_vec(),
            ..Example::default()
        }
    }

    fn step(&self, state: &mut Example, input: Input) -> Vec<f32> {
        state.tokens.push(input.token);
        state.features.extend(input.features);
        state.positions.push(input.positions);
        state.targets.push(0);
        // The shapes are this crate's own, so a failure here is a defect, not an input; the flat answer keeps the
        // music within its rules.
        self.logits(state).unwrap_or_else(|_| vec![0.0; VOCAB])
    }
}
