# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the suites on a real GPU share: counting, and a root file system. Sourced, not run.

passed=0
failed=0
skipped=0

skip() {
    if [ "${GRAPNEL_MUST_WORK:-}" = 1 ]; then
        fail "$1"
    else
        echo "skip  $1"
        skipped=$((skipped + 1))
    fi
}
pass() { echo "ok    $1"; passed=$((passed + 1)); }
fail() { echo "FAIL  $1"; failed=$((failed + 1)); }
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

# expect NAME WANTED GOT: on a failure the file $work/stderr is shown
expect() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1"
        printf '  wanted: %s\n  got:    %s\n' "$2" "$3"
        # shellcheck disable=SC2154 # of the suite
        [ -f "$work/stderr" ] && sed 's/^/  stderr: /' "$work/stderr"
    fi
}

# copy_with_libraries PROGRAM ROOTFS PLACE
copy_with_libraries() {
    mkdir -p "$2$(dirname "$3")"
    cp -L "$1" "$2$3"
    ldd "$1" 2> /dev/null | grep -oE '/[^ ]+' | while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -Ln "$library" "$2$library" 2> /dev/null
    done
}

# make_rootfs ROOTFS: this machine's C library, a shell, and nothing of the driver
make_rootfs() {
    mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,usr/bin,usr/lib}
    [ -e /etc/debian_version ] && cp /etc/debian_version "$1/etc/"
    echo "root:x:0:0:root:/:/bin/sh" > "$1/etc/passwd"
    copy_with_libraries "$(command -v bash)" "$1" /bin/sh
    copy_with_libraries "$(command -v ls)" "$1" /bin/ls
    # what nvidia-smi and the driver's libraries are linked with
    local library path
    for library in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libgcc_s.so.1 libstdc++.so.6; do
        path=$(ldconfig -p | awk -v name="$library" '$1 == name && /x86-64|AArch64/ { print $NF; exit }')
        [ -n "$path" ] && mkdir -p "$1$(dirname "$path")" && cp -L "$path" "$1$path"
    done
    ldconfig -r "$1" 2> /dev/null
}
