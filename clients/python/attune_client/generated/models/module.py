from enum import Enum


class Module(str, Enum):
    DOWN_PROJ = "down_proj"
    GATE_PROJ = "gate_proj"
    GATE_UP_PROJ = "gate_up_proj"
    K_PROJ = "k_proj"
    O_PROJ = "o_proj"
    QKV_PROJ = "qkv_proj"
    Q_PROJ = "q_proj"
    UP_PROJ = "up_proj"
    V_PROJ = "v_proj"

    def __str__(self) -> str:
        return str(self.value)
