"""A client that sees bytes instead of callbacks, for what the client packages hide."""

import socket
import struct

from standins.ib_gateway import protobuf
from standins.ib_gateway.codec import Message, decode_message
from standins.ib_gateway.gateway import IBGateway
from standins.ib_gateway.layouts import OUTGOING, PROTOBUF_OFFSET


class RawClient:
    def __init__(self, gateway: IBGateway, version: bytes = b"v100..157", client_id: int | None = 9) -> None:
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), 30)
        self.sock.sendall(b"API\0" + struct.pack(">I", len(version)) + version)
        self.version = int(self.read_frame().split(b"\0")[0])
        if client_id is not None:
            self.send(71, "2", str(client_id), "")

    def send(self, *fields: object) -> None:
        body = "".join(f"{field}\0" for field in fields).encode()
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def send_protobuf(self, kind: str, values: dict[str, object]) -> None:
        layout = OUTGOING[kind]
        body = struct.pack(">I", layout.number + PROTOBUF_OFFSET) + protobuf.encode(layout.protobuf, values)
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def read_frame(self) -> bytes:
        return self.read_exactly(struct.unpack(">I", self.read_exactly(4))[0])

    def read_until(self, kind: str) -> Message:
        while True:
            message = decode_message(self.read_frame(), self.version)
            if message.kind == kind:
                return message

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
