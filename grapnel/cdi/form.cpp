// SPDX-License-Identifier: Apache-2.0
#include "cdi/form.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>

namespace grapnel::cdi_command {

namespace {

constexpr std::array<std::string_view, 8> versions{"0.3.0", "0.4.0", "0.5.0", "0.6.0",
                                                   "0.7.0", "0.8.0", "1.0.0", "1.1.0"};

enum class Type { text, path, texts, number, numbers, object, objects };

struct Field {
    std::string_view name;
    Type type;
    bool is_needed = false;
    std::string_view since = "0.3.0";
};

using Fields = std::span<const Field>;

constexpr auto spec_fields = std::to_array<Field>({{"cdiVersion", Type::text, true},
                                                   {"kind", Type::text, true},
                                                   {"annotations", Type::object, false, "0.6.0"},
                                                   {"devices", Type::objects, true},
                                                   {"containerEdits", Type::object}});
constexpr auto device_fields = std::to_array<Field>({{"name", Type::text, true},
                                                     {"annotations", Type::object, false, "0.6.0"},
                                                     {"containerEdits", Type::object, true}});
constexpr auto edit_fields =
    std::to_array<Field>({{"env", Type::texts},
                          {"deviceNodes", Type::objects},
                          {"netDevices", Type::objects, false, "1.1.0"},
                          {"hooks", Type::objects},
                          {"mounts", Type::objects},
                          {"intelRdt", Type::object, false, "0.7.0"},
                          {"additionalGids", Type::numbers, false, "0.7.0"}});
constexpr auto node_fields = std::to_array<Field>({{"path", Type::path, true},
                                                   {"hostPath", Type::path, false, "0.5.0"},
                                                   {"type", Type::text},
                                                   {"major", Type::number},
                                                   {"minor", Type::number},
                                                   {"fileMode", Type::number},
                                                   {"permissions", Type::text},
                                                   {"uid", Type::number},
                                                   {"gid", Type::number}});
constexpr auto hook_fields = std::to_array<Field>({{"hookName", Type::text, true},
                                                   {"path", Type::path, true},
                                                   {"args", Type::texts},
                                                   {"env", Type::texts},
                                                   {"timeout", Type::number}});
constexpr auto mount_fields = std::to_array<Field>({{"hostPath", Type::text, true},
                                                    {"containerPath", Type::path, true},
                                                    {"options", Type::texts},
                                                    {"type", Type::text, false, "0.4.0"}});

constexpr std::array<std::string_view, 6> stages{
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_device_name(std::string_view name) {
    return !name.empty() && is_alphanumeric(name.front()) && is_alphanumeric(name.back())
           && std::ranges::all_of(name, [](char c) {
                  return is_alphanumeric(c)
                         || std::string_view("_-.:").find(c) != std::string_view::npos;
              });
}

bool is_of(Type type, const nlohmann::json& value) {
    const auto all = [&](Type each) {
        return value.is_array()
               && std::ranges::all_of(value, [&](const auto& item) { return is_of(each, item); });
    };
    switch (type) {
    case Type::text:
        return value.is_string();
    case Type::path:
        return value.is_string() && value.get_ref<const std::string&>().starts_with('/');
    case Type::texts:
        return all(Type::text);
    case Type::number:
        return value.is_number_integer();
    case Type::numbers:
        return all(Type::number);
    case Type::object:
        return value.is_object();
    case Type::objects:
        return all(Type::object);
    }
    return false;
}

std::string_view name_of(Type type) {
    constexpr std::array<std::string_view, 7> names{
        "a text",           "an absolute path",        "a list of texts",
        "a whole number",   "a list of whole numbers", "an object",
        "a list of objects"};
    return names[static_cast<std::size_t>(type)];
}

class Checker {
  public:
    std::vector<FormMistake> take() { return std::move(mistakes_); }

    void spec(const nlohmann::json& spec) {
        if (!spec.is_object())
            return add("", "the file is no object");
        if (const auto* const version = text_at(spec, "cdiVersion"))
            take_version(*version);
        if (!fields("", spec, spec_fields))
            return;
        kind(*text_at(spec, "kind"));
        if (spec.at("devices").empty())
            add("devices", "there is no device");
        each(spec, "devices", "",
             [&](const nlohmann::json& item, const std::string& place) { device(item, place); });
        if (spec.contains("containerEdits"))
            edits(spec.at("containerEdits"), "containerEdits");
    }

  private:
    void add(std::string place, std::string text) {
        mistakes_.push_back({std::move(place), std::move(text)});
    }

    static const std::string* text_at(const nlohmann::json& object, const char* name) {
        const auto found = object.find(name);
        return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>()
                                                           : nullptr;
    }

    static std::string inside(const std::string& place, std::string_view name) {
        return place.empty() ? std::string(name) : place + "." + std::string(name);
    }

    void take_version(std::string version) {
        if (version.starts_with('v'))
            version.erase(0, 1);
        if (std::ranges::find(versions, version) == versions.end())
            return add("cdiVersion", quote(version) + " is no version of CDI that is known");
        version_ = version;
    }

    void need(std::string_view since, const std::string& place, std::string_view subject) {
        if (!version_.empty() && version_ < since)
            add(place, std::string(subject) + " needs cdiVersion " + std::string(since)
                           + ", and the file has " + version_);
    }

    /// Whether the object has each required field, and every field has its type.
    bool fields(const std::string& place, const nlohmann::json& object, Fields known) {
        const auto before = mistakes_.size();
        for (const auto& [name, value] : object.items()) {
            const auto field = std::ranges::find(known, name, &Field::name);
            const auto here = inside(place, name);
            if (field == known.end())
                add(here, "no field of that name is known");
            else if (!is_of(field->type, value))
                add(here, "it is not " + std::string(name_of(field->type)));
            else
                need(field->since, here, "the field");
        }
        for (const auto& field : known)
            if (field.is_needed && !object.contains(field.name))
                add(inside(place, field.name), "the field is missing");
        return mistakes_.size() == before;
    }

    template <typename Check>
    void each(const nlohmann::json& object, const char* name, const std::string& place,
              const Check& check) {
        const auto found = object.find(name);
        if (found == object.end())
            return;
        std::size_t number = 0;
        for (const auto& item : *found)
            check(item, inside(place, name) + "[" + std::to_string(number++) + "]");
    }

    void kind(const std::string& kind) {
        const auto slash = kind.find('/');
        const auto ends_well = [](std::string_view part) {
            return !part.empty() && is_alphanumeric(part.back());
        };
        if (!is_cdi_kind(kind) || !ends_well(std::string_view(kind).substr(0, slash))
            || !ends_well(kind))
            return add("kind", quote(kind) + " is not of the form VENDOR/CLASS");
        if (kind.find('.', slash) != std::string::npos)
            need("0.6.0", "kind", "a class with '.'");
    }

    void device(const nlohmann::json& device, const std::string& place) {
        if (!fields(place, device, device_fields))
            return;
        const auto& name = *text_at(device, "name");
        const auto here = inside(place, "name");
        if (!is_device_name(name))
            add(here, quote(name) + " is no name of a CDI device");
        else if (name.front() >= '0' && name.front() <= '9')
            need("0.5.0", here, "a name that begins with a digit");
        if (!names_.insert(name).second)
            add(here, quote(name) + " is the name of two devices");
        const auto& brought = device.at("containerEdits");
        if (std::ranges::all_of(brought, [](const auto& member) { return member.empty(); }))
            add(inside(place, "containerEdits"), "the device brings nothing");
        edits(brought, inside(place, "containerEdits"));
    }

    void edits(const nlohmann::json& edits, const std::string& place) {
        if (!fields(place, edits, edit_fields))
            return;
        each(edits, "env", place, [&](const nlohmann::json& item, const std::string& here) {
            const auto equals = item.get_ref<const std::string&>().find('=');
            if (equals == std::string::npos || equals == 0)
                add(here, "it is not of the form NAME=VALUE");
        });
        each(edits, "deviceNodes", place, [&](const nlohmann::json& item, const std::string& here) {
            if (fields(here, item, node_fields))
                node(item, here);
        });
        each(edits, "hooks", place, [&](const nlohmann::json& item, const std::string& here) {
            if (!fields(here, item, hook_fields))
                return;
            const auto& stage = *text_at(item, "hookName");
            if (std::ranges::find(stages, stage) == stages.end())
                add(inside(here, "hookName"), quote(stage) + " is no stage of OCI hooks");
        });
        each(edits, "mounts", place, [&](const nlohmann::json& item, const std::string& here) {
            fields(here, item, mount_fields);
        });
    }

    void node(const nlohmann::json& node, const std::string& place) {
        const auto* const type = text_at(node, "type");
        if (type != nullptr
            && (type->size() != 1
                || std::string_view("bcup").find(*type) == std::string_view::npos))
            add(inside(place, "type"), quote(*type) + " is no type of a device node");
        const auto* const permissions = text_at(node, "permissions");
        if (permissions != nullptr && permissions->find_first_not_of("rwm") != std::string::npos)
            add(inside(place, "permissions"), quote(*permissions) + " is not made of r, w and m");
    }

    std::string version_ = {}; ///< empty: unknown
    std::set<std::string> names_ = {};
    std::vector<FormMistake> mistakes_ = {};
};

} // namespace

std::vector<FormMistake> form_mistakes(const nlohmann::json& spec) {
    Checker checker;
    checker.spec(spec);
    return checker.take();
}

} // namespace grapnel::cdi_command
