//! Points and directions in space.

/// Three numbers: x to the subject's left, y up, z out of the face.
pub(crate) type Vector = [f32; 3];

pub(crate) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn scale(a: Vector, by: f32) -> Vector {
    [a[0] * by, a[1] * by, a[2] * by]
}

pub(crate) fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(crate) fn length(a: Vector) -> f32 {
    dot(a, a).sqrt()
}

/// The same direction with length 1; nothing stays nothing.
pub(crate) fn unit(a: Vector) -> Vector {
    let length = length(a);
    if length > 0.0 {
        scale(a, 1.0 / length)
    } else {
        a
    }
}

/// From `a` where `t` is 0 to `b` where it is 1.
pub(crate) fn mix(a: Vector, b: Vector, t: f32) -> Vector {
    add(scale(a, 1.0 - t), scale(b, t))
}

/// Twice the area of a triangle, along its normal.
pub(crate) fn triangle_normal(corners: [Vector; 3]) -> Vector {
    cross(sub(corners[1], corners[0]), sub(corners[2], corners[0]))
}

/// The mean of `points`; the origin where there are none.
pub(crate) fn mean(points: impl IntoIterator<Item = Vector>) -> Vector {
    let (mut sum, mut count) = ([0.0; 3], 0);
    for point in points {
        sum = add(sum, point);
        count += 1;
    }
    scale(sum, 1.0 / count.max(1) as f32)
}

/// A matrix of rows.
pub(crate) type Rotation = [Vector; 3];

pub(crate) fn rotate(rotation: &Rotation, a: Vector) -> Vector {
    rotation.map(|row| dot(row, a))
}
