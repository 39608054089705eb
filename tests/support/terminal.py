# SPDX-License-Identifier: Apache-2.0
"""Programs on a terminal."""

import os
import pty
import subprocess


def on_terminal(program, *words, codes=(0,), **variables):
    """The output of a command whose standard output is a terminal; it ends with one of the codes."""
    main, side = pty.openpty()
    process = subprocess.Popen([program, *map(str, words)], stdout=side, env={**os.environ, **variables})
    os.close(side)
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the program has closed its end
            break
        if not part:
            break
        text += part
    os.close(main)
    assert process.wait(timeout=60) in codes
    return text.decode().replace("\r\n", "\n")
