// SPDX-License-Identifier: Apache-2.0
#include "doctor/docker_settings.hpp"

#include "base/text.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/json_text.hpp"
#include "doctor/shell.hpp"
#include "engine_config/json_text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace grapnel::doctor_command {

namespace {

using Json = nlohmann::json;

enum class Type { text, flag, texts, members, runtimes };

struct Key {
    std::string_view name;
    Type type;
};

/// Keys of daemon.json that people give a wrong type; dockerd(8) lists every key.
constexpr std::array<Key, 22> keys{
    {{"runtimes", Type::runtimes},      {"default-runtime", Type::text},
     {"features", Type::members},       {"exec-opts", Type::texts},
     {"cdi-spec-dirs", Type::texts},    {"hosts", Type::texts},
     {"data-root", Type::text},         {"exec-root", Type::text},
     {"cgroup-parent", Type::text},     {"storage-driver", Type::text},
     {"storage-opts", Type::texts},     {"log-driver", Type::text},
     {"log-opts", Type::members},       {"insecure-registries", Type::texts},
     {"registry-mirrors", Type::texts}, {"dns", Type::texts},
     {"userns-remap", Type::text},      {"selinux-enabled", Type::flag},
     {"live-restore", Type::flag},      {"experimental", Type::flag},
     {"iptables", Type::flag},          {"debug", Type::flag}}};

bool is_of(Type type, const Json& value) {
    switch (type) {
    case Type::text:
        return value.is_string();
    case Type::flag:
        return value.is_boolean();
    case Type::texts:
        return value.is_array()
               && std::ranges::all_of(value, [](const Json& item) { return item.is_string(); });
    case Type::members:
        return value.is_object();
    case Type::runtimes:
        return value.is_object() && std::ranges::all_of(value, [](const Json& runtime) {
                   return runtime.is_object()
                          && (runtime.contains("path") ? runtime["path"].is_string()
                                                       : runtime.contains("runtimeType"));
               });
    }
    return true;
}

std::string_view words_for(Type type) {
    constexpr std::array<std::string_view, 5> words{"a string", "true or false",
                                                    "a list of strings", "an object",
                                                    "an object of objects with a path"};
    return words[static_cast<std::size_t>(type)];
}

/// encoding/json of Go leaves a null out.
std::string wrong_type(const Docker& docker) {
    for (const auto& key : keys) {
        const auto found = docker.settings.find(key.name);
        if (found != docker.settings.end() && !found->is_null() && !is_of(key.type, *found))
            return docker.config.text() + ": the value of " + quote(key.name) + " is not "
                   + std::string(words_for(key.type)) + ", so dockerd does not start";
    }
    return {};
}

/// The key that a key which dockerd does not know stands for; empty without one.
std::string_view key_meant_by(std::string_view written) {
    std::string name;
    for (const char c : written)
        name += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name == "runtime")
        return "runtimes";
    const auto* const found = std::ranges::find(keys, name, &Key::name);
    return found == keys.end() || written == found->name ? std::string_view() : found->name;
}

bool is_before(const Facts& facts, std::uint32_t release) {
    const auto version = version_of(facts, "dockerd");
    return version && *version < Version{{release}};
}

/// dockerd --validate is of Docker 23.
std::string validate_command(const Facts& facts, const Docker& docker) {
    const auto file = shell_word(docker.config.text());
    if (!is_before(facts, 23))
        return "dockerd --validate --config-file " + file;
    return find_program(facts.host, "python3").empty() ? page_command(Code::GR0801)
                                                       : "python3 -m json.tool " + file;
}

Finding refusal(const Facts& facts, const Docker& docker, std::string text) {
    return {.code = Code::GR0801,
            .text = std::move(text),
            .command = validate_command(facts, docker),
            .needs_root = false};
}

/// A byte order mark of UTF-8, as editors of Windows write it: Docker 23 skips it.
std::optional<Finding> byte_order_mark(const Facts& facts, const Docker& docker) {
    if (!text_of(facts.host, docker.config).starts_with("\xef\xbb\xbf") || !is_before(facts, 23))
        return std::nullopt;
    auto out =
        refusal(facts, docker,
                docker.config.text() + " begins with a byte order mark, so dockerd does not start");
    out.command = R"(sed -i '1s/^\xEF\xBB\xBF//' )" + shell_word(docker.config.text()) + " && "
                  + restart_command(facts, docker.daemon, "docker");
    out.needs_root = is_of_root(docker);
    return out;
}

/// `features` of daemon.json, else the version's: CDI is on from Docker 28.2 on.
bool has_cdi(const Facts& facts, const Docker& docker) {
    const auto features = docker.settings.value("features", Json());
    const auto flag = features.is_object() ? features.value("cdi", Json()) : Json();
    if (flag.is_boolean())
        return flag.get<bool>();
    const auto version = version_of(facts, "dockerd");
    return version && *version >= Version{{28, 2}};
}

/// Nothing: the usual ones.
DirectoryNames cdi_directories(const Docker& docker) {
    const auto listed = docker.settings.find("cdi-spec-dirs");
    auto out = docker.daemon == nullptr ? std::vector<std::string>()
                                        : options_of(*docker.daemon, "cdi-spec-dir");
    if (listed != docker.settings.end() && listed->is_array())
        for (const auto& name : *listed)
            out.push_back(name.get<std::string>());
    return out.empty() ? std::nullopt : std::optional(std::move(out));
}

} // namespace

namespace {

std::optional<Finding> misspelt_key(const Facts& facts, const Docker& docker) {
    for (const auto& [key, value] : docker.settings.items()) {
        const auto meant = key_meant_by(key);
        if (meant.empty())
            continue;
        auto out = refusal(facts, docker,
                           docker.config.text() + " has the key " + quote(key)
                               + ", which dockerd does not know, so it does not start: "
                               + quote(std::string(meant)) + " is meant");
        out.command = "sed -i 's/\"" + key + R"("\s*:/")" + std::string(meant) + "\":/' "
                      + shell_word(docker.config.text()) + " && "
                      + restart_command(facts, docker.daemon, "docker");
        out.needs_root = is_of_root(docker);
        return out;
    }
    return std::nullopt;
}

} // namespace

std::optional<Finding> refused_settings(const Facts& facts, const Docker& docker) {
    if (docker.unreadable && docker.unreadable->sys != EACCES)
        return refusal(facts, docker, docker.unreadable->text());
    if (docker.mistake) {
        const auto parsed = engine_config::JsonText::parse(*docker.mistake, docker.config.text());
        return refusal(facts, docker,
                       parsed ? docker.config.text() + " is no JSON object" : parsed.error().what);
    }
    if (auto text = wrong_type(docker); !text.empty())
        return refusal(facts, docker, std::move(text));
    if (auto misspelt = misspelt_key(facts, docker))
        return misspelt;
    return byte_order_mark(facts, docker);
}

bool serves_cdi(const Facts& facts, const Docker& docker) {
    return !find_cdi_file(facts.host, gpu_kind, cdi_directories(docker)).empty()
           && has_cdi(facts, docker);
}

std::optional<Finding> unread_cdi_file(const Facts& facts, const Docker& docker) {
    const auto file = find_cdi_file(facts.host, gpu_kind);
    if (file.empty())
        return std::nullopt;
    const auto directories = cdi_directories(docker);
    const auto features = docker.settings.value("features", Json());
    const bool is_off = features.is_object() && features.value("cdi", Json()) == false;
    if (!is_off && !find_cdi_file(facts.host, gpu_kind, directories).empty())
        return std::nullopt;
    Finding out{.code = Code::GR0811, .text = docker.config.text()};
    if (is_off) {
        out.text += ": features.cdi is false, so Docker does not read " + file.text();
        out.command = configure_docker_command(facts, docker, Code::GR0811, "--cdi");
        out.needs_root = is_of_root(docker);
    } else {
        const auto directory = directories ? directories->front() : std::string();
        out.text += ": cdi-spec-dirs lacks the directory of " + file.text();
        out.command = "mkdir -p " + shell_word(directory) + " && grapnel cdi generate --output "
                      + shell_word(directory + "/grapnel.json");
    }
    return out;
}

} // namespace grapnel::doctor_command
