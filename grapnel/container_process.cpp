// SPDX-License-Identifier: Apache-2.0
#include "container_process.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/proc_file.hpp"

#include <algorithm>

namespace grapnel {

namespace {

std::vector<pid_t> numbers_of(std::string_view lines) {
    std::vector<pid_t> out;
    for (const auto line : split(lines, '\n'))
        if (const auto process = parse_number<pid_t>(line); process && *process > 0)
            out.push_back(*process);
    return out;
}

bool has_config(const HostPath& bundle) {
    return sys::host_facts(bundle / "config.json").has_value();
}

/// The number behind "PPid:".
std::optional<pid_t> parent_of(pid_t process) {
    const auto text = sys::read_kernel_file(proc_path(process, "status"));
    if (!text)
        return std::nullopt;
    for (const auto line : split(*text, '\n'))
        if (line.starts_with("PPid:"))
            return parse_number<pid_t>(trim(line.substr(5)));
    return std::nullopt;
}

/// The container's ID: podman and CRI-O name the directory above the bundle by it.
std::string_view id_of_bundle(const HostPath& bundle) {
    const std::string_view path = bundle.text();
    constexpr std::string_view inner = "/userdata";
    const auto named = path.ends_with(inner) ? path.substr(0, path.size() - inner.size()) : path;
    return named.substr(named.rfind('/') + 1);
}

/// "ID", "libpod-ID" and "docker-ID.scope" are names of the container's cgroup.
bool is_name_of(std::string_view name, std::string_view id) {
    constexpr std::string_view scope = ".scope";
    if (name.ends_with(scope))
        name.remove_suffix(scope.size());
    return name == id || (name.ends_with(id) && name[name.size() - id.size() - 1] == '-');
}

bool has_cgroup(const HostPath& bundle, std::string_view cgroup) {
    const auto id = id_of_bundle(bundle);
    if (const auto owner = owner_of_cgroup(cgroup))
        return owner->id == id;
    return std::ranges::any_of(split(cgroup, '/'),
                               [&](std::string_view name) { return is_name_of(name, id); });
}

/// A shim of containerd works in the bundle's directory.
std::optional<HostPath> working_directory(pid_t monitor) {
    const auto directory = sys::read_kernel_link(proc_path(monitor, "cwd"));
    const auto path = directory ? HostPath::make(*directory) : Result<HostPath>(directory.error());
    return path ? std::optional(*path) : std::nullopt;
}

/// conmon has the bundle in its arguments.
std::optional<HostPath> bundle_argument(pid_t monitor) {
    const auto command = sys::read_kernel_file(proc_path(monitor, "cmdline")).value_or("");
    const auto words = split(command, '\0');
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "-b" || words[i] == "--bundle")
            if (const auto path = HostPath::make(words[i + 1]))
                return *path;
    return std::nullopt;
}

/// Of version 2, version 1, and both.
std::vector<sys::Fd> cgroup_roots() {
    std::vector<sys::Fd> out;
    for (const auto* const path :
         {"/sys/fs/cgroup", "/sys/fs/cgroup/devices", "/sys/fs/cgroup/unified"})
        if (auto root = sys::open_host_directory(host_path(path)))
            out.push_back(std::move(*root));
    return out;
}

} // namespace

std::string proc_path(pid_t process, std::string_view name) {
    return "/proc/" + std::to_string(process) + "/" + std::string(name);
}

std::string cgroup_of(pid_t process) {
    const auto path = process == 0 ? "/proc/self/cgroup" : proc_path(process, "cgroup");
    const auto text = sys::read_kernel_file(path).value_or("");
    std::string unified;
    std::string devices;
    for (const auto line : split(text, '\n')) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos)
            continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        if (controllers == "devices")
            devices = line.substr(second + 1);
        if (controllers.empty())
            unified = line.substr(second + 1);
    }
    return unified.size() > 1 || devices.empty() ? unified : devices;
}

std::vector<pid_t> processes_in(const std::string& cgroup) {
    static const auto own = cgroup_of(0);
    static const auto roots = cgroup_roots();
    if (cgroup.size() > 1 && cgroup != own)
        for (const auto& root : roots)
            if (const auto text =
                    sys::read_kernel_file_in(root.ref(), cgroup.substr(1) + "/cgroup.procs"))
                return numbers_of(*text);
    return {};
}

std::vector<pid_t> processes_of(const std::string& cgroup, pid_t first) {
    auto out = processes_in(cgroup);
    if (std::ranges::find(out, first) == out.end())
        out.insert(out.begin(), first);
    return out;
}

std::optional<HostPath> bundle_of_process(pid_t process) {
    const auto cgroup = cgroup_of(process);
    for (auto at = parent_of(process); at && *at > 1; at = parent_of(*at))
        for (const auto& path : {working_directory(*at), bundle_argument(*at)})
            if (path && has_cgroup(*path, cgroup) && has_config(*path))
                return path;
    return std::nullopt;
}

std::optional<CgroupOwner> owner_of_process(pid_t process) {
    if (auto owner = owner_of_cgroup(cgroup_of(process)))
        return owner;
    const auto bundle = bundle_of_process(process);
    const auto engine = bundle ? engine_of_bundle(bundle->text()) : std::string();
    if (engine.empty() || engine == "oci")
        return std::nullopt;
    return CgroupOwner{engine, std::string(id_of_bundle(*bundle))};
}

} // namespace grapnel
