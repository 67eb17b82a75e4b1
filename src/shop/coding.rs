//! Undoing the compression of a page that we asked for without any.

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::problem::{Kind, Problem};

/// Decodes `body` by the answer's `Content-Encoding`, the last coding first, to at most `limit` bytes.
///
/// # Errors
/// [`Kind::ShopPageTooLarge`] above the limit; [`Kind::ShopBroken`] when the coding is unknown or the data is not in it.
pub(super) async fn decode(answer: &HeaderMap, mut body: Bytes, limit: usize) -> Result<Bytes, Problem> {
    let codings = answer.get_all(CONTENT_ENCODING).iter().flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    let codings: Vec<_> = codings.map(|coding| coding.trim_ascii().to_ascii_lowercase()).collect();
    for coding in codings.iter().rev() {
        let data = body.as_ref();
        body = match coding.as_slice() {
            b"" | b"identity" => continue,
            // An answer without a body may still name the coding it would have had.
            _ if data.is_empty() => continue,
            b"gzip" | b"x-gzip" => {
                let mut decoder = GzipDecoder::new(data);
                decoder.multiple_members(true);
                read(decoder, limit).await?
            }
            // "deflate" is zlib by the standard and raw deflate from some servers; zlib's first byte tells.
            b"deflate" if data[0] & 0x0F == 8 => read(ZlibDecoder::new(data), limit).await?,
            b"deflate" => read(DeflateDecoder::new(data), limit).await?,
            b"br" => read(BrotliDecoder::new(data), limit).await?,
            b"zstd" => read(ZstdDecoder::new(data), limit).await?,
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(Problem::new(Kind::ShopBroken, format!("the shop's page is coded as `{other}`")));
            }
        };
    }
    Ok(body)
}

async fn read(decoder: impl AsyncRead + Unpin, limit: usize) -> Result<Bytes, Problem> {
    let mut decoded = Vec::new();
    let broken = |error| Problem::new(Kind::ShopBroken, format!("the shop's page cannot be decompressed: {error}"));
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).await.map_err(broken)?;
    match decoded.len() > limit {
        true => Err(Problem::new(Kind::ShopPageTooLarge, format!("the shop's page is over {limit} bytes"))),
        false => Ok(decoded.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_compression::tokio::bufread::{
        BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };

    async fn all(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
        let mut coded = Vec::new();
        encoder.read_to_end(&mut coded).await.unwrap();
        coded
    }

    async fn decoded(coding: &'static str, body: Vec<u8>, limit: usize) -> Result<Bytes, Problem> {
        let mut answer = HeaderMap::new();
        answer.insert(CONTENT_ENCODING, coding.parse().unwrap());
        decode(&answer, body.into(), limit).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn every_coding_of_the_web_is_undone() {
        let page = "blåbærsyltetøy ".repeat(100);
        let page = page.as_bytes();
        let twice = [all(GzipEncoder::new(&page[..300])).await, all(GzipEncoder::new(&page[300..])).await].concat();
        let nested = all(BrotliEncoder::new(all(GzipEncoder::new(page)).await.as_slice())).await;
        for (coding, body) in [
            ("identity", page.to_vec()),
            ("GZIP", all(GzipEncoder::new(page)).await),
            ("x-gzip", twice),
            ("deflate", all(ZlibEncoder::new(page)).await),
            ("deflate", all(DeflateEncoder::new(page)).await),
            ("br", all(BrotliEncoder::new(page)).await),
            ("zstd", all(ZstdEncoder::new(page)).await),
            ("gzip, br", nested),
        ] {
            assert_eq!(decoded(coding, body, page.len()).await.unwrap(), page, "{coding}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_cannot_be_undone_is_the_shops_fault() {
        let bomb = all(GzipEncoder::new(vec![0; 1 << 20].as_slice())).await;
        let mut cut = all(GzipEncoder::new(&b"hello"[..])).await;
        cut.truncate(cut.len() - 4);
        for (coding, body, kind) in [
            ("gzip", bomb, Kind::ShopPageTooLarge),
            ("gzip", cut, Kind::ShopBroken),
            ("gzip", b"plain text".to_vec(), Kind::ShopBroken),
            ("rot13", b"uryyb".to_vec(), Kind::ShopBroken),
        ] {
            assert_eq!(decoded(coding, body, 1000).await.unwrap_err().kind, kind, "{coding}");
        }
        assert!(decoded("gzip", Vec::new(), 1000).await.unwrap().is_empty());
    }
}
