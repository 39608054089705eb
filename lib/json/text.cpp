// SPDX-License-Identifier: Apache-2.0
#include "json/text.hpp"

#include "base/text.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace grapnel {

namespace {

using Json = nlohmann::json;
using Events = nlohmann::json_sax<Json>;

/// The place of the first syntax error.
class SyntaxErrorFinder : public Events {
  public:
    std::optional<std::size_t> at = {};

    bool null() override { return true; }
    bool boolean(bool /*value*/) override { return true; }
    bool number_integer(number_integer_t /*value*/) override { return true; }
    bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
    bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
    bool string(string_t& /*value*/) override { return true; }
    bool binary(binary_t& /*value*/) override { return true; }
    bool start_object(std::size_t /*elements*/) override { return true; }
    bool key(string_t& /*name*/) override { return true; }
    bool end_object() override { return true; }
    bool start_array(std::size_t /*elements*/) override { return true; }
    bool end_array() override { return true; }
    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        at = position;
        return false;
    }
};

/// It takes the parser's events and not its callback: after each call of a callback, the parser
/// looks through all elements before.
class RewriteChecker : public SyntaxErrorFinder {
  public:
    Status status = {};

    bool start_object(std::size_t /*elements*/) override { return open(); }
    bool start_array(std::size_t /*elements*/) override { return open(); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        if (!names_.back().insert(name).second)
            status = refused(quote(name) + " stands twice in one object");
        return status.has_value();
    }

  private:
    bool open() {
        constexpr std::size_t most_levels = 1000; // a specification has ten
        names_.emplace_back();
        if (names_.size() > most_levels)
            status = refused("it nests deeper than 1,000 levels");
        return status.has_value();
    }
    bool close() {
        names_.pop_back();
        return true;
    }

    std::vector<std::set<std::string>> names_ = {}; // of each object and array that is open
};

template <typename Value>
std::string write(const Value& value, const JsonForm& form) {
    using Handler = typename Value::error_handler_t;
    using enum JsonForm::NotUtf8;
    const auto handler = form.not_utf8 == exception  ? Handler::strict
                         : form.not_utf8 == replaced ? Handler::replace
                                                     : Handler::ignore;
    return value.dump(form.is_indented ? 2 : -1, ' ', form.is_ascii, handler);
}

} // namespace

nlohmann::json parse_json(std::string_view text) {
    return nlohmann::json::parse(text, nullptr, false);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
    return nlohmann::ordered_json::parse(text, nullptr, false);
}

std::optional<std::size_t> json_syntax_error(std::string_view text) {
    SyntaxErrorFinder finder;
    if (Json::sax_parse(text, static_cast<Events*>(&finder)))
        return std::nullopt;
    return finder.at.value_or(0);
}

Status check_rewritable_json(std::string_view text) {
    RewriteChecker checker;
    (void)Json::sax_parse(text, static_cast<Events*>(&checker));
    return checker.status;
}

std::string write_json(const nlohmann::json& value, JsonForm form) {
    return write(value, form);
}

std::string write_json(const nlohmann::ordered_json& value, JsonForm form) {
    return write(value, form);
}

} // namespace grapnel
