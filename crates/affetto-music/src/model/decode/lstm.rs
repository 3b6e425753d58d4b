//! See [`crate::model::lstm`].

use std::sync::Arc;

use affetto_nn::{
    Result,
    ops::decode::{Embeddings, KeysValues, Panels, add, attend, lstm_cell, tanh_all},
    weights::TensorFile,
};

use super::{Fed, columns, foreign_state};
use crate::model::lstm::Config;

#[derive(Debug)]
pub(super) struct Decoder {
    encoder_embedding: Embeddings,
    encoder_layers: Vec<[Cell; 2]>,
    embedding: Embeddings,
    layers: Vec<Layer>,
    query: Panels,
    combine: Panels,
    out: Panels,
    memory_width: usize,
}

#[derive(Debug)]
struct Layer {
    bridge: Panels,
    bridged_layer: usize,
    cell: Cell,
}

/// What has been read so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The encoder's outputs, `(S, memory width)`.
    memory: Arc<Vec<f32>>,
    /// The state of each layer.
    layers: Vec<CellState>,
}

#[derive(Clone, Debug)]
struct CellState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

/// One LSTM layer in one direction.
#[derive(Debug)]
struct Cell {
    input: Panels,
    recurrent: Panels,
}

impl Cell {
    fn take(file: &mut TensorFile, name: &str, width_in: usize, hidden: usize) -> Result<Self> {
        let recurrent = format!("{name}.recurrent");
        Ok(Self {
            input: Panels::take(file, &format!("{name}.input"), width_in, 4 * hidden)?,
            recurrent: Panels::take_matrix(file, &recurrent, hidden, 4 * hidden)?,
        })
    }

    fn hidden(&self) -> usize {
        self.recurrent.inputs()
    }

    fn zero_state(&self) -> CellState {
        CellState {
            hidden: vec![0.0; self.hidden()],
            cell: vec![0.0; self.hidden()],
        }
    }

    /// Moves each state one step on; `x` is `(B, in)`, the result the hidden states `(B, hidden)`.
    fn step(&self, states: &mut [&mut CellState], x: &[f32]) -> Vec<f32> {
        let before: Vec<f32> = states
            .iter()
            .flat_map(|state| state.hidden.clone())
            .collect();
        let mut gates = self.input.apply(x);
        add(&mut gates, &self.recurrent.apply(&before));
        let rows = gates.chunks_exact(4 * self.hidden());
        for (state, gates) in states.iter_mut().zip(rows) {
            lstm_cell(gates, &mut state.hidden, &mut state.cell);
        }
        states
            .iter()
            .flat_map(|state| state.hidden.clone())
            .collect()
    }

    /// Walks along all rows of `x`; gives the hidden state at each and the last state.
    fn walk(&self, x: &[f32], reverse: bool) -> (Vec<Vec<f32>>, CellState) {
        let mut state = self.zero_state();
        let mut rows: Vec<&[f32]> = x.chunks_exact(self.input.inputs()).collect();
        if reverse {
            rows.reverse();
        }
        let mut out: Vec<Vec<f32>> = Vec::new();
        for row in rows {
            out.push(self.step(&mut [&mut state], row));
        }
        if reverse {
            out.reverse();
        }
        (out, state)
    }
}

impl Decoder {
    pub(super) fn take(config: &Config, file: &mut TensorFile) -> Result<Self> {
        config.check()?;
        let (vocabularies, embedding) = (&config.vocabularies, config.embedding);
        let (hidden, memory_width) = (config.decoder_hidden, 2 * config.encoder_hidden);
        let mut encoder_layers = Vec::new();
        for index in 0..config.encoder_layers {
            let width_in = if index == 0 { embedding } else { memory_width };
            let mut cell = |direction: &str| {
                let name = format!("encoder.layers.{index}.{direction}");
                Cell::take(file, &name, width_in, config.encoder_hidden)
            };
            encoder_layers.push([cell("forth")?, cell("back")?]);
        }
        let mut layers = Vec::new();
        for index in 0..config.decoder_layers {
            let width_in = if index == 0 { embedding } else { hidden };
            let name = format!("decoder.layers.{index}");
            let bridge = format!("{name}.bridge");
            layers.push(Layer {
                bridge: Panels::take(file, &bridge, 2 * memory_width, 2 * hidden)?,
                bridged_layer: config.bridged_layer(index),
                cell: Cell::take(file, &name, width_in, hidden)?,
            });
        }
        let conditions = vocabularies.conditions.clone();
        let tokens = vocabularies.decoder_columns();
        let combined = memory_width + hidden;
        Ok(Self {
            encoder_embedding: Embeddings::take(file, "encoder.embedding", conditions, embedding)?,
            encoder_layers,
            embedding: Embeddings::take(file, "decoder.embedding", tokens, embedding)?,
            layers,
            query: Panels::take(file, "attention.query", hidden, memory_width)?,
            combine: Panels::take(file, "attention.combine", combined, hidden)?,
            out: Panels::take(file, "out", hidden, vocabularies.tokens)?,
            memory_width,
        })
    }

    pub(super) fn start(&self, conditions: &[u32], bars: usize) -> Result<State> {
        let mut x = self.encoder_embedding.apply(&[conditions], bars)?;
        let mut last = Vec::new();
        for [forth, back] in &self.encoder_layers {
            let ((forth, forth_state), (back, back_state)) =
                (forth.walk(&x, false), back.walk(&x, true));
            x = forth
                .iter()
                .zip(&back)
                .flat_map(|(a, b)| [&a[..], &b[..]].concat())
                .collect();
            let hidden = [forth_state.hidden, back_state.hidden];
            let cell = [forth_state.cell, back_state.cell];
            last.push([hidden.concat(), cell.concat()].concat());
        }
        let layer = |layer: &Layer| {
            let bridged = layer.bridge.apply(&last[layer.bridged_layer]);
            let (hidden, cell) = bridged.split_at(bridged.len() / 2);
            CellState {
                hidden: hidden.to_vec(),
                cell: cell.to_vec(),
            }
        };
        Ok(State {
            layers: self.layers.iter().map(layer).collect(),
            memory: Arc::new(x),
        })
    }

    pub(super) fn step(&self, state: &mut State, fed: Fed) -> Result<Vec<f32>> {
        self.step_all(&mut [state], &[fed])
    }

    pub(super) fn score(&self, state: &State, candidates: &[Fed]) -> Result<Vec<f32>> {
        let mut states = vec![state.clone(); candidates.len()];
        let mut states: Vec<&mut State> = states.iter_mut().collect();
        self.step_all(&mut states, candidates)
    }

    pub(super) fn step_all(&self, states: &mut [&mut State], fed: &[Fed]) -> Result<Vec<f32>> {
        if states.len() != fed.len() {
            return Err(foreign_state());
        }
        let (tokens, features) = columns(fed);
        let mut x = self.embedding.apply(&[&tokens, &features], fed.len())?; // (B, embedding)
        for (index, layer) in self.layers.iter().enumerate() {
            let cells = states.iter_mut().map(|state| &mut state.layers[index]);
            let mut cells: Vec<&mut CellState> = cells.collect();
            x = layer.cell.step(&mut cells, &x); // (B, hidden)
        }
        let queries = self.query.apply(&x);
        let mut beside = Vec::new(); // (B, memory width + hidden)
        let mut scores = Vec::new();
        let rows = queries.chunks_exact(self.memory_width);
        for ((state, query), own) in states
            .iter()
            .zip(rows)
            .zip(x.chunks_exact(x.len() / fed.len()))
        {
            let mut context = vec![0.0; self.memory_width];
            let part: KeysValues = (&state.memory, &state.memory);
            attend(query, &[part], 1, 1.0, &mut scores, &mut context);
            beside.extend(context);
            beside.extend(own);
        }
        let mut said = self.combine.apply(&beside);
        tanh_all(&mut said);
        Ok(self.out.apply(&said))
    }
}
