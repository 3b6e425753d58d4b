//! A face basis from ICT-FaceKit: fewer vertices, eyeballs and a tongue of our own, the shapes of ARKit.

mod card;
mod ict;
mod measure;
mod parts;
mod simplify;

use std::path::{Path, PathBuf};

use affetto_core::{Progress, Stage, read_limited, write_atomic};
use affetto_media::rig::{SHAPES, Shape};

use super::{
    Displacement, FaceBasis, Tissue,
    outline::{BROW_BELOW_LANDMARKS, distance_to_line, is_inside},
    vector::{Vector, add, dot, sub},
};
use crate::Error;
use ict::Ict;
pub use measure::{BasisReport, ShapeError};
pub(crate) use parts::EYE_RING;
use parts::Part;
use simplify::{Mesh, simplify};

/// The file of ICT-FaceKit's meshes, and its licence, in the folder of data.
const MESHES: &str = "ict_full_q16.npz";
const LICENCE: &str = "LICENSE.ICT-FaceKit.txt";
/// The largest licence that is read.
const LIMIT_LICENCE_BYTES: u64 = 1 << 20;

/// How large a basis becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasisOptions {
    /// The folder with `ict_full_q16.npz` and `LICENSE.ICT-FaceKit.txt`.
    pub data: PathBuf,
    /// Vertices of skin, sockets and lining, at least 500.
    pub skin_vertices: usize,
    /// Vertices of the teeth, at least 200.
    pub teeth_vertices: usize,
    /// Vertices of the gums, at least 100.
    pub gums_vertices: usize,
    /// Identity modes, 1..=60.
    pub identity_modes: usize,
}

impl BasisOptions {
    /// The sizes of the basis that comes with this program.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            skin_vertices: 3000,
            teeth_vertices: 640,
            gums_vertices: 240,
            identity_modes: 40,
        }
    }
}

/// A basis, what was measured on it, and the licence of what it was made from.
#[derive(Clone, Debug)]
pub struct TrainedBasis {
    /// The basis.
    pub basis: FaceBasis,
    /// How near it is to what it was made from.
    pub report: BasisReport,
    licence: Vec<u8>,
}

/// Makes a face basis from ICT-FaceKit (Li et al., "Learning Formation of Physically-Based Face Attributes", 2020; MIT):
/// the neutral mesh simplified by its error in all poses, finer at eyes, brows and mouth; the shapes at the vertices that
/// are kept; eyeballs and a tongue of our own; all displacements in 8 bits. The same data give the same bytes.
///
/// # Errors
///
/// [`Error::Read`] and [`Error::Meshes`] where the data cannot be read, [`Error::Cancelled`], and [`Error::Basis`] where
/// the sizes are beyond what a basis holds.
pub fn train_face_basis(
    options: &BasisOptions,
    progress: &dyn Progress,
) -> Result<TrainedBasis, Error> {
    progress.step(Stage::Read, 0, 1);
    let licence = read_limited(&options.data.join(LICENCE), LIMIT_LICENCE_BYTES)?;
    let ict = Ict::read(&options.data.join(MESHES))?;
    progress.step(Stage::Read, 1, 1);
    let basis = made(&ict, options, progress)?;
    let report = BasisReport::of(&basis, &ict, progress)?;
    Ok(TrainedBasis {
        basis,
        report,
        licence,
    })
}

impl TrainedBasis {
    /// Writes `basis.safetensors`, `config.json`, `card.md`, `report.json` and the licence of ICT-FaceKit to `folder`,
    /// which is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            |source| Error::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let json = |value: serde_json::Result<String>| value.unwrap_or_default() + "\n"; // plain numbers
        let bytes = self.basis.to_bytes()?;
        let config = json(serde_json::to_string_pretty(&self.basis.config()));
        let report = json(serde_json::to_string_pretty(&self.report));
        let card = card::card(&self.basis, &self.report, &bytes);
        let files = [
            ("basis.safetensors", bytes),
            ("config.json", config.into_bytes()),
            ("card.md", card.into_bytes()),
            ("report.json", report.into_bytes()),
            (LICENCE, self.licence.clone()),
        ];
        let written = files.into_iter().map(|(name, bytes)| {
            let path = folder.join(name);
            write_atomic(&path, &bytes).map_err(failed(&path))?;
            Ok(path)
        });
        written.collect()
    }
}

fn made(ict: &Ict, options: &BasisOptions, progress: &dyn Progress) -> Result<FaceBasis, Error> {
    let shapes = parts::full_shapes(ict);
    let modes = options.identity_modes.min(ict.identity.len());
    let painted = Painted::of(&ict.neutral);
    let whole = [
        (
            triangles(ict, |at| at <= *ict::EYE_SOCKETS.end()),
            options.skin_vertices,
        ),
        (gums(ict), options.gums_vertices),
        (
            triangles(ict, |at| ict::TEETH.contains(&at)),
            options.teeth_vertices,
        ),
    ];
    let mut all = Vec::new();
    let mut landmarks = [0; FaceBasis::LANDMARKS];
    let total = whole.len();
    for (done, (triangles, target)) in whole.into_iter().enumerate() {
        progress.step(Stage::Train, done, total);
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let fewer = simplify(&mesh(ict, &shapes, triangles), target);
        let tissue = |vertex| painted.tissue(vertex, ict.neutral[vertex]);
        let (part, used) = Part::of_ict(ict, &shapes, modes, &fewer, tissue);
        if done == 0 {
            let place = |vertex: u16| used.partition_point(|other| *other < u32::from(vertex));
            landmarks = ict::LANDMARKS.map(|vertex| place(vertex) as u16);
        }
        all.push(part);
    }
    progress.step(Stage::Train, total, total);
    for eye in [Tissue::LeftEye, Tissue::RightEye] {
        all.push(Part::eye(ict, modes, eye));
    }
    all.push(Part::tongue(ict, &shapes, modes));
    joined(&all, modes, landmarks)
}

/// The triangles of ICT-FaceKit whose corners are all `wanted`.
fn triangles(ict: &Ict, wanted: impl Fn(usize) -> bool) -> Vec<[u32; 3]> {
    let whole = |face: &&Vec<u32>| face.iter().all(|corner| wanted(*corner as usize));
    let fan = |face: &Vec<u32>| -> Vec<[u32; 3]> {
        let rest = face.windows(2).skip(1);
        rest.map(|pair| [face[0], pair[0], pair[1]]).collect()
    };
    ict.faces.iter().filter(whole).flat_map(fan).collect()
}

/// The gums without the tongue and the floor of the mouth between them: what lies below the bite and farther than
/// 0.7 cm from the teeth, is left out.
fn gums(ict: &Ict) -> Vec<[u32; 3]> {
    let teeth = &ict.neutral[ict::TEETH];
    let is_near = |at: Vector| {
        let near = |tooth: &Vector| {
            let by = sub(*tooth, at);
            dot(by, by) < 0.49
        };
        teeth.iter().any(near)
    };
    let kept: Vec<bool> = ict.neutral[ict::GUMS]
        .iter()
        .map(|at| at[1] > -2.6 || is_near(*at))
        .collect();
    triangles(ict, |at| {
        ict::GUMS.contains(&at) && kept[at - ict::GUMS.start()]
    })
}

/// What is simplified, with all its poses.
fn mesh(ict: &Ict, shapes: &[Vec<Vector>], triangles: Vec<[u32; 3]>) -> Mesh {
    let moved = |shape: &Vec<Vector>| {
        let pairs = ict.neutral.iter().zip(shape);
        pairs.map(|(at, by)| add(*at, *by)).collect()
    };
    let first = |triangle: &[u32; 3]| triangle.iter().map(|corner| part(*corner as usize)).max();
    let poses = std::iter::once(ict.neutral.clone());
    let mut stays = vec![false; ict.neutral.len()];
    for landmark in ict::LANDMARKS {
        stays[usize::from(landmark)] = true;
    }
    Mesh {
        poses: poses.chain(shapes.iter().map(moved)).collect(),
        parts: triangles
            .iter()
            .map(|triangle| first(triangle).unwrap_or(0))
            .collect(),
        triangles,
        importance: (0..ict.neutral.len())
            .map(|vertex| importance(vertex, ict.neutral[vertex]))
            .collect(),
        stays,
    }
}

/// The parts of the closed surface, whose seams are lid margins and the inner edge of the lips.
fn part(vertex: usize) -> u8 {
    match vertex {
        vertex if ict::MOUTH.contains(&vertex) => 1,
        vertex if ict::EYE_SOCKETS.contains(&vertex) => 2,
        _ => 0,
    }
}

/// How much an error at a vertex matters: most at the eyes and the mouth, least where nobody looks.
fn importance(vertex: usize, at: Vector) -> f64 {
    let near = |centre: Vector, reach: f64| {
        let mut by = sub(at, centre);
        by[0] = at[0].abs() - centre[0];
        libm::exp(-f64::from(dot(by, by)) / (reach * reach))
    };
    let features = 20.0 * near([3.1, 3.7, 9.2], 2.2)
        + 60.0 * near([3.1, 3.6, 9.3], 1.5)
        + 4.0 * near([3.3, 5.8, 9.6], 2.0)
        + 14.0 * near([0.0, -3.4, 11.0], 2.8)
        + 3.0 * near([0.0, 0.5, 12.0], 2.5);
    match vertex {
        vertex if ict::NARROW_FACE.contains(&vertex) => 1.0 + features,
        vertex if ict::FACE.contains(&vertex) => 0.25,
        vertex if ict::HEAD.contains(&vertex) => 0.03,
        vertex if ict::MOUTH.contains(&vertex) => 0.02 + 0.02 * features,
        vertex if ict::EYE_SOCKETS.contains(&vertex) => 0.02,
        _ => f64::from(at[2] - 3.0).max(0.5),
    }
}

/// Where the red of the lips ends and the brows are, seen from the front.
struct Painted {
    lips: Vec<[f32; 2]>,
    brow: Vec<[f32; 2]>,
}

/// Half the width of a brow as vertices are counted to it.
const BROW_HALF: f32 = 0.45;

impl Painted {
    fn of(neutral: &[Vector]) -> Self {
        let at = |landmark: usize| {
            let [x, y, _] = neutral[usize::from(ict::LANDMARKS[landmark])];
            [x, y]
        };
        let lower = |[x, y]: [f32; 2]| [x.abs(), y - BROW_BELOW_LANDMARKS];
        Self {
            lips: (48..60).map(at).collect(),
            brow: (22..27).map(|landmark| lower(at(landmark))).collect(),
        }
    }

    fn tissue(&self, vertex: usize, [x, y, z]: Vector) -> Tissue {
        match vertex {
            vertex if ict::MOUTH.contains(&vertex) => Tissue::MouthLining,
            vertex if ict::EYE_SOCKETS.contains(&vertex) => Tissue::EyeSocket,
            vertex if ict::GUMS.contains(&vertex) => Tissue::Gums,
            vertex if ict::TEETH.contains(&vertex) => Tissue::Teeth,
            vertex if !ict::NARROW_FACE.contains(&vertex) => Tissue::Skin,
            _ if z > 9.5 && is_inside(&self.lips, [x, y]) => Tissue::Lips,
            _ if distance_to_line(&self.brow, [x.abs(), y]) < BROW_HALF => Tissue::Brow,
            _ => Tissue::Skin,
        }
    }
}

/// The parts one after another, their displacements rounded.
fn joined(
    parts: &[Part],
    modes: usize,
    landmarks: [u16; FaceBasis::LANDMARKS],
) -> Result<FaceBasis, Error> {
    let gather = |of: &dyn Fn(&Part) -> &Vec<Vector>| -> Vec<Vector> {
        parts.iter().flat_map(of).copied().collect()
    };
    let mut triangles = Vec::new();
    let mut first = 0;
    for part in parts {
        for corners in &part.triangles {
            triangles.push(corners.map(|corner| (corner + first) as u16));
        }
        first += part.neutral.len() as u32;
    }
    if first > u32::from(u16::MAX) || triangles.len() > usize::from(u16::MAX) {
        let reason = format!("{first} vertices and {} triangles", triangles.len());
        return Err(Error::Basis { reason });
    }
    Ok(FaceBasis {
        neutral: gather(&|part| &part.neutral),
        triangles,
        tissues: parts.iter().flat_map(|part| part.tissues.clone()).collect(),
        shapes: (0..SHAPES)
            .map(|at| Displacement::rounded(&gather(&|part| &part.shapes[at])))
            .collect(),
        identity: (0..modes)
            .map(|at| Displacement::rounded(&gather(&|part| &part.identity[at])))
            .collect(),
        landmarks,
    })
}

/// The shapes that ICT-FaceKit has.
fn measured_shapes() -> impl Iterator<Item = Shape> {
    Shape::ALL
        .into_iter()
        .filter(|shape| *shape != Shape::TongueOut)
}
