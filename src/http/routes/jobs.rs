//! Training jobs.

use std::pin::pin;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::http::extract::{self, ListQuery, Query, Segment, Tenant, text_header};
use crate::http::list::List;
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::request_id::RequestId;
use crate::http::sse;
use crate::http::state::AppState;
use crate::jobs::JobSpec;
use crate::service::Caller;
use crate::store::{JobEvent, JobFilter, JobRecord, JobState, Progress, StoreError};

/// A job, as every route shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its id.
    pub(crate) id: String,
    /// `adapter` or `generator`.
    pub(crate) kind: String,
    /// Where it stands.
    pub(crate) state: JobState,
    /// Of the jobs that wait, the one with the highest is taken first, of its equals the oldest.
    pub(crate) priority: i32,
    /// How long an attempt may take; null where the job has no limit of its own.
    #[schema(required = true)]
    pub(crate) timeout_seconds: Option<u64>,
    /// The job that needs this one; null where nobody else does.
    #[schema(required = true)]
    pub(crate) parent_id: Option<String>,
    /// How often a worker took it up.
    pub(crate) attempt: u32,
    /// When it was queued.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: OffsetDateTime,
    /// When its first attempt began.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub(crate) started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub(crate) finished_at: Option<OffsetDateTime>,
    /// How far it is; null before its first report.
    #[schema(required = true)]
    pub(crate) progress: Option<Progress>,
    /// The latest value of each metric.
    #[schema(value_type = Object)]
    pub(crate) metrics: Value,
    /// What it gave.
    #[schema(value_type = Option<Object>, required = true)]
    pub(crate) result: Option<Value>,
    /// Why it, or its last attempt, failed.
    #[schema(required = true)]
    pub(crate) error: Option<String>,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state,
            priority: job.priority,
            timeout_seconds: job.timeout_ms.map(|ms| ms / 1000),
            parent_id: job.parent,
            attempt: job.attempt,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            progress: job.progress,
            metrics: job.metrics,
            result: job.result,
            error: job.error,
        }
    }
}

/// Queues a training job. With an `Idempotency-Key` the same request gives the same job. Of the jobs that wait, the one with
/// the highest priority is taken first, of its equals the oldest: a job waits as long as higher ones keep coming.
#[utoipa::path(post, path = "/jobs/train", tag = "jobs", request_body = JobSpec,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters", max_length = 255)),
    responses((status = 200, description = "The key made this job before", body = JobView),
        (status = 202, description = "Queued", body = JobView, headers(("Location" = String, description = "The job"))),
        errors::NotFound, errors::Body, errors::Busy))]
pub(crate) async fn train(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    extract::Json(spec): extract::Json<JobSpec>,
) -> Result<Response, Problem> {
    let key = text_header(&headers, "Idempotency-Key")?;
    let (job, new) = state.service().train(&caller, spec, key).await?;
    let status = if new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let location = HeaderValue::from_str(&format!("/jobs/{}", job.id)).unwrap_or(HeaderValue::from_static("/jobs"));
    Ok((status, [(header::LOCATION, location)], Json(JobView::from(job))).into_response())
}

/// Which jobs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Only those in this state.
    #[param(nullable = false)]
    pub(crate) state: Option<JobState>,
    /// Only those of this kind: `adapter` or `generator`.
    #[param(nullable = false)]
    pub(crate) kind: Option<String>,
}

/// The jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery, ListQuery),
    responses((status = 200, body = List<JobView>), errors::Invalid))]
pub(crate) async fn list_jobs(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Query(JobQuery { state: job_state, kind }): Query<JobQuery>,
    Query(page): Query<ListQuery>,
) -> Result<Json<List<JobView>>, Problem> {
    let filter = JobFilter { tenant: tenant.to_string(), state: job_state, kind };
    Ok(Json(state.service().list_jobs(&filter, &page.page()?).await?.into()))
}

/// One job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView), errors::NotFound))]
pub(crate) async fn get_job(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(state.service().job(&tenant, &id).await?.into()))
}

/// Cancels a job, and the jobs that it needs: at once where it waits (200), at its next checkpoint where it runs (202).
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "Cancelled", body = JobView),
        (status = 202, description = "Asked to stop", body = JobView), errors::NotFound, errors::Conflict))]
pub(crate) async fn cancel_job(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let job = state.service().cancel_job(&tenant, &id).await?;
    let status = if job.state.is_finished() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(job.into())))
}

/// The job's events, past and to come, until it has ended: `state`, `progress`, `metric` and `log`, numbered from 1;
/// after `Last-Event-ID` where that is sent. 204 when that was the last one, so that a browser stops asking.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job's id"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that the caller has", minimum = 0)),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and the caller has all its events"),
        errors::Malformed, errors::NotFound))]
pub(crate) async fn job_events(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(job): Segment<String>,
    id: RequestId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?;
    let service = state.service();
    let job = service.job(&tenant, &job).await?;
    if job.state.is_finished() && seen > 0 && pin!(service.job_events(&job, seen)).next().await.is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = service.job_events(&job, seen).take_until(state.closed());
    Ok(sse::events(events.map(move |event| to_sse(event, &id))))
}

fn last_event_id(headers: &HeaderMap) -> Result<u64, Problem> {
    const NAME: &str = "Last-Event-ID";
    let Some(text) = text_header(headers, NAME)? else { return Ok(0) };
    // The store counts in 64 bits with a sign.
    let id = text.parse::<u64>().ok().filter(|&id| i64::try_from(id).is_ok());
    id.ok_or_else(|| Problem::field(Code::Malformed, NAME, "must be the id of an event"))
}

fn to_sse(event: Result<JobEvent, StoreError>, id: &RequestId) -> Event {
    match event {
        Ok(event) => sse::json_event(event.kind.as_str(), &event.data).id(event.id.to_string()),
        Err(error) => sse::error_event(error.into(), id),
    }
}
