// SPDX-License-Identifier: Apache-2.0
#include "explain/engine_answer.hpp"

#include "base/text.hpp"
#include "json.hpp"
#include "sys/program.hpp"

#include <algorithm>

namespace grapnel::explanation {

namespace {

/// The member at these keys; null where one is missing.
const Json& at(const Json& json, std::initializer_list<const char*> keys) {
    static const Json missing;
    const auto* found = &json;
    for (const auto* const key : keys) {
        if (!found->is_object() || !found->contains(key))
            return missing;
        found = &(*found)[key];
    }
    return *found;
}

std::string text_at(const Json& json, std::initializer_list<const char*> keys) {
    const auto& found = at(json, keys);
    return found.is_string() ? found.get<std::string>() : std::string();
}

std::vector<std::string> texts_of(const Json& json) {
    std::vector<std::string> out;
    if (json.is_array())
        for (const auto& entry : json)
            if (entry.is_string())
                out.push_back(entry.get<std::string>());
    return out;
}

/// The devices of docker run --gpus, which Docker turns into NVIDIA_VISIBLE_DEVICES; empty without
/// that option.
std::optional<std::string> requested_gpus(const Json& json) {
    for (const auto& request : at(json, {"HostConfig", "DeviceRequests"})) {
        const auto ids = texts_of(at(request, {"DeviceIDs"}));
        if (ids.empty())
            return "all";
        std::string list;
        for (const auto& id : ids)
            list += (list.empty() ? "" : ",") + id;
        return list;
    }
    return std::nullopt;
}

HostPath client_of(const std::string& engine) {
    for (const auto* const directory : {"/usr/bin", "/usr/local/bin", "/bin", "/snap/bin"}) {
        auto path = host_path(directory) / engine;
        if (sys::is_program(path))
            return path;
    }
    return {};
}

} // namespace

Result<Subject> parse_engine_answer(const std::string& engine, const std::string& text) {
    const auto list = Json::parse(text, nullptr, false);
    if (!list.is_array() || list.empty() || !list[0].is_object())
        return refused(engine + " inspect printed no list of containers");
    const auto& json = list[0];
    Subject subject{.id = text_at(json, {"Id"}), .engine = engine};
    const auto& process = at(json, {"State", "Pid"});
    if (process.is_number_integer() && process.get<std::int64_t>() > 0)
        subject.process = process.get<pid_t>();
    subject.runtime = text_at(json, {"HostConfig", "Runtime"});
    if (engine == "podman")
        subject.runtime = text_at(json, {"OCIRuntime"});
    subject.failure = text_at(json, {"State", "Error"});
    subject.environment = texts_of(at(json, {"Config", "Env"}));
    const auto& privileged = at(json, {"HostConfig", "Privileged"});
    subject.privileged = privileged.is_boolean() && privileged.get<bool>();
    if (const auto gpus = requested_gpus(json)) {
        subject.asks_engine_for_gpus = true;
        subject.environment.push_back("NVIDIA_VISIBLE_DEVICES=" + *gpus);
    }
    const auto config = HostPath::make(text_at(json, {"OCIConfigPath"}));
    if (config)
        subject.bundle = config->parent();
    return subject;
}

Result<Subject> ask_engine(const std::string& engine, const std::string& name) {
    constexpr std::size_t limit = std::size_t{4} << 20;
    const auto client = client_of(engine);
    if (client.empty())
        return refused("there is no program " + engine, "name the container by --pid");
    const auto text =
        GRAPNEL_TRY(sys::ask_program(client, {engine, "container", "inspect", "--", name}, limit)
                        .cure("'" + engine + " ps --all' has the containers of this user"));
    return parse_engine_answer(engine, text);
}

} // namespace grapnel::explanation
