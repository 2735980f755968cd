from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Limits")


@_attrs_define
class Limits:
    """Limits of requests.

    Attributes:
        body_bytes (int): Bytes of a request's body.
        context_tokens (int): Tokens of prompt and answer.
        demonstrations (int): Demonstrations of a request.
        description_chars (int): Characters of a description.
        import_bytes (int): Bytes of an adapter that is imported, packed or unpacked.
        json_schema_bytes (int): Bytes of the JSON schema of an answer.
        logit_biases (int): Tokens that `logit_bias` may name.
        queue (int): Requests that may wait for the engine.
        rank (int): The largest rank of an imported adapter.
        refine_steps (int): Steps of a refinement.
        refine_tokens (int): Tokens of the examples that a refinement sees.
        refining (int): Refinements that may wait for their turn, the one that goes on among them.
        samples (int): Samples of one request.
        timeout_ms (int): The longest deadline of a completion, in milliseconds.
    """

    body_bytes: int
    context_tokens: int
    demonstrations: int
    description_chars: int
    import_bytes: int
    json_schema_bytes: int
    logit_biases: int
    queue: int
    rank: int
    refine_steps: int
    refine_tokens: int
    refining: int
    samples: int
    timeout_ms: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        body_bytes = self.body_bytes

        context_tokens = self.context_tokens

        demonstrations = self.demonstrations

        description_chars = self.description_chars

        import_bytes = self.import_bytes

        json_schema_bytes = self.json_schema_bytes

        logit_biases = self.logit_biases

        queue = self.queue

        rank = self.rank

        refine_steps = self.refine_steps

        refine_tokens = self.refine_tokens

        refining = self.refining

        samples = self.samples

        timeout_ms = self.timeout_ms

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "body_bytes": body_bytes,
                "context_tokens": context_tokens,
                "demonstrations": demonstrations,
                "description_chars": description_chars,
                "import_bytes": import_bytes,
                "json_schema_bytes": json_schema_bytes,
                "logit_biases": logit_biases,
                "queue": queue,
                "rank": rank,
                "refine_steps": refine_steps,
                "refine_tokens": refine_tokens,
                "refining": refining,
                "samples": samples,
                "timeout_ms": timeout_ms,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        body_bytes = d.pop("body_bytes")

        context_tokens = d.pop("context_tokens")

        demonstrations = d.pop("demonstrations")

        description_chars = d.pop("description_chars")

        import_bytes = d.pop("import_bytes")

        json_schema_bytes = d.pop("json_schema_bytes")

        logit_biases = d.pop("logit_biases")

        queue = d.pop("queue")

        rank = d.pop("rank")

        refine_steps = d.pop("refine_steps")

        refine_tokens = d.pop("refine_tokens")

        refining = d.pop("refining")

        samples = d.pop("samples")

        timeout_ms = d.pop("timeout_ms")

        limits = cls(
            body_bytes=body_bytes,
            context_tokens=context_tokens,
            demonstrations=demonstrations,
            description_chars=description_chars,
            import_bytes=import_bytes,
            json_schema_bytes=json_schema_bytes,
            logit_biases=logit_biases,
            queue=queue,
            rank=rank,
            refine_steps=refine_steps,
            refine_tokens=refine_tokens,
            refining=refining,
            samples=samples,
            timeout_ms=timeout_ms,
        )

        limits.additional_properties = d
        return limits

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
