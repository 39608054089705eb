# SPDX-License-Identifier: Apache-2.0
"""What listens where systemd should, and answers as it should, or not."""

import pathlib
import socket
import struct
import threading

SOCKETS = [pathlib.Path("/run/dbus/system_bus_socket"), pathlib.Path("/run/systemd/private")]


def message(kind, serial, signature, body, fields=b""):
    """An answer to the call with that serial."""
    fields += b"\5\1u\0" + struct.pack("<I", serial) + b"\x08\1g\0" + \
        struct.pack("B", len(signature)) + signature.encode() + b"\0"
    head = b"l" + bytes([kind]) + b"\1\1" + struct.pack("<III", len(body), 1, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8) + body


def string(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def pairs(*entries):
    """The body of a variant."""
    body = b""
    for entry in entries:
        for word in entry:
            body += b"\0" * (-len(body) % (8 if word is entry[0] else 4)) + string(word)
    return b"\5a(ss)\0\0" + struct.pack("<II", len(body), 0) + body


def answers(calls, cgroup, policy, programs):
    """What systemd would say to each call about a unit with these properties."""
    while calls:
        body, serial, fields = struct.unpack_from("<III", calls, 4)
        size = (16 + fields + 7) // 8 * 8 + body
        call, calls = calls[:size], calls[size:]
        if b"ControlGroup" in call:
            yield message(2, serial, "v", b"\1s\0\0" + string(cgroup))
        elif b"DevicePolicy" in call:
            yield message(2, serial, "v", b"\1s\0\0" + string(policy))
        elif b"DeviceAllow" in call and b"SetUnit" not in call:
            yield message(2, serial, "v", pairs())
        elif b"BPFProgram" in call and programs is None:  # before systemd 249
            yield message(3, serial, "s", string("no such property"))
        elif b"BPFProgram" in call:
            yield message(2, serial, "v", pairs(*programs))
        else:
            yield message(2, serial, "s", string(":1.1"))


def read_line(peer):
    while not peer.recv(4096).endswith(b"\r\n"):
        pass


def after_authentication(talk):
    def behave(peer, seen):
        read_line(peer)
        peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
        assert peer.recv(7) == b"BEGIN\r\n"
        talk(peer, seen)
    return behave


def endlessly(data):
    def talk(peer, _):
        while True:
            peer.sendall(data)
    return talk


def as_systemd(cgroup, policy="strict", programs=None):
    def talk(peer, seen):
        while calls := peer.recv(65536):
            seen.append(calls)
            for answer in answers(calls, cgroup, policy, programs):
                peer.sendall(answer)
    return after_authentication(talk)


class Peer:
    """Listens in systemd's place, and does the same to each who connects."""

    def __init__(self, behave, sockets=SOCKETS):
        self.seen = []
        self.listening = []
        self.sockets = sockets
        self.connections = 0
        for path in sockets:
            path.parent.mkdir(exist_ok=True)
            server = socket.socket(socket.AF_UNIX)
            server.bind(str(path))
            server.listen()
            self.listening.append(server)
            if behave:
                threading.Thread(target=self.serve, args=(server, behave), daemon=True).start()

    def serve(self, server, behave):
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            with peer:
                try:
                    behave(peer, self.seen)
                except OSError:
                    pass  # the hook has had enough

    def end(self):
        for path, server in zip(self.sockets, self.listening):
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            path.unlink()
