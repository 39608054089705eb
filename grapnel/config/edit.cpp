// SPDX-License-Identifier: Apache-2.0
#include "config/edit.hpp"

#include "base/closest.hpp"
#include "base/text.hpp"
#include "config/keys.hpp"
#include "toml/parse.hpp"

#include <optional>
#include <vector>

namespace grapnel::config_command {

namespace {

Error unknown_key(const std::string& key, const std::map<std::string, KeyValue>& defaults) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : defaults)
        names.push_back(name);
    auto meant = suggestion(key, names);
    // a key without its table
    for (const auto& name : names)
        if (meant.empty() && name.ends_with("." + key))
            meant = "did you mean " + quote(name) + "?";
    return refused("unknown key " + quote(key),
                   meant.empty() ? "'grapnel config show' has them all" : meant);
}

Result<KeyValue> value_for(KeyValue::Type type, const std::string& word) {
    switch (type) {
    case KeyValue::Type::flag:
        if (word != "true" && word != "false")
            return refused(quote(word) + " is neither true nor false");
        return KeyValue{.type = type, .flag = word == "true"};
    case KeyValue::Type::text:
        return KeyValue{.text = word};
    case KeyValue::Type::list:
        break;
    }
    if (!word.starts_with('['))
        return KeyValue{.type = type, .list = comma_list(word)};
    const auto table = GRAPNEL_TRY(parse_toml("list = " + word, "the value", settings_size_limit));
    auto value = value_of(*table.get("list"));
    if (!value || value->type != type)
        return refused(quote(word) + " is no list of texts");
    return std::move(*value);
}

/// The offset of a position of toml++: lines and columns of characters, from 1 on.
std::size_t offset_of(std::string_view text, const toml::source_position& position) {
    std::size_t at = 0;
    for (toml::source_index line = 1; line < position.line && at < text.size(); ++line)
        at = std::min(text.find('\n', at), text.size() - 1) + 1;
    const auto continues = [&] {
        return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80;
    };
    for (toml::source_index column = 1; column < position.column && at < text.size(); ++column) {
        ++at;
        while (continues())
            ++at;
    }
    return at;
}

struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string before = {}; ///< written before "KEY = VALUE"
};

/// Where the key goes that is not in the file: its commented default, the beginning of its table,
/// or the end of the file.
Place place_for(const std::string& text, std::string_view table, std::string_view name) {
    std::string section;
    std::optional<Place> behind_header;
    std::size_t begin = 0;
    if (table.empty())
        behind_header = Place{};
    while (begin < text.size()) {
        const auto end = std::min(text.find('\n', begin), text.size());
        const auto line = trim(std::string_view(text).substr(begin, end - begin));
        if (line.starts_with('[') && line.find(']') != std::string_view::npos) {
            section = trim(line.substr(1, line.find(']') - 1));
            if (section == table)
                behind_header = Place{.begin = std::min(end + 1, text.size()),
                                      .end = std::min(end + 1, text.size()),
                                      .before = end == text.size() ? "\n" : ""};
        }
        if (section == table && line.starts_with("#" + std::string(name) + " = "))
            return {.begin = begin, .end = std::min(end + 1, text.size())};
        begin = end + 1;
    }
    if (behind_header)
        return *behind_header;
    const std::string gap = text.empty() ? "" : text.ends_with('\n') ? "\n" : "\n\n";
    return {
        .begin = text.size(), .end = text.size(), .before = gap + "[" + std::string(table) + "]\n"};
}

std::string replaced(const std::string& text, const std::string& key, const toml::node* node,
                     const std::string& value) {
    if (node != nullptr) {
        const auto begin = offset_of(text, node->source().begin);
        const auto end = offset_of(text, node->source().end);
        return text.substr(0, begin) + value + text.substr(end);
    }
    const auto dot = key.rfind('.');
    const auto name = dot == std::string::npos ? key : key.substr(dot + 1);
    const auto place = place_for(text, dot == std::string::npos ? "" : key.substr(0, dot), name);
    return text.substr(0, place.begin) + place.before + name + " = " + value + "\n"
           + text.substr(place.end);
}

/// The key has the value, and every other setting is as it was.
bool changes_nothing_else(const std::vector<Setting>& before, const std::vector<Setting>& after,
                          const std::string& key, const KeyValue& value) {
    for (std::size_t i = 0; i < before.size(); ++i) {
        const bool is_key = before[i].key == key;
        if (!(after[i].value == (is_key ? value : before[i].value)))
            return false;
    }
    return true;
}

} // namespace

Result<std::string> with_key(const std::string& text, std::string_view name, Dialect dialect,
                             const std::string& key, const std::string& word) {
    const auto defaults = GRAPNEL_TRY(default_values());
    const auto known = defaults.find(key);
    if (known == defaults.end())
        return unknown_key(key, defaults);
    const auto value = GRAPNEL_TRY(value_for(known->second.type, word).note(key));
    const auto table = GRAPNEL_TRY(parse_toml(text, name, settings_size_limit));
    auto edited = replaced(text, key, node_at(table, key), to_toml(value));
    const auto before = GRAPNEL_TRY(settings_in(text, name));
    const auto after = settings_in(edited, name);
    if (!after || !changes_nothing_else(before, *after, key, value))
        return refused(std::string(name) + ": " + key + " cannot be set here",
                       "write it with an editor: " + key + " = " + to_toml(value));
    const auto reading = read_settings(edited, dialect, name);
    if (reading.mistake && !read_settings(text, dialect, name).mistake)
        return *reading.mistake;
    return edited;
}

} // namespace grapnel::config_command
