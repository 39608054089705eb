// SPDX-License-Identifier: Apache-2.0
// The program behind main(): from the command line to the exit code.
#pragma once

namespace grapnel {

[[nodiscard]] int run_hook(int argc, char** argv);

} // namespace grapnel
