//! The measured motion that the model learns from.
//!
//! A folder has `tracks.json`, which says what the clips are, and `train48.npz`: one loop of each clip that is to be trusted,
//! in 48 frames of the channels of [`super::basis::SOURCE`], and which of them were measured.

use std::path::Path;

use affetto_core::{Seed, read_limited};
use serde::Deserialize;

use super::{
    basis::{BASIS, Frame, SOURCE, SourceFrame, WIDTH},
    harmonics::GRID,
    npz::Arrays,
};
use crate::{Error, Result};

/// The loops and their channels.
pub const TRACKS: &str = "train48.npz";
/// What the loops are.
pub const INDEX: &str = "tracks.json";
/// Whose motion it is, and what was made of it; it goes with everything that is learned from it.
pub const ATTRIBUTION: &str = "Motion measured from \"Animated Noto Emoji\" by Google, CC BY 4.0, \
    https://googlefonts.github.io/noto-emoji-animation/ - modified (measured as channel tracks).";

/// The largest files that are read.
const MOST_BYTES: u64 = 64 << 20;
/// The most clips.
const MOST_CLIPS: usize = 4096;
/// Emotions of a label: Mikels' eight.
pub const EMOTIONS: usize = 8;
/// Mikels' eight in the order of the model; the first four are pleasant.
pub const EMOTION_NAMES: [&str; EMOTIONS] = [
    "amusement",
    "awe",
    "contentment",
    "excitement",
    "anger",
    "disgust",
    "fear",
    "sadness",
];

/// Cats' mouths and a zip, which the channels can only call a wave.
const NO_WAVE: [&str; 10] = [
    "1f638", "1f639", "1f63a", "1f63b", "1f63c", "1f63d", "1f63e", "1f63f", "1f640", "1f910",
];
/// Heads that melt, split, shrink or turn away.
const NO_HEAD: [&str; 6] = ["1f47b", "1f4a9", "1f916", "1f92f", "1f973", "1fae0"];
/// The largest wave of a mouth, in head radii; more is the teeth of a mask.
const LARGEST_WAVE: f32 = 0.055;
/// A head that turns further than this, in radians, rolls or stands on its head.
const FURTHEST_TURN: f32 = 0.6;

/// One loop.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Its code.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Weights of Mikels' eight; all 0 for a neutral face.
    pub emotion: [f32; EMOTIONS],
    /// Pleasant or not, -1 to 1.
    pub valence: f32,
    /// Awake or calm, -1 to 1.
    pub arousal: f32,
    /// How long the loop is, in seconds.
    pub length_secs: f32,
    /// [`GRID`] frames.
    pub frames: Vec<Frame>,
    /// Which numbers of them were measured, 0 or 1.
    pub known: Vec<Frame>,
}

impl Clip {
    /// The strongest emotion, if it has any.
    pub fn dominant(&self) -> Option<usize> {
        let best = (0..EMOTIONS)
            .max_by(|a, b| self.emotion[*a].total_cmp(&self.emotion[*b]).then(b.cmp(a)))?;
        (self.emotion[best] > 0.0).then_some(best)
    }

    /// The share of its frames in which a number was measured.
    pub fn known_share(&self, place: usize) -> f32 {
        self.known.iter().map(|known| known[place]).sum::<f32>() / self.known.len().max(1) as f32
    }
}

#[derive(Deserialize)]
struct Index {
    generator_channels: Vec<String>,
    clips: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    label: Label,
    trust: u8,
}

#[derive(Deserialize)]
struct Label {
    mikels: std::collections::BTreeMap<String, f32>,
    valence: f32,
    arousal: f32,
}

/// Every trusted clip of a folder, in the order of their codes.
///
/// # Errors
/// Where a file is missing, too large, or not as described above.
pub fn read(folder: &Path) -> Result<Vec<Clip>> {
    let path = folder.join(INDEX);
    let bytes = read_limited(&path, MOST_BYTES)?;
    let index: Index =
        serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?;
    if index.generator_channels != SOURCE {
        return Err(damaged(&path, "its generator channels are others".into()));
    }
    let mut entries: Vec<Entry> = index
        .clips
        .into_iter()
        .filter(|entry| entry.trust > 0)
        .collect();
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    let path = folder.join(TRACKS);
    let file = Loops::read(&path, entries.len())?;
    entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| clip(entry, &file, at, &path))
        .collect()
}

fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged {
        path: path.into(),
        reason,
    }
}

/// The arrays of [`TRACKS`].
struct Loops {
    values: Vec<f32>,
    known: Vec<f32>,
    seconds: Vec<f32>,
}

impl Loops {
    fn read(path: &Path, clips: usize) -> Result<Self> {
        if clips > MOST_CLIPS {
            return Err(damaged(
                path,
                format!("{clips} clips, at most {MOST_CLIPS} are read"),
            ));
        }
        let mut arrays = Arrays::read(path, MOST_BYTES)?;
        let shape = [clips, GRID, SOURCE.len()];
        Ok(Self {
            values: arrays.floats("X", &shape)?,
            known: arrays.floats("M", &shape)?,
            seconds: arrays.floats("dur", &[clips])?,
        })
    }

    fn frames(values: &[f32], at: usize) -> Vec<SourceFrame> {
        let of_clip = &values[at * GRID * SOURCE.len()..][..GRID * SOURCE.len()];
        let (frames, _) = of_clip.as_chunks();
        frames.to_vec()
    }
}

fn clip(entry: Entry, file: &Loops, at: usize, path: &Path) -> Result<Clip> {
    let mut emotion = [0.0; EMOTIONS];
    for (place, name) in EMOTION_NAMES.iter().enumerate() {
        emotion[place] = entry.label.mikels.get(*name).copied().unwrap_or(0.0);
    }
    // An unpleasant clip was called exciting or amusing for its movement; the words here are for what is felt.
    if entry.label.valence < 0.0 {
        emotion[3] = 0.0;
    }
    if entry.label.valence < -0.1 {
        emotion[0] *= 0.3;
        emotion[2] *= 0.3;
    }
    let length_secs = file.seconds[at];
    if !(0.1..=60.0).contains(&length_secs) {
        return Err(damaged(
            path,
            format!("{} is {length_secs} seconds long", entry.id),
        ));
    }
    let (mut frames, mut known) = (
        Loops::frames(&file.values, at),
        Loops::frames(&file.known, at),
    );
    leave_out(&entry.id, &mut frames, &mut known);
    let encoded: Vec<(Frame, Frame)> = frames
        .iter()
        .zip(&known)
        .map(|(frame, known)| BASIS.encode(frame, known))
        .collect();
    let (mut frames, known): (Vec<Frame>, Vec<Frame>) = encoded.into_iter().unzip();
    fill(&mut frames, &known);
    Ok(Clip {
        id: entry.id,
        name: entry.name,
        emotion,
        valence: entry.label.valence,
        arousal: entry.label.arousal,
        length_secs,
        frames,
        known,
    })
}

/// Marks as unknown what the channels cannot say of a clip.
fn leave_out(id: &str, frames: &mut [SourceFrame], known: &mut [SourceFrame]) {
    let mut forget = |name: &str, value: f32| {
        let place = SOURCE
            .iter()
            .position(|other| *other == name)
            .unwrap_or_default();
        for (frame, known) in frames.iter_mut().zip(known.iter_mut()) {
            (frame[place], known[place]) = (value, 0.0);
        }
    };
    if NO_WAVE.contains(&id) {
        forget("mouth_wave", 0.0);
        forget("mouth_round", 0.66);
    }
    if NO_HEAD.contains(&id) {
        for (name, value) in [
            ("head_x", 0.0),
            ("head_y", 0.0),
            ("head_rot", 0.0),
            ("head_sx", 1.0),
            ("head_sy", 1.0),
        ] {
            forget(name, value);
        }
    }
    let [rotation, wave] = ["head_rot", "mouth_wave"].map(|name| {
        SOURCE
            .iter()
            .position(|other| *other == name)
            .unwrap_or_default()
    });
    let turns = |frame: &SourceFrame| frame[rotation].abs() > FURTHEST_TURN;
    let rolls = frames.iter().filter(|frame| turns(frame)).count() * 8 > frames.len();
    for (frame, known) in frames.iter_mut().zip(known.iter_mut()) {
        frame[wave] = frame[wave].min(LARGEST_WAVE);
        if rolls {
            (frame[rotation], known[rotation]) = (0.0, 0.0);
        }
    }
}

/// Fills what was not measured: between measured frames of the loop in a straight line, else as a calm face has it.
fn fill(frames: &mut [Frame], known: &[Frame]) {
    let count = frames.len();
    for place in 0..WIDTH {
        let measured: Vec<usize> = (0..count).filter(|at| known[*at][place] > 0.5).collect();
        let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
            for frame in frames.iter_mut() {
                frame[place] = BASIS.rows()[place].neutral;
            }
            continue;
        };
        let gaps = measured
            .iter()
            .zip(measured[1..].iter().copied().chain([first + count]));
        for (from, to) in gaps.filter(|(from, to)| *to > **from + 1) {
            let (begin, end) = (frames[*from][place], frames[to % count][place]);
            for at in from + 1..to {
                let share = (at - from) as f32 / (to - from) as f32;
                frames[at % count][place] = begin + (end - begin) * share;
            }
        }
        debug_assert!(first <= last);
    }
}

/// Clips in two parts with none in both: every `parts`-th of each emotion, in an order that `seed` draws, is in the second.
pub fn split(clips: &[Clip], parts: usize, seed: Seed) -> [Vec<usize>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for emotion in std::iter::once(None).chain((0..EMOTIONS).map(Some)) {
        let mut of_it: Vec<usize> = (0..clips.len())
            .filter(|at| clips[*at].dominant() == emotion)
            .collect();
        of_it.sort_by_key(|at| seed.derive(&clips[*at].id).0);
        for (rank, at) in of_it.into_iter().enumerate() {
            sides[usize::from(rank % parts == parts - 1)].push(at);
        }
    }
    sides.iter_mut().for_each(|side| side.sort_unstable());
    sides
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The tracks in the folder of shared data, where this checkout has one.
    pub(crate) fn tracks() -> Option<PathBuf> {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let folder = std::env::var_os("AFFETTO_SHARED").map_or_else(beside, PathBuf::from);
        let folder = folder.join("data/video/tracks");
        folder.join(TRACKS).exists().then_some(folder)
    }

    /// Loops of our own: a smile that opens and closes, a frown with a tear.
    pub(crate) fn invented(count: usize) -> Vec<Clip> {
        let place = |name: &str| BASIS.place(name).unwrap();
        (0..count)
            .map(|index| {
                let (emotion, sign) = if index % 2 == 0 { (0, -1.0) } else { (7, 1.0) };
                let mut rng = Seed(index as u64).rng();
                let mut of = [0.0; EMOTIONS];
                of[emotion] = 1.0;
                let size = 0.8 + 0.4 * rng.uniform() as f32;
                let frames = (0..GRID).map(|at| {
                    let wave = libm::cosf(std::f32::consts::TAU * at as f32 / GRID as f32);
                    let mut frame: Frame = std::array::from_fn(|row| BASIS.rows()[row].neutral);
                    frame[place("mouth_mid")] = sign * 0.15 * size;
                    frame[place("mouth_open")] = 0.2 + 0.1 * wave * size;
                    frame[place("eye_open_s")] = 0.3 - 0.1 * sign * wave;
                    frame[place("tear_s")] = if sign > 0.0 {
                        0.3
                    } else {
                        crate::sticker::basis::OFF
                    };
                    frame
                });
                Clip {
                    id: format!("clip{index}"),
                    name: String::new(),
                    emotion: of,
                    valence: -0.8 * sign,
                    arousal: 0.4 * sign,
                    length_secs: 1.5 + 0.1 * index as f32,
                    frames: frames.collect(),
                    known: vec![[1.0; WIDTH]; GRID],
                }
            })
            .collect()
    }

    #[test]
    fn gaps_are_filled_around_the_loop() {
        let mut frames = vec![[0.0; WIDTH]; 4];
        let mut known = vec![[0.0; WIDTH]; 4];
        (frames[1][3], frames[2][3]) = (1.0, 4.0);
        (known[1][3], known[2][3]) = (1.0, 1.0);
        fill(&mut frames, &known);
        assert_eq!([0, 1, 2, 3].map(|at| frames[at][3]), [2.0, 1.0, 4.0, 3.0]);
        assert_eq!(frames[0][5], BASIS.rows()[5].neutral);
    }

    #[test]
    fn every_clip_is_on_one_side() {
        let clips = invented(22);
        let [more, fewer] = split(&clips, 3, Seed(1));
        assert_eq!([more.len(), fewer.len()], [16, 6]);
        let mut all: Vec<usize> = more.into_iter().chain(fewer).collect();
        all.sort_unstable();
        assert_eq!(all, (0..22).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_without_tracks_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(INDEX), "{error}");
        std::fs::write(
            folder.path().join(INDEX),
            "{\"generator_channels\": [], \"clips\": []}",
        )
        .unwrap();
        assert!(
            read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("others")
        );
    }

    #[test]
    #[allow(clippy::print_stderr)]
    fn the_measured_tracks_are_read() {
        let Some(folder) = tracks() else {
            return eprintln!("skipped: no tracks in the shared data");
        };
        let clips = read(&folder).unwrap();
        assert_eq!(clips.len(), 125);
        assert!(
            clips
                .iter()
                .filter(|clip| clip.dominant().is_none())
                .count()
                < 5
        );
        let heart = clips.iter().find(|clip| clip.id == "1f60d").unwrap();
        assert_eq!(heart.known_share(BASIS.place("glyph_w").unwrap()), 1.0);
    }
}
