//! Certificates for visitors: which one a client gets, and how a renewed one takes its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How clients of the TLS listeners are spoken to: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For all connections and workers; its session tickets outlive a change of certificates.
    pub server: Arc<ServerConfig>,
    /// What it chooses from.
    pub certificates: Arc<Certificates>,
}

/// A chain and its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The server's own certificate first, then those between it and the authority.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// Certificates in force, and the files that they come from. The first whose names fit what the client asked for is
/// taken; the first of all where none fits or the client did not say.
pub struct Certificates {
    pairs: Vec<Pair>,
    loaded: ArcSwap<Vec<Arc<CertifiedKey>>>,
    watch: Mutex<Watch>,
}

/// What a file looked like: enough to see that it was replaced, also through a changed link.
type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

struct Watch {
    loaded: Stamp,
    seen: Stamp,
}

/// What [`Certificates::look`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing new, or files that are still being written.
    Same,
    /// New ones are in force.
    Renewed,
    /// New files that cannot be used; the old certificates stay. Told once for each change.
    Broken(String),
}

impl Tls {
    /// Reads the pairs, at least one.
    ///
    /// # Errors
    /// The number of the pair, and what is wrong with which file; all of them.
    pub fn load(pairs: Vec<Pair>) -> Result<Self, Vec<(usize, String)>> {
        let stamp = stamp(&pairs);
        let loaded = read_all(&pairs)?;
        let watch = Mutex::new(Watch { loaded: stamp.clone(), seen: stamp });
        let certificates = Arc::new(Certificates { pairs, loaded: ArcSwap::from_pointee(loaded), watch });
        let server = server(certificates.clone()).map_err(|error| vec![(0, error.to_string())])?;
        Ok(Tls { server: Arc::new(server), certificates })
    }
}

impl Certificates {
    /// Reads the files anew if they have changed since they were last read, and have been left alone since the last
    /// look: whoever renews a pair writes two files, one after the other.
    pub fn look(&self) -> Look {
        let now = stamp(&self.pairs);
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = now == watch.seen;
        watch.seen = now.clone();
        if !settled || now == watch.loaded {
            return Look::Same;
        }
        watch.loaded = now;
        match read_all(&self.pairs) {
            Ok(loaded) => {
                self.loaded.store(Arc::new(loaded));
                Look::Renewed
            }
            Err(faults) => Look::Broken(faults.into_iter().map(|(_, fault)| fault).collect::<Vec<_>>().join("; ")),
        }
    }

    fn named(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let loaded = self.loaded.load();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let fits = |pair: &&Arc<CertifiedKey>| {
            let (Some(name), Some(first)) = (&name, pair.cert.first()) else { return false };
            ParsedCertificate::try_from(first).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
        };
        // One pair needs no choice: nothing is parsed for it.
        let chosen = if loaded.len() > 1 { loaded.iter().find(fits) } else { None };
        chosen.or(loaded.first()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.named(hello.server_name())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificates").field(&self.pairs).finish()
    }
}

fn server(certificates: Arc<Certificates>) -> Result<ServerConfig, rustls::Error> {
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Tickets let a client come back to any worker, and cost us no memory.
    server.ticketer = ring::Ticketer::new()?;
    Ok(server)
}

fn read_all(pairs: &[Pair]) -> Result<Vec<Arc<CertifiedKey>>, Vec<(usize, String)>> {
    let provider = ring::default_provider();
    let mut loaded = Vec::new();
    let mut faults = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        match read(pair, &provider) {
            Ok(pair) => loaded.push(Arc::new(pair)),
            Err(fault) => faults.push((number, fault)),
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

fn read(pair: &Pair, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = authorities(&pair.certificate)?;
    let (certificate, shown) = (pair.certificate.display(), pair.key.display());
    let pem = std::fs::read(&pair.key).map_err(|error| format!("{shown}: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| format!("{shown}: no private key that can be read ({error}); an encrypted one cannot"))?;
    for one in &chain {
        ParsedCertificate::try_from(one).map_err(|error| format!("{certificate}: not a certificate: {error}"))?;
    }
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => format!("{shown}: is not the key of {certificate}"),
        other => format!("{certificate}, {shown}: {other}"),
    })
}

/// The certificates in a PEM file, at least one.
///
/// # Errors
/// The file's name and why it cannot be read.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error: io::Error| format!("{shown}: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("{shown}: not a PEM file: {error}"))?;
    if found.is_empty() {
        return Err(format!("{shown}: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(found)
}

fn stamp(pairs: &[Pair]) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let files = pairs.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
    let look = |path: &PathBuf| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len(), data.ino()))
    };
    files.map(look).collect()
}
