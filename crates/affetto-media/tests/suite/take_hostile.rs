//! Damaged and hostile takes are refused in one line, at once and without a panic.
//!
//! The files are made by [`bad`]. To write them again after a change:
//! `cargo test -p affetto-media --test suite take_hostile -- --ignored`

use std::{fs, path::PathBuf, time::Instant};

use affetto_media::{
    Error, Limits,
    rig::{Shape, TakeFormat, arkit_json, gltf, livelink, vrm},
};

type File = (&'static str, Vec<u8>, &'static str);

const TURNS: &str = "HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll";

fn column(shape: Shape) -> String {
    shape.name()[..1].to_uppercase() + &shape.name()[1..]
}

/// A table of one frame.
fn csv() -> String {
    let columns = livelink::COLUMNS.map(column).join(",");
    let numbers = ["0.25"; 61].join(",");
    format!("Timecode,BlendShapeCount,{columns},{TURNS}\n00:00:00:00.000,61,{numbers}\n")
}

/// The table with one thing in place of another.
fn csv_with(this: &str, that: &str) -> Vec<u8> {
    let sound = csv();
    assert!(sound.contains(this), "{this}");
    sound.replacen(this, that, 1).into_bytes()
}

const TAKE: &str = r#"{"schema":"face-take/1","fps":"60","frames":[{"t":0,"frame":0,"weights":{"jawOpen":0.5},"head":{"yaw":0,"pitch":0,"roll":0}},{"t":0.1,"frame":1,"weights":{}}]}"#;

fn json_with(this: &str, that: &str) -> Vec<u8> {
    assert!(TAKE.contains(this), "{this}");
    TAKE.replacen(this, that, 1).into_bytes()
}

const MORPH: &str = r#"{"asset":{"version":"2.0"},"buffers":[{"byteLength":16}],"bufferViews":[{"buffer":0,"byteLength":8},{"buffer":0,"byteOffset":8,"byteLength":8}],"accessors":[{"bufferView":0,"componentType":5126,"count":2,"type":"SCALAR"},{"bufferView":1,"componentType":5126,"count":2,"type":"SCALAR"}],"meshes":[{"primitives":[{"attributes":{}}],"extras":{"targetNames":["jawOpen"]}}],"nodes":[{"mesh":0}],"animations":[{"channels":[{"sampler":0,"target":{"node":0,"path":"weights"}}],"samplers":[{"input":0,"output":1}]}]}"#;

const EXPRESSION: &str = r#"{"asset":{"version":"2.0"},"buffers":[{"byteLength":32}],"bufferViews":[{"buffer":0,"byteLength":8},{"buffer":0,"byteOffset":8,"byteLength":24}],"accessors":[{"bufferView":0,"componentType":5126,"count":2,"type":"SCALAR"},{"bufferView":1,"componentType":5126,"count":2,"type":"VEC3"}],"nodes":[{}],"animations":[{"channels":[{"sampler":0,"target":{"node":0,"path":"translation"}}],"samplers":[{"input":0,"output":1}]}],"extensionsUsed":["VRMC_vrm_animation"],"extensions":{"VRMC_vrm_animation":{"specVersion":"1.0","expressions":{"preset":{"happy":{"node":0}}}}}}"#;

const TIMES: [f32; 2] = [0.0, 0.1];

/// Times and weights, each of two keys.
fn morph_numbers() -> Vec<f32> {
    [TIMES, [0.25, 0.5]].concat()
}

fn expression_numbers() -> Vec<f32> {
    [&TIMES[..], &[0.25, 0.0, 0.0, 0.5, 0.0, 0.0]].concat()
}

fn glb(json: &str, numbers: &[f32]) -> Vec<u8> {
    let mut json = json.as_bytes().to_vec();
    json.resize(json.len().next_multiple_of(4), b' ');
    let bin: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let words = |words: [u32; 2]| words.map(u32::to_le_bytes).concat();
    let length = 12 + 8 + json.len() + 8 + bin.len();
    let parts = [
        b"glTF".to_vec(),
        words([2, length as u32]),
        words([json.len() as u32, u32::from_le_bytes(*b"JSON")]),
        json,
        words([bin.len() as u32, u32::from_le_bytes(*b"BIN\0")]),
        bin,
    ];
    parts.concat()
}

fn glb_with(this: &str, that: &str) -> Vec<u8> {
    assert!(MORPH.contains(this), "{this}");
    glb(&MORPH.replacen(this, that, 1), &morph_numbers())
}

fn vrma_with(this: &str, that: &str) -> Vec<u8> {
    assert!(EXPRESSION.contains(this), "{this}");
    glb(&EXPRESSION.replacen(this, that, 1), &expression_numbers())
}

/// A file with four bytes in place of others.
fn word_at(at: usize, word: u32) -> Vec<u8> {
    let mut bytes = glb(MORPH, &morph_numbers());
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    bytes
}

fn truncated(mut bytes: Vec<u8>, left: usize) -> Vec<u8> {
    bytes.truncate(left);
    bytes
}

fn bad() -> Vec<File> {
    [bad_csv(), bad_json(), bad_lines(), bad_glb(), bad_vrma()].concat()
}

fn bad_csv() -> Vec<File> {
    let header = csv().lines().next().unwrap().to_string();
    let row = csv().lines().nth(1).unwrap().to_string();
    vec![
        ("empty.csv", Vec::new(), "the file is empty"),
        ("only-names.csv", header.clone().into_bytes(), "no frames"),
        (
            "binary.csv",
            vec![0xff, 0xfe, 0, 1, 2, 3, b'\n'],
            "not UTF-8",
        ),
        (
            "music.csv",
            b"title,composer\nA,B\n".to_vec(),
            "unknown column \"title\"",
        ),
        (
            "no-timecode.csv",
            csv_with("Timecode,", ""),
            "no column Timecode",
        ),
        (
            "no-count.csv",
            csv_with("BlendShapeCount,", ""),
            "no column BlendShapeCount",
        ),
        ("no-jaw.csv", csv_with("JawOpen,", ""), "no column JawOpen"),
        (
            "unknown-shape.csv",
            csv_with("JawOpen", "JawOpne"),
            "did you mean jawOpen?",
        ),
        (
            "shape-twice.csv",
            csv_with("JawOpen", "CheekPuff"),
            "CheekPuff is there twice",
        ),
        (
            "no-roll.csv",
            csv_with(",HeadRoll", ""),
            "no column HeadRoll",
        ),
        (
            "semicolons.csv",
            csv().replace(',', ";").into_bytes(),
            "unknown column",
        ),
        (
            "short-row.csv",
            csv_with("0.25,", ""),
            "62 fields in 63 columns",
        ),
        (
            "long-row.csv",
            csv_with("0.25,", "0.25,0.25,"),
            "64 fields in 63 columns",
        ),
        (
            "count-of-52.csv",
            csv_with(",61,", ",52,"),
            "a BlendShapeCount of \"52\"",
        ),
        (
            "count-huge.csv",
            csv_with(",61,", ",99999999999999999999,"),
            "a BlendShapeCount of",
        ),
        ("nan.csv", csv_with("0.25", "NaN"), "eyeBlinkLeft of NaN"),
        (
            "infinite.csv",
            csv_with("0.25", "inf"),
            "eyeBlinkLeft of inf",
        ),
        (
            "overflow.csv",
            csv_with("0.25", "1e999"),
            "eyeBlinkLeft of inf",
        ),
        (
            "word.csv",
            csv_with("0.25", "half"),
            "\"half\" is not a number",
        ),
        (
            "no-number.csv",
            csv_with("0.25", ""),
            "\"\" is not a number",
        ),
        (
            "percents.csv",
            csv().replace("0.25", "25").into_bytes(),
            "eyeBlinkLeft of 25, outside -2..=2",
        ),
        (
            "degrees.csv",
            csv_with("0.25\n", "-25\n"),
            "a turn of 25 radians",
        ),
        (
            "timecode-of-25-hours.csv",
            csv_with("00:00", "25:00"),
            "a timecode such as",
        ),
        (
            "timecode-of-words.csv",
            csv_with("00:00:00:00.000", "noon"),
            "a timecode such as",
        ),
        (
            "endless-line.csv",
            [row.as_str(); 210].join(",").into_bytes(),
            "a line of more than 65536 bytes",
        ),
        (
            "unclosed-quote.csv",
            format!("\"{}", csv()).into_bytes(),
            "unknown column",
        ),
    ]
}

fn bad_json() -> Vec<File> {
    let deep = format!("[{}", "[".repeat(5000));
    vec![
        ("empty.json", Vec::new(), "EOF"),
        (
            "binary.json",
            vec![0xff, 0xd8, 0xff, 0xe0],
            "expected value",
        ),
        ("truncated.json", truncated(TAKE.into(), 100), "EOF"),
        (
            "garbage-after.json",
            json_with("]}", "]}}"),
            "trailing characters",
        ),
        (
            "two-objects.json",
            [TAKE, TAKE].concat().into_bytes(),
            "trailing characters",
        ),
        (
            "array.json",
            b"[]".to_vec(),
            "an object of the schema face-take/1",
        ),
        (
            "no-schema.json",
            json_with("\"schema\":\"face-take/1\",", ""),
            "missing field `schema`",
        ),
        (
            "curve.json",
            json_with("face-take/1", "emotion-track/1"),
            "the schema is \"emotion-track/1\"",
        ),
        (
            "no-fps.json",
            json_with("\"fps\":\"60\",", ""),
            "missing field `fps`",
        ),
        ("fps-of-0.json", json_with("\"60\"", "0"), "frame rate"),
        (
            "fps-over-0.json",
            json_with("\"60\"", "\"60/0\""),
            "frame rate",
        ),
        (
            "fps-of-objects.json",
            json_with("\"60\"", "{\"a\":1}"),
            "frame rate",
        ),
        (
            "no-frames.json",
            b"{\"schema\":\"face-take/1\",\"fps\":60,\"frames\":[]}".to_vec(),
            "no frames",
        ),
        (
            "frames-missing.json",
            b"{\"schema\":\"face-take/1\",\"fps\":60}".to_vec(),
            "missing field `frames`",
        ),
        (
            "fps-twice.json",
            json_with("\"fps\":\"60\"", "\"fps\":60,\"fps\":60"),
            "duplicate field `fps`",
        ),
        (
            "shape-twice.json",
            json_with("0.5", "0.5,\"jawOpen\":0.5"),
            "jawOpen is there twice",
        ),
        (
            "unknown-field.json",
            json_with("\"fps\"", "\"rate\""),
            "unknown field \"rate\"",
        ),
        (
            "unknown-shape.json",
            json_with("jawOpen", "jawOpne"),
            "did you mean jawOpen?",
        ),
        (
            "unknown-turn.json",
            json_with("\"roll\"", "\"rol\""),
            "unknown field `rol`",
        ),
        (
            "no-weights.json",
            json_with(",\"weights\":{}", ""),
            "missing field `weights`",
        ),
        ("nan.json", json_with("0.5", "NaN"), "expected value"),
        (
            "overflow.json",
            json_with("0.5", "1e999"),
            "a number is not finite",
        ),
        (
            "number-as-text.json",
            json_with("0.5", "\"0.5\""),
            "is not a number",
        ),
        (
            "percents.json",
            json_with("0.5", "50"),
            "jawOpen of 50, outside -2..=2",
        ),
        (
            "degrees.json",
            json_with("\"yaw\":0", "\"yaw\":45"),
            "a turn of 45 radians",
        ),
        (
            "frames-missing-between.json",
            json_with("\"frame\":1", "\"frame\":7"),
            "frame 7 stands where frame 1 should",
        ),
        (
            "frames-back-in-time.json",
            json_with("\"t\":0.1", "\"t\":-0.1"),
            "a frame at -0.1 s follows one at 0 s",
        ),
        (
            "frame-beyond-64-bits.json",
            json_with("\"frame\":1", "\"frame\":99999999999999999999"),
            "invalid type",
        ),
        (
            "deep.json",
            json_with("\"frames\":[", &format!("\"frames\":{deep}")),
            "expected `,` or `]`",
        ),
        (
            "deep-identity.json",
            json_with("\"frames\":[", &format!("\"identity\":{deep}")),
            "expected `,` or `]`",
        ),
        (
            "long-identity.json",
            json_with(
                "\"frames\":[",
                &format!("\"identity\":[{}1],\"frames\":[", "1,".repeat(1000)),
            ),
            "a list of more than 1000",
        ),
        (
            "crop-of-3.json",
            json_with(
                "\"weights\":{}",
                "\"weights\":{},\"tracked\":{\"crop\":[1,2,3],\"landmarks\":[]}",
            ),
            "3 numbers, not 4",
        ),
        (
            "timecode.json",
            json_with("\"weights\":{}", "\"weights\":{},\"timecode\":\"noon\""),
            "a timecode such as",
        ),
    ]
}

fn bad_lines() -> Vec<File> {
    let line = |weights: &str| format!("{{\"weights\":{weights}}}\n");
    let sound = line("{}");
    vec![
        ("empty.jsonl", Vec::new(), "no frames"),
        ("blank.jsonl", b"\n\r\n \n".to_vec(), "no frames"),
        ("object.jsonl", TAKE.into(), "unknown field `schema`"),
        (
            "second-line.jsonl",
            (sound.clone() + &line("{\"smile\":1}")).into_bytes(),
            "did you mean mouthSmileLeft?, at line 2",
        ),
        (
            "truncated.jsonl",
            (sound.clone() + "{\"weights\":{").into_bytes(),
            "EOF while parsing an object, at line 2",
        ),
        (
            "two-on-a-line.jsonl",
            (sound.trim_end().to_string() + &sound).into_bytes(),
            "trailing characters",
        ),
        ("pretty.jsonl", b"{\n\"weights\": {}\n}\n".to_vec(), "EOF"),
        (
            "endless-line.jsonl",
            line(&format!("{{{}}}", " ".repeat(1 << 16))).into_bytes(),
            "a line of more than 65536 bytes",
        ),
        (
            "latin-1.jsonl",
            b"{\"weights\":{\"Caf\xe9\":1}}".to_vec(),
            "invalid unicode",
        ),
    ]
}

fn bad_glb() -> Vec<File> {
    let sound = || glb(MORPH, &morph_numbers());
    let numbers = |times: [f32; 2], weights: [f32; 2]| glb(MORPH, &[times, weights].concat());
    let named = MORPH.replacen(
        "\"samplers\"",
        "\"extras\":{\"fps\":\"60\"},\"samplers\"",
        1,
    );
    vec![
        ("empty.glb", Vec::new(), "does not begin with glTF"),
        ("magic-alone.glb", b"glTF".to_vec(), "the file ends early"),
        ("json.glb", MORPH.into(), "does not begin with glTF"),
        ("version-1.glb", word_at(4, 1), "version 1, not 2"),
        (
            "length-huge.glb",
            word_at(8, u32::MAX),
            "4294967295 bytes are announced",
        ),
        (
            "json-huge.glb",
            word_at(12, u32::MAX),
            "a chunk claims 4294967295 bytes",
        ),
        (
            "json-of-3-mib.glb",
            word_at(12, 3 << 20),
            "a chunk claims 3145728 bytes",
        ),
        (
            "bin-first.glb",
            word_at(16, u32::from_le_bytes(*b"BIN\0")),
            "a chunk of kind 0x4e4942",
        ),
        (
            "truncated.glb",
            truncated(sound(), 500),
            "bytes are announced",
        ),
        (
            "no-bin.glb",
            truncated(
                word_at(8, 20 + MORPH.len().next_multiple_of(4) as u32),
                20 + MORPH.len().next_multiple_of(4),
            ),
            "ends after the data",
        ),
        ("not-json.glb", glb("{\"asset\":", &[]), "EOF"),
        (
            "no-animation.glb",
            glb_with("\"animations\"", "\"extras\""),
            "no animation of shapes",
        ),
        (
            "no-names.glb",
            glb_with("targetNames", "names"),
            "no animation of shapes",
        ),
        (
            "unknown-names.glb",
            glb_with("jawOpen", "Key 1"),
            "no animation of shapes",
        ),
        (
            "no-such-node.glb",
            glb_with("\"node\":0", "\"node\":4000000000"),
            "no animation of shapes",
        ),
        (
            "no-such-sampler.glb",
            glb_with("\"sampler\":0", "\"sampler\":9"),
            "a channel without a sampler",
        ),
        (
            "no-such-accessor.glb",
            glb_with("\"output\":1", "\"output\":9"),
            "accessor 9",
        ),
        (
            "no-such-view.glb",
            glb_with("\"bufferView\":1", "\"bufferView\":9"),
            "there is no buffer view 9",
        ),
        (
            "no-such-buffer.glb",
            glb_with("\"buffer\":0", "\"buffer\":9"),
            "there is no such buffer",
        ),
        (
            "file-uri.glb",
            glb_with(
                "{\"byteLength\":16}",
                "{\"byteLength\":16,\"uri\":\"/etc/passwd\"}",
            ),
            "data outside of the file are not read",
        ),
        (
            "web-uri.glb",
            glb_with(
                "{\"byteLength\":16}",
                "{\"byteLength\":16,\"uri\":\"http://example.com/a.bin\"}",
            ),
            "data outside of the file are not read",
        ),
        (
            "data-uri.glb",
            glb_with(
                "{\"byteLength\":16}",
                "{\"byteLength\":16,\"uri\":\"data:;base64,AAAA\"}",
            ),
            "data outside of the file are not read",
        ),
        (
            "count-huge.glb",
            glb_with("\"count\":2", "\"count\":18446744073709551615"),
            "18446744073709551615 frames",
        ),
        (
            "count-0.glb",
            glb(
                &MORPH.replace("\"count\":2", "\"count\":0"),
                &morph_numbers(),
            ),
            "0 items do not lie",
        ),
        (
            "count-large.glb",
            glb(
                &MORPH.replace("\"count\":2", "\"count\":200000"),
                &morph_numbers(),
            ),
            "200000 items do not lie in 8 bytes",
        ),
        (
            "counts-differ.glb",
            glb_with(
                "\"bufferView\":1,\"componentType\":5126,\"count\":2",
                "\"bufferView\":1,\"componentType\":5126,\"count\":1",
            ),
            "not 2 of Scalar",
        ),
        (
            "type-vec4.glb",
            glb_with("\"SCALAR\"", "\"VEC4\""),
            "not 2 of Scalar",
        ),
        (
            "type-unknown.glb",
            glb_with("\"SCALAR\"", "\"VEC9\""),
            "not 2 of Scalar",
        ),
        (
            "component-u32.glb",
            glb_with("5126", "5125"),
            "whole numbers (U32)",
        ),
        (
            "component-unknown.glb",
            glb_with("5126", "9"),
            "numbers of an unknown type",
        ),
        (
            "sparse.glb",
            glb_with(
                "\"type\":\"SCALAR\"}",
                "\"type\":\"SCALAR\",\"sparse\":{\"count\":1,\"indices\":{\"bufferView\":0,\"componentType\":5121},\"values\":{\"bufferView\":0}}}",
            ),
            "sparse numbers",
        ),
        (
            "offset-overflows.glb",
            glb_with("\"byteOffset\":8", "\"byteOffset\":18446744073709551615"),
            "ends after the data",
        ),
        (
            "accessor-offset-huge.glb",
            glb_with(
                "\"bufferView\":0,",
                "\"bufferView\":0,\"byteOffset\":9999999999,",
            ),
            "begins after its data",
        ),
        (
            "stride-huge.glb",
            glb_with(
                "\"buffer\":0,\"byteLength\":8}",
                "\"buffer\":0,\"byteLength\":8,\"byteStride\":18446744073709551615}",
            ),
            "2 items do not lie in 8 bytes",
        ),
        (
            "spline.glb",
            glb_with(
                "\"output\":1",
                "\"output\":1,\"interpolation\":\"CUBICSPLINE\"",
            ),
            "neither LINEAR nor STEP",
        ),
        (
            "times-fall.glb",
            numbers([1.0, 0.5], [0.0, 1.0]),
            "times that do not rise",
        ),
        (
            "times-stand.glb",
            numbers([1.0, 1.0], [0.0, 1.0]),
            "times that do not rise",
        ),
        (
            "times-nan.glb",
            numbers([0.0, f32::NAN], [0.0, 1.0]),
            "times that do not rise",
        ),
        (
            "weeks.glb",
            glb(&named, &[0.0, 1e7, 0.0, 1.0]),
            "600000001 frames, and at most 216000",
        ),
        (
            "weight-nan.glb",
            numbers(TIMES, [0.0, f32::NAN]),
            "a value that is not a number",
        ),
        (
            "percents.glb",
            numbers(TIMES, [0.0, 100.0]),
            "jawOpen of 100, outside -2..=2",
        ),
        (
            "cycle.glb",
            glb_with("{\"mesh\":0}", "{\"children\":[0],\"name\":\"head\"}"),
            "no animation of shapes",
        ),
    ]
}

fn bad_vrma() -> Vec<File> {
    let model = EXPRESSION.replace("VRMC_vrm_animation", "VRMC_vrm");
    vec![
        ("empty.vrma", Vec::new(), "does not begin with glTF"),
        (
            "morph-targets.vrma",
            glb(MORPH, &morph_numbers()),
            "extension VRMC_vrm_animation",
        ),
        (
            "model.vrm",
            glb(&model, &expression_numbers()),
            "a VRM model, not an animation",
        ),
        (
            "version-2.vrma",
            vrma_with("\"1.0\"", "\"2.0\""),
            "version \"2.0\"",
        ),
        (
            "no-version.vrma",
            vrma_with("\"specVersion\":\"1.0\",", ""),
            "missing field `specVersion`",
        ),
        (
            "only-blink.vrma",
            vrma_with("happy", "blink"),
            "no expression that shows a feeling",
        ),
        (
            "no-node.vrma",
            vrma_with("{\"node\":0}}}", "{}}}"),
            "missing field `node`",
        ),
        (
            "no-animation.vrma",
            vrma_with("\"animations\"", "\"extras\""),
            "there is none",
        ),
        (
            "not-animated.vrma",
            vrma_with("\"happy\":{\"node\":0}", "\"happy\":{\"node\":7}"),
            "no expression is animated",
        ),
        (
            "rotation.vrma",
            vrma_with("translation", "rotation"),
            "no expression is animated",
        ),
        ("scalars.vrma", vrma_with("VEC3", "SCALAR"), "not 2 of Vec3"),
        (
            "extension-of-text.vrma",
            vrma_with("\"expressions\":{", "\"expressions\":\"\",\"x\":{"),
            "invalid type",
        ),
    ]
}

/// Reads by the extension, and says what was read.
fn read(name: &str, bytes: &[u8], limits: &Limits) -> Result<usize, Error> {
    let frames = |take: affetto_media::rig::Take| take.frames.len();
    match TakeFormat::from_path(name.as_ref()).unwrap() {
        TakeFormat::LiveLinkCsv => livelink::read(bytes, limits).map(frames),
        TakeFormat::Json => arkit_json::read(bytes, limits).map(frames),
        TakeFormat::JsonLines => arkit_json::read_lines(bytes, limits).map(frames),
        TakeFormat::Glb => gltf::read(bytes, limits).map(frames),
        TakeFormat::Vrma => vrm::read(bytes, limits).map(|track| track.frames.len()),
    }
}

fn path(name: &str) -> PathBuf {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/bad/takes"
    );
    PathBuf::from(folder).join(name)
}

#[test]
#[ignore = "writes the files"]
fn write_the_files() {
    fs::create_dir_all(path("")).unwrap();
    for (name, bytes, _) in bad() {
        fs::write(path(name), bytes).unwrap();
    }
}

#[test]
fn the_files_are_as_made() {
    let bad = bad();
    for (name, bytes, _) in &bad {
        assert!(fs::read(path(name)).unwrap() == *bytes, "{name}");
    }
    assert_eq!(fs::read_dir(path("")).unwrap().count(), bad.len());
}

#[test]
fn each_is_a_sound_file_with_one_thing_wrong() {
    let limits = Limits::DEFAULT;
    assert_eq!(read("a.csv", csv().as_bytes(), &limits).unwrap(), 1);
    assert_eq!(read("a.json", TAKE.as_bytes(), &limits).unwrap(), 2);
    assert_eq!(read("a.jsonl", b"{\"weights\":{}}", &limits).unwrap(), 1);
    let bytes = glb(MORPH, &morph_numbers());
    assert_eq!(read("a.glb", &bytes, &limits).unwrap(), 2);
    let bytes = glb(EXPRESSION, &expression_numbers());
    assert_eq!(read("a.vrma", &bytes, &limits).unwrap(), 2);
}

#[test]
fn bad_files_are_refused_in_one_line() {
    for (name, _, expected) in bad() {
        let bytes = fs::read(path(name)).unwrap();
        let start = Instant::now();
        let message = match read(name, &bytes, &Limits::DEFAULT) {
            Ok(frames) => panic!("{name} is read as {frames} frames"),
            Err(error) => error.to_string(),
        };
        let millis = start.elapsed().as_millis();
        assert!(message.contains(expected), "{name}: {message}");
        assert!(
            !message.contains('\n') && message.len() < 300,
            "{name}: {message}"
        );
        assert!(millis < 100, "{name}: {millis} ms");
    }
}

/// Every file cut short anywhere is read or refused, never a panic.
#[test]
fn truncated_files_do_not_panic() {
    let bytes = glb(MORPH, &morph_numbers());
    for left in 0..bytes.len() {
        assert!(
            read("a.glb", &bytes[..left], &Limits::DEFAULT).is_err(),
            "{left}"
        );
    }
    let table = csv();
    for left in 0..table.len() - 4 {
        assert!(
            read("a.csv", &table.as_bytes()[..left], &Limits::DEFAULT).is_err(),
            "{left}"
        );
    }
    for left in 0..TAKE.len() {
        assert!(
            read("a.json", &TAKE.as_bytes()[..left], &Limits::DEFAULT).is_err(),
            "{left}"
        );
    }
}

#[test]
fn limits_hold() {
    let few = Limits {
        take_bytes: 20,
        ..Limits::DEFAULT
    };
    let bytes = glb(MORPH, &morph_numbers());
    let refused = |name: &str, bytes: &[u8]| read(name, bytes, &few).unwrap_err().to_string();
    assert!(refused("a.glb", &bytes).ends_with("bytes, and at most 20 are read"));
    assert!(refused("a.json", TAKE.as_bytes()).ends_with("bytes, and at most 20 are read"));
    let many = format!("\"nodes\":[{}{{}}]", "{},".repeat(700_000));
    let nodes = MORPH.replace("\"nodes\":[{\"mesh\":0}]", &many);
    let error = read("a.glb", &glb(&nodes, &morph_numbers()), &Limits::DEFAULT).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("bytes of JSON, and at most 2097152 are read")
    );
}
