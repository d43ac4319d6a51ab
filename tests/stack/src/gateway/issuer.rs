//! The issuer of tokens for development, in place of an identity provider.
//!
//! Each data folder has its own key. Tokens stay valid after a restart, and a token of another
//! folder is invalid.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The audience of the tokens. In AWS it is a parameter of the template.
pub const AUDIENCE: &str = "rollbook";
/// Number of bytes before the RSA key in a PKCS #8 file of a 2,048-bit key, where all lengths are
/// fixed (RFC 5958, RFC 8017).
const PKCS8_HEAD: usize = 26;

/// The characters of an id that are percent-encoded in a claim.
const ID: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@').remove(b':');

/// The claims of a token.
#[derive(Clone, Debug, Serialize)]
pub struct Claims {
    /// The caller: an account's id or any other name.
    pub sub: String,
    /// The caller's role, such as `operator` or `school_leader`.
    pub role: String,
    /// The caller's district.
    pub district: String,
    /// The caller's schools, for roles that are limited to schools. Percent-encoded, because API
    /// Gateway separates the items of a list with spaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schools: Vec<String>,
    /// The caller's own record, for teachers and guardians. Percent-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

impl Claims {
    /// Claims of a role in a district. The subject is `local-<role>`.
    pub fn new(role: &str, district: &str) -> Self {
        let sub = format!("local-{role}");
        Self {
            sub,
            role: role.to_owned(),
            district: district.to_owned(),
            schools: Vec::new(),
            record: None,
        }
    }

    /// Adds a school, by its id in the mirror.
    #[must_use]
    pub fn school(mut self, school: &str) -> Self {
        self.schools.push(encoded(school));
        self
    }

    /// Sets the caller's own record, by its id in the mirror.
    #[must_use]
    pub fn record(mut self, record: &str) -> Self {
        self.record = Some(encoded(record));
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.sub);
        self
    }
}

/// Percent-encodes an id for a claim.
fn encoded(id: &str) -> String {
    utf8_percent_encode(id, ID).to_string()
}

/// Why a token cannot be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key's file or folder is not usable.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A key cannot be generated.
    #[error("cannot generate a key pair")]
    Make,
    /// The key's file does not hold a valid key.
    #[error(
        "{} is not a valid key; remove it (tokens signed with it become invalid)",
        .0.display()
    )]
    NotAKey(PathBuf),
    /// Signing failed.
    #[error("cannot sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// The issuer of a data folder.
#[derive(Debug)]
pub struct Issuer {
    folder: PathBuf,
    address: SocketAddr,
    keys: OnceLock<Keys>,
}

pub(super) struct Keys {
    pub(super) id: String,
    secret: EncodingKey,
    pub(super) public: DecodingKey,
    jwk: Jwk,
}

// The secret key must not appear in a log.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Opens the issuer of a data folder. The stack need not run.
    ///
    /// The issuer's URL is the API's URL, so the port is chosen once per folder and stored.
    pub fn open(data: &Path) -> Result<Self, IssuerError> {
        let folder = data.join("issuer");
        let failed = |source| IssuerError::Folder { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let port = match remembered(&folder).map_err(failed)? {
            Some(port) => port,
            None => {
                // Free now, and probably still free when the stack starts.
                let listener =
                    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
                let port = listener.local_addr().map_err(failed)?.port();
                remember(&folder, port).map_err(failed)?;
                port
            }
        };
        Ok(Self { folder, address: (Ipv4Addr::LOCALHOST, port).into(), keys: OnceLock::new() })
    }

    /// Opens the issuer of a data folder and binds its API: to the stored port, or to another one
    /// if that is in use.
    pub(super) async fn listen(data: &Path) -> io::Result<(Self, TcpListener)> {
        let folder = data.join("issuer");
        std::fs::create_dir_all(&folder)?;
        let before = match remembered(&folder)? {
            Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.ok(),
            None => None,
        };
        let listener = match before {
            Some(listener) => listener,
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let address = listener.local_addr()?;
        remember(&folder, address.port())?;
        Ok((Self { folder, address, keys: OnceLock::new() }, listener))
    }

    /// The issuer's name in tokens: the URL of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Issues a token that is valid from now on, for `lifetime`.
    pub fn token(&self, claims: &Claims, lifetime: Duration) -> Result<String, IssuerError> {
        let now = Timestamp::now().as_second();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let all = All {
            iss: self.url(),
            aud: AUDIENCE,
            iat: now,
            nbf: now,
            exp: now.saturating_add(lifetime),
            claims,
        };
        let keys = self.keys()?;
        let header = Header { kid: Some(keys.id.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &all, &keys.secret).map_err(IssuerError::Sign)
    }

    /// The document at `/.well-known/openid-configuration`.
    pub(super) fn configuration(&self) -> Value {
        let url = self.url();
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        })
    }

    /// The document at `/.well-known/jwks.json`.
    pub(super) fn key_set(&self) -> Result<JwkSet, IssuerError> {
        Ok(JwkSet { keys: vec![self.keys()?.jwk.clone()] })
    }

    /// The folder's key pair. Generated on first use, because that is slow.
    pub(super) fn keys(&self) -> Result<&Keys, IssuerError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let file = self.folder.join("key.der");
        let failed = |source| IssuerError::Folder { path: file.clone(), source };
        let pkcs8 = match std::fs::read(&file) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| IssuerError::Make)?;
                let document = pair.as_der().map_err(|_| IssuerError::Make)?;
                // A temporary file is readable by its owner only. Moving it stores the whole key or
                // nothing, and does not overwrite a key that another process has stored meanwhile.
                let mut new = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
                new.write_all(document.as_ref()).map_err(failed)?;
                let _ = new.persist_noclobber(&file);
                std::fs::read(&file).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let keys = Keys::read(&pkcs8).ok_or_else(|| IssuerError::NotAKey(file.clone()))?;
        Ok(self.keys.get_or_init(|| keys))
    }
}

#[derive(Serialize)]
struct All<'a> {
    iss: String,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(flatten)]
    claims: &'a Claims,
}

impl Keys {
    fn read(pkcs8: &[u8]) -> Option<Self> {
        // Signing needs the bare RSA key.
        let secret = EncodingKey::from_rsa_der(pkcs8.get(PKCS8_HEAD..)?);
        let mut jwk = Jwk::from_encoding_key(&secret, Algorithm::RS256).ok()?;
        let id = jwk.thumbprint(ThumbprintHash::SHA256);
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id, secret, public, jwk })
    }
}

fn remembered(folder: &Path) -> io::Result<Option<u16>> {
    match std::fs::read_to_string(folder.join("port")) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remember(folder: &Path, port: u16) -> io::Result<()> {
    std::fs::write(folder.join("port"), format!("{port}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_key_and_one_address() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) =
            (Issuer::open(folder.path()).unwrap(), Issuer::open(folder.path()).unwrap());
        assert_eq!(first.url(), second.url());
        assert_eq!(first.keys().unwrap().id, second.keys().unwrap().id);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(
            Issuer::open(other.path()).unwrap().keys().unwrap().id,
            first.keys().unwrap().id
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let about = std::fs::metadata(folder.path().join("issuer/key.der")).unwrap();
            assert_eq!(about.permissions().mode() & 0o077, 0, "others can read the key");
        }
    }

    #[test]
    fn an_invalid_key_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("issuer/key.der"), "nothing").unwrap();
        assert!(matches!(issuer.keys(), Err(IssuerError::NotAKey(_))));
    }
}
