//! The known words nearest to an unknown one.

/// How many words a hint lists at most.
const MOST: usize = 5;

/// Up to five candidates that contain `word`, are contained in it, or are few edits away, the
/// nearest first; equal ones in the order given.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let word: String = word.to_lowercase().chars().take(64).collect();
    let mut ranked: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates {
        let known = ranked.iter().any(|(_, other)| *other == candidate);
        if let Some(edits) = edits(&word, candidate).filter(|_| !known) {
            ranked.push((edits, candidate));
        }
    }
    ranked.sort_by_key(|(edits, _)| *edits);
    let best = ranked.into_iter().take(MOST);
    best.map(|(_, candidate)| candidate.into()).collect()
}

/// The edit distance (a swap of neighbours counts one) where it is at most a third of the word
/// or 2, or where one word of at least three letters contains the other.
fn edits(word: &str, candidate: &str) -> Option<usize> {
    let edits = strsim::osa_distance(word, candidate);
    let length = word.chars().count();
    let contained = |long: &str, short: &str| short.len() >= 3 && long.contains(short);
    let near = edits <= (length / 3).clamp(1, 3)
        || contained(candidate, word)
        || contained(word, candidate);
    near.then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_missing_and_contained_letters() {
        let words = ["joy", "sadness", "enjoyment", "anger"];
        assert_eq!(nearest("sadnses", words), ["sadness"]);
        assert_eq!(nearest("ange", words), ["anger"]);
        assert_eq!(nearest("joyment", words), ["enjoyment", "joy"]);
        assert!(nearest("xylophone", words).is_empty());
        assert!(nearest("", words).is_empty());
    }
}
