// SPDX-License-Identifier: Apache-2.0
#include "arguments.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cli.hpp"

#include <algorithm>

namespace grapnel::cli {

namespace {

Error wrong(const std::string& what) {
    return usage_error(what, program_name);
}

class Reader {
  public:
    Reader(std::span<const std::string> words, std::span<const Option> options)
        : words_(words), options_(options) {}

    Result<Parsed> read(Others others) {
        while (at_ < words_.size()) {
            const std::string_view word = words_[at_];
            const bool is_option = !ended_ && word.size() > 1 && word.front() == '-';
            if (!is_option && others == Others::end)
                break;
            ++at_;
            if (!is_option)
                out_.given.push_back({.value = std::string(word)});
            else if (word == "--")
                ended_ = true;
            else
                GRAPNEL_TRY(word[1] == '-' ? long_option(word.substr(2)) : letters(word.substr(1)));
        }
        out_.used = at_;
        return std::move(out_);
    }

  private:
    Status long_option(std::string_view text) {
        const auto equals = text.find('=');
        const auto& option = *GRAPNEL_TRY(find(text.substr(0, equals)));
        auto value = equals == std::string_view::npos
                         ? std::nullopt
                         : std::optional<std::string>(text.substr(equals + 1));
        if (value && option.value == Value::none)
            return wrong("--" + std::string(option.name) + " takes no value");
        return add(option, std::move(value));
    }

    Status letters(std::string_view text) {
        while (!text.empty()) {
            const auto option = std::ranges::find(options_, text.front(), &Option::letter);
            if (option == options_.end())
                return unknown_option("-" + std::string(text.substr(0, 1)), {}, program_name);
            text.remove_prefix(1);
            if (option->value == Value::none || text.empty()) {
                GRAPNEL_TRY(add(*option, std::nullopt));
                continue;
            }
            return add(*option, std::string(text));
        }
        return {};
    }

    Status add(const Option& option, std::optional<std::string> value) {
        if (!value && option.value == Value::needed) {
            if (at_ == words_.size())
                return wrong("--" + std::string(option.name) + " needs a value");
            value = words_[at_++];
        }
        out_.given.push_back({.option = &option, .value = std::move(value)});
        return {};
    }

    Result<const Option*> find(std::string_view name) const {
        const Option* begun = nullptr;
        bool several = false;
        for (const auto& option : options_) {
            if (option.name == name)
                return &option;
            if (name.empty() || !option.name.starts_with(name))
                continue;
            several = several || (begun != nullptr && begun->name != option.name);
            begun = &option;
        }
        const auto shown = quote("--" + std::string(name));
        if (several)
            return wrong(shown + " is the beginning of several options");
        if (begun == nullptr)
            return unknown_option("--" + std::string(name), names(), program_name);
        return begun;
    }

    [[nodiscard]] std::vector<std::string_view> names() const {
        std::vector<std::string_view> out;
        for (const auto& option : options_)
            out.push_back(option.name);
        return out;
    }

    std::span<const std::string> words_;
    std::span<const Option> options_;
    std::size_t at_ = 0;
    bool ended_ = false;
    Parsed out_ = {};
};

} // namespace

Result<Parsed> parse_words(std::span<const std::string> words, std::span<const Option> options,
                           Others others) {
    return Reader(words, options).read(others);
}

} // namespace grapnel::cli
