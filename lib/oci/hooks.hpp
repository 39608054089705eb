// SPDX-License-Identifier: Apache-2.0
// The hooks of a config.json, as they are entered there.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct SpecHook {
    std::string stage = {}; ///< prestart, createRuntime, createContainer ...
    std::string path = {};
    std::vector<std::string> arguments = {};

    bool operator==(const SpecHook&) const = default;
};

/// In the order of the file, stage by stage.
[[nodiscard]] Result<std::vector<SpecHook>> parse_hooks(std::string_view config);

} // namespace grapnel
