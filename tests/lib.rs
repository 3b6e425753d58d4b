//! The tests of the whole: flows, transcripts, bad files, documents.
