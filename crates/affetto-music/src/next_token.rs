use affetto_core::Progress;
pub use affetto_nn::sample::{Sampling, log_probabilities};

use crate::tokens::{CONDITION_COLUMNS, FEATURE_COLUMNS, VOCAB};

/// A decoder token with all that is known beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// The token's id.
    pub token: u32,
    /// Its features, as [`Cursor::feed`](crate::tokens::Cursor::feed) gives them.
    pub features: [u32; FEATURE_COLUMNS],
    /// Tokens and quarter notes from the beginning.
    pub positions: [f32; 2],
}

/// Anything that scores each possible next token: a network, an n-gram, a test double.
pub trait NextToken {
    /// What has been read so far.
    type State: Clone;

    /// Reads the conditions of all bars.
    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Self::State;

    /// Reads one more token; gives the unnormalised log-probability of each token of the vocabulary to come next.
    fn step(&self, state: &mut Self::State, input: Input) -> Vec<f32>;

    /// As [`NextToken::step`] for each of `inputs`, but `state` stays as it is.
    fn peek(&self, state: &Self::State, inputs: &[Input]) -> Vec<Vec<f32>> {
        let one = |input: &Input| self.step(&mut state.clone(), *input);
        inputs.iter().map(one).collect()
    }
}

/// A model that is no longer asked once the caller wants to stop: what is then written costs next to nothing, and is
/// thrown away.
pub(crate) struct Interruptible<'a, M> {
    pub model: &'a M,
    pub progress: &'a dyn Progress,
}

impl<M: NextToken> NextToken for Interruptible<'_, M> {
    type State = M::State;

    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> M::State {
        self.model.start(conditions)
    }

    fn step(&self, state: &mut M::State, input: Input) -> Vec<f32> {
        if self.progress.cancelled() {
            return vec![0.0; VOCAB];
        }
        self.model.step(state, input)
    }

    fn peek(&self, state: &M::State, inputs: &[Input]) -> Vec<Vec<f32>> {
        if self.progress.cancelled() {
            return vec![vec![0.0; VOCAB]; inputs.len()];
        }
        self.model.peek(state, inputs)
    }
}
