# SPDX-License-Identifier: Apache-2.0
"""Sends an event of a device as the kernel does, to the udev of this network namespace:

    send_uevent.py ACTION DEVICE [NAME=VALUE]...

DEVICE is a path below /sys. Since Linux 4.18 the kernel passes on such a message of root as its own
(uevent_net_rcv), with a sequence number, and to this network namespace alone.
"""

import socket
import struct
import sys

HEADER = struct.Struct("=IHHII")
NETLINK_KOBJECT_UEVENT = 15
NLMSG_MIN_TYPE = 16
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2


def send(action, device, *properties):
    words = [f"{action}@{device}", f"ACTION={action}", f"DEVPATH={device}", *properties]
    text = "".join(f"{word}\0" for word in words).encode()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as kernel:
        kernel.settimeout(10)
        kernel.sendto(HEADER.pack(HEADER.size + len(text), NLMSG_MIN_TYPE, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
                      + text, (0, 0))
        answer = kernel.recv(4096)
    kind = HEADER.unpack_from(answer)[1]
    error, = struct.unpack_from("=i", answer, HEADER.size)
    if kind != NLMSG_ERROR or error:
        sys.exit(f"{device}: the kernel does not pass on the event: error {-error}")


if __name__ == "__main__":
    send(*sys.argv[1:])
