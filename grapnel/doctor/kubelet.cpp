// SPDX-License-Identifier: Apache-2.0
#include "doctor/kubelet.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

/// Of the command line, else of KubeletConfiguration; empty: kubelet looks for an engine.
std::string endpoint_of(const Facts& facts) {
    constexpr std::string_view key = "containerRuntimeEndpoint:";
    const auto* const kubelet = find_daemon(facts, "kubelet");
    if (kubelet == nullptr)
        return {};
    if (const auto named = option_of(*kubelet, "container-runtime-endpoint"))
        return *named;
    const auto usual = host_path("/var/lib/kubelet/config.yaml");
    const auto file = HostPath::make(option_of(*kubelet, "config").value_or(usual.text()));
    const auto text = text_of(facts.host, file.value_or(usual));
    for (const auto line : split(text, '\n'))
        if (line.starts_with(key))
            return std::string(trim(line.substr(key.size())));
    return {};
}

} // namespace

bool has_kubelet(const Facts& facts) {
    constexpr std::array<std::string_view, 4> names{"kubelet", "k3s-server", "k3s-agent",
                                                    "kubelite"};
    return std::ranges::any_of(
        names, [&](std::string_view name) { return find_daemon(facts, name) != nullptr; });
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

} // namespace grapnel::doctor_command
