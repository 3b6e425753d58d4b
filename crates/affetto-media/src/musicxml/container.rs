use std::{
    borrow::Cow,
    io::{Cursor, Read},
};

use zip::{ZipArchive, read::ZipFile};

use super::{document::malformed, xml::Reader};
use crate::{Error, Format, Limits};

/// The largest `META-INF/container.xml` that is looked at, in bytes.
const CONTAINER_BYTES: u64 = 64 << 10;

/// The XML text of a plain or compressed file.
pub(super) fn text_from_bytes<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Cow<'b, str>, Error> {
    check_size("bytes", bytes.len() as u64, limits.bytes)?;
    if !bytes.starts_with(b"PK") {
        return decode(Cow::Borrowed(bytes));
    }
    let unpacked = unpack(bytes, limits)?;
    decode(Cow::Owned(unpacked))
}

fn check_size(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    if found > limit {
        return Err(Error::Limit { what, limit, found });
    }
    Ok(())
}

fn unpack(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    let damaged = |error: zip::result::ZipError| malformed("the zip container", error);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let index = rootfile(&mut archive)
        .or_else(|| first_score(&archive))
        .ok_or_else(|| malformed("the zip container", "there is no MusicXML file in it"))?;
    let entry = archive.by_index(index).map_err(damaged)?;
    let limit = limits.unpacked_bytes;
    let unpacked = read_at_most(entry, limit)
        .map_err(|error| malformed("the zip container", format!("cannot unpack: {error}")))?;
    check_size("bytes when unpacked", unpacked.len() as u64, limit)?;
    Ok(unpacked)
}

/// At most `limit` bytes and one more.
fn read_at_most<R: Read>(entry: ZipFile<'_, R>, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    entry.take(limit + 1).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The entry that `META-INF/container.xml` names; nothing where it is missing or ill-formed, which is
/// common: many programs write a bare `&` there.
fn rootfile(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Option<usize> {
    let container = archive.by_name("META-INF/container.xml").ok()?;
    let bytes = read_at_most(container, CONTAINER_BYTES).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let path = rootfile_path(text)?;
    archive.index_for_name(&path)
}

fn rootfile_path(text: &str) -> Option<String> {
    let limits = Limits {
        events: 1000,
        ..Limits::DEFAULT
    };
    let mut reader = Reader::new(text, &limits);
    let root = reader.root().ok()?;
    let container = reader.element(root).ok()?;
    let rootfiles = container.child("rootfiles")?;
    Some(rootfiles.child("rootfile")?.attribute("full-path")?.into())
}

/// The first entry with the name of a score. Names that point out of the container are passed over.
fn first_score(archive: &ZipArchive<Cursor<&[u8]>>) -> Option<usize> {
    let is_score = |name: &str| {
        let name = name.to_ascii_lowercase();
        let inside = !name.split(['/', '\\']).any(|part| part == "..");
        inside
            && !name.starts_with("meta-inf/")
            && (name.ends_with(".xml") || name.ends_with(".musicxml"))
    };
    let mut names: Vec<(usize, &str)> = archive
        .file_names()
        .filter(|name| is_score(name))
        .filter_map(|name| Some((archive.index_for_name(name)?, name)))
        .collect();
    names.sort_unstable();
    names.first().map(|(index, _)| *index)
}

/// UTF-8, UTF-16 with or without byte order mark, and Latin-1 where it is declared.
fn decode(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Error> {
    match bytes.as_ref() {
        [0xEF, 0xBB, 0xBF, ..] => {
            utf8(bytes).map(|text| Cow::Owned(text.trim_start_matches('\u{feff}').into()))
        }
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0, b'<', ..] => utf16(&bytes, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(&bytes, u16::from_le_bytes),
        _ => match declared_encoding(&bytes).as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => utf8(bytes),
            Some("iso-8859-1" | "latin1" | "latin-1" | "windows-1252") => Ok(Cow::Owned(
                bytes.iter().map(|byte| char::from(*byte)).collect(),
            )),
            Some(other) => Err(Error::Unsupported {
                format: Format::MusicXml,
                what: format!("the encoding {other:?} here; UTF-8, UTF-16 and ISO-8859-1 are read"),
            }),
        },
    }
}

/// What `<?xml ... encoding="..."?>` says, in lower case.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(200)];
    let head: String = head.iter().map(|byte| char::from(*byte)).collect();
    let declaration = head
        .trim_start()
        .strip_prefix("<?xml")?
        .split("?>")
        .next()?;
    let after = declaration.split_once("encoding")?.1.trim_start();
    let value = after.strip_prefix('=')?.trim_start();
    let quote = value.chars().next()?;
    let name = value[quote.len_utf8()..].split(quote).next()?;
    Some(name.to_ascii_lowercase())
}

fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Error> {
    let refuse = |error: std::str::Utf8Error| {
        malformed(
            format!("byte {}", error.valid_up_to()),
            "the text is not UTF-8",
        )
    };
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(refuse),
        Cow::Owned(bytes) => String::from_utf8(bytes)
            .map(Cow::Owned)
            .map_err(|error| refuse(error.utf8_error())),
    }
}

fn utf16<'t>(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'t, str>, Error> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .map(Cow::Owned)
        .map_err(|error| malformed("the text", format!("it is not UTF-16: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "<a>é</a>";
        let plain = |bytes: Vec<u8>| decode(Cow::Owned(bytes)).unwrap().into_owned();
        let with_mark: Vec<u16> = format!("\u{feff}{text}").encode_utf16().collect();
        assert_eq!(plain(text.into()), text);
        assert_eq!(plain(format!("\u{feff}{text}").into()), text);
        let big = |units: &[u16]| units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let little = |units: &[u16]| units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(plain(big(&with_mark)), text);
        assert_eq!(plain(little(&with_mark)), text);
        assert_eq!(plain(big(&with_mark[1..])), text);
        let declared = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(plain(declared.to_vec()).ends_with(text));
    }
}
