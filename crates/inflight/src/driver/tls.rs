//! TLS by rustls, over a socket of the driver.
//!
//! Every connection makes a full handshake, as if each were from a client of its own: sessions are not resumed.

use super::{socket::Socket, stream::Trouble, version::Version};
use inflight_lab::record::Ending;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use std::{
    fmt,
    io::{self, BufRead as _, Read, Write},
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker, ready},
};
use tokio::io::ReadBuf;

/// Which certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that this system believes.
    System,
    /// Those below one of these, in PEM.
    Only(Vec<u8>),
    /// All of them: anybody may stand between.
    Anyone,
}

/// What is wrong with names and certificates, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// This system believes nobody, and why that is.
    System(String),
    /// There is no certificate that could be believed in what was given, and why that is.
    Given(String),
    /// This is no name that a certificate can be for.
    Name(String),
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untrusted::System(why) => write!(
                f,
                "this system has no certificates to believe{why}: give some with --cacert FILE, or believe everyone with \
                 --insecure"
            ),
            Untrusted::Given(why) => write!(f, "expected certificates in PEM: {why}"),
            Untrusted::Name(name) => write!(f, "{name:?} is no name that a certificate can be for"),
        }
    }
}

/// How connections are secured, and whom they must lead to.
#[derive(Clone, Debug)]
pub struct Security {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    version: Version,
    /// Why the first handshake that failed did.
    trouble: Arc<OnceLock<String>>,
}

impl Security {
    /// For connections to `host` (a name, or an address), over which `version` is spoken.
    pub fn new(host: &str, trust: &Trust, version: Version) -> Result<Security, Untrusted> {
        let host = host.trim_matches(['[', ']']).to_string();
        let name = ServerName::try_from(host.clone()).map_err(|_| Untrusted::Name(host))?;
        let config = Arc::new(config(trust, version)?);
        Ok(Security { config, name, version, trouble: Arc::default() })
    }

    /// Why the first handshake that failed did, for people.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.get().map(String::as_str)
    }

    /// How a request ends whose connection could not be secured.
    pub(super) fn ending_of(&self, trouble: Trouble) -> Ending {
        match trouble {
            Trouble::Io(_) => Ending::Reset,
            Trouble::Tls(error) => {
                let advice = match error {
                    rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                        " (--cacert FILE names an issuer to believe, --insecure believes everyone)"
                    }
                    _ => "",
                };
                self.trouble.get_or_init(|| format!("{error}{advice}"));
                Ending::Tls
            }
        }
    }
}

fn config(trust: &Trust, version: Version) -> Result<ClientConfig, Untrusted> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has what every version needs");
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::Only(pem) => builder.with_root_certificates(roots_in(pem)?),
        Trust::Anyone => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(BelievesAnyone(provider)))
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![version.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn system_roots() -> Result<RootCertStore, Untrusted> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(found.certs).0 == 0 {
        let why = found.errors.first().map_or(String::new(), |error| format!(" ({error})"));
        return Err(Untrusted::System(why));
    }
    Ok(roots)
}

fn roots_in(pem: &[u8]) -> Result<RootCertStore, Untrusted> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Untrusted::Given(error.to_string()))?;
        roots.add(certificate).map_err(|error| Untrusted::Given(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Untrusted::Given("there is none".into()));
    }
    Ok(roots)
}

/// Believes every certificate, but still wants its owner to have signed the handshake.
#[derive(Debug)]
struct BelievesAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for BelievesAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection over TLS.
#[derive(Debug)]
pub(super) struct TlsStream {
    socket: Socket,
    tls: ClientConnection,
    /// Bytes that the system has taken.
    written: u64,
}

/// A socket for rustls: who would have to wait is told so.
struct Raw<'a, 'c, 'w> {
    socket: &'a Socket,
    cx: &'c mut Context<'w>,
}

fn now_or_later(poll: Poll<io::Result<usize>>) -> io::Result<usize> {
    match poll {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for Raw<'_, '_, '_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        now_or_later(self.socket.poll_read(self.cx, room))
    }
}

impl Write for Raw<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        now_or_later(self.socket.poll_send(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TlsStream {
    /// Makes the handshake.
    pub(super) async fn open(socket: Socket, security: &Security) -> Result<TlsStream, Trouble> {
        let tls = ClientConnection::new(security.config.clone(), security.name.clone());
        let mut stream = TlsStream { socket, tls: tls.map_err(Trouble::Tls)?, written: 0 };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        let agreed = stream.tls.alpn_protocol();
        if security.version.is_agreed(agreed) {
            Ok(stream)
        } else {
            Err(Trouble::Tls(rustls::Error::General("the target does not speak HTTP/2 here".into())))
        }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        loop {
            let written = self.poll_write_out(cx)?;
            if !self.tls.is_handshaking() {
                return written.map(Ok);
            }
            if ready!(self.poll_take_in(cx))? == 0 {
                return Poll::Ready(Err(Trouble::Io(io::ErrorKind::UnexpectedEof.into())));
            }
        }
    }

    /// Writes what rustls has for the other side.
    pub(super) fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Raw { socket: &self.socket, cx }) {
                Ok(written) => self.written += written as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads something for rustls; tells how much, nothing at the end.
    fn poll_take_in(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Trouble>> {
        let read = match self.tls.read_tls(&mut Raw { socket: &self.socket, cx }) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(Trouble::Io(error))),
        };
        if let Err(error) = self.tls.process_new_packets() {
            // The other side is told why, if it still listens.
            let _ = self.poll_write_out(cx);
            return Poll::Ready(Err(Trouble::Tls(error)));
        }
        Poll::Ready(Ok(read))
    }

    /// Done when there is something to read, or the end has come.
    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        loop {
            match self.tls.reader().fill_buf() {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It ended without a farewell: nobody knows whether it was all.
                Err(error) => return Poll::Ready(Err(Trouble::Io(error))),
            }
            ready!(self.poll_take_in(cx))?;
            // Keys are renewed at any time, and that is to be answered; if not now, then with what is sent next.
            let _ = self.poll_write_out(cx)?;
        }
    }

    /// Sends the beginning of `bytes`; tells how much.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Trouble>> {
        // What was taken before goes first, so that no more is kept here than rustls has room for.
        if self.poll_write_out(cx)?.is_pending() {
            return Poll::Pending;
        }
        let before = self.written;
        let taken = self.tls.writer().write(bytes)?;
        match self.poll_write_out(cx) {
            Poll::Ready(Err(error)) if self.written == before => Poll::Ready(Err(Trouble::Io(error))),
            // What is still here goes out with whatever is done next; who reads hears of trouble.
            _ => Poll::Ready(Ok(taken)),
        }
    }

    /// Reads what there is and hands it to `take`, an empty slice at the end.
    pub(super) fn poll_receive<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<Result<T, Trouble>> {
        let _ = self.poll_write_out(cx)?;
        ready!(self.poll_plain(cx))?;
        let mut reader = self.tls.reader();
        let piece = reader.fill_buf()?;
        let length = piece.len();
        let taken = take(piece);
        reader.consume(length);
        Poll::Ready(Ok(taken))
    }

    /// Reads as much as there is room for, nothing at the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Trouble>> {
        ready!(self.poll_plain(cx))?;
        let mut reader = self.tls.reader();
        let piece = reader.fill_buf()?;
        let length = piece.len().min(room.remaining());
        room.put_slice(&piece[..length]);
        reader.consume(length);
        Poll::Ready(Ok(()))
    }

    /// Says farewell.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        self.poll_write_out(cx)
    }

    /// Whether nothing has come and the other side is still there. Tickets for later handshakes are nothing.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.socket.is_quiet() || self.poll_plain(&mut Context::from_waker(Waker::noop())).is_pending()
    }
}
