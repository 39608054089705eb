// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace grapnel {

namespace {

/// The options of runc(8), crun(1), youki and runsc that must be told apart: options with a value
/// in the next word, and single letters.
struct Grammar {
    std::span<const std::string_view> with_value = {};
    std::string_view flags = {}; ///< letters without a value
};

constexpr std::array<std::string_view, 9> global_with_value{
    "cgroup-manager", "criu", "l", "log", "log-format", "log-level", "r", "root", "rootless"};
constexpr std::array<std::string_view, 8> command_with_value{
    "b", "bundle", "config", "console-socket", "f", "pid-file", "pidfd-socket", "preserve-fds"};
constexpr std::array<std::string_view, 22> update_with_value{
    "blkio-weight",    "cpu-burst",
    "cpu-idle",        "cpu-period",
    "cpu-quota",       "cpu-rt-period",
    "cpu-rt-runtime",  "cpu-share",
    "cpuset-cpus",     "cpuset-mems",
    "kernel-memory",   "kernel-memory-tcp",
    "l3-cache-schema", "mem-bw-schema",
    "memory",          "memory-reservation",
    "memory-swap",     "memory-swappiness",
    "pids-limit",      "r",
    "resources",       "unified"};
constexpr Grammar global_options{global_with_value, "hvV"};
constexpr Grammar command_options{command_with_value, "d"};
constexpr Grammar update_options{update_with_value, ""};

struct Option {
    std::string_view name = {};
    std::string_view value = {};
};

/// Walks along the words of a command line, as far as it is options.
class Words {
  public:
    explicit Words(std::span<const char* const> words) : words_(words) {}

    /// The next option; nothing before another word. Go's programs and C's write --name VALUE,
    /// --name=VALUE and -n VALUE, Go's one dash for two, C's -nVALUE, -fn VALUE behind a flag, and
    /// as much of a long name as tells it from others.
    std::optional<Option> option(const Grammar& grammar) {
        if (ended_ || at_ == words_.size())
            return std::nullopt;
        const std::string_view word = words_[at_];
        if (word.size() < 2 || word.front() != '-')
            return std::nullopt;
        ++at_;
        ended_ = word == "--";
        if (ended_)
            return std::nullopt;
        const bool two_dashes = word.starts_with("--");
        const auto text = word.substr(two_dashes ? 2 : 1);
        const auto equals = text.find('=');
        const auto name = full_name(text.substr(0, equals), two_dashes, grammar);
        if (equals != std::string_view::npos)
            return Option{name, text.substr(equals + 1)};
        if (std::ranges::find(grammar.with_value, name) != grammar.with_value.end())
            return Option{name, next_word()};
        return two_dashes ? Option{name, {}} : letters(text, grammar);
    }

    /// The next word that is no option, behind which there are options again.
    std::optional<std::string_view> word() {
        if (at_ == words_.size())
            return std::nullopt;
        return words_[at_++];
    }

    [[nodiscard]] std::size_t position() const { return at_; }

    /// Options begin again behind a command, even after a "--".
    void begin_command() { ended_ = false; }

  private:
    std::string_view next_word() { return at_ == words_.size() ? "" : words_[at_++]; }

    /// Runtimes in Go refuse an abbreviated name, runtimes in C an ambiguous one.
    static std::string_view full_name(std::string_view name, bool two_dashes,
                                      const Grammar& grammar) {
        std::string_view found;
        for (const auto known : grammar.with_value) {
            if (known == name)
                return name;
            if (two_dashes && !name.empty() && known.size() > 1 && known.starts_with(name))
                found = known;
        }
        return found.empty() ? name : found;
    }

    /// -bVALUE, -dbVALUE, -db VALUE; of any other word of Go's the whole is a name without a value.
    Option letters(std::string_view text, const Grammar& grammar) {
        const auto at = text.find_first_not_of(grammar.flags);
        if (at == std::string_view::npos)
            return {text, {}};
        const auto letter = text.substr(at, 1);
        if (std::ranges::find(grammar.with_value, letter) == grammar.with_value.end())
            return {text, {}};
        const auto rest = text.substr(at + 1);
        return {letter, rest.empty() ? next_word() : rest};
    }

    std::span<const char* const> words_;
    std::size_t at_ = 0;
    bool ended_ = false; ///< by "--"
};

void read_global(Words& words, CommandLine& line) {
    while (const auto option = words.option(global_options)) {
        if (option->name == "log" || option->name == "l")
            line.log = option->value;
        else if (option->name == "log-format")
            line.log_is_json = option->value == "json";
        else if (option->name == "version" || option->name == "v" || option->name == "V")
            line.version = true;
        else if (option->name == "help" || option->name == "h")
            line.help = true;
    }
}

/// C's programs take options behind the ID as well, here and at an update.
void read_creation(Words& words, CommandLine& line) {
    for (;;) {
        while (const auto option = words.option(command_options))
            if (option->name == "bundle" || option->name == "b")
                line.bundle = option->value.empty() ? "." : option->value; // as runc takes it
        const auto id = words.word();
        if (!id)
            return;
        if (line.id.empty())
            line.id = *id;
    }
}

void read_update(Words& words, CommandLine& line) {
    for (;;) {
        while (const auto option = words.option(update_options))
            if (option->name == "resources" || option->name == "r")
                line.resources = option->value;
        const auto at = words.position();
        const auto id = words.word();
        if (!id)
            break;
        if (line.id.empty()) {
            line.id = *id;
            line.id_at = at;
        }
    }
    line.updates = !line.resources.empty() && !line.id.empty();
}

} // namespace

CommandLine parse_command_line(std::span<const char* const> arguments) {
    CommandLine line;
    Words words(arguments);
    read_global(words, line);
    line.command_at = words.position();
    const auto command = words.word();
    words.begin_command();
    line.help = line.help || command == "help" || arguments.empty();
    line.makes_container = command == "create" || command == "run";
    if (line.makes_container)
        read_creation(words, line);
    else if (command == "update")
        read_update(words, line);
    return line;
}

} // namespace grapnel
