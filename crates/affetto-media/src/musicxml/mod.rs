//! MusicXML, plain and compressed.
