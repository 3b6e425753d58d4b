//! Parrott's tree of emotion words, which TONE uses as its ontology.
//!
//! Parrott, *Emotions in Social Psychology* (2001), after Shaver, Schwartz, Kirson & O'Connor,
//! "Emotion knowledge" (1987): 6 primary, 25 secondary and 135 tertiary emotions. Two public
//! copies of the tree agree word for word. Disgust stands below anger, contempt below disgust.

use std::sync::LazyLock;

/// One word of the tree.
pub(crate) struct Node {
    /// The word, not unique: *surprise* stands on all three tiers.
    pub(crate) name: &'static str,
    /// The index of the word above, absent for a primary emotion.
    pub(crate) parent: Option<usize>,
    /// 1 primary, 2 secondary, 3 tertiary.
    pub(crate) tier: u32,
}

/// Every word: the primary ones first, then the secondary, then the tertiary, each in tree order.
pub(crate) static NODES: LazyLock<Vec<Node>> = LazyLock::new(|| {
    let mut nodes: Vec<Node> = TREE.iter().map(|(name, _)| node(name, None, 1)).collect();
    for (parent, (_, secondary)) in TREE.iter().enumerate() {
        nodes.extend(
            secondary
                .iter()
                .map(|(name, _)| node(name, Some(parent), 2)),
        );
    }
    let secondary = TREE.iter().flat_map(|(_, secondary)| secondary.iter());
    for (parent, (_, tertiary)) in secondary.enumerate() {
        let parent = TREE.len() + parent;
        nodes.extend(tertiary.iter().map(|name| node(name, Some(parent), 3)));
    }
    nodes
});

fn node(name: &'static str, parent: Option<usize>, tier: u32) -> Node {
    Node { name, parent, tier }
}

/// The words from the primary one down to `index`, joined by dots: `anger.disgust.contempt`.
pub(crate) fn path(index: usize) -> String {
    let words: Vec<&str> = lineage(index)
        .iter()
        .rev()
        .map(|&i| NODES[i].name)
        .collect();
    words.join(".")
}

/// Steps along the tree between two words.
///
/// For two tertiary words this is TONE's `2 * (3 - depth of the lowest common ancestor)`, the
/// root that joins the six primary emotions having depth 0.
pub(crate) fn distance(a: usize, b: usize) -> u32 {
    let (above_a, above_b) = (lineage(a), lineage(b));
    let shared = above_a
        .iter()
        .filter(|index| above_b.contains(index))
        .count() as u32;
    NODES[a].tier + NODES[b].tier - 2 * shared
}

/// `index` and every word above it, upwards.
fn lineage(index: usize) -> Vec<usize> {
    std::iter::successors(Some(index), |&index| NODES[index].parent).collect()
}

type Secondary = (&'static str, &'static [&'static str]);

#[rustfmt::skip]
const TREE: [(&str, &[Secondary]); 6] = [
    ("love", &[
        ("affection", &["adoration", "affection", "love", "fondness", "liking", "attraction", "caring", "tenderness", "compassion", "sentimentality"]),
        ("lust", &["arousal", "desire", "lust", "passion", "infatuation"]),
        ("longing", &["longing"]),
    ]),
    ("joy", &[
        ("cheerfulness", &["amusement", "bliss", "cheerfulness", "gaiety", "glee", "jolliness", "joviality", "joy", "delight", "enjoyment", "gladness", "happiness", "jubilation", "elation", "satisfaction", "ecstasy", "euphoria"]),
        ("zest", &["enthusiasm", "zeal", "zest", "excitement", "thrill", "exhilaration"]),
        ("contentment", &["contentment", "pleasure"]),
        ("pride", &["pride", "triumph"]),
        ("optimism", &["eagerness", "hope", "optimism"]),
        ("enthrallment", &["enthrallment", "rapture"]),
        ("relief", &["relief"]),
    ]),
    ("surprise", &[
        ("surprise", &["amazement", "surprise", "astonishment"]),
    ]),
    ("anger", &[
        ("irritation", &["aggravation", "irritation", "agitation", "annoyance", "grouchiness", "grumpiness"]),
        ("exasperation", &["exasperation", "frustration"]),
        ("rage", &["anger", "rage", "outrage", "fury", "wrath", "hostility", "ferocity", "bitterness", "hate", "loathing", "scorn", "spite", "vengefulness", "dislike", "resentment"]),
        ("disgust", &["disgust", "revulsion", "contempt"]),
        ("envy", &["envy", "jealousy"]),
        ("torment", &["torment"]),
    ]),
    ("sadness", &[
        ("suffering", &["agony", "suffering", "hurt", "anguish"]),
        ("sadness", &["depression", "despair", "hopelessness", "gloom", "glumness", "sadness", "unhappiness", "grief", "sorrow", "woe", "misery", "melancholy"]),
        ("disappointment", &["dismay", "disappointment", "displeasure"]),
        ("shame", &["guilt", "shame", "regret", "remorse"]),
        ("neglect", &["alienation", "isolation", "neglect", "loneliness", "rejection", "homesickness", "defeat", "dejection", "insecurity", "embarrassment", "humiliation", "insult"]),
        ("sympathy", &["pity", "sympathy"]),
    ]),
    ("fear", &[
        ("horror", &["alarm", "shock", "fear", "fright", "horror", "terror", "panic", "hysteria", "mortification"]),
        ("nervousness", &["anxiety", "nervousness", "tenseness", "uneasiness", "apprehension", "worry", "distress", "dread"]),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_hold_6_25_and_135_words() {
        let count = |tier| NODES.iter().filter(|node| node.tier == tier).count();
        assert_eq!([count(1), count(2), count(3)], [6, 25, 135]);
    }

    #[test]
    fn distance_is_symmetric_and_zero_only_at_home() {
        for a in 0..NODES.len() {
            for b in 0..NODES.len() {
                assert_eq!(distance(a, b), distance(b, a));
                assert_eq!(distance(a, b) == 0, a == b);
            }
        }
    }

    /// `2 * (3 - depth)` with depth 2 for siblings, 1 for cousins and 0 across the root.
    #[test]
    fn tertiary_distances_by_hand() {
        let at = |wanted: &str| (0..NODES.len()).find(|&i| path(i) == wanted).unwrap();
        let bliss = at("joy.cheerfulness.bliss");
        assert_eq!(distance(bliss, at("joy.cheerfulness.glee")), 2);
        assert_eq!(distance(bliss, at("joy.zest.thrill")), 4);
        assert_eq!(distance(bliss, at("sadness.shame.regret")), 6);
    }
}
