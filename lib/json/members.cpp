// SPDX-License-Identifier: Apache-2.0
#include "json/members.hpp"

#include "json/text.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

namespace grapnel {

namespace {

using Wanted = std::vector<WantedMember>;

/// Copies a text without the unwanted members. It knows strings and pairs of brackets alone, so
/// that it can pass over a member at the speed of memchr(3); all else is left to the parser.
class MemberCutter {
  public:
    explicit MemberCutter(std::string_view text) : text_(text) {}

    /// False: strings, brackets, commas and colons do not stand where they do in JSON.
    bool cut(const Wanted& wanted) {
        if (!value(wanted))
            return false;
        (void)next();
        return at_ == text_.size();
    }

    [[nodiscard]] const std::string& result() const { return result_; }

  private:
    /// The next character that is no blank; 0 at the end.
    char next() {
        pass(" \t\r\n");
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void pass(std::string_view characters) {
        at_ = std::min(text_.find_first_not_of(characters, at_), text_.size());
    }

    bool take(char expected) {
        if (next() != expected)
            return false;
        ++at_;
        return true;
    }

    bool pass_string() {
        if (!take('"'))
            return false;
        for (;;) {
            const auto end = text_.find('"', at_);
            if (end == std::string_view::npos)
                return false;
            const auto before = text_.find_last_not_of('\\', end - 1);
            at_ = end + 1;
            if ((end - before) % 2 == 1) // an even number of backslashes
                return true;
        }
    }

    /// An object or array.
    bool pass_brackets() {
        std::size_t open = 0;
        do {
            const auto c = at_ < text_.size() ? text_[at_] : '\0';
            if (c == '"' ? !pass_string() : at_++ == text_.size())
                return false;
            if (c == '{' || c == '[')
                ++open;
            else if (c == '}' || c == ']')
                --open;
        } while (open > 0);
        return true;
    }

    /// A number, true, false or null.
    bool pass_word() {
        const auto begin = at_;
        pass("+-.0123456789Eaeflnrstu");
        return at_ > begin;
    }

    bool pass_value() {
        const char first = next();
        if (first == '"')
            return pass_string();
        return first == '{' || first == '[' ? pass_brackets() : pass_word();
    }

    bool copy_value() {
        (void)next();
        const auto begin = at_;
        if (!pass_value())
            return false;
        result_ += text_.substr(begin, at_ - begin);
        return true;
    }

    bool value(const Wanted& wanted) {
        const char first = next();
        if (first == '{' && !wanted.empty())
            return object(wanted);
        return first == '[' && !wanted.empty() ? array(wanted) : copy_value();
    }

    /// An array in an array is copied whole: the text decides how many there are.
    bool array(const Wanted& wanted) {
        const auto element = [&] { return next() == '{' ? object(wanted) : copy_value(); };
        return list('[', ']', element);
    }

    bool object(const Wanted& wanted) {
        return list('{', '}', [&] { return member(wanted); });
    }

    /// An element that copies nothing gets no comma.
    template <typename Element>
    bool list(char open, char close, const Element& element) {
        result_ += open;
        const auto empty = result_.size();
        ++at_;
        for (bool is_first = true; next() != close; is_first = false) {
            if (!is_first && !take(','))
                return false;
            const auto before = result_.size();
            if (before != empty)
                result_ += ',';
            const auto with_comma = result_.size();
            if (!element())
                return false;
            if (result_.size() == with_comma)
                result_.resize(before);
        }
        result_ += close;
        ++at_;
        return true;
    }

    bool member(const Wanted& wanted) {
        (void)next();
        const auto begin = at_;
        if (!pass_string())
            return false;
        const auto name = text_.substr(begin, at_ - begin);
        if (!take(':'))
            return false;
        const bool has_escape = name.find('\\') != std::string_view::npos;
        const auto plain = name.substr(1, name.size() - 2);
        const auto found = std::ranges::find_if(wanted, [&](const auto& one) {
            return one.is_prefix ? plain.starts_with(one.name) : plain == one.name;
        });
        if (found == wanted.end() && !has_escape)
            return pass_value();
        result_ += name;
        result_ += ':';
        return found == wanted.end() ? copy_value() : value(found->members);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string result_ = {};
};

} // namespace

nlohmann::json parse_json_members(std::string_view text, const std::vector<WantedMember>& wanted) {
    MemberCutter cutter(text);
    return parse_json(cutter.cut(wanted) ? std::string_view(cutter.result()) : text);
}

} // namespace grapnel
