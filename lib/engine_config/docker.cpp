// SPDX-License-Identifier: Apache-2.0
#include "engine_config/docker.hpp"

#include "base/text.hpp"
#include "engine_config/json_text.hpp"
#include "json/text.hpp"

#include <nlohmann/json.hpp>

namespace grapnel::engine_config {

namespace {

using Place = JsonText::Place;

bool is_blank(const Text& text) {
    return !text || trim(*text).empty();
}

Result<JsonText> parse(const Text& text, std::string_view name) {
    return JsonText::parse(is_blank(text) ? "{}\n" : std::string_view(*text), name);
}

/// An existing entry keeps its other members, unless it is a shim's, which has no path.
Status enter_runtime(JsonText& json, const RuntimeEntry& entry) {
    const Place place{"runtimes", entry.name};
    const auto present = GRAPNEL_TRY(json.value(place));
    const bool object = present && present->starts_with('{');
    if (object && !GRAPNEL_TRY(json.value({"runtimes", entry.name, "runtimeType"})))
        return json.set({"runtimes", entry.name, "path"}, entry.path);
    return json.set(place, {{"path", entry.path}});
}

/// Restores the original value at `place`, or removes it, with an object that was made for it.
Status put_back(JsonText& json, const JsonText& original, const Place& place) {
    if (const auto former = GRAPNEL_TRY(original.value(place)))
        return json.set_text(place, *former);
    GRAPNEL_TRY(json.remove(place));
    const Place holder(place.begin(), place.end() - 1);
    // other members of the object were removed since, and do not come back
    const bool held_more =
        GRAPNEL_TRY(original.is_object(holder)) && !GRAPNEL_TRY(original.is_empty_object(holder));
    if (held_more)
        return {};
    if (holder.empty() || !GRAPNEL_TRY(json.is_empty_object(holder)))
        return {};
    return put_back(json, original, holder);
}

Status take_out_runtime(JsonText& json, const JsonText& original, const RuntimeEntry& entry) {
    Place place{"runtimes", entry.name};
    const auto path = GRAPNEL_TRY(original.string({"runtimes", entry.name, "path"}));
    const auto shim = GRAPNEL_TRY(original.value({"runtimes", entry.name, "runtimeType"}));
    if (path && !shim)
        place.emplace_back("path");
    GRAPNEL_TRY(put_back(json, original, place));
    // a default that is not there would keep the daemon from starting
    if (GRAPNEL_TRY(json.string({"default-runtime"})) == entry.name)
        GRAPNEL_TRY(put_back(json, original, {"default-runtime"}));
    return {};
}

/// The names of the runtimes that have the path.
Result<std::vector<std::string>> runtimes_of_path(const JsonText& json, std::string_view path) {
    const auto text = GRAPNEL_TRY(json.value({"runtimes"}));
    const auto runtimes = parse_json(text.value_or("null"));
    std::vector<std::string> names;
    if (runtimes.is_object())
        for (const auto& [name, runtime] : runtimes.items())
            if (runtime.is_object() && runtime.contains("path") && runtime["path"] == path)
                names.push_back(name);
    return names;
}

/// The text without the runtimes of that path, of whatever name.
Result<Text> without_ours(Text text, const Text& original, const RuntimeEntry& entry,
                          std::string_view name) {
    const auto json = GRAPNEL_TRY(parse(text, name));
    const auto ours = GRAPNEL_TRY(runtimes_of_path(json, entry.path));
    for (const auto& one : ours) // but for a name that stands twice, which stays as it is
        if (auto without =
                remove_from_docker(text, original, {.name = one, .path = entry.path}, name))
            text = std::move(without->text);
    return text;
}

} // namespace

Result<Edit> add_to_docker(const Text& text, const RuntimeEntry& entry, std::string_view name) {
    auto json = GRAPNEL_TRY(parse(text, name));
    const auto path = GRAPNEL_TRY(json.string({"runtimes", entry.name, "path"}));
    const auto shim = GRAPNEL_TRY(json.value({"runtimes", entry.name, "runtimeType"}));
    if (path != entry.path || shim)
        GRAPNEL_TRY(enter_runtime(json, entry));
    if (entry.set_as_default && GRAPNEL_TRY(json.string({"default-runtime"})) != entry.name)
        GRAPNEL_TRY(json.set({"default-runtime"}, entry.name));
    if (entry.cdi && GRAPNEL_TRY(json.value({"features", "cdi"})) != "true")
        GRAPNEL_TRY(json.set({"features", "cdi"}, true));
    GRAPNEL_TRY(JsonText::parse(json.text(), name));
    return Edit{.text = json.text()};
}

Result<Text> original_of_docker(const std::vector<OtherFile>& copies, const RuntimeEntry& entry) {
    Text original;
    for (const auto& copy : copies)
        original = GRAPNEL_TRY(without_ours(copy.text, original, entry, copy.path));
    return original;
}

Result<Edit> remove_from_docker(const Text& text, const Text& copy, const RuntimeEntry& entry,
                                std::string_view name) {
    if (!text)
        return Edit{};
    if (is_blank(text))
        return Edit{.text = text};
    auto json = GRAPNEL_TRY(parse(text, name));
    const auto original_name = std::string(name) + " before the change";
    const auto original = GRAPNEL_TRY(without_ours(copy, std::nullopt, entry, original_name));
    const auto before = GRAPNEL_TRY(parse(original, original_name));
    Edit edit;
    const auto path = GRAPNEL_TRY(json.string({"runtimes", entry.name, "path"}));
    if (path == entry.path)
        GRAPNEL_TRY(take_out_runtime(json, before, entry));
    else if (path)
        edit.notices.warn("the runtime " + quote(entry.name) + " is " + quote(*path)
                          + ", and stays: --runtime-path names the one to take out");
    // features that are no object hold nothing of ours
    const bool cdi = json.value({"features", "cdi"}).value_or(std::nullopt) == "true";
    if (cdi && entry.cdi)
        GRAPNEL_TRY(put_back(json, before, {"features", "cdi"}));
    else if (cdi && path == entry.path)
        edit.notices.warn("the feature cdi stays: --unset --cdi takes it out as well");
    edit.text = json.text();
    if (json.text() != *text && GRAPNEL_TRY(json.is_empty_object({}))
        && GRAPNEL_TRY(before.is_empty_object({})))
        edit.text = original;
    GRAPNEL_TRY(parse(edit.text, name));
    return edit;
}

} // namespace grapnel::engine_config
