// SPDX-License-Identifier: Apache-2.0
// The keys of the settings file. Private to this module.
#pragma once

#include "settings/settings.hpp"
#include "toml/library.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace grapnel {

using Store = std::function<Status(Settings&, const toml::node&)>;

struct Key {
    std::string_view name; ///< with the tables that it stands in, separated by dots
    Store store;
};

[[nodiscard]] const std::vector<Key>& known_keys();

} // namespace grapnel
