// SPDX-License-Identifier: Apache-2.0
// Words of a command line told apart by a table, in the grammar of GNU argp: --name=VALUE or
// --name VALUE, -nVALUE or -n VALUE, letters together, names cut to what is unique, -- as the end.
// getopt_long(3) keeps its state in variables and asks the environment.
#pragma once

#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cli {

/// Of an option: whether a value belongs to it. One that may stand there is part of the same word.
enum class Value { none, needed, optional };

struct Option {
    std::string_view name = {}; ///< without its dashes
    char letter = '\0';         ///< nothing: it has none
    Value value = Value::none;
    std::string_view placeholder = {}; ///< of the value, in the help
    std::string_view help = {};
};

struct Given {
    const Option* option = nullptr; ///< nothing: a word that is no option
    std::optional<std::string> value = {};

    bool operator==(const Given&) const = default;
};

/// Where words that are no options end the work, or stand among them.
enum class Others { end, stand_among };

struct Parsed {
    std::vector<Given> given = {}; ///< in order
    std::size_t used = 0;          ///< words; all of them, or those before the first other one

    bool operator==(const Parsed&) const = default;
};

/// An error is of kind usage.
[[nodiscard]] Result<Parsed> parse_words(std::span<const std::string> words,
                                         std::span<const Option> options, Others others);

} // namespace grapnel::cli
