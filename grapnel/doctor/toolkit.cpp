// SPDX-License-Identifier: Apache-2.0
// NVIDIA's container toolkit beside Grapnel.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/hook_files.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

/// Hook files that run NVIDIA's program, not our link of that name.
void check_hooks(const sys::HostFs& host, std::vector<Finding>& findings) {
    for (const auto& directory : hook_directories())
        for (const auto& hook : hooks_in(host, directory)) {
            const auto program = HostPath::make(hook.program);
            if (hook.mistake.empty() && hook.idle.empty() && program && exists(host, *program)
                && maker_of(host, hook.program) == Maker::nvidia)
                findings.push_back(
                    {.code = Code::GR1201,
                     .text = hook.path.text() + " runs NVIDIA's hook beside Grapnel's",
                     .command = "rm " + shell_word(hook.path.text())});
        }
}

void check_docker(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& docker : dockers(facts)) {
        const auto runtimes = docker.settings.find("runtimes");
        if (runtimes == docker.settings.end() || !runtimes->is_object())
            continue;
        for (const auto& [name, runtime] : runtimes->items()) {
            const auto path =
                runtime.is_object() ? runtime.value("path", nlohmann::json()) : runtime;
            if (!path.is_string())
                continue;
            const auto& program = path.get_ref<const std::string&>();
            const auto found = program.starts_with('/')
                                   ? HostPath::make(program).value_or(HostPath())
                                   : find_program(facts.host, program);
            if (!found.empty() && exists(facts.host, found)
                && maker_of(facts.host, found.text()) == Maker::nvidia)
                findings.push_back(
                    {.code = Code::GR1202,
                     .text = docker.config.text() + ": the runtime " + quote(name)
                             + " is NVIDIA's: " + found.text(),
                     .command = configure_docker_command(facts, docker, Code::GR1202),
                     .needs_root = is_of_root(docker)});
        }
    }
}

void check_names(const Facts& facts, std::vector<Finding>& findings) {
    const auto hook = find_program(facts.host, "nvidia-container-runtime-hook");
    if (!hook.empty() && maker_of(facts.host, hook.text()) == Maker::nvidia)
        findings.push_back({.code = Code::GR1203,
                            .text = hook.text()
                                    + " is NVIDIA's hook, which docker run --gpus "
                                      "starts instead of Grapnel's",
                            .command = install_command(
                                facts.host, own_packages("grapnel-nvidia-compat"), Code::GR1203)});
}

} // namespace

Area toolkit_area(const Facts& facts) {
    Area area{.name = "toolkit"};
    check_hooks(facts.host, area.findings);
    check_docker(facts, area.findings);
    check_names(facts, area.findings);
    area.is_used = !area.findings.empty();
    area.summary = area.is_used ? "NVIDIA's container toolkit is in use" : "none of NVIDIA's";
    return area;
}

} // namespace grapnel::doctor_command
