#!/usr/bin/env python3
"""Writes Fuzzing/Seeds: small valid inputs of each kind, and known ways of being hostile. Recordings, archives and large
files are those of Tests/Fixtures. What a fuzzer finds is kept beside these under its own name."""

import json
import pathlib
import pickle
import struct

SEEDS = pathlib.Path(__file__).parent / "Seeds"
NESTED = "[" * 500 + "]" * 500


def write(target, name, content):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def stream(**data):
    return json.dumps({"type": "stream_request", "request_id": "r", "data": {"input": "Hello, you.", **data}})


EFFECTS = [
    {"type": "equalizer", "bands": [{"frequency_hz": 200, "gain_db": -4, "q": 1}]},
    {"type": "compressor", "threshold_db": -24, "ratio": 3, "attack_ms": 5, "release_ms": 50, "makeup_db": 3},
    {"type": "reverb", "room": 0.4, "wet": 0.2, "damping": 0.5, "pre_delay_ms": 10},
]

# The client's messages.
write("message", "stream", stream(voice="nova", seed=2**64 - 1, chunk_size=25, temperature=0.8, include_timestamps=True))
write("message", "recording", stream(voice_audio="UklGRiQAAABXQVZF", output_format="base64", include_metrics=False))
write("message", "append", json.dumps({"type": "append", "context_id": "c", "text": "Hi.", "data": {"voice": "nova"}}))
for kind in ("flush", "close", "cancel"):
    write("message", kind, json.dumps({"type": kind, "context_id": "c"}))
write("message", "ping", '{"type": "ping"}')
write("message", "numbers", stream().replace('"Hello, you."', '"x", "temperature": 1e400, "top_p": NaN, "seed": -1'))
write("message", "nested", stream().replace('"Hello, you."', NESTED))
write("message", "duplicates", '{"type": "ping", "type": "stream_request", "data": {"input": "a", "input": "b"}}')
write("message", "many_fields", stream(**{f"field{n}": n for n in range(400)}))

# Bodies: a line with the content type first.
body = {"input": "Hello.", "voice": "nova", "response_format": "mp3", "speed": 1.5, "effects": EFFECTS, "seed": 7}
write("form", "json", "application/json\n" + json.dumps(body))
write("form", "urlencoded", "application/x-www-form-urlencoded\ninput=Hello+there%21&speed=1.5&effects=%5B%5D&seed=7")
parts = (
    '--b\r\nContent-Disposition: form-data; name="input"\r\n\r\nHello.\r\n'
    '--b\r\nContent-Disposition: form-data; name="speed"\r\n\r\n1.5\r\n'
    '--b\r\nContent-Disposition: form-data; name="voice_file"; filename="a\\"b.wav"\r\n'
    "Content-Type: audio/wav\r\n\r\nRIFF\x00\x01\r\n--b--\r\n"
)
write("form", "multipart", "multipart/form-data; boundary=b\n" + parts)
write("form", "no_end", "multipart/form-data; boundary=b\n" + parts[:-6])
write("form", "numbers", 'application/json\n{"input": "a", "speed": 1e999, "temperature": -0.0, "sample_rate": 8e3}')
write("form", "long_text", "application/json\n" + json.dumps({"input": "A sentence. " * 260, "display_name": "x"}))
write("form", "many_fields", "application/x-www-form-urlencoded\n" + "&".join(f"f{n}={n}" for n in range(400)))


def frame(opcode, payload, fin=True):
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode, 0x80 | (size if size < 126 else 126)])
    if size >= 126:
        head += struct.pack(">H", size)
    key = b"\x12\x34\x56\x78"
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


write("frames", "text", frame(1, b'{"type": "ping"}'))
write("frames", "fragments", frame(1, b"a", False) + frame(9, b"p") + frame(0, "é".encode()[:1], False) + frame(0, "é".encode()[1:]))
write("frames", "long", frame(2, bytes(1000)) + frame(8, struct.pack(">H", 1000) + b"bye"))
write("frames", "huge", b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\x00\x00\x00\x00")

# What the server sends to the client library.
for name, message in {
    "queued": {"type": "queued", "position": 3, "estimated_wait": 1.5},
    "info": {"type": "info", "message": "m", "text_length": 3, "voice": "nova", "parameters": {}, "ignored_parameters": [],
             "sample_rate": 24000, "request_id": None},
    "timestamps": {"type": "timestamps", "words": [{"word": "Hi", "start": 0.1, "end": 0.2}]},
    "metrics": {"type": "metrics", "data": {"chunk": 1, "latency_to_first_chunk": 0.03, "elapsed_time": 0.1,
                "audio_duration": 1.0, "rtf": 0.1, "chunk_size_bytes": 48000, "sample_rate": 24000}},
    "done": {"type": "done", "total_chunks": 2, "message": "m", "audio_duration": 1.5, "elapsed_time": 0.2, "tokens": 37,
             "first_chunk_tokens": 25, "end_reason": "stop_token", "seed": 2**64 - 1},
    "error": {"type": "error", "error": "e", "code": "c", "field": "f"},
}.items():  # fmt: skip
    write("client", name, json.dumps(message))
write("client", "nested", '{"type": ' + NESTED + "}")


# Checkpoints.
def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


write("safetensors", "all_types", safetensors(
    {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 2], 0, 16), "b": tensor("F16", [3], 16, 22),
     "c": tensor("BF16", [1], 22, 24), "d": tensor("I64", [1], 24, 32), "e": tensor("U8", [], 32, 33),
     "f": tensor("BOOL", [0, 7], 33, 33), "g": tensor("F64", [1], 33, 41)}, bytes(range(41))))  # fmt: skip
write("safetensors", "long_header", struct.pack("<Q", 2**63) + b"{}")
write("safetensors", "huge_shape", safetensors({"a": tensor("F32", [2**32, 2**32], 0, 0)}))
write("safetensors", "huge_zero", safetensors({"a": tensor("F32", [2**62, 0], 0, 0)}))
write("safetensors", "nested", safetensors(('{"a":' + NESTED + "}").encode()))


def tensor_pickle(shape, strides, offset=0, count=16):
    """A tensor as torch pickles it, with any numbers."""

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def integers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K" + bytes([count]) + b"tQ"
    arguments = storage + b"K" + bytes([offset]) + integers(shape) + integers(strides) + b"\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tRs."


write("pickle", "plain", pickle.dumps({"a": [1, 2.5, None, True, ("x", 2**40)], "b": {"c": {}}, 3: -1}, 2))
write("pickle", "protocol_5", pickle.dumps({"a": "text", "list": [[], [1]]}, 5))
write("pickle", "tensor", tensor_pickle([2, 3], [3, 1]))
write("pickle", "transposed", tensor_pickle([3, 2], [1, 3], 4))
write("pickle", "expanded", tensor_pickle([2**31, 2**31], [0, 0]))
write("pickle", "overflow", tensor_pickle([2**62, 4], [2**61, 1]))
write("pickle", "negative", tensor_pickle([-1, 2], [-3, 1]))
write("pickle", "bomb", b"\x80\x02}" + b"q\x00K\x00](" + b"(lq\x01" + b"h\x01h\x01(h\x01h\x01lq\x01" * 40 + b"es.")
write("pickle", "code", b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.")

# Files of a model's folder.
vocabulary = {"[STOP]": 0, "[START]": 1, "[UNK]": 2, "[SPACE]": 3, "a": 4, "b": 5, "ab": 6}
tokenizer = {
    "model": {"type": "BPE", "vocab": vocabulary, "merges": ["a b"], "unk_token": "[UNK]"},
    "added_tokens": [{"id": 7, "content": "[laugh]", "special": True, "lstrip": True}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "Lowercase"}]},
    "pre_tokenizer": {"type": "Whitespace"},
}
write("tokenizer", "small", json.dumps(tokenizer))
write("tokenizer", "largest_id", json.dumps({**tokenizer, "model": {**tokenizer["model"], "vocab": {**vocabulary, "[laugh]": 2**31 - 1}}}))
write("tokenizer", "nested", '{"normalizer": ' + '{"type": "Sequence", "normalizers": [' * 60 + "]}" * 60 + "}")
gpt2 = [
    json.dumps({"a": 0, "b": 1, "ab": 2, "\u0120": 3, "<|endoftext|>": 4}), "#version: 0.2\na b\n", json.dumps({"[laugh]": 5}),
    json.dumps({"add_prefix_space": False, "unk_token": "<|endoftext|>",
                "added_tokens_decoder": {"4": {"content": "<|endoftext|>", "special": True}, "5": {"content": "[sigh]"}}}),
]  # fmt: skip
write("gpt2", "whole", b"\xff".join(part.encode() for part in gpt2))
write("gpt2", "two", b"\xff".join(part.encode() for part in gpt2[:2]))
write("config", "nested", '{"format": 1, "text": ' + NESTED + "}")
write("config", "numbers", '{"format": 1e0, "sample_rate": 1e400, "t3": {"width": 9223372036854775807}}')
write("lexicon", "forms", "# names\nSiobhan = shi vawn\nNguyen\twin\nNew Delhi  nu deli\nBaba ʃa # comment\n\n")
write("lexicon", "odd", "\ufeff=\n= =\n#\n\t\t\nA\u0301 = a\nFBI 1/2\ta\n")

# Text.
write("text", "sentences", "Dr. Smith paid $3.50 on 5/6/2024 at 5 p.m. — \"Why?\" he asked (twice). I, II, XIV; e.g. 1st, 2nd.")
write("text", "addresses", "Mail a.b@c.org or see https://x.y/z?q=1#f, call +1 (555) 010-9999, ISBN 978-3-16-148410-0, v1.2.3.")
write("text", "numbers", "1,234,567.891 -5°C 10^100 1/2 ½ 3×4 50% 007 1e5 0x1F 1990s '90s 12:30:59 99999999999999999999999 #1 №2")
write("text", "scripts", "Ünïcödé naïve Ελλάδα Россия 日本語 한국어 עברית العربية हिन्दी 👩‍👩‍👧 \u202eabc\u202c e\u0301\u0301\u0301 \u0000\u0007")
write("text", "marks", "…!!!???,,,;;;:::--- \u00a0\u3000\r\n\n\n''''\"\"((([[[ a.b.c. U.S.A. A.B")
write("text", "long_word", "a" * 900 + " " + "ab1" * 300)
write("wav", "streamed", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\xc0]\0\0\x80\xbb\0\0\2\0\x10\0data\xff\xff\xff\xff" + bytes(20))
for rate in (1, 48000, 192_000_000, 2**31 - 1):
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 436, b"WAVEfmt ", 16, 1, 1, rate, rate * 2 % 2**32, 2, 16, b"data", 400)
    write("audio", f"rate_{rate}", head + bytes(range(200)) * 2)
write("wav", "float", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\3\0\1\0\xc0]\0\0\0w\1\0\4\0\x20\0data\x08\0\0\0" + struct.pack("<ff", 0.5, float("nan")))
