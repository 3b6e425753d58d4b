//! The card that comes with weights, and the works whose licence asks for a name.

use super::{
    condition::USUAL_CANDIDATES,
    corpus::{Corpus, Source},
    evaluate::{COPIED_RUN, Evaluation},
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
    let (from, begun_from) = match &report.begun_from {
        Some(hash) => (
            " --from WEIGHTS",
            format!(
                " These steps began\nfrom weights with the SHA-256 {hash}, whose own steps are not among them."
            ),
        ),
        None => ("", String::new()),
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
         command: affetto train piano --size {size}{without} --data DIR{from}\n\
         results:\n  \
           steps: {best_step}\n  \
           pieces: {{ train: {train}, valid: {valid}, test: {test} }}\n  \
           test_tokens: {tokens}\n  \
           test_loss_nats_per_token: {{ told: {told:.4}, told_others: {told_others:.4}, told_none: {told_none:.4}, untrained: {untrained:.4} }}\n  \
           test_loss_by_style: {{ {by_style} }}\n  \
           test_loss_nats_per_note: {per_note:.4}\n\
         {figures}\
         limits: >-\n  {LIMITS}\n\
         ---\n\n\
         # Piano from attributes: {size}\n\n\
         {PAPER}\n\n\
         Trained on {train} pieces in {windows} overlapping windows of up to 16 bars ({training_tokens} tokens), chosen by\n\
         {valid} others, measured on {test} that were neither; pop songs are split by song, everything else by composer. On\n\
         {tokens} tokens of those {test} pieces the mean negative log-likelihood of a token is {told:.3} nats where the network\n\
         is told the attributes of the music, {told_none:.3} where it is told none, and {told_others:.3} where it is told those of\n\
         other music of the same style; {untrained:.3} before training. Of a note it is {per_note:.3} nats.\n\n\
         The weights kept are those after step {best_step} of {steps}, a moving average, in 16 bits.{begun_from} What a low and a high\n\
         value of each attribute is stands in `statistics.json`; works whose licence asks for a name in `attribution.md`.\n\
         {evaluated}",
        figures = report.evaluation.as_ref().map(figures).unwrap_or_default(),
        evaluated = report
            .evaluation
            .as_ref()
            .map(evaluated)
            .unwrap_or_default(),
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

/// The figures of written pieces in YAML.
fn figures(evaluation: &Evaluation) -> String {
    let ends = evaluation
        .at_rest
        .map_or_else(String::new, |[ours, theirs]| {
            format!("  ends_at_rest: {{ generated: {ours:.3}, held_out: {theirs:.3} }}\n")
        });
    format!(
        "  bits_hit: {{ asked: {:.3}, by_chance: {:.3} }}\n  mean_overlap: {:.3}\n  \
         two_sample_auc: {{ generated: {:.3}, halves_of_music: {:.3} }}\n  \
         copied_share: {{ generated: {:.4}, held_out: {:.4} }}\n",
        evaluation.bits_hit,
        evaluation.bits_by_chance,
        evaluation.overlap,
        evaluation.auc,
        evaluation.auc_halves,
        evaluation.copied,
        evaluation.copied_held_out,
    ) + &ends
}

/// The same for people.
fn evaluated(evaluation: &Evaluation) -> String {
    let measures = evaluation.measures.iter().map(|measure| {
        format!(
            "| {} | {:.3} ± {:.3} | {:.3} ± {:.3} | {:.3} |\n",
            measure.name,
            measure.reference_mean,
            measure.reference_deviation,
            measure.mean,
            measure.deviation,
            measure.overlap
        )
    });
    let attributes = evaluation
        .by_attribute
        .iter()
        .map(|(attribute, hit, chance)| format!("| {attribute} | {hit:.2} | {chance:.2} |\n"));
    let told: Vec<String> = evaluation
        .told_by
        .iter()
        .map(|(name, auc)| format!("{name} ({auc:.3})"))
        .collect();
    let ends = evaluation.at_rest.map_or_else(String::new, |[ours, theirs]| {
        format!(
            "Where the window was the end of a piece, the last bar was chosen for itself: a third each counts the root of the\n\
             tonic as the lowest note, no note outside its triad, and a last onset that is held. Generated ends have {ours:.3}\n\
             of that, those of the music {theirs:.3}.\n\n"
        )
    });
    format!(
        "\n## {generated} pieces beside {held_out} windows never trained on\n\n\
         Each piece was asked for the bars, mode, style and attributes of one window; of {USUAL_CANDIDATES} continuations of every four bars the one\n\
         nearest to them was kept, with a little weight given to the critic that comes with the weights, which was trained on\n\
         windows to train on and hears the same features as the forest below; passages of the windows to train on, known by the\n\
         marks that come with the weights, counted against it.\n\n\
         | measure | music | generated | overlap |\n|---|---|---|---|\n{measures}\n\
         The mean overlap is {overlap:.3}. A forest on these and on the 112 attributes tells generated pieces from music with an\n\
         AUC of {auc:.3} (0.5: not at all; two halves of the music {halves:.3}); it goes by {told}.\n\n\
         Of the generated pieces, {copied:.2} % share a run of {COPIED_RUN} or more (interval, duration) pairs of the top line with\n\
         a training window; of the windows never trained on, {copied_held_out:.2} %.\n\n\
         {ends}\
         Of what was asked, {hit:.1} % of the attributes lie on the asked side of the middle; {chance:.1} % would, had each piece\n\
         been asked for what another was:\n\n\
         | attribute | hit | by chance |\n|---|---|---|\n{attributes}",
        generated = evaluation.generated,
        held_out = evaluation.held_out,
        measures = measures.collect::<String>(),
        overlap = evaluation.overlap,
        auc = evaluation.auc,
        halves = evaluation.auc_halves,
        told = told.join(", "),
        copied = 100.0 * evaluation.copied,
        copied_held_out = 100.0 * evaluation.copied_held_out,
        hit = 100.0 * evaluation.bits_hit,
        chance = 100.0 * evaluation.bits_by_chance,
        attributes = attributes.collect::<String>(),
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
