//! Lines on a face, seen from the front.

/// How far the middle of a brow lies below its landmarks, which stand at its upper edge, in centimetres.
pub(crate) const BROW_BELOW_LANDMARKS: f32 = 0.32;

/// Whether a line from the point to the right crosses the outline an odd number of times.
pub(crate) fn is_inside(outline: &[[f32; 2]], [x, y]: [f32; 2]) -> bool {
    let ends = outline.iter().cycle().skip(1);
    let crosses = |(from, to): &(&[f32; 2], &[f32; 2])| {
        (from[1] > y) != (to[1] > y)
            && x < from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0])
    };
    outline.iter().zip(ends).filter(crosses).count() % 2 == 1
}

/// How far a point is from a line through points, in the plane or in space.
pub(crate) fn distance_to_line<const N: usize>(line: &[[f32; N]], point: [f32; N]) -> f32 {
    let sum = |of: &dyn Fn(usize) -> f32| (0..N).map(of).sum::<f32>();
    let distance = |pair: &[[f32; N]]| {
        let (from, to) = (pair[0], pair[1]);
        let square = sum(&|axis| (to[axis] - from[axis]) * (to[axis] - from[axis]));
        let dot = sum(&|axis| (to[axis] - from[axis]) * (point[axis] - from[axis]));
        let along = (dot / square.max(1e-12)).clamp(0.0, 1.0);
        let off = |axis: usize| from[axis] + along * (to[axis] - from[axis]) - point[axis];
        sum(&|axis| off(axis) * off(axis))
    };
    let nearest = line.windows(2).map(distance).fold(f32::INFINITY, f32::min);
    nearest.sqrt()
}

/// The curve through points (Catmull and Rom, 1974), `steps` lines between two of them.
pub(crate) fn open_curve<const N: usize>(points: &[[f32; N]], steps: usize) -> Vec<[f32; N]> {
    let last = points.len() - 1;
    let at = |index: usize, by: isize| points[index.saturating_add_signed(by).min(last)];
    let curve = (0..last).flat_map(|first| {
        let four = [-1, 0, 1, 2].map(|by| at(first, by));
        (0..steps).map(move |step| between(four, step as f32 / steps as f32))
    });
    curve.chain([points[last]]).collect()
}

/// The same for an outline, which ends where it begins.
pub(crate) fn closed_curve<const N: usize>(points: &[[f32; N]], steps: usize) -> Vec<[f32; N]> {
    let count = points.len();
    let curve = (0..count).flat_map(|first| {
        let four = [count - 1, 0, 1, 2].map(|by| points[(first + by) % count]);
        (0..steps).map(move |step| between(four, step as f32 / steps as f32))
    });
    curve.chain([points[0]]).collect()
}

/// From the second of four points where `t` is 0 to the third where it is 1.
pub(crate) fn between<const N: usize>(four: [[f32; N]; 4], t: f32) -> [f32; N] {
    std::array::from_fn(|axis| {
        let [a, b, c, d] = four.map(|point| point[axis]);
        let (linear, square) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d);
        b + 0.5 * t * (linear + t * (square + t * (3.0 * (b - c) + d - a)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [[f32; 2]; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

    #[test]
    fn inside_and_distance_by_hand() {
        assert!(is_inside(&SQUARE, [1.0, 1.5]));
        assert!(!is_inside(&SQUARE, [3.0, 1.5]) && !is_inside(&SQUARE, [-1.0, 0.5]));
        assert_eq!(distance_to_line(&SQUARE, [3.0, 1.0]), 1.0);
        assert_eq!(distance_to_line(&SQUARE, [-3.0, -4.0]), 5.0);
        let upright = [[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]];
        assert_eq!(distance_to_line(&upright, [3.0, 4.0, 5.0]), 5.0);
    }

    #[test]
    fn curves_meet_their_points() {
        let open = open_curve(&SQUARE, 3);
        let closed = closed_curve(&SQUARE, 3);
        assert_eq!((open.len(), closed.len()), (10, 13));
        for (at, point) in SQUARE.iter().enumerate() {
            assert_eq!(open[3 * at], *point);
            assert_eq!(closed[3 * at], *point);
        }
        assert_eq!(closed[12], SQUARE[0]);
        // Symmetry: the curve bulges outwards in the middle of a side.
        assert_eq!(between([[0.0], [1.0], [1.0], [0.0]], 0.5), [1.125]);
    }
}
