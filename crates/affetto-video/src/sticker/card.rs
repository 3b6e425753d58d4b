//! The card that comes with the weights.

use super::{data::ATTRIBUTION, statistics::Statistics, train::TrainReport};

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
         limits: >-\n  {LIMITS}\n\
         ---\n\n\
         # Stickers from emotions\n\n\
         A diffusion transformer on rectified flow over the motion of a drawn face: a pose and twelve harmonics of a loop for\n\
         each of 72 numbers. {ATTRIBUTION}\n\n\
         Trained on {train} clips; the weights are a moving average, chosen by {valid} clips of other emoji\n\
         ({held_out}). Their error is {loss:.3} where the network is told their emotion, {others:.3} where it is told that of\n\
         another clip, {none:.3} where it is told none; {untrained:.3} before training (weighted mean squares in spreads).\n\n\
         `statistics.json` holds means, spreads and a common covariance, measured by us; no clip can be had back from it:\n\n\
         | emotion | clips, by weight | valence | arousal | motion energy, in deviations | seconds |\n\
         |---|--:|--:|--:|--:|--:|\n{rows}",
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

const LIMITS: &str = "One style of animation, 125 clips, labels by one rater; arousal labels are weak, so that motion energy is asked
  for beside them. Faces only. Excitement, awe and disgust have few and mixed clips.";
