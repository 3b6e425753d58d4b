//! Titles brought to a key, so that one song in several sets falls on one side of the split.

/// Words that titles of one song have or lack at will.
const ARTICLES: [&str; 22] = [
    "a", "an", "the", "der", "die", "das", "dem", "den", "ein", "eine", "le", "la", "les", "l",
    "un", "une", "el", "il", "lo", "i", "o", "oh",
];

/// The title in lower case, without accents, punctuation, articles, what stands in brackets, and
/// leading numbers, in one word: `3. Die Krähe` becomes `krahe`. Empty where nothing is left.
pub fn title_key(title: &str) -> String {
    let plain = plain_words(&without_brackets(title));
    let words: Vec<&str> = plain.split_whitespace().collect();
    let named = words
        .iter()
        .position(|word| !word.chars().all(|c| c.is_ascii_digit()))
        .unwrap_or(0);
    let kept: Vec<&str> = words[named..]
        .iter()
        .copied()
        .filter(|word| !ARTICLES.contains(word))
        .collect();
    if kept.is_empty() {
        words.concat()
    } else {
        kept.concat()
    }
}

fn without_brackets(title: &str) -> String {
    let mut depth = 0_usize;
    let outside: String = title
        .chars()
        .filter(|c| {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect();
    if outside.trim().is_empty() {
        title.into()
    } else {
        outside
    }
}

fn plain_words(title: &str) -> String {
    let mut plain = String::with_capacity(title.len());
    for c in title.chars().flat_map(char::to_lowercase) {
        match c {
            '\'' | '’' | '‘' | '`' | '´' => {}
            c if c.is_ascii_alphanumeric() => plain.push(c),
            c => plain.push_str(without_accent(c)),
        }
    }
    plain
}

/// The letters of western European titles without their accents; a space for all else.
fn without_accent(c: char) -> &'static str {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' => "a",
        'ç' | 'č' | 'ć' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'ě' | 'ę' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' | 'ń' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => "o",
        'ř' => "r",
        'š' | 'ś' => "s",
        'ù' | 'ú' | 'û' | 'ü' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ž' | 'ź' | 'ż' => "z",
        'ł' => "l",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        '\u{300}'..='\u{36f}' => "",
        _ => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::title_key;

    #[test]
    fn one_song_has_one_key() {
        for title in ["Oh, Lady Be Good!", "Lady be good", "LADY  BE GOOD (1924)"] {
            assert_eq!(title_key(title), "ladybegood");
        }
        assert_eq!(title_key("The Man I Love"), "manlove");
        assert_eq!(title_key("Ain't Misbehavin'"), "aintmisbehavin");
        assert_eq!(title_key("Star Dust"), title_key("Stardust"));
        assert_eq!(title_key("3. Die Krähe"), "krahe");
    }

    #[test]
    fn a_title_of_articles_or_brackets_keeps_its_words() {
        assert_eq!(title_key("The"), "the");
        assert_eq!(title_key("(1920)"), "1920");
        assert_eq!(title_key("?!"), "");
    }
}
