//! Guides: what holds an answer to a form.

use super::api::{Generate, ResponseFormat};
use super::files::blocking;
use super::generate::invalid;
use super::{Error, Service};
use crate::lm::guide::{Guide, GuideError, GuideFactory};
use serde_json::Value;
use std::sync::Arc;

/// The longest schema of an answer.
pub(super) const MAX_SCHEMA_BYTES: usize = 64 << 10;

/// A form that is not any text.
enum Form {
    Object,
    Schema(Value),
}

impl Service {
    /// The guide of the form that a request asks for. Reading a schema takes time, so it is done off the async threads.
    pub(super) async fn guide(&self, request: &Generate) -> Result<Option<Guide>, Error> {
        let form = match &request.response_format {
            None | Some(ResponseFormat::Text) => return Ok(None),
            Some(ResponseFormat::JsonObject) => Form::Object,
            Some(ResponseFormat::JsonSchema { json_schema }) => {
                let bytes = json_schema.schema.to_string().len();
                if bytes > MAX_SCHEMA_BYTES {
                    let problem = format!("the schema has {bytes} bytes; {MAX_SCHEMA_BYTES} are taken");
                    return Err(invalid("response_format", &problem));
                }
                Form::Schema(json_schema.schema.clone())
            }
        };
        let factory = self.guides.get_or_try_init(|| self.guide_factory()).await?.clone();
        let guide = blocking(move || {
            let guide = match form {
                Form::Object => factory.json_object(),
                Form::Schema(schema) => factory.json_schema(&schema),
            };
            guide.map_err(refused)
        });
        guide.await.map(Some)
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
