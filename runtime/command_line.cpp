// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace grapnel {

namespace {

using Names = std::span<const std::string_view>;

// runc(8), crun(1), youki and runsc; an option that is not named here has no value of its own word
constexpr std::array<std::string_view, 9> global_with_value{
    "cgroup-manager", "criu", "l", "log", "log-format", "log-level", "r", "root", "rootless"};
constexpr std::array<std::string_view, 8> command_with_value{
    "b", "bundle", "config", "console-socket", "f", "pid-file", "pidfd-socket", "preserve-fds"};

bool is_one_of(std::string_view name, Names names) {
    return std::ranges::find(names, name) != names.end();
}

struct Option {
    std::string_view name = {};
    std::string_view value = {};
};

/// Walks along the words of a command line, as far as it is options.
class Words {
  public:
    explicit Words(std::span<const char* const> words) : words_(words) {}

    /// The next option; nothing before a word that is none. Go's programs and C's write --name
    /// VALUE, --name=VALUE and -n VALUE, Go's one dash for two, C's -nVALUE.
    std::optional<Option> option(Names with_value) {
        if (ended_ || at_ == words_.size())
            return std::nullopt;
        const std::string_view word = words_[at_];
        if (word.size() < 2 || word.front() != '-')
            return std::nullopt;
        ++at_;
        ended_ = word == "--";
        if (ended_)
            return std::nullopt;
        const auto text = word.substr(word.starts_with("--") ? 2 : 1);
        if (const auto equals = text.find('='); equals != std::string_view::npos)
            return Option{text.substr(0, equals), text.substr(equals + 1)};
        if (!is_one_of(text, with_value))
            return joined(word, with_value);
        if (at_ == words_.size())
            return Option{text, {}};
        return Option{text, words_[at_++]};
    }

    std::optional<std::string_view> word() {
        if (at_ == words_.size())
            return std::nullopt;
        return words_[at_++];
    }

  private:
    /// -bVALUE, which is none of Go's spellings.
    static Option joined(std::string_view word, Names with_value) {
        const auto letter = word.substr(1, 1);
        const bool one_dash = !word.starts_with("--");
        if (one_dash && is_one_of(letter, with_value))
            return {letter, word.substr(2)};
        return {word.substr(one_dash ? 1 : 2), {}};
    }

    std::span<const char* const> words_;
    std::size_t at_ = 0;
    bool ended_ = false; ///< by "--"
};

void read_global(Words& words, CommandLine& line) {
    while (const auto option = words.option(global_with_value)) {
        if (option->name == "log" || option->name == "l")
            line.log = option->value;
        else if (option->name == "log-format")
            line.log_is_json = option->value == "json";
        else if (option->name == "version" || option->name == "v" || option->name == "V")
            line.version = true;
    }
}

} // namespace

CommandLine parse_command_line(std::span<const char* const> arguments) {
    CommandLine line;
    Words words(arguments);
    read_global(words, line);
    const auto command = words.word();
    line.makes_container = command == "create" || command == "run";
    if (!line.makes_container)
        return line;
    // C's programs take options behind the ID as well
    for (;;) {
        while (const auto option = words.option(command_with_value))
            if (option->name == "bundle" || option->name == "b")
                line.bundle = option->value.empty() ? "." : option->value; // as runc takes it
        const auto id = words.word();
        if (!id)
            return line;
        if (line.id.empty())
            line.id = *id;
    }
}

} // namespace grapnel
