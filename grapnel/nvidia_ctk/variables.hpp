// SPDX-License-Identifier: Apache-2.0
// Environment variables that nvidia-ctk reads in the place of options.
#pragma once

#include "nvidia_ctk/words.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::nvidia_ctk {

struct Variable {
    std::string_view option = {}; ///< without its dashes
    std::string_view name = {};
};

/// Empty for a variable that is not set.
[[nodiscard]] std::string value_of(const Variable& variable);

/// The options that environment variables set, without those on the command line. Options with the
/// same effect are synonyms; if several variables set one option, the first counts.
template <typename T>
[[nodiscard]] std::vector<std::string> words_of(std::span<const Variable> variables,
                                                const std::vector<cmdline::Row<T>>& rows,
                                                const std::vector<cmdline::Given>& given) {
    std::vector<cmdline::Take<T>> taken;
    for (const auto& one : given)
        taken.push_back(rows[one.option].take);
    std::vector<std::string> words;
    for (const auto& variable : variables) {
        const auto row = std::ranges::find(rows, variable.option,
                                           [](const auto& each) { return each.option.name; });
        const auto value = value_of(variable);
        if (value.empty() || std::ranges::find(taken, row->take) != taken.end())
            continue;
        taken.push_back(row->take);
        words.push_back("--" + std::string(variable.option) + "=" + value);
    }
    return words;
}

} // namespace grapnel::nvidia_ctk
