//! Takes as binary glTF 2.0 (`.glb`), which Blender, Godot, Unity and three.js import.
//!
//! A mesh has a morph target for each shape, named in `mesh.extras.targetNames`; an animation drives the weights of
//! the targets and, where the head turns, the rotation of the mesh's node. The eyes are the nodes `leftEye` and
//! `rightEye` below it. Numbers are `f32`; timecodes, lost frames and what is tracked are not kept. The exact frame
//! rate stands in `extras.fps` of the animation.

use gltf_json::{
    Accessor, Animation, Index, Mesh, Node, Scene,
    accessor::Type,
    animation::{Channel, Property},
    mesh::{Mode, MorphTarget, Primitive, Semantic},
    validation::Checked::Valid,
};
use serde::{Deserialize, Serialize};

use super::{
    SHAPES, Shape, Take, TakeFormat, TakeFrame, Turn, Weights,
    glb::{Builder, Curve, Glb, add_channel, frame_times, named_rate, new_animation},
};
use crate::{Error, Limits};

/// The most morph targets that a mesh may have.
const MOST_TARGETS: usize = 1000;

const EYES: [&str; 2] = ["leftEye", "rightEye"];

/// A face for others to see a take on. Lengths are in metres, +y up, +z out of the face, the subject's own left at +x.
#[derive(Clone, Copy, Debug)]
pub struct FaceMesh<'a> {
    /// The vertices at rest.
    pub positions: &'a [[f32; 3]],
    /// Triangles of vertices, counter-clockwise from outside.
    pub triangles: &'a [[u32; 3]],
    /// How far each shape at 1 moves each vertex, in the order of [`Shape::ALL`].
    pub deltas: &'a [Vec<[f32; 3]>],
}

impl FaceMesh<'_> {
    /// The rule that the mesh breaks, in words.
    pub fn broken_rule(&self) -> Option<String> {
        let vertices = self.positions.len();
        if vertices == 0 || self.triangles.is_empty() {
            return Some("a mesh without triangles".into());
        }
        if self.deltas.len() != SHAPES {
            return Some(format!(
                "a mesh with {} shapes, not {SHAPES}",
                self.deltas.len()
            ));
        }
        if let Some(deltas) = self.deltas.iter().find(|deltas| deltas.len() != vertices) {
            return Some(format!("{} deltas for {vertices} vertices", deltas.len()));
        }
        let corners = self.triangles.as_flattened();
        if let Some(corner) = corners.iter().find(|corner| **corner as usize >= vertices) {
            return Some(format!("a corner {corner} of {vertices} vertices"));
        }
        let numbers = self.deltas.iter().flatten().chain(self.positions).flatten();
        let is_finite = numbers.copied().all(f32::is_finite);
        (!is_finite).then(|| "a mesh with places that are not numbers".into())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeshExtras {
    target_names: Vec<String>,
}

/// Reads the weights of the animated mesh that has the most shapes of ARKit, whatever the case of their names; targets
/// of other names are left out. The head is the rotation of the mesh's node, or else of a node named `head`. Keys that
/// stand at another rate than frames do are sampled.
///
/// # Errors
///
/// [`Error::MalformedTake`] for damage, for files without such an animation and for data outside of the file,
/// [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Take, Error> {
    let glb = Glb::open(bytes, TakeFormat::Glb, limits)?;
    let Some(face) = face(&glb) else {
        return Err(glb.malformed("animations", "no animation of shapes that ARKit has"));
    };
    let weights = glb.curve(
        face.animation,
        face.weights,
        (Type::Scalar, face.targets.len()),
        limits,
    )?;
    let turns = |node: Option<usize>| -> Result<Option<Curve>, Error> {
        let channel = node.and_then(|node| channel(face.animation, node, Property::Rotation));
        let curve =
            channel.map(|channel| glb.curve(face.animation, channel, (Type::Vec4, 1), limits));
        curve.transpose()
    };
    let mesh_node = face.weights.target.node.value();
    let head = match turns(Some(mesh_node))? {
        Some(head) => Some(head),
        None => turns(node_named(&glb, "head"))?,
    };
    let eyes = EYES.map(|name| turns(node_named(&glb, name)));
    let [left, right] = eyes;
    let eyes = left?.zip(right?);
    let rate = named_rate(face.animation).unwrap_or_else(|| weights.rate());
    let times = frame_times((weights.start(), weights.end()), rate, limits)?;
    let frame = |time: f64| -> Result<TakeFrame, String> {
        let turn = |curve: &Curve| turn(&curve.at(time, rate));
        let mut frame = TakeFrame {
            shapes: shapes(&face.targets, &weights.at(time, rate)),
            ..TakeFrame::default()
        };
        frame.head = head.as_ref().map_or(Ok(Turn::default()), turn)?;
        if let Some((left, right)) = &eyes {
            frame.eyes = Some([turn(left)?, turn(right)?]);
        }
        frame.broken_rule().map_or(Ok(frame), Err)
    };
    let frames = times
        .map(|time| frame(time).map_err(|reason| glb.malformed(format!("{time} seconds"), reason)));
    Ok(Take {
        rate,
        identity: Vec::new(),
        frames: frames.collect::<Result<_, _>>()?,
    })
}

/// What drives a face in a file.
struct Face<'a> {
    animation: &'a Animation,
    weights: &'a Channel,
    targets: Vec<Option<Shape>>,
}

/// The first of those with the most shapes.
fn face<'a>(glb: &'a Glb<'_>) -> Option<Face<'a>> {
    let mut best: Option<(usize, Face<'a>)> = None;
    for animation in &glb.root.animations {
        for weights in &animation.channels {
            let drives = weights.target.path == Valid(Property::MorphTargetWeights);
            let Some(targets) = targets(glb, weights).filter(|_| drives) else {
                continue;
            };
            let known = targets.iter().flatten().count();
            if known > best.as_ref().map_or(0, |(most, _)| *most) {
                let face = Face {
                    animation,
                    weights,
                    targets,
                };
                best = Some((known, face));
            }
        }
    }
    best.map(|(_, face)| face)
}

/// The shapes of a channel's mesh, in the order of its morph targets.
fn targets(glb: &Glb<'_>, channel: &Channel) -> Option<Vec<Option<Shape>>> {
    let mesh = glb.root.get(channel.target.node)?.mesh?;
    let extras = glb.root.get(mesh)?.extras.as_ref()?;
    let extras: MeshExtras = serde_json::from_str(extras.get()).ok()?;
    let names = extras.target_names;
    let shapes = names.iter().map(|name| Shape::named(name)).collect();
    (names.len() <= MOST_TARGETS).then_some(shapes)
}

fn shapes(targets: &[Option<Shape>], values: &[f64]) -> Weights {
    let mut weights = Weights::default();
    for (target, value) in targets.iter().zip(values) {
        if let Some(shape) = target {
            weights[*shape] = *value;
        }
    }
    weights
}

pub(super) fn channel(animation: &Animation, node: usize, path: Property) -> Option<&Channel> {
    animation
        .channels
        .iter()
        .find(|channel| channel.target.node.value() == node && channel.target.path == Valid(path))
}

fn node_named(glb: &Glb<'_>, name: &str) -> Option<usize> {
    glb.root.nodes.iter().position(|node| {
        let other = node.name.as_deref().unwrap_or_default();
        other.eq_ignore_ascii_case(name)
    })
}

fn turn(values: &[f64]) -> Result<Turn, String> {
    let quaternion = values.try_into().ok();
    let turn = quaternion.and_then(Turn::from_quaternion);
    turn.ok_or_else(|| "a rotation without length".into())
}

/// Writes a take with `mesh`, or else with a triangle that only carries the animation.
///
/// # Errors
///
/// [`Error::UnsupportedTake`] for what [`Take::broken_rule`] or [`FaceMesh::broken_rule`] names.
pub fn write(take: &Take, mesh: Option<&FaceMesh<'_>>) -> Result<Vec<u8>, Error> {
    super::check_written(take, TakeFormat::Glb)?;
    let broken = mesh.and_then(FaceMesh::broken_rule);
    if let Some(what) = broken {
        let format = TakeFormat::Glb;
        return Err(Error::UnsupportedTake { format, what });
    }
    let mut file = Builder::default();
    let mesh = match mesh {
        Some(mesh) => face_mesh(&mut file, mesh),
        None => carrier(&mut file),
    };
    let mesh = file.root.push(mesh);
    let mut animation = new_animation("take", take.rate);
    let times = file.times(take.frames.len(), take.rate);
    let weights = take.frames.iter().flat_map(|frame| frame.shapes.0);
    let weights: Vec<f32> = weights.map(|weight| weight as f32).collect();
    let weights = file.floats(Type::Scalar, &weights);
    add_channel(
        &mut animation,
        0,
        Property::MorphTargetWeights,
        times,
        weights,
    );
    if take
        .frames
        .iter()
        .any(|frame| frame.head != Turn::default())
    {
        let heads = take.frames.iter().map(|frame| frame.head);
        let heads = rotations(&mut file, heads);
        add_channel(&mut animation, 0, Property::Rotation, times, heads);
    }
    let has_eyes = take.frames.iter().any(|frame| frame.eyes.is_some());
    let eyes = if has_eyes { EYES.len() } else { 0 };
    for side in 0..eyes {
        let turns = take
            .frames
            .iter()
            .map(|frame| frame.eyes.unwrap_or_default()[side]);
        let turns = rotations(&mut file, turns);
        add_channel(
            &mut animation,
            side as u32 + 1,
            Property::Rotation,
            times,
            turns,
        );
    }
    file.root.animations = vec![animation];
    file.root.nodes = nodes(mesh, eyes);
    file.root.scenes = vec![Scene {
        extensions: None,
        extras: None,
        name: None,
        nodes: vec![Index::new(0)],
    }];
    file.root.scene = Some(Index::new(0));
    file.finish(TakeFormat::Glb)
}

/// The face and, below it, the eyes.
fn nodes(mesh: Index<Mesh>, eyes: usize) -> Vec<Node> {
    let children: Vec<Index<Node>> = (1..=eyes as u32).map(Index::new).collect();
    let face = Node {
        children: (eyes > 0).then_some(children),
        mesh: Some(mesh),
        name: Some("face".into()),
        ..Node::default()
    };
    let eyes = EYES.iter().take(eyes).map(|name| Node {
        name: Some(name.to_string()),
        ..Node::default()
    });
    std::iter::once(face).chain(eyes).collect()
}

/// The turns as quaternions, each on the side of the one before, so that what is between them is the short way.
fn rotations(file: &mut Builder, turns: impl Iterator<Item = Turn>) -> Index<Accessor> {
    let mut before = [0.0, 0.0, 0.0, 1.0];
    let mut numbers = Vec::new();
    for turn in turns {
        let quaternion = turn.quaternion();
        let dot: f64 = quaternion.iter().zip(before).map(|(a, b)| a * b).sum();
        let side = if dot < 0.0 { -1.0 } else { 1.0 };
        before = quaternion.map(|part| side * part);
        numbers.extend(before.map(|part| part as f32));
    }
    file.floats(Type::Vec4, &numbers)
}

fn face_mesh(file: &mut Builder, mesh: &FaceMesh<'_>) -> Mesh {
    let positions = file.vertices(mesh.positions);
    let corners = file.corners(mesh.triangles);
    let deltas = mesh.deltas.iter();
    let targets = deltas.map(|deltas| file.vertices(deltas));
    let targets = targets.collect();
    mesh_of(positions, corners, targets)
}

/// A small triangle that every shape moves by a tenth of a millimetre: importers drop targets that move nothing.
fn carrier(file: &mut Builder) -> Mesh {
    let positions = file.vertices(&[[0.0; 3], [0.01, 0.0, 0.0], [0.0, 0.01, 0.0]]);
    let corners = file.corners(&[[0, 1, 2]]);
    let delta = file.vertices(&[[0.0, 0.0, 1e-4], [0.0; 3], [0.0; 3]]);
    mesh_of(positions, corners, vec![delta; SHAPES])
}

fn mesh_of(
    positions: Index<Accessor>,
    corners: Index<Accessor>,
    targets: Vec<Index<Accessor>>,
) -> Mesh {
    let extras = MeshExtras {
        target_names: Shape::ALL.map(|shape| shape.name().to_string()).to_vec(),
    };
    let targets = targets.into_iter().map(|positions| MorphTarget {
        positions: Some(positions),
        normals: None,
        tangents: None,
    });
    Mesh {
        extensions: None,
        extras: serde_json::value::to_raw_value(&extras).ok(),
        name: Some("face".into()),
        primitives: vec![Primitive {
            attributes: [(Valid(Semantic::Positions), positions)].into(),
            extensions: None,
            extras: None,
            indices: Some(corners),
            material: None,
            mode: Valid(Mode::Triangles),
            targets: Some(targets.collect()),
        }],
        weights: Some(vec![0.0; SHAPES]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_emotion::FrameRate;

    use super::*;

    fn take() -> Take {
        let frame = |at: u32| {
            let mut frame = TakeFrame::default();
            frame.shapes[Shape::JawOpen] = f64::from(at) / 8.0;
            frame.shapes[Shape::TongueOut] = 1.0 - f64::from(at) / 16.0;
            frame.head.yaw = f64::from(at) / 4.0;
            frame.head.roll = -0.5;
            frame.eyes = Some([Turn::default(), frame.head]);
            frame
        };
        Take {
            rate: FrameRate::new(60_000, 1001),
            identity: Vec::new(),
            frames: (0..5).map(frame).collect(),
        }
    }

    fn again(take: &Take) -> Take {
        read(&write(take, None).unwrap(), &Limits::DEFAULT).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let take = take();
        let read = again(&take);
        assert_eq!(read.rate, take.rate);
        assert_eq!(read.frames.len(), 5);
        for (read, written) in read.frames.iter().zip(&take.frames) {
            assert_eq!(read.shapes, written.shapes); // eighths are exact
            assert!((read.head.yaw - written.head.yaw).abs() < 1e-6);
            assert!((read.head.roll - written.head.roll).abs() < 1e-6);
            assert!((read.eyes.unwrap()[1].yaw - written.head.yaw).abs() < 1e-6);
        }
    }

    #[test]
    fn a_still_head_is_not_animated() {
        let mut still = take();
        for frame in &mut still.frames {
            frame.head = Turn::default();
            frame.eyes = None;
        }
        assert_eq!(again(&still), still);
        let bytes = write(&still, None).unwrap();
        let glb = Glb::open(&bytes, TakeFormat::Glb, &Limits::DEFAULT).unwrap();
        assert_eq!(glb.root.animations[0].channels.len(), 1);
        assert_eq!(glb.root.nodes.len(), 1);
    }

    /// Frames at 60 of keys at 0 and 0.1 seconds: 0.1 of a second is six frames.
    #[test]
    fn keys_far_apart_are_sampled() {
        let mut far = take();
        far.rate = FrameRate::new(10, 1);
        far.frames.truncate(2);
        let bytes = write(&far, None).unwrap();
        let at = bytes.windows(4).position(|word| word == b"\"10\"").unwrap();
        let mut fast = bytes;
        fast[at..at + 4].copy_from_slice(b"\"60\"");
        let take = read(&fast, &Limits::DEFAULT).unwrap();
        assert_eq!(take.frames.len(), 7);
        let jaw = take.frames[3].shapes[Shape::JawOpen];
        assert!((jaw - 0.0625).abs() < 1e-6, "{jaw}");
        let yaw = take.frames[3].head.yaw;
        assert!((yaw - 0.125).abs() < 1e-3, "{yaw}");
    }

    #[test]
    fn a_mesh_of_ones_own() {
        let positions = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ];
        let triangles = [[0, 1, 2], [0, 2, 3]];
        let mut deltas = vec![vec![[0.0; 3]; 4]; SHAPES];
        deltas[Shape::JawOpen.index()][1] = [0.0, -0.5, 0.25];
        let mesh = FaceMesh {
            positions: &positions,
            triangles: &triangles,
            deltas: &deltas,
        };
        let bytes = write(&take(), Some(&mesh)).unwrap();
        let take = read(&bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(take.frames.len(), 5);
        let too_few = FaceMesh {
            deltas: &deltas[1..],
            ..mesh
        };
        let error = write(&take, Some(&too_few)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "binary glTF cannot hold a mesh with 51 shapes, not 52"
        );
        let outside = FaceMesh {
            triangles: &[[0, 1, 4]],
            ..mesh
        };
        assert_eq!(outside.broken_rule().unwrap(), "a corner 4 of 4 vertices");
    }

    #[test]
    fn limits_hold() {
        let bytes = write(&take(), None).unwrap();
        let limits = Limits {
            frames: 4,
            ..Limits::DEFAULT
        };
        let error = read(&bytes, &limits).unwrap_err();
        assert_eq!(error.to_string(), "5 frames, and at most 4 are read");
    }
}
