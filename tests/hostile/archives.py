"""Adapters to import that are bombs, lies or escapes."""

import io
import json
import struct
import tarfile
import zipfile
import zlib

# What a bomb unpacks to: far more than the server lets in.
BOMB = 256 << 20
CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "base_model_name_or_path": "attune-demo", "bias": "none"}
NAMES = ("adapter_config.json", "adapter_model.safetensors")


def gzip_of_zeros(size):
    """A gzip stream without any tar in it, or behind the head of one, of `size` zero bytes."""
    packer = zlib.compressobj(9, wbits=31)
    out, block = [], bytes(1 << 20)
    for _ in range(size >> 20):
        out.append(packer.compress(block))
    return b"".join(out) + packer.flush()


def tar(*entries, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content, changes in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in changes.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def lying_tar(size):
    """The head of an entry that says it is `size` bytes, over none."""
    info = tarfile.TarInfo(NAMES[1])
    info.size = size
    return info.tobuf() + bytes(1024)


def zipped(*entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def zip_bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAMES[0], json.dumps(CONFIG))
        with archive.open(NAMES[1], "w", force_zip64=True) as file:
            for _ in range(BOMB >> 22):
                file.write(bytes(1 << 22))
    return out.getvalue()


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def archives():
    """(name, media type, bytes)"""
    config = json.dumps(CONFIG).encode()
    good = (NAMES[0], config, {})
    yield "a gzip bomb", "application/gzip", gzip_of_zeros(BOMB)
    head = lying_tar(8 << 30)[:512]
    packer = zlib.compressobj(9, wbits=31)
    yield "a gzip bomb in a tar", "application/gzip", packer.compress(head) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(BOMB >> 20)) + packer.flush()
    yield "a zip bomb", "application/zip", zip_bomb()
    yield "many entries", "application/zip", zipped(*((f"{i}", b"") for i in range(20_000)))
    yield "many entries of a tar", "application/x-tar", tar(*((f"{i}", b"", {}) for i in range(5000)))
    yield "a size that lies", "application/x-tar", lying_tar((8 << 30) - 1)
    yield "a path out", "application/x-tar", tar(good, ("../../" + NAMES[1], b"a", {}))
    yield "an absolute path", "application/zip", zipped(("/etc/" + NAMES[0], config), ("/etc/" + NAMES[1], b"a"))
    yield "a link", "application/x-tar", tar(good, (NAMES[1], b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}))
    yield "a device", "application/x-tar", tar(good, (NAMES[1], b"", {"type": tarfile.CHRTYPE}))
    yield "a file twice", "application/x-tar", tar(good, good)
    yield "cut", "application/gzip", tar(good, mode="w:gz")[:-20]
    yield "noise", "application/zip", b"PK\x03\x04" + bytes(range(256)) * 100
    yield "nothing", "application/x-tar", b" "
    for number, (changed, weights) in enumerate(files()):
        yield f"files #{number}", "application/x-tar", tar((NAMES[0], changed, {}), (NAMES[1], weights, {}))


def files():
    """(configuration, weights)"""
    weights = safetensors({})
    for change in ({"r": -1}, {"r": 2**63}, {"r": 10**6}, {"r": 0}, {"lora_alpha": 1e308}, {"lora_alpha": "x"}, {"target_modules": ["("] * 1000},
                   {"target_modules": "(a+)+$"}, {"rank_pattern": {"(a*)*b": 2}}, {"rank_pattern": {".*": 2**40}}, {"layers_to_transform": [2**40]},
                   {"layers_to_transform": list(range(100_000))}, {"base_model_name_or_path": "../../etc"}, {"peft_type": "X"}):  # fmt: skip
        yield json.dumps(CONFIG | change).encode(), weights
    yield b"[" * 100_000, weights
    yield b"\xff\xfe", weights
    config = json.dumps(CONFIG).encode()
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    for header in ({name: {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, {name: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 2**62]}},
                   {name: {"dtype": "F9", "shape": [], "data_offsets": [0, 0]}}, {name: {"dtype": "F32", "shape": [0], "data_offsets": [4, 0]}}, b"{" * 50_000):  # fmt: skip
        yield config, safetensors(header, bytes(16))
    for length in (0, 2**31, 2**63, 2**64 - 1):
        yield config, safetensors(b"{}", length=length)


def forms():
    """(name, media type, bytes): multipart forms."""
    edge = "multipart/form-data; boundary=edge"

    def part(name, content):
        return f'--edge\r\ncontent-disposition: form-data; name="{name}"; filename="../../{name}"\r\n\r\n'.encode() + content + b"\r\n"

    yield "no boundary", "multipart/form-data", b"--edge--"
    yield "an empty boundary", 'multipart/form-data; boundary=""', b"----"
    yield "no end", edge, part("adapter_config", b"{}")
    yield "many parts", edge, part("name", b"a") * 20_000 + b"--edge--\r\n"
    yield "a part twice", edge, part("adapter_config", b"{}") * 2 + b"--edge--\r\n"
    yield "heads of parts", edge, b"--edge\r\n" + b"x-a: b\r\n" * 50_000 + b"\r\n\r\n--edge--\r\n"
    yield "a bomb in a form", edge, part("archive", gzip_of_zeros(BOMB)) + b"--edge--\r\n"
    yield "a name that leads out", edge, part("name", b"../../etc/passwd") + part("archive", b"x") + b"--edge--\r\n"
