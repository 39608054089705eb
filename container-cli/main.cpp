// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"

#include <cstdio>
#include <exception>
#include <new>

int main(int argc, char** argv) {
    try {
        return grapnel::cli::run(argc, argv);
    } catch (const std::bad_alloc&) {
        (void)std::fprintf(
            stderr, "%s: out of memory: the machine's, the cgroup's, or its own limit of 1 GiB\n",
            grapnel::cli::program_name);
        return 1;
    } catch (const std::exception& bug) {
        (void)std::fprintf(stderr, "%s: internal error: %s\n", grapnel::cli::program_name,
                           bug.what());
        return 1;
    }
}
