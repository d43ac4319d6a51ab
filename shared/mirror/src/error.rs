//! Errors of storage.

use std::fmt;

/// An error of storage. Expected answers are variants of results instead.
#[derive(thiserror::Error)]
pub enum MirrorError {
    /// A service failed. A retry may help.
    #[error("could not {doing}")]
    Service {
        /// The operation, without ids of records.
        doing: &'static str,
        /// The error of the service or of the connection.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stored data is invalid. A retry does not help.
    #[error("{what} cannot be read: {why}")]
    Corrupt {
        /// The kind of object or item, without ids of records.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A required object does not exist.
    #[error("{what} is missing")]
    Missing {
        /// The kind of object.
        what: &'static str,
    },
    /// A temporary file of this machine failed.
    #[error("could not {doing}")]
    Local {
        /// The operation.
        doing: &'static str,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// Time ran out while a service refused writes for lack of capacity.
    #[error("out of time while waiting to {doing}")]
    OutOfTime {
        /// The operation.
        doing: &'static str,
    },
    /// Another run holds the district's lease now. The caller must stop writing.
    #[error("the lease of the district belongs to another process")]
    LeaseLost,
}

impl MirrorError {
    /// Wraps a failed call.
    pub fn service(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Service { doing, source: source.into() }
    }

    /// Reports invalid stored data.
    pub fn corrupt(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, why: why.to_string() }
    }

    /// Wraps a failed local file operation.
    pub fn local(doing: &'static str, source: std::io::Error) -> Self {
        Self::Local { doing, source }
    }

    /// Returns a short, stable name for alarms.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Service { .. } => "MirrorService",
            Self::Corrupt { .. } => "MirrorCorrupt",
            Self::Missing { .. } => "MirrorMissing",
            Self::Local { .. } => "MirrorLocal",
            Self::OutOfTime { .. } => "MirrorOutOfTime",
            Self::LeaseLost => "MirrorLeaseLost",
        }
    }

    /// Converts to an I/O error, for code behind a `Read`. [`MirrorError::from_io`] converts back.
    pub fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }

    /// Returns the error inside an I/O error, or wraps the I/O error as one of this machine.
    pub fn from_io(doing: &'static str, error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::Local { doing, source: error },
        }
    }
}

/// Prints the causes as [`chain`] does. The SDK's derived form contains the whole response of the
/// service, so a refused item would reach the log.
impl fmt::Debug for MirrorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.error_type(), chain(self))
    }
}

/// Returns an error with all its causes in one line. Only the outermost caller prints it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !cause_text.is_empty() && !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_way_through_an_io_error() {
        let io = MirrorError::Missing { what: "a part of the snapshot" }.into_io();
        assert_eq!(
            MirrorError::from_io("read", io).to_string(),
            "a part of the snapshot is missing"
        );
    }

    #[test]
    fn no_answer_of_a_service_is_printed_whole() {
        use aws_sdk_s3::config::http::HttpResponse;
        use aws_sdk_s3::error::{ErrorMetadata, SdkError};
        use aws_sdk_s3::operation::get_object::GetObjectError;
        use aws_sdk_s3::primitives::SdkBody;

        let answer = HttpResponse::new(
            500.try_into().unwrap(),
            SdkBody::from("<Error>ada@students.example.org</Error>"),
        );
        let said = ErrorMetadata::builder().code("InternalError").message("try again").build();
        let error: SdkError<_, HttpResponse> =
            SdkError::service_error(GetObjectError::generic(said), answer);
        assert!(format!("{error:?}").contains("ada@"), "the SDK holds the body");
        let error = MirrorError::service("read an object", error);
        let io = MirrorError::service("read an object", error).into_io();
        for text in [format!("{io:?}"), chain(&MirrorError::from_io("read", io))] {
            assert!(
                !text.contains("ada@")
                    && text.contains("could not read an object")
                    && text.contains("InternalError"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_chain_names_every_cause_once() {
        let error = MirrorError::service("save the run", std::io::Error::other("connection reset"));
        assert_eq!(chain(&error), "could not save the run: connection reset");
    }
}
