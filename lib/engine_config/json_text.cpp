// SPDX-License-Identifier: Apache-2.0
#include "engine_config/json_text.hpp"

#include "base/text.hpp"
#include "engine_config/engine.hpp"
#include "engine_config/json_scan.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace grapnel::engine_config {

namespace {

using Json = nlohmann::ordered_json;

std::string joined(const JsonText::Place& place, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
        out += (i == 0 ? "" : ".") + place[i];
    return out;
}

} // namespace

/// As far as a place leads: the object at its end, or the last one there is.
struct JsonText::Found {
    std::size_t depth = 0; ///< how many names of the place led to `begin`
    std::size_t begin = 0; ///< of the value there
    std::size_t end = 0;
    std::optional<JsonObject> object = {}; ///< if it is one
    std::optional<JsonObject> parent = {};
    std::size_t index = 0; ///< in the parent
};

/// How members of an object are laid out.
struct JsonText::Layout {
    bool lines = true;        ///< each on a line of its own
    std::string indent = {};  ///< of its members
    std::string closing = {}; ///< of its closing brace
    std::string unit = "    ";
    std::string_view line_end = "\n";

    [[nodiscard]] std::string rendered(const Json& value, const std::string& at) const {
        if (!value.is_object() || value.empty())
            return write_json(value);
        std::string out = "{";
        bool first = true;
        for (const auto& [key, member] : value.items()) {
            out += first ? "" : lines ? "," : ", ";
            if (lines)
                out += std::string(line_end) + at + unit;
            out += write_json(Json(key)) + ": " + rendered(member, at + unit);
            first = false;
        }
        return out + (lines ? std::string(line_end) + at : "") + "}";
    }
};

namespace {

/// The blanks before `at` on its line; nothing if something else stands there.
std::optional<std::string> indent_before(std::string_view text, std::size_t at) {
    const auto end = text.find_last_not_of(" \t", at == 0 ? 0 : at - 1);
    if (at == 0 || end == text.npos || text[end] != '\n')
        return std::nullopt;
    return std::string(text.substr(end + 1, at - end - 1));
}

} // namespace

Result<JsonText> JsonText::parse(std::string_view text, std::string_view name) {
    if (const auto error = json_syntax_error(text)) {
        const auto before = text.substr(0, *error);
        // a line that ends too early shows at the first character of the next
        const auto line =
            1 + std::ranges::count(before.substr(0, before.find_last_not_of('\n') + 1), '\n');
        return refused(std::string(name) + ":" + std::to_string(line) + ": this is not JSON",
                       "correct it first; nothing was changed");
    }
    const auto at = json_skip_blanks(text, 0);
    if (at >= text.size() || text[at] != '{')
        return refused(std::string(name) + " is not a JSON object",
                       "correct it first; nothing was changed");
    return JsonText(std::string(text), std::string(name));
}

Result<JsonText::Found> JsonText::find(const Place& place) const {
    Found found{.begin = json_skip_blanks(text_, 0)};
    found.object = scan_json_object(text_, found.begin);
    found.end = found.object->end;
    for (const auto& name : place) {
        if (!found.object) {
            if (std::string_view(text_).substr(found.begin, found.end - found.begin) == "null")
                break;
            return refused(name_ + ": " + quote(joined(place, found.depth)) + " is not an object",
                           "correct it first; nothing was changed");
        }
        const auto& members = found.object->members;
        if (std::ranges::count(members, name, &JsonMember::key) > 1)
            return refused(name_ + ": " + quote(joined(place, found.depth + 1)) + " stands twice",
                           "take one out first; nothing was changed");
        const auto member = std::ranges::find(members, name, &JsonMember::key);
        if (member == members.end())
            break;
        found.index = static_cast<std::size_t>(member - members.begin());
        found.begin = member->value_begin;
        found.end = member->value_end;
        found.parent = std::move(found.object);
        found.object.reset();
        if (text_[found.begin] == '{')
            found.object = scan_json_object(text_, found.begin);
        ++found.depth;
    }
    return found;
}

Result<std::optional<std::string>> JsonText::value(const Place& place) const {
    const auto found = GRAPNEL_TRY(find(place));
    if (found.depth < place.size())
        return std::optional<std::string>();
    return std::optional(text_.substr(found.begin, found.end - found.begin));
}

Result<std::optional<std::string>> JsonText::string(const Place& place) const {
    const auto text = GRAPNEL_TRY(value(place));
    if (!text)
        return std::optional<std::string>();
    const auto json = parse_ordered_json(*text);
    const auto* const string = json.get_ptr<const std::string*>();
    return string != nullptr ? std::optional(*string) : std::nullopt;
}

JsonText::Layout JsonText::layout_of(const Found& object) const {
    Layout layout{.line_end = line_end_of(text_)};
    const auto root = scan_json_object(text_, json_skip_blanks(text_, 0));
    if (!root.members.empty())
        if (const auto indent = indent_before(text_, root.members.front().key_begin))
            layout.unit = indent->empty() ? layout.unit : *indent;
    if (!object.object->members.empty()) {
        const auto indent = indent_before(text_, object.object->members.front().key_begin);
        layout.lines = indent.has_value();
        layout.indent = indent.value_or("");
        return layout;
    }
    if (object.parent) {
        const auto outer = indent_before(text_, object.parent->members[object.index].key_begin);
        layout.lines = outer.has_value();
        layout.closing = outer.value_or("");
    }
    layout.indent = layout.closing + layout.unit;
    return layout;
}

void JsonText::insert(const Found& parent, const std::string& key, const Json& value) {
    const auto layout = layout_of(parent);
    const auto member = write_json(Json(key)) + ": " + layout.rendered(value, layout.indent);
    const auto line = layout.lines ? std::string(layout.line_end) + layout.indent : std::string();
    const auto& members = parent.object->members;
    if (!members.empty()) {
        text_.insert(members.back().value_end, "," + (layout.lines ? line : " ") + member);
        return;
    }
    const auto end = layout.lines ? std::string(layout.line_end) + layout.closing : std::string();
    text_.replace(parent.begin, parent.end - parent.begin, "{" + line + member + end + "}");
}

Status JsonText::set(const Place& place, const Json& value) {
    auto found = GRAPNEL_TRY(find(place));
    auto wanted = value;
    for (auto depth = place.size(); depth > found.depth + (found.object ? 1 : 0); --depth)
        wanted = Json::object({{place[depth - 1], wanted}});
    if (found.depth < place.size() && found.object) {
        insert(found, place[found.depth], wanted);
        return {};
    }
    // the value itself, or a null where an object should be
    const Found holder{.begin = found.begin, .end = found.end, .object = found.parent};
    const auto layout = layout_of(holder);
    text_.replace(found.begin, found.end - found.begin, layout.rendered(wanted, layout.indent));
    return {};
}

Status JsonText::set_text(const Place& place, std::string_view json) {
    if (GRAPNEL_TRY(find(place)).depth < place.size())
        GRAPNEL_TRY(set(place, nullptr));
    const auto found = GRAPNEL_TRY(find(place));
    text_.replace(found.begin, found.end - found.begin, json);
    return {};
}

Status JsonText::remove(const Place& place) {
    const auto found = GRAPNEL_TRY(find(place));
    if (place.empty() || found.depth < place.size())
        return {};
    const auto& members = found.parent->members;
    const auto& member = members[found.index];
    if (members.size() == 1)
        text_.replace(found.parent->begin, found.parent->end - found.parent->begin, "{}");
    else if (found.index > 0)
        text_.erase(members[found.index - 1].value_end,
                    member.value_end - members[found.index - 1].value_end);
    else
        text_.erase(member.key_begin, members[1].key_begin - member.key_begin);
    return {};
}

Result<bool> JsonText::is_object(const Place& place) const {
    const auto found = GRAPNEL_TRY(find(place));
    return found.depth == place.size() && found.object;
}

Result<bool> JsonText::is_empty_object(const Place& place) const {
    const auto found = GRAPNEL_TRY(find(place));
    return found.depth == place.size() && found.object && found.object->members.empty();
}

} // namespace grapnel::engine_config
