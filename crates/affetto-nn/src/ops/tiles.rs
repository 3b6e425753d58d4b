//! Rows multiplied with panels of weights, six at a time: the sums stay in registers, a panel of usual size in the nearest
//! cache while the next one is fetched.

use pulp::{bytemuck::Pod, cast};

/// Outputs computed side by side.
pub const PANEL: usize = 16;
/// The most rows that share the reading of a weight: as many as have their sums in sixteen registers of eight numbers.
pub const ROWS: usize = 6;

/// How the outputs of a panel are computed side by side.
pub trait Lanes: Copy {
    /// What stands in a row.
    type Input: Copy;
    /// What that is multiplied with for the outputs of a panel.
    type Weights: Pod;
    /// The same in registers.
    type Loaded: Pod;
    /// What comes out.
    type Number: Pod;
    /// Such numbers of a panel in registers.
    type Sums: Pod;
    /// The sums with the products of one input.
    fn add(self, sums: Self::Sums, weights: Self::Loaded, x: Self::Input) -> Self::Sums;
}

/// Multiplies the rows of `x`, of `inputs` each, with panels of as many weights, into rows of `outputs` numbers. The sums
/// of each panel begin with those that stand in `begin`; `finish` gets the number of the panel, that of the row and what
/// it came to, and says what is written.
#[inline(always)]
pub fn multiply<L: Lanes>(
    lanes: L,
    (x, inputs): (&[L::Input], usize),
    weights: &[L::Weights],
    (out, outputs): (&mut [f32], usize),
    begin: impl Fn(usize) -> [L::Number; PANEL],
    finish: impl Fn(usize, usize, &[L::Number; PANEL]) -> [f32; PANEL],
) {
    let rows = x.len() / inputs.max(1);
    if rows == 0 {
        return;
    }
    // Evenly: seven rows as four and three.
    let at_once = rows.div_ceil(rows.div_ceil(ROWS));
    for (panel, weights) in weights.chunks_exact(inputs).enumerate() {
        let start = panel * PANEL;
        let end = outputs.min(start + PANEL);
        let tiles = x.chunks(at_once * inputs);
        let mut next = Fetch::after(weights, tiles.len());
        for (x, first) in tiles.zip((0..).step_by(at_once)) {
            let mut sums = [begin(panel); ROWS];
            let count = x.len() / inputs;
            match count {
                6 => six(lanes, x, weights, &mut next, &mut sums),
                5 => five(lanes, x, weights, &mut next, &mut sums),
                4 => four(lanes, x, weights, &mut next, &mut sums),
                3 => three(lanes, x, weights, &mut next, &mut sums),
                2 => two(lanes, x, weights, &mut next, &mut sums),
                _ => one(lanes, x, weights, &mut next, &mut sums),
            }
            for (row, sums) in (first..).zip(&sums[..count]) {
                let numbers = finish(panel, row, sums);
                let out = &mut out[row * outputs..][start..end];
                out.copy_from_slice(&numbers[..end - start]);
            }
        }
    }
}

/// A function that adds to the sums of some rows their products with a panel, each in the same order as one alone.
macro_rules! rows {
    ($name:ident, $rows:literal: $($sum:ident $x:ident $at:literal),*) => {
        #[inline(always)]
        fn $name<L: Lanes>(
            lanes: L,
            x: &[L::Input],
            weights: &[L::Weights],
            next: &mut Fetch,
            sums: &mut [[L::Number; PANEL]; ROWS],
        ) {
            let inputs = x.len() / $rows;
            let weights = &weights[..inputs];
            // By name: sums in an array of rows would not stay in registers.
            $(let (mut $sum, $x) = (cast::<_, L::Sums>(sums[$at]), &x[$at * inputs..][..inputs]);)*
            for (input, weights) in weights.iter().enumerate() {
                next.fetch();
                let weights: L::Loaded = cast(*weights);
                $($sum = lanes.add($sum, weights, $x[input]);)*
            }
            $(sums[$at] = cast($sum);)*
        }
    };
}

rows!(one, 1: a x_a 0);
rows!(two, 2: a x_a 0, b x_b 1);
rows!(three, 3: a x_a 0, b x_b 1, c x_c 2);
rows!(four, 4: a x_a 0, b x_b 1, c x_c 2, d x_d 3);
rows!(five, 5: a x_a 0, b x_b 1, c x_c 2, d x_d 3, e x_e 4);
rows!(six, 6: a x_a 0, b x_b 1, c x_c 2, d x_d 3, e x_e 4, f x_f 5);

/// Numbers that are needed soon. Processors fetch ahead by themselves, but not over the ends of pages, which are near.
pub struct Fetch {
    at: *const u8,
    step: usize,
}

impl Fetch {
    /// As many as `numbers`, that follow them, in so many `turns`.
    #[inline(always)]
    pub fn after<T>(numbers: &[T], turns: usize) -> Self {
        Self {
            at: numbers.as_ptr_range().end.cast(),
            step: size_of::<T>() / turns,
        }
    }

    /// So many bytes further on.
    #[inline(always)]
    pub fn moved(mut self, bytes: usize) -> Self {
        self.at = self.at.wrapping_add(bytes);
        self
    }

    /// Asks for the next ones to be brought into the nearest cache.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn fetch(&mut self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: every such processor has the instruction, which reads nothing and fails at no address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.at.cast()) };
        }
        self.at = self.at.wrapping_add(self.step);
    }
}
