#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which module may include what. The arrows of the design point downwards only: a module names
the modules below it, and a library is included where the table says and nowhere else. What the
compiler sees through the headers of others is checked as well, and the picture of doc/dev/architecture.md.

    layers.py ROOT [--picture]    checks; or prints the picture
"""

import os
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
    "json": ["base"],
    "oci": ["base", "json"],
    "toml": ["base"],
    "yaml": ["base"],
    "settings": ["base", "toml"],
    "engine_config": ["base", "json", "toml"],
    "request": ["base", "oci", "settings"],
    "elf": ["base"],
    "driver": ["base", "sys", "elf"],
    "image": ["base", "sys", "elf"],
    "plan": ["base", "json", "request", "driver", "image"],
    "devices": ["base", "sys", "systemd", "oci"],
    "apply": ["base", "sys", "confine", "json", "oci", "elf", "image", "plan", "devices"],
    "prepare": ["base", "sys", "confine", "settings", "request", "driver", "image", "plan", "apply"],
}
# of a module that may be used, only these headers
NARROW = {("driver", "sys"): {"sys/host_fs.hpp", "sys/file.hpp"},
          ("plan", "image"): {"image/facts.hpp"}}
# modules that a module may not use, and yet sees through headers of those that it may use
SEEN = {
    "plan": ["oci", "settings", "sys"],  # request.hpp: make_request(); inventory.hpp: HostFs
    "prepare": ["oci", "devices"],  # container.hpp: the container that apply changes
}
# of these libraries, no header of a module shows one to another module
HIDDEN = ("nlohmann/json.hpp", "yaml.h", "seccomp.h", "sys/capability.h", "linux/bpf.h")
# header (or its directory, with a slash): the modules that may include it
LIBRARIES = {
    "nlohmann/": {"json", "oci", "yaml", "engine_config", "plan", "apply", "runtime", "grapnel"},
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
PURE = {"base", "cmdline", "json", "oci", "toml", "yaml", "settings", "engine_config", "request", "elf",
        "driver", "plan"}
C_HEADERS = {("engine_config", "fnmatch.h"), ("driver", "fnmatch.h"), ("oci", "sys/types.h"),
             ("elf", "elf.h"), ("yaml", "yaml.h")}

PAGE = "doc/dev/architecture.md"
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
        if name.count("/") > 1:
            return f"{name} is of a folder that {target} alone knows, such as a platform's"
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


class Headers:
    """The include lines of the project's sources, followed as the compiler follows them."""

    def __init__(self, root, paths):
        self.lines = {str(path): [found[2] for line in tree.text(root, path).splitlines()
                                  if (found := INCLUDE.match(line))] for path in paths}

    def direct(self, path):
        """The project's headers, as paths, and names of others."""
        for name in self.lines[path]:
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            yield next((place for place in (beside, f"lib/{name}", f"hook/{name}", f"grapnel/{name}")
                        if place in self.lines), name)

    def all(self, path):
        """{header: the file that includes it}"""
        found, todo = {}, [path]
        for place in todo:
            for name in self.direct(place) if place in self.lines else ():
                if name not in found:
                    found[name] = place
                    todo.append(name)
        return found


def check_seen(headers):
    seen = {}  # (module, other module): a header and the file that includes it
    for path in headers.lines:
        module = module_of(tree.pathlib.PurePath(path))
        if module not in MODULES:
            continue
        for name, place in headers.all(path).items():
            if name in headers.lines:
                target = module_of(tree.pathlib.PurePath(name))
                if target != module and target not in MODULES[module]:
                    seen.setdefault((module, target), f"{name}, which {place} includes")
            elif name.startswith(HIDDEN) and module_of(tree.pathlib.PurePath(place)) != module:
                yield f"{path} sees {name}, which {place} includes"
    allowed = {(module, target) for module, targets in SEEN.items() for target in targets}
    for module, target in sorted(seen.keys() - allowed):
        yield f"{module} may not use {target}, and sees {seen[module, target]}"
    for module, target in sorted(allowed - seen.keys()):
        yield f"tests/lint/layers.py: {module} no longer sees {target}: take it out of SEEN"


def included_modules(headers):
    """{module or program: the modules that its files include}"""
    found = {}
    for path in headers.lines:
        module = module_of(tree.pathlib.PurePath(path))
        targets = {module_of(tree.pathlib.PurePath(name)) for name in headers.direct(path)
                   if name in headers.lines}
        found.setdefault(module, set()).update(targets - {module})
    return found


def picture(headers):
    """A line a module, highest first, with the modules that it includes; without those that one of
    them includes too."""
    included = included_modules(headers)
    below = {}

    def all_below(module):
        if module not in below:
            below[module] = set(included[module]).union(*map(all_below, included[module]))
        return below[module]
    levels = {}

    def level(module):
        if module not in levels:
            levels[module] = max((level(one) + 1 for one in included[module]), default=0)
        return levels[module]
    rows = []
    for module in sorted(included, key=lambda one: (-level(one), one)):
        direct = included[module] - set().union(*map(all_below, included[module]))
        rows.append(f"{level(module):2}  {module:14} {' '.join(sorted(direct))}".rstrip())
    return "\n".join(rows) + "\n"


def check_picture(root, headers):
    if picture(headers) not in tree.text(root, PAGE):
        yield f"{PAGE}: its picture is not what 'tests/lint/layers.py . --picture' prints"


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


def main(root, *words):
    paths = tree.files(root, (".cpp", ".hpp"), tree.SOURCES)
    headers = Headers(root, paths)
    if words == ("--picture",):
        print(picture(headers), end="")
        return
    complaints = [*check_meson(root), *check_page(root), *check_seen(headers), *check_picture(root, headers)]
    for path in paths:
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


main(*sys.argv[1:])
