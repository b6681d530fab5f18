//! Why a message is refused, one variant per rule, and the cause that counters and replies name.
//!
//! It does not answer anybody: the relay turns the cause into a reply or a closed connection.

use poise_ipc::cause::Cause;

/// Why a message, request or response, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An empty line, or white space, stands before the start line.
    #[error("the head does not begin with a start line")]
    LeadingBlank,
    /// LF without CR, or CR without LF.
    #[error("a line ends in something other than CR LF")]
    LineEnd,
    /// NUL, another control character or DEL.
    #[error("a control character stands in the head or trailers")]
    Control,
    /// A field continues on the next line (RFC 9112 §5.2).
    #[error("a field is folded over two lines")]
    Fold,
    /// More bytes than a head may have.
    #[error("the head has too many bytes")]
    HeadTooLarge,
    /// More fields than a head may have.
    #[error("the head has too many fields")]
    TooManyFields,
    /// More bytes than a request target may have.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The request line or status line is malformed.
    #[error("the start line is malformed")]
    StartLine,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("the version is neither HTTP/1.0 nor HTTP/1.1")]
    Version,
    /// The target has none of the four forms (RFC 9112 §3.2), or holds bytes no target has.
    #[error("the request target is malformed")]
    Target,
    /// Servers may read the path as one that another route takes.
    #[error("the path can be read as that of another route")]
    PathAmbiguous,
    /// A field name that is no token, or white space before the colon.
    #[error("a field name is malformed")]
    FieldName,
    /// HTTP/1.1 without `Host`.
    #[error("an HTTP/1.1 request names no host")]
    HostMissing,
    /// More than one `Host`.
    #[error("the host is named more than once")]
    HostRepeated,
    /// `Host`, or the authority of the target, is no host with an optional port.
    #[error("the host is malformed")]
    HostInvalid,
    /// `Host` and the authority of an absolute target differ.
    #[error("the host field and the target name different hosts")]
    HostMismatch,
    /// `Content-Length` is not one plain decimal number.
    #[error("the content length is malformed")]
    Length,
    /// More than one `Content-Length`, even when equal.
    #[error("the content length is given more than once")]
    LengthRepeated,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("content length and transfer coding are both given")]
    LengthAndCoding,
    /// `Transfer-Encoding` is not exactly `chunked`, is repeated, or comes with HTTP/1.0.
    #[error("the transfer coding is not exactly `chunked`")]
    Coding,
    /// A length or coding where no body may be (1xx, 204).
    #[error("a body is announced where none may be")]
    BodyForbidden,
    /// `Connection` with more options than [`crate::http::fields::OPTIONS_MAX`], or too long.
    #[error("the connection field has too many options")]
    Options,
    /// An expectation other than `100-continue`.
    #[error("an expectation other than 100-continue")]
    Expectation,
    /// `CONNECT`: poise is no forward proxy.
    #[error("the method CONNECT is not served")]
    Connect,
    /// A status code outside 100 to 599.
    #[error("the status code is outside 100 to 599")]
    StatusCode,
    /// 101 that nobody asked for, or to another protocol than asked.
    #[error("the protocol is switched without having been asked")]
    Switch,
    /// A chunk size that is not 1 to 16 hexadecimal digits and CR LF; extensions are refused too.
    #[error("a chunk size is malformed")]
    ChunkSize,
    /// The data of a chunk is not followed by CR LF.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// A trailer that is malformed, too large, or would change framing, routing or identity.
    #[error("the trailers are malformed or hold a field that only a head may hold")]
    Trailer,
    /// The body of a request has more bytes than its listener takes.
    #[error("the body is larger than the limit")]
    BodyTooLarge,
    /// The stream ended before the message did.
    #[error("the message is cut short")]
    Truncated,
}

impl Refusal {
    /// Every refusal, in the order of the rules.
    pub const ALL: [Self; 31] = [
        Self::LeadingBlank,
        Self::LineEnd,
        Self::Control,
        Self::Fold,
        Self::HeadTooLarge,
        Self::TooManyFields,
        Self::TargetTooLong,
        Self::StartLine,
        Self::Version,
        Self::Target,
        Self::PathAmbiguous,
        Self::FieldName,
        Self::HostMissing,
        Self::HostRepeated,
        Self::HostInvalid,
        Self::HostMismatch,
        Self::Length,
        Self::LengthRepeated,
        Self::LengthAndCoding,
        Self::Coding,
        Self::BodyForbidden,
        Self::Options,
        Self::Expectation,
        Self::Connect,
        Self::StatusCode,
        Self::Switch,
        Self::ChunkSize,
        Self::ChunkEnd,
        Self::Trailer,
        Self::BodyTooLarge,
        Self::Truncated,
    ];

    /// The cause when the message is a request.
    pub const fn of_request(self) -> Cause {
        match self {
            Self::HeadTooLarge | Self::TooManyFields => Cause::HeadTooLarge,
            Self::TargetTooLong => Cause::TargetTooLong,
            Self::BodyTooLarge => Cause::BodyTooLarge,
            Self::Expectation => Cause::ExpectationFailed,
            Self::Connect => Cause::NotImplemented,
            Self::Truncated => Cause::ClientClosed,
            _ => Cause::BadRequest,
        }
    }

    /// The cause when the message is a response.
    pub const fn of_response(self) -> Cause {
        match self {
            Self::HeadTooLarge | Self::TooManyFields => Cause::ResponseHeadTooLarge,
            Self::Truncated => Cause::BackendClosed,
            _ => Cause::BadResponse,
        }
    }
}
