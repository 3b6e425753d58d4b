//! From flags to what the library takes.

use std::path::{Path, PathBuf};

use affetto::{
    Control, Emotion, EmotionParts, OutputOptions, Request, Seed, ValenceClass,
    emotion::{Channel, Curve, Unit},
    media::{Format, Quarters},
    music::condition::LeadSheetRequest,
    numbered, variation,
};

use crate::{
    args::LeadSheet,
    failure::{Failure, refused_input, wrong_argument},
};

/// What `music lead-sheet` makes.
pub struct Plan {
    /// One, or each variation.
    pub pieces: Vec<Piece>,
    /// How they are written; their files are their own.
    pub options: OutputOptions,
}

/// One piece of music.
pub struct Piece {
    /// What to make.
    pub request: Request,
    /// Where to write it.
    pub files: Vec<PathBuf>,
}

/// From the flags to the requests and the files.
pub fn resolve(args: &LeadSheet) -> Result<Plan, Failure> {
    let files = files(args)?;
    let request = Request::from(request(args)?);
    let pieces = match args.variations {
        None => vec![Piece { request, files }],
        Some(count) => (1..=usize::from(count))
            .map(|number| Piece {
                request: variation(&request, number),
                files: files.iter().map(|file| numbered(file, number)).collect(),
            })
            .collect(),
    };
    Ok(Plan {
        pieces,
        options: OutputOptions {
            files: Vec::new(),
            soundfont: args.soundfont.clone(),
            strict: args.strict,
            force: args.force,
        },
    })
}

/// Each `--output`, and beside it each of `--formats`; an output without an extension gives its name alone.
fn files(args: &LeadSheet) -> Result<Vec<PathBuf>, Failure> {
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

fn request(args: &LeadSheet) -> Result<LeadSheetRequest, Failure> {
    let defaults = LeadSheetRequest::default();
    let valence = args.valence.as_deref().map(valence).transpose()?;
    let arousal = args
        .arousal
        .as_deref()
        .map(|text| control(Channel::Arousal, text));
    let arousal = arousal.transpose()?;
    let pickup = args.pickup.as_deref().map(pickup).transpose()?;
    Ok(LeadSheetRequest {
        seed: Seed(args.seed),
        title: args.title.clone(),
        emotion: emotion(args, valence.as_ref(), arousal.as_ref())?,
        // A number is part of the emotion, unless it stands beside a curve, whose words would have their own.
        arousal: arousal
            .filter(|arousal| matches!(arousal, Control::Curve(_)) || args.curve.is_some()),
        pin_valence: args.pin,
        valence_levels: match valence {
            Some(Valence::Levels(classes)) => {
                Some(classes.into_iter().map(ValenceClass::number).collect())
            }
            _ => None,
        },
        bars: args.bars,
        meter: args.meter,
        pickup,
        key: args.key,
        tempo_bpm: args.tempo,
        range: args.range,
        density: args
            .density
            .as_deref()
            .map(|text| control(Channel::Density, text))
            .transpose()?,
        tension: args
            .tension
            .as_deref()
            .map(|text| control(Channel::Tension, text))
            .transpose()?,
        style: args.style,
        form: args.form.clone(),
        keep: args.keep.clone(),
        chords: args.chords.clone(),
        continue_from: args.continue_from.clone(),
        fill: args.fill,
        fill_in: args.fill_in.clone(),
        accompaniment: args.accompaniment,
        humanize: args.humanize,
        model: args.model.clone(),
        candidates: args.candidates.unwrap_or(defaults.candidates),
        temperature: args.temperature.unwrap_or(defaults.temperature),
        top_p: args.top_p.unwrap_or(defaults.top_p),
    })
}

/// What `--valence` says.
enum Valence {
    Number(f64),
    Levels(Vec<ValenceClass>),
    Curve(Curve),
}

fn valence(text: &str) -> Result<Valence, Failure> {
    if text.contains(':') {
        return Ok(Valence::Curve(curve(Channel::Valence, text)?));
    }
    if let Ok(number) = text.trim().parse() {
        return Ok(Valence::Number(number));
    }
    let levels = text.split(',').map(level).collect::<Option<Vec<_>>>();
    levels.map(Valence::Levels).ok_or_else(|| {
        let names = ValenceClass::ALL.map(valence_name).join(", ");
        Failure::usage(
            format!("--valence is {text:?}"),
            format!(
                "give a number from -1 to 1, a curve such as \"0:-0.8, 8:0.2\", or levels: {names}"
            ),
        )
    })
}

fn level(word: &str) -> Option<ValenceClass> {
    let word = word.trim().to_ascii_lowercase();
    ValenceClass::ALL
        .into_iter()
        .find(|class| valence_name(*class) == word)
}

const fn valence_name(class: ValenceClass) -> &'static str {
    match class {
        ValenceClass::VeryLow => "very-low",
        ValenceClass::Low => "low",
        ValenceClass::Neutral => "neutral",
        ValenceClass::High => "high",
        ValenceClass::VeryHigh => "very-high",
    }
}

/// A curve over the bars: `0:-0.8, 8:0.2`.
fn curve(channel: Channel, text: &str) -> Result<Curve, Failure> {
    Curve::parse(channel, Unit::Bars, None, text).map_err(|error| wrong_argument(&error))
}

fn control(channel: Channel, text: &str) -> Result<Control, Failure> {
    match text.trim().parse() {
        Ok(number) => Ok(Control::Constant(number)),
        Err(_) => Ok(Control::Curve(curve(channel, text)?)),
    }
}

fn pickup(text: &str) -> Result<Quarters, Failure> {
    let decimal = |text: &str| {
        let sixteenths = text.parse::<f64>().ok()? * 16.0;
        (sixteenths.fract() == 0.0 && sixteenths.abs() < 1e6)
            .then(|| Quarters::new(sixteenths as i64, 16))
    };
    let fraction = |text: &str| {
        let (over, under) = text.split_once('/')?;
        let (over, under): (i32, i32) = (over.trim().parse().ok()?, under.trim().parse().ok()?);
        (under > 0).then(|| Quarters::new(over.into(), under.into()))
    };
    let found = fraction(text).or_else(|| decimal(text));
    found.ok_or_else(|| {
        Failure::usage(
            format!("--pickup is {text:?}"),
            "give quarter notes, such as 1 or 1/2",
        )
    })
}

/// Words, numbers and curves together. Numbers go before the words; a curve of `--valence` or of levels gives the
/// whole its mean, by which the key and the rest are chosen.
fn emotion(
    args: &LeadSheet,
    valence: Option<&Valence>,
    arousal: Option<&Control>,
) -> Result<Emotion, Failure> {
    let wrong = |error| wrong_argument(&error);
    let words = args
        .emotion
        .as_deref()
        .map(Emotion::parse)
        .transpose()
        .map_err(wrong)?;
    let words = words.map_or_else(EmotionParts::default, EmotionParts::from);
    let named = match valence {
        Some(Valence::Number(number)) => Some(*number),
        Some(Valence::Levels(classes)) => Some(mean(classes.iter().map(|class| middle(*class)))),
        Some(Valence::Curve(curve)) => Some(mean_over_bars(curve, args.bars.unwrap_or(16))),
        None => None,
    };
    let parts = EmotionParts {
        valence: named.or(words.valence),
        arousal: match arousal {
            Some(Control::Constant(number)) => Some(*number),
            _ => words.arousal,
        },
        dominance: args.dominance.or(words.dominance),
        intensity: args.intensity.or(words.intensity),
        curve: emotion_curve(args, valence)?,
        ..words
    };
    Emotion::try_from(parts).map_err(wrong)
}

fn emotion_curve(args: &LeadSheet, valence: Option<&Valence>) -> Result<Option<Curve>, Failure> {
    let from_file = args
        .curve
        .as_ref()
        .map(Curve::read)
        .transpose()
        .map_err(|error| refused_input(&error))?;
    match (from_file, valence) {
        (Some(curve), _) if curve.names(Channel::Arousal) && args.arousal.is_some() => {
            Err(exclude("--arousal", "arousal"))
        }
        (Some(curve), Some(_)) if curve.names(Channel::Valence) => {
            Err(exclude("--valence", "valence"))
        }
        (Some(curve), Some(_)) if curve.keys().iter().any(|key| key.mixture.is_some()) => {
            Err(exclude("--valence", "words"))
        }
        (Some(_), Some(Valence::Curve(_))) => Err(Failure::usage(
            "--curve and a curve of --valence exclude each other",
            "write the valence into the file of --curve",
        )),
        (Some(curve), _) => Ok(Some(curve)),
        (None, Some(Valence::Curve(curve))) => Ok(Some(curve.clone())),
        (None, _) => Ok(None),
    }
}

fn exclude(flag: &str, of_curve: &str) -> Failure {
    Failure::usage(
        format!("{flag} and the {of_curve} of --curve exclude each other"),
        "leave one of them out",
    )
}

/// The middle of a class, as far as chords reach.
fn middle(class: ValenceClass) -> f64 {
    let (low, high) = class.range();
    (low + high) / 2.0
}

fn mean_over_bars(curve: &Curve, bars: usize) -> f64 {
    let at = |bar: usize| {
        curve
            .value(Channel::Valence, bar as f64 + 0.5)
            .unwrap_or(0.0)
    };
    mean((0..bars.clamp(1, 256)).map(at))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::{CommandFactory, Parser};

    use super::*;
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
        let Request::LeadSheet(request) = plan.pieces.into_iter().next().unwrap().request;
        *request
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
