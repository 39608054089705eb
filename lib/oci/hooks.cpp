// SPDX-License-Identifier: Apache-2.0
#include "oci/hooks.hpp"

#include "oci/json.hpp"

namespace grapnel {

Result<std::vector<SpecHook>> parse_hooks(std::string_view config) {
    const auto json = GRAPNEL_TRY(oci::parse_object(config, "config.json"));
    const auto* const hooks = GRAPNEL_TRY(oci::object_member(json, "hooks"));
    std::vector<SpecHook> out;
    if (hooks == nullptr)
        return out;
    for (const auto& [stage, entries] : hooks->items()) {
        if (!entries.is_array())
            continue;
        for (const auto& entry : entries)
            if (entry.is_object())
                out.push_back({.stage = stage,
                               .path = GRAPNEL_TRY(oci::string_member(entry, "path")),
                               .arguments = GRAPNEL_TRY(oci::strings_member(entry, "args"))});
    }
    return out;
}

} // namespace grapnel
