//! From the flags of `face edit` to a request.

use affetto::{FaceRequest, Seed, emotion::Unit};

use super::emotion::emotion_over;
use crate::{args::FaceEdit, failure::Failure};

/// The request of the flags.
pub fn request(args: &FaceEdit) -> Result<FaceRequest, Failure> {
    Ok(FaceRequest {
        seed: Seed(args.seed),
        take: args.take.clone(),
        emotion: emotion_over(&args.emotion, Unit::Seconds)?,
        units: args.units.iter().copied().collect(),
        locks: args.lock.iter().copied().collect(),
        leads: args.leads.map(Into::into),
        attack_secs: args.attack,
        release_secs: args.release,
        fps: args.fps.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto::{ActionUnit, Half, Region};
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, Face};

    fn parse(line: &str) -> Result<Box<FaceEdit>, clap::Error> {
        let words = ["affetto", "face", "edit", "take.csv"]
            .into_iter()
            .chain(line.split('~'));
        let cli = Cli::try_parse_from(words.filter(|word| !word.is_empty()))?;
        match cli.command {
            Command::Face(Face::Edit(args)) => Ok(args),
            _ => unreachable!(),
        }
    }

    #[test]
    fn every_flag_has_its_field() {
        let line = "--emotion~sarcastic:0.7~--unit~12=0.5~--unit~14l=0.8~--lock~mouth,Head~--leads~right\
                    ~--attack~0.4~--release~0.6~--fps~30000/1001~--seed~7";
        let request = request(&parse(line).unwrap()).unwrap();
        let unit = |text: &str| text.parse::<ActionUnit>().unwrap();
        assert_eq!(request.units[&unit("12")], 0.5);
        assert_eq!(request.units[&unit("14L")], 0.8);
        assert!(request.locks.contains(&Region::Mouth) && request.locks.contains(&Region::Head));
        assert_eq!((request.leads, request.seed), (Some(Half::Right), Seed(7)));
        assert_eq!((request.attack_secs, request.release_secs), (0.4, 0.6));
        assert_eq!(request.fps.as_deref(), Some("30000/1001"));
        assert_eq!(request.emotion.intensity(), 0.7);
        assert_eq!(request.take, std::path::PathBuf::from("take.csv"));
    }

    #[test]
    fn curves_are_over_seconds() {
        let args = parse("--valence~0:-0.6, 4:0.8").unwrap();
        let request = request(&args).unwrap();
        assert_eq!(request.emotion.curve().unwrap().unit(), Unit::Seconds);
    }

    #[test]
    fn what_is_not_known_is_said_with_what_is_near() {
        let message = |line: &str| parse(line).err().unwrap().to_string();
        assert!(message("--lock~mouht").contains("near are: mouth"));
        assert!(message("--unit~12").contains("UNIT=STRENGTH"));
        assert!(message("--unit~3=1").contains("no action unit"));
    }
}
