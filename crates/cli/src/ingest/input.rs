//! Input of an ingest, a file or standard input, with a progress bar on the terminal.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use timestrata_ingest::Decompressor;

use crate::failure::{Failure, Result};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 18;
/// Chunks of a pipe that wait for the parser, at most.
const MAX_WAITING_CHUNKS: usize = 8;

/// An input and its progress bar. The bar counts bytes even if it is not shown.
pub(crate) struct IngestInput {
    pub(crate) name: String,
    path: Option<PathBuf>,
    pub(crate) progress: ProgressBar,
    pub(crate) bytes: InputBytes,
}

/// Bytes of an input: read where they are needed, or by a thread of their own, so that waiting can end.
pub(crate) enum InputBytes {
    File(Box<dyn Read + Send>),
    Pipe(Receiver<io::Result<Vec<u8>>>),
}

/// Outcome of a read.
pub(crate) enum ReadBytes {
    /// Bytes were appended.
    Some,
    /// The input has ended.
    End,
    /// Nothing came in time.
    Late,
}

impl IngestInput {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let progress = bar(None, "{spinner} {bytes} read, {msg}");
            let bytes = InputBytes::pipe(Box::new(progress.wrap_read(io::stdin())));
            return Ok(Self { name: "standard input".to_owned(), path: None, progress, bytes });
        }
        let name = path.display().to_string();
        let (file, length) = open_file(path)?;
        let progress = bar(length, "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left");
        let counted = progress.wrap_read(file);
        let (path, bytes) = match length {
            Some(_) => (
                Some(path.to_owned()),
                InputBytes::File(decompressed(Box::new(counted)).map_err(|error| unreadable(&name, &error))?),
            ),
            None => (None, InputBytes::pipe(Box::new(counted))),
        };
        Ok(Self { name, path, progress, bytes })
    }

    /// Returns `true` if the input can be read a second time.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.path.is_some()
    }

    /// Begins to read a file again.
    pub(crate) fn reopen(&mut self) -> Result<()> {
        if let Some(path) = &self.path {
            let (file, _) = open_file(path)?;
            self.progress.set_position(0);
            let counted = Box::new(self.progress.wrap_read(file));
            self.bytes = InputBytes::File(decompressed(counted).map_err(|error| self.unreadable(&error))?);
        }
        Ok(())
    }

    /// Returns the failure of a read.
    pub(crate) fn unreadable(&self, error: &io::Error) -> Failure {
        unreadable(&self.name, error)
    }
}

impl InputBytes {
    /// Reads a pipe on a thread of its own. The thread ends at the end of the pipe, or once the receiver is dropped.
    fn pipe(source: Box<dyn Read + Send>) -> Self {
        let (sender, receiver) = sync_channel(MAX_WAITING_CHUNKS);
        let thread = std::thread::Builder::new().name("timestrata-input".to_owned());
        let failed = sender.clone();
        let spawned = thread.spawn(move || {
            // Here, since the first bytes may be waited for.
            let mut source = match decompressed(source) {
                Ok(source) => source,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = source.read(&mut chunk);
                let is_end = matches!(read, Ok(0));
                let read = read.map(|length| {
                    chunk.truncate(length);
                    chunk
                });
                let is_failed = read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
                if is_end || sender.send(read).is_err() || is_failed {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            // The channel has room: nothing was sent before.
            let _ = failed.send(Err(error));
        }
        Self::Pipe(receiver)
    }

    /// Appends bytes to `buffer`. A pipe is waited for no longer than `patience`; a file is read at once.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, patience: Duration) -> io::Result<ReadBytes> {
        match self {
            Self::File(file) => {
                let before = buffer.len();
                let read = file.take(CHUNK_BYTES as u64).read_to_end(buffer)?;
                debug_assert_eq!(buffer.len(), before + read);
                Ok(if read == 0 { ReadBytes::End } else { ReadBytes::Some })
            }
            Self::Pipe(chunks) => match chunks.recv_timeout(patience) {
                Ok(Ok(chunk)) => {
                    buffer.extend_from_slice(&chunk);
                    Ok(ReadBytes::Some)
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(ReadBytes::Late),
                Ok(Err(error)) => Err(error),
                Err(RecvTimeoutError::Timeout) => Ok(ReadBytes::Late),
                Err(RecvTimeoutError::Disconnected) => Ok(ReadBytes::End),
            },
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {name}: {error}"))
}

/// Opens a file and returns its length, if it is a regular file.
fn open_file(path: &Path) -> Result<(File, Option<u64>)> {
    let name = path.display();
    let failed = |error: io::Error| {
        Failure::failed(format!("cannot read {name}: {error}; name a file, or - for standard input"))
    };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(Failure::failed(format!("{name} is a directory: name files in it")));
    }
    Ok((file, about.is_file().then_some(about.len())))
}

/// Returns the bytes without compression. All bytes of every input pass through here.
fn decompressed(source: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Decompressor::new(source, u64::MAX)?))
}

/// Creates a bar that is drawn on stderr, only if stderr is a terminal.
fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}
