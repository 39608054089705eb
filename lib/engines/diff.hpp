// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engines/engine.hpp"

namespace grapnel::engines {

/// The change of a file as a unified diff with three lines around each change, as patch(1) takes
/// it; nothing where it does not change.
[[nodiscard]] std::string unified_diff(std::string_view path, const Text& before,
                                       const Text& after);

} // namespace grapnel::engines
