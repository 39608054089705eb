// SPDX-License-Identifier: Apache-2.0
#include "request/devices.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace grapnel {

namespace {

constexpr std::string_view volume_root = "/var/run/nvidia-container-devices/";
constexpr std::string_view imex_prefix = "imex/";

void push_unique(std::vector<std::string>& list, std::string_view item) {
    if (std::ranges::find(list, item) == list.end())
        list.emplace_back(item);
}

/// A volume mount writes a CDI name as cdi/VENDOR/CLASS/DEVICE, or with its equals sign.
DeviceName mounted_device(const std::string& name) {
    constexpr std::string_view prefix = "cdi/";
    if (!name.starts_with(prefix))
        return DeviceName(name);
    auto qualified = name.substr(prefix.size());
    const auto slash = qualified.find('/', qualified.find('/') + 1);
    if (qualified.find('=') == std::string::npos && slash != std::string::npos)
        qualified[slash] = '=';
    DeviceName parsed(std::move(qualified));
    return parsed.is_cdi_name() ? parsed : DeviceName(name);
}

/// The names of accepted volume mounts, IMEX channels included.
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

using Requested = std::optional<RequestedDevices>;

Result<Requested> finished(DeviceNames& names) {
    auto requested = GRAPNEL_TRY(names.finish());
    return requested.empty() ? Requested() : Requested(std::move(requested));
}

/// In legacy mode, and in modes that read no file for CDI, annotations are no request. An engine
/// can take them over from its user (CRI-O does from a pod), so where the mode is found out they
/// count as little as the environment.
enum class Annotations { not_read, as_environment, read };

Annotations annotations_of(RuntimeMode mode) {
    switch (mode) {
    case RuntimeMode::automatic:
        return Annotations::as_environment;
    case RuntimeMode::cdi:
        return Annotations::read;
    case RuntimeMode::csv:
    case RuntimeMode::jit_cdi:
    case RuntimeMode::legacy:
        break;
    }
    return Annotations::not_read;
}

bool has_prefix(const std::string& key, const Settings& settings) {
    return std::ranges::any_of(settings.annotation_prefixes,
                               [&](const auto& prefix) { return key.starts_with(prefix); });
}

Status take_cdi_name(DeviceNames& names, const std::string& word) {
    const DeviceName name(word);
    if (!name.is_cdi_name())
        return refused(quote(word) + " is no CDI name",
                       "a name has its kind with it, as nvidia.com/gpu=0");
    return names.take(name);
}

/// Devices of other vendors are left to the engine.
Status take_annotation(DeviceNames& names, const std::string& key, const std::string& value) {
    for (const auto& word : comma_list(value))
        GRAPNEL_TRY(take_cdi_name(names, word).note("annotation " + quote(key)));
    return {};
}

Result<Requested> from_annotations(const Spec& spec, const Settings& settings, Notices& notices) {
    const auto policy = annotations_of(settings.mode);
    if (policy == Annotations::not_read)
        return Requested();
    DeviceNames names(settings, DeviceNames::NoneIs::special_word,
                      DeviceNames::Unknown::passed_over);
    for (const auto& [key, value] : spec.annotations) {
        if (!has_prefix(key, settings))
            continue;
        if (policy == Annotations::as_environment && !environment_counts(spec, settings)) {
            notices.warn("annotation " + quote(key)
                         + " is passed over: the container is not privileged and the "
                           "settings accept the environment of privileged containers only; "
                           "mode = \"cdi\" accepts annotations");
            continue;
        }
        GRAPNEL_TRY(take_annotation(names, key, value));
    }
    for (const auto& word : names.passed_over())
        notices.warn("annotation of " + quote(word)
                     + " is passed over: its kind is none of NVIDIA's devices");
    return finished(names).note("annotations");
}

Result<Requested> from_cdi(const Spec& spec, const Settings& settings) {
    DeviceNames names(settings, DeviceNames::NoneIs::no_gpu, DeviceNames::Unknown::refused);
    for (const auto& word : spec.cdi_devices)
        GRAPNEL_TRY(take_cdi_name(names, word));
    return finished(names);
}

Result<Requested> from_mounts(const Spec& spec, const Settings& settings) {
    DeviceNames names(settings, DeviceNames::NoneIs::device, DeviceNames::Unknown::refused);
    for (const auto& mounted : mounted_names(spec, settings))
        if (const auto name = mounted_device(mounted); !name.text().starts_with(imex_prefix))
            GRAPNEL_TRY(names.take(name).note("volume mount"));
    return finished(names).note("volume mount");
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

/// The variable that device_list() reads.
std::string name_of_device_list(const Spec& spec, const Settings& settings) {
    for (const auto& name : settings.swarm_resources)
        if (spec.variable(name))
            return name;
    return "NVIDIA_VISIBLE_DEVICES";
}

/// In mode cdi a name without a kind is one of the settings' kind.
std::string_view kind_of_words(const Settings& settings) {
    return settings.mode == RuntimeMode::cdi ? settings.default_kind : std::string_view();
}

Result<Requested> from_environment(const Spec& spec, const Settings& settings, Notices& notices) {
    const auto list = device_list(spec, settings);
    auto words = list ? comma_list(*list) : std::vector<std::string>();
    if (words.empty() || has_void(words))
        return Requested();
    if (!environment_counts(spec, settings)) {
        notices.warn("the environment asks for devices " + quote(*list)
                     + ", but the container is not privileged and the settings accept the "
                       "environment of privileged containers only: nothing is given");
        return Requested();
    }
    DeviceNames names(settings, DeviceNames::NoneIs::special_word, DeviceNames::Unknown::refused);
    for (auto& word : words)
        GRAPNEL_TRY(names.take(DeviceName(std::move(word), kind_of_words(settings))));
    return finished(names);
}

} // namespace

bool has_void(const std::vector<std::string>& words) {
    return std::ranges::any_of(
        words, [](const auto& word) { return special_word(word) == SpecialWord::nothing; });
}

bool environment_counts(const Spec& spec, const Settings& settings) {
    return settings.accept_environment_when_unprivileged || spec.bounding_sys_admin;
}

bool is_cdi_request(const Spec& spec) {
    return !spec.cdi_devices.empty();
}

bool is_legacy_image(const Spec& spec) {
    const auto set = [&](std::string_view name) {
        const auto value = spec.variable(name);
        return value && !value->empty();
    };
    return set("CUDA_VERSION") && !set("NVIDIA_REQUIRE_CUDA");
}

Result<Requested> requested_devices(const Spec& spec, const Settings& settings, Notices& notices) {
    if (is_cdi_request(spec))
        return from_cdi(spec, settings).note("CDI device");
    if (auto annotated = GRAPNEL_TRY(from_annotations(spec, settings, notices)))
        return Requested(std::move(annotated));
    if (auto mounted = GRAPNEL_TRY(from_mounts(spec, settings)))
        return Requested(std::move(mounted));
    return from_environment(spec, settings, notices);
}

namespace {

/// Of containerd and CRI-O.
constexpr std::array container_type_keys{"io.kubernetes.cri.container-type",
                                         "io.kubernetes.cri-o.ContainerType"};

/// containerd and CRI-O make a container that holds a pod's namespaces, with the pod's runtime.
bool is_pod_sandbox(const Spec& spec) {
    return std::ranges::any_of(container_type_keys, [&](const auto* const key) {
        const auto found = spec.annotations.find(key);
        return found != spec.annotations.end() && found->second == "sandbox";
    });
}

} // namespace

std::vector<std::string> annotation_prefixes(const Settings& settings) {
    auto prefixes = settings.annotation_prefixes;
    prefixes.insert(prefixes.end(), container_type_keys.begin(), container_type_keys.end());
    return prefixes;
}

DeviceSource device_source(const Spec& spec, const Settings& settings) {
    using Kind = DeviceSource::Kind;
    const auto joined = [](const std::vector<std::string>& names) {
        std::string list;
        for (const auto& name : names)
            list += (list.empty() ? "" : ",") + name;
        return list;
    };
    if (is_cdi_request(spec))
        return {.kind = Kind::cdi, .value = joined(spec.cdi_devices)};
    Notices notices;
    const auto annotated = from_annotations(spec, settings, notices);
    if (!annotated || *annotated)
        for (const auto& [key, value] : spec.annotations)
            if (has_prefix(key, settings))
                return {.kind = Kind::annotations, .name = key, .value = value};
    const auto mounted = from_mounts(spec, settings);
    if (!mounted || *mounted)
        return {.kind = Kind::volume_mounts, .value = joined(mounted_names(spec, settings))};
    const auto list = device_list(spec, settings);
    if (!list)
        return {};
    const auto name = name_of_device_list(spec, settings);
    return {.kind = spec.variable(name) ? Kind::variable : Kind::legacy_image,
            .name = spec.variable(name) ? name : "CUDA_VERSION",
            .value = *list};
}

std::string describe_missing_request(const Spec& spec, const Settings& settings) {
    if (is_pod_sandbox(spec)) // nobody expects a GPU there
        return {};
    const std::string reason = "asks for no GPU: ";
    const auto list = device_list(spec, settings);
    if (!list)
        return reason + "NVIDIA_VISIBLE_DEVICES is not set";
    const auto name = name_of_device_list(spec, settings);
    const auto words = comma_list(*list);
    if (words.empty())
        return reason + name + " is empty";
    if (has_void(words))
        return reason + name + " is " + quote(*list);
    return {};
}

std::vector<std::string> mounted_imex_channels(const Spec& spec, const Settings& settings) {
    std::vector<std::string> out;
    for (const auto& name : mounted_names(spec, settings))
        if (name.starts_with(imex_prefix))
            out.push_back(name.substr(imex_prefix.size()));
    return out;
}

std::string describe(const DeviceSource& source) {
    using Kind = DeviceSource::Kind;
    switch (source.kind) {
    case Kind::cdi:
        return "CDI " + quote(source.value);
    case Kind::annotations:
        return "annotation " + quote(source.name);
    case Kind::volume_mounts:
        return "volume mounts " + quote(source.value);
    case Kind::variable:
        return source.name + "=" + quote(source.value);
    case Kind::legacy_image:
        return "an image with CUDA_VERSION alone";
    case Kind::none:
        break;
    }
    return "its environment";
}

} // namespace grapnel
