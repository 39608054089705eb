// SPDX-License-Identifier: Apache-2.0
#include "doctor/cdi_support.hpp"

#include "base/version.hpp"
#include "doctor/containerd.hpp"
#include "doctor/docker_settings.hpp"
#include "doctor/engines.hpp"
#include "doctor/kubelet.hpp"

#include <algorithm>
#include <vector>

namespace grapnel::doctor_command {

namespace {

/// A release of an engine, and the newest version of CDI that it reads: of the library
/// container-device-interface in its go.mod.
struct Support {
    Version release = {};
    std::string_view cdi = {};
};

/// Releases in their order; of newer ones 1.1.0 is assumed, the newest version.
struct CdiEngine {
    std::string name = {};
    std::string program = {};
    std::vector<Support> releases = {};
};

const CdiEngine& podman() {
    static const CdiEngine engine{"podman",
                                  "podman",
                                  {{{{4, 1}}, "0.4.0"},
                                   {{{4, 3}}, "0.5.0"},
                                   {{{4, 7}}, "0.6.0"},
                                   {{{5, 1}}, "0.7.0"},
                                   {{{5, 2}}, "0.8.0"},
                                   {{{5, 5}}, "1.0.0"},
                                   {{{5, 9}}, "1.1.0"}}};
    return engine;
}

const CdiEngine& docker() {
    static const CdiEngine engine{"Docker",
                                  "dockerd",
                                  {{{{25}}, "0.6.0"},
                                   {{{26, 1}}, "0.7.0"},
                                   {{{27, 4}}, "0.8.0"},
                                   {{{28, 1}}, "1.0.0"},
                                   {{{29, 1}}, "1.1.0"}}};
    return engine;
}

const CdiEngine& containerd() {
    static const CdiEngine engine{"containerd",
                                  "containerd",
                                  {{{{1, 7}}, "0.5.0"},
                                   {{{1, 7, 12}}, "0.6.0"},
                                   {{{1, 7, 16}}, "0.7.0"},
                                   {{{1, 7, 27}}, "0.8.0"},
                                   {{{2, 0, 5}}, "1.0.0"},
                                   {{{2, 3}}, "1.1.0"}}};
    return engine;
}

const CdiEngine& crio() {
    static const CdiEngine engine{"CRI-O",
                                  "crio",
                                  {{{{1, 24}}, "0.3.0"},
                                   {{{1, 25}}, "0.5.0"},
                                   {{{1, 28}}, "0.6.0"},
                                   {{{1, 30}}, "0.7.0"},
                                   {{{1, 31}}, "0.8.0"},
                                   {{{1, 33}}, "1.0.0"},
                                   {{{1, 35}}, "1.1.0"}}};
    return engine;
}

/// Engines that read CDI files on this host.
std::vector<const CdiEngine*> engines_in_use(const Facts& facts) {
    std::vector<const CdiEngine*> out;
    if (!find_program(facts.host, "podman").empty())
        out.push_back(&podman());
    if (std::ranges::any_of(dockers(facts), [&](const Docker& found) {
            return found.daemon != nullptr && serves_cdi(facts, found);
        }))
        out.push_back(&docker());
    const auto found = containerd_of(facts);
    if (found.daemon != nullptr && !is_generated(found) && kubelet_uses_containerd(facts))
        out.push_back(&containerd());
    if (find_daemon(facts, "crio") != nullptr && kubelet_uses_crio(facts))
        out.push_back(&crio());
    return out;
}

} // namespace

std::string engine_too_old_for(const Facts& facts, std::string_view cdi_version) {
    static const Version oldest{{0, 3}};
    const auto wanted = Version::parse(cdi_version);
    if (!wanted || *wanted <= oldest || !facts.here.ask)
        return {};
    for (const auto* const engine : engines_in_use(facts)) {
        const auto version = version_of(facts, engine->program);
        const Support* known = nullptr;
        for (const auto& support : engine->releases)
            if (version && *version >= support.release)
                known = &support;
        if (known != nullptr && Version::parse(known->cdi) < wanted)
            return engine->name + " " + version_text(*version) + " reads CDI files up to version "
                   + std::string(known->cdi);
    }
    return {};
}

} // namespace grapnel::doctor_command
