//! Content codings of rewritten answers: taken off what the shop compressed all the same, put on what the buyer gets.
//!
//! In a session the shop is asked for [`ASKED_OF_SHOP`], because it is near and encoding costs more than rewriting; some
//! compress regardless. Decoders and encoders are pulled by whoever reads the body, a buffer at a time: memory does not
//! grow with the page, and an encoder lets go of all it holds as soon as the shop pauses.

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use async_compression::codecs::ZstdDecoder as ZstdCodec;
use async_compression::tokio::bufread::{
    BrotliDecoder, BrotliEncoder, DeflateDecoder, GzipDecoder, GzipEncoder, ZlibDecoder, ZstdDecoder, ZstdEncoder,
};
use async_compression::{Level, brotli, zstd};
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio_util::io::{StreamReader, poll_read_buf};

/// The Accept-Encoding that the shop gets in a session.
pub const ASKED_OF_SHOP: &str = "identity";

/// One frame's size at most, in bytes.
const FRAME: usize = 16 * 1024;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip, of one member or several.
    Gzip,
    /// By name the zlib format (RFC 9110, 8.4.1.2), in practice bare deflate as often.
    Deflate,
    /// Brotli.
    Brotli,
    /// Zstandard.
    Zstd,
}

/// The shop used a coding that we cannot take off, or more than one: pass the answer on as it is, or, on a cart page,
/// refuse it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("content coding {0:?} cannot be decoded")]
pub struct Unrewritable(pub String);

/// How far a shop's compressed page may expand. Past `burst` bytes of output, more than `ratio` bytes of output for one
/// of input is an error: a compression bomb.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    /// Bytes that may always come out.
    pub burst: u64,
    /// Bytes out for one byte in, from there on. HTML rarely passes 20; deflate's limit is 1032.
    pub ratio: u64,
}

impl Default for Expansion {
    fn default() -> Self {
        Expansion { burst: 4 * 1024 * 1024, ratio: 100 }
    }
}

impl Coding {
    /// The coding's name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    /// The coding that the answer with this head is in.
    ///
    /// # Errors
    /// For an unknown coding, and for more than one.
    pub fn of(headers: &HeaderMap) -> Result<Coding, Unrewritable> {
        let mut found = Coding::Identity;
        for value in headers.get_all(CONTENT_ENCODING) {
            let list = String::from_utf8_lossy(value.as_bytes());
            for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match (Coding::named(name), found) {
                    (Some(Coding::Identity), _) => {}
                    (Some(coding), Coding::Identity) => found = coding,
                    _ => return Err(Unrewritable(list.into_owned())),
                }
            }
        }
        Ok(found)
    }

    /// The codings that a client with these request headers decodes.
    pub fn taken(headers: &HeaderMap) -> Taken {
        let weights = weights(headers);
        let known = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
        Taken(known.map(|coding| (weight_of(coding, &weights) > 0).then_some(coding)))
    }

    /// The coding for a buyer with these request headers: what they weigh highest, and among equals what costs us least
    /// for what it saves (zstd, gzip, then Brotli, which saves a little more than gzip at four times its price).
    pub fn wanted(headers: &HeaderMap) -> Coding {
        let weights = weights(headers);
        let mut best = (Coding::Identity, 0);
        for coding in [Coding::Zstd, Coding::Gzip, Coding::Brotli] {
            let weight = weight_of(coding, &weights);
            if weight > best.1 {
                best = (coding, weight);
            }
        }
        let plain = weights.iter().find(|(name, _)| name == "identity").map_or(0, |(_, weight)| *weight);
        if plain > best.1 { Coding::Identity } else { best.0 }
    }

    fn named(name: &str) -> Option<Coding> {
        Some(match name.to_ascii_lowercase().as_str() {
            "identity" => Coding::Identity,
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => return None,
        })
    }
}

/// The codings that a client decodes.
#[derive(Clone, Copy, Debug)]
pub struct Taken([Option<Coding>; 4]);

impl Taken {
    /// Whether an answer in `coding` can be read.
    pub fn holds(self, coding: Coding) -> bool {
        coding == Coding::Identity || self.0.contains(&Some(coding))
    }
}

fn weights(headers: &HeaderMap) -> Vec<(String, u16)> {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    lines
        .flat_map(|value| String::from_utf8_lossy(value.as_bytes()).split(',').map(weighed).collect::<Vec<_>>())
        .collect()
}

fn weight_of(coding: Coding, weights: &[(String, u16)]) -> u16 {
    let named = weights.iter().find(|(name, _)| Coding::named(name) == Some(coding));
    named.or_else(|| weights.iter().find(|(name, _)| name == "*")).map_or(0, |(_, weight)| *weight)
}

/// One element of Accept-Encoding as its name and its weight in thousandths. What cannot be read as a weight is 0:
/// to send too plain an answer is never wrong.
fn weighed(element: &str) -> (String, u16) {
    let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
    let weight = match parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    }) {
        Some(weight) => (weight.clamp(0.0, 1.0) * 1000.0) as u16,
        None => 1000,
    };
    (name.trim().to_ascii_lowercase(), weight)
}

/// A body that is decoded or encoded while it is read, or neither. Trailers are dropped.
///
/// # Errors
/// The inner body's, as the source of an [`io::Error`]; a coded stream that is broken, breaks off or expands too far.
pub enum CodedBody<B> {
    /// As it comes.
    Plain(B),
    /// Through a decoder or an encoder.
    Coded(Coded),
}

/// The reading end of a decoder or encoder.
pub struct Coded {
    reader: Decoder,
    buffer: BytesMut,
    /// What came in, what went out and how far that may grow; for decoders only.
    growth: Option<Growth>,
    ended: bool,
}

struct Growth {
    bytes_in: Rc<Cell<u64>>,
    bytes_out: u64,
    limit: Expansion,
}

/// The shop's body without its coding.
pub fn decode<B>(body: B, coding: Coding, limit: Expansion) -> CodedBody<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if coding == Coding::Identity {
        return CodedBody::Plain(body);
    }
    let bytes_in = Rc::new(Cell::new(0));
    let counter = bytes_in.clone();
    let input = reader_of(body.map_frame(move |frame| {
        counter.set(counter.get() + frame.data_ref().map_or(0, |data| data.len() as u64));
        frame
    }));
    let reader: Decoder = match coding {
        Coding::Identity => Box::pin(input),
        Coding::Gzip => Box::pin(ByFirstByte::new(input, gzip_or_plain)),
        Coding::Deflate => Box::pin(ByFirstByte::new(input, either_deflate)),
        Coding::Brotli => Box::pin(BrotliDecoder::new(input)),
        Coding::Zstd => {
            // RFC 9659: a content coding has a window of 8 MB at most
            let codec = ZstdCodec::new_with_params(&[zstd::DParameter::window_log_max(23)]);
            let mut decoder = ZstdDecoder::with_codec(input, codec);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    };
    CodedBody::Coded(Coded::new(reader, Some(Growth { bytes_in, bytes_out: 0, limit })))
}

/// The body in the coding for the buyer; in deflate, which no buyer needs, it stays plain.
pub fn encode<B>(body: B, coding: Coding) -> CodedBody<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let reader: Decoder = match coding {
        Coding::Identity | Coding::Deflate => return CodedBody::Plain(body),
        Coding::Gzip => Box::pin(GzipEncoder::with_quality(reader_of(body), Level::Precise(1))),
        Coding::Brotli => {
            // a window of 256 kB instead of 4 MB: as good for a page, and far less memory for each
            let quality = brotli::EncoderParams::default().quality(Level::Precise(4)).window_size(18).text_mode();
            Box::pin(BrotliEncoder::with_params(reader_of(body), quality))
        }
        Coding::Zstd => Box::pin(ZstdEncoder::with_quality(reader_of(body), Level::Precise(1))),
    };
    CodedBody::Coded(Coded::new(reader, None))
}

fn reader_of<B>(body: B) -> impl AsyncBufRead
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    StreamReader::new(body.map_err(io::Error::other).into_data_stream())
}

impl Coded {
    fn new(reader: Decoder, growth: Option<Growth>) -> Self {
        Coded { reader, buffer: BytesMut::new(), growth, ended: false }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.buffer.reserve(FRAME);
        let read = ready!(poll_read_buf(self.reader.as_mut(), cx, &mut (&mut self.buffer).limit(FRAME)));
        let outcome = match read {
            Ok(0) => None,
            Ok(count) => Some(self.growth.as_mut().map_or(Ok(()), |growth| growth.add(count as u64))),
            // a shop's empty answer under the name of gzip is an empty answer
            Err(error) if is_cut(&error) && self.growth.as_ref().is_some_and(|growth| growth.bytes_in.get() == 0) => {
                None
            }
            Err(error) => Some(Err(error)),
        };
        self.ended = !matches!(outcome, Some(Ok(())));
        Poll::Ready(outcome.map(|outcome| outcome.map(|()| self.buffer.split().freeze())))
    }
}

fn is_cut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

impl Growth {
    fn add(&mut self, count: u64) -> io::Result<()> {
        self.bytes_out += count;
        if self.bytes_out > self.limit.burst && self.bytes_out / self.limit.ratio > self.bytes_in.get() {
            let (bytes_in, bytes_out) = (self.bytes_in.get(), self.bytes_out);
            return Err(io::Error::other(format!("compression bomb: {bytes_in} bytes became {bytes_out} and more")));
        }
        Ok(())
    }
}

impl<B> Body for CodedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            CodedBody::Plain(body) => Pin::new(body).poll_frame(cx).map_err(io::Error::other),
            CodedBody::Coded(coded) => coded.poll_bytes(cx).map(|bytes| Some(bytes?.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            CodedBody::Plain(body) => body.is_end_stream(),
            CodedBody::Coded(coded) => coded.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            CodedBody::Plain(body) => body.size_hint(),
            CodedBody::Coded(_) => SizeHint::default(),
        }
    }
}

/// The reading end of a decoder or encoder, for whatever body it reads.
type Decoder = Pin<Box<dyn AsyncRead>>;

/// The decoder for a stream of this first byte.
type Choice<R> = fn(u8, Pin<Box<R>>) -> Decoder;

/// Reads a stream by what its first byte says that it is.
struct ByFirstByte<R> {
    unknown: Option<Pin<Box<R>>>,
    known: Option<Decoder>,
    decoder: Choice<R>,
}

impl<R: AsyncBufRead> ByFirstByte<R> {
    fn new(input: R, decoder: Choice<R>) -> Self {
        ByFirstByte { unknown: Some(Box::pin(input)), known: None, decoder }
    }
}

impl<R: AsyncBufRead> AsyncRead for ByFirstByte<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(input) = &mut self.unknown {
            let first = ready!(input.as_mut().poll_fill_buf(cx))?.first().copied();
            let (Some(first), Some(input)) = (first, self.unknown.take()) else { return Poll::Ready(Ok(())) };
            self.known = Some((self.decoder)(first, input));
        }
        match &mut self.known {
            Some(known) => known.as_mut().poll_read(cx, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// What begins with another byte than gzip does (RFC 1952) was never compressed, whatever its label says: a page that was
/// printed past the shop's compressor. It is read as it is, and searched like any other.
fn gzip_or_plain<R: AsyncBufRead + 'static>(first: u8, input: Pin<Box<R>>) -> Decoder {
    if first != 0x1f {
        return input;
    }
    let mut decoder = GzipDecoder::new(input);
    decoder.multiple_members(true);
    Box::pin(decoder)
}

/// "deflate" names the zlib format, but old servers send bare deflate. The first byte tells: in zlib its low half is 8
/// (RFC 1950), in which bare deflate would begin with a stored block padded by a bit that encoders leave 0.
fn either_deflate<R: AsyncBufRead + 'static>(first: u8, input: Pin<Box<R>>) -> Decoder {
    if first & 0x0f == 8 { Box::pin(ZlibDecoder::new(input)) } else { Box::pin(DeflateDecoder::new(input)) }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step, data, poll, read};
    use super::*;
    use async_compression::tokio::write as encoders;
    use tokio::io::AsyncWriteExt;

    const CODED: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    fn request(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, accept.parse().unwrap())])
    }

    /// `bytes` compressed by other code than ours.
    fn compressed(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        macro_rules! with {
            ($encoder:ident) => {{
                let mut encoder = encoders::$encoder::new(Vec::new());
                let run = async {
                    encoder.write_all(bytes).await.unwrap();
                    encoder.shutdown().await.unwrap();
                };
                tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run);
                encoder.into_inner()
            }};
        }
        match coding {
            Coding::Identity => bytes.to_vec(),
            Coding::Gzip => with!(GzipEncoder),
            Coding::Deflate => with!(ZlibEncoder),
            Coding::Brotli => with!(BrotliEncoder),
            Coding::Zstd => with!(ZstdEncoder),
        }
    }

    fn decoded(coding: Coding, bytes: &[u8], size: usize) -> (Vec<u8>, io::Result<()>) {
        read(decode(Scripted::chunks(bytes, size), coding, Expansion::default()))
    }

    fn page() -> Vec<u8> {
        (0..3_000)
            .flat_map(|line| format!("<tr><td>Item {line}</td><td>{}</td></tr>\n", line * 7919).into_bytes())
            .collect()
    }

    #[test]
    fn the_buyer_gets_what_they_weigh_highest_and_then_what_costs_least() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Coding::Zstd),
            ("gzip, deflate, br", Coding::Gzip),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", Coding::Brotli),
            ("GZIP;Q=0.5", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("*", Coding::Zstd),
            ("zstd;q=0, *;q=0.5", Coding::Gzip),
            ("gzip;q=0, br;q=0.0, identity", Coding::Identity),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("identity;q=0, deflate", Coding::Identity),
            ("gzip;q=nonsense", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(Coding::wanted(&request(accept)), expected, "{accept}");
        }
        assert_eq!(Coding::wanted(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn the_shops_coding_is_known_or_refused() {
        let of = |value: &str| Coding::of(&HeaderMap::from_iter([(CONTENT_ENCODING, value.parse().unwrap())]));
        assert_eq!(of("gzip"), Ok(Coding::Gzip));
        assert_eq!(of("X-GZIP, identity"), Ok(Coding::Gzip));
        assert_eq!(of(""), Ok(Coding::Identity));
        assert_eq!(of("gzip, br"), Err(Unrewritable("gzip, br".into())));
        assert!(of("compress").is_err());
        assert_eq!(Coding::of(&HeaderMap::new()), Ok(Coding::Identity));
    }

    #[test]
    fn every_coding_is_taken_off_however_it_is_cut() {
        let page = page();
        for coding in CODED {
            let coded = compressed(coding, &page);
            for size in [1, 1000, usize::MAX >> 1] {
                let (output, end) = decoded(coding, &coded, size);
                end.unwrap();
                assert!(output == page, "{coding:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn members_one_after_another_are_one_page() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let coded = [compressed(coding, b"one "), compressed(coding, b"two")].concat();
            for size in [1, 5, 1000] {
                let (output, end) = decoded(coding, &coded, size);
                end.unwrap();
                assert_eq!(output, b"one two", "{coding:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn bare_deflate_is_told_from_zlib() {
        let page = page();
        let zlib = compressed(Coding::Deflate, &page);
        let bare = &zlib[2..zlib.len() - 4];
        let (output, end) = decoded(Coding::Deflate, bare, 100);
        end.unwrap();
        assert!(output == page);
    }

    #[test]
    fn a_stream_that_breaks_off_is_an_error() {
        let page = page();
        for coding in CODED {
            let coded = compressed(coding, &page);
            for kept in [1, 5, coded.len() / 2, coded.len() - 1] {
                let (output, end) = decoded(coding, &coded[..kept], 1000);
                assert!(end.is_err(), "{coding:?} cut to {kept} bytes of {}", coded.len());
                assert!(page.starts_with(&output));
            }
            let inner = Scripted::new([data(&coded[..coded.len() / 2]), Step::Cut]);
            let (_, end) = read(decode(inner, coding, Expansion::default()));
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::Other, "{coding:?}: the connection's own error");
        }
    }

    #[test]
    fn rubbish_is_an_error_and_nothing_is_an_empty_page() {
        for coding in CODED {
            assert!(decoded(coding, b"\x1f\x07this is not compressed at all", 7).1.is_err(), "{coding:?}");
            let (output, end) = decoded(coding, b"", 1);
            end.unwrap_or_else(|error| panic!("{coding:?}: {error}"));
            assert!(output.is_empty());
        }
    }

    #[test]
    fn a_page_that_is_labelled_gzip_and_is_none_is_read_as_it_is() {
        for size in [1, 7, 1000] {
            let (output, end) = decoded(Coding::Gzip, b"<html><p>never compressed</p>", size);
            end.unwrap();
            assert_eq!(output, b"<html><p>never compressed</p>");
        }
    }

    #[test]
    fn a_client_takes_what_it_weighs_above_nothing() {
        let taken = Coding::taken(&request("br, gzip;q=0, *;q=0.1"));
        let expected = [(Coding::Brotli, true), (Coding::Gzip, false), (Coding::Zstd, true), (Coding::Identity, true)];
        assert_eq!(expected.map(|(coding, _)| (coding, taken.holds(coding))), expected);
        assert!(!Coding::taken(&HeaderMap::new()).holds(Coding::Gzip));
    }

    #[test]
    fn a_bomb_is_an_error_before_it_bursts() {
        let zeros = vec![0; 20_000_000];
        for coding in CODED {
            let bomb = compressed(coding, &zeros);
            let limit = Expansion { burst: 1_000_000, ratio: 50 };
            let (output, end) = read(decode(Scripted::chunks(&bomb, 1000), coding, limit));
            assert!(end.unwrap_err().to_string().contains("bomb"), "{coding:?}");
            let most = limit.burst as usize + FRAME + bomb.len() * limit.ratio as usize;
            assert!(output.len() <= most, "{coding:?}: {} bytes", output.len());
        }
    }

    #[test]
    fn what_is_encoded_is_what_comes_out_of_the_decoder() {
        let page = page();
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd, Coding::Identity] {
            let (coded, end) = read(encode(Scripted::chunks(&page, 10_000), coding));
            end.unwrap();
            assert!(coding == Coding::Identity || coded.len() < page.len() / 3, "{coding:?}: {}", coded.len());
            let (output, end) = decoded(coding, &coded, 1000);
            end.unwrap();
            assert!(output == page, "{coding:?}");
        }
    }

    #[test]
    fn an_encoder_holds_nothing_back_while_the_shop_pauses() {
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let steps = [data("<p>first</p>"), Step::Pause, data("<p>second</p>"), Step::Pause, data("<p>third</p>")];
            let inner = Scripted::new(steps);
            let given = inner.given.clone();
            let mut body = encode(inner, coding);
            let (mut coded, mut seen_by_buyer) = (Vec::new(), Vec::new());
            while let Some(bytes) = poll(&mut body).unwrap_or(Some(Ok(Bytes::new()))) {
                coded.extend_from_slice(&bytes.unwrap());
                seen_by_buyer.push((given.get(), decoded(coding, &coded, 1000).0.len()));
            }
            // whenever the encoder gave something, all that it had been given could be read
            assert!(seen_by_buyer.starts_with(&[(12, 12)]), "{coding:?}: {seen_by_buyer:?}");
            assert!(seen_by_buyer.contains(&(25, 25)), "{coding:?}: {seen_by_buyer:?}");
            assert_eq!(decoded(coding, &coded, 1000).0, b"<p>first</p><p>second</p><p>third</p>", "{coding:?}");
        }
    }

    #[test]
    fn a_cut_page_stays_cut_when_it_is_encoded() {
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd, Coding::Identity] {
            let (_, end) = read(encode(Scripted::new([data("<p>x"), Step::Cut]), coding));
            assert!(end.is_err(), "{coding:?}");
        }
    }
}
