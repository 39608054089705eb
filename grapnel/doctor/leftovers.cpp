// SPDX-License-Identifier: Apache-2.0
#include "doctor/leftovers.hpp"

#include "base/mountinfo.hpp"
#include "doctor/facts.hpp"
#include "sys/root_dir.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::doctor_command {

namespace {

constexpr std::size_t most_layers = 2000;
constexpr std::size_t most_findings = 20;

constexpr std::array<std::string_view, 5> directories{"/usr/lib/x86_64-linux-gnu",
                                                      "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                                                      "/usr/lib", "/usr/bin"};

bool is_of_driver(std::string_view name) {
    const bool is_library = name.find(".so") != std::string_view::npos;
    return (is_library
            && (name.starts_with("libcuda.so") || name.starts_with("libnvidia-")
                || name.starts_with("libnvcuvid.so")))
           || name == "nvidia-smi";
}

/// podman's list of containers, which names the layer of each.
std::string podmans_containers(const sys::HostFs& host, const HostPath& data) {
    std::string out;
    for (const auto* const storage : {"overlay-containers", "vfs-containers"})
        out += text_of(host, data / storage / "containers.json");
    return out;
}

/// A layer of a container: Docker makes another one for each, NAME-init, and podman lists them.
bool is_of_container(const std::string& name, const std::vector<std::string>& names,
                     const std::string& listed) {
    return name.ends_with("-init") || std::ranges::binary_search(names, name + "-init")
           || listed.find("\"" + name + "\"") != std::string::npos;
}

/// Writable layers of running containers.
std::set<std::string> mounted_layers(const sys::HostFs& host) {
    constexpr std::string_view option = "upperdir=";
    std::set<std::string> out;
    for (const auto& mount : parse_mountinfo(text_of(host, host_path("/proc/self/mountinfo"))))
        for (const auto& word : mount.super_options)
            if (word.starts_with(option))
                out.insert(word.substr(option.size()));
    return out;
}

/// Snapshots of containerd, in which Docker since version 29 and kubelet keep images. containerd's
/// database alone tells a container's from an image's: that of a running container is mounted.
void add_snapshots(const sys::HostFs& host, const HostPath& data, std::vector<HostPath>& out) {
    const auto snapshots = data / "io.containerd.snapshotter.v1.overlayfs" / "snapshots";
    const auto names = names_in(host, snapshots);
    const auto mounted = names.empty() ? std::set<std::string>() : mounted_layers(host);
    for (const auto& name : names)
        if (auto layer = snapshots / name / "fs"; !mounted.contains(layer.text()))
            out.push_back(std::move(layer));
}

/// Layers of images, of the storage drivers overlay2, overlay and vfs, and of containerd.
std::vector<HostPath> layers_in(const sys::HostFs& host, const HostPath& data) {
    struct Storage {
        HostPath directory;
        std::string_view below;
    };
    const auto listed = podmans_containers(host, data);
    std::vector<HostPath> out;
    for (const auto& storage :
         {Storage{data / "overlay2", "diff"}, Storage{data / "overlay", "diff"},
          Storage{data / "vfs" / "dir", ""}}) {
        const auto names = names_in(host, storage.directory);
        for (const auto& name : names) {
            const auto layer = storage.directory / name;
            if (!is_of_container(name, names, listed))
                out.push_back(storage.below.empty() ? layer : layer / storage.below);
        }
    }
    add_snapshots(host, data, out);
    return out;
}

void look_into(const HostPath& layer, std::vector<std::string>& out) {
    const auto base = sys::open_host_directory(host_path("/"));
    if (!base)
        return;
    auto root = sys::RootDir::open(base->ref(), layer);
    if (!root)
        return;
    for (const auto directory : directories) {
        const auto path = inside_path(directory);
        const auto names = root->list(path);
        if (!names)
            continue;
        for (const auto& name : *names) {
            if (!is_of_driver(name))
                continue;
            const auto found = root->facts(path / name);
            if (found && found->type == sys::FileFacts::Type::regular && found->size == 0)
                out.push_back(layer.text() + ": " + (path / name).text());
        }
    }
}

} // namespace

std::vector<std::string> find_leftovers(const sys::HostFs& host,
                                        const std::vector<HostPath>& data) {
    std::vector<std::string> out;
    std::size_t looked_at = 0;
    for (const auto& directory : data)
        for (const auto& layer : layers_in(host, directory)) {
            if (++looked_at > most_layers || out.size() >= most_findings)
                return out;
            look_into(layer, out);
        }
    return out;
}

} // namespace grapnel::doctor_command
