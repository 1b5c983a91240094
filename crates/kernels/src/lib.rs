//! Convolutions of unnoise.
