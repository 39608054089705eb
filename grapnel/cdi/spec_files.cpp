// SPDX-License-Identifier: Apache-2.0
#include "cdi/spec_files.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "driver/driver_version.hpp"
#include "host.hpp"
#include "json/text.hpp"
#include "plan/cdi_devices.hpp"
#include "yaml/parse.hpp"

#include <algorithm>
#include <array>

namespace grapnel::cdi_command {

namespace {

bool is_spec_name(std::string_view name) {
    return name.ends_with(".json") || name.ends_with(".yaml");
}

/// Files of other vendors have hooks and paths that this program does not know.
bool is_of_nvidia(const doctor_command::CdiScan& scan) {
    return scan.is_live || !scan.options.empty()
           || std::ranges::find(cdi_kinds, scan.kind) != cdi_kinds.end();
}

/// Engines take a plain scalar such as 0 for text where the field is text.
void make_texts(SpecJson& value, std::string_view field) {
    constexpr std::array<std::string_view, 7> numbers{"major", "minor",   "fileMode",      "uid",
                                                      "gid",   "timeout", "additionalGids"};
    if (value.is_object())
        for (auto member = value.begin(); member != value.end(); ++member)
            make_texts(*member, member.key());
    else if (value.is_array())
        for (auto& item : value)
            make_texts(item, field);
    else if ((value.is_number() || value.is_boolean())
             && std::ranges::find(numbers, field) == numbers.end())
        value = write_json(value);
}

void compare_version(const Inventory& inventory, SpecFile& file) {
    for (const auto& path : file.scan.host_paths)
        if (const auto version = driver::version_in_name(path.name());
            version && *version != inventory.driver_version)
            file.reasons.push_back("it names driver " + *version + " (" + path.text() + "), and "
                                   + inventory.driver_version + " is loaded");
}

void compare_devices(const Inventory& inventory, SpecFile& file) {
    if (file.scan.kind != cdi_kind(CdiClass::gpu) || inventory.pass_through)
        return;
    using enum CdiNaming;
    const auto devices = cdi_devices(inventory, CdiClass::gpu, {index, uuid, type_index});
    for (const auto& name : file.scan.names)
        if (std::ranges::find(devices, name, &CdiDevice::name) == devices.end())
            file.reasons.push_back("it names device " + name + ", which is gone");
    const auto& options = file.scan.options;
    const bool has_some = options.find("--device-id") != std::string::npos
                          || options.find("--device=") != std::string::npos;
    if (has_some)
        return;
    for (const auto& missing : doctor_command::missing_devices(inventory, file.scan))
        file.reasons.push_back("it lacks " + missing);
}

void compare(const sys::HostFs& host, const Inventory* inventory, SpecFile& file) {
    for (const auto& hook : file.scan.hooks)
        if (!host.stat(hook)) {
            file.reasons.push_back("it names the hook " + hook.text() + ", which is not there");
            if (file.hook_command.empty())
                file.hook_command =
                    doctor_command::install_hook_command(host, installed_hook().parent(), hook);
        }
    for (const auto& reason : doctor_command::stale_paths(host, file.scan))
        file.reasons.push_back("it names " + reason);
    if (inventory == nullptr)
        return;
    compare_version(*inventory, file);
    compare_devices(*inventory, file);
}

/// Several devices name the same path.
void drop_duplicates(std::vector<std::string>& reasons) {
    std::vector<std::string> once;
    for (auto& reason : reasons)
        if (std::ranges::find(once, reason) == once.end())
            once.push_back(std::move(reason));
    reasons = std::move(once);
}

} // namespace

Result<SpecJson> parse_spec(const std::string& text) {
    auto spec = GRAPNEL_TRY(parse_yaml(text));
    make_texts(spec, "");
    return spec;
}

std::string_view state_of(const SpecFile& file) {
    if (!file.mistakes.empty())
        return "malformed";
    if (!file.reasons.empty())
        return "stale";
    return file.scan.is_live ? "live" : "static";
}

std::vector<HostPath> spec_paths(const sys::HostFs& host,
                                 const std::vector<HostPath>& directories) {
    if (directories.empty())
        return doctor_command::cdi_files(host);
    std::vector<HostPath> out;
    for (const auto& directory : directories)
        if (const auto names = host.list(directory))
            for (const auto& name : *names)
                if (is_spec_name(name))
                    out.push_back(directory / name);
    return out;
}

SpecFile read_spec_file(const sys::HostFs& host, const HostPath& path, const Inventory* inventory) {
    SpecFile file{.path = path};
    const auto text = host.read(path);
    const auto spec = text ? parse_spec(*text) : Result<SpecJson>(text.error());
    if (!spec) {
        file.mistakes.push_back({.text = spec.error().text()});
        return file;
    }
    file.mistakes = form_mistakes(*spec);
    file.scan = doctor_command::scan_cdi_json(*spec);
    if (is_of_nvidia(file.scan))
        compare(host, inventory, file);
    drop_duplicates(file.reasons);
    return file;
}

} // namespace grapnel::cdi_command
