//! Matrix products on plain slices: the one place that calls the `gemm` crate.
// `gemm::gemm` takes raw pointers. `product` checks the extents of the three slices first, which is
// all that it needs to be sound.
#![allow(unsafe_code)]

use super::Real;

/// A matrix read from a slice: element `(row, column)` stands at
/// `row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows of `columns` numbers, `row_stride` apart.
    pub fn new(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same numbers with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn last(&self) -> usize {
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
    }
}

/// `into = left right`, or `into += left right` where `accumulate` is set; `into` has `left.rows`
/// rows of `right.columns` numbers, `row_stride` apart.
///
/// # Panics
/// Where the extents do not fit the slices: a mistake of the calling operation.
pub(crate) fn product<T: Real>(
    into: &mut [T],
    row_stride: usize,
    left: Matrix<T>,
    right: Matrix<T>,
    accumulate: bool,
) {
    let (rows, columns, inner) = (left.rows, right.columns, left.columns);
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(row_stride >= columns && (rows - 1) * row_stride + columns <= into.len());
    assert_eq!(inner, right.rows);
    if inner == 0 {
        if !accumulate {
            for row in 0..rows {
                into[row * row_stride..][..columns].fill(T::ZERO);
            }
        }
        return;
    }
    assert!(left.last() < left.data.len() && right.last() < right.data.len());
    // SAFETY: every index that `gemm` forms lies within the slices, as asserted above; `into` is
    // borrowed mutably, so it overlaps neither factor.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            into.as_mut_ptr(),
            1,
            row_stride as isize,
            accumulate,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1 2 3; 4 5 6) times its transpose, by hand, into rows four apart.
    #[test]
    fn a_product_worked_by_hand() {
        let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let matrix = Matrix::new(&data, 2, 3, 3);
        let mut into = [9.0; 6];
        product(&mut into, 4, matrix, matrix.transposed(), false);
        assert_eq!(into, [14.0, 32.0, 9.0, 9.0, 32.0, 77.0]);
        product(&mut into, 4, matrix, matrix.transposed(), true);
        assert_eq!(into, [28.0, 64.0, 9.0, 9.0, 64.0, 154.0]);
    }
}
