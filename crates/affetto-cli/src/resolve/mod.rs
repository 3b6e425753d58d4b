//! From flags to what the library takes.

mod emotion;
mod face;
mod lead_sheet;
mod piano;
mod set;
pub mod sticker;

use std::path::{Path, PathBuf};

use affetto::{OutputOptions, Request, media::Format, numbered, variation};

use crate::{
    args::{FaceEdit, FileArgs, LeadSheet, ModelArgs, MusicSet, Piano, VideoGenerate},
    failure::Failure,
};

pub use emotion::emotion_over;

/// What a command makes.
pub struct Plan {
    /// One, or each variation.
    pub pieces: Vec<Piece>,
    /// How they are written; their files are their own.
    pub options: OutputOptions,
}

/// One thing to make.
pub struct Piece {
    /// What to make.
    pub request: Request,
    /// Where to write it.
    pub files: Vec<PathBuf>,
}

/// From the flags of `music lead-sheet` to the requests and the files.
pub fn lead_sheet(args: &LeadSheet) -> Result<Plan, Failure> {
    let files = files(&args.files)?;
    let request = lead_sheet::request(args)?.into();
    Ok(plan(request, files, &args.files, &args.model))
}

/// From the flags of `music piano` to the requests and the files.
pub fn piano(args: &Piano) -> Result<Plan, Failure> {
    let files = files(&args.files)?;
    let request = piano::request(args)?.into();
    Ok(plan(request, files, &args.files, &args.model))
}

/// From the flags of `music set` to the requests and the folders.
pub fn set(args: &MusicSet) -> Result<Plan, Failure> {
    let files = &args.files;
    if files.output.is_none() && !files.dry_run {
        return Err(Failure::usage(
            "no folder to write to",
            "name one: -o music/town_day",
        ));
    }
    let request = Request::from(set::request(args)?);
    let folders: Vec<PathBuf> = files.output.iter().cloned().collect();
    Ok(Plan {
        pieces: pieces(request, folders, files.variations),
        options: OutputOptions {
            soundfont: files.soundfont.clone(),
            strict: args.model.strict,
            force: files.force,
            ..OutputOptions::default()
        },
    })
}

/// From the flags of `video generate`, where they ask for a sticker, to the request and the files.
pub fn sticker(args: &VideoGenerate) -> Result<Plan, Failure> {
    if args.output.is_empty() && !args.dry_run {
        return Err(Failure::usage("no file to write", "name one: -o joy.webp"));
    }
    let request = Request::from(sticker::request(args)?);
    Ok(Plan {
        pieces: pieces(request, args.output.clone(), args.variations),
        options: OutputOptions {
            strict: args.strict,
            force: args.force,
            ..OutputOptions::default()
        },
    })
}

/// From the flags of `video generate --sheet` to what it shows and the file.
pub use sticker::sheet as sticker_sheet;

/// From the flags of `face edit` to the request and the files.
pub fn face(args: &FaceEdit) -> Result<Plan, Failure> {
    if args.output.is_empty() && !args.dry_run {
        return Err(Failure::usage(
            "no file to write",
            "name one: -o take-glad.csv",
        ));
    }
    let piece = Piece {
        request: face::request(args)?.into(),
        files: args.output.clone(),
    };
    Ok(Plan {
        pieces: vec![piece],
        options: OutputOptions {
            strict: args.strict,
            force: args.force,
            ..OutputOptions::default()
        },
    })
}

fn plan(request: Request, files: Vec<PathBuf>, args: &FileArgs, model: &ModelArgs) -> Plan {
    Plan {
        pieces: pieces(request, files, args.variations),
        options: OutputOptions {
            soundfont: args.soundfont.clone(),
            strict: model.strict,
            force: args.force,
            ..OutputOptions::default()
        },
    }
}

/// One piece, or each of its variations with numbered names.
fn pieces(request: Request, files: Vec<PathBuf>, variations: Option<u16>) -> Vec<Piece> {
    match variations {
        None => vec![Piece { request, files }],
        Some(count) => (1..=usize::from(count))
            .map(|number| Piece {
                request: variation(&request, number),
                files: files.iter().map(|file| numbered(file, number)).collect(),
            })
            .collect(),
    }
}

/// Each `--output`, and beside it each of `--formats`; an output without an extension gives its name alone.
fn files(args: &FileArgs) -> Result<Vec<PathBuf>, Failure> {
    if args.output.is_empty() && !args.dry_run {
        return Err(Failure::usage("no file to write", "name one: -o song.mid"));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for output in &args.output {
        let known = Format::from_path(output).is_some();
        let beside = args
            .formats
            .iter()
            .map(|format| beside(output, known, format.extension()));
        let own = (known || args.formats.is_empty()).then(|| output.clone());
        for file in own.into_iter().chain(beside) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn beside(output: &Path, has_extension: bool, extension: &str) -> PathBuf {
    if has_extension {
        return output.with_extension(extension);
    }
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{extension}"));
    output.with_file_name(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto::{
        Control, LeadSheetRequest,
        emotion::{Channel, Unit},
        media::Quarters,
    };
    use clap::{CommandFactory, Parser};

    use super::{lead_sheet as resolve, *};
    use crate::args::{Cli, Command, Music};

    fn parse(line: &str) -> Box<LeadSheet> {
        let words = ["affetto", "music", "lead-sheet"]
            .into_iter()
            .chain(line.split('~'));
        match Cli::try_parse_from(words.filter(|word| !word.is_empty()))
            .unwrap()
            .command
        {
            Command::Music(Music::LeadSheet(args)) => args,
            _ => unreachable!(),
        }
    }

    fn sheet(line: &str) -> LeadSheetRequest {
        let plan = resolve(&parse(&format!("{line}~-o~a.mid"))).unwrap();
        match plan.pieces.into_iter().next().unwrap().request {
            Request::LeadSheet(request) => *request,
            _ => unreachable!(),
        }
    }

    fn refusal(line: &str) -> Failure {
        resolve(&parse(&format!("{line}~-o~a.mid"))).err().unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(sheet(""), LeadSheetRequest::default());
    }

    #[test]
    fn negative_numbers_are_values() {
        for text in ["-0.7", "-.5", "-1"] {
            let valence = sheet(&format!("--valence~{text}")).emotion.vad().valence();
            assert_eq!(valence, text.parse::<f64>().unwrap());
        }
        let vad = sheet("--arousal~-0.2~--dominance~-0.3~--valence=-0.1")
            .emotion
            .vad();
        assert_eq!(
            (vad.valence(), vad.arousal(), vad.dominance()),
            (-0.1, -0.2, -0.3)
        );
    }

    #[test]
    fn valence_in_levels_is_enforced_and_sets_the_mood() {
        let request = sheet("--valence~low, very-low");
        assert_eq!(request.valence_levels, Some(vec![-1, -2]));
        assert!((request.emotion.vad().valence() + 0.6).abs() < 1e-12);
        assert_eq!(refusal("--valence~lower").code as u8, 2);
    }

    #[test]
    fn valence_over_the_bars_has_its_mean() {
        let request = sheet("--valence~0:-0.8, 16:0.8~--bars~16");
        let curve = request.emotion.curve().unwrap();
        assert_eq!((curve.unit(), curve.end()), (Unit::Bars, 16.0));
        assert!(request.emotion.vad().valence().abs() < 1e-12);
    }

    #[test]
    fn numbers_go_before_words() {
        let vad = sheet("--emotion~joy~--arousal~-0.5").emotion.vad();
        assert_eq!(vad.arousal(), -0.5);
        assert!(vad.valence() > 0.5);
        assert_eq!(
            sheet("--emotion~joy~--intensity~0.25").emotion.intensity(),
            0.25
        );
        let unknown = refusal("--emotion~joyy");
        assert!(unknown.hint.unwrap().contains("joy"));
    }

    #[test]
    fn arousal_is_a_number_or_a_curve() {
        let number = sheet("--arousal~-0.4");
        assert_eq!(
            (number.arousal, number.emotion.vad().arousal()),
            (None, -0.4)
        );
        let moving = sheet("--arousal~0:-0.5, 8:0.9~--valence~0:-0.5, 8:0.9:hold");
        assert!(matches!(moving.arousal, Some(Control::Curve(_))));
        assert!(
            moving
                .emotion
                .curve()
                .is_some_and(|curve| curve.names(Channel::Valence))
        );
        for wrong in ["--arousal~2", "--arousal~0:2", "--arousal~awake"] {
            assert_eq!(refusal(wrong).code as u8, 2, "{wrong}");
        }
    }

    #[test]
    fn what_a_curve_file_says_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, key: &str| {
            let path = folder.path().join(name);
            let text = r#"{"schema": "emotion-track/1", "time": "bars", "keys": [{"t": 0, KEY}]}"#;
            std::fs::write(&path, text.replace("KEY", key)).unwrap();
            path.display().to_string()
        };
        let (numbers, words) = (
            file("numbers.json", r#""arousal": 0.5"#),
            file("words.json", r#""label": "joy""#),
        );
        for line in [
            format!("--curve~{numbers}~--arousal~0.1"),
            format!("--curve~{numbers}~--arousal~0:0.1"),
            format!("--curve~{words}~--valence~0.1"),
        ] {
            assert!(
                refusal(&line).message.contains("exclude each other"),
                "{line}"
            );
        }
        let request = sheet(&format!("--curve~{words}~--arousal~-0.2"));
        assert_eq!(request.arousal, Some(Control::Constant(-0.2)));
    }

    #[test]
    fn density_and_tension_are_numbers_or_curves() {
        let request = sheet("--density~0.5~--tension~0:0.1, 8:0.9");
        assert_eq!(request.density, Some(Control::Constant(0.5)));
        assert!(matches!(request.tension, Some(Control::Curve(_))));
    }

    #[test]
    fn pickups_are_read_as_fractions_and_decimals() {
        assert_eq!(sheet("--pickup~1/2").pickup, Some(Quarters::new(1, 2)));
        assert_eq!(sheet("--pickup~1.5").pickup, Some(Quarters::new(3, 2)));
        for text in ["1/0", "a", "0.1", "1e99"] {
            assert_eq!(refusal(&format!("--pickup~{text}")).code as u8, 2, "{text}");
        }
    }

    #[test]
    fn formats_stand_beside_their_output() {
        let names = |line: &str| {
            let plan = resolve(&parse(line)).unwrap();
            let files = plan.pieces.into_iter().flat_map(|piece| piece.files);
            files
                .map(|file| file.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("-o~a/song.mid~--formats~abc,mid"),
            ["a/song.mid", "a/song.abc"]
        );
        assert_eq!(names("-o~op.1~--formats~mxl"), ["op.1.mxl"]);
        assert_eq!(names("-o~a.mid~--variations~2"), ["a-01.mid", "a-02.mid"]);
    }

    #[test]
    fn given_music_is_of_one_kind() {
        let parse = |line: &str| {
            let words = ["affetto", "music", "lead-sheet", "-o", "a.mid"]
                .into_iter()
                .chain(line.split(' '));
            Cli::try_parse_from(words).is_ok()
        };
        assert!(parse("--keep a.mid") && parse("--fill 5-8 --in a.mid"));
        for line in [
            "--keep a.mid --chords C",
            "--fill 5-8",
            "--in a.mid",
            "--keep a.mid --fill 5-8 --in b.mid",
        ] {
            assert!(!parse(line), "{line}");
        }
    }

    #[test]
    fn variation_three_is_the_same_among_three_and_among_five() {
        let seed = |count: usize, at: usize| {
            let plan = resolve(&parse(&format!("-o~a.mid~--seed~7~--variations~{count}"))).unwrap();
            plan.pieces[at].request.seed()
        };
        assert_eq!(seed(3, 2), seed(5, 2));
        assert_ne!(seed(3, 1), seed(3, 2));
    }
}
