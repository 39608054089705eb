#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which module may include what. The arrows of the design point downwards only: a module names
the modules below it, and a library is included where the table says and nowhere else."""

import re
import sys

import tree

# lowest first; the same table as in lib/meson.build, which is checked too
MODULES = {
    "base": [],
    "cmdline": ["base"],
    "sys": ["base"],
    "confine": ["base", "sys"],
    "systemd": ["base", "sys"],
    "oci": ["base"],
    "toml": ["base"],
    "yaml": ["base"],
    "settings": ["base", "toml"],
    "engine_config": ["base", "toml"],
    "request": ["base", "oci", "settings"],
    "elf": ["base"],
    "driver": ["base", "sys", "elf"],
    "image": ["base", "sys", "elf"],
    "plan": ["base", "request", "driver", "image"],
    "devices": ["base", "sys", "systemd", "oci"],
    "apply": ["base", "sys", "confine", "oci", "elf", "image", "plan", "devices"],
    "prepare": ["base", "sys", "confine", "settings", "request", "driver", "image", "plan", "apply"],
}
# of a module that may be used, only these headers
NARROW = {("driver", "sys"): {"sys/host_fs.hpp", "sys/file.hpp"},
          ("plan", "image"): {"image/facts.hpp"}}
# header (or its directory, with a slash): the modules that may include it
LIBRARIES = {
    "nlohmann/": {"oci", "yaml", "engine_config", "plan", "apply", "runtime", "grapnel"},
    "toml++/": {"toml"},
    "yaml.h": {"yaml"},
    "tl/": {"base"},
    "seccomp.h": {"confine"},
    "sys/capability.h": {"sys", "confine"},
    "linux/bpf.h": {"sys", "devices"},
    "elf.h": {"elf"},
    "fmt/": {"base"},
}
# made by the build, and for this module alone
GENERATED = {("confine", "seccomp_filters.hpp")}
# headers of the C library and the kernel in modules that make no system call
PURE = {"base", "cmdline", "oci", "toml", "yaml", "settings", "engine_config", "request", "elf",
        "driver", "plan"}
C_HEADERS = {("engine_config", "fnmatch.h"), ("driver", "fnmatch.h"), ("oci", "sys/types.h"),
             ("elf", "elf.h"), ("yaml", "yaml.h")}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def module_of(path):
    if path.parts[0] in tree.PROGRAMS:
        return path.parts[0]
    return path.parts[1]


def own_header(name):
    return name.split("/")[0] in MODULES and name.endswith(".hpp")


def complaint(module, kind, name):
    """Why this include is wrong; nothing if it is not."""
    if own_header(name):
        if kind == "<":
            return "our own headers stand between quotes"
        target = name.split("/")[0]
        if module == "probe":
            return "grapnel-probe uses no module"
        if module in tree.PROGRAMS or target == module:
            return ""
        if target not in MODULES[module]:
            return f"{module} may not use {target}"
        allowed = NARROW.get((module, target))
        if allowed is not None and name not in allowed:
            return f"{module} may use {', '.join(sorted(allowed))} of {target} alone"
        return ""
    if kind == '"':
        if module in tree.PROGRAMS or (module, name) in GENERATED:
            return ""
        return "unknown header between quotes"
    for library, users in LIBRARIES.items():
        if name == library or (library.endswith("/") and name.startswith(library)):
            if module not in users:
                return f"{module} may not use {library}"
    if module in PURE and name.endswith(".h") and (module, name) not in C_HEADERS:
        if not name.startswith(tuple(key for key in LIBRARIES if key.endswith("/"))):
            return f"{module} makes no system calls: it has no need of {name}"
    if module in PURE and name in ("fstream", "iostream", "filesystem", "thread", "cstdio"):
        return f"{module} makes no system calls: it has no need of {name}"
    return ""


def check_meson(root):
    content = tree.text(root, "lib/meson.build")
    found = re.findall(r"'name':\s*'(\w+)'.*?'uses':\s*\[([^\]]*)\]", content, re.DOTALL)
    built = {name: re.findall(r"'(\w+)'", uses) for name, uses in found}
    if built != MODULES:
        return ["lib/meson.build: its table of modules is not the one of tests/lint/layers.py"]
    return []


def check_page(root):
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", tree.text(root, "lib/README.md"), re.M)
    described = {name: re.findall(r"\w+", re.sub(r"\([^)]*\)", "", uses)) for name, uses in rows}
    for name in sorted(MODULES.keys() | described.keys()):
        if described.get(name) != MODULES.get(name):
            yield f"lib/README.md: the row of {name} is not the one of tests/lint/layers.py"


def main(root):
    complaints = check_meson(root) + list(check_page(root))
    for path in tree.files(root, (".cpp", ".hpp"), tree.SOURCES):
        module = module_of(path)
        if module not in tree.PROGRAMS and module not in MODULES:
            complaints.append(f"{path}: unknown module {module}")
            continue
        for number, line in enumerate(tree.text(root, path).splitlines(), 1):
            found = INCLUDE.match(line)
            why = found and complaint(module, found[1], found[2])
            if why:
                complaints.append(f"{path}:{number}: {line.strip()}: {why}")
    tree.finish(complaints)


main(sys.argv[1])
