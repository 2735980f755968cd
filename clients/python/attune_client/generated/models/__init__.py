"""Contains all the data models used in inputs/outputs"""

from .adapter_kind import AdapterKind
from .adapter_links import AdapterLinks
from .adapter_view import AdapterView
from .all_ import All
from .answer import Answer
from .answered_example import AnsweredExample
from .applied import Applied
from .arch import Arch
from .confidence import Confidence
from .create_adapter import CreateAdapter
from .create_key import CreateKey
from .create_timings import CreateTimings
from .created_adapter import CreatedAdapter
from .created_key import CreatedKey
from .engine_info import EngineInfo
from .engine_kind import EngineKind
from .finish_reason import FinishReason
from .generate import Generate
from .generate_logit_bias_type_0 import GenerateLogitBiasType0
from .generate_timings import GenerateTimings
from .generated import Generated
from .generator_map import GeneratorMap
from .generator_view import GeneratorView
from .generator_view_evaluation_type_0 import GeneratorViewEvaluationType0
from .health import Health
from .info import Info
from .init import Init
from .invalid_param import InvalidParam
from .job import Job
from .job_metrics import JobMetrics
from .job_result_type_0 import JobResultType0
from .job_state import JobState
from .key import Key
from .kv_cache_info import KvCacheInfo
from .limits import Limits
from .list_adapter_view import ListAdapterView
from .list_generator_view import ListGeneratorView
from .list_job import ListJob
from .list_key import ListKey
from .list_task import ListTask
from .mapped_task import MappedTask
from .memory_info import MemoryInfo
from .merge import Merge
from .merge_info import MergeInfo
from .merge_info_measured_type_0 import MergeInfoMeasuredType0
from .message import Message
from .module import Module
from .named_schema import NamedSchema
from .named_schema_schema import NamedSchemaSchema
from .nearest_task import NearestTask
from .on_unknown import OnUnknown
from .problem import Problem
from .progress import Progress
from .put_task import PutTask
from .refine import Refine
from .resident_info import ResidentInfo
from .response_format_type_0 import ResponseFormatType0
from .response_format_type_0_type import ResponseFormatType0Type
from .response_format_type_1 import ResponseFormatType1
from .response_format_type_1_type import ResponseFormatType1Type
from .response_format_type_2 import ResponseFormatType2
from .response_format_type_2_type import ResponseFormatType2Type
from .scope import Scope
from .stage import Stage
from .task import Task
from .text_example import TextExample
from .token import Token
from .token_event import TokenEvent
from .token_logprob import TokenLogprob
from .train_adapter import TrainAdapter
from .train_adapter_kind import TrainAdapterKind
from .train_generator import TrainGenerator
from .train_generator_kind import TrainGeneratorKind
from .usage import Usage
from .used_adapter import UsedAdapter
from .vllm_info import VllmInfo

__all__ = (
    "AdapterKind",
    "AdapterLinks",
    "AdapterView",
    "All",
    "Answer",
    "AnsweredExample",
    "Applied",
    "Arch",
    "Confidence",
    "CreateAdapter",
    "CreatedAdapter",
    "CreatedKey",
    "CreateKey",
    "CreateTimings",
    "EngineInfo",
    "EngineKind",
    "FinishReason",
    "Generate",
    "Generated",
    "GenerateLogitBiasType0",
    "GenerateTimings",
    "GeneratorMap",
    "GeneratorView",
    "GeneratorViewEvaluationType0",
    "Health",
    "Info",
    "Init",
    "InvalidParam",
    "Job",
    "JobMetrics",
    "JobResultType0",
    "JobState",
    "Key",
    "KvCacheInfo",
    "Limits",
    "ListAdapterView",
    "ListGeneratorView",
    "ListJob",
    "ListKey",
    "ListTask",
    "MappedTask",
    "MemoryInfo",
    "Merge",
    "MergeInfo",
    "MergeInfoMeasuredType0",
    "Message",
    "Module",
    "NamedSchema",
    "NamedSchemaSchema",
    "NearestTask",
    "OnUnknown",
    "Problem",
    "Progress",
    "PutTask",
    "Refine",
    "ResidentInfo",
    "ResponseFormatType0",
    "ResponseFormatType0Type",
    "ResponseFormatType1",
    "ResponseFormatType1Type",
    "ResponseFormatType2",
    "ResponseFormatType2Type",
    "Scope",
    "Stage",
    "Task",
    "TextExample",
    "Token",
    "TokenEvent",
    "TokenLogprob",
    "TrainAdapter",
    "TrainAdapterKind",
    "TrainGenerator",
    "TrainGeneratorKind",
    "Usage",
    "UsedAdapter",
    "VllmInfo",
)
