//! Sets of game files: what is asked and measured of them, and the bytes of every file.

mod cues;
mod files;
mod mix;

use std::path::Path;

use affetto_attributes::LeadSheetMeasures;
use affetto_core::{Progress, Seed, sha256_hex};
use affetto_media::{
    Score, midi, ogg,
    wav::{self, Audio, Marks, Seam},
};
use affetto_music::{
    compose::{Asked, Sources},
    set::{GameScore, SetRequest, Stinger, Voice},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cues::{
    Extent, Godot, MUSIC_SET_SCHEMA, MusicSet, SetCue, SetFiles, SetLayer, SetOutro, SetStinger,
};
pub(crate) use files::{SetFolder, is_file_of_set, provenance_in, provenance_of_set};
pub use files::{output_files, provenance_files};

use crate::{
    Error, Findings, ModelUsed, Models,
    compose::{AnyPiece, Media, Work},
    effects::set_effects,
    render::Sound,
};
use cues::Clock;
use files::{CUES, SCORE};
use mix::{LayerSound, SetSound, add, loop_of};

/// What was asked of a set, words resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAsked {
    /// What was asked of the lead sheet that everything is made of.
    pub sheet: Asked,
    /// From which arousal on each layer sounds, -1..=1, the calmest first.
    pub layers: Vec<f64>,
    /// Bars before the loop.
    pub intro_bars: usize,
    /// Bars of the loop.
    pub loop_bars: usize,
    /// Bars of the ending.
    pub outro_bars: usize,
    /// Where the loop begins, in samples.
    pub loop_start: u64,
    /// How long the loop is, in samples.
    pub loop_length: u64,
    /// The highest sample that any choice of layers may reach, of full scale.
    pub highest: f64,
}

/// What was measured of a set, on the files as they are read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMeasured {
    /// Of the lead sheet that everything is made of.
    pub sheet: LeadSheetMeasures,
    /// The share of all notes but drums that lie in the scale of the key, stingers too.
    pub in_scale: f64,
    /// Of each layer, the calmest first.
    pub layers: Vec<LayerMeasured>,
    /// The highest sample that any choice of layers can reach, of full scale.
    pub highest: f64,
    /// Of each stinger.
    pub stingers: Vec<StingerMeasured>,
}

/// What was measured of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerMeasured {
    /// Samples of its WAV file.
    pub wav_samples: u64,
    /// Samples of its OGG file.
    pub ogg_samples: u64,
    /// Notes of the loop in a second, of it and the layers before it.
    pub notes_per_second: f64,
    /// How loud the loop is alone (ITU-R BS.1770), in LUFS; nothing where it is too short or too soft to say.
    pub loudness_lufs: Option<f64>,
    /// The same together with the layers before it.
    pub loudness_with_lower_lufs: Option<f64>,
    /// Its highest sample, of full scale.
    pub peak: f64,
    /// The seam of its loop in the WAV file.
    pub wav_seam: SeamMeasured,
    /// The seam of its loop in the OGG file.
    pub ogg_seam: SeamMeasured,
    /// The highest sample of its ending, where there is one.
    pub outro_peak: Option<f64>,
}

/// How a loop goes on from its end to its beginning, in steps from one sample to the next, 1 being full scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeamMeasured {
    /// From the last sample of the loop to its first.
    pub step: f64,
    /// The largest step anywhere else in the file.
    pub largest_inside: f64,
    /// The step that 999 of 1000 others do not pass.
    pub usual_inside: f64,
}

impl SeamMeasured {
    /// The step at the seam beside the largest one elsewhere.
    pub(crate) fn ratio(&self) -> f64 {
        if self.step == 0.0 {
            return 0.0;
        }
        self.step / self.largest_inside
    }
}

/// What was measured of a stinger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StingerMeasured {
    /// Which one.
    pub kind: Stinger,
    /// Samples of its WAV file.
    pub wav_samples: u64,
    /// How loud it is, in LUFS.
    pub loudness_lufs: Option<f64>,
    /// Its highest sample, of full scale.
    pub peak: f64,
}

/// A set that was made: the bytes of every file but the cue file, and what that says.
#[derive(Clone, Debug)]
pub(crate) struct GameSet {
    /// By the end of their names, after that of the set.
    files: Vec<(String, Vec<u8>)>,
    /// File names are ends of names.
    cues: MusicSet,
}

impl GameSet {
    /// The bytes of the file that is called so; nothing where a set has no such file.
    pub(crate) fn file(&self, path: &Path) -> Option<Vec<u8>> {
        let name = path.file_name()?.to_str()?;
        if let Some(name) = name.strip_suffix(CUES) {
            let json = serde_json::to_string_pretty(&self.cues.named(name));
            return Some((json.expect("numbers, words and lists are JSON") + "\n").into_bytes());
        }
        let fits = self.files.iter().filter(|(end, _)| name.ends_with(end));
        fits.max_by_key(|(end, _)| end.len())
            .map(|(_, bytes)| bytes.clone())
    }
}

impl MusicSet {
    /// The same with every file name begun by `name`.
    fn named(&self, name: &str) -> Self {
        let mut set = self.clone();
        let begin = |files: &mut SetFiles| {
            for file in [&mut files.midi, &mut files.wav, &mut files.ogg] {
                file.insert_str(0, name);
            }
        };
        set.layers
            .iter_mut()
            .for_each(|layer| begin(&mut layer.files));
        set.outro
            .iter_mut()
            .flat_map(|outro| &mut outro.layers)
            .for_each(begin);
        set.stingers
            .iter_mut()
            .for_each(|stinger| begin(&mut stinger.files));
        set.score.insert_str(0, name);
        set.name = name.into();
        set
    }
}

/// Makes what `request` asks for.
pub(crate) fn make_set(
    request: &SetRequest,
    sound: &Sound,
    models: &Models,
    work: Work<'_>,
) -> Result<AnyPiece, Error> {
    request.check()?;
    let model = models.lead_sheet(request.model.as_deref())?;
    let sheet = request.lead_sheet();
    let composition = model
        .model
        .compose_with(&sheet, &Sources::default(), &work.progress)?;
    let game = GameScore::new(request, &composition)?;
    let clock = Clock {
        bar_secs: game.sheet.seconds_at(composition.asked.meter.length()),
        intro_bars: request.intro,
        loop_bars: request.bars,
    };
    let played = mix::play(&game, &clock, sound.instruments(), &work.progress)?;
    let asked = SetAsked {
        layers: game.layers.iter().map(|layer| layer.from_arousal).collect(),
        intro_bars: request.intro,
        loop_bars: request.bars,
        outro_bars: request.outro,
        loop_start: clock.loop_start() as u64,
        loop_length: clock.loop_length() as u64,
        highest: libm::pow(10.0, wav::PEAK_DBFS / 20.0),
        sheet: composition.asked.clone(),
    };
    let making = Making {
        request,
        game: &game,
        clock: &clock,
        asked: &asked,
    };
    let (set, measured) = making.set(played, &work.progress)?;
    let effects = set_effects(&sheet, &composition, &asked, &measured);
    let warnings = work.warnings(&effects)?;
    Ok(AnyPiece {
        media: Media::Set(Box::new(set)),
        findings: Findings::Set {
            asked: Box::new(asked),
            measured: Box::new(measured),
        },
        effects,
        warnings,
        inputs: work.inputs,
        model: Some(ModelUsed::clone(&model.used)),
    })
}

/// What the files of a set are made from.
struct Making<'a> {
    request: &'a SetRequest,
    game: &'a GameScore,
    clock: &'a Clock,
    asked: &'a SetAsked,
}

impl Making<'_> {
    /// Every file, and what is measured on those that are heard.
    fn set(
        &self,
        sound: SetSound,
        progress: &dyn Progress,
    ) -> Result<(GameSet, SetMeasured), Error> {
        let mut files = vec![(SCORE.to_owned(), midi::write(&self.game.whole())?)];
        let mut measured = Vec::new();
        let mut together = Audio::silence(0);
        let outro_frames = sound
            .layers
            .first()
            .and_then(|layer| Some(layer.outro.as_ref()?.frames()));
        for (at, layer) in sound.layers.into_iter().enumerate() {
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
            measured.push(self.layer(at, layer, &mut together, &mut files)?);
        }
        let (mut stingers, mut lengths) = (Vec::new(), Vec::new());
        for ((kind, audio), (_, score)) in sound.stingers.iter().zip(&self.game.stingers) {
            self.files(
                &files::stinger(*kind),
                score,
                audio,
                &Marks::default(),
                &mut files,
            )?;
            lengths.push((*kind, audio.frames()));
            stingers.push(StingerMeasured {
                kind: *kind,
                wav_samples: audio.frames() as u64,
                loudness_lufs: wav::loudness_lufs(audio),
                peak: audio.peak().into(),
            });
        }
        let measured = SetMeasured {
            sheet: LeadSheetMeasures::of(&self.game.sheet),
            in_scale: self.game.in_scale(),
            layers: measured,
            highest: sound.highest,
            stingers,
        };
        let cues = self.cues(outro_frames, &lengths);
        Ok((GameSet { files, cues }, measured))
    }

    /// The files of a layer and of its ending; `together` is the sound of the layers before it, and then with it.
    fn layer(
        &self,
        at: usize,
        sound: LayerSound,
        together: &mut Audio,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<LayerMeasured, Error> {
        let layer = &self.game.layers[at];
        let region = self.clock.loop_start()..self.clock.length();
        let marks = Marks {
            looped: Some(region.clone()),
            cues: self.clock.cues(),
        };
        let end = files::layer(at + 1);
        let (of_wav, of_ogg) = self.files(&end, &layer.score(), &sound.looped, &marks, files)?;
        if let (Some(score), Some(audio)) = (&layer.outro, &sound.outro) {
            let marks = Marks {
                looped: None,
                cues: self.clock.outro_cues(self.request.outro),
            };
            self.files(&files::outro(at + 1), score, audio, &marks, files)?;
        }
        add(together, &sound.looped);
        let seam = |audio: &Audio| Seam::of(audio, &region).map_or(NO_SEAM, SeamMeasured::from);
        Ok(LayerMeasured {
            wav_samples: of_wav.frames() as u64,
            ogg_samples: of_ogg.frames() as u64,
            notes_per_second: self.game.notes_per_second(at + 1),
            loudness_lufs: wav::loudness_lufs(&loop_of(&of_wav, self.clock)),
            loudness_with_lower_lufs: wav::loudness_lufs(&loop_of(together, self.clock)),
            peak: of_wav.peak().into(),
            wav_seam: seam(&of_wav),
            ogg_seam: seam(&of_ogg),
            outro_peak: sound.outro.as_ref().map(|outro| outro.peak().into()),
        })
    }

    /// Three files, and the sound of WAV and OGG as they are read again.
    fn files(
        &self,
        end: &str,
        score: &Score,
        audio: &Audio,
        marks: &Marks,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<(Audio, Audio), Error> {
        // Every file has a dither and a stream number of its own, the same every time.
        let seed = Seed(0).derive(end);
        let wav = wav::write_marked(audio, marks, seed)?;
        let mut tags = vec![("TITLE", self.game.sheet.title.clone())];
        if let Some(looped) = &marks.looped {
            tags.push(("LOOPSTART", looped.start.to_string()));
            tags.push(("LOOPLENGTH", looped.len().to_string()));
        }
        let ogg = ogg::write(audio, &tags, stream_number(end))?;
        let heard = (wav::read(&wav)?, ogg::read(&ogg)?);
        let bytes = [midi::write(score)?, wav, ogg];
        let ends = files::FORMATS.map(|format| format!("{end}{format}"));
        files.extend(ends.into_iter().zip(bytes));
        Ok(heard)
    }

    fn cues(&self, outro_frames: Option<usize>, stingers: &[(Stinger, usize)]) -> MusicSet {
        let clock = self.clock;
        let sheet = &self.asked.sheet;
        let files = |stem: String| {
            let [midi, wav, ogg] = files::FORMATS.map(|format| format!("{stem}{format}"));
            SetFiles { midi, wav, ogg }
        };
        let numbers = 1..=self.game.layers.len();
        let layer = |(number, layer): (usize, &affetto_music::set::Layer)| SetLayer {
            number,
            from_arousal: layer.from_arousal,
            parts: layer
                .voices
                .iter()
                .map(|voice| Voice::name(*voice).into())
                .collect(),
            files: files(files::layer(number)),
        };
        MusicSet {
            schema: MUSIC_SET_SCHEMA.into(),
            name: String::new(),
            title: self.game.sheet.title.clone(),
            valence: sheet.valence,
            arousal: sheet.arousal,
            tempo_bpm: sheet.tempo_bpm,
            meter: sheet.meter,
            key: sheet.key,
            beats_per_bar: sheet.meter.beats(),
            beat_quarters: cues::beat_quarters(sheet.meter),
            sample_rate: wav::SAMPLE_RATE,
            channels: 2,
            samples_per_bar: clock.samples_per_bar(),
            length: clock.extent_of_bars(clock.length(), clock.intro_bars + clock.loop_bars),
            loop_start: clock.extent_of_bars(clock.loop_start(), clock.intro_bars),
            loop_length: clock.extent_of_bars(clock.loop_length(), clock.loop_bars),
            godot: clock.godot(sheet.meter),
            layers: numbers.clone().zip(&self.game.layers).map(layer).collect(),
            outro: outro_frames.map(|frames| SetOutro {
                length: clock.extent(frames),
                bars: self.request.outro,
                layers: numbers.map(|number| files(files::outro(number))).collect(),
            }),
            stingers: stingers
                .iter()
                .map(|(kind, frames)| SetStinger {
                    kind: *kind,
                    length: clock.extent(*frames),
                    files: files(files::stinger(*kind)),
                })
                .collect(),
            cues: clock.cue_points(),
            score: SCORE.into(),
        }
    }
}

const NO_SEAM: SeamMeasured = SeamMeasured {
    step: 0.0,
    largest_inside: 0.0,
    usual_inside: 0.0,
};

impl From<Seam> for SeamMeasured {
    fn from(seam: Seam) -> Self {
        Self {
            step: seam.step,
            largest_inside: seam.largest_inside,
            usual_inside: seam.usual_inside,
        }
    }
}

/// The number of an OGG stream: other for every file of a set.
fn stream_number(end: &str) -> i32 {
    let digits = sha256_hex(end.as_bytes());
    u32::from_str_radix(&digits[..7], 16).map_or(0, |number| number as i32)
}
