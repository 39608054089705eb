// SPDX-License-Identifier: Apache-2.0
#include "nvidia_ctk/words.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"

#include <algorithm>
#include <array>

namespace grapnel::nvidia_ctk {

Result<bool> flag_value(std::string_view option, const std::optional<std::string>& value) {
    constexpr std::array<std::string_view, 6> on{"1", "t", "T", "true", "TRUE", "True"};
    constexpr std::array<std::string_view, 6> off{"0", "f", "F", "false", "FALSE", "False"};
    if (!value || std::ranges::find(on, *value) != on.end())
        return true;
    if (std::ranges::find(off, *value) != off.end())
        return false;
    return usage_error(
        "--" + std::string(option) + ": " + quote(*value) + " is neither true nor false", tool);
}

Status check_no_words(std::span<const std::string> words) {
    if (words.empty())
        return {};
    return usage_error("one word too many: " + quote(words.front()), tool);
}

} // namespace grapnel::nvidia_ctk
