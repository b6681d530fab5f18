//! The settings of certificates and of TLS, and of the log of requests.

use super::field;
use crate::Name;
use crate::limits;
use crate::model::{BackendTlsMode, Certificate, Group, Listener, LogFormat, TlsVersion, UnknownName};
use crate::text::field::{Entry, Field, Object, Section, Standard};
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};

impl Object for Certificate {
    const WHAT: &'static str = "certificate";
    const ENTRIES: &'static [Entry<Self>] = &[
        Entry::Field(field!(
            "chain",
            certificate.chain,
            Kind::Text(Alphabet::File),
            "PEM file of the certificate and of those that lead to its root, the certificate first."
        )),
        Entry::Field(field!("key", certificate.key, Kind::Text(Alphabet::File), "PEM file of its key.")),
    ];

    fn blank() -> Self {
        Self::default()
    }
}

pub(super) const TLS: Section<Listener> = Section {
    key: "tls",
    doc: "`https`: certificates and what is spoken.",
    fields: &[
        field!(
            "certificates",
            listener.tls.certificates,
            Kind::items::<Name>(),
            Vec::new(),
            "Certificates, chosen by the name that a client asks for; the first also serves clients that ask for none."
        ),
        field!(
            "unknown_name",
            listener.tls.unknown_name,
            Kind::word::<UnknownName>(),
            UnknownName::Default,
            "Clients that ask for another name get the first certificate (`default`) or an alert (`reject`)."
        ),
        field!(
            "min_version",
            listener.tls.min_version,
            Kind::word::<TlsVersion>(),
            TlsVersion::Tls12,
            "The oldest TLS that is spoken."
        ),
        field!(
            "handshake_timeout",
            listener.tls.handshake_timeout_ms,
            Kind::Duration(limits::HANDSHAKE_TIMEOUT_MS),
            limits::HANDSHAKE_TIMEOUT_MS_DEFAULT,
            "Time that a handshake may take."
        ),
    ],
};

pub(super) const BACKEND_TLS: Section<Group> = Section {
    key: "tls",
    doc: "`http`, `https`: TLS towards the backends; `\"verify\"` alone does what most want.",
    fields: &[
        field!(
            "mode",
            group.tls.mode,
            Kind::word::<BackendTlsMode>(),
            BackendTlsMode::Off,
            "`verify` speaks TLS and believes certificates that are valid for the name, `insecure` any."
        ),
        field!(
            "ca",
            group.tls.ca,
            Kind::Text(Alphabet::File),
            None,
            "PEM file of the roots that are believed; the system's unless given."
        ),
        field!(
            "name",
            group.tls.name,
            Kind::Text(Alphabet::Host),
            None,
            "The name that is asked for and verified; the host of the backend's address unless given."
        ),
    ],
};

pub(super) const ACCESS_LOG: Section<Listener> = Section {
    key: "access_log",
    doc: "`http`, `https`: the log of the requests; `\"json\"` alone writes it to the daemon's standard output.",
    fields: &[
        field!(
            "format",
            listener.access_log.format,
            Kind::word::<LogFormat>(),
            LogFormat::Off,
            "`json` with everything that is known, `haproxy` as its `httplog`, `combined` as Apache and nginx, or `off`."
        ),
        field!(
            "path",
            listener.access_log.path,
            Kind::Text(Alphabet::File),
            None,
            "The file; the daemon's standard output unless given."
        ),
        field!(
            "id_header",
            listener.access_log.id_header,
            Kind::Text(Alphabet::FieldName),
            limits::ID_HEADER_DEFAULT.to_owned(),
            "The field that tells backends the id of a request."
        ),
    ],
};
