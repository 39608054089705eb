// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return grapnel::cli::run(argc, argv);
    } catch (const std::exception& bug) {
        (void)std::fprintf(stderr, "%s: internal error: %s\n", grapnel::cli::program_name,
                           bug.what());
        return 1;
    }
}
