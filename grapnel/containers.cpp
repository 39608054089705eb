// SPDX-License-Identifier: Apache-2.0
#include "containers.hpp"

#include "apply/record_store.hpp"
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "driver/parts.hpp"
#include "oci/container_engine.hpp"
#include "sys/directory.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"
#include "sys/proc_file.hpp"
#include "sys/process_identity.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

namespace grapnel {

namespace {

using apply::RecordStore;
using Containers = std::vector<GpuContainer>;

constexpr std::size_t small_file = std::size_t{64} << 10;
constexpr std::string_view record_ending = ".jsonl";
constexpr std::size_t key_number = 17; // "-" and 16 digits behind the ID

/// Of rootless engines: their records are read as well, where this user may.
std::vector<std::pair<HostPath, std::string>> all_stores() {
    std::vector<std::pair<HostPath, std::string>> out{{host_path("/run/grapnel"), ""}};
    const auto users = sys::LinuxHostFs().list(host_path("/run/user"));
    if (users)
        for (const auto& user : *users)
            out.emplace_back(host_path("/run/user") / user / "grapnel", user);
    return out;
}

std::string proc(pid_t process, std::string_view name) {
    return "/proc/" + std::to_string(process) + "/" + std::string(name);
}

std::vector<pid_t> numbers_of(std::string_view lines) {
    std::vector<pid_t> out;
    for (const auto line : split(lines, '\n'))
        if (const auto process = parse_number<pid_t>(line); process && *process > 0)
            out.push_back(*process);
    return out;
}

/// The processes in the cgroup. A process without a cgroup, or in the cgroup of this program, is
/// listed alone.
std::vector<pid_t> processes_of(const std::string& cgroup, pid_t first) {
    static const auto own = cgroup_of(0);
    std::vector<pid_t> out;
    if (cgroup.size() > 1 && cgroup != own)
        for (const auto* const root : // version 2, version 1, both
             {"/sys/fs/cgroup", "/sys/fs/cgroup/devices", "/sys/fs/cgroup/unified"})
            if (const auto text = sys::read_kernel_file(root + cgroup + "/cgroup.procs")) {
                out = numbers_of(*text);
                break;
            }
    if (std::ranges::find(out, first) == out.end())
        out.insert(out.begin(), first);
    return out;
}

void add_process(GpuContainer& container, const sys::ProcessIdentity& identity) {
    container.process = identity.pid;
    container.since = sys::started_at(identity);
    container.cgroup = cgroup_of(identity.pid);
    container.processes = processes_of(container.cgroup, identity.pid);
}

/// Empty for a record of an earlier version, which has no facts, and for an ended container.
std::optional<GpuContainer> container_of(const RecordStore& store, const std::string& name) {
    const auto text = sys::read_beginning_in(store.records.ref(), name, small_file);
    if (!text)
        return std::nullopt;
    const auto record = apply::parse_cleanup_record(text->substr(0, text->find('\n') + 1));
    if (!record || record->start == apply::StartFacts{})
        return std::nullopt;
    const auto key = name.substr(0, name.size() - record_ending.size());
    const auto claim = apply::claims_path(apply::number_of(record->rootfs.text())) + "/" + key;
    const auto target = sys::read_link_in(store.directory.ref(), claim);
    const auto identity = target ? sys::parse_process_identity(*target) : std::nullopt;
    static const auto own_pids = sys::own_pid_namespace().value_or(0);
    if (!identity || !sys::is_running(*identity, own_pids))
        return std::nullopt;
    GpuContainer out{.id = key.substr(0, key.size() - std::min(key_number, key.size())),
                     .engine = engine_of_bundle(record->start.bundle),
                     .start = record->start};
    add_process(out, *identity);
    return out;
}

/// A record in a user's directory counts for that user's own containers alone, which have a user
/// namespace: any user can write there the PID of another's process.
bool is_of_user(const GpuContainer& container, const std::string& user) {
    const auto owner = sys::user_namespace_owner(container.process);
    return user.empty() || (owner && std::to_string(*owner) == user);
}

void add_recorded(const RecordStore& store, const std::string& user, Containers& out) {
    const auto names = sys::directory_names(store.records.ref(), store.path.text());
    if (!names)
        return;
    for (const auto& name : *names) {
        if (!name.ends_with(record_ending))
            continue;
        auto container = container_of(store, name);
        if (!container || !is_of_user(*container, user))
            continue;
        container->user = user;
        out.push_back(std::move(*container));
    }
}

using Processes = std::set<pid_t>;

/// The oldest process, by ID, of each mount namespace without a known process.
std::map<std::string, pid_t> other_namespaces(const Processes& known) {
    std::map<std::string, pid_t> out;
    std::set<std::string> seen;
    for (const auto process : {pid_t{1}, known.empty() ? pid_t{1} : *known.begin()})
        seen.insert(sys::read_kernel_link(proc(process, "ns/mnt")).value_or(""));
    seen.insert(sys::read_kernel_link("/proc/self/ns/mnt").value_or(""));
    const auto entries = sys::LinuxHostFs().list(host_path("/proc"));
    if (!entries)
        return out;
    for (const auto& entry : *entries) {
        const auto process = parse_number<pid_t>(entry);
        if (!process || known.contains(*process))
            continue;
        const auto mounts = sys::read_kernel_link(proc(*process, "ns/mnt"));
        if (!mounts || seen.contains(*mounts))
            continue;
        const auto [place, is_new] = out.emplace(*mounts, *process);
        if (!is_new)
            place->second = std::min(place->second, *process);
    }
    return out;
}

/// "580.95.05" of libcuda.so.580.95.05 and libnvidia-ml.so.580.95.05.
std::string driver_version_in(std::string_view name) {
    for (const std::string_view library : {"libcuda.so.", "libnvidia-ml.so."})
        if (name.starts_with(library) && name.find('.', library.size()) != std::string_view::npos)
            return std::string(name.substr(library.size()));
    return {};
}

/// The driver as the mounts of a container show it: nodes of GPUs, and the version of a library.
apply::StartFacts facts_of_mounts(pid_t process) {
    apply::StartFacts facts;
    const auto text = sys::read_kernel_file(proc(process, "mountinfo")).value_or("");
    for (const auto line : split(text, '\n')) {
        if (line.find("nvidia") == std::string_view::npos
            && line.find("libcuda.so.") == std::string_view::npos)
            continue;
        const auto mount = parse_mountinfo_line(line);
        if (!mount)
            continue;
        const auto name = std::string_view(mount->point).substr(mount->point.rfind('/') + 1);
        if (facts.driver_version.empty())
            facts.driver_version = driver_version_in(name);
        constexpr std::string_view node = "nvidia";
        const auto minor = name.starts_with(node)
                               ? parse_number<std::uint32_t>(name.substr(node.size()))
                               : std::nullopt;
        if (minor && mount->point.ends_with("/dev/" + std::string(name)))
            facts.gpus.push_back({.minor = *minor});
    }
    return facts;
}

/// Index and UUID by the minor.
void identify(std::vector<apply::RecordedGpu>& recorded, const std::vector<Gpu>& gpus) {
    for (auto& one : recorded)
        for (const auto& gpu : gpus)
            if (gpu.minor == one.minor) {
                one.index = gpu.index;
                one.uuid = gpu.uuid;
            }
    std::ranges::sort(recorded, {}, &apply::RecordedGpu::index);
}

bool has_config(const HostPath& bundle) {
    return sys::host_facts(bundle / "config.json").has_value();
}

/// The number behind "PPid:".
std::optional<pid_t> parent_of(pid_t process) {
    const auto text = sys::read_kernel_file(proc(process, "status"));
    if (!text)
        return std::nullopt;
    for (const auto line : split(*text, '\n'))
        if (line.starts_with("PPid:"))
            return parse_number<pid_t>(trim(line.substr(5)));
    return std::nullopt;
}

/// The bundle that an engine's monitor of a container names: a shim of containerd works in it,
/// conmon has it in its arguments.
std::optional<HostPath> bundle_of_monitor(pid_t monitor) {
    if (const auto cwd = sys::read_kernel_link(proc(monitor, "cwd")))
        if (auto path = HostPath::make(*cwd); path && has_config(*path))
            return *path;
    const auto command = sys::read_kernel_file(proc(monitor, "cmdline")).value_or("");
    const auto words = split(command, '\0');
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "-b" || words[i] == "--bundle")
            if (auto path = HostPath::make(words[i + 1]); path && has_config(*path))
                return *path;
    return std::nullopt;
}

/// Containers without a record: of nvidia-container-cli (LXC, ctr --gpus and others), and of
/// NVIDIA's own tools.
void add_unrecorded(GpuContainers& out) {
    constexpr std::size_t most = 256; // reading the mounts of one takes a 20th of a millisecond
    Processes known;
    for (const auto& container : out.containers)
        known.insert(container.processes.begin(), container.processes.end());
    const auto others = other_namespaces(known);
    std::size_t looked_at = 0;
    for (const auto& [name, process] : others) {
        if (looked_at++ == most) {
            out.skipped = others.size() - most;
            return;
        }
        auto facts = facts_of_mounts(process);
        const auto identity = sys::process_identity(process);
        if (!identity || facts.driver_version.empty())
            continue;
        static const auto gpus = host_gpus();
        identify(facts.gpus, gpus);
        GpuContainer container{.start = std::move(facts)};
        add_process(container, *identity);
        const auto owner = owner_of_process(process);
        container.id = owner ? owner->id : name;
        container.engine = owner ? owner->engine : "unknown";
        out.containers.push_back(std::move(container));
    }
}

} // namespace

std::vector<Gpu> host_gpus() {
    const sys::LinuxHostFs host;
    std::vector<std::string> remarks;
    auto found = driver::gpus(host, driver::character_majors(host), {}, remarks);
    return found ? std::move(found->gpus) : std::vector<Gpu>();
}

std::string cgroup_of(pid_t process) {
    const auto path = process == 0 ? "/proc/self/cgroup" : proc(process, "cgroup");
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

std::optional<HostPath> bundle_of_process(pid_t process) {
    for (auto at = parent_of(process); at && *at > 1; at = parent_of(*at))
        if (auto path = bundle_of_monitor(*at))
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
    const bool is_podmans = bundle->name() == "userdata";
    return CgroupOwner{engine, std::string(is_podmans ? bundle->parent().name() : bundle->name())};
}

Result<GpuContainers> gpu_containers() {
    GpuContainers out;
    for (const auto& [path, user] : all_stores()) {
        const auto store = apply::open_record_store(path);
        if (!store && user.empty() && store.error().sys == EACCES)
            return Result<GpuContainers>(store.error())
                .cure("run this as root: records of containers are root's");
        if (store)
            add_recorded(*store, user, out.containers);
    }
    add_unrecorded(out);
    std::ranges::sort(out.containers, {}, &GpuContainer::id);
    return out;
}

Result<std::optional<GpuContainer>> container_named(const std::string& name,
                                                    const std::vector<GpuContainer>& containers) {
    std::optional<GpuContainer> found;
    for (const auto& container : containers) {
        if (container.id == name)
            return std::optional(container);
        if (name.empty() || !container.id.starts_with(name))
            continue;
        if (found)
            return refused(quote(name) + " is the beginning of several containers' IDs",
                           "'grapnel ps --json' has them in full");
        found = container;
    }
    return found;
}

std::optional<GpuContainer> container_of_process(pid_t process,
                                                 const std::vector<GpuContainer>& containers) {
    const auto has = [&](const auto& container) {
        return std::ranges::find(container.processes, process) != container.processes.end();
    };
    const auto found = std::ranges::find_if(containers, has);
    return found == containers.end() ? std::nullopt : std::optional(*found);
}

} // namespace grapnel
