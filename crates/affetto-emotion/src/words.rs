//! Forms of one emotion word: noun, adjective, adverb.

/// Lower case, without spaces around, every run of spaces, hyphens and underscores as one space.
pub(crate) fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| c.is_whitespace() || c == '-' || c == '_');
    let words: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    words.join(" ")
}

/// At most the first 64 characters, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    text.trim().chars().take(64).collect()
}

/// Every form of `word` (in normal form), the preferred one first; nothing for a word without
/// listed forms.
pub(crate) fn forms(word: &str) -> &'static [&'static str] {
    let group = FORMS.iter().find(|group| group.contains(&word));
    group.copied().unwrap_or(&[])
}

/// Every listed form.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    FORMS.iter().flat_map(|group| group.iter().copied())
}

/// One group a line; a word stands in one group only.
#[rustfmt::skip]
const FORMS: &[&[&str]] = &[
    &["joy", "happiness", "happy", "joyful", "joyous", "happily", "joyfully"],
    &["sadness", "sad", "sadly", "saddened"],
    &["anger", "angry", "angrily", "angered"],
    &["fear", "fearful", "afraid", "scared", "scary", "fearfully"],
    &["disgust", "disgusted", "disgusting"],
    &["surprise", "surprised", "surprising"],
    &["contempt", "contemptuous"],
    &["neutral", "neutrality", "none"],
    &["trust", "trusting", "trustful"],
    &["anticipation", "anticipating", "expectant"],
    &["love", "loving", "loved", "in love"],
    &["affection", "affectionate"],
    &["optimism", "optimistic"],
    &["pessimism", "pessimistic"],
    &["hatred", "hate", "hateful"],
    &["respect", "respectful"],
    &["pride", "proud", "proudly"],
    &["excitement", "excited", "exciting"],
    &["sarcasm", "sarcastic", "sarcastically"],
    &["worry", "worried", "worrying"],
    &["amusement", "amused", "amusing"],
    &["awe", "awed", "awestruck"],
    &["contentment", "content", "contented"],
    &["frustration", "frustrated", "frustrating"],
    &["gratitude", "grateful", "thankful", "thankfulness"],
    &["admiration", "admiring", "admired"],
    &["annoyance", "annoyed", "annoying"],
    &["approval", "approving"],
    &["caring", "care"],
    &["confusion", "confused", "confusing"],
    &["curiosity", "curious"],
    &["desire", "desirous", "desiring"],
    &["disappointment", "disappointed", "disappointing"],
    &["disapproval", "disapproving"],
    &["embarrassment", "embarrassed", "embarrassing"],
    &["grief", "grieving", "griefstricken"],
    &["nervousness", "nervous"],
    &["realization", "realisation", "realizing"],
    &["relief", "relieved"],
    &["remorse", "remorseful", "repentant"],
    &["calm", "calmness", "calmly", "peaceful", "peace", "tranquil"],
    &["serenity", "serene"],
    &["boredom", "bored", "boring"],
    &["loneliness", "lonely", "lonesome"],
    &["tenderness", "tender"],
    &["triumph", "triumphant"],
    &["tension", "tense", "tenseness"],
    &["melancholy", "melancholic"],
    &["shame", "shamed", "ashamed", "shameful"],
    &["guilt", "guilty"],
    &["bittersweet", "bittersweetness"],
    &["nostalgia", "nostalgic"],
    &["wonder", "wondering"],
    &["charismatic", "charisma"],
    &["empathetic", "empathy", "empathic"],
    &["envy", "envious"],
    &["romantic", "romance"],
    &["cheekiness", "cheeky"],
    &["outofbreath", "out of breath", "breathless"],
    &["pain", "painful"],
    &["ecstasy", "ecstatic"],
    &["acceptance", "accepting"],
    &["apprehension", "apprehensive"],
    &["terror", "terrified"],
    &["distraction", "distracted"],
    &["amazement", "amazed"],
    &["pensiveness", "pensive"],
    &["loathing", "loath"],
    &["rage", "enraged", "raging"],
    &["interest", "interested"],
    &["vigilance", "vigilant"],
    &["submission", "submissive"],
    &["aggressiveness", "aggressive", "aggression"],
    &["despair", "despairing", "desperate"],
    &["unbelief", "disbelief"],
    &["cynicism", "cynical"],
    &["hope", "hopeful"],
    &["delight", "delighted", "delightful"],
    &["sentimentality", "sentimental"],
    &["outrage", "outraged"],
    &["morbidness", "morbid"],
    &["dominance", "dominant", "domineering"],
    &["anxiety", "anxious"],
    &["passion", "passionate"],
    &["longing", "yearning"],
    &["bliss", "blissful"],
    &["cheerfulness", "cheerful"],
    &["glee", "gleeful"],
    &["gladness", "glad"],
    &["jubilation", "jubilant"],
    &["elation", "elated"],
    &["satisfaction", "satisfied"],
    &["euphoria", "euphoric"],
    &["enthusiasm", "enthusiastic"],
    &["eagerness", "eager"],
    &["astonishment", "astonished"],
    &["irritation", "irritated"],
    &["agitation", "agitated"],
    &["exasperation", "exasperated"],
    &["fury", "furious"],
    &["hostility", "hostile"],
    &["bitterness", "bitter"],
    &["scorn", "scornful"],
    &["resentment", "resentful"],
    &["jealousy", "jealous"],
    &["anguish", "anguished"],
    &["depression", "depressed"],
    &["hopelessness", "hopeless"],
    &["gloom", "gloomy"],
    &["unhappiness", "unhappy"],
    &["sorrow", "sorrowful"],
    &["misery", "miserable"],
    &["displeasure", "displeased"],
    &["regret", "regretful"],
    &["isolation", "isolated"],
    &["rejection", "rejected"],
    &["defeat", "defeated"],
    &["insecurity", "insecure"],
    &["humiliation", "humiliated"],
    &["sympathy", "sympathetic"],
    &["horror", "horrified"],
    &["panic", "panicked"],
    &["shock", "shocked"],
    &["uneasiness", "uneasy"],
    &["distress", "distressed"],
    &["arousal", "aroused"],
    &["compassion", "compassionate"],
    &["playful", "playfulness"],
    &["heroic", "heroism"],
    &["energetic", "energy"],
    &["dreamy", "dreaming"],
    &["mysterious", "mystery"],
    &["grumpiness", "grumpy"],
    &["grouchiness", "grouchy"],
    &["relaxed", "relaxation", "relaxing"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_in_one_group_and_in_normal_form() {
        let mut words: Vec<&str> = all().collect();
        assert!(words.iter().all(|word| normal(word) == *word));
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count);
    }

    #[test]
    fn normal_form() {
        assert_eq!(
            normal("  Burdened_with-Responsibility "),
            "burdened with responsibility"
        );
    }
}
