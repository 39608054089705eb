# SPDX-License-Identifier: Apache-2.0
"""As much of protobuf's wire format as the CRI needs: whole numbers that are not negative, truth
values, text, maps of text and messages, of which a list is repeated."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def number(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(place, value):
    if isinstance(value, int):  # bool too
        return number(place << 3 | VARINT) + number(int(value))
    content = value.encode() if isinstance(value, str) else value
    return number(place << 3 | LENGTH) + number(len(content)) + content


def encode(messages, name, values):
    """`messages` is {message: {field: its number, or (its number, its message)}}; a field whose
    message is "map" takes a dict of texts."""
    out = b""
    for key, value in values.items():
        place = messages[name][key]
        kind = None
        if isinstance(place, tuple):
            place, kind = place
        if kind == "map":
            value = [field(1, text) + field(2, value[text]) for text in value]
        for one in value if isinstance(value, list) else [value]:
            out += field(place, one if kind in (None, "map") else encode(messages, kind, one))
    return out


def read_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def decode(data):
    """{number of the field: [value]}; what has a length stays bytes."""
    found = {}
    at = 0
    while at < len(data):
        key, at = read_number(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = read_number(data, at)
        elif kind == LENGTH:
            length, at = read_number(data, at)
            value, at = data[at:at + length], at + length
        else:
            length = {FIXED64: 8, FIXED32: 4}[kind]
            value, at = data[at:at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found
