//! Complete-linkage clustering.

/// The members of `count` clusters of `distances.len()` items, joined by complete linkage: always
/// the two clusters whose most distant members are nearest, the earlier pair of equal ones.
///
/// `distances` is a square symmetric table. `count` is at least 1.
pub(crate) fn complete_linkage(mut distances: Vec<Vec<f64>>, count: usize) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Vec<usize>> = (0..distances.len()).map(|item| vec![item]).collect();
    while clusters.len() > count.max(1) {
        let (keep, join) = nearest_pair(&distances);
        let joined = clusters.remove(join);
        clusters[keep].extend(joined);
        let farther = distances.remove(join);
        for row in &mut distances {
            row.remove(join);
        }
        for (column, other) in (0..farther.len()).filter(|i| *i != join).enumerate() {
            let distance = distances[keep][column].max(farther[other]);
            distances[keep][column] = distance;
            distances[column][keep] = distance;
        }
    }
    for cluster in &mut clusters {
        cluster.sort_unstable();
    }
    clusters
}

/// Needs at least two rows.
fn nearest_pair(distances: &[Vec<f64>]) -> (usize, usize) {
    let mut best = (0, 1);
    for (i, row) in distances.iter().enumerate() {
        for (j, distance) in row.iter().enumerate().skip(i + 1) {
            if *distance < distances[best.0][best.1] {
                best = (i, j);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points 0, 1, 3, 7, 8: {0, 1}, {7, 8}, then 3 joins {0, 1} at 3 rather than {7, 8} at 5.
    #[test]
    fn five_points_on_a_line() {
        let points = [0.0f64, 1.0, 3.0, 7.0, 8.0];
        let distances = points
            .map(|a| points.map(|b| (a - b).abs()).to_vec())
            .to_vec();
        let clusters = complete_linkage(distances.clone(), 2);
        assert_eq!(clusters, [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(complete_linkage(distances.clone(), 9).len(), 5);
        assert_eq!(complete_linkage(distances, 0).len(), 1);
    }
}
