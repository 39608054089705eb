// SPDX-License-Identifier: Apache-2.0
#include "doctor/docker_client.hpp"

#include "doctor/host_commands.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view of_socket = "unix://";
constexpr std::array<std::string_view, 2> system_sockets{"/var/run/docker.sock",
                                                         "/run/docker.sock"};

std::string text_in(const nlohmann::json& object, const char* key) {
    const auto value = object.is_object() ? object.value(key, nlohmann::json()) : nlohmann::json();
    return value.is_string() ? value.get<std::string>() : std::string();
}

/// The name of the context that `docker context use` chose; empty for the default.
std::string current_context(const Facts& facts) {
    if (facts.here.home.empty())
        return {};
    const auto config =
        parse_json(text_of(facts.host, facts.here.home / ".docker" / "config.json"));
    const auto name = text_in(config, "currentContext");
    return name == "default" ? std::string() : name;
}

/// The address of a context; empty if no such context is defined.
std::string address_of(const Facts& facts, const std::string& context) {
    const auto all = facts.here.home / ".docker" / "contexts" / "meta";
    for (const auto& directory : names_in(facts.host, all)) {
        const auto meta = parse_json(text_of(facts.host, all / directory / "meta.json"));
        if (text_in(meta, "Name") != context)
            continue;
        const auto ends = meta.value("Endpoints", nlohmann::json());
        return text_in(ends.is_object() ? ends.value("docker", nlohmann::json()) : nlohmann::json(),
                       "Host");
    }
    return {};
}

/// A socket of a dockerd on this host: the system's, or that of a rootless one.
bool is_local(std::string_view address) {
    if (!address.starts_with(of_socket))
        return false;
    const auto path = address.substr(of_socket.size());
    return std::ranges::find(system_sockets, path) != system_sockets.end()
           || (path.starts_with("/run/user/") && path.ends_with("/docker.sock"));
}

Finding talks_elsewhere(const std::string& subject, const std::string& address,
                        const std::string& command) {
    return {.code = Code::GR0816,
            .text = subject + (address.empty() ? " is not defined" : " is " + address)
                    + ": docker talks to another dockerd than this host's",
            .command = command,
            .needs_root = false};
}

/// The socket that this user may not open, with its group; nothing if the user may.
void check_socket(const Facts& facts, std::vector<Finding>& findings) {
    constexpr std::uint32_t of_others = 06;
    for (const auto path : system_sockets) {
        const auto found = facts.host.stat(host_path(std::string(path)));
        if (!found || found->type != sys::FileFacts::Type::other)
            continue;
        if (facts.here.user == 0 || found->owner.user == facts.here.user
            || (found->mode & of_others) == of_others || found->owner.group == 0
            || std::ranges::find(facts.here.groups, found->owner.group) != facts.here.groups.end())
            return;
        findings.push_back({.code = Code::GR0817,
                            .text = std::string(path)
                                    + ": its group may open it, and this user is no member: docker "
                                      "works by root alone",
                            .command = join_group_command(facts, found->owner.group)});
        return;
    }
}

} // namespace

void check_docker_client(const Facts& facts, const std::vector<Docker>& dockers,
                         std::vector<Finding>& findings) {
    if (std::ranges::none_of(dockers, [](const Docker& it) { return it.daemon != nullptr; }))
        return;
    const auto& variable = facts.here.docker_host;
    const auto context = current_context(facts);
    const auto address = context.empty() ? std::string() : address_of(facts, context);
    const bool has_own = std::ranges::any_of(
        dockers, [&](const Docker& it) { return it.daemon && it.daemon->user == facts.here.user; });
    if (!variable.empty() && !is_local(variable))
        findings.push_back(talks_elsewhere("DOCKER_HOST", variable, "unset DOCKER_HOST"));
    else if (variable.empty() && !context.empty() && !is_local(address))
        findings.push_back(talks_elsewhere("the docker context '" + context + "'", address,
                                           "docker context use default"));
    else if (variable.empty() && context.empty() && !has_own)
        check_socket(facts, findings);
}

} // namespace grapnel::doctor_command
