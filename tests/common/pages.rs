//! The shop that most tests visit.

use super::{Head, Keep, Wire, ok};

/// Ten megabytes without a period that a block size could hide.
pub fn large() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    bytes.take(10 * 1024 * 1024).collect()
}

/// A gzip page (`<html><body>punchout</body></html>`, deflated), for bytes that only look like text to a proxy.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\xc9\x28\xc9\xcd\xb1\xb3\x49\xca\x4f\xa9\xb4\x2b\x28\xcd\x4b\xce\xc8\x2f\x2d\xb1\xd1\x07\xf3\x6c\xf4\xc1\xd2\x00";

/// Serves a handful of pages, each odd in its own way.
pub fn shop_pages(wire: &mut Wire, head: &Head) -> Keep {
    let (body, _) = wire.body(head, false)?;
    match head.target() {
        "/" => wire.send(
            b"HTTP/1.1 200 OK\r\nServer: OldShop/1\r\nDate: Mon, 02 Nov 2026 08:00:00 GMT\r\nContent-Type: text/html; charset=ISO-8859-1\r\n\
              Set-Cookie: sid=a1; path=/; SameSite=Lax; odd\r\nSet-Cookie: lang=\"nb\"; Expires=Thu, 01 Jan 2037 00:00:00 GMT\r\n\
              Link: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\nX-Latin: bl\xe5b\xe6r\r\nVary: Cookie\r\n\
              Content-Length: 25\r\n\r\n<form><p>bl\xe5b\xe6r &amp; < b",
        ),
        "/large" => wire.send(ok(large())),
        "/gzip" => {
            let length = GZIP.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"x\"\r\nContent-Length: {length}\r\n\r\n"))?;
            wire.send(GZIP)
        }
        "/range" => {
            assert_eq!(head.get("range"), Some("bytes=2-4"));
            wire.send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\ncde")
        }
        "/trailers" => wire.send(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 42\r\n\r\n",
        ),
        "/until-close" => {
            wire.send("HTTP/1.0 200 Fine by me\r\nContent-Type: text/plain\r\n\r\nuntil the end")?;
            return Ok(false);
        }
        "/none" => wire.send("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"),
        "/unchanged" => wire.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        "/moved" => wire.send("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x?a=b|c\r\nContent-Length: 0\r\n\r\n"),
        "/head" => wire.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        "/echo" => wire.send(ok([head.method().as_bytes(), b" ", &body].concat())),
        target => wire.send(format!("HTTP/1.1 404 Nowhere {target}\r\nContent-Length: 0\r\n\r\n")),
    }?;
    Ok(true)
}
