// SPDX-License-Identifier: Apache-2.0
#include "prepare/settings_file.hpp"

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

Error unreadable(Error error, const HostPath& path) {
    if (error.sys == EACCES)
        error.cure = "it is for every user who starts a container: chmod a+r it";
    else if (sys::is_missing(error))
        error.cure = "make it, or name a file that is there";
    else if (error.sys == 0)
        error.cure = "put a file of at most 64 KiB in its place, or remove " + path.text();
    error.notes.emplace_back("settings");
    return error;
}

LoadedSettings load(const HostPath& path, Dialect dialect) {
    const auto text = sys::read_host_file(path, settings_size_limit);
    LoadedSettings loaded{text ? read_settings(*text, dialect, path.text())
                               : broken_settings(unreadable(text.error(), path))};
    loaded.file = path;
    loaded.dialect = dialect;
    return loaded;
}

LoadedSettings load_named(const HostPath& path, Dialect dialect) {
    auto loaded = load(path, dialect);
    loaded.named = path;
    return loaded;
}

Dialect dialect_of(const HostPath& path) {
    return path.parent().name() == nvidia_directory ? Dialect::nvidia : Dialect::grapnel;
}

/// A link that leads nowhere is a mistake of the administrator's, not a missing file.
bool is_there(const HostPath& path) {
    const auto found = sys::LinuxHostFs().stat_link(path);
    return found || !sys::is_missing(found.error());
}

bool is_administrator() {
    return geteuid() == 0 && sys::in_initial_user_namespace();
}

/// The file that NVIDIA's variables name.
Result<std::optional<HostPath>> path_of_variables() {
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
    return is_there(path) ? std::optional(path) : std::nullopt;
}

} // namespace

LoadedSettings load_settings(const std::optional<HostPath>& named, Variables variables) {
    if (named)
        return load_named(*named, dialect_of(*named));
    if (variables == Variables::count) {
        const auto path = path_of_variables();
        if (!path)
            return {broken_settings(path.error())};
        if (*path)
            return load_named(**path, Dialect::nvidia);
    }
    for (const auto& path : usual_places())
        if (is_there(path))
            return load(path, dialect_of(path));
    return {};
}

} // namespace grapnel
