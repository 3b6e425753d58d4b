//! What the network reads: a caption, and what of the emotion is said in words.
//!
//! EmoVid (2025) steers Wan 2.1 by text alone: the caption, then the sentence `The video is in the "amusement" emotion.` with
//! one of the eight words of Mikels. The words for light, colour and motion go beyond it, by what EmoVid measured on its
//! clips (section 4): pleasant ones are brighter and somewhat more colourful, aroused ones darker and more colourful.

use affetto_emotion::{Emotion, Label, Taxonomy, Vad};
use serde::{Deserialize, Serialize};

/// What Wan 2.1 was taught to keep away from, in English (the repository's own default is the same list in Chinese).
pub const USUAL_NEGATIVE: &str = "garish colours, overexposed, static, blurred details, subtitles, still picture, grey cast, \
     worst quality, low quality, compression artefacts, ugly, mutilated, extra fingers, badly drawn hands, badly drawn \
     face, deformed, disfigured, misshapen limbs, fused fingers, motionless picture, cluttered background, three legs, \
     crowded background, walking backwards";

/// From how far out a coordinate is said in words, and from how far out in strong ones.
const SAID: f64 = 0.2;
const STRONG: f64 = 0.6;

/// How brightness and colourfulness go with valence and arousal: the signs of EmoVid's findings, of equal weight, since
/// what they explain of the variance there is below one per cent either way.
const BRIGHTNESS: [f64; 2] = [0.5, -0.5];
const COLOURFULNESS: [f64; 2] = [0.5, 0.5];

/// The texts of one segment of a video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What is to be seen, as the user said it.
    pub content: String,
    /// The same with the emotion in words.
    pub with_emotion: String,
    /// What is kept away from.
    pub negative: String,
}

impl Prompt {
    /// A caption with a still emotion. A neutral one adds nothing.
    pub fn new(caption: &str, emotion: &Emotion, negative: Option<&str>) -> Self {
        Self {
            content: caption.trim().to_owned(),
            with_emotion: joined(caption, sentences(emotion)),
            negative: negative.unwrap_or(USUAL_NEGATIVE).trim().to_owned(),
        }
    }

    /// Whether the emotion is said at all.
    pub fn is_moved(&self) -> bool {
        self.content != self.with_emotion
    }
}

/// A caption and EmoVid's sentence alone, as its clips are captioned for training.
pub fn with_sentence(caption: &str, emotion: &Emotion) -> String {
    joined(caption, sentence(emotion))
}

/// A caption with sentences after it.
fn joined(caption: &str, sentences: impl IntoIterator<Item = String>) -> String {
    let mut text = caption.trim().to_owned();
    for sentence in sentences {
        if !text.is_empty() {
            text.push_str(ending(&text));
        }
        text.push_str(&sentence);
    }
    text
}

/// EmoVid's sentence; none for a neutral emotion.
fn sentence(emotion: &Emotion) -> Option<String> {
    let word = mikels_word(emotion)?.name();
    Some(format!("The video is in the \"{word}\" emotion."))
}

/// What stands between a text and a sentence after it.
fn ending(text: &str) -> &'static str {
    match text.ends_with(['.', '!', '?', '…', '"']) {
        true => " ",
        false => ". ",
    }
}

/// The word of Mikels for an emotion, which EmoVid's sentence is about; nothing for a neutral one and for one without an
/// image among the eight.
pub fn mikels_word(emotion: &Emotion) -> Option<Label> {
    if emotion.intensity() <= 0.0 {
        return None;
    }
    match emotion.mixture() {
        Some(mixture) => Some(mixture.image(Taxonomy::Mikels)?.mixture.strongest()),
        None => nearest(emotion.vad()),
    }
}

/// The word whose point is nearest in direction to one that was given in numbers.
fn nearest(point: Vad) -> Option<Label> {
    let [valence, arousal, _] = point.to_array();
    if libm::hypot(valence, arousal) < SAID {
        return None;
    }
    let cosine = |label: &Label| {
        let [v, a, _] = label.vad().to_array();
        (v * valence + a * arousal) / libm::hypot(v, a).max(f64::MIN_POSITIVE)
    };
    Taxonomy::Mikels
        .iter()
        .max_by(|one, other| cosine(one).total_cmp(&cosine(other)))
}

/// The sentences that an emotion adds to a caption.
fn sentences(emotion: &Emotion) -> Vec<String> {
    let words = look(emotion.vad());
    let seen = (!words.is_empty()).then(|| format!("{}.", capitalised(&words.join(", "))));
    sentence(emotion).into_iter().chain(seen).collect()
}

/// Words for mood, movement, light and colour of a point.
pub fn look(point: Vad) -> Vec<&'static str> {
    let [valence, arousal, _] = point.to_array();
    let along = |[by_valence, by_arousal]: [f64; 2]| by_valence * valence + by_arousal * arousal;
    [
        said(
            valence,
            [
                "desolate, oppressive mood",
                "sombre mood",
                "gentle, friendly mood",
                "radiant, uplifting mood",
            ],
        ),
        said(
            arousal,
            [
                "almost motionless, lingering camera",
                "slow movement",
                "lively movement",
                "fast, restless movement",
            ],
        ),
        said(
            along(BRIGHTNESS),
            [
                "very dark light",
                "dim light",
                "bright light",
                "very bright light",
            ],
        ),
        said(
            along(COLOURFULNESS),
            [
                "faded, nearly grey colours",
                "muted colours",
                "rich colours",
                "vivid colours",
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The word for a number in [-1, 1], lowest first; none near the middle.
fn said(value: f64, words: [&'static str; 4]) -> Option<&'static str> {
    match value {
        value if value <= -STRONG => Some(words[0]),
        value if value <= -SAID => Some(words[1]),
        value if value >= STRONG => Some(words[3]),
        value if value >= SAID => Some(words[2]),
        _ => None,
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn prompt(emotion: &str) -> Prompt {
        let emotion = Emotion::parse(emotion).unwrap();
        Prompt::new(" a fox waiting in the rain ", &emotion, None)
    }

    #[test]
    fn the_sentence_is_that_of_the_paper() {
        let prompt = prompt("amusement");
        assert_eq!(prompt.content, "a fox waiting in the rain");
        assert!(prompt.is_moved());
        let expected = "a fox waiting in the rain. The video is in the \"amusement\" emotion. ";
        assert!(prompt.with_emotion.starts_with(expected), "{prompt:?}");
    }

    #[test]
    fn captions_to_learn_from_have_the_sentence_alone() {
        let sad = Emotion::parse("sadness").unwrap();
        let expected = "a fox. The video is in the \"sadness\" emotion.";
        assert_eq!(with_sentence(" a fox", &sad), expected);
        assert_eq!(with_sentence("a fox", &Emotion::NEUTRAL), "a fox");
    }

    #[test]
    fn nothing_is_said_of_no_emotion() {
        let neutral = Prompt::new("a fox.", &Emotion::NEUTRAL, Some("blur"));
        assert_eq!(neutral.with_emotion, "a fox.");
        assert!(!neutral.is_moved());
        assert_eq!(neutral.negative, "blur");
    }

    #[test]
    fn every_word_of_mikels_is_its_own_image() {
        for label in Taxonomy::Mikels.iter() {
            assert_eq!(mikels_word(&label.into()), Some(label));
        }
    }

    #[test]
    fn numbers_are_said_by_the_nearest_word_and_stronger_the_further_out() {
        let word =
            |v: f64, a: f64| mikels_word(&Vad::clamped(v, a, 0.0).into()).map(|label| label.name());
        assert_eq!(word(0.1, 0.05), None);
        assert_eq!(word(-0.8, -0.3), Some("sadness"));
        assert_eq!(look(Vad::clamped(0.0, 0.0, 0.0)), Vec::<&str>::new());
        let mild = look(Vad::clamped(-0.4, -0.4, 0.0));
        assert_eq!(mild, ["sombre mood", "slow movement", "muted colours"]);
        let strong = look(Vad::clamped(-0.9, 0.9, 0.0));
        assert_eq!(
            strong,
            [
                "desolate, oppressive mood",
                "fast, restless movement",
                "very dark light"
            ]
        );
    }

    #[test]
    fn a_weaker_emotion_says_less() {
        let (weak, strong) = (prompt("sadness:0.2"), prompt("sadness"));
        assert!(weak.with_emotion.len() < strong.with_emotion.len());
        assert!(weak.with_emotion.contains("\"sadness\""));
    }
}
