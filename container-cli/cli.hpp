// SPDX-License-Identifier: Apache-2.0
// The program behind main(): from the command line to the exit code.
#pragma once

namespace grapnel::cli {

inline constexpr auto program_name = "nvidia-container-cli";

/// 0, or 1 where anything went wrong: callers know no other.
[[nodiscard]] int run(int argc, char** argv);

} // namespace grapnel::cli
