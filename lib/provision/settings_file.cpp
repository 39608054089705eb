// SPDX-License-Identifier: Apache-2.0
#include "provision/settings_file.hpp"

#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace grapnel {

namespace {

constexpr std::string_view nvidia_directory = "nvidia-container-runtime";

std::vector<HostPath> usual_places() {
    return {host_path("/etc/grapnel/config.toml"),
            host_path("/etc/nvidia-container-runtime/config.toml")};
}

Result<Settings> load(const HostPath& path, Dialect dialect) {
    auto text = sys::read_host_file(path, settings_size_limit).note("settings");
    if (!text && text.error().sys == EACCES)
        text = std::move(text).cure("it is for every user who starts a container: chmod a+r it");
    if (!text)
        return text.error();
    return parse_settings(*text, dialect, path.text());
}

Dialect dialect_of(const HostPath& path) {
    return path.parent().name() == nvidia_directory ? Dialect::nvidia : Dialect::grapnel;
}

/// Nothing if there is no such file.
Result<std::optional<Settings>> load_if_present(const HostPath& path) {
    auto settings = load(path, dialect_of(path));
    if (!settings && sys::is_missing(settings.error()))
        return std::optional<Settings>();
    if (!settings)
        return settings.error();
    return std::optional(std::move(*settings));
}

bool is_administrator() {
    return geteuid() == 0 && sys::in_initial_user_namespace();
}

} // namespace

Result<std::optional<HostPath>> settings_of_variables() {
    if (!is_administrator())
        return std::optional<HostPath>();
    const char* named = secure_getenv("NVIDIA_CTK_CONFIG_FILE_PATH");
    if (named != nullptr && *named != '\0')
        return std::optional(
            GRAPNEL_TRY(HostPath::make(named).note("NVIDIA_CTK_CONFIG_FILE_PATH")));
    const char* home = secure_getenv("XDG_CONFIG_HOME");
    if (home == nullptr || *home == '\0')
        return std::optional<HostPath>();
    const auto directory = GRAPNEL_TRY(HostPath::make(home).note("XDG_CONFIG_HOME"));
    const auto path = directory / nvidia_directory / "config.toml";
    const auto found = sys::host_facts(path);
    if (!found && sys::is_missing(found.error()))
        return std::optional<HostPath>();
    return std::optional(path);
}

Settings salvage_settings_file(const std::optional<HostPath>& named) {
    auto places = usual_places();
    if (named)
        places = {*named};
    for (const auto& path : places) {
        const auto text = sys::read_host_file(path, settings_size_limit);
        if (text || !sys::is_missing(text.error()))
            return text ? salvage_settings(*text) : Settings{};
    }
    return {};
}

Result<Settings> load_settings(const std::optional<HostPath>& named, Variables variables) {
    if (named)
        return load(*named, dialect_of(*named));
    if (variables == Variables::count)
        if (const auto path = GRAPNEL_TRY(settings_of_variables()))
            return load(*path, Dialect::nvidia);
    for (const auto& path : usual_places())
        if (auto settings = GRAPNEL_TRY(load_if_present(path)))
            return std::move(*settings);
    return Settings{};
}

} // namespace grapnel
