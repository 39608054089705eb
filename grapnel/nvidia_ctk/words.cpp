// SPDX-License-Identifier: Apache-2.0
#include "nvidia_ctk/words.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"

namespace grapnel::nvidia_ctk {

bool is_question(std::string_view word) {
    return word == "--help" || word == "-h" || word == "help";
}

Status check_no_words(std::span<const std::string> words) {
    if (words.empty())
        return {};
    return usage_error("one word too many: " + quote(words.front()), tool);
}

} // namespace grapnel::nvidia_ctk
