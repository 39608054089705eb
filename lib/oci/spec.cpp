// SPDX-License-Identifier: Apache-2.0
#include "oci/spec.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"
#include "oci/json.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace grapnel {

namespace {

using oci::Json;

/// process.capabilities is an array in specifications from 1.0.0-rc1 to before -rc5 and an
/// object of sets since; the shape tells which.
Result<bool> bounding_has_sys_admin(const Json& process) {
    const auto* const capabilities = oci::member(process, "capabilities");
    if (capabilities == nullptr)
        return false;
    auto names = capabilities->is_object() ? oci::strings_member(*capabilities, "bounding")
                                           : oci::strings_member(process, "capabilities");
    const auto bounding = GRAPNEL_TRY(std::move(names).note("process.capabilities"));
    return std::ranges::find(bounding, "CAP_SYS_ADMIN") != bounding.end();
}

Result<std::uint32_t> id_of(const Json* value, const char* key) {
    if (value == nullptr)
        return std::uint32_t{0}; // as runtimes take it
    const auto* const number = value->get_ptr<const std::uint64_t*>();
    if (number == nullptr || *number > std::numeric_limits<std::uint32_t>::max())
        return refused("'" + std::string(key) + "' is not a number of 32 bits");
    return static_cast<std::uint32_t>(*number);
}

Result<ProcessUser> process_user(const Json& process) {
    ProcessUser out;
    const auto* const user = GRAPNEL_TRY(oci::object_member(process, "user"));
    if (user == nullptr)
        return out;
    out.user = GRAPNEL_TRY(id_of(oci::member(*user, "uid"), "uid"));
    out.group = GRAPNEL_TRY(id_of(oci::member(*user, "gid"), "gid"));
    const auto* const groups = GRAPNEL_TRY(oci::array_member(*user, "additionalGids"));
    if (groups == nullptr)
        return out;
    for (const auto& group : *groups)
        out.groups.push_back(GRAPNEL_TRY(id_of(&group, "additionalGids")));
    return out;
}

/// Missing: any, as runtimes take it. They also write -1 for any.
Result<std::optional<std::uint32_t>> number_or_any(const Json& rule, const char* key) {
    using Number = std::optional<std::uint32_t>;
    const auto* const value = oci::member(rule, key);
    if (value == nullptr)
        return Number();
    // get_ptr of a signed type takes numbers past its range as well: they are asked for first
    if (const auto* const number = value->get_ptr<const std::uint64_t*>()) {
        if (*number > std::numeric_limits<std::uint32_t>::max())
            return refused("'" + std::string(key) + "' is not a number of 32 bits");
        return Number(static_cast<std::uint32_t>(*number));
    }
    const auto* const number = value->get_ptr<const std::int64_t*>();
    if (number == nullptr)
        return refused("'" + std::string(key) + "' is not a number of 32 bits");
    return *number < 0 ? Number() : Number(0U); // JSON can write minus zero
}

Result<std::uint32_t> device_access(const Json& rule) {
    const auto text = GRAPNEL_TRY(oci::string_member(rule, "access"));
    if (text.empty())
        return std::uint32_t{access_read | access_write | access_mknod};
    std::uint32_t access = 0;
    for (const char c : text) {
        if (c != 'r' && c != 'w' && c != 'm')
            return refused("'access' " + quote(text) + " is not made of r, w and m");
        access |= c == 'r' ? access_read : c == 'w' ? access_write : access_mknod;
    }
    return access;
}

/// Nothing for a rule about FIFOs, which no device cgroup knows.
Result<std::optional<DeviceRule>> device_rule(const Json& json) {
    if (!json.is_object())
        return refused("a rule is not an object");
    DeviceRule rule;
    const auto* const allow = oci::member(json, "allow");
    if (allow != nullptr && !allow->is_boolean())
        return refused("'allow' is not true or false");
    rule.allow = allow != nullptr && *allow == true;
    const auto type = GRAPNEL_TRY(oci::string_member(json, "type"));
    if (!type.empty() && type != "a" && type != "b" && type != "c" && type != "u" && type != "p")
        return refused("'type' " + quote(type) + " is not a type of device");
    rule.type = type == "b"                  ? DeviceRule::Type::block
                : type == "c" || type == "u" ? DeviceRule::Type::character
                                             : DeviceRule::Type::all;
    rule.major = GRAPNEL_TRY(number_or_any(json, "major"));
    rule.minor = GRAPNEL_TRY(number_or_any(json, "minor"));
    rule.access = GRAPNEL_TRY(device_access(json));
    return type == "p" ? std::nullopt : std::optional(rule);
}

Result<std::vector<DeviceRule>> device_rules(const Json& resources) {
    std::vector<DeviceRule> rules;
    const auto* const devices = GRAPNEL_TRY(oci::array_member(resources, "devices"));
    if (devices != nullptr)
        for (const auto& device : *devices)
            if (auto rule = GRAPNEL_TRY(device_rule(device)))
                rules.push_back(*rule);
    return rules;
}

Result<std::vector<SpecMount>> mounts(const Json& spec) {
    std::vector<SpecMount> out;
    const auto* const array = GRAPNEL_TRY(oci::array_member(spec, "mounts"));
    if (array == nullptr)
        return out;
    for (const auto& mount : *array) {
        if (!mount.is_object())
            return refused("'mounts' is not an array of objects");
        SpecMount entry;
        entry.source = GRAPNEL_TRY(oci::string_member(mount, "source"));
        entry.destination = GRAPNEL_TRY(oci::string_member(mount, "destination"));
        out.push_back(std::move(entry));
    }
    return out;
}

Status read_cdi_devices(const Json& hooks, const char* stage, std::vector<std::string>& out) {
    const auto* const array = GRAPNEL_TRY(oci::array_member(hooks, stage));
    if (array == nullptr)
        return {};
    for (const auto& hook : *array) {
        if (!hook.is_object())
            return refused("'" + std::string(stage) + "' is not an array of objects");
        for (const auto& argument : GRAPNEL_TRY(oci::strings_member(hook, "args")))
            if (argument.starts_with(cdi_device_option))
                out.push_back(argument.substr(cdi_device_option.size()));
    }
    return {};
}

Result<std::vector<std::string>> cdi_devices(const Json& spec) {
    std::vector<std::string> out;
    const auto* const hooks = GRAPNEL_TRY(oci::object_member(spec, "hooks"));
    if (hooks != nullptr)
        for (const auto* const stage : {"prestart", "createRuntime"})
            GRAPNEL_TRY(read_cdi_devices(*hooks, stage, out).note("hooks"));
    return out;
}

Result<std::map<std::string, std::string>> annotations(const Json& spec) {
    std::map<std::string, std::string> out;
    const auto* const object = GRAPNEL_TRY(oci::object_member(spec, "annotations"));
    if (object == nullptr)
        return out;
    for (const auto& [key, value] : object->items()) {
        const auto* const text = value.get_ptr<const std::string*>();
        if (text == nullptr)
            return refused("'annotations' is not an object of strings");
        out.emplace(key, *text);
    }
    return out;
}

Result<bool> has_user_namespace(const Json& section) {
    const auto* const namespaces = GRAPNEL_TRY(oci::array_member(section, "namespaces"));
    if (namespaces == nullptr)
        return false;
    for (const auto& one : *namespaces) {
        if (!one.is_object())
            return refused("'namespaces' is not an array of objects");
        if (GRAPNEL_TRY(oci::string_member(one, "type")) == "user")
            return true;
    }
    return false;
}

Result<std::vector<IdMapping>> id_mappings(const Json& section, const char* key) {
    std::vector<IdMapping> out;
    const auto* const array = GRAPNEL_TRY(oci::array_member(section, key));
    if (array == nullptr)
        return out;
    for (const auto& entry : *array) {
        if (!entry.is_object())
            return refused("'" + std::string(key) + "' is not an array of objects");
        IdMapping mapping;
        for (const auto& [name, number] :
             {std::pair{"containerID", &mapping.inside}, std::pair{"hostID", &mapping.outside},
              std::pair{"size", &mapping.count}})
            *number = GRAPNEL_TRY(number_or_any(entry, name).note(key)).value_or(0);
        out.push_back(mapping);
    }
    return out;
}

Status read_linux(const Json& json, Spec& spec) {
    const auto* const section = GRAPNEL_TRY(oci::object_member(json, "linux"));
    if (section == nullptr)
        return {};
    spec.cgroups_path = GRAPNEL_TRY(oci::string_member(*section, "cgroupsPath"));
    spec.mount_label = GRAPNEL_TRY(oci::string_member(*section, "mountLabel"));
    spec.user_namespace = GRAPNEL_TRY(has_user_namespace(*section).note("linux"));
    spec.gid_mappings = GRAPNEL_TRY(id_mappings(*section, "gidMappings").note("linux"));
    const auto* const resources = GRAPNEL_TRY(oci::object_member(*section, "resources"));
    if (resources != nullptr)
        spec.device_rules = GRAPNEL_TRY(device_rules(*resources).note("linux.resources.devices"));
    return {};
}

/// All that this source reads.
std::vector<WantedMember> wanted_members(const std::vector<std::string>& annotation_prefixes) {
    const WantedMember hooks{"hooks", {{"prestart", {{"args"}}}, {"createRuntime", {{"args"}}}}};
    std::vector<WantedMember> wanted{
        {"process", {{"capabilities"}, {"env"}, {"user"}}},
        {"root", {{"path"}}},
        {"mounts", {{"destination"}, {"source"}}},
        hooks,
        {"linux",
         {{"cgroupsPath"},
          {"gidMappings"},
          {"mountLabel"},
          {"namespaces", {{"type"}}},
          {"resources", {{"devices"}}}}},
    };
    if (annotation_prefixes.empty())
        return wanted;
    auto& keys = wanted.emplace_back(WantedMember{.name = "annotations"}).members;
    for (const auto& prefix : annotation_prefixes)
        keys.push_back({.name = prefix, .is_prefix = true});
    return wanted;
}

Result<Spec> read_spec(std::string_view text, const std::vector<std::string>& annotation_prefixes) {
    const auto json =
        GRAPNEL_TRY(oci::parse_object(text, "it", wanted_members(annotation_prefixes)));
    Spec spec;
    const auto* const process = GRAPNEL_TRY(oci::object_member(json, "process"));
    if (process == nullptr)
        return refused("'process' is missing");
    spec.environment = GRAPNEL_TRY(oci::strings_member(*process, "env").note("process"));
    spec.user = GRAPNEL_TRY(process_user(*process).note("process.user"));
    spec.bounding_sys_admin = GRAPNEL_TRY(bounding_has_sys_admin(*process));
    const auto* const root = GRAPNEL_TRY(oci::object_member(json, "root"));
    if (root != nullptr)
        spec.root_path = GRAPNEL_TRY(oci::string_member(*root, "path").note("root"));
    if (spec.root_path.empty())
        return refused("'root.path' is missing");
    spec.mounts = GRAPNEL_TRY(mounts(json));
    spec.cdi_devices = GRAPNEL_TRY(cdi_devices(json));
    spec.annotations = GRAPNEL_TRY(annotations(json));
    GRAPNEL_TRY(read_linux(json, spec));
    return spec;
}

} // namespace

std::optional<std::uint32_t> Spec::group_inside(std::uint32_t group) const {
    if (!user_namespace)
        return group;
    for (const auto& mapping : gid_mappings)
        if (group >= mapping.outside && group - mapping.outside < mapping.count)
            return mapping.inside + (group - mapping.outside);
    return std::nullopt;
}

std::optional<std::string_view> Spec::variable(std::string_view name) const {
    for (auto at = environment.rbegin(); at != environment.rend(); ++at) {
        const std::string_view entry = *at;
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
    }
    return std::nullopt;
}

Result<Spec> parse_spec(std::string_view json,
                        const std::vector<std::string>& annotation_prefixes) {
    if (json.size() > spec_size_limit)
        return refused("config.json is longer than 16 MiB");
    return read_spec(json, annotation_prefixes).note("config.json");
}

Result<HostPath> rootfs_path(const Spec& spec, const HostPath& bundle) {
    const bool absolute = spec.root_path.front() == '/';
    const auto joined = absolute ? spec.root_path : bundle.text() + "/" + spec.root_path;
    const auto normal = GRAPNEL_TRY(lexically_normal(joined).note("root.path in config.json"));
    return HostPath::make(normal);
}

} // namespace grapnel
