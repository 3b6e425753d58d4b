//! From the flags of `music piano` to a request.

use affetto::{PianoRequest, Seed, emotion::Unit};

use super::emotion::emotion_over;
use crate::{args::Piano, failure::Failure};

/// The request of the flags.
pub fn request(args: &Piano) -> Result<PianoRequest, Failure> {
    let defaults = PianoRequest::default();
    let model = &args.model;
    Ok(PianoRequest {
        seed: Seed(model.seed),
        title: args.files.title.clone(),
        emotion: emotion_over(&args.emotion, Unit::Bars)?,
        attributes: args.attributes.iter().copied().collect(),
        bars: args.bars,
        meter: args.meter,
        key: args.key,
        tempo_bpm: args.tempo,
        range: args.range,
        hand_span: args.hand_span,
        style: args.style,
        open_end: args.open_end,
        continue_from: args.given.continue_from.clone(),
        fill: args.given.fill,
        fill_in: args.given.fill_in.clone(),
        arrange: args.arrange.clone(),
        humanize: args.humanize,
        guidance: args.guidance.unwrap_or(defaults.guidance),
        model: model.model.clone(),
        candidates: model.candidates.unwrap_or(defaults.candidates),
        temperature: model.temperature.unwrap_or(defaults.temperature),
        top_p: model.top_p.unwrap_or(defaults.top_p),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto::{
        AttributeWish,
        emotion::{Channel, Easing},
        music::piano::tokens::Style,
    };
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, Music};

    fn parse(line: &str) -> Result<Box<Piano>, clap::Error> {
        let words = ["affetto", "music", "piano"]
            .into_iter()
            .chain(line.split('~'));
        let cli = Cli::try_parse_from(words.filter(|word| !word.is_empty()))?;
        match cli.command {
            Command::Music(Music::Piano(args)) => Ok(args),
            _ => unreachable!(),
        }
    }

    fn piano(line: &str) -> PianoRequest {
        request(&parse(line).unwrap()).unwrap()
    }

    fn refusal(line: &str) -> Failure {
        request(&parse(line).unwrap()).err().unwrap()
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(piano(""), PianoRequest::default());
    }

    #[test]
    fn every_flag_has_its_field() {
        let request = piano(
            "--key~D minor~--meter~6/8~--bars~9~--tempo~71.5~--range~A1-C7~--hand-span~12~--style~Song~--humanize~0.25\
             ~--title~A~--seed~7~--model~small~--guidance~2~--candidates~3~--temperature~0.5~--top-p~0.75",
        );
        assert_eq!(
            (
                request.seed,
                request.title.as_deref(),
                request.bars,
                request.hand_span
            ),
            (Seed(7), Some("A"), Some(9), Some(12))
        );
        assert_eq!(
            (request.tempo_bpm, request.style),
            (Some(71.5), Some(Style::Song))
        );
        let words = |word: Option<String>| word.unwrap();
        assert_eq!(words(request.key.map(|key| key.to_string())), "D minor");
        assert_eq!(words(request.meter.map(|metre| metre.to_string())), "6/8");
        assert_eq!(words(request.range.map(|range| range.to_string())), "33-96");
        assert_eq!(
            (
                request.guidance,
                request.candidates,
                request.temperature,
                request.top_p,
                request.humanize
            ),
            (2.0, 3, 0.5, 0.75, 0.25)
        );
        assert!(piano("--open-end").open_end);
        let arranged = piano("--arrange~a.mid");
        assert_eq!(arranged.arrange, Some("a.mid".into()));
        let filled = piano("--fill~5-8~--in~a.mid");
        assert_eq!(
            (filled.fill.unwrap().last, filled.fill_in),
            (8, Some("a.mid".into()))
        );
        assert!(piano("--continue~a.mid").continue_from.is_some());
    }

    #[test]
    fn attributes_are_named_in_any_case_and_the_last_word_counts() {
        let request = piano(
            "--attribute~mean pitch=HIGH~--attribute~Mean Loudness=lowest~--attribute~Mean Pitch=low",
        );
        let found: Vec<(&str, AttributeWish)> = request
            .attributes
            .iter()
            .map(|(it, wish)| (it.name(), *wish))
            .collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&("Mean Pitch", AttributeWish::Low)));
        assert!(found.contains(&("Mean Loudness", AttributeWish::Lowest)));
    }

    #[test]
    fn an_unknown_attribute_is_refused_with_the_nearest() {
        let message = |line: &str| parse(line).err().unwrap().to_string();
        let near = message("--attribute~Mean Pich=high");
        assert!(near.contains("near are: Mean Pitch"), "{near}");
        assert!(message("--attribute~zzzzqqqq=high").contains("affetto attributes"));
        assert!(message("--attribute~Mean Pitch=loud").contains("lowest, low, high, highest"));
        assert!(message("--attribute~Mean Pitch").contains("NAME=HEIGHT"));
    }

    #[test]
    fn two_axes_move_in_one_curve() {
        let moving =
            piano("--valence~0:-0.5, 8:0.9~--arousal~2:0.2:hold, 4:0.5, 8:1~--emotion~joy");
        let curve = moving.emotion.curve().unwrap();
        let at = |channel, bar| curve.value(channel, bar).unwrap();
        assert!((at(Channel::Valence, 4.0) - 0.2).abs() < 1e-12);
        assert_eq!(at(Channel::Arousal, 6.0), 0.75);
        assert_eq!(at(Channel::Arousal, 3.0), 0.2);
        assert_eq!(curve.keys().len(), 4);
        let clash = refusal("--valence~0:-0.5, 8:0.9~--arousal~0:0.2:hold, 8:1");
        assert!(clash.message.contains("two ways"), "{}", clash.message);
    }

    #[test]
    fn the_easing_of_a_last_key_gives_way() {
        let request = piano("--valence~0:-0.5, 4:0.9~--arousal~4:0.2:smooth, 8:1");
        let keys = request.emotion.curve().unwrap().keys().to_vec();
        assert_eq!((keys[1].at, keys[1].ease), (4.0, Easing::Smooth));
    }

    #[test]
    fn numbers_go_before_words_and_levels_are_not_known() {
        let vad = piano("--emotion~joy~--arousal~-0.5").emotion.vad();
        assert_eq!(vad.arousal(), -0.5);
        assert!(vad.valence() > 0.5);
        for wrong in ["--valence~low", "--arousal~2", "--emotion~joyy"] {
            assert_eq!(refusal(wrong).code as u8, 2, "{wrong}");
        }
    }

    #[test]
    fn what_a_curve_file_says_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.json");
        let text =
            r#"{"schema": "emotion-track/1", "time": "bars", "keys": [{"t": 0, "arousal": 0.5}]}"#;
        std::fs::write(&path, text).unwrap();
        let curve = path.display();
        for flag in ["--arousal~0.1", "--arousal~0:0.1", "--valence~0:0.1"] {
            let message = refusal(&format!("--curve~{curve}~{flag}")).message;
            assert!(message.contains("exclude each other"), "{flag}: {message}");
        }
        let request = piano(&format!("--curve~{curve}~--valence~0.4"));
        assert_eq!(request.emotion.vad().valence(), 0.4);
        assert!(request.emotion.curve().unwrap().names(Channel::Arousal));
    }

    #[test]
    fn given_music_is_of_one_kind() {
        for line in [
            "--continue~a.mid~--arrange~b.mid",
            "--fill~5-8",
            "--in~a.mid",
            "--arrange~a.mid~--fill~5-8~--in~b.mid",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
