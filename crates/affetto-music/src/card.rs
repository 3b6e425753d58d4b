//! The card that comes with weights.

use crate::{
    measure::{COPIED_RUN, Evaluation},
    model::ModelKind,
    train::TrainReport,
};

/// The card of a lead-sheet model: front matter in YAML, then the same for people.
pub fn card(report: &TrainReport, bytes: usize, trained_on: &[&str]) -> String {
    let name = report.model.name();
    let losses = &report.test_loss;
    let data: String = trained_on
        .iter()
        .filter_map(|source| data_of(source))
        .map(|(name, licence)| format!("  - name: {name}\n    licence: {licence}\n"))
        .collect();
    let [train, valid, test] = report.songs;
    format!(
        "---\n\
         id: lead-sheet-{name}\n\
         task: music.lead-sheet\n\
         parameters: {parameters}\n\
         bytes: {bytes}\n\
         sha256: {sha256}\n\
         licence: MIT OR Apache-2.0\n\
         data:\n{data}\
         command: affetto train lead-sheet --model {name} --data DIR\n\
         results:\n  \
           steps: {best_step}\n  \
           songs: {{ train: {train}, valid: {valid}, test: {test} }}\n  \
           test_tokens: {tokens}\n  \
           test_loss_nats_per_token: {{ trained: {trained:.4}, trigram: {trigram:.4}, unigram: {unigram:.4}, untrained: {untrained:.4} }}\n\
         {measured}\
         limits: >-\n  {limits}\n\
         ---\n\n\
         # Lead sheets by valence: {title}\n\n\
         {paper}\n\n\
         Trained on {train} songs ({training_tokens} tokens), chosen by {valid} others, measured on {test} that were\n\
         neither; titles are split before anything else, so that no song is on two sides. On the {tokens} tokens of\n\
         those {test} songs the mean negative log-likelihood of a token is {trained:.3} nats; an interpolated trigram has\n\
         {trigram:.3}, token frequencies {unigram:.3}, the network before training {untrained:.3}.\n\n\
         The weights kept are those after step {best_step} of {steps}, a moving average, in 16 bits.\n\
         {compared}",
        parameters = report.parameters,
        sha256 = report.sha256,
        best_step = report.best_step,
        steps = report.steps,
        tokens = losses.tokens,
        trained = losses.trained,
        trigram = losses.trigram,
        unigram = losses.unigram,
        untrained = losses.untrained,
        measured = report.evaluation.as_ref().map_or_else(String::new, results),
        compared = report
            .evaluation
            .as_ref()
            .map_or_else(String::new, comparison),
        limits = LIMITS,
        title = title(report.model),
        paper = PAPER,
        training_tokens = report.training_tokens,
    )
}

/// The lines of the front matter.
fn results(evaluation: &Evaluation) -> String {
    format!(
        "  two_sample_auc: {{ generated: {:.3}, trigram: {:.3}, halves_of_songs: {:.3} }}\n  \
           mean_overlap: {:.3}\n  \
           copied_share: {:.4}\n",
        evaluation.auc,
        evaluation.auc_trigram,
        evaluation.auc_halves,
        evaluation.overlap,
        evaluation.copied
    )
}

/// The same for people.
fn comparison(evaluation: &Evaluation) -> String {
    let rows: String = evaluation
        .measures
        .iter()
        .map(|measure| {
            format!(
                "| {} | {:.3} ± {:.3} | {:.3} ± {:.3} | {:.3} |\n",
                measure.name,
                measure.held_out.0,
                measure.held_out.1,
                measure.generated.0,
                measure.generated.1,
                measure.overlap
            )
        })
        .collect();
    let told: Vec<String> = evaluation
        .told_by
        .iter()
        .map(|(name, auc)| format!("{name} ({auc:.3})"))
        .collect();
    format!(
        "\n## {generated} pieces beside {held_out} passages never trained on\n\n\
         Each piece was asked for the bars, metre, mode, style, mean valence and density of one passage, and chosen by\n\
         the critic that comes with the weights, which was trained on songs of the other two sides and hears the same\n\
         features as the forest below.\n\n\
         | measure | songs | generated | overlap |\n|---|---|---|---|\n{rows}\n\
         The mean overlap is {overlap:.3}. A forest on {features} features tells generated pieces from songs with an\n\
         AUC of {auc:.3} (0.5: not at all; trigram music {auc_trigram:.3}; two halves of the songs\n\
         {auc_halves:.3}); it goes by {told}.\n\n\
         Of the generated pieces, {copied:.2} % share a run of {run} or more (interval, duration) pairs with a training\n\
         song; of the songs never trained on, {copied_held_out:.2} %.\n",
        generated = evaluation.generated,
        held_out = evaluation.held_out,
        overlap = evaluation.overlap,
        features = affetto_attributes::feature_names().len(),
        auc = evaluation.auc,
        auc_trigram = evaluation.auc_trigram,
        auc_halves = evaluation.auc_halves,
        told = told.join(", "),
        copied = 100.0 * evaluation.copied,
        run = COPIED_RUN,
        copied_held_out = 100.0 * evaluation.copied_held_out,
    )
}

const LIMITS: &str = "Popular songs before 1931, hymns and nineteenth-century art songs, all Western; melodies of two and a \
    half octaves; sixteenths and triplets; seven metres. Chord-quality valence is a control signal, no proof of felt \
    emotion.";

const PAPER: &str = "A conditional sequence-to-sequence network after Makris, Agres and Herremans, \"Generating Lead Sheets \
    with Affect: A Novel Conditional seq2seq Framework\" (2021), sized for the data.";

const fn title(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Transformer => "transformer",
        ModelKind::Lstm => "LSTM with attention",
    }
}

/// A source's name and licence, as its archive states it.
fn data_of(source: &str) -> Option<(&'static str, &'static str)> {
    Some(match source {
        "openewld" => (
            "OpenEWLD, tiers A and B (authors dead by 1955, or first performed by 1930)",
            "public domain in the United States",
        ),
        "neonscribe" => (
            "neonscribe lead sheets of songs published by 1930",
            "Unlicense; public domain in the United States",
        ),
        "openhymnal" => ("Open Hymnal, chords derived", "public domain"),
        "openscore-lieder" => ("OpenScore Lieder, chords derived", "CC0-1.0"),
        "user" => ("files of whoever trained it", "theirs"),
        _ => return None,
    })
}
