// SPDX-License-Identifier: Apache-2.0
#include "unrecorded.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "container_process.hpp"
#include "driver/driver_version.hpp"
#include "driver/gpus.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/container_dev.hpp"
#include "sys/host_fs.hpp"
#include "sys/mount_list.hpp"
#include "sys/proc_file.hpp"
#include "sys/process_identity.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sys/sysmacros.h>

namespace grapnel {

namespace {

using Processes = std::set<pid_t>;

/// PF_KTHREAD of the kernel's sched.h among the flags of /proc/PID/stat: no program has it.
bool is_kernel_thread(pid_t process) {
    constexpr std::size_t flags_field = 6; // field 9 of proc(5)
    constexpr std::uint32_t kernel_thread = 0x00200000;
    const auto stat = sys::read_kernel_file(proc_path(process, "stat")).value_or("");
    const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 1), ' ');
    const auto flags = fields.size() > flags_field + 1
                           ? parse_number<std::uint32_t>(fields[flags_field + 1])
                           : std::nullopt;
    return flags && (*flags & kernel_thread) != 0;
}

/// The children of kthreadd. A machine has thousands: to read the namespace of each takes longer
/// than the rest of the search. Empty in a PID namespace without kthreadd, and on a kernel without
/// CONFIG_PROC_CHILDREN.
Processes kernel_threads() {
    constexpr pid_t kthreadd = 2;
    Processes out;
    if (!is_kernel_thread(kthreadd))
        return out;
    const auto children = sys::read_kernel_file(proc_path(kthreadd, "task/2/children"));
    for (const auto word : split(children.value_or(""), ' '))
        if (const auto process = parse_number<pid_t>(word))
            out.insert(*process);
    return out;
}

/// The oldest process, by ID, of each mount namespace without a known process.
std::map<std::string, pid_t> other_namespaces(const Processes& known) {
    std::map<std::string, pid_t> out;
    std::set<std::string> seen;
    for (const auto process : {pid_t{1}, known.empty() ? pid_t{1} : *known.begin()})
        seen.insert(sys::read_kernel_link(proc_path(process, "ns/mnt")).value_or(""));
    seen.insert(sys::read_kernel_link("/proc/self/ns/mnt").value_or(""));
    const auto entries = sys::LinuxHostFs().list(host_path("/proc"));
    if (!entries)
        return out;
    const auto of_kernel = kernel_threads();
    for (const auto& entry : *entries) {
        const auto process = parse_number<pid_t>(entry);
        if (!process || known.contains(*process) || of_kernel.contains(*process))
            continue;
        const auto mounts = sys::read_kernel_link(proc_path(*process, "ns/mnt"));
        if (!mounts || seen.contains(*mounts))
            continue;
        const auto [place, is_new] = out.emplace(*mounts, *process);
        if (!is_new)
            place->second = std::min(place->second, *process);
    }
    return out;
}

/// A file as mountinfo names it: the file system, and the path from its root.
struct MountedFile {
    DeviceNumber file_system = {};
    std::string path = {};

    auto operator<=>(const MountedFile&) const = default;
};

using GpuNodes = std::map<MountedFile, const Gpu*>;

/// The driver's name of its major was nvidia-frontend before 550.
bool is_driver_major(const driver::Majors& majors, std::uint32_t major) {
    return std::ranges::any_of(majors, [&](const auto& one) {
        return one.second == major && (one.first == "nvidia" || one.first == "nvidia-frontend");
    });
}

/// The path of a GPU's node on this host; empty for a file with another device number.
std::string node_path(const Gpu& gpu, const driver::Majors& majors, DeviceNumber& file_system) {
    if (!gpu.minor)
        return {};
    const auto path = host_path("/dev") / format_text("nvidia{}", *gpu.minor);
    const auto facts = sys::host_facts(path);
    if (!facts || facts->type != sys::FileFacts::Type::character_device
        || facts->minor != *gpu.minor || !is_driver_major(majors, facts->major))
        return {};
    file_system = {gnu_dev_major(facts->device), gnu_dev_minor(facts->device)};
    return path.text();
}

bool covers(const std::string& point, const std::string& path) {
    return path == point || point == "/" || (path.starts_with(point) && path[point.size()] == '/');
}

/// Of a path below a mount point.
std::string path_in(const MountInfo& mount, const std::string& path) {
    const auto below = mount.point == "/" ? path : path.substr(mount.point.size());
    return mount.root == "/" ? below : mount.root + below;
}

/// The nodes of this host's GPUs, as they are named in the mountinfo of a container that has them.
GpuNodes nodes_of(const std::vector<Gpu>& gpus) {
    struct Found {
        std::string path;
        DeviceNumber file_system;
        MountInfo mount = {};
        const Gpu* gpu;
    };
    const sys::LinuxHostFs host;
    const auto majors = driver::character_majors(host);
    std::vector<Found> found;
    for (const auto& gpu : gpus) {
        DeviceNumber file_system;
        if (auto path = node_path(gpu, majors, file_system); !path.empty())
            found.push_back({.path = std::move(path), .file_system = file_system, .gpu = &gpu});
    }
    (void)sys::visit_own_mounts([&](const MountLine& line) {
        for (auto& node : found) // the last node of the longest path is the end of the path
            if (line.device == node.file_system) {
                auto mount = line.info();
                if (covers(mount.point, node.path) && mount.point.size() >= node.mount.point.size())
                    node.mount = std::move(mount);
            }
    });
    GpuNodes out;
    for (const auto& node : found)
        if (!node.mount.point.empty())
            out.emplace(MountedFile{node.file_system, path_in(node.mount, node.path)}, node.gpu);
    return out;
}

void add_gpu(const Gpu& gpu, std::vector<apply::RecordedGpu>& out) {
    const apply::RecordedGpu recorded{.index = gpu.index, .minor = *gpu.minor, .uuid = gpu.uuid};
    if (std::ranges::find(out, recorded) == out.end())
        out.push_back(recorded);
}

/// Nodes that an engine made with mknod, for --privileged and --device: they lie in a tmpfs on the
/// container's /dev. The host's own /dev, which a sandbox can share, tells nothing.
void add_made_nodes(pid_t process, DeviceNumber dev, const GpuNodes& nodes,
                    std::vector<apply::RecordedGpu>& out) {
    static const auto majors = driver::character_majors(sys::LinuxHostFs());
    const auto is_of_host = [&](const auto& node) { return node.first.file_system == dev; };
    if (std::ranges::any_of(nodes, is_of_host))
        return;
    const auto made = sys::devices_in_dev(process, dev, "nvidia");
    for (const auto& number : made ? *made : std::vector<DeviceNumber>())
        for (const auto& [file, gpu] : nodes)
            if (is_driver_major(majors, number.major) && *gpu->minor == number.minor)
                add_gpu(*gpu, out);
}

/// The driver as a container's mounts and /dev show it: nodes of GPUs, a library's version.
apply::StartFacts facts_of_mounts(pid_t process, const GpuNodes& nodes) {
    apply::StartFacts facts;
    std::optional<DeviceNumber> dev;
    (void)sys::visit_mounts_of(process, [&](const MountLine& mount) {
        const auto& point = mount.escaped_point; // the names sought have no blank
        if (facts.driver_version.empty())
            facts.driver_version =
                driver::version_in_name(point.substr(point.rfind('/') + 1)).value_or("");
        if (point == "/dev")
            dev = mount.type == "tmpfs" ? std::optional(mount.device) : std::nullopt;
        if (const auto node = nodes.find({mount.device, mount.root()}); node != nodes.end())
            add_gpu(*node->second, facts.gpus);
    });
    if (dev)
        add_made_nodes(process, *dev, nodes, facts.gpus);
    std::ranges::sort(facts.gpus, {}, &apply::RecordedGpu::index);
    return facts;
}

/// The record of a container that CDI's hooks served has no driver and no GPU.
void complete(GpuContainer& container, const GpuNodes& nodes) {
    auto facts = facts_of_mounts(container.process, nodes);
    container.start.driver_version = std::move(facts.driver_version);
    if (container.start.gpus.empty())
        container.start.gpus = std::move(facts.gpus);
}

void add_container(GpuContainers& out, const std::string& name, pid_t process,
                   const GpuNodes& nodes) {
    auto facts = facts_of_mounts(process, nodes);
    const auto identity = sys::process_identity(process);
    if (!identity || facts.gpus.empty())
        return;
    const auto owner = owner_of_process(process);
    GpuContainer container{.id = owner ? owner->id : name,
                           .engine = owner ? owner->engine : "unknown",
                           .start = std::move(facts)};
    add_process(container, *identity);
    out.containers.push_back(std::move(container));
}

} // namespace

void add_unrecorded(GpuContainers& out) {
    constexpr std::size_t most = 256; // reading the mounts of one takes a 20th of a millisecond
    Processes known;
    for (const auto& container : out.containers)
        known.insert(container.processes.begin(), container.processes.end());
    const auto others = other_namespaces(known);
    const auto gpus = host_gpus();
    const auto nodes = nodes_of(gpus);
    for (auto& container : out.containers)
        if (container.start.driver_version.empty())
            complete(container, nodes);
    std::size_t looked_at = 0;
    for (const auto& [name, process] : others) {
        if (nodes.empty())
            return;
        if (looked_at++ == most) {
            out.notices.warn(format_text(
                "{} mount namespaces without a record were not looked at: containers of LXC and "
                "ctr --gpus can be missing",
                others.size() - most));
            return;
        }
        add_container(out, name, process, nodes);
    }
}

} // namespace grapnel
