//! What an emotion asks of music.

use std::path::Path;

use affetto::{
    Emotion, EmotionParts, Models,
    attributes::{
        map::{AttributeMap, AttributeTarget, Cue, Difference, Target, Targets},
        plot::{cue_in_words, emotion as plot_of_emotion, with_unit},
    },
};
use serde_json::{Value, json};

use super::{face, files::write_whole, sticker};
use crate::{
    args::{Attributes, Medium},
    commands::json,
    failure::{Failure, wrong_argument},
    printer::Printer,
};

/// How many attributes are shown unless all are asked for.
const SHOWN: usize = 24;

/// A difference of less than a tenth of the corpus's middle half is not heard as one.
const LEAST_DIFFERENCE: f64 = 0.1;

/// `affetto attributes EMOTION`
pub fn show(
    map: &AttributeMap,
    args: &Attributes,
    plot: Option<&Path>,
    models: impl Fn() -> Result<Models, Failure>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let emotion = emotion(args)?;
    let name = name(args, &emotion);
    if args.medium != Medium::Music && plot.is_some() {
        return Err(Failure::usage(
            "a picture is drawn of what an emotion asks of music alone",
            "leave out --plot, or --medium",
        ));
    }
    match args.medium {
        Medium::Music => {}
        Medium::Face => return Ok(face::show(&emotion, &name, printer)),
        Medium::Sticker => {
            return sticker::show(&emotion, &name, args.all, &models()?, printer);
        }
    }
    let targets = map.targets(&emotion);
    if !printer.is_json() {
        print(map, &name, &emotion, &targets, args.all, printer);
    }
    if let Some(file) = plot {
        write_whole(file, &plot_of_emotion(map, &emotion, &name)?)?;
        printer.say(&format!("drawn: {}", file.display()));
    }
    Ok(json!({
        "emotion": name,
        "point": emotion.vad(),
        "map": map.source,
        "targets": targets,
        "plot": plot,
    }))
}

/// Words and numbers together; numbers go before the words.
fn emotion(args: &Attributes) -> Result<Emotion, Failure> {
    let wrong = |error| wrong_argument(&error);
    let words = args
        .emotion
        .as_deref()
        .map(Emotion::parse)
        .transpose()
        .map_err(wrong)?;
    let words = words.map_or_else(EmotionParts::default, EmotionParts::from);
    let parts = EmotionParts {
        valence: args.valence.or(words.valence),
        arousal: args.arousal.or(words.arousal),
        intensity: args.intensity.or(words.intensity),
        ..words
    };
    Emotion::try_from(parts).map_err(wrong)
}

fn name(args: &Attributes, emotion: &Emotion) -> String {
    args.emotion.clone().unwrap_or_else(|| {
        let point = emotion.vad();
        format!(
            "valence {:+.2}, arousal {:+.2}",
            point.valence(),
            point.arousal()
        )
    })
}

/// The emotion and where it lies.
pub fn say_title(name: &str, emotion: &Emotion, printer: &Printer) {
    let [valence, arousal, dominance] = emotion.vad().to_array();
    printer.data(&format!(
        "{name}: valence {valence:+.2}, arousal {arousal:+.2}, dominance {dominance:+.2}"
    ));
    printer.data("");
}

fn print(
    map: &AttributeMap,
    name: &str,
    emotion: &Emotion,
    targets: &Targets,
    all: bool,
    printer: &Printer,
) {
    say_title(name, emotion, printer);
    printer.data_table(&cues(targets));
    printer.data("");
    let mut shown: Vec<&AttributeTarget> = targets.attributes.iter().collect();
    if !all {
        shown.sort_by(|a, b| by_importance(a, b));
        shown.truncate(SHOWN);
    }
    printer.data_table(&attributes(&shown));
    printer.say("");
    printer.say(&format!("by {} pieces: {}", map.pieces, map.source));
    let (shown, every) = (shown.len(), targets.attributes.len());
    if shown < every {
        printer.say(&format!("{shown} of {every} attributes; --all shows all"));
    }
}

fn by_importance(a: &AttributeTarget, b: &AttributeTarget) -> std::cmp::Ordering {
    let importance = |target: &AttributeTarget| target.importance.unwrap_or(0.0);
    importance(b).total_cmp(&importance(a))
}

fn cues(targets: &Targets) -> Vec<Vec<String>> {
    let head = ["cue", "asked", "usual", "more of it means"]
        .map(str::to_owned)
        .to_vec();
    let row = |cue: Cue| {
        let Target { value, low, high } = targets.cue(cue);
        let usual = match cue {
            Cue::Mode => "-".into(),
            cue => format!("{} to {}", short(cue, low), short(cue, high)),
        };
        vec![
            cue.name().into(),
            cue_in_words(cue, value),
            usual,
            cue.meaning().into(),
        ]
    };
    std::iter::once(head).chain(Cue::ALL.map(row)).collect()
}

fn short(cue: Cue, value: f64) -> String {
    match cue {
        Cue::Articulation => format!("{:.0} %", value * 100.0),
        Cue::Loudness => format!("{value:.0}"),
        cue => with_unit(value, cue.unit()),
    }
}

fn attributes(shown: &[&AttributeTarget]) -> Vec<Vec<String>> {
    let head = ["attribute", "asked", "usual", "place", "more of it means"]
        .map(str::to_owned)
        .to_vec();
    let row = |target: &&AttributeTarget| {
        let unit = target.attribute.unit();
        let usual = target.target.map_or_else(
            || "-".into(),
            |target| {
                format!(
                    "{} to {}",
                    with_unit(target.low, unit),
                    with_unit(target.high, unit)
                )
            },
        );
        vec![
            target.attribute.name().into(),
            asked(target),
            usual,
            place(target),
            target.attribute.meaning().into(),
        ]
    };
    std::iter::once(head).chain(shown.iter().map(row)).collect()
}

/// The value, or high or low where no values are known.
fn asked(target: &AttributeTarget) -> String {
    match target.target {
        Some(value) => with_unit(value.value, target.attribute.unit()),
        None if target.share_above > 0.5 => format!(
            "above {}",
            with_unit(target.threshold, target.attribute.unit())
        ),
        None => format!(
            "up to {}",
            with_unit(target.threshold, target.attribute.unit())
        ),
    }
}

/// Of a hundred pieces how many are lower.
fn place(target: &AttributeTarget) -> String {
    let place = target
        .percentile
        .map(|share| format!("{:.0} of 100", share * 100.0));
    place.unwrap_or_else(|| "-".into())
}

/// `affetto attributes --compare EMOTION EMOTION`
pub fn compare(
    map: &AttributeMap,
    words: [&String; 2],
    all: bool,
    printer: &Printer,
) -> Result<Value, Failure> {
    let wrong = |error| wrong_argument(&error);
    let [first, second] = words;
    let emotions = [
        Emotion::parse(first).map_err(wrong)?,
        Emotion::parse(second).map_err(wrong)?,
    ];
    let differences = map.compare(&emotions[0], &emotions[1]);
    let targets = emotions.each_ref().map(|emotion| map.targets(emotion));
    if !printer.is_json() {
        printer.data_table(&compared_cues(words, &targets));
        printer.data("");
        let heard = |difference: &&Difference| all || difference.spreads.abs() >= LEAST_DIFFERENCE;
        let count = if all { differences.len() } else { SHOWN };
        let shown: Vec<&Difference> = differences.iter().filter(heard).take(count).collect();
        printer.data_table(&compared(words, &shown));
        printer.say("");
        printer.say("by how many times the width of the middle half of all pieces, most first");
    }
    Ok(json!({
        "first": first,
        "second": second,
        "cues": Cue::ALL.map(|cue| json!({
            "cue": cue,
            "first": targets[0].cue(cue),
            "second": targets[1].cue(cue),
        })),
        "differences": json(&differences),
    }))
}

fn compared_cues([first, second]: [&String; 2], targets: &[Targets; 2]) -> Vec<Vec<String>> {
    let head = head_of_comparison("cue", first, second);
    let row = |cue: Cue| {
        let [first, second] = targets.each_ref().map(|targets| targets.cue(cue).value);
        vec![
            cue.name().into(),
            cue_in_words(cue, first),
            cue_in_words(cue, second),
            direction(second - first).into(),
            cue.meaning().into(),
        ]
    };
    std::iter::once(head).chain(Cue::ALL.map(row)).collect()
}

fn compared([first, second]: [&String; 2], shown: &[&Difference]) -> Vec<Vec<String>> {
    let head = head_of_comparison("attribute", first, second);
    let row = |difference: &&Difference| {
        let attribute = difference.first.attribute;
        vec![
            attribute.name().into(),
            asked(&difference.first),
            asked(&difference.second),
            format!(
                "{} {:.2}",
                direction(difference.spreads),
                difference.spreads.abs()
            ),
            attribute.meaning().into(),
        ]
    };
    std::iter::once(head).chain(shown.iter().map(row)).collect()
}

fn head_of_comparison(what: &str, first: &str, second: &str) -> Vec<String> {
    let change = format!("{second} is");
    [what, first, second, &change, "more of it means"]
        .map(str::to_owned)
        .to_vec()
}

fn direction(difference: f64) -> &'static str {
    match difference {
        difference if difference > 0.0 => "higher",
        difference if difference < 0.0 => "lower",
        _ => "the same",
    }
}
