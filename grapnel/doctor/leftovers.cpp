// SPDX-License-Identifier: Apache-2.0
#include "doctor/leftovers.hpp"

#include "doctor/facts.hpp"
#include "sys/root_dir.hpp"

#include <array>

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

/// Layers of the storage drivers overlay2, overlay and vfs.
std::vector<HostPath> layers_in(const sys::HostFs& host, const HostPath& data) {
    struct Storage {
        HostPath directory;
        std::string_view below;
    };
    std::vector<HostPath> out;
    for (const auto& storage :
         {Storage{data / "overlay2", "diff"}, Storage{data / "overlay", "diff"},
          Storage{data / "vfs" / "dir", ""}})
        for (const auto& name : names_in(host, storage.directory)) {
            const auto layer = storage.directory / name;
            out.push_back(storage.below.empty() ? layer : layer / storage.below);
        }
    return out;
}

/// Mounted, or in a cleanup record: of a running container.
std::string texts_of_running(const sys::HostFs& host) {
    auto out = text_of(host, host_path("/proc/self/mountinfo"));
    const auto records = host_path("/run/grapnel/containers");
    for (const auto& name : names_in(host, records))
        out += text_of(host, records / name);
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
    const auto running = texts_of_running(host);
    std::vector<std::string> out;
    std::size_t looked_at = 0;
    for (const auto& directory : data)
        for (const auto& layer : layers_in(host, directory)) {
            if (++looked_at > most_layers || out.size() >= most_findings)
                return out;
            if (running.find(layer.text()) == std::string::npos)
                look_into(layer, out);
        }
    return out;
}

} // namespace grapnel::doctor_command
