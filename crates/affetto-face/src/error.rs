/// Why something could not be done with a face.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media could not be read or written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
    /// No action unit that moves something of a take.
    #[error(
        "{text:?} is no action unit that moves a take; they are numbers such as 12, or 12L and 12R for one half"
    )]
    UnknownUnit {
        /// What was given.
        text: String,
    },
}
