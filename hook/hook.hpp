// SPDX-License-Identifier: Apache-2.0
// The program behind main(): from the command line to the exit code.
#pragma once

namespace grapnel {

enum ExitCode { exit_done = 0, exit_refused = 1, exit_usage = 2, exit_internal = 70 };

[[nodiscard]] int run_hook(int argc, char** argv);

} // namespace grapnel
