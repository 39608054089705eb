#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of THIRD-PARTY.md and the SBOM have the software that is in the programs, and nothing
else: by the packages of the headers that the compiler read, and of the archive members in the
linker's map."""

import fnmatch
import pathlib
import re
import runpy
import shutil
import sys
import tempfile

import tree

PAGE = "THIRD-PARTY.md"
# of a program that the build runs: no part of an installed one
BUILD_ALONE = {"libseccomp-dev"}
# of grapnel-probe, which is linked dynamically
SHARED = {"libc6"}
FIELDS = {"packages": {"name", "versionInfo", "downloadLocation", "licenseConcluded", "copyrightText"},
          "files": {"fileName", "checksums", "licenseConcluded", "copyrightText"}}


def named(root):
    rows = re.findall(r"^\|.*\| ([^|]+) \|$", tree.text(root, PAGE), re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def mapped(linked, build, program):
    """Archives with a member in the linker's map, outside of the project."""
    with tempfile.NamedTemporaryFile() as file:
        linked.link_again(build, program, f"-Wl,-Map={file.name}")
        text = pathlib.Path(file.name).read_text()
    taken = text.partition("Archive member included")[2].partition("Discarded input sections")[0]
    return {str(pathlib.Path(name).resolve()) for name in re.findall(r"^(/[^()\s]+)\([^()]+\)", taken, re.M)}


def page_complaints(root, found):
    names = named(root)
    for package, file in sorted(found.items()):
        if not any(fnmatch.fnmatchcase(package, name) for name in names):
            yield f"{PAGE}: {package} is missing: {file} is part of a program"
    for name in names:
        if not fnmatch.filter(found, name):
            yield f"{PAGE}: no file of {name} is part of a program"


def form_complaints(document):
    """Fields and references that SPDX 2.3 wants."""
    entries = [entry for kind in FIELDS for entry in document[kind]]
    known = {entry["SPDXID"] for entry in entries} | {document["SPDXID"]}
    if len(known) != len(entries) + 1:
        yield "SBOM: two elements have one identifier"
    for kind, fields in FIELDS.items():
        for entry in document[kind]:
            yield from (f"SBOM: {entry['SPDXID']} has no {field}" for field in sorted(fields - set(entry)))
            if entry["licenseConcluded"] == "NOASSERTION":
                yield f"SBOM: {entry['SPDXID']} has no licence"
    for entry in document["relationships"]:
        if not {entry["spdxElementId"], entry["relatedSpdxElement"]} <= known:
            yield f"SBOM: {entry} names an element that is missing"


def package_complaints(document, used):
    listed = {entry["name"] for entry in document["packages"]} - {"grapnel"}
    yield from (f"SBOM: {name} is missing" for name in sorted(used - listed))
    yield from (f"SBOM: no file of {name} is part of a program" for name in sorted(listed - used))


def archive_complaints(document, program, taken):
    files = {entry["SPDXID"]: entry["fileName"] for entry in document["files"]}
    own = next(key for key, name in files.items() if name == f"./{pathlib.Path(program).name}")
    listed = {files[entry["relatedSpdxElement"]][1:] for entry in document["relationships"]
              if entry["spdxElementId"] == own and entry["relationshipType"] == "STATIC_LINK"}
    listed = {name for name in listed if name.endswith(".a")}
    yield from (f"SBOM: {program}: {name} is missing" for name in sorted(taken - listed))
    yield from (f"SBOM: {program}: no member of {name} is taken" for name in sorted(listed - taken))


def main(root, build):
    if shutil.which("dpkg-query") is None:
        tree.skip("which software a header belongs to is asked of dpkg")
    sys.path.insert(0, str(pathlib.Path(root, "packaging")))
    import linked  # pylint: disable=import-outside-toplevel
    sbom = runpy.run_path(str(pathlib.Path(root, "packaging/sbom")))
    read = set(linked.headers(build, ("tests/", "completions/")))
    assert len(read) > 100, "the build has no dependencies: run ninja first"
    taken = {program: mapped(linked, build, program) for program in linked.programs(build)}
    found = {package: file for file, package in linked.packages(read.union(*taken.values())).items()}
    document = sbom["document"](build)
    complaints = [*page_complaints(root, found), *form_complaints(document),
                  *package_complaints(document, set(found) - BUILD_ALONE | SHARED)]
    for program, archives in taken.items():
        complaints += archive_complaints(document, program, archives)
    tree.finish(complaints)


main(*sys.argv[1:])
