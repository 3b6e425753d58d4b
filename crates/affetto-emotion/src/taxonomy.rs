use std::{fmt, sync::LazyLock};

use crate::{Error, Label, anchors, nearest, parrott, plutchik, words};

/// A set of emotion labels that a theory or a corpus uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Taxonomy {
    /// Ekman's six basic emotions (1992).
    Ekman,
    /// Plutchik's wheel (1980): eight emotions in three intensities, and 24 dyads.
    Plutchik,
    /// The 28 labels of GoEmotions (Demszky et al., 2020).
    GoEmotions,
    /// Mikels' eight (2005), the labels of EmoSet and EmoVid.
    Mikels,
    /// The eight of MEAD (Wang et al., 2020), acted talking faces.
    Mead,
    /// The five of LEIA (Aroyehun et al., 2023), felt by the writer.
    Leia,
    /// The eleven of SemEval-2018 task 1, subtask E-c.
    SemEval,
    /// XED (Öhman et al., 2020): Plutchik's eight and neutral, in the order of its index.
    Xed,
    /// The six of BRIGHTER (Muhammad et al., 2025).
    Brighter,
    /// Words of smaller sets (ArmanEmo, MahaEmotions, MER) and of briefs that no other set has.
    Common,
    /// The six extended emotions of C-MET.
    Cmet,
    /// The ten emotions of Audio2Face-3D.
    Audio2Face,
    /// Parrott's tree (2001), also TONE's: 6 primary, 25 secondary, 135 tertiary.
    Parrott,
    /// The 151 terms of Russell & Mehrabian (1977).
    Pad151,
    /// The quadrants of Russell's circumplex (1980): Q1 pleasant and awake, then anticlockwise.
    Russell,
}

impl Taxonomy {
    /// Every taxonomy, in the order in which a word is looked up.
    pub const ALL: [Self; 15] = [
        Self::Ekman,
        Self::Plutchik,
        Self::GoEmotions,
        Self::Mikels,
        Self::Mead,
        Self::Leia,
        Self::SemEval,
        Self::Xed,
        Self::Brighter,
        Self::Common,
        Self::Cmet,
        Self::Audio2Face,
        Self::Parrott,
        Self::Pad151,
        Self::Russell,
    ];

    /// The word before the slash in a label's id, as in `ekman/joy`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ekman => "ekman",
            Self::Plutchik => "plutchik",
            Self::GoEmotions => "goemotions",
            Self::Mikels => "mikels",
            Self::Mead => "mead",
            Self::Leia => "leia",
            Self::SemEval => "semeval",
            Self::Xed => "xed",
            Self::Brighter => "brighter",
            Self::Common => "common",
            Self::Cmet => "cmet",
            Self::Audio2Face => "audio2face",
            Self::Parrott => "parrott",
            Self::Pad151 => "pad151",
            Self::Russell => "russell",
        }
    }

    /// The taxonomy of that name, in any case; `tone` is Parrott's, `emoset` and `emovid` Mikels'.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let word = words::normal(text);
        let named = |taxonomy: &Self| match word.as_str() {
            "tone" => *taxonomy == Self::Parrott,
            "emoset" | "emovid" => *taxonomy == Self::Mikels,
            word => taxonomy.name() == word,
        };
        let unknown = || Error::UnknownTaxonomy {
            nearest: nearest::nearest(&word, Self::ALL.map(Self::name)),
            word: words::excerpt(text),
        };
        Self::ALL.into_iter().find(named).ok_or_else(unknown)
    }

    /// The words of its labels, lower case, in the order of the corpus or book.
    ///
    /// Only Parrott's repeat: a word may stand on several tiers.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Ekman => &EKMAN,
            Self::Plutchik => &plutchik::NAMES,
            Self::GoEmotions => &GO_EMOTIONS,
            Self::Mikels => &MIKELS,
            Self::Mead => &MEAD,
            Self::Leia => &LEIA,
            Self::SemEval => &SEM_EVAL,
            Self::Xed => &XED,
            Self::Brighter => &EKMAN,
            Self::Common => &COMMON,
            Self::Cmet => &CMET,
            Self::Audio2Face => &AUDIO2FACE,
            Self::Parrott => &PARROTT,
            Self::Pad151 => &PAD151,
            Self::Russell => &RUSSELL,
        }
    }

    /// Its labels, in the order of [`Taxonomy::labels`].
    pub fn iter(self) -> impl Iterator<Item = Label> {
        (0..self.labels().len()).map(move |index| Label::at(self, index))
    }

    /// The label of `index`, if there is one.
    pub fn get(self, index: usize) -> Option<Label> {
        (index < self.labels().len()).then(|| Label::at(self, index))
    }

    /// The label that `word` names here: itself, else another form of it (*happy* for *joy*).
    ///
    /// A word on several of Parrott's tiers is the most general; a path such as `joy.zest.thrill`
    /// names one of them.
    pub fn resolve(self, word: &str) -> Result<Label, Error> {
        let word = words::normal(word);
        self.find(&word).ok_or_else(|| Error::UnknownLabel {
            nearest: nearest::nearest(&word, self.labels().iter().copied()),
            word: words::excerpt(&word),
            taxonomy: Some(self),
        })
    }

    /// As [`Taxonomy::resolve`], for `word` in normal form.
    pub(crate) fn find(self, word: &str) -> Option<Label> {
        self.exact(word).or_else(|| self.by_form(word))
    }

    /// The label written exactly so (`word` in normal form).
    pub(crate) fn exact(self, word: &str) -> Option<Label> {
        let index = if self == Self::Parrott && word.contains('.') {
            (0..parrott::NODES.len()).find(|&index| parrott::path(index) == word)
        } else {
            self.labels().iter().position(|name| *name == word)
        };
        index.map(|index| Label::at(self, index))
    }

    /// The label that is another form of `word` (in normal form).
    pub(crate) fn by_form(self, word: &str) -> Option<Label> {
        words::forms(word).iter().find_map(|form| self.exact(form))
    }
}

impl fmt::Display for Taxonomy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const EKMAN: [&str; 6] = ["anger", "disgust", "fear", "joy", "sadness", "surprise"];

#[rustfmt::skip]
const GO_EMOTIONS: [&str; 28] = [
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion",
    "curiosity", "desire", "disappointment", "disapproval", "disgust", "embarrassment",
    "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism", "pride",
    "realization", "relief", "remorse", "sadness", "surprise", "neutral",
];

#[rustfmt::skip]
const MIKELS: [&str; 8] = [
    "amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness",
];

#[rustfmt::skip]
const MEAD: [&str; 8] = [
    "angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised", "neutral",
];

const LEIA: [&str; 5] = ["happiness", "affection", "sadness", "anger", "fear"];

#[rustfmt::skip]
const SEM_EVAL: [&str; 11] = [
    "anger", "anticipation", "disgust", "fear", "joy", "love", "optimism", "pessimism", "sadness",
    "surprise", "trust",
];

#[rustfmt::skip]
const XED: [&str; 9] = [
    "neutral", "anger", "anticipation", "disgust", "fear", "joy", "sadness", "surprise", "trust",
];

#[rustfmt::skip]
const COMMON: [&str; 14] = [
    "calm", "bittersweet", "nostalgia", "tension", "worried", "wonder", "hatred", "respect",
    "sarcasm", "playful", "heroic", "energetic", "dreamy", "mysterious",
];

#[rustfmt::skip]
const CMET: [&str; 6] = [
    "charismatic", "desirous", "empathetic", "envious", "romantic", "sarcastic",
];

#[rustfmt::skip]
const AUDIO2FACE: [&str; 10] = [
    "amazement", "anger", "cheekiness", "disgust", "fear", "grief", "joy", "outofbreath", "pain",
    "sadness",
];

const RUSSELL: [&str; 4] = ["q1", "q2", "q3", "q4"];

static PARROTT: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| parrott::NODES.iter().map(|node| node.name).collect());

static PAD151: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let terms = anchors::PAD_TERMS.iter();
    terms.map(|term| term.name.as_str()).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_papers() {
        let sizes = Taxonomy::ALL.map(|taxonomy| taxonomy.labels().len());
        assert_eq!(
            sizes,
            [6, 48, 28, 8, 8, 5, 11, 9, 6, 14, 6, 10, 166, 151, 4]
        );
    }

    #[test]
    fn every_label_resolves_to_itself_in_its_taxonomy() {
        for label in Label::all() {
            let id = label.id();
            assert_eq!(Label::parse(&id).unwrap(), label, "{id}");
        }
    }

    #[test]
    fn names_are_unique_outside_parrott() {
        for taxonomy in Taxonomy::ALL {
            let mut names = taxonomy.labels().to_vec();
            names.sort_unstable();
            names.dedup();
            let repeats = taxonomy.labels().len() - names.len();
            assert_eq!(repeats > 0, taxonomy == Taxonomy::Parrott, "{taxonomy}");
        }
    }

    #[test]
    fn other_names_of_a_taxonomy() {
        assert_eq!(Taxonomy::parse("TONE").unwrap(), Taxonomy::Parrott);
        assert_eq!(Taxonomy::parse(" EmoSet").unwrap(), Taxonomy::Mikels);
        let error = Taxonomy::parse("ekmann").unwrap_err();
        assert!(matches!(error, Error::UnknownTaxonomy { nearest, .. } if nearest[0] == "ekman"));
    }
}
