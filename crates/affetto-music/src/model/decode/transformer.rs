//! See [`crate::model::transformer`].

use std::{ops::Range, ptr, sync::Arc};

use affetto_nn::{
    Result,
    cache::KeyValueCache,
    ops::{
        Rotary,
        decode::{Embeddings, KeysValues, Norm, Panels, add, attend_each, gelu_all},
    },
    weights::TensorFile,
};

use super::{Fed, columns, foreign_state};
use crate::model::transformer::Config;

#[derive(Debug)]
pub(super) struct Decoder {
    shape: Shape,
    bar_token: u32,
    encoder_embedding: Embeddings,
    encoder_blocks: Vec<EncoderBlock>,
    encoder_norm: Norm,
    embedding: Embeddings,
    blocks: Vec<DecoderBlock>,
    norm: Norm,
    out: Panels,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    width: usize,
    heads: usize,
}

impl Shape {
    fn head_width(self) -> usize {
        self.width / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.head_width() as f32).sqrt()
    }

    fn rotary(self, positions: &[f32], columns: usize) -> Arc<Rotary> {
        Rotary::new(positions, columns, self.head_width())
    }
}

/// What has been read so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    memory: Arc<Memory>,
    cache: KeyValueCache,
    bars_begun: usize,
}

/// The keys and values of all bars, by layer of the decoder, each `(S, width)`.
#[derive(Debug)]
struct Memory(Vec<(Vec<f32>, Vec<f32>)>);

impl State {
    /// The bar of a token fed now.
    fn bar(&self, token: u32, bar_token: u32) -> f32 {
        let begun = self.bars_begun + usize::from(token == bar_token);
        begun.saturating_sub(1) as f32
    }
}

impl Decoder {
    pub(super) fn take(config: &Config, file: &mut TensorFile) -> Result<Self> {
        config.check()?;
        let (width, vocabularies) = (config.width, &config.vocabularies);
        let shape = Shape {
            width,
            heads: config.heads,
        };
        let mut encoder_blocks = Vec::new();
        for layer in 0..config.encoder_layers {
            let name = format!("encoder.blocks.{layer}");
            encoder_blocks.push(EncoderBlock::take(config, file, &name)?);
        }
        let mut blocks = Vec::new();
        for layer in 0..config.decoder_layers {
            let name = format!("decoder.blocks.{layer}");
            blocks.push(DecoderBlock::take(config, file, &name)?);
        }
        let conditions = vocabularies.conditions.clone();
        let tokens = vocabularies.decoder_columns();
        Ok(Self {
            shape,
            bar_token: vocabularies.bar_token,
            encoder_embedding: Embeddings::take(file, "encoder.embedding", conditions, width)?,
            encoder_blocks,
            encoder_norm: Norm::take(file, "encoder.norm", width)?,
            embedding: Embeddings::take(file, "decoder.embedding", tokens, width)?,
            blocks,
            norm: Norm::take(file, "decoder.norm", width)?,
            out: Panels::take(file, "out", width, vocabularies.tokens)?,
        })
    }

    pub(super) fn start(&self, conditions: &[u32], bars: usize) -> Result<State> {
        let positions: Vec<f32> = (0..bars).map(|bar| bar as f32).collect();
        let both: Vec<f32> = positions.iter().flat_map(|bar| [*bar, *bar]).collect();
        let own = self.shape.rotary(&both, 2);
        let mut x = self.encoder_embedding.apply(&[conditions], bars)?; // (S, width)
        for block in &self.encoder_blocks {
            block.apply(self.shape, &mut x, &own);
        }
        let x = self.encoder_norm.apply(&x);
        let rotary = self.shape.rotary(&positions, 1);
        let memory = self
            .blocks
            .iter()
            .map(|block| block.remember(self.shape, &x, &rotary));
        Ok(State {
            memory: Arc::new(Memory(memory.collect())),
            cache: KeyValueCache::new(self.blocks.len(), self.shape.width),
            bars_begun: 0,
        })
    }

    pub(super) fn step(&self, state: &mut State, fed: Fed) -> Result<Vec<f32>> {
        self.step_all(&mut [state], &[fed])
    }

    pub(super) fn step_all(&self, states: &mut [&mut State], fed: &[Fed]) -> Result<Vec<f32>> {
        if states.len() != fed.len() {
            return Err(foreign_state());
        }
        let read: Vec<&State> = states.iter().map(|state| &**state).collect();
        let (logits, rows) = self.read(&read, fed)?;
        for ((state, fed), rows) in states.iter_mut().zip(fed).zip(rows) {
            state.cache.push(&rows);
            state.bars_begun += usize::from(fed.token == self.bar_token);
        }
        Ok(logits)
    }

    pub(super) fn score(&self, state: &State, candidates: &[Fed]) -> Result<Vec<f32>> {
        Ok(self.read(&vec![state; candidates.len()], candidates)?.0)
    }

    /// The scores after each token and the keys and values that it adds to its state.
    fn read(&self, states: &[&State], fed: &[Fed]) -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
        let (tokens, features) = columns(fed);
        let positions: Vec<[f32; 2]> = fed.iter().map(|fed| fed.position).collect();
        let bars = states.iter().zip(fed);
        let bars: Vec<f32> = bars
            .map(|(s, fed)| s.bar(fed.token, self.bar_token))
            .collect();
        let mut reading = Reading {
            shape: self.shape,
            own: self.shape.rotary(positions.as_flattened(), 2),
            bars: self.shape.rotary(&bars, 1),
            states,
            rows: vec![Vec::new(); fed.len()],
            scores: Vec::new(),
        };
        let mut x = self.embedding.apply(&[&tokens, &features], fed.len())?; // (B, width)
        for (layer, block) in self.blocks.iter().enumerate() {
            block.apply(&mut reading, layer, &mut x);
        }
        Ok((self.out.apply(&self.norm.apply(&x)), reading.rows))
    }
}

/// What all blocks of the decoder share while tokens are read.
struct Reading<'a> {
    shape: Shape,
    own: Arc<Rotary>,
    bars: Arc<Rotary>,
    states: &'a [&'a State],
    /// The new keys and values of each token, `(layers, 2, width)`.
    rows: Vec<Vec<f32>>,
    scores: Vec<f32>,
}

/// Each state once with the items that come after it: tokens that are weighed against each other come after the same ones.
fn together<'a>(states: &'a [&'a State]) -> impl Iterator<Item = (&'a State, Range<usize>)> {
    let mut first = 0;
    states.chunk_by(|a, b| ptr::eq(*a, *b)).map(move |same| {
        let items = first..first + same.len();
        first = items.end;
        (same[0], items)
    })
}

#[derive(Debug)]
struct FeedForward {
    norm: Norm,
    up: Panels,
    down: Panels,
}

impl FeedForward {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let (width, inner) = (config.width, config.feed_forward);
        Ok(Self {
            norm: Norm::take(file, &format!("{name}_norm"), width)?,
            up: Panels::take(file, &format!("{name}.up"), width, inner)?,
            down: Panels::take(file, &format!("{name}.down"), inner, width)?,
        })
    }

    fn apply(&self, x: &mut [f32]) {
        let mut inner = self.up.apply(&self.norm.apply(x));
        gelu_all(&mut inner);
        add(x, &self.down.apply(&inner));
    }
}

#[derive(Debug)]
struct SelfAttention {
    norm: Norm,
    packed: Panels,
    out: Panels,
}

impl SelfAttention {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            norm: Norm::take(file, &format!("{name}_norm"), width)?,
            packed: Panels::take(file, &format!("{name}.packed"), width, 3 * width)?,
            out: Panels::take(file, &format!("{name}.out"), width, width)?,
        })
    }

    /// Turned queries, turned keys and values of each row of `x`, `(rows, 3 width)`.
    fn packed(&self, shape: Shape, x: &[f32], rotary: &Rotary) -> Vec<f32> {
        let mut packed = self.packed.apply(&self.norm.apply(x));
        for (position, row) in packed.chunks_exact_mut(3 * shape.width).enumerate() {
            for part in row.chunks_exact_mut(shape.width).take(2) {
                rotary.turn_all(part, position, shape.heads);
            }
        }
        packed
    }
}

#[derive(Debug)]
struct EncoderBlock {
    attention: SelfAttention,
    feed_forward: FeedForward,
}

impl EncoderBlock {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        Ok(Self {
            attention: SelfAttention::take(config, file, &format!("{name}.attention"))?,
            feed_forward: FeedForward::take(config, file, &format!("{name}.feed_forward"))?,
        })
    }

    /// `x` is `(S, width)`.
    fn apply(&self, shape: Shape, x: &mut [f32], rotary: &Rotary) {
        let packed = self.attention.packed(shape, x, rotary);
        let width = shape.width;
        let part = |index: usize| -> Vec<f32> {
            let rows = packed.chunks_exact(3 * width);
            rows.flat_map(|row| row[index * width..][..width].to_vec())
                .collect()
        };
        let (queries, keys, values) = (part(0), part(1), part(2));
        let queries: Vec<&[f32]> = queries.chunks_exact(width).collect();
        let mut attended = vec![0.0; x.len()];
        attend_each(
            &queries,
            &[(&keys, &values)],
            &[],
            shape.heads,
            shape.scale(),
            &mut Vec::new(),
            &mut attended,
        );
        add(x, &self.attention.out.apply(&attended));
        self.feed_forward.apply(x);
    }
}

#[derive(Debug)]
struct DecoderBlock {
    attention: SelfAttention,
    cross_norm: Norm,
    query: Panels,
    memory: Panels,
    cross_out: Panels,
    feed_forward: FeedForward,
}

impl DecoderBlock {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            attention: SelfAttention::take(config, file, &format!("{name}.attention"))?,
            cross_norm: Norm::take(file, &format!("{name}.cross_norm"), width)?,
            query: Panels::take(file, &format!("{name}.cross.query"), width, width)?,
            memory: Panels::take(file, &format!("{name}.cross.memory"), width, 2 * width)?,
            cross_out: Panels::take(file, &format!("{name}.cross.out"), width, width)?,
            feed_forward: FeedForward::take(config, file, &format!("{name}.feed_forward"))?,
        })
    }

    /// The turned keys and the values of all bars.
    fn remember(&self, shape: Shape, bars: &[f32], rotary: &Rotary) -> (Vec<f32>, Vec<f32>) {
        let packed = self.memory.apply(bars);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (bar, row) in packed.chunks_exact(2 * shape.width).enumerate() {
            let mut key = row[..shape.width].to_vec();
            rotary.turn_all(&mut key, bar, shape.heads);
            keys.extend(key);
            values.extend(&row[shape.width..]);
        }
        (keys, values)
    }

    /// `x` is `(B, width)`.
    fn apply(&self, reading: &mut Reading, layer: usize, x: &mut [f32]) {
        let attended = self.attend_to_tokens(reading, layer, x);
        add(x, &self.attention.out.apply(&attended));
        let attended = self.attend_to_bars(reading, layer, x);
        add(x, &self.cross_out.apply(&attended));
        self.feed_forward.apply(x);
    }

    fn attend_to_tokens(&self, reading: &mut Reading, layer: usize, x: &[f32]) -> Vec<f32> {
        let shape = reading.shape;
        let width = shape.width;
        let packed = self.attention.packed(shape, x, &reading.own);
        let mut attended = vec![0.0; x.len()];
        let rows = packed.chunks_exact(3 * width);
        let rows: Vec<(&[f32], &[f32])> = rows.map(|row| row.split_at(width)).collect();
        for (list, (_, own)) in reading.rows.iter_mut().zip(&rows) {
            list.extend_from_slice(own);
        }
        for (state, items) in together(reading.states) {
            let queries: Vec<&[f32]> = rows[items.clone()].iter().map(|row| row.0).collect();
            let own = rows[items.clone()].iter().map(|row| row.1.split_at(width));
            let own: Vec<KeysValues> = own.collect();
            let parts: Vec<KeysValues> = state.cache.layer(layer).collect();
            attend_each(
                &queries,
                &parts,
                &own,
                shape.heads,
                shape.scale(),
                &mut reading.scores,
                &mut attended[items.start * width..items.end * width],
            );
        }
        attended
    }

    fn attend_to_bars(&self, reading: &mut Reading, layer: usize, x: &[f32]) -> Vec<f32> {
        let shape = reading.shape;
        let width = shape.width;
        let mut queries = self.query.apply(&self.cross_norm.apply(x));
        for (item, query) in queries.chunks_exact_mut(width).enumerate() {
            reading.bars.turn_all(query, item, shape.heads);
        }
        let queries: Vec<&[f32]> = queries.chunks_exact(width).collect();
        let mut attended = vec![0.0; x.len()];
        for (state, items) in together(reading.states) {
            let (keys, values) = &state.memory.0[layer];
            attend_each(
                &queries[items.clone()],
                &[(keys, values)],
                &[],
                shape.heads,
                shape.scale(),
                &mut reading.scores,
                &mut attended[items.start * width..items.end * width],
            );
        }
        attended
    }
}
