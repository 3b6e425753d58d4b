use super::Turn;

impl Turn {
    /// The same as a unit quaternion `[x, y, z, w]`, as glTF has it.
    pub fn quaternion(self) -> [f64; 4] {
        let (sin_y, cos_y) = libm::sincos(self.yaw / 2.0);
        let (sin_p, cos_p) = libm::sincos(self.pitch / 2.0);
        let (sin_r, cos_r) = libm::sincos(self.roll / 2.0);
        // Yaw times pitch:
        let [x, y, z, w] = [cos_y * sin_p, sin_y * cos_p, -sin_y * sin_p, cos_y * cos_p];
        // ... times roll:
        [
            x * cos_r + y * sin_r,
            y * cos_r - x * sin_r,
            z * cos_r + w * sin_r,
            w * cos_r - z * sin_r,
        ]
    }

    /// The turn of a quaternion `[x, y, z, w]` of any length, with a pitch within a quarter revolution; nothing where
    /// it has no length.
    pub fn from_quaternion(quaternion: [f64; 4]) -> Option<Self> {
        let length = quaternion
            .iter()
            .map(|part| part * part)
            .sum::<f64>()
            .sqrt();
        if !(length.is_finite() && length > 1e-6) {
            return None;
        }
        let [x, y, z, w] = quaternion.map(|part| part / length);
        // Of the matrix Ry * Rx * Rz, the middle row and the last column:
        let roll_sin = 2.0 * (x * y + w * z);
        let roll_cos = 1.0 - 2.0 * (x * x + z * z);
        let pitch_sin = 2.0 * (w * x - y * z);
        let yaw_sin = 2.0 * (x * z + w * y);
        let yaw_cos = 1.0 - 2.0 * (x * x + y * y);
        Some(Self {
            yaw: libm::atan2(yaw_sin, yaw_cos),
            pitch: libm::asin(pitch_sin.clamp(-1.0, 1.0)),
            roll: libm::atan2(roll_sin, roll_cos),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    /// What the quaternion does to a vector: `v + 2w(u x v) + 2u x (u x v)`.
    fn turned([x, y, z, w]: [f64; 4], v: [f64; 3]) -> [f64; 3] {
        let cross = |a: [f64; 3], b: [f64; 3]| {
            [
                a[1] * b[2] - a[2] * b[1],
                a[2] * b[0] - a[0] * b[2],
                a[0] * b[1] - a[1] * b[0],
            ]
        };
        let once = cross([x, y, z], v);
        let twice = cross([x, y, z], once);
        std::array::from_fn(|at| v[at] + 2.0 * (w * once[at] + twice[at]))
    }

    fn is_near(found: [f64; 3], expected: [f64; 3]) -> bool {
        found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-12)
    }

    /// The nose is +z, the own left +x, the crown +y.
    #[test]
    fn which_way_each_goes() {
        let quarter = |yaw, pitch, roll| {
            let turn = Turn { yaw, pitch, roll };
            turn.quaternion()
        };
        assert!(is_near(
            turned(quarter(FRAC_PI_2, 0.0, 0.0), [0.0, 0.0, 1.0]),
            [1.0, 0.0, 0.0]
        )); // to the left
        assert!(is_near(
            turned(quarter(0.0, FRAC_PI_2, 0.0), [0.0, 0.0, 1.0]),
            [0.0, -1.0, 0.0]
        )); // down
        assert!(is_near(
            turned(quarter(0.0, 0.0, FRAC_PI_2), [0.0, 1.0, 0.0]),
            [-1.0, 0.0, 0.0]
        )); // crown to the right
        // First yaw, then pitch about the turned axis: the nose is on the left and then down.
        assert!(is_near(
            turned(quarter(FRAC_PI_2, FRAC_PI_2, 0.0), [0.0, 0.0, 1.0]),
            [0.0, -1.0, 0.0]
        ));
        assert!(is_near(
            turned(quarter(FRAC_PI_2, FRAC_PI_2, 0.0), [0.0, 1.0, 0.0]),
            [1.0, 0.0, 0.0]
        ));
    }

    #[test]
    fn there_and_back() {
        let turn = Turn {
            yaw: -1.1,
            pitch: 0.7,
            roll: 2.3,
        };
        let doubled = turn.quaternion().map(|part| -2.0 * part);
        let back = Turn::from_quaternion(doubled).unwrap();
        assert!(is_near([back.yaw, back.pitch, back.roll], [-1.1, 0.7, 2.3]));
        assert_eq!(Turn::from_quaternion([0.0; 4]), None);
        assert_eq!(Turn::from_quaternion([f64::NAN, 0.0, 0.0, 1.0]), None);
    }
}
