# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the libraries of a cuda-compat package in an image."""

import json
import pathlib
import subprocess

PLACE = "usr/local/cuda/compat"
OWNER = "NVIDIA Corporation"


def note(cuda="13.1", branches=(535, 550, 570, 580)):
    return json.dumps({"format": 1, "CUDA version": cuda, "driver": list(branches),
                       "device": [7, 8, 9, 10]}, separators=(",", ":"))


def make(root, name="libcuda", version="590.44.01", text=None, place=PLACE, links=True,
         compiler="gcc", suffix="1"):
    """ROOT/PLACE/NAME.so.VERSION, which says that it is "compat NAME"; `text` is its note."""
    directory = pathlib.Path(root) / place
    directory.mkdir(parents=True, exist_ok=True)
    source = f'const char grapnel_simulated[] = "compat {name}";\n'
    if text is not None:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\\", "\\\\") \
            .replace('"', '\\"')
        source += ('__asm__(".pushsection .note.cuda.fwd_compatibility,\\"a\\",@note\\n"\n'
                   f'".long {len(OWNER) + 1}\\n.long {len(text)}\\n.long 1\\n"\n'
                   f'".asciz \\"{OWNER}\\"\\n.balign 4\\n"\n'
                   f'".ascii \\"{quoted}\\"\\n.balign 4\\n"\n'
                   '".popsection\\n");\n')
    file = directory / f"{name}.so.{version}"
    subprocess.run([compiler, "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", file,
                    f"-Wl,-soname,{name}.so.{suffix}"], input=source.encode(), check=True)
    if links:
        link = directory / f"{name}.so.{suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(file.name)
    return file
