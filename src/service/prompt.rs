//! What is put before the model.

use super::api::{Generate, Message, Prompt};
use super::generate::invalid;
use super::{Error, Service};
use crate::lm::chat::{ChatMessage, ChatTemplate, Error as ChatError, GenerationPrompt};

impl Service {
    /// A prompt as text.
    ///
    /// # Errors
    /// [`Error::Invalid`] names a token that the base does not have.
    pub fn prompt_text(&self, prompt: &Prompt) -> Result<String, Error> {
        match prompt {
            Prompt::Text(text) => Ok(text.clone()),
            Prompt::Tokens(tokens) => {
                let tokens = self.known(tokens)?;
                self.base.prompter().tokenizer().decode(&tokens).map_err(Error::model)
            }
        }
    }

    /// The prompt's tokens: `input` as in training, `prompt` raw, `messages` through the chat template, or, where
    /// the base has none, by their last user message.
    pub(super) async fn prompt(&self, request: &Generate) -> Result<Vec<u32>, Error> {
        let given = [request.input.is_some(), request.prompt.is_some(), request.messages.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err(invalid("input", "send exactly one of input, prompt and messages"));
        }
        if let (Some(messages), Some(chat)) = (&request.messages, self.base.chat()) {
            return self.chat_prompt(messages, chat).await;
        }
        let input = match (&request.input, &request.messages) {
            (Some(input), _) => Some(input.as_str()),
            (None, Some(messages)) => {
                let last = messages.iter().rev().find(|message| message.role == "user");
                Some(last.ok_or_else(|| invalid("messages", "has no message of the role user"))?.content.as_str())
            }
            (None, None) => None,
        };
        let prompter = self.base.prompter();
        let (begin, rest) = match (input, &request.prompt) {
            (Some(input), _) => (self.base.begin(), prompter.question(input)),
            (None, Some(Prompt::Tokens(tokens))) => return self.known(tokens),
            (None, Some(Prompt::Text(text))) => (self.base.bos(), prompter.tokenizer().encode(text)),
            (None, None) => return Ok(Vec::new()),
        };
        Ok([begin, &rest.map_err(Error::model)?].concat())
    }

    /// Tokens as they are sent.
    fn known(&self, tokens: &[u32]) -> Result<Vec<u32>, Error> {
        let vocabulary = self.base.model().config().vocab_size;
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            Some(token) => Err(invalid("prompt", &format!("has the token {token}; the base has {vocabulary}"))),
            None => Ok(tokens.to_vec()),
        }
    }

    /// A chat as the model was trained on it. A template is a program of its own, so it runs off the async threads.
    async fn chat_prompt(&self, messages: &[Message], chat: &ChatTemplate) -> Result<Vec<u32>, Error> {
        if messages.is_empty() {
            return Err(invalid("messages", "has no message"));
        }
        let message = |m: &Message| ChatMessage { role: m.role.clone(), content: m.content.clone() };
        let messages: Vec<ChatMessage> = messages.iter().map(message).collect();
        let chat = chat.clone();
        let rendering = tokio::task::spawn_blocking(move || chat.render(&messages, GenerationPrompt::Add));
        let text = rendering.await.map_err(Error::internal)?;
        let text = text.map_err(|error| match error {
            ChatError::Refused { reason } => {
                invalid("messages", &format!("are refused by the base's chat template: {reason}"))
            }
            other => invalid("messages", &format!("cannot be put through the base's chat template: {other}")),
        })?;
        self.base.prompter().tokenizer().encode(&text).map_err(Error::model)
    }
}
