// SPDX-License-Identifier: Apache-2.0
// Reads a command line by its table, in the grammar of GNU argp: --name=VALUE or --name VALUE,
// -nVALUE or -n VALUE, letters together, names cut to an unambiguous beginning, -- as the end.
// getopt_long(3) keeps its state in variables and asks the environment.
#pragma once

#include "base/result.hpp"
#include "cmdline/table.hpp"

namespace grapnel::cmdline {

/// At an operand the options end, or operands and options can be mixed.
enum class Operands { end_options, are_mixed };
/// Whether -name is --name too, as Go's programs have it. Their flags can have a value in the same
/// word: --debug=false.
enum class Dashes { two, one_or_two };

struct Grammar {
    std::string_view program = {}; ///< the command of the --help that an error names
    Operands operands = Operands::end_options;
    Dashes dashes = Dashes::two;
};

struct Given {
    std::size_t option = 0; ///< its index in the table
    std::optional<std::string> value = {};

    bool operator==(const Given&) const = default;
};

struct Parsed {
    std::vector<Given> given = {}; ///< in order
    std::vector<std::string> operands = {};
    std::size_t used = 0; ///< number of words: all, or up to the first operand

    bool operator==(const Parsed&) const = default;
};

/// An error is of kind usage.
[[nodiscard]] Result<Parsed> parse_words(std::span<const std::string> words,
                                         std::span<const Option> options, const Grammar& grammar);

/// true or false, by one of the words that Go's programs take for them.
[[nodiscard]] std::optional<bool> flag_value(std::string_view word);

/// `argv` without the program's name.
[[nodiscard]] std::vector<std::string> words_of(int argc, char** argv);

/// parse_words(), with the effects of the rows on `result`.
template <typename T>
[[nodiscard]] Result<Parsed> take_words(std::span<const std::string> words,
                                        const std::vector<Row<T>>& rows, const Grammar& grammar,
                                        T& result) {
    auto parsed = parse_words(words, options_of(rows), grammar);
    if (parsed)
        for (const auto& given : parsed->given)
            rows[given.option].take(result, given.value);
    return parsed;
}

} // namespace grapnel::cmdline
