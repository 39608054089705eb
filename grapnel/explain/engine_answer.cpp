// SPDX-License-Identifier: Apache-2.0
#include "explain/engine_answer.hpp"

#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "json.hpp"
#include "json/text.hpp"
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

/// An answer in the form in which a confined process hands it over: texts without NUL, the
/// environment at the end.
enum Field : std::size_t { id, process, runtime, failure, privileged, gpus, config, environment };

std::string gpus_of(const Json& json) {
    const auto gpus = requested_gpus(json);
    return gpus ? "NVIDIA_VISIBLE_DEVICES=" + *gpus : std::string();
}

/// `text` is the output of `inspect`: a list of one object.
Result<std::string> fields_of(const std::string& engine, const std::string& text) {
    const auto list = parse_ordered_json(text);
    if (!list.is_array() || list.empty() || !list[0].is_object())
        return refused(engine + " inspect printed no list of containers");
    const auto& json = list[0];
    const auto& pid = at(json, {"State", "Pid"});
    const auto& is_privileged = at(json, {"HostConfig", "Privileged"});
    std::vector<std::string> fields{
        text_at(json, {"Id"}),
        pid.is_number_integer() ? std::to_string(pid.get<std::int64_t>()) : "",
        engine == "podman" ? text_at(json, {"OCIRuntime"})
                           : text_at(json, {"HostConfig", "Runtime"}),
        text_at(json, {"State", "Error"}),
        is_privileged.is_boolean() && is_privileged.get<bool>() ? "1" : "",
        gpus_of(json),
        text_at(json, {"OCIConfigPath"})};
    std::ranges::move(texts_of(at(json, {"Config", "Env"})), std::back_inserter(fields));
    std::string out;
    for (const auto& field : fields)
        out += field.substr(0, field.find('\0')) + '\0';
    return out;
}

Result<Subject> subject_of(const std::string& engine, std::string_view text) {
    auto fields = split(text, '\0');
    if (fields.size() <= Field::environment) // behind the last one is an empty one
        return refused("the confined process gave no answer");
    fields.pop_back();
    Subject subject{.id = std::string(fields[Field::id]), .engine = engine};
    if (const auto pid = parse_number<pid_t>(fields[Field::process]); pid && *pid > 0)
        subject.process = pid;
    subject.runtime = fields[Field::runtime];
    subject.failure = fields[Field::failure];
    subject.privileged = !fields[Field::privileged].empty();
    subject.environment.assign(fields.begin() + Field::environment, fields.end());
    if (!fields[Field::gpus].empty()) {
        subject.asks_engine_for_gpus = true;
        subject.environment.emplace_back(fields[Field::gpus]);
    }
    if (const auto config = HostPath::make(fields[Field::config]))
        subject.bundle = config->parent();
    return subject;
}

} // namespace

Result<Subject> ask_engine(const std::string& engine, const std::string& name) {
    constexpr std::size_t limit = std::size_t{4} << 20;
    const auto client = client_of(engine);
    if (client.empty())
        return refused("there is no program " + engine, "name the container by --pid");
    auto answer = sys::ask_program(client, {engine, "container", "inspect", "--", name}, limit);
    const bool has_daemon =
        answer || answer.error().text().find("Cannot connect") == std::string::npos;
    const auto text = GRAPNEL_TRY(std::move(answer).cure(
        has_daemon ? "'" + engine + " ps --all' has the containers of this user"
                   : "'grapnel doctor' says what keeps the daemon from running"));
    const auto parse = [&] { return fields_of(engine, text); };
    return subject_of(engine, GRAPNEL_TRY(confine::compute_confined(2 * limit, parse)));
}

} // namespace grapnel::explanation
