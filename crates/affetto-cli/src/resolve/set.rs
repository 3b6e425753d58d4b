//! From the flags of `music set` to a request.

use affetto::{Seed, SetRequest, emotion::Unit};

use super::emotion::emotion_over;
use crate::{
    args::MusicSet,
    failure::{Failure, wrong_argument},
};

/// The request of the flags.
pub fn request(args: &MusicSet) -> Result<SetRequest, Failure> {
    let defaults = SetRequest::default();
    let model = &args.model;
    Ok(SetRequest {
        seed: Seed(model.seed),
        title: args.files.title.clone(),
        emotion: emotion_over(&args.emotion, Unit::Bars)?,
        bars: args.bars.unwrap_or(defaults.bars),
        meter: args.meter,
        key: args.key,
        tempo_bpm: args.tempo,
        layers: args.layers.unwrap_or(defaults.layers),
        intro: args.intro.unwrap_or(defaults.intro),
        outro: args.outro.unwrap_or(defaults.outro),
        stingers: match args.stingers.as_deref() {
            None => defaults.stingers,
            Some(words) => stingers(words)?,
        },
        model: model.model.clone(),
        candidates: model.candidates.unwrap_or(defaults.candidates),
        temperature: model.temperature.unwrap_or(defaults.temperature),
        top_p: model.top_p.unwrap_or(defaults.top_p),
    })
}

/// `success,notice`, `all` or `none`.
fn stingers(words: &str) -> Result<std::collections::BTreeSet<affetto::Stinger>, Failure> {
    match words.trim() {
        "none" => Ok(Default::default()),
        "all" => Ok(affetto::Stinger::ALL.into()),
        words => words
            .split(',')
            .map(|word| word.parse().map_err(|error| wrong_argument(&error)))
            .collect::<Result<_, Failure>>(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto::{Stinger, emotion::Channel};
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, Music};

    fn set(line: &str) -> Result<SetRequest, Failure> {
        let words = ["affetto", "music", "set"]
            .into_iter()
            .chain(line.split('~'));
        let cli = Cli::try_parse_from(words.filter(|word| !word.is_empty())).unwrap();
        match cli.command {
            Command::Music(Music::Set(args)) => request(&args),
            _ => unreachable!(),
        }
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(set("").unwrap(), SetRequest::default());
    }

    #[test]
    fn every_flag_has_its_field() {
        let request = set(
            "--key~D minor~--meter~6/8~--bars~9~--tempo~71.5~--layers~5~--intro~1~--outro~3~--stingers~danger,Notice\
             ~--title~A~--seed~7~--model~lstm~--candidates~3~--temperature~0.5~--top-p~0.75~--emotion~hope",
        )
        .unwrap();
        let expected = SetRequest {
            seed: Seed(7),
            title: Some("A".into()),
            emotion: affetto::Emotion::parse("hope").unwrap(),
            bars: 9,
            meter: Some("6/8".parse().unwrap()),
            key: Some("D minor".parse().unwrap()),
            tempo_bpm: Some(71.5),
            layers: 5,
            intro: 1,
            outro: 3,
            stingers: [Stinger::Notice, Stinger::Danger].into(),
            model: Some("lstm".into()),
            candidates: 3,
            temperature: 0.5,
            top_p: 0.75,
        };
        assert_eq!(request, expected);
        let moving = set("--arousal~0:-0.5, 8:0.9~--valence~0.25").unwrap();
        assert!(moving.emotion.curve().unwrap().names(Channel::Arousal));
        assert_eq!(moving.emotion.vad().valence(), 0.25);
    }

    #[test]
    fn stingers_are_all_none_or_words() {
        assert!(set("--stingers~none").unwrap().stingers.is_empty());
        assert_eq!(set("--stingers~all").unwrap().stingers.len(), 5);
        for wrong in ["--stingers~fanfare", "--stingers~success,", "--stingers= "] {
            assert_eq!(set(wrong).err().unwrap().code as u8, 2, "{wrong}");
        }
    }
}
