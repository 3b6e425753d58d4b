//! The card that comes with the weights.

use super::{data::ATTRIBUTION, evaluate::Effects, statistics::Statistics, train::TrainReport};

/// The card of a sticker model: front matter in YAML, then the same for people.
pub fn card(report: &TrainReport, statistics: &Statistics, bytes: usize) -> String {
    let [train, valid] = report.clips;
    let rows: String = (statistics.emotions.iter())
        .map(|of| {
            format!(
                "| {} | {:.1} | {:+.2} | {:+.2} | {:+.2} | {:.1} |\n",
                of.emotion, of.clips, of.valence[0], of.arousal[0], of.energy[0], of.length_secs
            )
        })
        .collect();
    format!(
        "---\n\
         id: stickers\n\
         task: video.sticker\n\
         parameters: {parameters}\n\
         bytes: {bytes}\n\
         sha256: {sha256}\n\
         licence: MIT OR Apache-2.0, with the attribution below\n\
         data:\n  \
           - name: Animated Noto Emoji by Google, measured as channel tracks\n    \
             licence: CC BY 4.0\n\
         attribution: >-\n  {ATTRIBUTION}\n\
         command: affetto train stickers --data DIR --out DIR\n\
         results:\n  \
           steps: {best} of {steps}\n  \
           clips: {{ train: {train}, held_out: {valid} }}\n  \
           held_out_loss: {{ told: {loss:.4}, told_others: {others:.4}, told_none: {none:.4}, untrained: {untrained:.4} }}\n\
         {figures}limits: >-\n  {LIMITS}\n\
         ---\n\n\
         # Stickers from emotions\n\n\
         A diffusion transformer on rectified flow over the motion of a drawn face: a pose and twelve harmonics of a loop for\n\
         each of 72 numbers. {ATTRIBUTION}\n\n\
         Trained on {train} clips; the weights are a moving average, chosen by {valid} clips of other emoji\n\
         ({held_out}). Their error is {loss:.3} where the network is told their emotion, {others:.3} where it is told that of\n\
         another clip, {none:.3} where it is told none; {untrained:.3} before training (weighted mean squares in spreads).\n\n\
         `statistics.json` holds means, spreads and a common covariance, measured by us; no clip can be had back from it:\n\n\
         | emotion | clips, by weight | valence | arousal | motion energy, in deviations | seconds |\n\
         |---|--:|--:|--:|--:|--:|\n{rows}{measured}",
        figures = report.effects.as_ref().map(figures).unwrap_or_default(),
        measured = report.effects.as_ref().map(measured).unwrap_or_default(),
        parameters = report.parameters,
        sha256 = report.sha256,
        best = report.best_step,
        steps = report.steps,
        loss = report.loss,
        others = report.loss_told_others,
        none = report.loss_told_none,
        untrained = report.loss_untrained,
        held_out = report.held_out.join(", "),
    )
}

/// What was measured, in YAML.
fn figures(effects: &Effects) -> String {
    format!(
        "  rank_correlation: {{ arousal_with_motion: {:.3}, valence_with_mouth: {:.3} }}\n  \
         jitter: {{ clips: {:.4}, stickers: {:.4} }}\n  \
         largest_seam: {:.3}\n  \
         copied_share: {:.4}\n",
        effects.arousal,
        effects.valence,
        effects.jitter[0],
        effects.jitter[1],
        effects.seam[0],
        effects.copied.share,
    )
}

/// The same for people.
fn measured(effects: &Effects) -> String {
    let grown: Vec<String> = (effects.intensity.iter())
        .map(|(emotion, share)| format!("{emotion} {:.0}", 8.0 * share))
        .collect();
    format!(
        "\n## Asked and measured\n\n\
         Over nine steps of arousal the rank correlation with the measured motion energy is {:.3}, over nine of valence with the\n\
         lift of the mouth {:.3}. Of the eight steps between nine intensities the face grows stronger over so many: {}.\n\
         The mean third difference of motion is {:.4} in clips and {:.4} in stickers; where a loop closes it changes at most\n\
         {:.2} times as much as in the 95th percentile of its frames. Of {} stickers {} are nearer to a clip than the 5th\n\
         percentile of clips to each other ({:.3} spreads; the median sticker is {:.3} from the nearest clip, and {} clips are\n\
         nearest to some sticker).\n",
        effects.arousal,
        effects.valence,
        grown.join(", "),
        effects.jitter[0],
        effects.jitter[1],
        effects.seam[0],
        effects.copied.of,
        effects.copied.right,
        effects.nearest[0],
        effects.nearest[1],
        effects.distinct_nearest,
    )
}

const LIMITS: &str = "One style of animation, 125 clips, labels by one rater; arousal labels are weak, so that motion energy is asked
  for beside them. Faces only. Excitement, awe and disgust have few and mixed clips.";
