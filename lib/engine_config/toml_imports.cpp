// SPDX-License-Identifier: Apache-2.0
#include "engine_config/toml_imports.hpp"

#include "engine_config/engine.hpp"
#include "engine_config/toml.hpp"
#include "engine_config/toml_scan.hpp"

#include <algorithm>

namespace grapnel::engine_config {

namespace {

/// Marks a line as one that remove_import can take out as a whole.
constexpr std::string_view mark = " # added by grapnel configure";

std::string version_line(std::int64_t version) {
    return "version = " + std::to_string(version) + std::string(mark);
}

std::string imports_line(std::string_view path) {
    return "imports = [" + toml_string(path) + "]" + std::string(mark);
}

const TomlStatement* find(const TomlRoot& root, std::string_view key) {
    const auto found = std::ranges::find(root.statements, key, &TomlStatement::key);
    return found == root.statements.end() ? nullptr : &*found;
}

/// The offset behind the rest of the line, without its line end.
std::size_t rest_of_line(std::string_view text, std::size_t at, std::size_t limit) {
    auto end = std::min({text.find('\n', at), limit, text.size()});
    return end > at && text[end - 1] == '\r' ? end - 1 : end;
}

/// With its line end, the blanks before an element that begins its line; nothing if it does not.
std::string_view line_before(std::string_view text, std::size_t at) {
    const auto blanks = text.find_last_not_of(" \t", at - 1);
    if (blanks == text.npos || text[blanks] != '\n')
        return {};
    const auto begin = blanks > 0 && text[blanks - 1] == '\r' ? blanks - 1 : blanks;
    return text.substr(begin, at - begin);
}

void append_element(std::string& text, const TomlArray& array, const std::string& quoted) {
    if (array.elements.empty()) {
        text.insert(array.begin + 1, quoted);
        return;
    }
    const auto& last = array.elements.back();
    const std::string line(line_before(text, last.begin));
    const auto before = line.empty() ? " " : line;
    const auto added = before + quoted + (last.comma ? "," : "");
    const auto behind = last.comma ? *last.comma + 1 : last.end;
    // a comment on the last element's line stays there
    text.insert(line.empty() ? behind : rest_of_line(text, behind, array.end - 1), added);
    if (!last.comma)
        text.insert(last.end, ",");
}

void take_out_element(std::string& text, const TomlArray& array, std::size_t index) {
    const auto& element = array.elements[index];
    const auto line = line_before(text, element.begin);
    auto begin = element.begin - line.size();
    if (line.empty() && index > 0 && text[begin - 1] == ' ')
        --begin;
    text.erase(begin, (element.comma ? *element.comma + 1 : element.end) - begin);
    if (!element.comma && index > 0)
        text.erase(*array.elements[index - 1].comma, 1);
}

/// Inserts `line` at `at` as a line of its own.
void insert_line(std::string& text, std::size_t at, const std::string& line) {
    const std::string end(line_end_of(text));
    if (at > 0 && at == text.size() && text[at - 1] != '\n')
        text.insert(at, end + line);
    else
        text.insert(at, line + end);
}

/// Removes the statement with its line end, or with the one before it.
void take_out_line(std::string& text, const TomlStatement& statement) {
    auto begin = statement.begin;
    if (statement.end == text.size() && !text.ends_with('\n') && begin > 0)
        begin -= begin > 1 && text[begin - 2] == '\r' ? 2 : 1;
    text.erase(begin, statement.end - begin);
}

std::string_view line_of(std::string_view text, const TomlStatement& statement) {
    return text.substr(statement.begin,
                       rest_of_line(text, statement.value_end, text.size()) - statement.begin);
}

/// An array, or nothing.
Result<std::optional<TomlArray>> imports_array(std::string_view text, const toml::table& table,
                                               std::string_view name) {
    const auto* const node = table.get("imports");
    if (node == nullptr)
        return std::optional<TomlArray>();
    const auto root = scan_toml_root(text);
    const auto* const statement = find(root, "imports");
    if (!node->is_array() || statement == nullptr || text[statement->value_begin] != '[')
        return refused(std::string(name) + ": 'imports' is not an array",
                       "correct it first; nothing was changed");
    return std::optional(scan_toml_array(text, statement->value_begin));
}

/// Removes the lines that add_import made in a file without other settings.
void take_out_made_lines(std::string& text, const TomlStatement& imports) {
    take_out_line(text, imports);
    const auto rest = scan_toml_root(text);
    if (rest.statements.size() != 1 || rest.has_tables)
        return;
    const auto& last = rest.statements.front();
    const auto line = line_of(text, last);
    if (last.key == "version" && line.ends_with(mark))
        take_out_line(text, last);
}

std::optional<std::size_t> index_of(const toml::table& table, std::string_view path) {
    const auto* const array = table.get_as<toml::array>("imports");
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i)
        if (const auto* const text = array->get_as<std::string>(i); text && text->get() == path)
            return i;
    return std::nullopt;
}

} // namespace

Result<std::string> add_import(std::string_view text, std::string_view path, std::string_view name,
                               std::int64_t version) {
    const auto table = GRAPNEL_TRY(parse_settings(text, name));
    const auto array = GRAPNEL_TRY(imports_array(text, table, name));
    std::string out(text);
    if (index_of(table, path))
        return out;
    if (array) {
        append_element(out, *array, toml_string(path));
        return out;
    }
    auto root = scan_toml_root(out);
    if (table.empty()) {
        insert_line(out, root.begin, version_line(version));
        root = scan_toml_root(out);
    }
    const auto* const said = find(root, "version");
    insert_line(out, said != nullptr ? said->end : root.begin, imports_line(path));
    return out;
}

Result<std::string> remove_import(std::string_view text, std::string_view path,
                                  std::string_view name) {
    const auto table = GRAPNEL_TRY(parse_settings(text, name));
    const auto array = GRAPNEL_TRY(imports_array(text, table, name));
    std::string out(text);
    const auto index = index_of(table, path);
    if (!array || !index || *index >= array->elements.size())
        return out;
    const auto root = scan_toml_root(out);
    const auto& imports = *find(root, "imports");
    if (line_of(out, imports) != imports_line(path)) {
        take_out_element(out, *array, *index);
        return out;
    }
    take_out_made_lines(out, imports);
    return out;
}

Result<std::string> remove_made_import(std::string_view text, std::string_view path,
                                       std::string_view name) {
    GRAPNEL_TRY(parse_settings(text, name));
    const auto root = scan_toml_root(text);
    const auto* const imports = find(root, "imports");
    if (imports == nullptr || line_of(text, *imports) != imports_line(path))
        return std::string(text);
    return remove_import(text, path, name);
}

} // namespace grapnel::engine_config
