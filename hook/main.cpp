// SPDX-License-Identifier: Apache-2.0
#include "base/exit_code.hpp"
#include "hook.hpp"

#include <cstdio>
#include <exception>
#include <new>

int main(int argc, char** argv) {
    try {
        return grapnel::run_hook(argc, argv);
    } catch (const std::bad_alloc&) {
        (void)std::fputs(
            "grapnel-hook: out of memory: the machine's, the cgroup's, or its own limit "
            "of 1 GiB\n",
            stderr);
        return grapnel::exit_refused;
    } catch (const std::exception& bug) {
        (void)std::fprintf(stderr, "grapnel-hook: internal error: %s\n", bug.what());
        return grapnel::exit_internal;
    }
}
