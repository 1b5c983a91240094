//! The crate's one error type: opaque, with a [`Kind`] to branch on and a message that names what is wrong.

use std::fmt;

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for code that has to decide what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The bytes are not an image, or are a damaged one.
    Decode,
    /// A valid image of a sort that is not read (an unknown format, an exotic pixel layout).
    Unsupported,
    /// The image is larger than what can be held safely.
    TooLarge,
    /// Weights that are damaged, or do not fit the network.
    Weights,
    /// No network of that name.
    Model,
    /// The compute device cannot be had, or failed.
    Device,
    /// An option outside its range.
    Option,
    /// The result cannot be written in that format.
    Encode,
    /// A failure inside the library: worth a bug report.
    Internal,
}

impl Kind {
    /// A stable name, the `code` of the JavaScript `UnnoiseError`.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Decode => "decode",
            Kind::Unsupported => "unsupported",
            Kind::TooLarge => "too-large",
            Kind::Weights => "weights",
            Kind::Model => "model",
            Kind::Device => "device",
            Kind::Option => "option",
            Kind::Encode => "encode",
            Kind::Internal => "internal",
        }
    }
}

/// An error of this crate. [`Error::kind`] says what sort, the message says what exactly.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts `context` before the message, e.g. the name of the file it is about.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What sort of error this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e.as_ref() as &(dyn std::error::Error + 'static))
    }
}
