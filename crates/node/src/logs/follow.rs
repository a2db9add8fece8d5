//! Reading a log as a stream, and going on as it grows.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ironclad_env::Env;
use ironclad_node_core::logs::tail::{Step, TailSearch};
use ironclad_node_core::logs::{Chunk, Decoder, LogOptions};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::sync::mpsc;

/// How much is read at a time.
const BLOCK: usize = 32 * 1024;
/// Between two looks at a log that is followed.
const POLL: Duration = Duration::from_millis(200);

/// What of a log to send.
pub(crate) struct LogRequest {
    pub path: PathBuf,
    pub options: LogOptions,
    pub tail_lines: Option<u64>,
    pub follow: bool,
}

/// Sends the log. `alive` says whether the container may still write; once it does not, what is there is the end.
/// Returns early when nobody listens any more.
pub(crate) async fn stream(
    env: &Env,
    request: LogRequest,
    alive: impl Fn() -> bool + Send,
    out: mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> std::io::Result<()> {
    let mut reader = Reader::open(&request).await?;
    loop {
        // Asked before reading: what is written before its end must not be missed.
        let going_on = request.follow && alive();
        if !reader.send_rest(&out).await? {
            return Ok(());
        }
        if !going_on {
            let _ = send(&out, reader.decoder.finish()).await;
            return Ok(());
        }
        if reader.was_replaced().await && !reader.reopen(&out).await? {
            return Ok(());
        }
        tokio::select! {
            () = env.sleep(POLL) => {}
            () = out.closed() => return Ok(()),
        }
    }
}

struct Reader {
    path: PathBuf,
    file: File,
    position: u64,
    decoder: Decoder,
}

impl Reader {
    async fn open(request: &LogRequest) -> std::io::Result<Self> {
        let mut file = File::open(&request.path).await?;
        let position = match request.tail_lines {
            Some(lines) => find_tail(&mut file, lines).await?,
            None => 0,
        };
        let mut options = request.options.clone();
        if !request.follow {
            options.max_lines = request.tail_lines;
        }
        file.seek(SeekFrom::Start(position)).await?;
        Ok(Self { path: request.path.clone(), file, position, decoder: Decoder::new(options) })
    }

    /// Sends what the file has; says whether to go on.
    async fn send_rest(
        &mut self,
        out: &mpsc::Sender<Result<Bytes, std::io::Error>>,
    ) -> std::io::Result<bool> {
        let mut block = vec![0; BLOCK];
        while !self.decoder.is_done() {
            let read = self.file.read(&mut block).await?;
            if read == 0 {
                return Ok(true);
            }
            self.position += read as u64;
            let chunks = self.decoder.push(block.get(..read).unwrap_or_default());
            if !send(out, chunks).await {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Whether the path leads to another file now, or the file has become shorter.
    async fn was_replaced(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let (Ok(there), Ok(ours)) = (tokio::fs::metadata(&self.path).await, self.file.metadata().await)
        else {
            return false;
        };
        there.ino() != ours.ino() || ours.len() < self.position
    }

    /// Reads the old file to its end, then begins with the new one.
    async fn reopen(&mut self, out: &mpsc::Sender<Result<Bytes, std::io::Error>>) -> std::io::Result<bool> {
        if !self.send_rest(out).await? || !send(out, self.decoder.rotated()).await {
            return Ok(false);
        }
        self.file = File::open(&self.path).await?;
        self.position = 0;
        Ok(true)
    }
}

/// Says whether somebody still listens.
async fn send(out: &mpsc::Sender<Result<Bytes, std::io::Error>>, chunks: Vec<Chunk>) -> bool {
    let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
    bytes.is_empty() || out.send(Ok(bytes.into())).await.is_ok()
}

async fn find_tail(file: &mut File, lines: u64) -> std::io::Result<u64> {
    let length = file.metadata().await?.len();
    let mut search = TailSearch::new(length, lines);
    let mut step = search.next();
    loop {
        match step {
            Step::Found(position) => return Ok(position),
            Step::Read { offset, len } => {
                let mut block = vec![0; usize::try_from(len).unwrap_or(0)];
                file.seek(SeekFrom::Start(offset)).await?;
                file.read_exact(&mut block).await?;
                step = search.feed(&block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_env::RealEnv;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn line(n: u32) -> String {
        format!("2026-01-01T00:00:0{n}Z stdout F line {n}\n")
    }

    async fn read(request: LogRequest, alive: impl Fn() -> bool + Send) -> String {
        let (sender, mut receiver) = mpsc::channel(100);
        stream(&RealEnv::shared(), request, alive, sender).await.expect("read");
        let mut text = String::new();
        while let Some(chunk) = receiver.recv().await {
            text += std::str::from_utf8(&chunk.expect("bytes")).expect("text");
        }
        text
    }

    #[tokio::test]
    async fn the_wanted_lines_are_sent() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("0.log");
        std::fs::write(&path, (1..5).map(line).collect::<String>()).expect("written");
        for (tail, expected) in [(None, 4), (Some(0), 0), (Some(2), 2), (Some(9), 4)] {
            let options = LogOptions::default();
            let request = LogRequest { path: path.clone(), options, tail_lines: tail, follow: false };
            let text = read(request, || true).await;
            assert_eq!(text.lines().count(), expected, "{tail:?}: {text}");
        }
    }

    #[tokio::test]
    async fn a_followed_log_goes_on_through_a_rotation_to_the_containers_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("0.log");
        std::fs::write(&path, line(1)).expect("written");
        let alive = Arc::new(AtomicBool::new(true));
        let (there, living) = (path.clone(), alive.clone());
        let writer = tokio::spawn(async move {
            tokio::time::sleep(POLL).await;
            std::fs::rename(&there, there.with_extension("log.1")).expect("renamed");
            std::fs::write(&there, line(2)).expect("written");
            tokio::time::sleep(POLL * 2).await;
            living.store(false, Ordering::Release);
        });
        let request = LogRequest { path, options: LogOptions::default(), tail_lines: None, follow: true };
        let text = read(request, move || alive.load(Ordering::Acquire)).await;
        assert_eq!(text, "line 1\nline 2\n");
        writer.await.expect("it ends");
    }
}
