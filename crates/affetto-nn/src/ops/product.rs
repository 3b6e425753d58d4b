//! Matrix products on plain slices: the one place that calls the `gemm` crate.
// `gemm::gemm` takes raw pointers. `product` checks the extents of the three slices first, which is
// all that it needs to be sound.
#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use super::Real;

/// The most rows of a tile in [`product_in_tiles`].
const TILE_ROWS: usize = 1024;
/// The least columns of one where there are enough.
const TILE_COLUMNS: usize = 512;

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
    if inner == 0 {
        if !accumulate {
            for row in 0..rows {
                into[row * row_stride..][..columns].fill(T::ZERO);
            }
        }
        return;
    }
    assert_fit(into.len(), row_stride, &left, &right);
    // SAFETY: every index that is formed lies within the slices, as was asserted; `into` is
    // borrowed mutably, so it overlaps neither factor.
    unsafe { tile(into.as_mut_ptr(), row_stride, left, right, accumulate) }
}

/// As [`product`] into rows of `right.columns` numbers without gaps, many tiles at a time. The tiles hang on the extents
/// alone, so that the result is the same with any number of threads.
///
/// # Panics
/// As [`product`].
pub(crate) fn product_in_tiles<T: Real>(
    into: &mut [T],
    left: Matrix<T>,
    right: Matrix<T>,
    accumulate: bool,
) {
    let (rows, columns) = (left.rows, right.columns);
    let [down, across] = tiles(rows, columns);
    if down * across == 1 || columns == 0 || left.columns == 0 {
        product(into, columns, left, right, accumulate);
        return;
    }
    assert_fit(into.len(), columns, &left, &right);
    let begin = Shared(into.as_mut_ptr());
    let (height, width) = (rows.div_ceil(down), columns.div_ceil(across));
    (0..down * across).into_par_iter().for_each(|index| {
        let (top, start) = (index / across * height, index % across * width);
        let (height, width) = (
            height.min(rows.saturating_sub(top)),
            width.min(columns.saturating_sub(start)),
        );
        if height == 0 || width == 0 {
            return;
        }
        let left = Matrix {
            data: &left.data[top * left.row_stride..],
            rows: height,
            ..left
        };
        let right = Matrix {
            data: &right.data[start * right.column_stride..],
            columns: width,
            ..right
        };
        // SAFETY: tiles do not overlap, and lie within the slices, as was asserted.
        unsafe {
            tile(
                begin.at(top * columns + start),
                columns,
                left,
                right,
                accumulate,
            )
        }
    });
}

/// As [`product_in_tiles`] of `left` and the transpose of a matrix of `columns` rows, added to `into`: some of its rows are
/// made by `made` when they are needed, and let go.
///
/// # Panics
/// As [`product`], and where `made` gives fewer than `left.columns` numbers a row.
pub(crate) fn product_with_made<T: Real, E: Send>(
    into: &mut [T],
    left: Matrix<T>,
    columns: usize,
    made: impl Fn(Range<usize>) -> Result<Vec<T>, E> + Sync,
) -> Result<(), E> {
    if left.rows == 0 || columns == 0 || left.columns == 0 {
        return Ok(());
    }
    let (begin, room) = (Shared(into.as_mut_ptr()), into.len());
    let width = even_part(columns, TILE_COLUMNS);
    (0..columns.div_ceil(width))
        .into_par_iter()
        .try_for_each(|part| {
            let range = part * width..columns.min((part + 1) * width);
            let numbers = made(range.clone())?;
            let right = Matrix::new(&numbers, range.len(), left.columns, left.columns).transposed();
            assert_fit(room - range.start, columns, &left, &right);
            for top in (0..left.rows).step_by(TILE_ROWS) {
                let left = Matrix {
                    data: &left.data[top * left.row_stride..],
                    rows: TILE_ROWS.min(left.rows - top),
                    ..left
                };
                // SAFETY: parts do not overlap, and lie within the slices, as was asserted.
                unsafe {
                    tile(
                        begin.at(top * columns + range.start),
                        columns,
                        left,
                        right,
                        true,
                    )
                }
            }
            Ok(())
        })
}

/// That the factors fit one another, their slices, and `room` for the result; none of the extents is 0.
fn assert_fit<T>(room: usize, row_stride: usize, left: &Matrix<T>, right: &Matrix<T>) {
    let (rows, columns) = (left.rows, right.columns);
    assert!(row_stride >= columns && (rows - 1) * row_stride + columns <= room);
    assert_eq!(left.columns, right.rows);
    assert!(left.last() < left.data.len() && right.last() < right.data.len());
}

/// How many of so many are in a part of at most `most`: parts of about one size, and an even number of them, so that two
/// threads end together.
pub(super) fn even_part(count: usize, most: usize) -> usize {
    count.div_ceil(2 * count.div_ceil(2 * most).max(1)).max(1)
}

/// Into how many tiles a product of so many rows and columns is cut, down and across: large ones, since the factors of
/// each are copied, of about one size, and an even number, so that two threads end together.
fn tiles(rows: usize, columns: usize) -> [usize; 2] {
    if rows <= TILE_ROWS / 4 {
        return [1, 1];
    }
    let pairs = (columns / (2 * TILE_COLUMNS)).max(1);
    let across = if columns < 2 { 1 } else { 2 * pairs };
    [rows.div_ceil(TILE_ROWS), across]
}

/// Where a matrix begins that several threads write parts of.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(pub *mut T);

impl<T> Shared<T> {
    /// # Safety
    /// The matrix has more than `offset` numbers.
    pub unsafe fn at(self, offset: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(offset) }
    }
}

// SAFETY: each thread writes a part of its own.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: the same.
unsafe impl<T: Send> Sync for Shared<T> {}

/// # Safety
/// Rows of `right.columns` numbers, `row_stride` apart, may be written from `into` on, and lie in none of the factors;
/// `left.columns` is `right.rows`; the factors have no index out of their slices, and none of the extents is 0.
unsafe fn tile<T: Real>(
    into: *mut T,
    row_stride: usize,
    left: Matrix<T>,
    right: Matrix<T>,
    accumulate: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            into,
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

    #[test]
    fn tiles_together_are_the_whole() {
        for (rows, columns, inner) in [
            (1, 1, 3),
            (257, 1, 2),
            (513, 7, 5),
            (2055, 50, 3),
            (700, 3, 0),
            (300, 2500, 2),
        ] {
            let numbers = |count: usize, step: usize| -> Vec<f64> {
                (0..count)
                    .map(|i| ((i * step) % 23) as f64 - 11.0)
                    .collect()
            };
            let (left, right) = (numbers(rows * inner, 7), numbers(columns * inner, 5));
            let left = Matrix::new(&left, rows, inner, inner);
            let right = Matrix::new(&right, columns, inner, inner).transposed();
            for accumulate in [false, true] {
                let mut whole = vec![3.0; rows * columns];
                let mut tiled = whole.clone();
                product(&mut whole, columns, left, right, accumulate);
                product_in_tiles(&mut tiled, left, right, accumulate);
                assert!(whole == tiled, "{rows} {columns} {inner}");
            }
        }
    }

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
