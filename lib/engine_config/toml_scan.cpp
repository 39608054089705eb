// SPDX-License-Identifier: Apache-2.0
#include "engine_config/toml_scan.hpp"

#include "toml/depth.hpp"

#include <algorithm>

namespace grapnel::engine_config {

namespace {

constexpr std::string_view blanks = " \t";

std::size_t skip(std::string_view text, std::size_t at, std::string_view what) {
    return std::min(text.find_first_not_of(what, at), text.size());
}

/// Behind the line feed, or the text's end.
std::size_t line_end(std::string_view text, std::size_t at) {
    const auto end = text.find('\n', at);
    return end == text.npos ? text.size() : end + 1;
}

/// Behind blanks, line ends and comments.
std::size_t skip_lines(std::string_view text, std::size_t at) {
    for (;;) {
        at = skip(text, at, " \t\r\n");
        if (at >= text.size() || text[at] != '#')
            return at;
        at = line_end(text, at);
    }
}

/// Behind a value; of a plain one, with the blanks that follow it.
std::size_t value_end(std::string_view text, std::size_t at) {
    int depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"' || c == '\'') {
            at = toml_string_end(text, at);
            if (depth == 0)
                return at;
        } else if (c == '[' || c == '{') {
            ++depth;
            ++at;
        } else if (c == ']' || c == '}') {
            if (depth == 0)
                return at;
            ++at;
            if (--depth == 0)
                return at;
        } else if (depth == 0 && (c == ',' || c == '#' || c == '\n' || c == '\r')) {
            return at;
        } else if (c == '#') {
            at = line_end(text, at);
        } else {
            ++at;
        }
    }
    return text.size();
}

/// Behind a key and its "="; the name, if the key is one name.
std::size_t read_key(std::string_view text, std::size_t at, std::string& name) {
    const auto begin = at;
    while (at < text.size() && text[at] != '=')
        at = text[at] == '"' || text[at] == '\'' ? toml_string_end(text, at) : at + 1;
    auto key = text.substr(begin, at - begin);
    key = key.substr(0, key.find_last_not_of(blanks) + 1);
    if (key.size() >= 2 && (key.front() == '"' || key.front() == '\'') && key.back() == key.front())
        key = key.substr(1, key.size() - 2);
    name = key;
    return std::min(at + 1, text.size());
}

} // namespace

TomlRoot scan_toml_root(std::string_view text) {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    TomlRoot root{.begin = text.starts_with(mark) ? mark.size() : 0};
    for (auto at = root.begin; at < text.size();) {
        const auto begin = at;
        at = skip(text, at, " \t\r");
        if (at >= text.size() || text[at] == '\n' || text[at] == '#') {
            at = line_end(text, at);
            continue;
        }
        if (text[at] == '[') {
            root.has_tables = true;
            break;
        }
        TomlStatement statement{.begin = begin};
        statement.value_begin = skip(text, read_key(text, at, statement.key), blanks);
        statement.value_end = value_end(text, statement.value_begin);
        statement.end = line_end(text, statement.value_end);
        at = statement.end;
        root.statements.push_back(std::move(statement));
    }
    return root;
}

TomlArray scan_toml_array(std::string_view text, std::size_t at) {
    TomlArray array{.begin = at};
    at = skip_lines(text, at + 1);
    while (at < text.size() && text[at] != ']') {
        TomlArray::Element element{.begin = at, .end = value_end(text, at)};
        if (element.end == element.begin)
            break; // not an array that a parser takes
        at = skip_lines(text, element.end);
        if (at < text.size() && text[at] == ',') {
            element.comma = at;
            at = skip_lines(text, at + 1);
        }
        array.elements.push_back(element);
    }
    array.end = std::min(at + 1, text.size());
    return array;
}

} // namespace grapnel::engine_config
