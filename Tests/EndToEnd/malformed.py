"""200 messages that are wrong, each with the answer it must get. Deterministic: no random numbers.

A case is (name, what to send, expected). Expected is an error code the connection survives, or a close code.
"""

import json
import struct

GOOD = {"input": "Hello."}


def text_frame(payload, **options):
    return frame(0x1, payload, **options)


def frame(opcode, payload, fin=True, mask=True, rsv=0, length=None):
    """A raw frame. `length` lies about the size."""
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload) if length is None else length
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = b"\x12\x34\x56\x78"
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def stream(**data):
    return json.dumps({"type": "stream_request", "data": {**GOOD, **data}})


def cases():
    def text(name, message, code, field=None):
        return (name, text_frame(message), code, field)

    found = []

    # Not JSON at all, or not quite.
    for message in [
        "", " ", "\n", "hello", "{", "}", "[", "]", '"', "{]", "[}", "{,}", "[,]", "{'type': 'ping'}", '{type: "ping"}',
        '{"type" "ping"}', '{"type": "ping"', '{"type": "ping"}}', '{"type": "ping"} {}',
        '{"type": ping}', '{"type": "ping\n"}', '{"type": "\\x41"}', '{"type": "\\u12"}', '{"type": "\\ud800"}',
        '{"type": NaN}', '{"type": Infinity}', '{"type": undefined}', '{"type": 01}', '{"type": .5}', '{"type": 1.}',
        '{"type": +1}', '{"type": 0x10}', '{"type": 1e}', '{"type": "ping"}\x00', "\x00", "tru", "nul", "-", "--1",
        '// comment\n{"type": "ping"}', '{"a": "b" "c"}', "<xml/>", "type=ping", "GET / HTTP/1.1\r\n\r\n",
        "[" * 2000, '{"a":' * 2000, "[" * 600 + "]" * 600,
    ]:  # fmt: skip
        found.append(text(f"invalid JSON {len(message)} {message[:30]!r}", message, "invalid_json"))

    # JSON, but not a message.
    for message in ["null", "true", "1", "-0.5", '"ping"', "[]", '[{"type": "ping"}]', "1e300"]:
        found.append(text(f"no object {message}", message, "invalid_message"))
    for message in ["{}", '{"data": {}}', '{"Type": "ping"}', '{"": "ping"}']:
        found.append(text(f"no type {message}", message, "missing_field", "type"))
    for value in ["null", "1", "true", "[]", "{}", '["ping"]']:
        found.append(text(f"type {value}", f'{{"type": {value}}}', "invalid_type", "type"))
    for value in ["", "PING", "ping ", "stream", "stream-request", "closed", "pong", "done", "\\u0000", "x" * 5000]:
        found.append(text(f"type {value[:20]!r}", f'{{"type": "{value}"}}', "unknown_type", "type"))
    for message, field in [
        ('{"type": "ping", "data": {}}', "data"),
        ('{"type": "ping", "x": 1}', "x"),
        ('{"type": "cancel", "data": {}}', "data"),
        ('{"type": "cancel", "id": "x"}', "id"),
        ('{"type": "stream_request", "data": {"input": "x"}, "voice": "alloy"}', "voice"),
        ('{"type": "stream_request", "input": "x"}', "input"),
    ]:
        found.append(text(f"stray field {message}", message, "unknown_field", field))
    for value in ["1", "[]", "{}", "true"]:
        message = f'{{"type": "cancel", "request_id": {value}}}'
        found.append(text(f"cancel of {value}", message, "invalid_type", "request_id"))
    found.append(text("cancel of nothing", '{"type": "cancel", "request_id": ""}', "out_of_range", "request_id"))
    found.append(text("nothing to cancel", '{"type": "cancel"}', "nothing_to_cancel"))

    # A request without proper data.
    found.append(text("no data", '{"type": "stream_request"}', "missing_field", "data"))
    for value in ["null", "1", '"x"', "[]", "true"]:
        message = f'{{"type": "stream_request", "data": {value}}}'
        found.append(text(f"data {value}", message, "invalid_type", "data"))
    found.append(text("no input", '{"type": "stream_request", "data": {}}', "missing_field", "input"))
    for value in [None, 1, True, [], {}, ["x"]]:
        found.append(text(f"input {value}", stream(input=value), "invalid_type", "input"))
    for value in ["", " ", "\n\t", "\u3000", "\u2003\u00a0"]:
        found.append(text(f"input {value!r}", stream(input=value), "empty_text", "input"))
    found.append(text("input of 3001", stream(input="a" * 3001), "text_too_long", "input"))
    found.append(text("input of 3001 wide", stream(input="é" * 3001), "text_too_long", "input"))

    # Wrong types and ranges, for every field.
    for name, bad in {
        "exaggeration": (0.2, 2.1), "cfg_weight": (-0.1, 1.1), "temperature": (0, 5.1), "top_p": (-0.1, 1.1),
        "chunk_size": (9, 101), "context_window": (-1, 201), "max_new_tokens": (99, 10001),
        "min_new_tokens": (-1, 1001), "alignment_window_size": (9, 201), "alignment_threshold": (-0.1, 1.1),
        "fade_in_duration_ms": (-1, 101),
    }.items():  # fmt: skip
        for value in bad:
            found.append(text(f"{name} {value}", stream(**{name: value}), "out_of_range", name))
        for value in ("1", [], True):
            found.append(text(f"{name} {value!r}", stream(**{name: value}), "invalid_type", name))
    for name in ("chunk_growth", "enable_alignment_monitoring", "enable_fade_in", "include_metrics", "print_metrics", "include_timestamps"):
        for value in (1, "true", None):
            found.append(text(f"{name} {value!r}", stream(**{name: value}), "invalid_type", name))
    for value in (1, None, ["wav"]):
        found.append(text(f"output_format {value!r}", stream(output_format=value), "invalid_type", "output_format"))
    for value in ("mp3", "", "Wav"):
        found.append(text(f"output_format {value!r}", stream(output_format=value), "invalid_value", "output_format"))
    for value in (1, [], {}):
        found.append(text(f"voice {value!r}", stream(voice=value), "invalid_type", "voice"))
    for value in ("", "nobody", "ALLOY", "../alloy", "x" * 2000):
        found.append(text(f"voice {value[:10]!r}", stream(voice=value), "unknown_voice", "voice"))
    for value in ("1", 1.5, []):
        found.append(text(f"seed {value!r}", stream(seed=value), "invalid_type", "seed"))
    for value in (-1, 2**64, 1e30):
        found.append(text(f"seed {value!r}", stream(seed=value), "out_of_range", "seed"))
    found.append(text("request_id 1", stream(request_id=1), "invalid_type", "request_id"))
    found.append(text("request_id long", stream(request_id="x" * 129), "out_of_range", "request_id"))
    for name in ("text", "Input", "chunksize", "temprature", "__proto__", "x" * 3000):
        found.append(text(f"field {name[:12]}", stream(**{name: 1}), "unknown_field", name))

    # Binary messages.
    for payload in (b"", b"\x00", b"{}", json.dumps({"type": "ping"}).encode(), b"RIFF" + bytes(1000)):
        found.append((f"binary of {len(payload)}", frame(0x2, payload), "unexpected_binary", None))

    # Frames that end the connection.
    ping = '{"type": "ping"}'
    for name, payload in {
        "lone continuation byte": b"\x80", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
        "cut short": b"\xe2\x82", "beyond Unicode": b"\xf4\x90\x80\x80", "latin-1": b'{"type": "caf\xe9"}',
    }.items():  # fmt: skip
        found.append((f"bad UTF-8: {name}", text_frame(payload), 1007, None))
    found.append(("bad UTF-8 over fragments", frame(1, b"\xe2", fin=False) + frame(0, b"\x28\xa1"), 1007, None))
    found.append(("unmasked text", text_frame(ping, mask=False), 1002, None))
    found.append(("unmasked ping", frame(0x9, b"", mask=False), 1002, None))
    found.append(("unmasked fragment", frame(1, ping[:5], fin=False, mask=False), 1002, None))
    for rsv in (1, 2, 4):
        found.append((f"reserved bit {rsv}", text_frame(ping, rsv=rsv), 1002, None))
    for opcode in (0x3, 0x7, 0xB, 0xF):
        found.append((f"opcode {opcode}", frame(opcode, b""), 1002, None))
    found.append(("continuation of nothing", frame(0, ping), 1002, None))
    found.append(("message inside a message", frame(1, "{", fin=False) + frame(1, ping), 1002, None))
    found.append(("fragmented ping", frame(0x9, b"", fin=False), 1002, None))
    found.append(("long ping", frame(0x9, bytes(126)), 1002, None))
    found.append(("close of one byte", frame(0x8, b"\x03"), 1002, None))
    for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535):
        found.append((f"close code {code}", frame(0x8, struct.pack(">H", code)), 1002, None))
    found.append(("close reason not UTF-8", frame(0x8, b"\x03\xe8\xff"), 1007, None))
    found.append(("one message too large", text_frame("x" * (4 * 2**20 + 1)), 1009, None))
    found.append(("a length of 2^62", text_frame("", length=2**62), 1009, None))
    found.append(("fragments too large", frame(1, "x" * 3_000_000, fin=False) + frame(0, "x" * 3_000_000), 1009, None))
    found.append(
        ("too many fragments", frame(1, "x", fin=False) + frame(0, "x", fin=False) * 1500 + frame(0, "x"), 1009, None)
    )

    # Well formed ends and odd but right messages get their proper answer too.
    found.append(("close without code", frame(0x8, b""), 1005, None))
    found.append(("close 1000", frame(0x8, struct.pack(">H", 1000)), 1000, None))
    found.append(("close 3000 with reason", frame(0x8, struct.pack(">H", 3000) + b"bye"), 3000, None))
    return found
