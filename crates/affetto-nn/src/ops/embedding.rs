use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, tensor_like};

/// Positions in one piece of work.
const POSITIONS: usize = 64;

/// The sum of one row of `table` `(rows, width)` per column of `ids`: `ids` holds `columns` row
/// numbers for each position, and the result is `(positions, width)`.
pub fn embedding_sum(table: &Tensor, ids: &Arc<[u32]>, columns: usize) -> Result<Tensor> {
    let (rows, _) = table.dims2()?;
    if columns == 0 || !ids.len().is_multiple_of(columns) {
        bail!("{} ids in columns of {columns}", ids.len());
    }
    if let Some(id) = ids.iter().find(|id| **id as usize >= rows) {
        bail!("id {id} of an embedding with {rows} rows");
    }
    if fused(table) {
        let ids = ids.clone();
        return table.contiguous()?.apply_op1(EmbeddingSum { ids, columns });
    }
    composed(table, ids, columns)
}

/// The same from candle's operations.
fn composed(table: &Tensor, ids: &[u32], columns: usize) -> Result<Tensor> {
    let width = table.dim(1)?;
    let positions = ids.len() / columns;
    let ids = Tensor::from_slice(ids, ids.len(), table.device())?;
    let rows = table.index_select(&ids, 0)?;
    rows.reshape((positions, columns, width))?.sum(1)
}

struct EmbeddingSum {
    ids: Arc<[u32]>,
    columns: usize,
}

impl CustomOp1 for EmbeddingSum {
    fn name(&self) -> &'static str {
        "embedding-sum"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        by_dtype!(table.dtype(), T => {
            let table = numbers::<T>(table, layout)?;
            let positions = self.ids.len() / self.columns;
            let mut out = vec![T::ZERO; positions * width];
            out.par_chunks_mut(POSITIONS * width)
                .zip(self.ids.par_chunks(POSITIONS * self.columns))
                .for_each(|(out, ids)| {
                    let positions = out.chunks_exact_mut(width);
                    for (out, ids) in positions.zip(ids.chunks_exact(self.columns)) {
                        for id in ids {
                            add(out, &table[*id as usize * width..][..width]);
                        }
                    }
                });
            Ok((T::to_cpu_storage_owned(out), (positions, width).into()))
        })
    }

    fn bwd(&self, table: &Tensor, _out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let (_, width) = table.dims2()?;
        by_dtype!(table.dtype(), T => {
            let gradient = Numbers::<T>::of(&gradient)?;
            let mut out = vec![T::ZERO; table.elem_count()];
            let positions = gradient.chunks_exact(width);
            for (gradient, ids) in positions.zip(self.ids.chunks_exact(self.columns)) {
                for id in ids {
                    add(&mut out[*id as usize * width..][..width], gradient);
                }
            }
            Ok(Some(tensor_like(out, table)?))
        })
    }
}

fn add<T: Real>(into: &mut [T], from: &[T]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += *from;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;
    use candle_core::Device;

    #[test]
    fn gradient_is_right_with_repeated_rows() {
        let ids: Arc<[u32]> = vec![0, 4, 4, 4, 2, 0].into();
        check(&[noise("table", &[6, 5])], |t| {
            embedding_sum(&t[0], &ids, 2)
        });
    }

    #[test]
    fn equals_the_composition() {
        let (table, ids) = (noise("table", &[6, 5]), Arc::from([0, 4, 4, 4, 2, 0]));
        let expected = composed(&table, &ids, 2).unwrap();
        assert_close(&embedding_sum(&table, &ids, 2).unwrap(), &expected, 1e-12);
    }

    #[test]
    fn two_columns_by_hand_and_unknown_ids_are_refused() {
        let table = Tensor::new(&[[1f32, 2.0], [10.0, 20.0]], &Device::Cpu).unwrap();
        let sum = |ids: Vec<u32>| embedding_sum(&table, &ids.into(), 2);
        let out = sum(vec![0, 1, 1, 1]).unwrap();
        assert_eq!(out.to_vec2::<f32>().unwrap(), [[11.0, 22.0], [20.0, 40.0]]);
        assert!(sum(vec![0, 2]).is_err() && sum(vec![0]).is_err());
    }
}
