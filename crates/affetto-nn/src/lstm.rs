//! The long short-term memory of Hochreiter and Schmidhuber (1997) with the forget gate of Gers,
//! Schmidhuber and Cummins (2000): a whole sequence is one node of candle's graph, with
//! backpropagation through time written by hand.
//!
//! The four gates stand in the order input, forget, candidate, output, as in PyTorch. There is one
//! bias, not two.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{
    CpuStorage, CustomOp3, D, Layout, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use crate::{
    layers::Linear,
    ops::{
        Numbers, Real, by_dtype, fused, numbers,
        product::{Matrix, product},
        tensor_like, vectorised, weight_gradient,
    },
    weights::{Init, Scope},
};

/// Sequences in one piece of work. It does not depend on the number of threads, so that results do
/// not either.
const SEQUENCES: usize = 8;

/// The state between two steps.
#[derive(Clone, Debug)]
pub struct LstmState {
    /// What the layer says, `(B, hidden)`.
    pub hidden: Tensor,
    /// What it remembers, `(B, hidden)`.
    pub cell: Tensor,
}

/// One layer in one direction.
#[derive(Clone, Debug)]
pub struct Lstm {
    input: Linear,
    recurrent: Tensor,
    hidden: usize,
    reverse: bool,
}

impl Lstm {
    /// A layer from the first step to the last: parameters `input.weight` `(4 hidden, in)`,
    /// `input.bias` `(4 hidden)` and `recurrent` `(4 hidden, hidden)`.
    pub fn new(scope: &Scope, width_in: usize, hidden: usize) -> crate::Result<Self> {
        let deviation = 1.0 / (hidden.max(1) as f64).sqrt();
        Ok(Self {
            input: Linear::gates(&scope.child("input"), width_in, hidden)?,
            recurrent: scope.get(
                "recurrent",
                &[4 * hidden, hidden],
                Init::Matrix { deviation },
            )?,
            hidden,
            reverse: false,
        })
    }

    /// A layer from the last step to the first.
    pub fn reversed(scope: &Scope, width_in: usize, hidden: usize) -> crate::Result<Self> {
        Ok(Self {
            reverse: true,
            ..Self::new(scope, width_in, hidden)?
        })
    }

    /// `(B, T, in)` to `(B, T, hidden)` and the last state. Steps from `lengths` on are padding:
    /// the state passes them unchanged. Without `initial` the state is 0 at first.
    pub fn forward(
        &self,
        x: &Tensor,
        initial: Option<&LstmState>,
        lengths: &Arc<[usize]>,
    ) -> candle_core::Result<(Tensor, LstmState)> {
        let (batch, len, _) = x.dims3()?;
        let initial = match initial {
            Some(state) => Tensor::cat(&[&state.hidden, &state.cell], D::Minus1)?,
            None => Tensor::zeros((batch, 2 * self.hidden), x.dtype(), x.device())?,
        };
        let gates = self.input.forward(x)?; // (B, T, 4 hidden)
        let states = lstm(&gates, &self.recurrent, &initial, lengths, self.reverse)?;
        let last = if self.reverse { 0 } else { len - 1 };
        let part = |x: &Tensor, index| x.narrow(D::Minus1, index * self.hidden, self.hidden);
        let end = states.narrow(1, last, 1)?.squeeze(1)?; // (B, 2 hidden)
        let state = LstmState {
            hidden: part(&end, 0)?.contiguous()?,
            cell: part(&end, 1)?.contiguous()?,
        };
        Ok((part(&states, 0)?.contiguous()?, state))
    }
}

/// One layer in both directions.
#[derive(Clone, Debug)]
pub struct BiLstm {
    forth: Lstm,
    back: Lstm,
}

impl BiLstm {
    /// Layers at `forth` and `back`, each of `hidden` numbers.
    pub fn new(scope: &Scope, width_in: usize, hidden: usize) -> crate::Result<Self> {
        Ok(Self {
            forth: Lstm::new(&scope.child("forth"), width_in, hidden)?,
            back: Lstm::reversed(&scope.child("back"), width_in, hidden)?,
        })
    }

    /// `(B, T, in)` to `(B, T, 2 hidden)` and the last states of both directions side by side.
    pub fn forward(
        &self,
        x: &Tensor,
        lengths: &Arc<[usize]>,
    ) -> candle_core::Result<(Tensor, LstmState)> {
        let (forth, forth_state) = self.forth.forward(x, None, lengths)?;
        let (back, back_state) = self.back.forward(x, None, lengths)?;
        let beside = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], D::Minus1);
        let state = LstmState {
            hidden: beside(&forth_state.hidden, &back_state.hidden)?,
            cell: beside(&forth_state.cell, &back_state.cell)?,
        };
        Ok((beside(&forth, &back)?, state))
    }
}

/// The states `(B, T, 2 hidden)`, hidden and cell side by side, from the inputs' part of the gates
/// `(B, T, 4 hidden)`, the recurrent weight `(4 hidden, hidden)` and the initial state
/// `(B, 2 hidden)`.
pub fn lstm(
    gates: &Tensor,
    recurrent: &Tensor,
    initial: &Tensor,
    lengths: &Arc<[usize]>,
    reverse: bool,
) -> candle_core::Result<Tensor> {
    let (batch, len, wide) = gates.dims3()?;
    let (rows, hidden) = recurrent.dims2()?;
    let fits = wide == 4 * hidden && rows == wide && initial.dims() == [batch, 2 * hidden];
    if !fits || lengths.len() != batch || lengths.iter().any(|length| *length > len) {
        bail!("lstm: {gates:?} with {recurrent:?}, {initial:?} and lengths {lengths:?}");
    }
    if fused(gates) {
        let op = LstmOp {
            lengths: lengths.clone(),
            reverse,
            activated: Mutex::new(None),
        };
        return gates
            .contiguous()?
            .apply_op3(recurrent, &initial.contiguous()?, op);
    }
    composed(gates, recurrent, initial, lengths, reverse)
}

/// The same step by step from candle's operations.
fn composed(
    gates: &Tensor,
    recurrent: &Tensor,
    initial: &Tensor,
    lengths: &[usize],
    reverse: bool,
) -> candle_core::Result<Tensor> {
    let (batch, len, wide) = gates.dims3()?;
    let hidden = wide / 4;
    let sigmoid = |x: Tensor| (x.neg()?.exp()? + 1.0)?.recip();
    let mut state = initial.clone();
    let mut states = vec![state.clone(); len];
    for step in 0..len {
        let t = if reverse { len - 1 - step } else { step };
        let before = state.narrow(1, 0, hidden)?.contiguous()?;
        let cell = state.narrow(1, hidden, hidden)?;
        let own = gates.narrow(1, t, 1)?.squeeze(1)?.contiguous()?;
        let sum = (own + before.matmul(&recurrent.t()?.contiguous()?)?)?;
        let gate = |index: usize| sum.narrow(1, index * hidden, hidden);
        let kept = (sigmoid(gate(1)?)? * cell)?;
        let cell = (kept + (sigmoid(gate(0)?)? * gate(2)?.tanh()?)?)?;
        let out = (sigmoid(gate(3)?)? * cell.tanh()?)?;
        let next = Tensor::cat(&[out, cell], 1)?;
        let live: Vec<f64> = lengths
            .iter()
            .map(|l| f64::from(u8::from(t < *l)))
            .collect();
        let live = Tensor::from_vec(live, (batch, 1), gates.device())?.to_dtype(gates.dtype())?;
        let passed = state.broadcast_mul(&live.affine(-1.0, 1.0)?)?;
        state = (next.broadcast_mul(&live)? + passed)?;
        states[t] = state.clone();
    }
    Tensor::stack(&states, 1)
}

struct LstmOp {
    lengths: Arc<[usize]>,
    reverse: bool,
    /// The gates after their functions, kept by the forward pass for the backward pass.
    activated: Mutex<Option<CpuStorage>>,
}

/// The extents of a piece of work and the order of its steps.
#[derive(Clone, Copy)]
struct Walk<'a> {
    lengths: &'a [usize],
    len: usize,
    hidden: usize,
    reverse: bool,
}

impl Walk<'_> {
    fn items(&self) -> usize {
        self.lengths.len()
    }

    /// The place of a step, from the first walked to the last.
    fn place(&self, step: usize) -> usize {
        if self.reverse {
            self.len - 1 - step
        } else {
            step
        }
    }

    /// The place walked before, or nothing at the first step.
    fn before(&self, step: usize) -> Option<usize> {
        step.checked_sub(1).map(|step| self.place(step))
    }

    /// Where the numbers of `item` at `place` begin in a list with `columns` numbers per place.
    fn at(&self, item: usize, place: usize, columns: usize) -> usize {
        (item * self.len + place) * columns
    }

    /// The states before a step: the hidden states of all items as a matrix.
    fn hidden_before<'a, T: Real>(
        &self,
        states: &'a [T],
        initial: &'a [T],
        step: usize,
    ) -> Matrix<'a, T> {
        let wide = 2 * self.hidden;
        match self.before(step) {
            Some(place) => {
                let states = &states[place * wide..];
                Matrix::new(states, self.items(), self.hidden, self.len * wide)
            }
            None => Matrix::new(initial, self.items(), self.hidden, wide),
        }
    }

    /// The state of one item before a step.
    fn state_before<'a, T>(
        &self,
        states: &'a [T],
        initial: &'a [T],
        item: usize,
        step: usize,
    ) -> &'a [T] {
        let wide = 2 * self.hidden;
        match self.before(step) {
            Some(place) => &states[self.at(item, place, wide)..][..wide],
            None => &initial[item * wide..][..wide],
        }
    }

    /// Fills `states` and `activated`, which holds the inputs' part of the gates at first.
    fn forward<T: Real>(
        &self,
        activated: &mut [T],
        recurrent: &[T],
        initial: &[T],
        states: &mut [T],
    ) {
        let (hidden, wide) = (self.hidden, 4 * self.hidden);
        let weight = Matrix::new(recurrent, wide, hidden, hidden).transposed();
        let mut next = vec![T::ZERO; 2 * hidden];
        for step in 0..self.len {
            let place = self.place(step);
            let before = self.hidden_before(states, initial, step);
            product(
                &mut activated[place * wide..],
                self.len * wide,
                before,
                weight,
                true,
            );
            for item in 0..self.items() {
                let before = self.state_before(states, initial, item, step);
                if place < self.lengths[item] {
                    let gates = &mut activated[self.at(item, place, wide)..][..wide];
                    vectorised(
                        #[inline(always)]
                        || cell_forward(gates, &before[hidden..], &mut next),
                    );
                } else {
                    next.copy_from_slice(before);
                }
                states[self.at(item, place, 2 * hidden)..][..2 * hidden].copy_from_slice(&next);
            }
        }
    }

    /// Fills the gradients of the gates and of the initial state, which come as 0.
    fn backward<T: Real>(&self, known: &Known<T>, for_gates: &mut [T], for_initial: &mut [T]) {
        let (hidden, wide, items) = (self.hidden, 4 * self.hidden, self.items());
        let weight = Matrix::new(known.recurrent, wide, hidden, hidden);
        let mut carried = for_initial.to_vec(); // (items, 2 hidden): of the state after the step
        for step in (0..self.len).rev() {
            let place = self.place(step);
            for item in 0..items {
                let state = self.at(item, place, 2 * hidden);
                let carried = &mut carried[item * 2 * hidden..][..2 * hidden];
                for (carried, own) in carried.iter_mut().zip(&known.gradient[state..]) {
                    *carried += *own;
                }
                if place < self.lengths[item] {
                    let before = self.state_before(known.states, known.initial, item, step);
                    let gates = self.at(item, place, wide);
                    let cells = Cells {
                        gates: &known.activated[gates..][..wide],
                        before: &before[hidden..],
                        after: &known.states[state + hidden..][..hidden],
                    };
                    let for_gates = &mut for_gates[gates..][..wide];
                    vectorised(
                        #[inline(always)]
                        || cell_backward(&cells, carried, for_gates),
                    );
                }
            }
            let gates = &for_gates[place * wide..];
            let gates = Matrix::new(gates, items, wide, self.len * wide);
            product(&mut carried, 2 * hidden, gates, weight, true);
        }
        for_initial.copy_from_slice(&carried);
    }
}

/// What the backward pass of a piece of work reads.
struct Known<'a, T> {
    activated: &'a [T],
    recurrent: &'a [T],
    initial: &'a [T],
    states: &'a [T],
    gradient: &'a [T],
}

/// What the backward pass of one cell reads.
struct Cells<'a, T> {
    gates: &'a [T],
    before: &'a [T],
    after: &'a [T],
}

/// Applies the gates' functions and writes hidden and cell into `next`.
#[inline(always)]
fn cell_forward<T: Real>(gates: &mut [T], before: &[T], next: &mut [T]) {
    let hidden = before.len();
    let (input, rest) = gates.split_at_mut(hidden);
    let (forget, rest) = rest.split_at_mut(hidden);
    let (candidate, output) = rest.split_at_mut(hidden);
    let (said, cell) = next.split_at_mut(hidden);
    let (output, said, cell) = (
        &mut output[..hidden],
        &mut said[..hidden],
        &mut cell[..hidden],
    );
    for i in 0..hidden {
        input[i] = input[i].sigmoid();
        forget[i] = forget[i].sigmoid();
        candidate[i] = Real::tanh(candidate[i]);
        output[i] = output[i].sigmoid();
        cell[i] = forget[i] * before[i] + input[i] * candidate[i];
        said[i] = output[i] * Real::tanh(cell[i]);
    }
}

/// From the gradients of hidden and cell after the step, in `carried`, to those of the gates; what
/// is left in `carried` are 0 for hidden, to which the recurrent weight adds, and the gradient of
/// the cell before the step.
#[inline(always)]
fn cell_backward<T: Real>(cells: &Cells<T>, carried: &mut [T], for_gates: &mut [T]) {
    let hidden = cells.before.len();
    let gate = |index: usize| &cells.gates[index * hidden..][..hidden];
    let (input, forget, candidate, output) = (gate(0), gate(1), gate(2), gate(3));
    let (before, after) = (&cells.before[..hidden], &cells.after[..hidden]);
    let (said, cell) = carried.split_at_mut(hidden);
    let (said, cell) = (&mut said[..hidden], &mut cell[..hidden]);
    let (for_input, rest) = for_gates.split_at_mut(hidden);
    let (for_forget, rest) = rest.split_at_mut(hidden);
    let (for_candidate, for_output) = rest.split_at_mut(hidden);
    let for_output = &mut for_output[..hidden];
    for i in 0..hidden {
        let tanh = Real::tanh(after[i]);
        let for_cell = cell[i] + said[i] * output[i] * (T::ONE - tanh * tanh);
        for_input[i] = for_cell * candidate[i] * input[i] * (T::ONE - input[i]);
        for_forget[i] = for_cell * before[i] * forget[i] * (T::ONE - forget[i]);
        for_candidate[i] = for_cell * input[i] * (T::ONE - candidate[i] * candidate[i]);
        for_output[i] = said[i] * tanh * output[i] * (T::ONE - output[i]);
        cell[i] = for_cell * forget[i];
        said[i] = T::ZERO;
    }
}

impl LstmOp {
    fn walk<'a>(&self, lengths: &'a [usize], len: usize, hidden: usize) -> Walk<'a> {
        Walk {
            lengths,
            len,
            hidden,
            reverse: self.reverse,
        }
    }

    fn forward<T: Real>(
        &self,
        gates: &[T],
        recurrent: &[T],
        initial: &[T],
        hidden: usize,
    ) -> Vec<T> {
        let len = gates.len() / (self.lengths.len() * 4 * hidden).max(1);
        let mut activated = gates.to_vec();
        let mut states = vec![T::ZERO; gates.len() / 2];
        let item = (len * hidden).max(1);
        activated
            .par_chunks_mut(SEQUENCES * 4 * item)
            .zip(states.par_chunks_mut(SEQUENCES * 2 * item))
            .zip(initial.par_chunks(SEQUENCES * 2 * hidden))
            .zip(self.lengths.par_chunks(SEQUENCES))
            .for_each(|(((activated, states), initial), lengths)| {
                let walk = self.walk(lengths, len, hidden);
                walk.forward(activated, recurrent, initial, states);
            });
        let mut kept = self
            .activated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(T::to_cpu_storage_owned(activated));
        states
    }

    /// The gradients of the gates and of the initial state.
    fn backward<T: Real>(&self, known: &Known<T>, hidden: usize) -> (Vec<T>, Vec<T>) {
        let len = known.activated.len() / (self.lengths.len() * 4 * hidden).max(1);
        let item = (len * hidden).max(1);
        let mut for_gates = vec![T::ZERO; known.activated.len()];
        let mut for_initial = vec![T::ZERO; known.initial.len()];
        for_gates
            .par_chunks_mut(SEQUENCES * 4 * item)
            .zip(for_initial.par_chunks_mut(SEQUENCES * 2 * hidden))
            .zip(known.activated.par_chunks(SEQUENCES * 4 * item))
            .zip(known.initial.par_chunks(SEQUENCES * 2 * hidden))
            .zip(known.states.par_chunks(SEQUENCES * 2 * item))
            .zip(known.gradient.par_chunks(SEQUENCES * 2 * item))
            .zip(self.lengths.par_chunks(SEQUENCES))
            .for_each(|(parts, lengths)| {
                let (((((for_gates, for_initial), activated), initial), states), gradient) = parts;
                let known = Known {
                    activated,
                    recurrent: known.recurrent,
                    initial,
                    states,
                    gradient,
                };
                let walk = self.walk(lengths, len, hidden);
                walk.backward(&known, for_gates, for_initial);
            });
        (for_gates, for_initial)
    }

    /// The hidden state before each step, `(B, T, hidden)`.
    fn hidden_before<T: Real>(&self, states: &[T], initial: &[T], hidden: usize) -> Vec<T> {
        let len = states.len() / (self.lengths.len() * 2 * hidden).max(1);
        let walk = self.walk(&self.lengths, len, hidden);
        let mut out = vec![T::ZERO; states.len() / 2];
        for item in 0..walk.items() {
            for step in 0..len {
                let before = &walk.state_before(states, initial, item, step)[..hidden];
                out[walk.at(item, walk.place(step), hidden)..][..hidden].copy_from_slice(before);
            }
        }
        out
    }
}

impl CustomOp3 for LstmOp {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn cpu_fwd(
        &self,
        gates: &CpuStorage,
        gates_layout: &Layout,
        recurrent: &CpuStorage,
        recurrent_layout: &Layout,
        initial: &CpuStorage,
        initial_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (batch, len, wide) = gates_layout.shape().dims3()?;
        by_dtype!(gates.dtype(), T => {
            let gates = numbers::<T>(gates, gates_layout)?;
            let recurrent = numbers::<T>(recurrent, recurrent_layout)?;
            let initial = numbers::<T>(initial, initial_layout)?;
            let states = self.forward(gates, recurrent, initial, wide / 4);
            Ok((T::to_cpu_storage_owned(states), (batch, len, wide / 2).into()))
        })
    }

    fn bwd(
        &self,
        gates: &Tensor,
        recurrent: &Tensor,
        initial: &Tensor,
        states: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let hidden = recurrent.dim(1)?;
        let kept = self
            .activated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(activated) = &*kept else {
            bail!("lstm: backward before forward");
        };
        by_dtype!(gates.dtype(), T => {
            let (recurrent_numbers, initial_numbers) =
                (Numbers::<T>::of(recurrent)?, Numbers::<T>::of(initial)?);
            let (states, gradient) = (Numbers::<T>::of(states)?, Numbers::<T>::of(&gradient)?);
            let known = Known {
                activated: activated.as_slice::<T>()?,
                recurrent: &recurrent_numbers,
                initial: &initial_numbers,
                states: &states,
                gradient: &gradient,
            };
            let (for_gates, for_initial) = self.backward(&known, hidden);
            let before = self.hidden_before(&states, &initial_numbers, hidden);
            let (for_recurrent, _) = weight_gradient(&for_gates, &before, 4 * hidden);
            Ok((
                Some(tensor_like(for_gates, gates)?),
                Some(tensor_like(for_recurrent, recurrent)?),
                Some(tensor_like(for_initial, initial)?),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::gradient::{assert_close, check, noise};

    /// Eleven sequences, more than one piece of work, of up to five steps.
    fn lengths() -> Arc<[usize]> {
        vec![5, 0, 3, 1, 5, 4, 2, 5, 5, 1, 3].into()
    }

    fn inputs() -> [Tensor; 3] {
        [
            noise("gates", &[11, 5, 12]),
            noise("recurrent", &[12, 3]),
            noise("initial", &[11, 6]),
        ]
    }

    #[test]
    fn gradients_are_right() {
        for reverse in [false, true] {
            check(&inputs(), |t| {
                lstm(&t[0], &t[1], &t[2], &lengths(), reverse)
            });
        }
    }

    #[test]
    fn equals_the_steps_one_by_one() {
        let [gates, recurrent, initial] = inputs();
        for reverse in [false, true] {
            let fused = lstm(&gates, &recurrent, &initial, &lengths(), reverse).unwrap();
            let composed = composed(&gates, &recurrent, &initial, &lengths(), reverse).unwrap();
            assert_close(&fused, &composed, 1e-12);
        }
    }

    /// All weights 0: input and output gates 1/2, candidate 0, forget gate 1/2, so the cell halves.
    #[test]
    fn two_steps_by_hand() {
        let zeros = |shape: &[usize]| (noise("zeros", shape) * 0.0).unwrap();
        let initial = Tensor::new(&[[0.0, 1.6]], &candle_core::Device::Cpu).unwrap();
        let lengths = vec![2].into();
        let states = lstm(
            &zeros(&[1, 2, 4]),
            &zeros(&[4, 1]),
            &initial,
            &lengths,
            false,
        )
        .unwrap();
        let states = states.squeeze(0).unwrap().to_vec2::<f64>().unwrap();
        assert!((states[1][1] - 0.4).abs() < 1e-12);
        assert!((states[1][0] - libm::tanh(0.4) / 2.0).abs() < 1e-12);
    }
}
