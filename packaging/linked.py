# SPDX-License-Identifier: Apache-2.0
"""The software of others that is part of the programs of a build: by the headers that the compiler
read, and by the objects and archive members that the linker took. Packages are those of dpkg."""

import json
import pathlib
import re
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
# objects of programs that are not installed
NO_PART = ("tests/", "completions/", "lib/generate_filters.p/")


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def ninja(build, tool, *arguments):
    return output("ninja", "-C", build, "--quiet", "-t", tool, *arguments)


def programs(build):
    """The installed programs."""
    return sorted(target["filename"][0] for target in json.loads(output("meson", "introspect", "--targets", build))
                  if target["type"] == "executable" and target["installed"])


def debian_architecture(program):
    return "arm64" if re.search(r"Machine:\s+AArch64", output("readelf", "-h", program)) else "amd64"


def headers(build, without=NO_PART):
    """Outside of the project. The file of a group of sources names these by absolute paths."""
    wanted = False
    for line in ninja(build, "deps").splitlines():
        if line and not line.startswith(" "):
            wanted = not line.startswith(without) and "STALE" not in line
        elif wanted and line.startswith("    /"):
            file = pathlib.Path(line.strip()).resolve()
            if not file.is_relative_to(TOP):
                yield str(file)


def link_again(build, program, option):
    """What the linker prints with another option, by a second link."""
    name = str(pathlib.Path(program).relative_to(build))
    link = ninja(build, "commands", "-s", name).strip()
    with tempfile.TemporaryDirectory() as directory:
        link = link.replace(f"-o {name} ", f"-o {directory}/program {option} ", 1)
        assert directory in link, link
        return output("sh", "-c", link, cwd=build)


def linked_files(build, program):
    """Outside of the project: objects, archives with a member that is taken, needed shared libraries."""
    traced = link_again(build, program, "-Wl,--trace,--trace")
    found = set(re.findall(r"^(/[^()\s]+\.o)$|^\((/[^()\s]+)\)", traced, re.M))
    needed = re.findall(r"NEEDED.*\[([^]]+)\]", output("readelf", "-W", "-d", program))
    shared = {file for file in re.findall(r"^/\S+", traced, re.M) if pathlib.Path(file).name in needed}
    return {str(pathlib.Path(one or other).resolve()) for one, other in found} | shared


def packages(files):
    """{file: package}; a file of no package is one of itself."""
    real = {file: str(pathlib.Path(file).resolve()) for file in files}
    # dpkg may know a file by a directory that is a link into /usr now
    asked = {path for file in real.values() for path in (file, file.removeprefix("/usr"))}
    listed = subprocess.run(["dpkg-query", "-S", *sorted(asked)], capture_output=True, text=True, check=False)
    owners = {}
    for line in listed.stdout.splitlines():
        names, _, file = line.rpartition(": ")
        owners[file.removeprefix("/usr")] = names.split(", ")[0].partition(":")[0]
    return {file: owners.get(path.removeprefix("/usr"), f"(no package) {path}") for file, path in real.items()}
