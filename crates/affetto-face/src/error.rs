/// Why something could not be done with a face.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media could not be read or written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
}
