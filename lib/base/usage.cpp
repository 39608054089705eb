// SPDX-License-Identifier: Apache-2.0
#include "base/usage.hpp"

#include "base/closest.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <vector>

namespace grapnel {

Error usage_error(std::string what, std::string_view program, std::string_view meant) {
    auto hint = "see '" + std::string(program) + " --help'";
    if (!meant.empty())
        hint = std::string(meant) + " (" + hint + ")";
    return {.kind = Error::Kind::usage, .what = std::move(what), .cure = std::move(hint)};
}

Error unknown_option(std::string_view word, std::span<const std::string_view> names,
                     std::string_view program) {
    auto name = word.substr(0, word.find('='));
    name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
    std::vector<std::string> dashed;
    for (const auto known : names)
        dashed.push_back("--" + std::string(known));
    const std::vector<std::string_view> known(dashed.begin(), dashed.end());
    return usage_error("unknown option " + quote(word), program,
                       suggestion("--" + std::string(name.substr(0, line_limit)), known));
}

Error unknown_word(std::string_view kind, std::string_view word,
                   std::span<const std::string_view> known, std::string_view program) {
    return usage_error("unknown " + std::string(kind) + " " + quote(word), program,
                       suggestion(word, known));
}

} // namespace grapnel
