#![doc = include_str!("../README.md")]

mod compose;
mod effects;
mod error;
mod findings;
mod generated;
mod models;
mod output;
mod provenance;
mod read;
mod render;
mod request;
mod rerun;
mod schema;
mod seeds;
mod set;
mod sticker;
mod take;

pub use affetto_attributes::{
    self as attributes, LeadSheetMeasures, ValenceClass, piece::Attribute,
};
pub use affetto_core::{Hint, Progress, Seed, Silent, Stage, Warning, on_one_line};
pub use affetto_emotion::{self as emotion, Curve, Emotion, EmotionParts, Mixture, Vad};
pub use affetto_face::{
    self as face,
    condition::{FaceRequest, Half, Region},
    facs::ActionUnit,
    measure::FaceMeasured,
};
pub use affetto_media::{self as media, Key, Metre, Score};
pub use affetto_music::{
    self as music,
    compose::Asked,
    condition::{Control, LeadSheetRequest},
    piano::{
        compose::{PianoAsked, PianoMeasured},
        condition::{AttributeWish, PianoRequest},
    },
    set::{SetRequest, Stinger},
};

pub use affetto_nn as nn;
pub use affetto_video as video;

pub use compose::{Composed, LeadSheet, PianoPiece, compose, compose_piano};
pub use effects::{Effect, EffectKind};
pub use error::Error;
pub use findings::Findings;
pub use generated::{
    LoraUsed, RecordedVideo, VIDEO_PROVENANCE_SCHEMA, VideoProvenance, WeightsUsed, generate_video,
    kept_beside,
};
pub use models::{Card, LoadedModel, Models, Origin, Task};
pub use output::{Output, OutputOptions, WrittenFile, provenance_path, run};
pub use provenance::{
    Engine, Input, InputRole, ModelUsed, OutputFile, PROVENANCE_SCHEMA, Provenance,
};
pub use read::read_score;
pub use request::{Kind, Request};
pub use rerun::{Rerun, RerunFile, RerunOptions, rerun};
pub use schema::SchemaName;
pub use seeds::{numbered, variation};
pub use set::{
    Extent, Godot, LayerMeasured, MUSIC_SET_SCHEMA, MusicSet, SeamMeasured, SetAsked, SetCue,
    SetFiles, SetLayer, SetMeasured, SetOutro, SetStinger, StingerMeasured, output_files,
    provenance_files,
};
pub use sticker::{
    DrawnSticker, SHEET_PROVENANCE_SCHEMA, SheetProvenance, SheetSticker, StickerAsked,
    StickerSheet, write_sticker_sheet,
};
pub use take::{EditedTake, FaceAsked, TakeFile, edit};
