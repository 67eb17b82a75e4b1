//! The PROXY protocol, versions 1 and 2: a front proxy on the TCP level says whose connection it passes on, before the
//! connection's own first byte (haproxy's proxy-protocol.txt).

use std::io;
use std::net::SocketAddr;

use ppp::{v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Before this many bytes have come the version cannot be told; both versions' headers are longer.
const BEGINNING: usize = 12;
/// Signature, version, family and length of version 2.
const V2_HEAD: usize = 16;
/// Version 1 in its longest spelling, with CR and LF.
const V1_MOST: usize = 107;
/// Addresses and extra fields of version 2: far above what is sent (a certificate's names at most).
const V2_MOST: usize = 4096;

/// Reads the header and not a byte more. `None` where the front proxy speaks for itself (a health check).
///
/// # Errors
/// Those of the socket; `InvalidData` for anything that is no such header.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; BEGINNING];
    stream.read_exact(&mut header).await?;
    if header == v2::PROTOCOL_PREFIX {
        read_v2(stream, header).await
    } else if header.starts_with(b"PROXY ") {
        read_v1(stream, header).await
    } else {
        Err(invalid("a front proxy sent no PROXY header"))
    }
}

async fn read_v1(stream: &mut TcpStream, mut header: Vec<u8>) -> io::Result<Option<SocketAddr>> {
    while !header.ends_with(b"\n") {
        let mut ahead = [0; V1_MOST];
        let ahead = &mut ahead[..V1_MOST - header.len()];
        let seen = stream.peek(ahead).await?;
        if seen == 0 {
            return Err(invalid("a PROXY header without an end"));
        }
        // Up to the line's end, and no byte of what follows it: that is the client's.
        let taken = ahead[..seen].iter().position(|&byte| byte == b'\n').map_or(seen, |end| end + 1);
        let start = header.len();
        header.resize(start + taken, 0);
        stream.read_exact(&mut header[start..]).await?;
    }
    let parsed = v1::Header::try_from(header.as_slice()).map_err(|error| invalid(&error.to_string()))?;
    Ok(match parsed.addresses {
        v1::Addresses::Tcp4(named) => Some((named.source_address, named.source_port).into()),
        v1::Addresses::Tcp6(named) => Some((named.source_address, named.source_port).into()),
        v1::Addresses::Unknown => None,
    })
}

async fn read_v2(stream: &mut TcpStream, mut header: Vec<u8>) -> io::Result<Option<SocketAddr>> {
    header.resize(V2_HEAD, 0);
    stream.read_exact(&mut header[BEGINNING..]).await?;
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if length > V2_MOST {
        return Err(invalid("a PROXY header that is too long"));
    }
    header.resize(V2_HEAD + length, 0);
    stream.read_exact(&mut header[V2_HEAD..]).await?;
    let parsed = v2::Header::try_from(header.as_slice()).map_err(|error| invalid(&error.to_string()))?;
    Ok(match (parsed.command, parsed.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(named)) => Some((named.source_address, named.source_port).into()),
        (v2::Command::Proxy, v2::Addresses::IPv6(named)) => Some((named.source_address, named.source_port).into()),
        _ => None,
    })
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
