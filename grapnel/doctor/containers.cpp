// SPDX-License-Identifier: Apache-2.0
// Docker's containers that got no driver, and why.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/json_text.hpp"
#include "doctor/shell.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

struct Container {
    std::string name = {};
    std::string runtime = {};
    bool by_gpus = false;                    ///< by --gpus
    std::optional<std::string> devices = {}; ///< its variable NVIDIA_VISIBLE_DEVICES
    bool runs = false;
    bool lacked_program = false; ///< it ended because its nvidia-smi was not found
};

nlohmann::json at(const nlohmann::json& object, const std::string& key) {
    return object.is_object() ? object.value(key, nlohmann::json()) : nlohmann::json();
}

std::optional<std::string> devices_in(const nlohmann::json& environment) {
    constexpr std::string_view name = "NVIDIA_VISIBLE_DEVICES=";
    std::optional<std::string> out;
    for (const auto& entry : environment.is_array() ? environment : nlohmann::json::array())
        if (entry.is_string() && entry.get_ref<const std::string&>().starts_with(name))
            out = entry.get<std::string>().substr(name.size());
    return out;
}

std::optional<Container> container_at(const Facts& facts, const HostPath& directory) {
    constexpr std::int64_t hour_ns = 3'600'000'000'000;
    const auto file = directory / "config.v2.json";
    const auto changed = facts.host.stat(file);
    if (!changed || (facts.here.now_ns != 0 && changed->modified_ns < facts.here.now_ns - hour_ns))
        return std::nullopt;
    const auto config = parse_json(text_of(facts.host, file));
    const auto host = parse_json(text_of(facts.host, directory / "hostconfig.json"));
    Container out{.name = text_at(config, "Name"), .runtime = text_at(host, "Runtime")};
    if (out.name.starts_with('/'))
        out.name.erase(0, 1);
    const auto requests = at(host, "DeviceRequests");
    out.by_gpus = requests.is_array() && !requests.empty();
    out.devices = devices_in(at(at(config, "Config"), "Env"));
    const auto state = at(config, "State");
    out.runs = at(state, "Running") == true;
    const auto exit_code = at(state, "ExitCode");
    const auto code = exit_code.is_number_integer() ? exit_code.get<std::int64_t>() : 0;
    out.lacked_program = text_at(config, "Path").ends_with("nvidia-smi") && !out.runs
                         && (code == 127 || code == 128);
    return out;
}

bool asks(const Container& container) {
    return container.devices && !container.devices->empty() && *container.devices != "none"
           && *container.devices != "void";
}

std::string run_command(const Container& container) {
    return "docker rm " + shell_word(container.name)
           + " && docker run --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all IMAGE";
}

void check_container(const Container& container, std::vector<Finding>& findings) {
    const bool by_runtime = container.runtime.find("nvidia") != std::string::npos
                            || container.runtime.find("grapnel") != std::string::npos;
    if (container.by_gpus || !(container.lacked_program || (container.runs && asks(container))))
        return;
    const auto name = "container " + quote(container.name);
    if (!by_runtime)
        findings.push_back({.code = Code::GR1301,
                            .text = name
                                    + " was started without --runtime=nvidia and without "
                                      "--gpus, so it has no driver",
                            .command = run_command(container),
                            .needs_root = false});
    else if (!asks(container))
        findings.push_back({.code = Code::GR1302,
                            .text = name
                                    + " asks for no GPU: NVIDIA_VISIBLE_DEVICES is not set, "
                                      "or none",
                            .command = run_command(container),
                            .needs_root = false});
}

void check_leftovers(const Facts& facts, std::vector<Finding>& findings) {
    const auto& found = facts.here.leftovers;
    if (found.empty())
        return;
    const auto* const others = found.size() == 1 ? "" : " and others";
    findings.push_back(
        {.code = Code::GR1303,
         .text = found.front() + others
                 + ": an empty file of the driver's name, "
                   "which another tool left in an image",
         .command =
             std::string(found.front().find("/containers/storage/") != std::string::npos ? "podman"
                                                                                         : "docker")
             + " build --no-cache --pull .",
         .needs_root = false});
}

} // namespace

Area containers_area(const Facts& facts) {
    Area area{.name = "containers", .is_used = false};
    std::size_t count = 0;
    for (const auto& docker : dockers(facts)) {
        const auto directory = data_root(docker) / "containers";
        for (const auto& id : names_in(facts.host, directory))
            if (const auto container = container_at(facts, directory / id)) {
                ++count;
                check_container(*container, area.findings);
            }
    }
    check_leftovers(facts, area.findings);
    area.is_used = count > 0 || !area.findings.empty();
    area.summary = count == 0 ? "none of the last hour" : std::to_string(count) + " of Docker";
    return area;
}

} // namespace grapnel::doctor_command
