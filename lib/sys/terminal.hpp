// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace grapnel::sys {

/// Whether a person reads standard output.
[[nodiscard]] bool is_terminal_stdout();

} // namespace grapnel::sys
