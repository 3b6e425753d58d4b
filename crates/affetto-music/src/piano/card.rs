//! The card that comes with weights, and the works whose licence asks for a name.

use super::{
    corpus::{Corpus, Source},
    train::TrainReport,
};

/// The card of a piano model: front matter in YAML, then the same for people.
pub fn card(report: &TrainReport, bytes: usize) -> String {
    let losses = &report.test_loss;
    let data: String = report
        .sources
        .iter()
        .map(|source| source.licence())
        .map(|(name, licence)| format!("  - name: {name}\n    licence: {licence}\n"))
        .collect();
    let by_style: Vec<String> = losses
        .by_style
        .iter()
        .map(|(style, loss)| format!("{}: {loss:.4}", style.name()))
        .collect();
    let without = if report.sources.contains(&Source::Pop909) {
        ""
    } else {
        " --without-pop909"
    };
    let ([train, valid, test], size) = (report.songs, report.size);
    format!(
        "---\n\
         id: piano-{size}\n\
         task: music.piano\n\
         parameters: {parameters}\n\
         bytes: {bytes}\n\
         sha256: {sha256}\n\
         licence: MIT OR Apache-2.0\n\
         data:\n{data}\
         command: affetto train piano --size {size}{without} --data DIR\n\
         results:\n  \
           steps: {best_step}\n  \
           pieces: {{ train: {train}, valid: {valid}, test: {test} }}\n  \
           test_tokens: {tokens}\n  \
           test_loss_nats_per_token: {{ told: {told:.4}, told_others: {told_others:.4}, told_none: {told_none:.4}, untrained: {untrained:.4} }}\n  \
           test_loss_by_style: {{ {by_style} }}\n  \
           test_loss_nats_per_note: {per_note:.4}\n\
         limits: >-\n  {LIMITS}\n\
         ---\n\n\
         # Piano from attributes: {size}\n\n\
         {PAPER}\n\n\
         Trained on {train} pieces in {windows} overlapping windows of up to 16 bars ({training_tokens} tokens), chosen by\n\
         {valid} others, measured on {test} that were neither; pop songs are split by song, everything else by composer. On\n\
         {tokens} tokens of those {test} pieces the mean negative log-likelihood of a token is {told:.3} nats where the network\n\
         is told the attributes of the music, {told_none:.3} where it is told none, and {told_others:.3} where it is told those of\n\
         other music of the same style; {untrained:.3} before training. Of a note it is {per_note:.3} nats.\n\n\
         The weights kept are those after step {best_step} of {steps}, a moving average, in 16 bits. What a low and a high\n\
         value of each attribute is stands in `statistics.json`; works whose licence asks for a name in `attribution.md`.\n",
        parameters = report.parameters,
        sha256 = report.sha256,
        best_step = report.best_step,
        steps = report.steps,
        tokens = losses.tokens,
        told = losses.told,
        told_others = losses.told_others,
        told_none = losses.told_none,
        untrained = losses.untrained,
        per_note = losses.per_note,
        by_style = by_style.join(", "),
        windows = report.windows[0],
        training_tokens = report.training_tokens,
    )
}

const PAPER: &str = "The second stage of Kang et al., \"EmoGen: Eliminating Subjective Bias in Emotional Music Generation\"
(2023): a linear-attention transformer from a vector of attributes to the tokens of two-hand piano music.";

const LIMITS: &str = "Western piano music on a grid of twelve positions a quarter note, without pedal; one tempo and one time
  signature a bar; bars of up to eight quarters. Learned from pop arrangements, art songs and classical scores.";

/// The works by name, as their licences ask.
pub fn attribution(corpus: &Corpus) -> String {
    let sources = corpus.sources.iter().map(|source| {
        let (name, licence) = source.licence();
        format!("- {name} ({licence})\n")
    });
    let works = corpus.attributions.iter().map(|line| format!("- {line}\n"));
    format!(
        "# The music that these weights were trained on\n\n{}\nUnder Creative Commons Attribution:\n\n{}",
        sources.collect::<String>(),
        works.collect::<String>()
    )
}
