// SPDX-License-Identifier: Apache-2.0
#include "cmdline/parse.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"

#include <algorithm>
#include <array>

namespace grapnel::cmdline {

namespace {

class Reader {
  public:
    Reader(std::span<const std::string> words, std::span<const Option> options,
           const Grammar& grammar)
        : words_(words), options_(options), grammar_(grammar) {}

    Result<Parsed> read() {
        while (at_ < words_.size() && !is_final_) {
            const std::string_view word = words_[at_];
            const bool is_option = !ended_ && word.size() > 1 && word.front() == '-';
            if (!is_option && grammar_.operands == Operands::end_options)
                break;
            ++at_;
            if (!is_option)
                out_.operands.emplace_back(word);
            else if (word == "--")
                ended_ = true;
            else
                GRAPNEL_TRY(option(word));
        }
        out_.used = at_;
        return std::move(out_);
    }

  private:
    Status option(std::string_view word) {
        if (word[1] == '-')
            return long_option(word, word.substr(2));
        const auto text = word.substr(1);
        if (grammar_.dashes == Dashes::one_or_two && !is_letters(text))
            return long_option(word, text);
        return letters(text);
    }

    /// With one dash a name comes before a letter, but for a letter alone.
    [[nodiscard]] bool is_letters(std::string_view text) const {
        const auto name = text.substr(0, text.find('='));
        const auto begins = [&](const Option& option) { return option.name.starts_with(name); };
        return find_letter(text.front()) < options_.size()
               && (text.size() == 1 || std::ranges::none_of(options_, begins));
    }

    /// The number of options if no option has that letter.
    [[nodiscard]] std::size_t find_letter(char letter) const {
        const auto found =
            letter == '\0' ? options_.end() : std::ranges::find(options_, letter, &Option::letter);
        return static_cast<std::size_t>(found - options_.begin());
    }

    Status long_option(std::string_view word, std::string_view text) {
        const auto equals = text.find('=');
        const auto index = GRAPNEL_TRY(find(word, text.substr(0, equals)));
        auto value = equals == std::string_view::npos
                         ? std::nullopt
                         : std::optional<std::string>(text.substr(equals + 1));
        if (value && options_[index].value == Value::none)
            return flag(index, *value);
        return add(index, std::move(value));
    }

    /// The last word of a flag decides.
    Status flag(std::size_t index, const std::string& value) {
        if (grammar_.dashes == Dashes::two)
            return wrong(shown(index) + " takes no value");
        const auto is_set = flag_value(value);
        if (!is_set)
            return wrong(shown(index) + ": " + quote(value) + " is neither true nor false");
        if (*is_set)
            return add(index, std::nullopt);
        std::erase_if(out_.given, [&](const auto& given) { return given.option == index; });
        return {};
    }

    Status letters(std::string_view text) {
        while (!text.empty() && !is_final_) {
            const auto index = find_letter(text.front());
            if (index == options_.size())
                return unknown_option("-" + std::string(text.substr(0, 1)), {}, grammar_.program);
            text.remove_prefix(1);
            if (options_[index].value == Value::none || text.empty()) {
                GRAPNEL_TRY(add(index, std::nullopt));
                continue;
            }
            return add(index, std::string(text));
        }
        return {};
    }

    Status add(std::size_t index, std::optional<std::string> value) {
        if (!value && options_[index].value == Value::needed) {
            if (at_ == words_.size())
                return wrong(shown(index) + " needs a value");
            value = words_[at_++];
        }
        is_final_ = options_[index].is_final;
        out_.given.push_back({.option = index, .value = std::move(value)});
        return {};
    }

    /// `word` is the whole, for the message.
    Result<std::size_t> find(std::string_view word, std::string_view name) const {
        std::optional<std::size_t> found;
        bool several = false;
        for (std::size_t i = 0; i < options_.size(); ++i) {
            const auto& option = options_[i];
            if (option.name == name)
                return i;
            if (name.empty() || !option.name.starts_with(name))
                continue;
            several = several || (found && options_[*found].name != option.name);
            found = i;
        }
        const auto cut = word.substr(0, word.find('='));
        if (several)
            return wrong(quote(cut) + " is the beginning of several options");
        if (!found)
            return unknown_option(cut, names(), grammar_.program);
        return *found;
    }

    [[nodiscard]] std::string shown(std::size_t index) const {
        return quote("--" + std::string(options_[index].name));
    }

    [[nodiscard]] Error wrong(std::string message) const {
        return usage_error(std::move(message), grammar_.program);
    }

    [[nodiscard]] std::vector<std::string_view> names() const {
        std::vector<std::string_view> out;
        for (const auto& option : options_)
            out.push_back(option.name);
        return out;
    }

    std::span<const std::string> words_;
    std::span<const Option> options_;
    const Grammar& grammar_;
    std::size_t at_ = 0;
    bool ended_ = false;    ///< by "--"
    bool is_final_ = false; ///< after an option behind which nothing is read
    Parsed out_ = {};
};

} // namespace

Result<Parsed> parse_words(std::span<const std::string> words, std::span<const Option> options,
                           const Grammar& grammar) {
    return Reader(words, options, grammar).read();
}

std::optional<bool> flag_value(std::string_view word) {
    constexpr std::array<std::string_view, 6> on{"1", "t", "T", "true", "TRUE", "True"};
    constexpr std::array<std::string_view, 6> off{"0", "f", "F", "false", "FALSE", "False"};
    if (std::ranges::find(on, word) != on.end())
        return true;
    if (std::ranges::find(off, word) != off.end())
        return false;
    return std::nullopt;
}

std::vector<std::string> words_of(int argc, char** argv) {
    return {argv + std::min(argc, 1), argv + argc};
}

} // namespace grapnel::cmdline
