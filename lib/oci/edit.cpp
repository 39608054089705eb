// SPDX-License-Identifier: Apache-2.0
#include "oci/edit.hpp"

#include "base/text.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace grapnel {

namespace {

using OrderedJson = nlohmann::ordered_json; // members keep their order

enum class Shape { object, array };

/// The member, made where it is missing or null.
Result<OrderedJson*> member(OrderedJson& object, const char* key, Shape shape) {
    auto& found = object[key];
    if (found.is_null())
        found = shape == Shape::object ? OrderedJson::object() : OrderedJson::array();
    if (shape == Shape::object ? !found.is_object() : !found.is_array())
        return refused("'" + std::string(key) + "' is not an "
                       + (shape == Shape::object ? "object" : "array"));
    return &found;
}

bool is_known_hook(const OrderedJson& entry) {
    constexpr std::array<std::string_view, 3> names{"grapnel-hook", "nvidia-container-runtime-hook",
                                                    "nvidia-container-toolkit"};
    const auto path = entry.is_object() ? entry.find("path") : entry.end();
    const auto* const text =
        entry.is_object() && path != entry.end() ? path->get_ptr<const std::string*>() : nullptr;
    return text != nullptr
           && std::ranges::find(names, std::string_view(*text).substr(text->rfind('/') + 1))
                  != names.end();
}

/// A stage that is missing is not made.
bool has_known_hook(const OrderedJson& hooks, const char* stage) {
    const auto entries = hooks.find(stage);
    return entries != hooks.end() && entries->is_array()
           && std::ranges::any_of(*entries, is_known_hook);
}

/// JSON is UTF-8, and a path is any bytes.
Status check_text(const std::string& text) {
    const auto kept = write_json(OrderedJson(text), {.not_utf8 = JsonForm::NotUtf8::left_out});
    if (parse_ordered_json(kept) != text)
        return refused(quote(text) + " is not UTF-8, as all of config.json must be",
                       "choose another name");
    return {};
}

Status add_hook(OrderedJson& hooks, const char* stage, const SpecEdits& edits) {
    GRAPNEL_TRY(check_text(edits.hook.text()));
    for (const auto& option : edits.hook_options)
        GRAPNEL_TRY(check_text(option));
    auto arguments = edits.hook_options;
    arguments.insert(arguments.begin(), std::string(edits.hook.name()));
    arguments.emplace_back(stage);
    OrderedJson entry = OrderedJson::object();
    entry["path"] = edits.hook.text();
    entry["args"] = arguments;
    entry["env"] = OrderedJson::array(); // without the key a runtime hands on its own
    GRAPNEL_TRY(member(hooks, stage, Shape::array))->push_back(std::move(entry));
    return {};
}

Status add_hooks(OrderedJson& spec, const SpecEdits& edits) {
    auto& hooks = *GRAPNEL_TRY(member(spec, "hooks", Shape::object));
    if (!has_known_hook(hooks, "prestart") && !has_known_hook(hooks, "createRuntime"))
        GRAPNEL_TRY(add_hook(hooks, "prestart", edits));
    if (!has_known_hook(hooks, "poststop"))
        GRAPNEL_TRY(add_hook(hooks, "poststop", edits));
    return {};
}

/// A member of each rule that is added here: a bundle is used again, and then asks for others.
/// Runtimes pass over members that they do not know (specification, config.md, "Extensibility").
constexpr auto marker = "addedBy";
constexpr auto marked = "grapnel";

OrderedJson to_json(const DeviceRule& rule) {
    OrderedJson entry = OrderedJson::object();
    entry["allow"] = rule.allow;
    entry["type"] = rule.type == DeviceRule::Type::block ? "b" : "c";
    if (rule.major)
        entry["major"] = *rule.major;
    if (rule.minor)
        entry["minor"] = *rule.minor;
    std::string access;
    for (const auto& [bit, letter] :
         {std::pair{access_read, 'r'}, std::pair{access_write, 'w'}, std::pair{access_mknod, 'm'}})
        if ((rule.access & bit) != 0)
            access += letter;
    entry["access"] = access;
    entry[marker] = marked;
    return entry;
}

bool is_added_rule(const OrderedJson& rule) {
    if (!rule.is_object() || rule.value("allow", OrderedJson()) != true)
        return false;
    return rule.value(marker, OrderedJson()) == marked;
}

constexpr auto devices_of_spec = "/linux/resources/devices";

void remove_added_rules(OrderedJson& spec) {
    const OrderedJson::json_pointer devices{devices_of_spec};
    if (spec.contains(devices) && spec[devices].is_array()) {
        auto& rules = spec[devices];
        rules.erase(std::remove_if(rules.begin(), rules.end(), is_added_rule), rules.end());
    }
}

void add_missing(OrderedJson& array, OrderedJson entry) {
    if (std::ranges::find(array, entry) == array.end())
        array.push_back(std::move(entry));
}

Status add_device_rules(OrderedJson& spec, const SpecEdits& edits) {
    if (edits.device_rules.empty())
        return {};
    auto& section = *GRAPNEL_TRY(member(spec, "linux", Shape::object));
    auto& resources = *GRAPNEL_TRY(member(section, "resources", Shape::object));
    auto& devices = *GRAPNEL_TRY(member(resources, "devices", Shape::array));
    // a rule counts where it stands: one that is there already may be denied again behind it
    for (const auto& rule : edits.device_rules)
        devices.push_back(to_json(rule));
    return {};
}

Status add_groups(OrderedJson& spec, const SpecEdits& edits) {
    if (edits.groups.empty())
        return {};
    auto& process = *GRAPNEL_TRY(member(spec, "process", Shape::object));
    auto& user = *GRAPNEL_TRY(member(process, "user", Shape::object));
    auto& groups = *GRAPNEL_TRY(member(user, "additionalGids", Shape::array));
    for (const auto group : edits.groups)
        add_missing(groups, group);
    return {};
}

Result<OrderedJson> parse_to_edit(std::string_view text) {
    GRAPNEL_TRY(check_rewritable_json(text));
    auto spec = parse_ordered_json(text);
    if (spec.is_discarded() || !spec.is_object())
        return refused("it is not a JSON object");
    return spec;
}

Result<std::string> edited(std::string_view text, const SpecEdits& edits) {
    auto spec = GRAPNEL_TRY(parse_to_edit(text));
    remove_added_rules(spec);
    GRAPNEL_TRY(add_hooks(spec, edits));
    GRAPNEL_TRY(add_device_rules(spec, edits));
    GRAPNEL_TRY(add_groups(spec, edits));
    return write_json(spec);
}

bool is_entry_of(const OrderedJson& entry, const HostPath& hook) {
    return entry.is_object() && entry.size() == 3
           && entry.value("path", OrderedJson()) == hook.text()
           && entry.value("args", OrderedJson()).is_array()
           && entry.value("env", OrderedJson()) == OrderedJson::array();
}

bool is_character_device_rule(const OrderedJson& rule) {
    constexpr std::array<std::string_view, 6> members{"allow", "type",   "major",
                                                      "minor", "access", marker};
    return is_added_rule(rule) && rule.value("type", OrderedJson()) == "c"
           && rule.value("major", OrderedJson()).is_number_unsigned()
           && rule.value("minor", OrderedJson()).is_number_unsigned()
           && std::ranges::all_of(rule.items(), [&](const auto& member) {
                  return std::ranges::find(members, member.key()) != members.end();
              });
}

/// The array at the end of a way of member names; made with all before it where they are missing,
/// as the edits do. Nothing where something else is in the way.
OrderedJson* array_at(OrderedJson& object, std::initializer_list<const char*> way) {
    auto* at = &object;
    for (const auto* const name : way) {
        if (!at->is_object() && !at->is_null())
            return nullptr;
        at = &(*at)[name];
    }
    if (at->is_null())
        *at = OrderedJson::array();
    return at->is_array() ? at : nullptr;
}

/// Adds to the array of `before` the additional elements that the one of `after` ends with, as far
/// as they are allowed.
template <typename Allowed>
void take_additions(OrderedJson& before, const OrderedJson& after,
                    std::initializer_list<const char*> way, const Allowed& is_allowed) {
    const auto* theirs = &after;
    for (const auto* const name : way) {
        const auto found = theirs->is_object() ? theirs->find(name) : theirs->end();
        if (!theirs->is_object() || found == theirs->end())
            return;
        theirs = &*found;
    }
    auto* const ours = theirs->is_array() ? array_at(before, way) : nullptr;
    if (ours == nullptr)
        return;
    for (auto at = ours->size(); at < theirs->size() && is_allowed((*theirs)[at]); ++at)
        ours->push_back((*theirs)[at]);
}

} // namespace

Status check_edit(std::string_view json, std::string_view edited, const HostPath& hook) {
    auto before = GRAPNEL_TRY(parse_to_edit(json));
    const auto after = GRAPNEL_TRY(parse_to_edit(edited));
    remove_added_rules(before);
    const auto is_hook = [&](const OrderedJson& entry) { return is_entry_of(entry, hook); };
    take_additions(before, after, {"hooks", "prestart"}, is_hook);
    take_additions(before, after, {"hooks", "poststop"}, is_hook);
    take_additions(before, after, {"linux", "resources", "devices"}, is_character_device_rule);
    take_additions(before, after, {"process", "user", "additionalGids"},
                   [](const OrderedJson& group) { return group.is_number_unsigned(); });
    if (before != after)
        return refused("it changes more of config.json than the driver needs");
    return {};
}

bool may_hold_added_rules(std::string_view json) {
    return json.find(std::string("\"") + marker + "\"") != std::string_view::npos;
}

bool holds_device_rules(std::string_view resources) {
    const auto parsed = parse_ordered_json(resources);
    const auto devices = parsed.is_object() ? parsed.find("devices") : parsed.end();
    return parsed.is_object() && devices != parsed.end() && !devices->empty();
}

Result<std::optional<std::string>> with_added_rules_of(std::string_view resources,
                                                       std::string_view config) {
    auto changed = GRAPNEL_TRY(parse_to_edit(resources).note("the new resources"));
    auto spec = GRAPNEL_TRY(parse_to_edit(config).note("config.json"));
    const OrderedJson::json_pointer place{devices_of_spec};
    if (!spec.contains(place) || !spec[place].is_array())
        return std::optional<std::string>();
    auto& devices = *GRAPNEL_TRY(member(changed, "devices", Shape::array));
    const auto before = devices.size();
    std::ranges::copy_if(spec[place], std::back_inserter(devices), is_added_rule);
    return devices.size() == before ? std::nullopt : std::optional(write_json(changed));
}

Result<std::string> without_added_rules(std::string_view json) {
    auto spec = parse_to_edit(json);
    if (!spec)
        return std::move(spec).note("config.json").error();
    remove_added_rules(*spec);
    return write_json(*spec);
}

Result<std::string> edit_spec(std::string_view json, const SpecEdits& edits) {
    return edited(json, edits).note("config.json");
}

} // namespace grapnel
