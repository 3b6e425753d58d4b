//! Where a word lies in the valence-arousal-dominance cube.

use std::sync::LazyLock;

use crate::{Vad, words};

/// One of the 151 emotion terms of Russell & Mehrabian, "Evidence for a three-factor theory of
/// emotions" (Journal of Research in Personality 11, 1977, 273-294).
#[derive(Debug)]
pub(crate) struct PadTerm {
    /// Lower case.
    pub(crate) name: String,
    pub(crate) mean: Vad,
    /// Standard deviations of the ratings: published for 11 terms, for the others the medians
    /// of those, 0.23, 0.32 and 0.34.
    pub(crate) sd: [f64; 3],
}

/// The table, in the order of its file, which says for each row how many copies agree on it.
pub(crate) static PAD_TERMS: LazyLock<Vec<PadTerm>> = LazyLock::new(|| {
    let rows = include_str!("../data/pad151.csv").lines().skip(1);
    rows.filter_map(pad_term).collect()
});

fn pad_term(row: &str) -> Option<PadTerm> {
    let mut cells = row.split(',');
    let name = cells.next()?.to_lowercase();
    let mut number = || cells.next()?.parse::<f64>().ok();
    Some(PadTerm {
        name: words::normal(&name),
        mean: Vad::new(number()?, number()?, number()?).ok()?,
        sd: [number()?, number()?, number()?],
    })
}

/// The terms whose mean is the anchor of `word` (in normal form): from the tables below, else
/// the term of that name, else the same for another form of the word.
pub(crate) fn terms(word: &str) -> Vec<&'static PadTerm> {
    let direct = direct_terms(word);
    let forms = words::forms(word).iter();
    std::iter::once(direct)
        .chain(forms.map(|form| direct_terms(form)))
        .find(|terms| !terms.is_empty())
        .unwrap_or_default()
}

fn direct_terms(word: &str) -> Vec<&'static PadTerm> {
    let tables = FROM_LABEL_SETS.iter().chain(OURS);
    let listed = tables.into_iter().find(|(name, _)| *name == word);
    let own = [word];
    let names = listed.map_or(own.as_slice(), |(_, terms)| *terms);
    let named = |name: &&str| PAD_TERMS.iter().find(|term| term.name == *name);
    names.iter().filter_map(named).collect()
}

/// Anchors of the labels of the corpora. The numbers are Russell & Mehrabian's, the choice of
/// terms is the project's.
#[rustfmt::skip]
const FROM_LABEL_SETS: &[(&str, &[&str])] = &[
    ("joy", &["joyful"]),
    ("happiness", &["happy"]),
    ("happy", &["happy"]),
    ("sadness", &["sad"]),
    ("sad", &["sad"]),
    ("anger", &["angry"]),
    ("angry", &["angry"]),
    ("fear", &["fearful"]),
    ("disgust", &["disgusted"]),
    ("disgusted", &["disgusted"]),
    ("surprise", &["surprised"]),
    ("surprised", &["surprised"]),
    ("wonder", &["wonder", "surprised"]),
    ("contempt", &["contempt"]),
    ("trust", &["secure", "respectful"]),
    ("anticipation", &["interested", "alert"]),
    ("love", &["loved", "in love"]),
    ("affection", &["affectionate"]),
    ("optimism", &["hopeful"]),
    ("pessimism", &["discouraged"]),
    ("hatred", &["hate"]),
    ("hate", &["hate"]),
    ("respect", &["respectful"]),
    ("pride", &["proud"]),
    ("excitement", &["excited"]),
    ("sarcasm", &["scornful", "contemptuous"]),
    ("worried", &["troubled", "anxious"]),
    ("amusement", &["enjoyment"]),
    ("awe", &["awed"]),
    ("contentment", &["relaxed", "untroubled"]),
    ("frustration", &["frustrated"]),
    ("gratitude", &["grateful", "thankful"]),
    ("admiration", &["impressed", "respectful"]),
    ("annoyance", &["mildly annoyed", "irritated"]),
    ("approval", &["appreciative"]),
    ("caring", &["kind", "affectionate"]),
    ("confusion", &["confused"]),
    ("curiosity", &["curious", "interested"]),
    ("desire", &["sexually excited", "aroused"]),
    ("disappointment", &["discontented", "discouraged"]),
    ("disapproval", &["disdainful", "displeased"]),
    ("embarrassment", &["embarrassed"]),
    ("grief", &["anguished", "despairing"]),
    ("nervousness", &["anxious", "tense"]),
    ("realization", &["wonder"]),
    ("relief", &["consoled", "relaxed"]),
    ("remorse", &["guilty", "repentant"]),
    ("calm", &["relaxed", "quiet"]),
    ("serenity", &["relaxed", "leisurely"]),
    ("boredom", &["bored"]),
    ("loneliness", &["lonely"]),
    ("tenderness", &["affectionate", "protected"]),
    ("triumph", &["triumphant"]),
    ("tension", &["tense"]),
    ("melancholy", &["sad", "quiet"]),
    ("shame", &["shamed"]),
    ("guilt", &["guilty"]),
];

/// Anchors of the other words of Plutchik, Parrott, C-MET, Audio2Face-3D and of briefs, chosen for
/// this crate with no other source. `outofbreath` is a state of the body and the least certain.
#[rustfmt::skip]
const OURS: &[(&str, &[&str])] = &[
    ("ecstasy", &["elated", "excited", "joyful"]),
    ("acceptance", &["untroubled", "cooperative"]),
    ("apprehension", &["anxious", "timid"]),
    ("distraction", &["surprised", "detached"]),
    ("amazement", &["astonished"]),
    ("pensiveness", &["solemn", "quiet", "sad"]),
    ("loathing", &["hate", "disgusted"]),
    ("rage", &["enraged"]),
    ("vigilance", &["alert", "concentrating"]),
    ("submission", &["meek", "humble"]),
    ("unbelief", &["skeptical", "astonished"]),
    ("envy", &["discontented", "hostile"]),
    ("cynicism", &["skeptical", "scornful"]),
    ("delight", &["joyful", "excited"]),
    ("sentimentality", &["affectionate", "sad"]),
    ("outrage", &["enraged"]),
    ("morbidness", &["disgusted", "enjoyment"]),
    ("dominance", &["domineering", "controlling"]),
    ("adoration", &["loved", "devoted"]),
    ("fondness", &["affectionate"]),
    ("liking", &["friendly", "appreciative"]),
    ("attraction", &["fascinated", "affectionate"]),
    ("compassion", &["kind", "affectionate"]),
    ("lust", &["sexually excited", "aroused"]),
    ("passion", &["in love", "sexually excited", "excited"]),
    ("infatuation", &["in love", "fascinated"]),
    ("longing", &["lonely", "in love"]),
    ("bliss", &["happy", "free"]),
    ("cheerfulness", &["happy", "carefree"]),
    ("gaiety", &["joyful", "carefree"]),
    ("glee", &["joyful", "excited"]),
    ("jolliness", &["joyful", "carefree"]),
    ("joviality", &["friendly", "joyful"]),
    ("gladness", &["happy"]),
    ("jubilation", &["triumphant", "joyful"]),
    ("satisfaction", &["self satisfied", "untroubled"]),
    ("euphoria", &["elated", "excited", "joyful"]),
    ("enthusiasm", &["excited", "inspired"]),
    ("zeal", &["inspired", "vigorous"]),
    ("zest", &["vigorous", "excited"]),
    ("thrill", &["excited"]),
    ("exhilaration", &["excited", "free"]),
    ("pleasure", &["enjoyment", "relaxed"]),
    ("eagerness", &["interested", "excited"]),
    ("enthrallment", &["fascinated"]),
    ("rapture", &["fascinated", "in love"]),
    ("aggravation", &["frustrated", "irritated"]),
    ("agitation", &["upset", "tense"]),
    ("grouchiness", &["mildly annoyed", "displeased"]),
    ("grumpiness", &["mildly annoyed", "displeased"]),
    ("exasperation", &["frustrated"]),
    ("fury", &["enraged"]),
    ("wrath", &["enraged"]),
    ("ferocity", &["enraged", "aggressive"]),
    ("bitterness", &["hostile", "discontented"]),
    ("spite", &["hostile", "cruel"]),
    ("vengefulness", &["hostile", "defiant"]),
    ("dislike", &["displeased", "disdainful"]),
    ("resentment", &["quietly indignant", "hostile"]),
    ("revulsion", &["disgusted", "nauseated"]),
    ("jealousy", &["hostile", "insecure"]),
    ("torment", &["anguished", "pain"]),
    ("agony", &["anguished", "pain"]),
    ("suffering", &["pain", "distressed"]),
    ("hurt", &["rejected", "pain"]),
    ("hopelessness", &["despairing", "helpless"]),
    ("gloom", &["sad", "discouraged"]),
    ("glumness", &["sad", "discouraged"]),
    ("unhappiness", &["sad"]),
    ("sorrow", &["sad", "anguished"]),
    ("woe", &["anguished", "sad"]),
    ("misery", &["distressed", "depressed"]),
    ("dismay", &["discouraged", "upset"]),
    ("alienation", &["detached", "lonely"]),
    ("isolation", &["lonely"]),
    ("neglect", &["rejected", "lonely"]),
    ("homesickness", &["lonely", "sad"]),
    ("dejection", &["discouraged", "depressed"]),
    ("insult", &["humiliated", "upset"]),
    ("pity", &["sad", "kind"]),
    ("sympathy", &["kind", "sad"]),
    ("alarm", &["startled", "fearful"]),
    ("shock", &["startled", "astonished"]),
    ("fright", &["fearful"]),
    ("horror", &["terrified", "disgusted"]),
    ("panic", &["terrified", "helpless"]),
    ("hysteria", &["terrified", "upset"]),
    ("mortification", &["humiliated", "embarrassed"]),
    ("uneasiness", &["troubled", "tense"]),
    ("worry", &["troubled", "anxious"]),
    ("dread", &["fearful", "helpless"]),
    ("charismatic", &["influential", "friendly", "inspired"]),
    ("empathetic", &["kind", "respectful"]),
    ("romantic", &["in love", "affectionate"]),
    ("cheekiness", &["insolent", "joyful"]),
    ("outofbreath", &["activated", "fatigued"]),
    ("bittersweet", &["joyful", "sad"]),
    ("playful", &["joyful", "carefree"]),
    ("heroic", &["triumphant", "bold", "strong"]),
    ("energetic", &["vigorous", "excited"]),
    ("dreamy", &["relaxed", "fascinated"]),
    ("mysterious", &["curious", "awed"]),
    ("nostalgia", &["affectionate", "sad", "quiet"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        assert_eq!(PAD_TERMS.len(), 151);
        assert_eq!(PAD_TERMS[0].name, "bold");
        assert_eq!(PAD_TERMS[0].mean.to_array(), [0.44, 0.61, 0.66]);
    }

    #[test]
    fn every_listed_term_exists() {
        for (word, names) in FROM_LABEL_SETS.iter().chain(OURS) {
            assert_eq!(direct_terms(word).len(), names.len(), "{word}");
        }
    }
}
