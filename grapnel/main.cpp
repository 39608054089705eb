// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "tool.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return grapnel::run_tool(argc, argv);
    } catch (const std::exception& bug) {
        (void)std::fprintf(stderr, "grapnel: internal error: %s\n", bug.what());
        return grapnel::exit_internal;
    }
}
