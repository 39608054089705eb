// SPDX-License-Identifier: Apache-2.0
// The command line of a program as a table. The parser, --help, the completions of the shells and
// the lint of the manual pages are made from it. Headers of the standard library only: a tool that
// runs while Grapnel is built uses the tables too.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cmdline {

/// Whether an option has a value. An optional value is part of the same word.
enum class Value { none, needed, optional };

/// The values that a shell offers.
struct Completion {
    enum class Kind { nothing, files, directories, words };
    Kind kind = Kind::nothing;
    std::string_view words = {}; ///< separated by blanks
};
inline constexpr Completion files{.kind = Completion::Kind::files};
inline constexpr Completion directories{.kind = Completion::Kind::directories};
constexpr Completion words(std::string_view list) {
    return {.kind = Completion::Kind::words, .words = list};
}

struct Option {
    std::string_view name = {}; ///< without its dashes
    char letter = '\0';         ///< of the short form, if it has one
    Value value = Value::none;
    std::string_view placeholder = {}; ///< of the value, in the help
    std::string_view help = {};        ///< empty: a synonym, which the help omits
    Completion completion = {};
    bool is_final = false; ///< the words after it are not read: --help
};

/// The effect of an option on the result. An optional value can be missing.
template <typename T>
using Take = void (*)(T& result, const std::optional<std::string>& value);

template <typename T>
struct Row {
    Option option = {};
    Take<T> take = nullptr;
};

template <typename T>
std::vector<Option> options_of(const std::vector<Row<T>>& rows) {
    std::vector<Option> out;
    for (const auto& row : rows)
        out.push_back(row.option);
    return out;
}

/// Sets members of the result that `member` points to.
template <auto member, typename T>
void set_flag(T& result, const std::optional<std::string>& /*value*/) {
    result.*member = true;
}

template <auto member, typename T>
void set(T& result, const std::optional<std::string>& value) {
    result.*member = value.value_or(std::string());
}

template <auto member, typename T>
void append(T& result, const std::optional<std::string>& value) {
    (result.*member).push_back(value.value_or(std::string()));
}

/// `member` becomes `value`: an enumerator, for instance.
template <auto member, auto value, typename T>
void assign(T& result, const std::optional<std::string>& /*value*/) {
    result.*member = value;
}

/// A word that an operand can be, a command for instance.
struct Word {
    std::string_view name = {};
    std::string_view help = {};
};

/// The program itself, or one of its commands.
struct Command {
    std::string_view name = {}; ///< empty: the program itself
    std::string_view help = {}; ///< one line, of a command
    std::string synopsis = {};
    std::string about = {};             ///< lines, or nothing
    std::string_view operand = {};      ///< the plural of the words below: "stages"
    std::vector<Word> words = {};       ///< that the operand can be
    Completion completion = {};         ///< of an operand without such words
    std::string_view options_note = {}; ///< behind the heading "options"
    std::vector<Option> options = {};
};

struct Program {
    std::vector<std::string_view> names = {}; ///< the first is the file's, the others are links
    Command itself = {};
    std::vector<Command> commands = {};
};

} // namespace grapnel::cmdline
