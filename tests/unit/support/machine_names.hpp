// SPDX-License-Identifier: Apache-2.0
// Cases are written for x86_64. On another architecture each is read with the names that this one
// has in their place, and lists can have another order.
#pragma once

#include <string>

namespace grapnel::test {

/// The text with the names of this program's architecture: directories of Debian, files of Vulkan.
[[nodiscard]] std::string with_names_of_this_machine(std::string text);

/// Of outcomes: in lists that are sorted by name the lines are in this architecture's order.
[[nodiscard]] bool is_same_on_this_machine(const std::string& expected, const std::string& found);

} // namespace grapnel::test
