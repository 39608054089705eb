// SPDX-License-Identifier: Apache-2.0
#include "host_engines.hpp"

#include "base/text.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace grapnel {

namespace {

/// Files and directories of its configuration, in which the programs below are looked for.
struct KnownEngine {
    std::string_view name;
    std::string_view program;
    std::vector<std::string_view> places;
};

const std::vector<KnownEngine>& known_engines() {
    static const std::vector<KnownEngine> known{
        {"docker", "dockerd", {"/etc/docker/daemon.json"}},
        {"containerd", "containerd", {"/etc/containerd/config.toml", "/etc/containerd/conf.d"}},
        {"podman",
         "podman",
         {"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d",
          "/etc/containers/containers.conf"}},
        {"cri-o", "crio", {"/etc/crio/crio.conf", "/etc/crio/crio.conf.d"}},
        {"lxc", "lxc-start", {"/usr/share/lxc/hooks/nvidia"}},
        {"cdi", "", {"/etc/cdi", "/run/cdi"}},
    };
    return known;
}

constexpr std::array<std::string_view, 6> our_programs{
    "grapnel-runtime",          "grapnel-hook",         "nvidia-container-runtime",
    "nvidia-container-toolkit", "nvidia-container-cli", "nvidia-cdi-hook"};

std::string installed_program(const sys::HostFs& host, std::string_view name) {
    if (name.empty())
        return {};
    for (const auto* const directory :
         {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/snap/bin"}) {
        const auto path = host_path(directory) / std::string(name);
        if (host.stat(path))
            return path.text();
    }
    return {};
}

/// "runtime 'nvidia': PATH", one for each runtime of daemon.json that is Grapnel's or NVIDIA's.
std::vector<std::string> docker_entries(const std::string& text) {
    std::vector<std::string> out;
    const auto json = parse_json(text);
    if (!json.is_object())
        return {"the file is no JSON object"};
    const auto runtimes = json.find("runtimes");
    const auto chosen = json.find("default-runtime");
    if (runtimes == json.end() || !runtimes->is_object())
        return out;
    for (const auto& [name, entry] : runtimes->items()) {
        const auto path = entry.is_object() ? entry.find("path") : entry.end();
        if (!entry.is_object() || path == entry.end() || !path->is_string())
            continue;
        const auto text_of_path = path->get<std::string>();
        const auto matches = [&](std::string_view program) {
            return text_of_path.find(program) != std::string::npos;
        };
        if (std::ranges::any_of(our_programs, matches))
            out.push_back("runtime " + quote(name) + ": " + printable(text_of_path)
                          + (chosen != json.end() && *chosen == name ? ", the default" : ""));
    }
    return out;
}

/// The programs that its lines name, comments aside.
std::vector<std::string> text_entries(const std::string& text) {
    std::vector<std::string> out;
    for (const auto program : our_programs)
        for (const auto line : split(text, '\n'))
            if (line.find(program) != std::string_view::npos && !trim(line).starts_with('#')) {
                out.push_back("names " + std::string(program));
                break;
            }
    return out;
}

void add_entries(const sys::HostFs& host, const HostPath& path, std::vector<std::string>& out) {
    const auto text = host.read(path);
    if (!text)
        return;
    const auto entries = path.name() == "daemon.json" ? docker_entries(*text) : text_entries(*text);
    for (const auto& entry : entries)
        out.push_back(path.text() + ": " + entry);
}

std::vector<std::string> entries_of(const sys::HostFs& host, const KnownEngine& engine) {
    std::vector<std::string> out;
    for (const auto place : engine.places) {
        const auto path = host_path(std::string(place).c_str());
        const auto facts = host.stat(path);
        if (!facts)
            continue;
        if (facts->type != sys::FileFacts::Type::directory) {
            add_entries(host, path, out);
            continue;
        }
        const auto names = host.list(path);
        if (names)
            for (const auto& name : *names)
                add_entries(host, path / name, out);
    }
    return out;
}

} // namespace

std::vector<HostEngine> host_engines(const sys::HostFs& host) {
    std::vector<HostEngine> out;
    for (const auto& known : known_engines()) {
        HostEngine engine{.name = std::string(known.name),
                          .program = installed_program(host, known.program),
                          .entries = entries_of(host, known)};
        if (!engine.program.empty() || !engine.entries.empty())
            out.push_back(std::move(engine));
    }
    return out;
}

} // namespace grapnel
