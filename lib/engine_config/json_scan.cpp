// SPDX-License-Identifier: Apache-2.0
#include "engine_config/json_scan.hpp"

#include "json/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace grapnel::engine_config {

namespace {

std::size_t string_end(std::string_view text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '\\')
            ++at;
    return std::min(at + 1, text.size());
}

std::string decoded(std::string_view literal) {
    const auto json = parse_json(literal);
    const auto* const text = json.get_ptr<const std::string*>();
    return text != nullptr ? *text : std::string(literal);
}

} // namespace

std::size_t json_skip_blanks(std::string_view text, std::size_t at) {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    if (at == 0 && text.starts_with(mark))
        at = mark.size();
    return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

std::size_t json_value_end(std::string_view text, std::size_t at) {
    if (at < text.size() && text[at] == '"')
        return string_end(text, at);
    if (at < text.size() && text[at] != '{' && text[at] != '[')
        return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
    int depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        ++at;
        if (c == '{' || c == '[')
            ++depth;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

JsonObject scan_json_object(std::string_view text, std::size_t at) {
    JsonObject object{.begin = at};
    at = json_skip_blanks(text, at + 1);
    while (at < text.size() && text[at] == '"') {
        JsonMember member{.key_begin = at};
        at = string_end(text, at);
        member.key = decoded(text.substr(member.key_begin, at - member.key_begin));
        at = json_skip_blanks(text, at); // the colon
        member.value_begin = json_skip_blanks(text, at + 1);
        member.value_end = json_value_end(text, member.value_begin);
        at = json_skip_blanks(text, member.value_end);
        object.members.push_back(std::move(member));
        if (at < text.size() && text[at] == ',')
            at = json_skip_blanks(text, at + 1);
    }
    object.end = std::min(at + 1, text.size());
    return object;
}

} // namespace grapnel::engine_config
