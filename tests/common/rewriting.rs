//! Pages through a rewriter, in pieces of any size, and fixtures that say what comes out.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(unreachable_pub, reason = "shared by test files, exported by none")]

use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::{env, fs};

use bytes::Bytes;
use encoding_rs::Encoding;
use http_body::{Body, Frame};
use lol_html::Settings;
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset::Declared;

/// A page that came in pieces of `size`, rewritten.
pub fn rewritten(
    page: &[u8],
    size: usize,
    charset: &'static Encoding,
    settings: Settings<'static, 'static>,
) -> Vec<u8> {
    let chunks = page.chunks(size.min(page.len().max(1))).map(Bytes::copy_from_slice).collect();
    let never = OnFailure::PassThrough(Box::new(|why| panic!("{why}")));
    let mut body = RewritingBody::new(Chunks(chunks), settings, Declared::Charset(charset), DEFAULT_MEMORY, never);
    let mut output = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        output.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    output
}

/// Every `<case>.input.html` of a folder comes out as its `<case>.expected.html`, at several sizes of its pieces.
pub fn every_fixture(folder: &str, rewrite: impl Fn(&[u8], usize) -> Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let cases: Vec<_> = files.filter_map(|file| file.strip_suffix(".input.html").map(str::to_owned)).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let input = fs::read(folder.join(format!("{case}.input.html"))).unwrap();
        let file = folder.join(format!("{case}.expected.html"));
        if env::var_os("BLESS").is_some() {
            fs::write(&file, rewrite(&input, usize::MAX)).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap();
        for size in [1, 7, 1000, usize::MAX] {
            let output = String::from_utf8(rewrite(&input, size)).unwrap();
            assert!(output == expected, "{case} in chunks of {size}:\n{output}\n--- expected ---\n{expected}");
        }
    }
}

/// A body in these frames.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}
