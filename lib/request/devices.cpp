// SPDX-License-Identifier: Apache-2.0
#include "request/devices.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <set>

namespace grapnel {

namespace {

constexpr std::string_view volume_root = "/var/run/nvidia-container-devices/";
constexpr std::string_view imex_prefix = "imex/";

void push_unique(std::vector<std::string>& list, std::string_view item) {
    if (std::ranges::find(list, item) == list.end())
        list.emplace_back(item);
}

/// The device of a CDI name of NVIDIA's GPUs (nvidia.com/gpu=0); any other word as it is.
std::string_view without_kind(std::string_view word) {
    for (const std::string_view kind : {"nvidia.com/gpu=", "runtime.nvidia.com/gpu="})
        if (word.starts_with(kind))
            return word.substr(kind.size());
    return word;
}

std::string without_kinds(std::string_view list) {
    std::string out;
    for (const auto word : split(list, ','))
        out += std::string(without_kind(trim(word))) + ",";
    return out;
}

/// A volume mount writes a CDI name as cdi/VENDOR/CLASS/DEVICE, or with its equals sign.
std::string mounted_device(const std::string& name) {
    constexpr std::string_view prefix = "cdi/";
    if (!name.starts_with(prefix))
        return name;
    auto qualified = name.substr(prefix.size());
    const auto slash = qualified.find('/', qualified.find('/') + 1);
    if (qualified.find('=') == std::string::npos && slash != std::string::npos)
        qualified[slash] = '=';
    const auto device = without_kind(qualified);
    return device == qualified ? name : std::string(device);
}

/// What the accepted volume mounts name, IMEX channels included.
std::vector<std::string> mounted_names(const Spec& spec, const Settings& settings) {
    std::vector<std::string> names;
    if (!settings.accept_volume_mounts)
        return names;
    for (const auto& mount : spec.mounts) {
        const auto source = normal_absolute_path(mount.source);
        const auto destination = normal_absolute_path(mount.destination);
        if (source && destination && *source == "/dev/null"
            && destination->starts_with(volume_root))
            push_unique(names, std::string_view(*destination).substr(volume_root.size()));
    }
    return names;
}

std::optional<RequestedDevices> from_mounts(const Spec& spec, const Settings& settings) {
    RequestedDevices requested{.devices = Request::Devices::listed};
    for (const auto& mounted : mounted_names(spec, settings)) {
        const auto name = mounted_device(mounted);
        if (equal_ignoring_case(name, "all"))
            return RequestedDevices{.devices = Request::Devices::all};
        if (!name.starts_with(imex_prefix))
            push_unique(requested.listed, name);
    }
    if (requested.listed.empty())
        return std::nullopt;
    return requested;
}

/// The values of all the variables that swarm-resource names and that are set; one that is set
/// and empty hides NVIDIA_VISIBLE_DEVICES all the same.
std::optional<std::string> device_list(const Spec& spec, const Settings& settings) {
    std::optional<std::string> joined;
    for (const auto& name : settings.swarm_resources)
        if (const auto value = spec.variable(name))
            joined = joined ? *joined + "," + std::string(*value) : std::string(*value);
    if (joined)
        return joined;
    if (const auto value = spec.variable("NVIDIA_VISIBLE_DEVICES"))
        return std::string(*value);
    if (is_legacy_image(spec))
        return "all";
    return std::nullopt;
}

} // namespace

std::optional<RequestedDevices> devices_of(std::string_view list) {
    const auto words = comma_list(list);
    if (words.empty() || std::ranges::find(words, "void") != words.end())
        return std::nullopt;
    RequestedDevices requested{.devices = Request::Devices::listed};
    std::set<std::string_view> seen; // a list is as long as an image likes
    for (const auto& word : words) {
        if (equal_ignoring_case(word, "all"))
            return RequestedDevices{.devices = Request::Devices::all};
        if (word == "none")
            return RequestedDevices{.devices = Request::Devices::none};
        if (seen.insert(word).second)
            requested.listed.emplace_back(word);
    }
    return requested;
}

bool environment_counts(const Spec& spec, const Settings& settings) {
    return settings.accept_environment_when_unprivileged || spec.bounding_sys_admin;
}

bool is_legacy_image(const Spec& spec) {
    const auto set = [&](std::string_view name) {
        const auto value = spec.variable(name);
        return value && !value->empty();
    };
    return set("CUDA_VERSION") && !set("NVIDIA_REQUIRE_CUDA");
}

std::optional<RequestedDevices> requested_devices(const Spec& spec, const Settings& settings,
                                                  std::vector<std::string>& remarks) {
    if (auto mounted = from_mounts(spec, settings))
        return mounted;
    const auto list = device_list(spec, settings);
    auto requested = list ? devices_of(without_kinds(*list)) : std::nullopt;
    if (requested && !environment_counts(spec, settings)) {
        remarks.push_back("the environment asks for devices " + quote(*list)
                          + ", but the container is not privileged and the settings accept the "
                            "environment of privileged containers only: nothing is given");
        return std::nullopt;
    }
    return requested;
}

std::vector<std::string> mounted_imex_channels(const Spec& spec, const Settings& settings) {
    std::vector<std::string> out;
    for (const auto& name : mounted_names(spec, settings))
        if (name.starts_with(imex_prefix))
            out.push_back(name.substr(imex_prefix.size()));
    return out;
}

} // namespace grapnel
