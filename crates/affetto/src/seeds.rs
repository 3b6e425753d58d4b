use std::path::{Path, PathBuf};

use crate::Request;

/// Variation `number` (from 1) of `request`: its seed is derived by the number, so that it stays the same however
/// many variations there are.
pub fn variation(request: &Request, number: usize) -> Request {
    let seed = request.seed().derive(&format!("variation {number}"));
    request.clone().with_seed(seed)
}

/// `song.mid` as `song-03.mid`.
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number:02}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number:02}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_core::Seed;
    use affetto_music::condition::LeadSheetRequest;

    #[test]
    fn names_are_numbered_before_the_extension() {
        assert_eq!(
            numbered(Path::new("out/song.mid"), 3),
            Path::new("out/song-03.mid")
        );
        assert_eq!(numbered(Path::new("a.b.mxl"), 12), Path::new("a.b-12.mxl"));
        assert_eq!(numbered(Path::new("song"), 100), Path::new("song-100"));
    }

    #[test]
    fn variations_differ_in_their_seed_alone() {
        let request = Request::from(LeadSheetRequest {
            seed: Seed(7),
            bars: Some(5),
            ..LeadSheetRequest::default()
        });
        let (first, second) = (variation(&request, 1), variation(&request, 2));
        assert_ne!(first.seed(), second.seed());
        assert_eq!(first.with_seed(Seed(7)), request);
    }
}
