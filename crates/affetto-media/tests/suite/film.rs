//! Films as they are written and read again.

use affetto_emotion::parse_frame_rate;
use affetto_media::film::write_film;
use image::{Rgb, RgbImage};
use openh264::{decoder::Decoder, formats::YUVSource};
use shiguredo_mp4::{
    bitstream::h264::{LengthSize, length_prefixed_to_annexb},
    demux::{Input, Mp4FileDemuxer},
};

/// What may stop a film: the writer, or who draws its pictures.
#[derive(Debug)]
enum Failure {
    Media(affetto_media::Error),
    Drawing,
}

impl From<affetto_media::Error> for Failure {
    fn from(error: affetto_media::Error) -> Self {
        Self::Media(error)
    }
}

/// A grey square that becomes brighter.
fn pictures(count: u8) -> impl Iterator<Item = Result<RgbImage, Failure>> {
    (0..count).map(|at| Ok(RgbImage::from_pixel(64, 48, Rgb([40 + 10 * at; 3]))))
}

#[test]
fn a_film_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.mp4");
    let rate = parse_frame_rate("29.97").unwrap();
    write_film(&path, rate, pictures(12)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    write_film(&path, rate, pictures(12)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: &bytes,
    });
    let tracks = demuxer.tracks().unwrap();
    assert_eq!(tracks.len(), 1);
    assert_eq!(tracks[0].timescale.get(), 30000);
    assert_eq!(tracks[0].duration, 12 * 1001);

    let mut decoder = Decoder::new().unwrap();
    let mut levels = Vec::new();
    while let Some(sample) = demuxer.next_sample().unwrap() {
        let from = sample.data_offset as usize;
        let units = &bytes[from..from + sample.data_size];
        let mut stream = Vec::new();
        if let Some(affetto) = sample.sample_entry {
            let shiguredo_mp4::boxes::SampleEntry::Avc1(entry) = affetto else {
                panic!("not H.264");
            };
            let sets = entry
                .avcc_box
                .sps_list
                .iter()
                .chain(&entry.avcc_box.pps_list);
            for set in sets {
                stream.extend([0, 0, 0, 1]);
                stream.extend(set);
            }
        }
        stream.extend(length_prefixed_to_annexb(units, LengthSize::FourBytes).unwrap());
        let picture = decoder.decode(&stream).unwrap().unwrap();
        assert_eq!(picture.dimensions(), (64, 48));
        levels.push(picture.y()[24 * picture.strides().0 + 32]);
    }
    let expected = |at: u32| 16.0 + f64::from(40 + 10 * at) * 219.0 / 255.0;
    assert_eq!(levels.len(), 12);
    for (at, level) in levels.into_iter().enumerate() {
        assert!(
            (f64::from(level) - expected(at as u32)).abs() < 4.0,
            "{at}: {level}"
        );
    }
}

#[test]
fn films_that_cannot_be_written_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.mp4");
    let rate = parse_frame_rate("25").unwrap();
    assert!(write_film(&path, rate, pictures(0)).is_err());
    let odd = || Ok(RgbImage::new(65, 48));
    assert!(matches!(
        write_film(&path, rate, [odd()]),
        Err(Failure::Media(affetto_media::Error::PictureSize { .. }))
    ));
    let other = || Ok(RgbImage::new(80, 48));
    assert!(write_film(&path, rate, pictures(2).chain([other()])).is_err());
    let failing = || Err(Failure::Drawing);
    assert!(matches!(
        write_film(&path, rate, pictures(2).chain([failing()])),
        Err(Failure::Drawing)
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
