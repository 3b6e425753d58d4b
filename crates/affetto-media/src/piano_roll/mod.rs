//! Piano rolls as PNG pictures.
