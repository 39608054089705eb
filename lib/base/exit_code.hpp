// SPDX-License-Identifier: Apache-2.0
// How Grapnel's programs end.
#pragma once

namespace grapnel {

enum ExitCode { exit_done = 0, exit_refused = 1, exit_usage = 2, exit_internal = 70 };

} // namespace grapnel
