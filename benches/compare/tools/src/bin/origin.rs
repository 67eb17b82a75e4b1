//! A shop that costs almost nothing: `origin ADDRESS:PORT FOLDER` answers `/1k`, `/cart` and `/10m` from memory, and lets
//! anybody sign in at `/login`. One thread, one epoll; keep-alive; requests are not checked.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// What is being answered: which answer, and how far.
    outbox: Vec<(usize, usize)>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (address, folder) = (arguments.next().ok_or("ADDRESS:PORT")?, arguments.next().ok_or("FOLDER")?);
    let page = |file: &str, kind: &str| -> std::io::Result<Vec<u8>> {
        Ok(answer("200 OK", kind, "", &std::fs::read(format!("{folder}/{file}"))?))
    };
    let form = b"<!DOCTYPE html><form method=post action=/login><input name=user><input name=password type=password></form>";
    let home = b"<!DOCTYPE html><p>Welcome <a href=/logout class=logout>Log out</a></p>";
    let answers = [
        page("1k.html", "text/html; charset=utf-8")?,
        page("cart.html", "text/html; charset=utf-8")?,
        page("10m.bin", "application/octet-stream")?,
        answer("200 OK", "text/html", "", form),
        answer("302 Found", "text/html", "Location: /\r\nSet-Cookie: sid=1; Path=/; HttpOnly\r\n", b""),
        answer("200 OK", "text/html", "", home),
    ];
    let mut listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut clients, mut next) = (Events::with_capacity(1024), HashMap::new(), 0);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE | Interest::WRITABLE)?;
                    clients.insert(next, Client { stream, inbox: Vec::new(), outbox: Vec::new() });
                    next += 1;
                }
                continue;
            }
            let Token(key) = event.token();
            if let Some(client) = clients.get_mut(&key)
                && !client.serve(&answers)
            {
                clients.remove(&key);
            }
        }
    }
}

fn answer(status: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n");
    [head.as_bytes(), body].concat()
}

impl Client {
    /// Reads and writes all it can; `false` when the client has gone.
    fn serve(&mut self, answers: &[Vec<u8>]) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        while let Some(number) = self.next_request() {
            self.outbox.push((number, 0));
        }
        while let Some((number, sent)) = self.outbox.first_mut() {
            match self.stream.write(&answers[*number][*sent..]) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            if *sent == answers[*number].len() {
                self.outbox.remove(0);
            }
        }
        true
    }

    fn next_request(&mut self) -> Option<usize> {
        let end = self.inbox.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.inbox[..end]).to_ascii_lowercase();
        let body = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok()).unwrap_or(0);
        if self.inbox.len() < end + body {
            return None;
        }
        let number = match head.split(' ').nth(1).unwrap_or("/") {
            "/1k" => 0,
            "/cart" => 1,
            "/10m" => 2,
            "/login" if head.starts_with("post") => 4,
            "/login" => 3,
            _ => 5,
        };
        self.inbox.drain(..end + body);
        Some(number)
    }
}
