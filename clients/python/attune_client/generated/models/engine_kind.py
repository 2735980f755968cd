from enum import Enum


class EngineKind(str, Enum):
    LOCAL = "local"
    VLLM = "vllm"

    def __str__(self) -> str:
        return str(self.value)
