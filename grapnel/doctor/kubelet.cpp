// SPDX-License-Identifier: Apache-2.0
#include "doctor/kubelet.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::doctor_command {

namespace {

/// KubeletConfiguration as text.
std::string configuration_of(const Facts& facts) {
    const auto usual = host_path("/var/lib/kubelet/config.yaml");
    const auto* const kubelet = find_daemon(facts, "kubelet");
    const auto named = kubelet == nullptr ? std::nullopt : option_of(*kubelet, "config");
    return text_of(facts.host, HostPath::make(named.value_or(usual.text())).value_or(usual));
}

/// Of the command line, else of KubeletConfiguration; empty: kubelet looks for an engine.
std::string endpoint_of(const Facts& facts) {
    constexpr std::string_view key = "containerRuntimeEndpoint:";
    const auto* const kubelet = find_daemon(facts, "kubelet");
    if (kubelet == nullptr)
        return {};
    if (const auto named = option_of(*kubelet, "container-runtime-endpoint"))
        return *named;
    const auto text = configuration_of(facts);
    for (const auto line : split(text, '\n'))
        if (line.starts_with(key))
            return std::string(trim(line.substr(key.size())));
    return {};
}

/// The process that is kubelet or has it within; null without one.
const Daemon* kubelet_of(const Facts& facts) {
    for (const auto* const name : {"kubelet", "k3s-server", "k3s-agent", "kubelite"})
        if (const auto* const daemon = find_daemon(facts, name))
            return daemon;
    return nullptr;
}

} // namespace

bool has_kubelet(const Facts& facts) {
    return kubelet_of(facts) != nullptr;
}

bool kubelet_uses_systemd(const Facts& facts) {
    const auto* const kubelet = find_daemon(facts, "kubelet");
    const auto option = kubelet == nullptr ? std::nullopt : option_of(*kubelet, "cgroup-driver");
    if (option)
        return *option == "systemd";
    return configuration_of(facts).find("cgroupDriver: systemd") != std::string::npos;
}

bool kubelet_uses_crio(const Facts& facts) {
    const auto endpoint = endpoint_of(facts);
    return has_kubelet(facts)
           && (endpoint.empty() ? find_daemon(facts, "crio") != nullptr
                                : endpoint.find("crio") != std::string::npos);
}

bool kubelet_uses_containerd(const Facts& facts) {
    const auto endpoint = endpoint_of(facts);
    return has_kubelet(facts)
           && (endpoint.empty() ? find_daemon(facts, "crio") == nullptr
                                : endpoint.find("containerd") != std::string::npos);
}

void check_services(const Facts& facts, std::vector<Finding>& findings) {
    const auto* const kubelet = kubelet_of(facts);
    const bool has_docker = find_daemon(facts, "dockerd") != nullptr;
    for (const std::string engine : {"containerd", "crio"}) {
        Finding finding{.code = Code::GR1015, .command = restart_command(facts, nullptr, engine)};
        if (is_enabled_without(facts, engine + ".service", engine)) {
            finding.text = engine + ".service is enabled, but " + engine + " does not run";
        } else if (kubelet != nullptr && !has_docker && sees_daemons(facts)
                   && find_daemon(facts, engine) == nullptr
                   && (engine == "crio" ? kubelet_uses_crio(facts)
                                        : kubelet_uses_containerd(facts))) {
            finding.text = kubelet->name + " runs, and " + engine
                           + ", by which it starts containers, does not";
            if (kubelet->name != "kubelet") // it starts containerd
                finding.command = restart_command(facts, kubelet, "k3s");
        } else {
            continue;
        }
        findings.push_back(std::move(finding));
    }
}

} // namespace grapnel::doctor_command
