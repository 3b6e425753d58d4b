//! The keys and values of the tokens so far, for decoding one token at a time.

use std::sync::Arc;

use crate::ops::decode::KeysValues;

/// Positions in one block.
const BLOCK: usize = 16;

/// Keys and values of every layer by position. A copy shares all blocks that are full, so that
/// trying a continuation and going back cost next to nothing.
#[derive(Clone, Debug)]
pub struct KeyValueCache {
    /// Each `(layers, 2, BLOCK, width)`.
    blocks: Vec<Arc<Vec<f32>>>,
    len: usize,
    layers: usize,
    width: usize,
}

impl KeyValueCache {
    /// Without a position.
    pub fn new(layers: usize, width: usize) -> Self {
        Self {
            blocks: Vec::new(),
            len: 0,
            layers,
            width,
        }
    }

    /// How many positions it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all positions from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.blocks.truncate(self.len.div_ceil(BLOCK));
    }

    /// Adds a position: its keys and values `(layers, 2, width)`.
    pub fn push(&mut self, rows: &[f32]) {
        let at = self.len % BLOCK;
        if at == 0 {
            let numbers = self.layers * 2 * BLOCK * self.width;
            self.blocks.push(Arc::new(vec![0.0; numbers]));
        }
        if let Some(block) = self.blocks.last_mut() {
            let block = Arc::make_mut(block).chunks_exact_mut(BLOCK * self.width);
            for (list, row) in block.zip(rows.chunks_exact(self.width)) {
                list[at * self.width..][..self.width].copy_from_slice(row);
            }
        }
        self.len += 1;
    }

    /// The keys and values of one layer, block by block.
    pub fn layer(&self, layer: usize) -> impl Iterator<Item = KeysValues<'_>> {
        let list = BLOCK * self.width;
        self.blocks.iter().enumerate().map(move |(index, block)| {
            let filled = BLOCK.min(self.len - index * BLOCK) * self.width;
            let keys = &block[2 * layer * list..][..filled];
            let values = &block[(2 * layer + 1) * list..][..filled];
            (keys, values)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Position `p` holds 8 p + 0 .. 8 p + 7: two layers, keys and values of two numbers each.
    fn row(position: usize) -> Vec<f32> {
        (0..8).map(|index| (8 * position + index) as f32).collect()
    }

    fn keys_of_layer_1(cache: &KeyValueCache) -> Vec<f32> {
        let keys = cache.layer(1).flat_map(|(keys, _)| keys.to_vec());
        keys.collect()
    }

    #[test]
    fn a_copy_goes_its_own_way_and_going_back_forgets() {
        let mut cache = KeyValueCache::new(2, 2);
        (0..40).for_each(|position| cache.push(&row(position)));
        let expected: Vec<f32> = (0..40).flat_map(|p| row(p)[4..6].to_vec()).collect();
        assert_eq!(keys_of_layer_1(&cache), expected);
        let mut copy = cache.clone();
        copy.push(&row(100));
        assert_eq!(keys_of_layer_1(&cache), expected);
        assert_eq!(keys_of_layer_1(&copy)[80..], [804.0, 805.0]);
        copy.truncate(17);
        copy.push(&row(99));
        assert_eq!(keys_of_layer_1(&copy)[..34], expected[..34]);
        assert_eq!(keys_of_layer_1(&copy)[34..], [796.0, 797.0]);
        assert_eq!((copy.len(), cache.len()), (18, 40));
    }
}
