# SPDX-License-Identifier: Apache-2.0
"""Ubuntu's layout, on the Debian suite whose packages are nearest to its own: those of Ubuntu are on no
mirror of Debian. Its kernel, with AppArmor's limit of user namespaces, is not part of it."""

import re
import subprocess
import typing


class Release(typing.NamedTuple):
    version: str
    debian: str  # the nearest suite
    upstream: str  # /etc/debian_version
    builds: bool  # its meson, compiler and libraries are new enough
    has: dict  # {package: version} of what the packages depend on


RELEASES = {
    "jammy": Release("22.04", "bookworm", "bookworm/sid", False,
                     {"libc6": "2.35-0ubuntu3", "init-system-helpers": "1.62"}),
    "noble": Release("24.04", "trixie", "trixie/sid", True,
                     {"libc6": "2.39-0ubuntu8", "init-system-helpers": "1.66ubuntu1"}),
}
OS_RELEASE = """PRETTY_NAME="Ubuntu {version} LTS"
NAME="Ubuntu"
VERSION_ID="{version}"
VERSION_CODENAME={name}
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME={name}
"""
LSB_RELEASE = """DISTRIB_ID=Ubuntu
DISTRIB_RELEASE={version}
DISTRIB_CODENAME={name}
DISTRIB_DESCRIPTION="Ubuntu {version} LTS"
"""


def debian_suite(suite):
    return RELEASES[suite].debian if suite in RELEASES else suite


def builds(suite):
    return suite not in RELEASES or RELEASES[suite].builds


def lay_out(root, suite):
    """Names, the vendor that chooses compiler flags, and the foreign architecture."""
    release = RELEASES[suite]
    words = {"version": release.version, "name": suite}
    (root / "usr/lib/os-release").write_text(OS_RELEASE.format(**words))
    (root / "etc/lsb-release").write_text(LSB_RELEASE.format(**words))
    (root / "etc/debian_version").write_text(f"{release.upstream}\n")
    origins = root / "etc/dpkg/origins"
    (origins / "ubuntu").write_text("Vendor: Ubuntu\nVendor-URL: https://www.ubuntu.com/\nParent: Debian\n")
    (origins / "default").unlink(missing_ok=True)
    (origins / "default").symlink_to("ubuntu")
    (root / "var/lib/dpkg/arch").write_text("amd64\ni386\n")
    assert all((root / name).is_symlink() for name in ("bin", "sbin", "lib")), "/usr is not merged"


def check_layout(system):
    """What a program sees; AppArmor's programs are on each Ubuntu."""
    system.run("apt-get update; apt-get install apparmor dpkg-dev")
    seen = system.run(". /etc/os-release; echo $ID $VERSION_ID; dpkg-vendor --query vendor; "
                      "dpkg --print-foreign-architectures; ls -d /etc/apparmor.d/abstractions")
    assert re.fullmatch(r"ubuntu 2\d\.04\nUbuntu\ni386\n/etc/apparmor.d/abstractions\n", seen), seen


def check_dependencies(packages, suite):
    """The release itself has versions that are high enough, and its dpkg can read the packages."""
    for package in packages:
        listed = subprocess.run(["dpkg-deb", "--show", "--showformat", "${Pre-Depends}, ${Depends}", package],
                                check=True, capture_output=True, text=True).stdout
        for name, _, relation, version in re.findall(r"([a-z0-9.+-]+)(:any)?(?: \(([<=>]+) ([^)]+)\))?", listed):
            if name == "grapnel":
                continue
            has = RELEASES[suite].has.get(name)
            assert has, f"{package.name} depends on {name}, whose version is not in RELEASES"
            assert not relation or subprocess.run(["dpkg", "--compare-versions", has, relation, version],
                                                  check=False).returncode == 0, \
                f"{package.name} depends on {name} {relation} {version}: {suite} has {has}"
        members = subprocess.run(["ar", "t", package], check=True, capture_output=True, text=True).stdout.split()
        assert members == ["debian-binary", "control.tar.xz", "data.tar.xz"], members
