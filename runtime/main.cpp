// SPDX-License-Identifier: Apache-2.0
#include "base/exit_code.hpp"
#include "runtime.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return grapnel::run_runtime(argc, argv);
    } catch (const std::exception& bug) {
        (void)std::fprintf(stderr, "grapnel-runtime: internal error: %s\n", bug.what());
        return grapnel::exit_internal;
    }
}
