"""RFC 6455, section by section as the Autobahn test suite has them. The server is no echo: texts come back as the
`request_id` of an error, sizes as an answered ping or the byte count in an error."""

import asyncio
import base64
import hashlib
import json
import os
import struct

import pytest
import websockets
from malformed import frame, text_frame
from raw_websocket import PATH, RawSocket, handshake, shake

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


@pytest.fixture
async def socket(server):
    socket = await RawSocket.open(server)
    yield socket
    await socket.close()


def fragments(opcode, payload, sizes):
    """A message cut into pieces of these sizes, the last size for all that is left."""
    pieces, start = [], 0
    for size in sizes[:-1]:
        pieces.append(payload[start : start + size])
        start += size
    pieces += [payload[i : i + sizes[-1]] for i in range(start, len(payload), sizes[-1])] or [b""]
    return [
        frame(opcode if i == 0 else 0, piece, fin=i == len(pieces) - 1) for i, piece in enumerate(pieces)
    ]  # fmt: skip


def echo_message(text):
    return json.dumps({"type": "cancel", "request_id": text}, ensure_ascii=False).encode()


async def expect_echo(socket, text):
    answer = await socket.receive_json()
    assert (answer["code"], answer["request_id"]) == ("nothing_to_cancel", text)


async def expect_bytes(socket, count):
    answer = await socket.receive_json()
    assert answer["code"] == "unexpected_binary" and f" {count} bytes" in answer["error"]


def long_ping(size):
    return b'{"type": "ping"}'.ljust(size)


# Opening handshake (RFC 6455, 4).


async def test_handshake_answers_the_key(server):
    status, headers, _, writer = await shake(
        server, handshake(server.address, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==")
    )
    assert status == 101
    assert headers["upgrade"] == "websocket" and headers["connection"] == "upgrade"
    digest = hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    assert headers["sec-websocket-accept"] == base64.b64encode(digest).decode().lower()
    writer.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"Upgrade": "WebSocket"}, {"Upgrade": "h2c, websocket"}, {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade"}, {"path": PATH + "?a=b"}, {"Origin": "http://example.com"},
        {"sec_websocket_version": None, "SEC_WEBSOCKET_VERSION": "13"},
    ],
    ids=str,
)  # fmt: skip
async def test_handshakes_that_are_right(server, changes):
    status, headers, _, writer = await shake(server, handshake(server.address, **changes))
    assert status == 101
    assert "sec-websocket-extensions" not in headers and "sec-websocket-protocol" not in headers
    writer.close()


@pytest.mark.parametrize(
    "changes,status,code",
    [
        ({"Sec_WebSocket_Version": None}, 426, "upgrade_required"),
        ({"Sec_WebSocket_Version": "8"}, 426, "upgrade_required"),
        ({"Sec_WebSocket_Version": "14"}, 426, "upgrade_required"),
        ({"Sec_WebSocket_Version": "13, 8"}, 426, "upgrade_required"),
        ({"Sec_WebSocket_Version": ""}, 426, "upgrade_required"),
        ({"Sec_WebSocket_Key": None}, 400, "bad_handshake"),
        ({"Sec_WebSocket_Key": ""}, 400, "bad_handshake"),
        ({"Sec_WebSocket_Key": "not base64!"}, 400, "bad_handshake"),
        ({"Sec_WebSocket_Key": base64.b64encode(bytes(15)).decode()}, 400, "bad_handshake"),
        ({"Sec_WebSocket_Key": base64.b64encode(bytes(17)).decode()}, 400, "bad_handshake"),
        ({"Connection": None}, 400, "bad_handshake"),
        ({"Connection": "keep-alive"}, 400, "bad_handshake"),
        ({"Host": None}, 400, "bad_handshake"),
        ({"Upgrade": None}, 426, "upgrade_required"),
        ({"Upgrade": "h2c"}, 426, "upgrade_required"),
        ({"version": "HTTP/1.0"}, 426, "upgrade_required"),
        ({"method": "POST", "Content_Length": "0"}, 405, "method_not_allowed"),
        ({"method": "PUT", "Content_Length": "0"}, 405, "method_not_allowed"),
        ({"path": "/ws/stream/other"}, 404, "not_found"),
        ({"path": "/"}, 200, None),
    ],
    ids=str,
)
async def test_handshakes_that_are_refused(server, changes, status, code):
    got, headers, reader, writer = await shake(server, handshake(server.address, **changes))
    assert got == status
    if status == 426:
        assert headers["sec-websocket-version"] == "13" and headers["upgrade"] == "websocket"
    if code:
        body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 5)
        assert json.loads(body)["error"]["code"] == code
    writer.close()


async def test_frames_may_follow_the_request_at_once(server):
    _, _, reader, writer = await shake(server, handshake(server.address) + text_frame('{"type": "ping"}'))
    socket = RawSocket()
    socket.reader, socket.writer = reader, writer
    assert (await socket.receive_json())["type"] == "connected"
    assert await socket.receive_json() == {"type": "pong"}
    await socket.close()


# 1 Framing, 9 sizes.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20, 4 << 20])
async def test_binary_of_every_length_form(socket, size):
    await socket.send(frame(BINARY, os.urandom(size)))
    await expect_bytes(socket, size)


@pytest.mark.parametrize("size", [16, 125, 126, 65535, 65536, 4 << 20])
async def test_text_of_every_length_form(socket, size):
    await socket.send(text_frame(long_ping(size)))
    assert await socket.receive_json() == {"type": "pong"}


async def test_an_empty_text_is_a_message(socket):
    await socket.send(text_frame(""))
    assert (await socket.receive_json())["code"] == "invalid_json"


@pytest.mark.parametrize("chop", [1, 7, 125, 1000])
async def test_bytes_in_chops(socket, chop):
    data = text_frame(long_ping(300)) + frame(BINARY, bytes(1000)) + frame(PING, b"p" * 125)
    for start in range(0, len(data), chop):
        await socket.send(data[start : start + chop])
        if start % 100 == 0:
            await asyncio.sleep(0)
    # Control frames are answered at once, messages by the conversation.
    answers = [await socket.receive() for _ in range(3)]
    assert (PONG, b"p" * 125) in answers
    texts = [json.loads(payload) for opcode, payload in answers if opcode == TEXT]
    assert texts[0] == {"type": "pong"} and " 1000 bytes" in texts[1]["error"]


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">BBH", 0x81, 0x80 | 126, 125), struct.pack(">BBH", 0x81, 0x80 | 126, 0),
        struct.pack(">BBQ", 0x82, 0x80 | 127, 65535), struct.pack(">BBQ", 0x82, 0x80 | 127, 1),
        struct.pack(">BBQ", 0x82, 0x80 | 127, 1 << 63), struct.pack(">BBQ", 0x81, 0x80 | 127, 2**64 - 1),
    ],
    ids=["125 as 16 bits", "0 as 16 bits", "65535 as 64 bits", "1 as 64 bits", "highest bit", "all bits"],
)  # fmt: skip
async def test_lengths_in_too_many_bytes(socket, head):
    await socket.send(head)
    await socket.expect_close(1002)


@pytest.mark.parametrize(
    "data",
    [
        text_frame("", length=(4 << 20) + 1), text_frame("", length=1 << 62),
        b"".join(fragments(TEXT, bytes(4 << 20) + b" ", [1 << 20])),
        b"".join(fragments(BINARY, bytes(2000), [1])),
    ],
    ids=["a frame", "a huge frame", "fragments", "many fragments"],
)  # fmt: skip
async def test_messages_too_large(socket, data):
    try:
        await socket.send(data)
    except ConnectionError:
        pass
    await socket.expect_close(1009)


@pytest.mark.parametrize("size,piece", [(65536, 64), (1 << 20, 1024), (4 << 20, 4096), (4 << 20, 1 << 20)])
async def test_large_messages_in_fragments(socket, size, piece):
    await socket.send(b"".join(fragments(TEXT, long_ping(size), [piece])))
    assert await socket.receive_json() == {"type": "pong"}
    await socket.send(b"".join(fragments(BINARY, bytes(size), [piece])))
    await expect_bytes(socket, size)


# 2 Pings and pongs.


@pytest.mark.parametrize("payload", [b"", b"Hello!", bytes(125), b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xe2\x82"], ids=str)
async def test_pings_are_answered_with_their_payload(socket, payload):
    await socket.send(frame(PING, payload))
    assert await socket.receive() == (PONG, payload)


async def test_ping_too_long(socket):
    await socket.send(frame(PING, bytes(126)))
    await socket.expect_close(1002)


async def test_pongs_nobody_asked_for(socket):
    await socket.send(frame(PONG, b"") + frame(PONG, b"unsolicited") + frame(PING, b"asked"))
    assert await socket.receive() == (PONG, b"asked")


async def test_many_pings(socket):
    await socket.send(b"".join(frame(PING, b"%d" % i) for i in range(100)))
    for i in range(100):
        assert await socket.receive() == (PONG, b"%d" % i)


async def test_pings_in_the_middle_of_speech(socket):
    data = {"input": "Pings are answered while this is spoken, a sentence of some length.", "seed": 1}
    await socket.send(text_frame(json.dumps({"type": "stream_request", "data": data})) + frame(PING, b"now"))
    kinds = []
    while "done" not in kinds:
        opcode, payload = await socket.receive()
        kinds.append(json.loads(payload)["type"] if opcode == TEXT else opcode)
    assert kinds.index(PONG) < kinds.index("done")


# 3 Reserved bits, 4 opcodes, masks.


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_reserved_bits(socket, rsv, opcode):
    await socket.ping()
    await socket.send(frame(opcode, b"", rsv=rsv) + frame(PING, b"never"))
    await socket.expect_close(1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes(socket, opcode):
    await socket.ping()
    await socket.send(frame(opcode, b"x") + frame(PING, b"never"))
    await socket.expect_close(1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
async def test_frames_without_mask(socket, opcode):
    await socket.send(frame(opcode, b"\x03\xe8", mask=False))
    await socket.expect_close(1002)


async def test_a_bad_header_is_not_waited_for(socket):
    await socket.send(frame(BINARY, b"", mask=False, length=1 << 20))  # none of the million bytes comes
    await socket.expect_close(1002)


# 5 Fragmentation.


async def test_fragments(socket):
    for sizes in ([5, 20], [1], [0, 0, 3, 0, 99], [16]):
        await socket.send(b"".join(fragments(TEXT, b'{"type": "ping"}', sizes)))
        assert await socket.receive_json() == {"type": "pong"}
    await socket.send(frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) + frame(0, b""))
    await expect_bytes(socket, 0)


async def test_control_frames_between_fragments(socket):
    pieces = fragments(TEXT, b'{"type": "ping"}', [3])
    for i, piece in enumerate(pieces):
        await socket.send(piece)
        if i < len(pieces) - 1:
            await socket.send(frame(PONG, b"") + frame(PING, b"%d" % i))
            assert await socket.receive() == (PONG, b"%d" % i)
    assert await socket.receive_json() == {"type": "pong"}


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_fragmented_control_frames(socket, opcode):
    await socket.send(frame(opcode, b"", fin=False) + frame(0, b""))
    await socket.expect_close(1002)


@pytest.mark.parametrize("fin", [True, False])
async def test_continuation_of_nothing(socket, fin):
    await socket.send(frame(0, b"lost", fin=fin) + text_frame("{}"))
    await socket.expect_close(1002)


async def test_continuation_after_the_end(socket):
    await socket.ping()
    await socket.send(frame(0, b"more"))
    await socket.expect_close(1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("first", [TEXT, BINARY])
async def test_a_message_inside_a_message(socket, first, opcode):
    await socket.send(frame(first, b"a", fin=False) + frame(opcode, b"b"))
    await socket.expect_close(1002)


# 6 UTF-8.

VALID = [
    "κόσμε", "\x7f", "\u0080", "߿", "ࠀ", "퟿", "\ue000", "�", "\ufffe", "\uffff", "𐀀", "\U0010ffff", "\U0001fffe",
    "\ufdd0", "你好", "👩‍🚀", "e\u0301", "\u202e", "Hello-µ@ßöäüàá-UTF-8!!",
]  # fmt: skip
INVALID = [
    b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0 ", b"\xc3 ", b"\xe0\xa0 ", b"\xf0\x90\x80 ", b"\xfe", b"\xff", b"\xf5",
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf",
    b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf4\x90\x80\x80", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
]  # fmt: skip


@pytest.mark.parametrize("text", VALID, ids=ascii)
async def test_valid_text(socket, text):
    await socket.send(text_frame(echo_message(text)))
    await expect_echo(socket, text)


async def test_valid_text_cut_anywhere(socket):
    text = "κό\ue000𐀀\U0010ffffé"
    message = echo_message(text)
    for size in range(1, len(message)):
        await socket.send(b"".join(fragments(TEXT, message, [size, len(message)])))
        await expect_echo(socket, text)
    await socket.send(b"".join(fragments(TEXT, message, [1])))
    await expect_echo(socket, text)


@pytest.mark.parametrize("payload", INVALID, ids=lambda payload: payload.hex())
async def test_invalid_text(server, payload):
    for data in (
        text_frame(b'{"type": "' + payload + b'"}'),
        text_frame(payload),
        b"".join(fragments(TEXT, b'{"' + payload + b'"}', [1])),
    ):
        socket = await RawSocket.open(server)
        await socket.send(data)
        await socket.expect_close(1007)
        await socket.close()


@pytest.mark.parametrize("payload", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x92", b"\xf4\x8f\xbf"], ids=lambda payload: payload.hex())
async def test_text_that_ends_within_a_character(server, payload):
    for data in (text_frame(b"{" + payload), b"".join(fragments(TEXT, b"{" + payload, [1]))):
        socket = await RawSocket.open(server)
        await socket.send(data)
        await socket.expect_close(1007)
        await socket.close()


@pytest.mark.parametrize("pieces", [[b"{\xf4", b"\x90"], [b"\xce\xba\xff"], [b"{}", b"\xed", b"\xa0"], [b"\xe0", b"\x80"]], ids=str)
async def test_bad_fragments_are_not_waited_for(socket, pieces):
    for i, piece in enumerate(pieces):
        await socket.send(frame(TEXT if i == 0 else 0, piece, fin=False))
    await socket.expect_close(1007)


async def test_binary_needs_no_utf8(socket):
    await socket.send(b"".join(fragments(BINARY, b"\xff\xfe\x80", [1])))
    await expect_bytes(socket, 3)


# 7 Closing.


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
async def test_close_codes(socket, code):
    await socket.send(frame(CLOSE, struct.pack(">H", code) + "auf Wiedersehen, schön".encode()))
    await socket.expect_close(code, answer=False)


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
async def test_close_codes_that_are_not_allowed(socket, code):
    await socket.send(frame(CLOSE, struct.pack(">H", code)))
    await socket.expect_close(1002)


@pytest.mark.parametrize(
    "payload,code",
    [
        (b"", None), (b"\x03", 1002), (b"\x03\xe8", 1000), (b"\x03\xe8" + b"*" * 123, 1000),
        (b"\x03\xe8" + b"*" * 124, 1002), (b"\x03\xe8\xce\xba\xff", 1007), (b"\x03\xe8\xe2\x82", 1007),
    ],
    ids=["empty", "one byte", "no reason", "long reason", "too long reason", "bad UTF-8", "cut UTF-8"],
)  # fmt: skip
async def test_close_payloads(socket, payload, code):
    await socket.send(frame(CLOSE, payload))
    await socket.expect_close(code, answer=False)


@pytest.mark.parametrize(
    "after",
    [frame(CLOSE, b""), frame(PING, b"late"), text_frame('{"type": "ping"}'), frame(0, b"x"), frame(3, b""), b"\xff" * 100],
    ids=["close", "ping", "text", "continuation", "bad opcode", "rubbish"],
)
async def test_nothing_is_answered_after_the_close(socket, after):
    await socket.send(frame(CLOSE, struct.pack(">H", 1000)) + after)
    await socket.expect_close(1000, answer=False)


async def test_close_in_the_middle_of_a_message(socket):
    await socket.send(frame(TEXT, b'{"type"', fin=False) + frame(CLOSE, struct.pack(">H", 1000)))
    await socket.expect_close(1000, answer=False)


async def test_close_after_a_large_message(socket):
    await socket.send(text_frame(long_ping(1 << 18)) + frame(CLOSE, struct.pack(">H", 1000)))
    opcode, _ = await socket.receive()
    if opcode == TEXT:  # It may have been too late for an answer.
        await socket.expect_close(1000, answer=False)


async def test_a_client_that_closes_without_a_close_frame(server, socket):
    socket.writer.write_eof()
    assert await asyncio.wait_for(socket.reader.read(), 5) == b""


# 12, 13 Compression.


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate", "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate", "x-webkit-deflate-frame", "rubbish; ; =",
    ],
)  # fmt: skip
async def test_extensions_are_declined(server, offer):
    status, headers, reader, writer = await shake(server, handshake(server.address, Sec_WebSocket_Extensions=offer))
    assert status == 101 and "sec-websocket-extensions" not in headers
    socket = RawSocket()
    socket.reader, socket.writer = reader, writer
    assert (await socket.receive_json())["type"] == "connected"
    await socket.ping()
    await socket.send(frame(TEXT, b"\xaaV*\xa9,HU\xb2RP*\xc8\xccK\x07\x00", rsv=4))
    await socket.expect_close(1002)
    await socket.close()


async def test_a_client_that_wants_compression_does_without(server):
    async with websockets.connect(server.stream, compression="deflate") as client:
        assert json.loads(await client.recv())["type"] == "connected"
        await client.send('{"type": "ping"}')
        assert json.loads(await client.recv()) == {"type": "pong"}
        assert client.protocol.extensions == []
