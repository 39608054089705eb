// SPDX-License-Identifier: Apache-2.0
// Docker's containers that got no driver, and why.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/json_text.hpp"
#include "doctor/shell.hpp"
#include "driver/inventory.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

struct Container {
    std::string name = {};
    std::string image = {};
    std::string runtime = {};
    bool by_gpus = false;                         ///< by --gpus
    std::optional<std::string> devices = {};      ///< its variable NVIDIA_VISIBLE_DEVICES
    std::optional<std::string> capabilities = {}; ///< its variable NVIDIA_DRIVER_CAPABILITIES
    std::string library_path = {};                ///< its variable LD_LIBRARY_PATH
    std::string failure = {};                     ///< why its last start failed, as Docker says
    bool runs = false;
    bool lacked_program = false; ///< it ended because its nvidia-smi was not found
};

nlohmann::json at(const nlohmann::json& object, const std::string& key) {
    return object.is_object() ? object.value(key, nlohmann::json()) : nlohmann::json();
}

/// The variable's value; the last entry counts.
std::optional<std::string> variable_in(const nlohmann::json& environment, std::string_view name) {
    const auto start = std::string(name) + "=";
    std::optional<std::string> out;
    for (const auto& entry : environment.is_array() ? environment : nlohmann::json::array())
        if (entry.is_string() && entry.get_ref<const std::string&>().starts_with(start))
            out = entry.get<std::string>().substr(start.size());
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
    const auto environment = at(at(config, "Config"), "Env");
    out.devices = variable_in(environment, "NVIDIA_VISIBLE_DEVICES");
    out.capabilities = variable_in(environment, "NVIDIA_DRIVER_CAPABILITIES");
    out.image = text_at(at(config, "Config"), "Image");
    out.library_path = variable_in(environment, "LD_LIBRARY_PATH").value_or("");
    const auto state = at(config, "State");
    out.failure = text_at(state, "Error");
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

/// In the place of this container, with its image; `options` stand before it.
std::string run_command(const Container& container, const std::string& options = {}) {
    const auto devices = asks(container) ? *container.devices : std::string("all");
    return "docker rm " + std::string(container.runs ? "--force " : "") + shell_word(container.name)
           + " && docker run --runtime=nvidia --env "
           + shell_word("NVIDIA_VISIBLE_DEVICES=" + devices) + options + " "
           + (container.image.empty() ? std::string("IMAGE") : shell_word(container.image));
}

/// The line that Grapnel wrote, out of the engine's message; empty if there is no such line.
std::string refusal_in(const std::string& failure) {
    const auto at = failure.find("grapnel-");
    const auto line = at == std::string::npos ? std::string() : failure.substr(at);
    return line.substr(0, line.find('\n'));
}

/// nvidia-smi belongs to `utility`.
bool lacks_utility(const Container& container) {
    const auto list = container.capabilities.value_or("");
    const auto names = split(list, ',');
    return !list.empty() && std::ranges::find(names, "utility") == names.end()
           && std::ranges::find(names, "all") == names.end();
}

/// CUDA's stubs are for the linker alone: a call of one fails.
std::string stub_directory(const Container& container) {
    for (const auto directory : split(container.library_path, ':')) {
        auto plain = directory;
        while (plain.ends_with('/'))
            plain.remove_suffix(1);
        if (plain.ends_with("/stubs"))
            return std::string(directory);
    }
    return {};
}

bool lacks_32bit(const Facts& facts, const Container& container) {
    const auto list = container.capabilities.value_or("");
    const auto names = split(list, ',');
    return is_plain_nvidia(facts) && std::ranges::find(names, "compat32") != names.end()
           && std::ranges::none_of(facts.inventory->libraries, &Library::is_32bit);
}

/// Of a container that gets its GPU.
void check_libraries(const Facts& facts, const Container& container,
                     std::vector<Finding>& findings) {
    const auto name = "container " + quote(container.name);
    if (const auto stubs = stub_directory(container); !stubs.empty())
        findings.push_back({.code = Code::GR1307,
                            .text = name + ": LD_LIBRARY_PATH has " + stubs
                                    + ", whose libcuda.so.1 goes before the driver's",
                            .command = run_command(container, " --env LD_LIBRARY_PATH="),
                            .needs_root = false});
    if (lacks_32bit(facts, container))
        findings.push_back(
            {.code = Code::GR1308,
             .text = name + " asks for compat32, and this host has no 32-bit library of driver "
                     + facts.inventory->driver_version,
             .command = install_32bit_command(facts.host, facts.inventory->driver_version),
             .needs_root = true});
}

void check_container(const Facts& facts, const Container& container,
                     std::vector<Finding>& findings) {
    const auto name = "container " + quote(container.name);
    if (const auto refusal = refusal_in(container.failure); !container.runs && !refusal.empty()) {
        findings.push_back({.code = Code::GR1306,
                            .text = name + " was refused: " + fit_line(refusal),
                            .command = "grapnel explain --docker " + shell_word(container.name),
                            .needs_root = false});
        return;
    }
    const bool by_runtime = container.runtime.find("nvidia") != std::string::npos
                            || container.runtime.find("grapnel") != std::string::npos;
    if (container.lacked_program && (container.by_gpus || (by_runtime && asks(container)))
        && lacks_utility(container))
        findings.push_back(
            {.code = Code::GR1305,
             .text = name + " has no nvidia-smi: NVIDIA_DRIVER_CAPABILITIES lacks utility",
             .command = run_command(container, " --env NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
             .needs_root = false});
    if (container.by_gpus || (by_runtime && asks(container)))
        check_libraries(facts, container, findings);
    if (container.by_gpus || !(container.lacked_program || (container.runs && asks(container))))
        return;
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

/// The engine starts the container again, with the host's driver.
std::string restart_container_command(const DriverHolder& holder) {
    if (holder.engine == "docker" || holder.engine == "podman")
        return holder.engine + " restart " + shell_word(holder.id);
    if (holder.engine == "cri" || holder.engine == "cri-o")
        return "crictl stop " + shell_word(holder.id);
    if (holder.engine == "lxc")
        return "lxc-stop " + shell_word(holder.id) + " && lxc-start " + shell_word(holder.id);
    return page_command(Code::GR1304);
}

/// It keeps the libraries that it was started with; they do not match the module any more.
void check_holders(const Facts& facts, std::vector<Finding>& findings) {
    if (!facts.inventory) // a fault of the driver has a finding of its own
        return;
    const auto branch = driver_branch(facts.host);
    for (const auto& holder : facts.here.holders)
        if (branch && !holder.driver_version.empty()
            && holder.driver_version != branch->driver_version)
            findings.push_back({.code = Code::GR1304,
                                .text = "container " + quote(holder.id) + " holds driver "
                                        + quote(holder.driver_version) + ", and the host has "
                                        + branch->driver_version,
                                .command = restart_container_command(holder),
                                .needs_root = holder.user.empty()});
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
        for (const auto& root : data_roots(facts.host, docker))
            for (const auto& id : names_in(facts.host, root / "containers"))
                if (const auto container = container_at(facts, root / "containers" / id)) {
                    ++count;
                    check_container(facts, *container, area.findings);
                }
    }
    check_holders(facts, area.findings);
    check_leftovers(facts, area.findings);
    area.is_used = count > 0 || !area.findings.empty();
    area.summary = count == 0 ? "none of the last hour" : std::to_string(count) + " of Docker";
    return area;
}

} // namespace grapnel::doctor_command
