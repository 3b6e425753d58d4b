use std::{env, f64::consts::FRAC_PI_2, path::PathBuf};

use affetto_core::Silent;

use super::*;

/// A triangle of skin and eyeballs of a ring each, moved by two shapes and two modes.
fn tiny() -> FaceBasis {
    let ring = |side: f32| {
        (0..train::EYE_RING).map(move |step| {
            let (y, x) =
                libm::sincosf(step as f32 / train::EYE_RING as f32 * std::f32::consts::TAU);
            [3.0 * side + x, 3.5 + y, 8.0]
        })
    };
    let mut neutral = vec![[0.0, -2.0, 9.0], [1.0, -2.0, 9.0], [0.0, -1.0, 9.0]];
    neutral.extend(ring(1.0).chain(ring(-1.0)));
    let mut tissues = vec![Tissue::Skin; 3];
    tissues.extend([Tissue::LeftEye; train::EYE_RING]);
    tissues.extend([Tissue::RightEye; train::EYE_RING]);
    let moving = |vertex: usize, steps: [i8; 3]| {
        let mut all = vec![[0; 3]; neutral.len()];
        all[vertex] = steps;
        Displacement {
            step: 0.25,
            steps: all,
        }
    };
    let mut shapes = vec![moving(0, [0; 3]); SHAPES];
    shapes[Shape::JawOpen.index()] = moving(0, [0, -8, 1]);
    shapes[Shape::MouthSmileLeft.index()] = moving(1, [4, 2, -3]);
    shapes[Shape::EyeLookUpLeft.index()] = moving(3, [0, 5, 0]);
    FaceBasis {
        shapes,
        identity: vec![moving(0, [127, 0, -128]), moving(2, [0, 1, 0])],
        triangles: vec![[0, 1, 2]],
        landmarks: [2; FaceBasis::LANDMARKS],
        neutral,
        tissues,
    }
}

fn weights(all: &[(Shape, f64)]) -> Weights {
    let mut weights = Weights::default();
    for (shape, weight) in all {
        weights[*shape] = *weight;
    }
    weights
}

fn assert_near(a: Vector, b: Vector) {
    assert!(vector::length(sub(a, b)) < 1e-4, "{a:?} {b:?}");
}

fn config_of(basis: &FaceBasis) -> Vec<u8> {
    serde_json::to_vec(&basis.config()).unwrap()
}

#[test]
fn bytes_come_back_the_same() {
    let basis = tiny();
    let bytes = basis.to_bytes().unwrap();
    assert_eq!(bytes, basis.to_bytes().unwrap());
    assert_eq!(
        FaceBasis::from_bytes(&config_of(&basis), &bytes).unwrap(),
        basis
    );
}

#[test]
fn nothing_asked_is_the_neutral_face() {
    let basis = tiny();
    let rest = Turn::default();
    let face = basis.face(&[0.0, 0.0], &Weights::default(), rest).unwrap();
    assert_eq!(face, basis.neutral());
    assert_eq!(basis.pose(&[], &TakeFrame::default()).unwrap(), face);
}

/// By hand: half of `jawOpen` is 4 steps of 0.25 cm down and half a step forward.
#[test]
fn weights_act_linearly() {
    let basis = tiny();
    let asked = weights(&[(Shape::JawOpen, 0.5), (Shape::MouthSmileLeft, 2.0)]);
    let face = basis.face(&[1.0, -4.0], &asked, Turn::default()).unwrap();
    assert_near(face[0], [127.0 * 0.25, -3.0, 9.125 - 32.0]);
    assert_near(face[1], [3.0, -1.0, 7.5]);
    assert_near(face[2], [0.0, -2.0, 9.0]);
    assert_eq!(basis.displacement(Shape::JawOpen, 0), [0.0, -2.0, 0.25]);
}

#[test]
fn the_head_turns_left_tilts_left_and_looks_down() {
    let turned = |turn| rotate(&rotation(turn), [0.0, 0.0, 1.0]);
    let quarter = FRAC_PI_2;
    let turn = |yaw, pitch, roll| Turn { yaw, pitch, roll };
    assert_near(turned(turn(quarter, 0.0, 0.0)), [1.0, 0.0, 0.0]);
    assert_near(turned(turn(0.0, quarter, 0.0)), [0.0, -1.0, 0.0]);
    let tilted = rotate(&rotation(turn(0.0, 0.0, quarter)), [0.0, 1.0, 0.0]);
    assert_near(tilted, [1.0, 0.0, 0.0]);
    // The turn to the side comes first, and looking down is down from there.
    assert_near(turned(turn(quarter, quarter, 0.0)), [0.0, -1.0, 0.0]);
    assert_near(turned(turn(quarter, 0.0, quarter)), [1.0, 0.0, 0.0]);
}

#[test]
fn eyes_of_a_take_turn_about_their_own_centres_in_place_of_their_shapes() {
    let basis = tiny();
    let looks_up = Turn {
        pitch: -FRAC_PI_2,
        ..Turn::default()
    };
    let frame = TakeFrame {
        shapes: weights(&[(Shape::EyeLookUpLeft, 1.0)]),
        eyes: Some([looks_up, Turn::default()]),
        ..TakeFrame::default()
    };
    let posed = basis.pose(&[], &frame).unwrap();
    assert_near(posed[3], [4.0, 3.5, 8.0]);
    let above = basis.neutral()[3 + 5]; // a quarter round the ring
    assert_near(above, [3.0, 4.5, 8.0]);
    assert_near(posed[3 + 5], [3.0, 3.5, 7.0]);
    assert_eq!(posed[23..], basis.neutral()[23..]);
}

#[test]
fn more_identity_than_there_are_modes_is_refused() {
    let asked = tiny().face(&[0.0; 3], &Weights::default(), Turn::default());
    assert!(matches!(asked, Err(Error::Identity { found: 3, modes: 2 })));
}

#[test]
fn damaged_files_are_refused() {
    let basis = tiny();
    let (config, bytes) = (config_of(&basis), basis.to_bytes().unwrap());
    let read = |config: &[u8], bytes: &[u8]| FaceBasis::from_bytes(config, bytes).is_ok();
    assert!(read(&config, &bytes));
    assert!(!read(&config, &bytes[..bytes.len() - 1]));
    assert!(!read(&config, b""));
    assert!(!read(b"{}", &bytes));

    let mut huge = basis.config();
    huge.vertices = usize::MAX;
    assert!(!read(&serde_json::to_vec(&huge).unwrap(), &bytes));
    let mut other = basis.config();
    other.identity_modes += 1;
    assert!(!read(&serde_json::to_vec(&other).unwrap(), &bytes));

    let tampered = |change: fn(&mut FaceBasis)| {
        let mut changed = basis.clone();
        change(&mut changed);
        read(&config, &changed.to_bytes().unwrap())
    };
    assert!(!tampered(|basis| basis.triangles[0][2] = 43));
    assert!(!tampered(|basis| basis.landmarks[67] = u16::MAX));
    assert!(!tampered(|basis| basis.neutral[1][0] = f32::NAN));
    assert!(!tampered(|basis| basis.shapes[5].step = f32::INFINITY));
}

fn built_in() -> FaceBasis {
    FaceBasis::built_in().unwrap()
}

#[test]
fn the_built_in_basis_is_whole_and_small() {
    let basis = built_in();
    assert!((3000..=4500).contains(&basis.neutral().len()));
    assert!(basis.identity_modes() >= 20);
    assert!(basis.to_bytes().unwrap().len() < 1_500_000);
    for tissue in Tissue::ALL {
        assert!(basis.tissues().contains(&tissue), "{tissue:?}");
    }
    let [mut right, mut left] = [0.0f32, 0.0];
    for landmark in [36, 39] {
        right += basis.neutral()[usize::from(basis.landmarks()[landmark])][0];
    }
    for landmark in [42, 45] {
        left += basis.neutral()[usize::from(basis.landmarks()[landmark])][0];
    }
    assert!(right < -5.0 && left > 5.0, "{right} {left}");
}

/// Shapes of a side hardly move the other one.
#[test]
fn sided_shapes_move_their_own_side() {
    let basis = built_in();
    for shape in Shape::ALL {
        let name = shape.name();
        let side = match (name.strip_suffix("Left"), name.strip_suffix("Right")) {
            (Some("jaw" | "mouth"), _) | (_, Some("jaw" | "mouth")) | (None, None) => continue,
            (Some(_), _) => 1.0,
            _ => -1.0,
        };
        let [mut own, mut other] = [0.0f64; 2];
        for (vertex, at) in basis.neutral().iter().enumerate() {
            let far = f64::from(vector::length(basis.displacement(shape, vertex)));
            if at[0] * side > 0.0 {
                own += far
            } else {
                other += far
            }
        }
        assert!(own > 3.0 * other, "{name}: {own} {other}");
    }
}

#[test]
fn the_jaw_takes_the_tongue_and_the_lower_teeth_along() {
    let basis = built_in();
    let lowest = |tissue: Tissue| {
        let of = (0..basis.neutral().len()).filter(|vertex| basis.tissues()[*vertex] == tissue);
        of.map(|vertex| basis.displacement(Shape::JawOpen, vertex)[1])
            .fold(0.0, f32::min)
    };
    assert!(lowest(Tissue::Teeth) < -2.0);
    assert!(lowest(Tissue::Tongue) < -1.5);
    let tongue =
        (0..basis.neutral().len()).filter(|vertex| basis.tissues()[*vertex] == Tissue::Tongue);
    let out = tongue.map(|vertex| basis.displacement(Shape::TongueOut, vertex)[2]);
    assert!(out.fold(0.0, f32::max) > 3.0);
}

/// The folder of shared data, where this checkout has one.
fn data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = env::var_os("AFFETTO_SHARED").map_or_else(beside, PathBuf::from);
    let folder = folder.join("data/face/ict");
    folder.join("ict_full_q16.npz").is_file().then_some(folder)
}

/// A smaller basis than the built-in one, made twice.
#[test]
#[allow(clippy::print_stderr)]
fn training_gives_the_same_bytes_each_time_and_is_near_the_full_mesh() {
    let Some(data) = data() else {
        return eprintln!("skipped: no meshes of ICT-FaceKit in the shared data");
    };
    let options = BasisOptions {
        skin_vertices: 2000,
        teeth_vertices: 400,
        gums_vertices: 200,
        identity_modes: 8,
        ..BasisOptions::new(data)
    };
    let train = || train_face_basis(&options, &Silent).unwrap();
    let (first, second) = (train(), train());
    assert_eq!(
        first.basis.to_bytes().unwrap(),
        second.basis.to_bytes().unwrap()
    );
    assert_eq!(first.report, second.report);
    assert_eq!(first.report.shapes.len(), SHAPES - 1);
    assert!(
        first.report.shapes_mean_mm < 0.3,
        "{}",
        first.report.shapes_mean_mm
    );
    assert!(first.report.landmarks_max_mm < 2.0);
    let folder = tempfile::tempdir().unwrap();
    let files = first.write(folder.path()).unwrap();
    assert_eq!(files.len(), 5);
    assert_eq!(FaceBasis::read(folder.path()).unwrap(), first.basis);
}

#[test]
fn data_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let options = BasisOptions::new(folder.path().into());
    assert!(matches!(
        train_face_basis(&options, &Silent),
        Err(Error::Read(_))
    ));
    std::fs::write(folder.path().join("LICENSE.ICT-FaceKit.txt"), "MIT").unwrap();
    std::fs::write(folder.path().join("ict_full_q16.npz"), "no zip").unwrap();
    assert!(matches!(
        train_face_basis(&options, &Silent),
        Err(Error::Meshes { .. })
    ));
}
