//! HTTP/1.1 over one connection that is kept between requests.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Time in which an answer must arrive.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Connection to a server.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    /// Request that is sent, kept for its memory.
    request: Vec<u8>,
}

/// Status and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), request: Vec::new() })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", b"")
    }

    /// Posts a form.
    pub(crate) fn post_form(&mut self, path: &str, form: &str) -> Result<Answer> {
        self.send("POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", form.as_bytes())
    }

    /// Sends a body of remote write 1.0.
    pub(crate) fn remote_write(&mut self, body: &[u8]) -> Result<Answer> {
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        self.send("POST", "/api/v1/write", headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        self.request.clear();
        let len = body.len();
        write!(self.request, "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len}\r\n\r\n")?;
        self.request.extend_from_slice(body);
        self.stream.get_mut().write_all(&self.request)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, first))?;
        let (mut len, mut is_chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                len = number(text, 10)?;
            }
            is_chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        }
        let mut body = Vec::new();
        if !is_chunked {
            self.read_into(&mut body, len)?;
            return Ok(Answer { status, body });
        }
        loop {
            let len = number(&self.line()?, 16)?;
            self.read_into(&mut body, len)?;
            // The line that ends a chunk; the last one ends the trailer, which none of the servers uses.
            self.line()?;
            if len == 0 {
                return Ok(Answer { status, body });
            }
        }
    }

    /// Returns the next line without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn read_into(&mut self, body: &mut Vec<u8>, len: usize) -> Result<()> {
        let from = body.len();
        body.resize(from + len, 0);
        self.stream.read_exact(&mut body[from..])
    }
}

fn number(text: &str, radix: u32) -> Result<usize> {
    usize::from_str_radix(text.trim(), radix).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}
