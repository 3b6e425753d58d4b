use std::ops::Range;

use super::super::{softmax::softmax_row, vectorised};

/// Keys and values side by side: rows of `width` numbers each.
pub type KeysValues<'a> = (&'a [f32], &'a [f32]);

/// Terms of a product that are added up side by side, and rows whose products are.
const LANES: usize = 8;
/// Values that are added side by side.
const COLUMNS: usize = 32;

/// The attention of one vector of queries, `heads` of them side by side, over the rows of all
/// `parts` in order. The scores are multiplied by `scale`; `scores` is room to work in. `keys` and
/// values may differ in width, `out` has the width of the values.
pub fn attend(
    query: &[f32],
    parts: &[KeysValues],
    heads: usize,
    scale: f32,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    attend_each(&[query], parts, &[], heads, scale, scores, out);
}

/// [`attend`] for several vectors of queries of one width, into `out` one after the other. Each sees the rows of all
/// `parts` and then those of its item of `own`, which holds as many rows for every vector, or nothing at all. What all of
/// them see comes from memory once.
pub fn attend_each(
    queries: &[&[f32]],
    parts: &[KeysValues],
    own: &[KeysValues],
    heads: usize,
    scale: f32,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let Some(wide) = queries.first().map(|query| query.len()) else {
        return;
    };
    let wide_out = out.len() / queries.len();
    let pieces = pieces(queries.len(), parts, own, (wide, wide_out));
    let rows = pieces.last().map_or(0, |piece| piece.rows.end);
    scores.clear();
    scores.resize(queries.len() * heads * rows, 0.0); // (queries, heads, rows)
    out.fill(0.0);
    if rows == 0 {
        return;
    }
    let mut lanes = vec![[[0.0; LANES]; LANES]; heads];
    // Keys and values are read row by row: a head at a time would wait for memory.
    vectorised(
        #[inline(always)]
        || {
            for piece in &pieces {
                for item in piece.items.clone() {
                    let scores = &mut scores[item * heads * rows..][..heads * rows];
                    let scores = scores.chunks_exact_mut(rows);
                    let scores = scores.map(|scores| &mut scores[piece.rows.clone()]);
                    score(queries[item], piece.keys, &mut lanes, scores);
                }
            }
            for scores in scores.chunks_exact_mut(rows) {
                softmax_row(scores, scale);
            }
            for piece in &pieces {
                let values = piece.values.chunks_exact(wide_out);
                for (row, values) in piece.rows.clone().zip(values) {
                    for item in piece.items.clone() {
                        let shares = &scores[item * heads * rows..][..heads * rows];
                        let shares = shares.iter().copied().skip(row).step_by(rows);
                        let out = &mut out[item * wide_out..][..wide_out];
                        add_shares(shares, values, wide_out / heads, out);
                    }
                }
            }
        },
    );
}

/// At most [`LANES`] rows.
struct Piece<'a> {
    /// Which of all that a query sees.
    rows: Range<usize>,
    keys: &'a [f32],
    values: &'a [f32],
    /// The queries that see them.
    items: Range<usize>,
}

/// First what all `queries` see, then what each sees alone; `widths` are those of keys and of values.
fn pieces<'a>(
    queries: usize,
    parts: &[KeysValues<'a>],
    own: &[KeysValues<'a>],
    widths: (usize, usize),
) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut add = |part: &KeysValues<'a>, items: Range<usize>, mut first: usize| {
        let values = part.1.chunks(LANES * widths.1);
        for (keys, values) in part.0.chunks(LANES * widths.0).zip(values) {
            let end = first + keys.len() / widths.0;
            pieces.push(Piece {
                rows: first..end,
                keys,
                values,
                items: items.clone(),
            });
            first = end;
        }
        first
    };
    let shared = parts
        .iter()
        .fold(0, |first, part| add(part, 0..queries, first));
    for (item, part) in own.iter().enumerate() {
        add(part, item..item + 1, shared);
    }
    pieces
}

/// The product of each head of `query` with its part of every row of `keys`, into the scores of that head: eight
/// interleaved sums, which are then added up in order.
#[inline(always)]
fn score<'a>(
    query: &[f32],
    keys: &[f32],
    lanes: &mut [[[f32; LANES]; LANES]],
    scores: impl Iterator<Item = &'a mut [f32]>,
) {
    let width = query.len() / lanes.len();
    for (row, keys) in keys.chunks_exact(query.len()).enumerate() {
        let heads = query.chunks_exact(width).zip(keys.chunks_exact(width));
        for ((query, keys), lanes) in heads.zip(lanes.iter_mut()) {
            let mut sums = [0.0; LANES];
            let eights = query.as_chunks::<LANES>().0.iter();
            for (query, keys) in eights.zip(keys.as_chunks::<LANES>().0) {
                for ((sum, query), key) in sums.iter_mut().zip(query).zip(keys) {
                    *sum += query * key;
                }
            }
            lanes[row] = sums;
        }
    }
    for (head, (lanes, scores)) in lanes.iter().zip(scores).enumerate() {
        let mut totals = [0.0; LANES];
        for lane in 0..LANES {
            for (total, sums) in totals.iter_mut().zip(lanes) {
                *total += sums[lane];
            }
        }
        let rest = head * width + width / LANES * LANES..(head + 1) * width;
        let rows = keys.chunks_exact(query.len()).zip(totals);
        for (score, (keys, mut total)) in scores.iter_mut().zip(rows) {
            for (query, key) in query[rest.clone()].iter().zip(&keys[rest.clone()]) {
                total += query * key;
            }
            *score = total;
        }
    }
}

/// Adds to each head of `out` as much of its part of a row of `values` as its share says.
#[inline(always)]
fn add_shares(shares: impl Iterator<Item = f32>, values: &[f32], width: usize, out: &mut [f32]) {
    let heads = out.chunks_exact_mut(width).zip(values.chunks_exact(width));
    for ((out, values), share) in heads.zip(shares) {
        let (whole, rest) = out.as_chunks_mut::<COLUMNS>();
        let (columns, last) = values.as_chunks::<COLUMNS>();
        for (out, values) in whole.iter_mut().zip(columns) {
            // In registers: the compiler can't tell that `out` and `values` are not the same memory.
            let mut sums = *out;
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += share * value;
            }
            *out = sums;
        }
        for (out, value) in rest.iter_mut().zip(last) {
            *out += share * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{super::sum8, tests::noise},
        *,
    };

    /// One product after the other, as it is told.
    fn plain(
        query: &[f32],
        parts: &[KeysValues],
        heads: usize,
        scale: f32,
        wide: usize,
    ) -> Vec<f32> {
        let (width, width_out) = (query.len() / heads, wide / heads);
        let keys = parts.iter().flat_map(|(keys, _)| keys.chunks(query.len()));
        let keys: Vec<&[f32]> = keys.collect();
        let values = parts.iter().flat_map(|(_, values)| values.chunks(wide));
        let values: Vec<&[f32]> = values.collect();
        let mut out = vec![0.0; wide];
        for head in 0..heads {
            let product =
                |key: &&[f32]| sum8(width, |i| query[head * width + i] * key[head * width + i]);
            let mut shares: Vec<f32> = keys.iter().map(product).collect();
            softmax_row(&mut shares, scale);
            for (share, values) in shares.iter().zip(&values) {
                for column in head * width_out..(head + 1) * width_out {
                    out[column] += share * values[column];
                }
            }
        }
        out
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn several_queries_at_once_are_each_as_one_product_after_the_other() {
        // Widths of a head: whole registers, less than one, and some of both.
        for (heads, width, width_out) in [(6, 32, 32), (1, 5, 3), (2, 12, 40), (3, 8, 64)] {
            let (wide, wide_out) = (heads * width, heads * width_out);
            for rows in [[0, 0], [1, 0], [16, 5], [9, 40]] {
                let keys = noise(45 * wide);
                let values = noise(45 * wide_out);
                let parts: Vec<KeysValues> = rows
                    .iter()
                    .map(|rows| (&keys[..rows * wide], &values[..rows * wide_out]))
                    .collect();
                let vectors = noise(3 * wide);
                let queries: Vec<&[f32]> = vectors.chunks(wide).collect();
                let own = (0..3).map(|item| (&keys[item..][..wide], &values[item..][..wide_out]));
                let own: Vec<KeysValues> = own.collect();
                let (mut scores, mut out) = (Vec::new(), vec![9.0; 3 * wide_out]);
                attend_each(&queries, &parts, &own, heads, 0.3, &mut scores, &mut out);
                for ((query, own), out) in queries.iter().zip(&own).zip(out.chunks(wide_out)) {
                    let parts = [&parts[..], &[*own]].concat();
                    let expected = plain(query, &parts, heads, 0.3, wide_out);
                    assert_eq!(bits(out), bits(&expected), "{heads} {width} {rows:?}");
                    let mut alone = vec![9.0; wide_out];
                    attend(query, &parts, heads, 0.3, &mut scores, &mut alone);
                    assert_eq!(bits(&alone), bits(&expected));
                }
            }
        }
    }

    #[test]
    fn attending_to_one_key_gives_its_value() {
        let mut out = [0.0; 2];
        let parts: [KeysValues; 1] = [(&[3.0, 4.0], &[5.0, 6.0])];
        attend(&[1.0, 2.0], &parts, 2, 1.0, &mut Vec::new(), &mut out);
        assert_eq!(out, [5.0, 6.0]);
    }

    #[test]
    fn attending_to_nothing_gives_nothing() {
        let mut out = [7.0; 2];
        attend(&[1.0, 2.0], &[], 2, 1.0, &mut Vec::new(), &mut out);
        assert_eq!(out, [0.0; 2]);
    }
}
