// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine_config/engine.hpp"

namespace grapnel::engine_config {

/// The change of a file as a unified diff with three lines around each change, as patch(1) takes
/// it; nothing where it does not change.
[[nodiscard]] std::string unified_diff(std::string_view path, const Text& before,
                                       const Text& after);

} // namespace grapnel::engine_config
