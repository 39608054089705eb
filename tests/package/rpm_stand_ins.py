# SPDX-License-Identifier: Apache-2.0
"""Packages for rpm's database of a Debian system: the system that Grapnel's packages require, NVIDIA's
packages, and how a package is built again with a higher release."""

import pathlib
import re

import nvidias

HEADER = """Name: {name}
Version: {version}
Release: {release}
Summary: stand-in
License: Apache-2.0
AutoReqProv: no
%global debug_package %{{nil}}
%global _build_id_links none
%global __os_install_post %{{nil}}
{tags}
%description
stand-in
%install
cp -a {tree}/. %{{buildroot}}
%files
{files}
"""
SCRIPTS = {"PREIN": "%pre", "POSTIN": "%post", "PREUN": "%preun", "POSTUN": "%postun", "POSTTRANS": "%posttrans"}
DEPENDENCIES = {"REQUIRE": "Requires", "PROVIDE": "Provides", "CONFLICT": "Conflicts"}


def build(machine, directory, text):
    machine.write(f"{directory}/stand-in.spec", text)
    machine.run(f"rpmbuild -bb --quiet --define '_topdir {directory}/top' --define '_rpmdir {directory}' "
                f"{directory}/stand-in.spec")


def query(machine, package, form):
    return machine.run(f"rpm -qp --qf '{form}' {package}")


def dependencies(machine, package, kind):
    listed = query(machine, package, f"[%{{{kind}NAME}} %{{{kind}FLAGS:depflags}} %{{{kind}VERSION}}\\n]")
    return [line.strip() for line in listed.splitlines() if not line.startswith("rpmlib(")]


def make_system(machine, packages, directory):
    """One package provides the shell and the libraries that the packages require."""
    required = {line for package in packages for line in dependencies(machine, package, "REQUIRE")
                if not line.startswith("grapnel")}
    tags = "\n".join(f"Provides: {line}" for line in sorted(required))
    machine.run(f"mkdir -p {directory}/tree")
    build(machine, directory, HEADER.format(name="system", version=1, release=1, tags=tags, files="",
                                            tree=f"{directory}/tree"))


def make_nvidias(machine, directory):
    for name, (files, requires) in nvidias.PACKAGES.items():
        here = f"{directory}/{name}"
        for path, text in files.items():
            machine.write(f"{here}/tree/{path}", text)
            (machine.root / f"{here}/tree/{path}".lstrip("/")).chmod(0o755 if "bin/" in path else 0o644)
        listed = [f"/{path}" for path in files]
        tags = "".join(f"Requires: {one}\n" for one in re.findall(r"[a-z-]{2,}", requires))
        listed = [f"%config(noreplace) {path}" if path.startswith("/etc") else path for path in listed]
        scripts = nvidias.RPM_SCRIPTS if name == "nvidia-container-toolkit" else ""
        build(machine, here, HEADER.format(name=name, version="1.18.0", release=1, tags=tags,
                                           files="\n".join(listed), tree=f"{here}/tree") + scripts)


def make_newer(machine, package, directory):
    """The same files, dependencies and scriptlets with the release 2."""
    name, version = query(machine, package, "%{NAME} %{VERSION}").split()
    here = f"{directory}/{name}"
    machine.run(f"mkdir -p {here}/tree; cd {here}/tree; rpm2cpio {package} | cpio -id --quiet")
    tags = [f"{tag}: {line}" for kind, tag in DEPENDENCIES.items()
            for line in dependencies(machine, package, kind) if not re.match(rf"{name}(\(| =)", line)]
    if query(machine, package, "%{ARCH}") == "noarch":
        tags.append("BuildArch: noarch")
    listed = query(machine, package, "[%{FILEMODES:perms} %{FILENAMES}\\n]").splitlines()
    files = "\n".join(line.split(" ", 1)[1] if line[0] != "d" else f"%dir {line.split(' ', 1)[1]}" for line in listed)
    text = HEADER.format(name=name, version=version, release=2, tags="\n".join(tags), files=files,
                         tree=f"{here}/tree")
    for tag, section in SCRIPTS.items():
        body = query(machine, package, f"%{{{tag}}}")
        if body != "(none)":
            text += f"{section}\n{body}\n"
    build(machine, here, text)


def built(machine, directory):
    return " ".join(sorted(f"/{path.relative_to(machine.root)}"
                           for path in pathlib.Path(machine.root, directory.lstrip("/")).rglob("*.rpm")))
