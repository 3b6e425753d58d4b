use std::collections::BTreeMap;

/// Where no state is.
const NONE: u32 = u32::MAX;

/// The suffix automaton of a text of numbers (Blumer et al. 1985): it reads exactly the substrings of the
/// text. Built in linear time, each state keeps its longest string and where that first ends.
pub(crate) struct SuffixAutomaton {
    states: Vec<State>,
    last: u32,
}

#[derive(Clone)]
struct State {
    longest: u32,
    link: u32,
    first_end: u32,
    next: BTreeMap<u32, u32>,
}

/// How far a text has been matched.
#[derive(Clone, Copy, Default)]
pub(crate) struct Match {
    state: u32,
    /// Symbols matched.
    pub(crate) length: usize,
}

impl SuffixAutomaton {
    pub(crate) fn new() -> Self {
        let root = State {
            longest: 0,
            link: NONE,
            first_end: 0,
            next: BTreeMap::new(),
        };
        Self {
            states: vec![root],
            last: 0,
        }
    }

    /// Appends a symbol; the automaton reads the substrings of the longer text.
    pub(crate) fn push(&mut self, symbol: u32) {
        let longest = self.state(self.last).longest + 1;
        let new = self.add(State {
            longest,
            link: 0,
            first_end: longest - 1,
            next: BTreeMap::new(),
        });
        let mut at = self.last;
        while at != NONE && !self.state(at).next.contains_key(&symbol) {
            self.states[at as usize].next.insert(symbol, new);
            at = self.state(at).link;
        }
        if at != NONE {
            self.states[new as usize].link = self.suffix_state(at, symbol);
        }
        self.last = new;
    }

    /// The state that `at` reaches by `symbol`, split where it holds longer strings too.
    fn suffix_state(&mut self, at: u32, symbol: u32) -> u32 {
        let old = self.state(at).next[&symbol];
        let longest = self.state(at).longest + 1;
        if self.state(old).longest == longest {
            return old;
        }
        let split = State {
            longest,
            ..self.state(old).clone()
        };
        let split = self.add(split);
        let mut at = at;
        while at != NONE && self.state(at).next.get(&symbol) == Some(&old) {
            self.states[at as usize].next.insert(symbol, split);
            at = self.state(at).link;
        }
        self.states[old as usize].link = split;
        split
    }

    fn add(&mut self, state: State) -> u32 {
        self.states.push(state);
        (self.states.len() - 1) as u32
    }

    fn state(&self, index: u32) -> &State {
        &self.states[index as usize]
    }

    /// The longest suffix of what was matched, and `symbol`, that the text holds; nothing for a symbol that it does
    /// not know.
    pub(crate) fn advance(&self, matched: Match, symbol: Option<u32>) -> Match {
        let Some(symbol) = symbol else {
            return Match::default();
        };
        let mut at = matched;
        loop {
            let state = self.state(at.state);
            if let Some(next) = state.next.get(&symbol) {
                return Match {
                    state: *next,
                    length: at.length + 1,
                };
            }
            if state.link == NONE {
                return Match::default();
            }
            at = Match {
                state: state.link,
                length: self.state(state.link).longest as usize,
            };
        }
    }

    /// The index in the text of the last symbol of the first place where the match stands.
    pub(crate) fn first_end(&self, matched: Match) -> usize {
        self.state(matched.state).first_end as usize
    }

    /// The length of the longest string that stands at two places of the text, which may overlap: the longest
    /// link.
    pub(crate) fn longest_repeat(&self) -> usize {
        let links = self.states.iter().filter(|state| state.link != NONE);
        links
            .map(|state| self.state(state.link).longest as usize)
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn automaton(text: &[u32]) -> SuffixAutomaton {
        let mut automaton = SuffixAutomaton::new();
        text.iter().for_each(|symbol| automaton.push(*symbol));
        automaton
    }

    fn longest_common(text: &[u32], query: &[u32]) -> usize {
        (1..=query.len())
            .rev()
            .find(|length| {
                query
                    .windows(*length)
                    .any(|part| text.windows(*length).any(|other| other == part))
            })
            .unwrap_or(0)
    }

    fn longest_repeat(text: &[u32]) -> usize {
        (1..text.len())
            .rev()
            .find(|length| {
                let parts: Vec<&[u32]> = text.windows(*length).collect();
                (0..parts.len()).any(|index| parts[index + 1..].contains(&parts[index]))
            })
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn agrees_with_comparing_everything(
            text in prop::collection::vec(0u32..3, 0..40),
            query in prop::collection::vec(0u32..4, 0..20),
        ) {
            let automaton = automaton(&text);
            let mut at = Match::default();
            let mut longest = 0;
            for (index, symbol) in query.iter().enumerate() {
                at = automaton.advance(at, Some(*symbol));
                let end = automaton.first_end(at);
                if at.length > 0 {
                    prop_assert_eq!(&text[end + 1 - at.length..=end], &query[index + 1 - at.length..=index]);
                }
                longest = longest.max(at.length);
            }
            prop_assert_eq!(longest, longest_common(&text, &query));
            prop_assert_eq!(automaton.longest_repeat(), longest_repeat(&text));
        }
    }
}
