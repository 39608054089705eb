// SPDX-License-Identifier: Apache-2.0
#include "explain/decisions.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "request/devices.hpp"

#include <algorithm>

namespace grapnel::explanation {

namespace {

using Decisions = std::vector<Decision>;

std::string listed(const std::vector<std::string>& names) {
    return names.empty() ? "none" : enumerate(names);
}

Decision about_settings(const LoadedSettings& settings) {
    Decision out{.about = "settings", .result = "the defaults", .reason = "there is no file"};
    if (settings.file) {
        out.result = settings.file->text();
        out.reason = settings.named ? "named by a variable or the command line"
                                    : "the first file that is there";
    }
    if (settings.mistake)
        out.reason = settings.mistake->text();
    return out;
}

Decision about_devices(const Spec& spec, const Settings& settings) {
    const auto source = device_source(spec, settings);
    Decision out{.about = "devices", .result = quote(source.value)};
    switch (source.kind) {
    case DeviceSource::Kind::none:
        out.result = "none";
        out.reason = "NVIDIA_VISIBLE_DEVICES is not set, and no annotation, volume mount or CDI "
                     "device names one";
        break;
    case DeviceSource::Kind::cdi:
        out.reason = "the engine resolved CDI devices: no variable counts";
        break;
    case DeviceSource::Kind::annotations:
        out.reason = "annotation " + source.name + ", which comes before variables";
        break;
    case DeviceSource::Kind::volume_mounts:
        out.reason = "volume mounts, which accept-nvidia-visible-devices-as-volume-mounts lets "
                     "come before variables";
        break;
    case DeviceSource::Kind::variable:
        out.reason = "variable " + source.name
                     + (source.name == "NVIDIA_VISIBLE_DEVICES" ? "" : ", by swarm-resource");
        break;
    case DeviceSource::Kind::legacy_image:
        out.reason = "CUDA_VERSION without NVIDIA_REQUIRE_CUDA: an image of the old kind gets all";
        break;
    }
    return out;
}

Decision about_privilege(const Spec& spec, const Settings& settings) {
    constexpr auto key = "accept-nvidia-visible-devices-envvar-when-unprivileged";
    if (settings.accept_environment_when_unprivileged)
        return {.about = "may ask", .result = "yes", .reason = std::string(key) + " = true"};
    return {.about = "may ask",
            .result = spec.bounding_sys_admin ? "yes" : "no",
            .reason = std::string(key) + " = false, and the container has "
                      + (spec.bounding_sys_admin ? "CAP_SYS_ADMIN" : "no CAP_SYS_ADMIN")};
}

Decision about_capabilities(const Spec& spec, const Settings& settings, const Request& request) {
    Decision out{.about = "driver capabilities",
                 .result = listed(request.driver_capabilities.names())};
    const auto variable = spec.variable("NVIDIA_DRIVER_CAPABILITIES");
    if (is_cdi_request(spec))
        out.reason = "a CDI device brings all that supported-driver-capabilities allows";
    else if (variable && !variable->empty())
        out.reason = "NVIDIA_DRIVER_CAPABILITIES=" + quote(*variable);
    else if (!variable && is_legacy_image(spec))
        out.reason = "an image of the old kind gets all";
    else
        out.reason = "NVIDIA_DRIVER_CAPABILITIES is not set: the default";
    if (!(settings.supported_driver_capabilities == DriverCapabilities::all()))
        out.reason += "; supported-driver-capabilities = "
                      + listed(settings.supported_driver_capabilities.names());
    return out;
}

Decision about_requirements(const Settings& settings, const Request& request) {
    Decision out{.about = "requirements", .result = "none"};
    std::vector<std::string> texts;
    for (const auto& requirement : request.requirements)
        texts.push_back(quote(requirement.text));
    if (!texts.empty()) {
        out.result = enumerate(texts);
        out.reason = "NVIDIA_REQUIRE_* of the container, or CUDA_VERSION of an old image";
    } else if (settings.disable_require) {
        out.reason = "disable-require = true";
    }
    return out;
}

Decision about_loader(const Settings& settings, const Request& request) {
    switch (request.ldcache) {
    case LdCache::off:
        return {.about = "ld.so.cache", .result = "stays as it is", .reason = "ldcache = \"off\""};
    case LdCache::ldconfig:
        return {.about = "ld.so.cache",
                .result = "made by ldconfig",
                .reason = "ldcache = \"ldconfig\""};
    case LdCache::automatic:
        break;
    }
    return {.about = "ld.so.cache",
            .result = "the driver's libraries are merged in",
            .reason =
                request.forward_compat
                    ? "ldcache = \"auto\"; a newer libcuda of the image would be preferred"
                    : "ldcache = \"auto\"; cuda-compat-mode = " + quote(settings.cuda_compat_mode)};
}

} // namespace

Decisions decisions_of(const Spec& spec, const LoadedSettings& loaded,
                       const std::optional<Request>& request) {
    const auto& settings = loaded.settings;
    Decisions out{about_settings(loaded), about_devices(spec, settings)};
    if (!is_cdi_request(spec)
        && device_source(spec, settings).kind != DeviceSource::Kind::volume_mounts)
        out.push_back(about_privilege(spec, settings));
    if (!request || !request->driver)
        return out;
    out.push_back(about_capabilities(spec, settings, *request));
    out.push_back(about_requirements(settings, *request));
    out.push_back(about_loader(settings, *request));
    if (!request->change_cgroup)
        out.push_back({.about = "device cgroup",
                       .result = "stays as it is",
                       .reason = "nvidia-container-cli.no-cgroups = true"});
    return out;
}

std::vector<std::string> left_out_of(const Request& request, const Settings& settings,
                                     const Plan& plan, std::size_t host_gpus) {
    std::vector<std::string> out;
    std::vector<std::string> unasked;
    for (const auto name : driver_capability_names) {
        const auto capability = *driver_capability(name);
        if (request.driver_capabilities.has(capability))
            continue;
        if (settings.supported_driver_capabilities.has(capability))
            unasked.emplace_back(name);
        else
            out.push_back("driver capability " + std::string(name)
                          + ": supported-driver-capabilities in the settings does not allow it");
    }
    if (!unasked.empty())
        out.push_back("driver capabilities " + enumerate(unasked)
                      + ": ask with NVIDIA_DRIVER_CAPABILITIES=all, or name them");
    if (plan.gpus.size() < host_gpus)
        out.emplace_back(
            format_text("{} of {} GPUs: not asked for", host_gpus - plan.gpus.size(), host_gpus));
    if (!request.bind_devices)
        out.emplace_back("device nodes: the settings leave them out");
    return out;
}

} // namespace grapnel::explanation
