//! Takes for `tests/python/`.

use std::path::{Path, PathBuf};

use affetto_media::{
    Limits,
    rig::{Shape, Take, TakeFrame, Timecode, Turn, arkit_json, gltf, livelink, vrm},
};

/// Two seconds of a face that does something different with every shape.
fn take(numer: u32, denom: u32) -> Take {
    let rate = affetto_emotion::FrameRate::new(numer, denom);
    let frames = 2 * numer / denom;
    let frame = |at: u32| {
        let part = |by: u32| f64::from(at * by % 97) / 97.0;
        let mut frame = TakeFrame {
            timecode: Some(Timecode::at(u64::from(at) + 1_000_000, rate)),
            ..TakeFrame::default()
        };
        for (shape, by) in Shape::ALL.into_iter().zip(1..) {
            frame.shapes[shape] = part(by);
        }
        frame.head = Turn {
            yaw: part(2) - 0.5,
            pitch: part(3) - 0.5,
            roll: part(5) - 0.5,
        };
        let eye = |side: f64| Turn {
            yaw: side * part(7) / 3.0,
            pitch: part(11) / 3.0,
            roll: 0.0,
        };
        frame.eyes = Some([eye(1.0), eye(-1.0)]);
        frame
    };
    Take {
        rate,
        identity: Vec::new(),
        frames: (0..frames).map(frame).collect(),
    }
}

fn expressions(take: &Take) -> vrm::ExpressionTrack {
    let weights = take
        .frames
        .iter()
        .map(|frame| frame.shapes.0[..6].try_into().unwrap());
    vrm::ExpressionTrack {
        rate: take.rate,
        frames: weights.collect(),
    }
}

/// Every format that holds the shapes gives the same take again; those of `f32` nearly.
#[test]
fn one_take_in_every_format() {
    let take = take(60_000, 1001);
    let limits = Limits::DEFAULT;
    let table = livelink::write(&take).unwrap();
    assert_eq!(livelink::read(&table[..], &limits).unwrap(), take);
    let lines = arkit_json::write_lines(&take).unwrap();
    assert_eq!(arkit_json::read_lines(&lines[..], &limits).unwrap(), take);
    let json = arkit_json::write(&take).unwrap();
    assert_eq!(arkit_json::read(&json, &limits).unwrap(), take);
    let glb = gltf::read(&gltf::write(&take, None).unwrap(), &limits).unwrap();
    assert_eq!((glb.rate, glb.frames.len()), (take.rate, take.frames.len()));
    for (found, frame) in glb.frames.iter().zip(&take.frames) {
        let pairs = found.shapes.0.iter().zip(frame.shapes.0);
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-7));
        assert!((found.head.pitch - frame.head.pitch).abs() < 1e-6);
    }
}

/// Takes in every format, into `AFFETTO_SAMPLES_DIR`.
#[test]
#[ignore = "writes files for other programs; needs AFFETTO_SAMPLES_DIR"]
fn samples_for_other_programs() {
    let folder = PathBuf::from(std::env::var("AFFETTO_SAMPLES_DIR").unwrap());
    let write = |name: &Path, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).unwrap();
    for (name, numer, denom) in [("film", 24, 1), ("phone", 60_000, 1001)] {
        let take = take(numer, denom);
        let name = |extension| Path::new(name).with_extension(extension);
        write(&name("json"), arkit_json::write(&take).unwrap());
        write(&name("jsonl"), arkit_json::write_lines(&take).unwrap());
        write(&name("csv"), livelink::write(&take).unwrap());
        write(&name("glb"), gltf::write(&take, None).unwrap());
        write(&name("vrma"), vrm::write(&expressions(&take)).unwrap());
    }
}
