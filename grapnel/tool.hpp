// SPDX-License-Identifier: Apache-2.0
// The program behind main(): finds the command and runs it.
#pragma once

namespace grapnel {

[[nodiscard]] int run_tool(int argc, char** argv);

} // namespace grapnel
