//! Clips as the autoencoder takes them.

use std::path::Path;

use affetto_media::film::{FilmFrame, FilmReader};
use candle_core::{Device, Tensor};
use image::{
    RgbImage,
    imageops::{FilterType, crop_imm, resize},
};

use crate::{
    Error, Result, condition::FRAMES_PER_SECOND, model::WanVae, picture::tensor_from_pictures,
};

/// What clips are brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipSize {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames at most, one more than a multiple of the autoencoder's factor; shorter clips have fewer.
    pub frames: usize,
}

/// The frames of a film at another rate and size, one at a time: of the film's frames that nearest in time.
struct Frames {
    film: FilmReader,
    size: ClipSize,
    shown: Option<FilmFrame>,
    next: Option<FilmFrame>,
}

impl Frames {
    fn open(path: &Path, size: ClipSize) -> Result<Self> {
        let mut film = FilmReader::open(path)?;
        let (shown, next) = (film.next_frame()?, film.next_frame()?);
        Ok(Self {
            film,
            size,
            shown,
            next,
        })
    }

    /// The frame at a time, which is not before that of the last call; none after the end.
    fn at(&mut self, secs: f64) -> Result<Option<RgbImage>> {
        loop {
            let Some(shown) = &self.shown else {
                return Ok(None);
            };
            let Some(next) = &self.next else {
                // The last frame lasts as long as one of ours.
                let lasts = 1.0 / f64::from(FRAMES_PER_SECOND);
                let over = secs >= shown.at_secs + lasts - 1e-9;
                return Ok((!over).then(|| fitted(&shown.picture, self.size)));
            };
            if secs - shown.at_secs <= next.at_secs - secs {
                return Ok(Some(fitted(&shown.picture, self.size)));
            }
            self.shown = self.next.take();
            self.next = self.film.next_frame()?;
        }
    }
}

/// The middle of a picture, in the proportions of `size`, at that size.
fn fitted(picture: &RgbImage, size: ClipSize) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    // The largest part of the proportions wanted.
    let part_width = width.min(height * size.width / size.height).max(1);
    let part_height = height.min(width * size.height / size.width).max(1);
    let (x, y) = ((width - part_width) / 2, (height - part_height) / 2);
    let [x, y, part_width, part_height] = [x, y, part_width, part_height].map(|n| n as u32);
    let part = crop_imm(picture, x, y, part_width, part_height).to_image();
    resize(
        &part,
        size.width as u32,
        size.height as u32,
        FilterType::CatmullRom,
    )
}

/// The latent of a clip, `(1, C, F, h, w)`, as the transformer sees it, with the means of the autoencoder: the first
/// frames of the film at 16 a second, its middle at that size. A few frames are held at a time.
///
/// # Errors
/// [`Error::Clip`] for a film without frames, and where the film cannot be read.
pub fn latent_of_clip(
    vae: &WanVae,
    path: &Path,
    size: ClipSize,
    device: &Device,
) -> Result<Tensor> {
    let mut frames = Frames::open(path, size)?;
    let mut stream = vae.encode_stream();
    let (mut latents, mut done) = (Vec::new(), 0);
    loop {
        let wanted = match done {
            0 => 1,
            _ => vae.config().time_factor().min(size.frames - done),
        };
        let mut pictures = Vec::with_capacity(wanted);
        while pictures.len() < wanted {
            let at = (done + pictures.len()) as f64 / f64::from(FRAMES_PER_SECOND);
            match frames.at(at)? {
                Some(picture) => pictures.push(picture),
                None => break,
            }
        }
        if wanted == 0 || pictures.len() < wanted {
            break; // a part that is not whole is left out
        }
        done += wanted;
        let moments = stream.push(&tensor_from_pictures(&pictures, device)?)?;
        latents.push(vae.normalise(&vae.means(&moments)?)?);
    }
    if latents.is_empty() {
        return Err(Error::Clip {
            reason: "a film without frames".into(),
            path: path.into(),
        });
    }
    Ok(Tensor::cat(&latents, 2)?)
}

#[cfg(test)]
mod tests {
    use affetto_emotion::FrameRate;
    use affetto_media::film::write_film;
    use image::Rgb;

    use super::*;
    use crate::parity;

    fn film(path: &Path, rate: u32, count: u32) {
        let picture = |at| RgbImage::from_pixel(64, 48, Rgb([at as u8 * 8, 90, 160]));
        let pictures = (0..count).map(|at| Ok::<_, Error>(picture(at)));
        write_film(path, FrameRate::new(rate, 1), pictures).unwrap();
    }

    #[test]
    fn frames_are_those_nearest_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let size = ClipSize {
            width: 32,
            height: 32,
            frames: 9,
        };
        let reds = |rate: u32, count: u32| -> Vec<u8> {
            film(&path, rate, count);
            let mut frames = Frames::open(&path, size).unwrap();
            let mut reds = Vec::new();
            while let Some(picture) = frames.at(reds.len() as f64 / 16.0).unwrap() {
                assert_eq!(picture.dimensions(), (32, 32));
                // The film's colours are a little off.
                reds.push((picture.get_pixel(16, 16).0[0] + 4) / 8);
            }
            reds
        };
        assert_eq!(reds(16, 5), [0, 1, 2, 3, 4]);
        assert_eq!(reds(32, 9), [0, 2, 4, 6, 8]);
        assert_eq!(reds(8, 3), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn the_middle_is_kept() {
        let wide = RgbImage::from_fn(96, 32, |x, _| match (32..64).contains(&x) {
            true => Rgb([250, 10, 10]),
            false => Rgb([0, 0, 0]),
        });
        let size = ClipSize {
            width: 16,
            height: 16,
            frames: 1,
        };
        let middle = fitted(&wide, size);
        assert!(middle.pixels().all(|pixel| pixel.0 == [250, 10, 10]));
    }

    /// As the whole clip at once through the autoencoder.
    #[test]
    fn latents_are_normalised_means_of_whole_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        film(&path, 16, 11);
        let vae = parity::vae();
        let size = |frames| ClipSize {
            width: 48,
            height: 32,
            frames,
        };
        let latent = |frames| latent_of_clip(&vae, &path, size(frames), &Device::Cpu).unwrap();
        assert_eq!(latent(17).dims(), [1, 16, 3, 4, 6]); // 9 of its 11 frames
        assert_eq!(latent(5).dims(), [1, 16, 2, 4, 6]);
        assert_eq!(latent(1).dims(), [1, 16, 1, 4, 6]);
        let mut frames = Frames::open(&path, size(9)).unwrap();
        let pictures: Vec<RgbImage> = (0..9)
            .map(|at| frames.at(f64::from(at) / 16.0).unwrap().unwrap())
            .collect();
        let video = tensor_from_pictures(&pictures, &Device::Cpu).unwrap();
        let moments = vae.encode(&video).unwrap();
        let whole = vae.normalise(&vae.means(&moments).unwrap()).unwrap();
        assert!(parity::distance(&latent(9), &whole) < 1e-4);
    }
}
