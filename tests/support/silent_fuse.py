#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file system in memory, served by FUSE, that stops answering at one operation:

    silent_fuse.py MOUNT_POINT OPERATION TRIGGER

From the first OPERATION (LOOKUP, READ, ...) after the file TRIGGER exists on, no request is
answered any more. Speaks the protocol of linux/fuse.h, version 7.31, on /dev/fuse; needs root.
Prints "ready" once it is mounted.
"""

import ctypes
import errno
import os
import stat
import struct
import sys

OPERATIONS = {
    1: "LOOKUP", 2: "FORGET", 3: "GETATTR", 4: "SETATTR", 5: "READLINK", 6: "SYMLINK", 8: "MKNOD",
    9: "MKDIR", 10: "UNLINK", 11: "RMDIR", 12: "RENAME", 14: "OPEN", 15: "READ", 16: "WRITE",
    17: "STATFS", 18: "RELEASE", 22: "GETXATTR", 25: "FLUSH", 26: "INIT", 27: "OPENDIR", 28: "READDIR",
    29: "RELEASEDIR", 36: "INTERRUPT", 38: "DESTROY", 42: "BATCH_FORGET", 45: "RENAME2"}
WITHOUT_ANSWER = ("FORGET", "BATCH_FORGET", "INTERRUPT")
BLOCK = 4096


class Node:
    def __init__(self, mode, data=b""):
        self.mode = mode
        self.data = data
        self.children = {}


class FileSystem:
    """Nodes by number; 1 is the root, as FUSE wants it."""

    def __init__(self):
        self.nodes = {1: Node(stat.S_IFDIR | 0o777)}

    def add(self, parent, name, node):
        number = len(self.nodes) + 1
        self.nodes[number] = node
        self.nodes[parent].children[name] = number
        return number

    def attributes(self, number):
        node = self.nodes[number]
        size = len(node.data)
        return struct.pack("<QQQQQQIIIIIIIIII", number, size, -(-size // 512), 1, 1, 1, 0, 0, 0, node.mode,
                           1, 0, 0, 0, BLOCK, 0)

    def entry(self, number):
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + self.attributes(number)

    def child(self, parent, name):
        try:
            return self.nodes[parent].children[name]
        except KeyError:
            raise OSError(errno.ENOENT, "") from None

    # the operations: (node, body) to the body of the answer

    def lookup(self, node, body):
        return self.entry(self.child(node, body.rstrip(b"\0")))

    def getattr(self, node, _):
        return struct.pack("<QII", 0, 0, 0) + self.attributes(node)

    setattr = getattr

    def readlink(self, node, _):
        return self.nodes[node].data

    def symlink(self, node, body):
        name, target = body.split(b"\0")[:2]
        return self.entry(self.add(node, name, Node(stat.S_IFLNK | 0o777, target)))

    def mknod(self, node, body):
        mode, = struct.unpack_from("<I", body)
        return self.entry(self.add(node, body[16:].rstrip(b"\0"), Node(mode)))

    def mkdir(self, node, body):
        mode, = struct.unpack_from("<I", body)
        return self.entry(self.add(node, body[8:].rstrip(b"\0"), Node(stat.S_IFDIR | mode)))

    def unlink(self, node, body):
        self.child(node, body.rstrip(b"\0"))
        del self.nodes[node].children[body.rstrip(b"\0")]
        return b""

    rmdir = unlink

    def rename(self, node, body, header=8):
        target, = struct.unpack_from("<Q", body)
        old, new = body[header:].split(b"\0")[:2]
        self.nodes[target].children[new] = self.child(node, old)
        del self.nodes[node].children[old]
        return b""

    def rename2(self, node, body):
        return self.rename(node, body, 16)

    def open(self, node, _):
        return struct.pack("<QII", node, 0, 0)

    opendir = open

    def read(self, node, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        return self.nodes[node].data[offset:offset + size]

    def write(self, node, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        data = self.nodes[node].data.ljust(offset, b"\0")
        self.nodes[node].data = data[:offset] + body[40:40 + size] + data[offset + size:]
        return struct.pack("<II", size, 0)

    def readdir(self, node, body):
        _, offset, _ = struct.unpack_from("<QQI", body)
        out = b""
        for index, (name, number) in enumerate(sorted(self.nodes[node].children.items())):
            if index >= offset:
                head = struct.pack("<QQII", number, index + 1, len(name), self.nodes[number].mode >> 12)
                out += (head + name).ljust(-(-(len(head) + len(name)) // 8) * 8, b"\0")
        return out

    def statfs(self, *_):
        return struct.pack("<QQQQQIII24x", 9, 9, 9, 9, 9, BLOCK, 255, BLOCK)

    def release(self, *_):
        return b""

    releasedir = flush = destroy = release

    def init(self, *_):
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, BLOCK, 0, 1, 1, BLOCK, 1, 1, 0, 0)


def answer(files, name, node, body):
    operation = getattr(files, name.lower(), None)
    if operation is None:
        return errno.ENOSYS, b""
    try:
        return 0, operation(node, body)
    except OSError as error:
        return error.errno, b""


def serve(device, silent_at, trigger):
    files = FileSystem()
    files.add(1, b"ld.so.conf", Node(stat.S_IFREG | 0o644, b"/usr/local/lib\n"))
    files.add(1, b"ld.so.cache", Node(stat.S_IFREG | 0o644, b""))
    silent = False
    while True:
        request = os.read(device, 1 << 17)
        length, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        name = OPERATIONS.get(opcode, str(opcode))
        silent = silent or (name == silent_at and os.path.exists(trigger))
        if silent or name in WITHOUT_ANSWER:
            continue
        error, body = answer(files, name, node, request[40:length])
        os.write(device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


def main():
    place, silent_at, trigger = sys.argv[1:]
    assert silent_at in OPERATIONS.values(), silent_at
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"test", place.encode(), b"fuse", 0, options.encode()) != 0:
        sys.exit(f"mount {place}: {os.strerror(ctypes.get_errno())}")
    print("ready", flush=True)
    serve(device, silent_at, trigger)


main()
