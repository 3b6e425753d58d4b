//! Facial takes through the command.

use std::fs;

use affetto::{FaceRequest, Findings, Request, Seed, Silent, Vad, edit};

use crate::{
    command::{Place, stderr, stdout},
    metadata::root,
    random_requests::Draws,
};

/// A folder with the sample take in it.
fn place() -> Place {
    let place = Place::new();
    fs::copy(
        root().join("assets/take.csv"),
        place.path().join("take.csv"),
    )
    .unwrap();
    place
}

/// The numbers of a column, by the name in the first line.
fn column(place: &Place, file: &str, name: &str) -> Vec<f64> {
    let text = String::from_utf8(place.read(file)).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = names.iter().position(|other| *other == name).unwrap();
    lines
        .map(|line| line.split(',').nth(at).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn a_take_gets_another_feeling_and_keeps_its_speech() {
    let place = place();
    let output =
        place.succeed("face edit take.csv --emotion sarcastic:0.7 --leads left -o sly.csv");
    assert_eq!(stdout(&output), "sly.csv\n");
    for word in ["asked", "expression", "speech", "r = 1.000"] {
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
    let text = String::from_utf8(place.read("sly.csv")).unwrap();
    assert!(text.lines().all(|line| line.split(',').count() == 63));
    assert_eq!(text.lines().count(), 193);
    let raised = column(&place, "sly.csv", "BrowOuterUpLeft");
    let before = column(&place, "take.csv", "BrowOuterUpLeft");
    // AU2L at 0.7 and intensity 0.7 over what is there: d + s (1 - d).
    for (after, before) in raised.iter().zip(&before) {
        assert!(
            (after - (0.49 + before * 0.51)).abs() < 1e-6,
            "{after} {before}"
        );
    }
    for kept in [
        "JawOpen",
        "MouthClose",
        "MouthPucker",
        "EyeBlinkLeft",
        "NoseSneerLeft",
    ] {
        assert_eq!(
            column(&place, "sly.csv", kept),
            column(&place, "take.csv", kept),
            "{kept}"
        );
    }
}

#[test]
fn no_emotion_gives_the_same_bytes() {
    let place = place();
    place.succeed("face edit take.csv --emotion joy --intensity 0 -o same.csv");
    assert_eq!(place.read("same.csv"), place.read("take.csv"));
    place.succeed(
        "face edit take.csv --emotion fear --lock mouth,eyes,brows,cheeks,head -o locked.csv",
    );
    assert_eq!(place.read("locked.csv"), place.read("take.csv"));
    let strict =
        place.run("face edit take.csv --emotion joy --lock mouth,cheeks --strict -o no.csv");
    assert!(
        strict.status.success(),
        "what is locked is not asked: {}",
        stderr(&strict)
    );
}

#[test]
fn it_is_made_again_and_its_provenance_says_how() {
    let place = place();
    place.succeed(
        "face edit take.csv --emotion contempt --unit 4=0.5 --attack 0.5 --release 0.5 --seed 3 -o a.csv -o a.jsonl -o a.json",
    );
    let again = place.succeed("rerun a.jsonl");
    assert_eq!(stdout(&again).matches(": identical").count(), 3);
    let provenance = place.json("a.csv.provenance.json");
    assert_eq!(provenance["request"]["kind"], "face.rig");
    assert_eq!(provenance["inputs"][0]["role"], "take");
    assert_eq!(provenance["models"].as_array().unwrap().len(), 0);
    assert_eq!(provenance["asked"]["units"]["4"], 0.5);
    assert_eq!(provenance["measured"]["frames"], 192);
    assert!(
        provenance["asked"]["sources"][0]
            .as_str()
            .unwrap()
            .contains("EMFACS")
    );
    let read = affetto::Provenance::read(&place.path().join("a.csv.provenance.json")).unwrap();
    assert!(matches!(read.findings, Findings::Face { .. }));
    assert!(matches!(read.request, Request::Face(_)));
    fs::write(place.path().join("take.csv"), "changed").unwrap();
    assert_eq!(place.run("rerun a.csv").status.code(), Some(4));
}

#[test]
fn formats_hold_the_same_take() {
    let place = place();
    place.succeed("face edit take.csv --emotion joy:0.5 -o a.json -o a.jsonl -o a.csv");
    for file in ["a.json", "a.jsonl"] {
        place.succeed(&format!(
            "face edit {file} --emotion joy --intensity 0 -o back.csv --force"
        ));
        for name in ["MouthSmileLeft", "JawOpen", "HeadYaw", "LeftEyeYaw"] {
            assert_eq!(
                column(&place, "back.csv", name),
                column(&place, "a.csv", name),
                "{file}"
            );
        }
    }
}

#[test]
fn controls_are_asked_beside_measured() {
    let place = place();
    let output = place.succeed(
        "face edit take.csv --emotion contempt --leads right --lock head,brows --attack 0.4 --release 0.4 -o a.csv",
    );
    for words in [
        "leads",
        "right",
        "locks",
        "nothing moved",
        "attack",
        "first frame moved by 0.000",
        "release",
    ] {
        assert!(
            stderr(&output).contains(words),
            "{words}: {}",
            stderr(&output)
        );
    }
    assert!(!stderr(&output).contains("missed"), "{}", stderr(&output));
    let provenance = place.json("a.csv.provenance.json");
    let halves = &provenance["measured"]["halves"];
    assert!(halves[1].as_f64() > halves[0].as_f64(), "{halves}");
    assert_eq!(provenance["measured"]["regions"]["head"], 0.0);
    let before = place.read("take.csv");
    let (first, last) = (|text: &[u8]| line(text, 1), |text: &[u8]| line(text, 192));
    let after = place.read("a.csv");
    assert_eq!(
        (first(&before), last(&before)),
        (first(&after), last(&after))
    );
}

/// The numbers of a line of a table.
fn line(text: &[u8], at: usize) -> Vec<f64> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let fields = text.lines().nth(at).unwrap().split(',').skip(2);
    fields.map(|field| field.parse().unwrap()).collect()
}

#[test]
fn a_glb_shows_the_take_on_a_face_of_its_own() {
    let place = place();
    place.succeed("face edit take.csv --emotion joy:0.8 -o joy.glb");
    let bytes = place.read("joy.glb");
    let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[20..20 + length]).unwrap();
    let mesh = &json["meshes"][0]["primitives"][0];
    assert_eq!(mesh["targets"].as_array().unwrap().len(), 52);
    let positions = mesh["attributes"]["POSITION"].as_u64().unwrap() as usize;
    let accessor = &json["accessors"][positions];
    let most = |axis: usize| accessor["max"][axis].as_f64().unwrap();
    assert!(accessor["count"].as_u64().unwrap() > 4000);
    assert!(
        (0.05..0.3).contains(&most(0)),
        "half a head in metres: {}",
        most(0)
    );
    place.succeed("face edit joy.glb --emotion neutral -o back.csv");
    assert_eq!(column(&place, "back.csv", "JawOpen").len(), 192);
}

#[test]
fn takes_and_emotions_are_shown() {
    let place = place();
    let output = place.succeed("face preview take.csv --size 64 -o take.mp4");
    assert_eq!(stdout(&output), "take.mp4\n");
    assert_eq!(&place.read("take.mp4")[4..8], b"ftyp");
    place.succeed("face preview take.csv --size 64 -o again.mp4");
    assert_eq!(place.read("take.mp4"), place.read("again.mp4"));
    place.succeed("face preview take.csv --at 1 --size 96 -o moment.png");
    place.succeed("face preview take.csv --at 2 --size 96 -o later.png");
    let picture = |name: &str| {
        image::load_from_memory(&place.read(name))
            .unwrap()
            .to_rgb8()
    };
    assert_eq!(picture("moment.png").dimensions(), (96, 96));
    assert_ne!(picture("moment.png"), picture("later.png"));
    place.succeed("face preview --emotion joy:0.6 --emotion contempt --size 32 -o sheet.png");
    let sheet = picture("sheet.png");
    assert!(sheet.width() > 5 * 32 && sheet.height() > 2 * 32);
    place.succeed("face preview --shapes --size 32 -o shapes.png");
    assert!(picture("shapes.png").width() > 9 * 32);
    let before = place.names();
    for (line, code, word) in [
        ("face preview take.csv -o take.mp4", 2, "--force"),
        ("face preview take.csv -o take.gif", 2, "mp4, png"),
        ("face preview take.csv --size 65 -o odd.mp4", 2, "even"),
        ("face preview take.csv --size 8 -o small.png", 2, "32"),
        ("face preview take.csv --at 99 -o far.png", 2, "3.2"),
        ("face preview take.csv --at 1 -o at.mp4", 2, ".png"),
        ("face preview none.csv -o none.mp4", 4, "none.csv"),
        ("face preview --emotion joyy -o sheet2.png", 2, "joy"),
        ("face preview --emotion joy -o sheet2.mp4", 2, "take"),
        ("face preview take.csv -o nowhere/take.mp4", 1, "nowhere"),
    ] {
        let output = place.run(line);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{line}\n{said}");
        assert!(said.contains(word), "{line}\n{said}");
    }
    assert_eq!(place.names(), before);
}

/// Where the meshes are at hand, the face basis that is shipped is made again to the byte.
#[test]
fn the_face_basis_is_made_again() {
    let data = root().join("../shared/data/face/ict");
    if !data.is_dir() {
        eprintln!("skipped: no meshes of ICT-FaceKit at {}", data.display());
        return;
    }
    let place = Place::new();
    place.succeed(&format!(
        "train face-basis --data {} --out face",
        data.display()
    ));
    let shipped = fs::read(root().join("models/face-basis/basis.safetensors")).unwrap();
    assert_eq!(place.read("face/basis.safetensors"), shipped);
    let report = place.json("face/report.json");
    assert!(report["shapes_mean_mm"].as_f64().unwrap() < 0.3, "{report}");
    let nowhere = place.run("train face-basis --data nowhere --out other");
    assert_eq!(nowhere.status.code(), Some(4), "{}", stderr(&nowhere));
}

#[test]
fn what_is_wrong_is_said_and_nothing_written() {
    let place = place();
    fs::write(
        place.path().join("bad.csv"),
        "Timecode,BlendShapeCount\n1,2\n",
    )
    .unwrap();
    fs::write(place.path().join("take.txt"), "").unwrap();
    let before = place.names();
    for (line, code, word) in [
        ("face edit none.csv --emotion joy -o a.csv", 4, "none.csv"),
        ("face edit bad.csv --emotion joy -o a.csv", 4, "bad.csv"),
        (
            "face edit take.txt --emotion joy -o a.csv",
            4,
            "takes are read from",
        ),
        ("face edit take.csv --emotion joy -o a.mid", 2, ".jsonl"),
        ("face edit take.csv --emotion joyy -o a.csv", 2, "joy"),
        ("face edit take.csv --emotion joy -o take.csv", 2, "input"),
        (
            "face edit take.csv --emotion joy --attack -1 -o a.csv",
            2,
            "",
        ),
        (
            "face edit take.csv --emotion joy --unit 12=3 -o a.csv",
            2,
            "0 to 1",
        ),
        (
            "face edit take.csv --emotion joy --unit 99=1 -o a.csv",
            2,
            "action unit",
        ),
        ("face edit take.csv --emotion joy --fps 0 -o a.csv", 2, ""),
        ("face edit take.csv --emotion joy", 2, "name one"),
        ("music lead-sheet --keep take.csv -o a.mid", 4, "MIDI"),
    ] {
        let output = place.run(line);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(word),
            "{line}\n{}",
            stderr(&output)
        );
    }
    assert_eq!(place.names(), before);
    let plan = place.succeed("face edit take.csv --emotion joy -o a.csv --dry-run --json");
    assert!(stdout(&plan).contains("face.rig"));
    assert_eq!(place.names(), before);
}

#[test]
fn an_emotion_is_shown_as_action_units() {
    let place = Place::new();
    let shown = stdout(&place.succeed("attributes fear --medium face"));
    for word in ["AU20", "lip stretcher", "eyeWideLeft", "head: yaw"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let json = stdout(&place.succeed("attributes sarcastic:0.5 --medium face --json"));
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    let data = &last["data"];
    assert_eq!(data["units"]["2L"], 0.7);
    assert_eq!(data["shapes"]["browOuterUpLeft"], 0.35);
    assert!(data["sources"][0].as_str().unwrap().contains("design"));
}

/// Whatever is asked: every number in range, the frames as many, speech kept.
#[test]
fn every_request_is_met() {
    for number in 0..60 {
        let mut draws = Draws::new(number);
        let emotion = Vad::clamped(draws.signed(), draws.signed(), draws.signed());
        let request = FaceRequest {
            seed: Seed(number),
            take: root().join("assets/take.csv"),
            emotion: emotion.into(),
            attack_secs: draws.below(20) as f64 / 10.0,
            release_secs: draws.below(20) as f64 / 10.0,
            ..FaceRequest::default()
        };
        let edited = edit(&request, &Silent).unwrap();
        assert_eq!(edited.source.count(), 192);
        for frame in edited.frames().unwrap() {
            let frame = frame.unwrap();
            assert!(frame.shapes.0.iter().all(|it| (0.0..=1.0).contains(it)));
        }
        for r in edited.measured.speech.iter().flatten() {
            assert!(*r >= 0.98, "{number}: {:?}", edited.measured.speech);
        }
    }
}
