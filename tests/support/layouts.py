# SPDX-License-Identifier: Apache-2.0
"""Root file systems laid out as distributions lay them out, around the C library of this
machine or musl, with the programs `needs_cuda` and (with glibc) `look`."""

import shutil
import subprocess

import container

MUSL = "/lib/x86_64-linux-musl/libc.so"
MULTIARCH = f"usr/lib/{container.MULTIARCH}"


def fresh(root, *directories, links=()):
    """An empty root with those directories, and links as (place, target)."""
    shutil.rmtree(root)
    for directory in ("dev", "proc", "sys", *directories):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for place, target in links:
        (root / place).symlink_to(target)


def add_programs(root, tools, libraries, conf=None):
    """`conf` is the text of /etc/ld.so.conf; with it comes an ld.so.cache."""
    (root / "bin").mkdir(exist_ok=True)
    for name, program in (("look", tools.look), ("needs_cuda", tools.needs_cuda())):
        shutil.copy(program, root / "bin" / name)
    container.copy_libraries(tools.look, root, libraries)
    if conf is not None:
        (root / "etc/ld.so.conf").write_text(conf)
        subprocess.run(["ldconfig", "-r", root], check=True, capture_output=True)


def debian_before_merge(root, tools):
    """/lib and /usr/lib are directories of their own."""
    fresh(root, "etc/ld.so.conf.d", "lib64", f"lib/{container.MULTIARCH}", MULTIARCH)
    (root / "etc/debian_version").write_text("9.13\n")
    add_programs(root, tools, f"lib/{container.MULTIARCH}",
                 "include /etc/ld.so.conf.d/*.conf\n")


def fedora(root, tools):
    fresh(root, "etc/ld.so.conf.d", "usr/lib64", "usr/lib", "usr/bin",
          links=[("lib64", "usr/lib64"), ("lib", "usr/lib"), ("bin", "usr/bin")])
    (root / "etc/ld.so.conf.d/lib64.conf").write_text("/usr/lib64\n")
    add_programs(root, tools, "usr/lib64", "include ld.so.conf.d/*.conf\n")


def opensuse(root, tools):
    fresh(root, "etc/ld.so.conf.d", "usr/lib64", "usr/lib", "usr/local/lib64", "lib",
          links=[("lib64", "usr/lib64")])
    add_programs(root, tools, "usr/lib64",
                 "/usr/local/lib64\n/usr/local/lib\n/usr/lib64\ninclude /etc/ld.so.conf.d/*.conf\n")


def arch(root, tools):
    fresh(root, "etc/ld.so.conf.d", "usr/lib", "usr/bin",
          links=[("lib", "usr/lib"), ("lib64", "usr/lib"), ("usr/lib64", "lib"),
                 ("bin", "usr/bin"), ("usr/sbin", "bin")])
    add_programs(root, tools, "usr/lib", "include /etc/ld.so.conf.d/*.conf\n")


def distroless(root, tools):
    """Debian without ld.so.conf, ld.so.cache and a shell."""
    fresh(root, "etc", "lib64", MULTIARCH, "lib")
    (root / "etc/debian_version").write_text("12.7\n")
    add_programs(root, tools, MULTIARCH)


def busybox(root, tools):
    """As the busybox image for glibc: /lib alone, no /usr/lib."""
    fresh(root, "etc", "lib", "usr/bin", links=[("lib64", "lib")])
    add_programs(root, tools, "lib")


def absolute_links(root, tools):
    """Fedora's, with links that start at the root."""
    fedora(root, tools)
    for place in ("lib64", "lib"):
        (root / place).unlink()
        (root / place).symlink_to(f"/usr/{place}")
    (root / "usr/lib64").rename(root / "usr/elsewhere")
    (root / "usr/lib64").symlink_to("/usr/elsewhere")
    # a link leads ldconfig -r, which does not resolve it inside, out of the root
    (root / "etc/ld.so.conf.d/lib64.conf").write_text("/usr/elsewhere\n")
    subprocess.run(["ldconfig", "-r", root], check=True, capture_output=True)


def scratch(root, tools):
    """One static program and nothing else."""
    shutil.rmtree(root)
    root.mkdir()
    shutil.copy(tools.static_look, root / "look")


def alpine(root, tools):
    fresh(root, "bin", "etc", "lib", "usr/lib", "usr/bin")
    shutil.copy(MUSL, root / "lib/ld-musl-x86_64.so.1")
    shutil.copy(tools.needs_cuda("musl-gcc"), root / "bin/needs_cuda")


def debian_with_musl(root, tools):
    """Debian's packages libc6 and musl side by side; needs_cuda is of musl."""
    debian_before_merge(root, tools)
    shutil.rmtree(root / "lib")
    (root / "lib").symlink_to("usr/lib")
    container.copy_libraries(tools.look, root, MULTIARCH)
    (root / "usr/lib/x86_64-linux-musl").mkdir()
    shutil.copy(MUSL, root / "usr/lib/x86_64-linux-musl/libc.so")
    (root / "lib/ld-musl-x86_64.so.1").symlink_to("x86_64-linux-musl/libc.so")
    shutil.copy("/etc/ld-musl-x86_64.path", root / "etc/ld-musl-x86_64.path")
    shutil.copy(tools.needs_cuda("musl-gcc"), root / "bin/needs_cuda")
