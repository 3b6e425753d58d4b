use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Taxonomy, Vad, anchors, maps, nearest, parrott, plutchik, words};

/// One emotion word of one [`Taxonomy`].
///
/// In text and JSON a label is any word that [`Label::parse`] knows; it is written as its
/// [`id`](Label::id), such as `ekman/joy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    taxonomy: Taxonomy,
    index: u16,
}

/// The official grouping of the GoEmotions labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sentiment {
    /// Such as joy.
    Positive,
    /// Such as anger.
    Negative,
    /// Surprise, realization, curiosity and confusion.
    Ambiguous,
    /// Neutral alone.
    Neutral,
}

impl Label {
    /// Every label of every taxonomy, in the order in which a word is looked up.
    pub fn all() -> impl Iterator<Item = Self> {
        Taxonomy::ALL.into_iter().flat_map(Taxonomy::iter)
    }

    pub(crate) fn at(taxonomy: Taxonomy, index: usize) -> Self {
        Self {
            taxonomy,
            index: index as u16, // the largest taxonomy has 166 labels
        }
    }

    /// The label that a user's word names, in any case and form: `joy`, `Happy`, `goemotions/joy`,
    /// `parrott/joy.zest.thrill`.
    ///
    /// Without a taxonomy the first one in [`Taxonomy::ALL`] that writes the word exactly so has
    /// it, else the first that has another form of it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some((taxonomy, word)) = text.split_once('/') {
            return Taxonomy::parse(taxonomy)?.resolve(word);
        }
        let word = words::normal(text);
        let exact = Taxonomy::ALL.iter().find_map(|set| set.exact(&word));
        let found = exact.or_else(|| Taxonomy::ALL.iter().find_map(|set| set.by_form(&word)));
        found.ok_or_else(|| Error::UnknownLabel {
            nearest: nearest::nearest(&word, known_words()),
            word: words::excerpt(&word),
            taxonomy: None,
        })
    }

    /// The set it belongs to.
    pub const fn taxonomy(self) -> Taxonomy {
        self.taxonomy
    }

    /// Its place in [`Taxonomy::labels`].
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The word, lower case.
    pub fn name(self) -> &'static str {
        self.taxonomy.labels()[self.index()]
    }

    /// The name that no other label has: taxonomy, slash, word; for Parrott's lower tiers the
    /// path of words.
    pub fn id(self) -> String {
        match self.taxonomy {
            Taxonomy::Parrott => format!("parrott/{}", parrott::path(self.index())),
            taxonomy => format!("{taxonomy}/{}", self.name()),
        }
    }

    /// Its point in the cube: the mean of the terms of [`Label::anchor_terms`]; of a quadrant the
    /// mean of the terms inside it; the origin for neutral.
    pub fn vad(self) -> Vad {
        let terms = match self.taxonomy {
            Taxonomy::Russell => maps::terms_of_quadrant(self.index()),
            _ => anchors::terms(self.name()),
        };
        Vad::weighted_mean(terms.iter().map(|term| (term.mean, 1.0)))
    }

    /// The terms of Russell & Mehrabian (1977) that stand for this word; none for neutral and for
    /// a quadrant.
    pub fn anchor_terms(self) -> Vec<&'static str> {
        let terms = anchors::terms(self.name());
        terms.iter().map(|term| term.name.as_str()).collect()
    }

    /// Steps along Parrott's tree, 0 to 6 (see TONE); none outside it.
    pub fn tree_distance(self, other: Self) -> Option<u32> {
        let both = [self, other].map(|label| label.taxonomy == Taxonomy::Parrott);
        (both == [true, true]).then(|| parrott::distance(self.index(), other.index()))
    }

    /// The tier of Parrott's tree: 1 primary, 2 secondary, 3 tertiary; none outside it.
    pub fn tier(self) -> Option<u32> {
        let parrott = self.taxonomy == Taxonomy::Parrott;
        parrott.then(|| parrott::NODES[self.index()].tier)
    }

    /// The emotion across Plutchik's wheel; only its eight basic emotions have one.
    pub fn opposite(self) -> Option<Self> {
        let plutchik = self.taxonomy == Taxonomy::Plutchik;
        let name = plutchik.then(|| plutchik::opposite(self.name()))??;
        self.taxonomy.exact(name)
    }

    /// How intense on Plutchik's wheel: 0 mild, 1 basic, 2 intense; none for dyads and outside it.
    pub fn wheel_level(self) -> Option<usize> {
        let plutchik = self.taxonomy == Taxonomy::Plutchik;
        plutchik.then(|| plutchik::intensity(self.name()))?
    }

    /// The dyad that two basic emotions of Plutchik's wheel make; opposites make none.
    pub fn dyad(self, other: Self) -> Option<Self> {
        let both = [self, other].map(|label| label.taxonomy == Taxonomy::Plutchik);
        let name = (both == [true, true]).then(|| plutchik::dyad(self.name(), other.name()))??;
        self.taxonomy.exact(name)
    }

    /// The official sentiment of the GoEmotions label of the same word, if there is one.
    ///
    /// Surprise is ambiguous here although its anchor is pleasant.
    pub fn sentiment(self) -> Option<Sentiment> {
        let label = Taxonomy::GoEmotions.find(self.name())?;
        Some(match label.name() {
            "neutral" => Sentiment::Neutral,
            "realization" | "surprise" | "curiosity" | "confusion" => Sentiment::Ambiguous,
            _ if label.vad().valence() > 0.0 => Sentiment::Positive,
            _ => Sentiment::Negative,
        })
    }
}

/// What a user may write without a taxonomy.
fn known_words() -> impl Iterator<Item = &'static str> {
    let labels = Taxonomy::ALL.into_iter();
    let names = labels.flat_map(|taxonomy| taxonomy.labels().iter().copied());
    names.chain(words::all())
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Label {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.id())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| de::Error::custom(error.with_hint()))
    }
}

impl JsonSchema for Label {
    fn schema_name() -> Cow<'static, str> {
        "Label".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An emotion word in any form, such as joy, happy, goemotions/awe",
            "examples": ["joy", "goemotions/gratitude", "parrott/joy.zest.thrill"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        Label::parse(text).unwrap().id()
    }

    #[test]
    fn words_in_any_case_and_form() {
        assert_eq!(id("Joy"), "ekman/joy");
        assert_eq!(id("HAPPY"), "mead/happy");
        assert_eq!(id("Happiness"), "leia/happiness");
        assert_eq!(id("joyfully"), "ekman/joy");
        assert_eq!(id("awe"), "plutchik/awe");
        assert_eq!(id("nostalgic"), "common/nostalgia");
        assert_eq!(id("out of breath"), "audio2face/outofbreath");
        assert_eq!(id("cold-anger"), "pad151/cold anger");
        assert_eq!(id("tone/surprise"), "parrott/surprise");
        assert_eq!(id("parrott/Surprise.surprise"), "parrott/surprise.surprise");
    }

    #[test]
    fn an_unknown_word_lists_the_nearest() {
        let Err(Error::UnknownLabel { word, nearest, .. }) = Label::parse("Joyy") else {
            panic!("joyy is no label");
        };
        assert_eq!((word.as_str(), nearest[0].as_str()), ("joyy", "joy"));
        assert!(Label::parse("ekman/contempt").is_err());
        assert!(Label::parse("").is_err());
    }

    #[test]
    fn every_label_but_neutral_has_an_anchor() {
        for label in Label::all() {
            let at_origin = label.vad() == Vad::NEUTRAL;
            assert_eq!(at_origin, label.name() == "neutral", "{}", label.id());
        }
    }

    /// `label_to_pad151`: the mean of the staged terms.
    #[test]
    fn anchors_by_hand() {
        let vad = |text: &str| Label::parse(text).unwrap().vad();
        assert_eq!(vad("joy").to_array(), [0.76, 0.48, 0.35]);
        assert_eq!(vad("happy").to_array(), [0.81, 0.51, 0.46]);
        assert!(vad("trust").distance(Vad::new(0.56, 0.0, -0.025).unwrap()) < 1e-12);
        assert!(vad("sarcastic").distance(Vad::new(-0.295, 0.33, 0.25).unwrap()) < 1e-12);
        assert_eq!(vad("terrified"), vad("plutchik/terror"));
    }

    /// The official file: 12 positive, 11 negative, 4 ambiguous, 1 neutral.
    #[test]
    fn sentiments_are_counted() {
        let of = |wanted| {
            let labels = Taxonomy::GoEmotions.iter();
            labels
                .filter(|label| label.sentiment() == Some(wanted))
                .count()
        };
        let kinds = [
            Sentiment::Positive,
            Sentiment::Negative,
            Sentiment::Ambiguous,
            Sentiment::Neutral,
        ];
        assert_eq!(kinds.map(of), [12, 11, 4, 1]);
    }

    #[test]
    fn the_wheel() {
        let wheel = |word| Taxonomy::Plutchik.resolve(word).unwrap();
        assert_eq!(wheel("joy").opposite(), Some(wheel("sadness")));
        assert_eq!(wheel("joy").dyad(wheel("trust")), Some(wheel("love")));
        assert_eq!(wheel("joy").dyad(wheel("sadness")), None);
        assert_eq!(wheel("rage").wheel_level(), Some(2));
        assert_eq!(wheel("love").wheel_level(), None);
    }

    #[test]
    fn json_round_trip() {
        for label in Label::all() {
            let text = serde_json::to_string(&label).unwrap();
            assert_eq!(serde_json::from_str::<Label>(&text).unwrap(), label);
        }
    }
}
