//! An answer on its way from vLLM to the caller.

use super::Error;
use super::chunk::{self, Chunk, Piece};
use super::client::unreachable;
use crate::engine::{self, Applied, Event, FinishReason, Timings, Usage};
use crate::event_stream::Parser;
use crate::lm::Tokenizer;
use reqwest::Response;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// What passes an answer on.
pub(super) struct Answer {
    pub(super) sink: UnboundedSender<Event>,
    pub(super) tokenizer: Tokenizer,
    /// How many of the likeliest tokens were asked for.
    pub(super) top: usize,
    pub(super) applied: Applied,
    pub(super) asked_at: Instant,
    /// When nobody waits for it any more.
    pub(super) deadline: Option<Instant>,
}

/// What was read so far.
#[derive(Default)]
struct Read {
    first_at: Option<Instant>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
}

impl Answer {
    /// Passes the answer on to its end. Where nobody waits any more, or too long, the connection is closed, which ends
    /// it at vLLM too.
    ///
    /// # Errors
    /// What broke it off; the caller was told.
    pub(super) async fn pass_on(self, response: Response) -> Result<(), Error> {
        let late = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            () = self.sink.closed() => return Ok(()),
            () = late => Ok(Event::Failed(engine::Error::Expired)),
            read = self.read(response) => read,
        };
        let (end, ended) = match read {
            Ok(end) => (end, Ok(())),
            Err(error) => (Event::Failed(error.clone().of_request()), Err(error)),
        };
        let _ = self.sink.send(end);
        ended
    }

    async fn read(&self, mut response: Response) -> Result<Event, Error> {
        let (mut parser, mut read) = (Parser::default(), Read::default());
        while let Some(bytes) = response.chunk().await.map_err(|error| unreachable(&error))? {
            for event in parser.push(&bytes).map_err(|error| Error::away(error.to_string()))? {
                match chunk::read(&event.data, self.top, &self.tokenizer)? {
                    Chunk::Piece(piece) => self.send(piece, &mut read),
                    Chunk::Usage(usage) => read.usage = Some(usage),
                    Chunk::Done => return self.done(&read),
                }
            }
        }
        Err(Error::away("vLLM went away in the middle of the answer"))
    }

    /// Sends a piece: each token alone, the text with the last of them.
    fn send(&self, piece: Piece, read: &mut Read) {
        let Piece { text, mut tokens, finish } = piece;
        read.first_at.get_or_insert_with(Instant::now);
        read.finish = finish.or(read.finish);
        let last = tokens.pop();
        for token in tokens {
            let _ = self.sink.send(Event::Text { text: String::new(), token: Some(token) });
        }
        let _ = self.sink.send(Event::Text { text, token: last });
    }

    fn done(&self, read: &Read) -> Result<Event, Error> {
        let (Some(reason), Some(usage)) = (read.finish, read.usage) else {
            return Err(Error::away("vLLM ended the answer without saying why"));
        };
        let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
        let now = Instant::now();
        let first = read.first_at.unwrap_or(now);
        // What an answer waited in vLLM's queue, vLLM does not tell: it is in the time to the first token.
        let timings = Timings { queue: 0.0, prefill: ms(self.asked_at, first), decode: ms(first, now) };
        Ok(Event::Done { reason, usage, timings, applied: self.applied })
    }
}
