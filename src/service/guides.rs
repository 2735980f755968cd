//! Guides: what holds an answer to a form.

use super::api::{Generate, ResponseFormat};
use super::backend::Backend;
use super::files::blocking;
use super::generate::invalid;
use super::{Error, Service};
use crate::lm::guide::{Guide, GuideError, GuideFactory};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest schema of an answer.
pub(super) const MAX_SCHEMA_BYTES: usize = 64 << 10;

/// A form that is not any text.
enum Form {
    Object,
    Schema(Value),
}

/// What the engine holds an answer to its form with; nothing where any text will do.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// For the engine of this process.
    pub(super) guide: Option<Guide>,
    /// For a vLLM, which has guides of its own: OpenAI's `response_format`.
    pub(super) openai: Option<Value>,
}

impl Form {
    /// The form that a request asks for; none where any text will do.
    ///
    /// # Errors
    /// [`Error::Invalid`] where its schema is too long.
    fn of(request: &Generate) -> Result<Option<Self>, Error> {
        let schema = match &request.response_format {
            None | Some(ResponseFormat::Text) => return Ok(None),
            Some(ResponseFormat::JsonObject) => return Ok(Some(Self::Object)),
            Some(ResponseFormat::JsonSchema { json_schema }) => &json_schema.schema,
        };
        let bytes = schema.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            let problem = format!("the schema has {bytes} bytes; {MAX_SCHEMA_BYTES} are taken");
            return Err(invalid("response_format", &problem));
        }
        Ok(Some(Self::Schema(schema.clone())))
    }

    /// As OpenAI's `response_format`.
    fn openai(&self) -> Value {
        match self {
            Self::Object => json!({ "type": "json_object" }),
            Self::Schema(schema) => {
                json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } })
            }
        }
    }
}

impl Service {
    /// What holds an answer to the form that a request asks for.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the form is no form, or not one that this base can be held to.
    pub(super) async fn form(&self, request: &Generate) -> Result<Held, Error> {
        let Some(form) = Form::of(request)? else { return Ok(Held::default()) };
        match &self.backend {
            Backend::Local { .. } => Ok(Held { guide: Some(self.guide(form).await?), openai: None }),
            Backend::Vllm(_) => Ok(Held { guide: None, openai: Some(form.openai()) }),
        }
    }

    /// The guide of a form. Reading a schema takes time, so it is done off the async threads.
    async fn guide(&self, form: Form) -> Result<Guide, Error> {
        let factory = self.guides.get_or_try_init(|| self.guide_factory()).await?.clone();
        blocking(move || {
            let guide = match form {
                Form::Object => factory.json_object(),
                Form::Schema(schema) => factory.json_schema(&schema),
            };
            guide.map_err(refused)
        })
        .await
    }

    /// The one factory over the base's vocabulary, made when the first request needs it.
    async fn guide_factory(&self) -> Result<Arc<GuideFactory>, Error> {
        let base = self.base.clone();
        blocking(move || {
            let vocabulary = base.model().config().vocab_size;
            let factory = GuideFactory::new(base.prompter().tokenizer(), vocabulary, base.ends());
            factory.map(Arc::new).map_err(refused)
        })
        .await
    }
}

/// What is wrong with a schema is the caller's to mend, and so is asking a base for a form that it cannot be held to.
fn refused(error: GuideError) -> Error {
    match error {
        GuideError::Tokenizer { .. }
        | GuideError::Vocabulary { .. }
        | GuideError::Ends { .. }
        | GuideError::Schema { .. }
        | GuideError::SchemaTooLarge { .. }
        | GuideError::SchemaTooComplex { .. } => invalid("response_format", &error.to_string()),
        GuideError::StepTooComplex { .. }
        | GuideError::DeadEnd
        | GuideError::Token { .. }
        | GuideError::Logits { .. }
        | GuideError::Failed { .. } => Error::internal(error),
    }
}
