//! The ceiling: `relay LISTEN ORIGIN` copies bytes, a connection to the origin for each of a client, and knows no HTTP. One
//! thread, one epoll.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

const LISTENER: Token = Token(usize::MAX);

/// One half of a pair: what was read here and is still to be written there.
struct End {
    stream: TcpStream,
    unsent: Vec<u8>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen: SocketAddr = arguments.next().ok_or("LISTEN")?.parse()?;
    let origin: SocketAddr = arguments.next().ok_or("ORIGIN")?.parse()?;
    let mut listener = TcpListener::bind(listen)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut pairs, mut next) = (Events::with_capacity(1024), HashMap::new(), 0);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((client, _)) = listener.accept() {
                    pairs.insert(next / 2, pair(client, origin, next, poll.registry())?);
                    next += 2;
                }
                continue;
            }
            let Token(key) = event.token();
            if let Some(pair) = pairs.get_mut(&(key / 2))
                && !(copy(pair, 0) && copy(pair, 1))
            {
                pairs.remove(&(key / 2));
            }
        }
    }
}

fn pair(client: TcpStream, origin: SocketAddr, key: usize, registry: &Registry) -> std::io::Result<[End; 2]> {
    let mut streams = [client, TcpStream::connect(origin)?];
    for (side, stream) in streams.iter_mut().enumerate() {
        stream.set_nodelay(true)?;
        registry.register(stream, Token(key + side), Interest::READABLE | Interest::WRITABLE)?;
    }
    Ok(streams.map(|stream| End { stream, unsent: Vec::new() }))
}

/// Copies all that can be copied from one end to the other; `false` when one of them has gone.
fn copy(pair: &mut [End; 2], from: usize) -> bool {
    let (first, second) = pair.split_at_mut(1);
    let (from, to) = if from == 0 { (&mut first[0], &mut second[0]) } else { (&mut second[0], &mut first[0]) };
    let mut buffer = [0; 64 * 1024];
    loop {
        while !from.unsent.is_empty() {
            match to.stream.write(&from.unsent) {
                Ok(count) => drop(from.unsent.drain(..count)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return true,
                Err(_) => return false,
            }
        }
        let count = match from.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return true,
            Err(_) => return false,
        };
        let sent = match to.stream.write(&buffer[..count]) {
            Ok(sent) => sent,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => 0,
            Err(_) => return false,
        };
        from.unsent.extend_from_slice(&buffer[sent..count]);
        if !from.unsent.is_empty() {
            return true;
        }
    }
}
