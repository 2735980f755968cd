//! Answers as chunks: server-sent events without names, `[DONE]` at the end.

use axum::response::sse::Event;
use futures::stream::{BoxStream, SelectAll, select_all};
use futures::{Stream, StreamExt};
use serde::Serialize;
use utoipa::ToSchema;

use super::Envelope;
use super::answers::{Head, Pieces, Usage};
use super::request::StreamOptions;
use crate::engine::{FinishReason, Token};
use crate::http::problem::Problem;
use crate::http::sse::data_event;
use crate::service::Piece;

/// A piece of an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Chunk<C: ToSchema> {
    #[serde(flatten)]
    head: Head,
    /// What joins an answer; empty in the chunk that tells the tokens.
    choices: Vec<C>,
    /// With `stream_options.include_usage`: null, and in the last chunk the tokens of the whole request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    usage: Option<Option<Usage>>,
}

/// What the chunks of a route look like.
pub(super) trait Chunks: Send + 'static {
    /// A piece of one answer.
    type Choice: Serialize + ToSchema + Send;

    /// What an answer opens with.
    fn begin(&mut self, index: usize) -> Option<Self::Choice>;

    /// Some text of it.
    fn text(&mut self, index: usize, text: String, token: Option<Token>) -> Self::Choice;

    /// Its end.
    fn end(&mut self, index: usize, reason: FinishReason) -> Self::Choice;
}

/// The answers' pieces, merged as they come.
type Merged = SelectAll<BoxStream<'static, (usize, Piece)>>;

/// A stream under way.
pub(super) struct Streaming<C> {
    pub(super) head: Head,
    pub(super) chunks: C,
    /// Answers to each prompt.
    pub(super) choices: usize,
    pub(super) options: StreamOptions,
}

impl<C: Chunks> Streaming<C> {
    /// The events of these answers. Dropping them frees the answers' rows at the engine's next step.
    pub(super) fn events(mut self, pieces: Vec<Pieces>) -> impl Stream<Item = Event> + Send + 'static {
        let open = pieces.len();
        let begun: Vec<_> = (0..open).filter_map(|index| self.chunks.begin(index)).collect();
        let begun: Vec<Event> = begun.into_iter().map(|choice| self.chunk(choice)).collect();
        let pieces = pieces.into_iter().enumerate().map(|(index, one)| one.map(move |piece| (index, piece)).boxed());
        let running = Running { streaming: self, pieces: select_all(pieces), open, usage: Usage::default() };
        let rest = futures::stream::unfold(running, |mut running| async move {
            let events = running.next().await?;
            Some((events, running))
        });
        futures::stream::iter(begun).chain(rest.flat_map(futures::stream::iter))
    }

    fn chunk(&self, choice: C::Choice) -> Event {
        let usage = self.options.include_usage.then_some(None);
        data_event(&Chunk { head: self.head.clone(), choices: vec![choice], usage })
    }
}

struct Running<C> {
    streaming: Streaming<C>,
    pieces: Merged,
    /// Answers that have not ended.
    open: usize,
    usage: Usage,
}

impl<C: Chunks> Running<C> {
    /// The events of the next piece; none after the last.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.open == 0 {
            return None;
        }
        let Some((index, piece)) = self.pieces.next().await else {
            return Some(vec![self.give_up(Problem::internal(&"the engine went away"))]);
        };
        Some(match piece {
            // A token that added no text yet: nothing to tell.
            Piece::Text { text, token: None } if text.is_empty() => Vec::new(),
            Piece::Text { text, token } => {
                let choice = self.streaming.chunks.text(index, text, token);
                vec![self.streaming.chunk(choice)]
            }
            Piece::Done(generated) => {
                self.usage.add(index, self.streaming.choices, generated.usage);
                self.open -= 1;
                let choice = self.streaming.chunks.end(index, generated.finish_reason);
                let mut events = vec![self.streaming.chunk(choice)];
                if self.open == 0 {
                    events.extend(self.close());
                }
                events
            }
            Piece::Failed(error) => vec![self.give_up(error.into())],
        })
    }

    /// The error, and nothing after it: the other answers are dropped.
    fn give_up(&mut self, problem: Problem) -> Event {
        self.open = 0;
        self.pieces.clear();
        data_event(&Envelope::from(problem))
    }

    fn close(&self) -> Vec<Event> {
        let usage = self.streaming.options.include_usage.then(|| {
            let head = self.streaming.head.clone();
            data_event(&Chunk::<C::Choice> { head, choices: Vec::new(), usage: Some(Some(self.usage)) })
        });
        usage.into_iter().chain([Event::default().data("[DONE]")]).collect()
    }
}
