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

/// How far a point is from a line through points.
pub(crate) fn distance_to_line(line: &[[f32; 2]], [x, y]: [f32; 2]) -> f32 {
    let distance = |pair: &[[f32; 2]]| {
        let (ax, ay) = (pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
        let (px, py) = (x - pair[0][0], y - pair[0][1]);
        let along = ((px * ax + py * ay) / (ax * ax + ay * ay).max(1e-12)).clamp(0.0, 1.0);
        let (dx, dy) = (px - along * ax, py - along * ay);
        (dx * dx + dy * dy).sqrt()
    };
    line.windows(2).map(distance).fold(f32::INFINITY, f32::min)
}
