// SPDX-License-Identifier: Apache-2.0
#include "configure/options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>
#include <array>
#include <getopt.h>
#include <set>
#include <vector>

namespace grapnel::configure_command {

namespace {

struct Known {
    std::string_view name;
    Engine engine;
    std::string_view config;
    std::string_view drop_in;
    std::string_view options; ///< that belong to some engines alone
};

constexpr std::array<Known, 4> engines{{
    {"docker", Engine::docker, "/etc/docker/daemon.json", "", "crds"},
    {"containerd", Engine::containerd, "/etc/containerd/config.toml",
     "/etc/containerd/conf.d/99-grapnel.toml", "crdsi"},
    {"crio", Engine::crio, "/etc/crio/crio.conf", "/etc/crio/crio.conf.d/99-grapnel.toml", "crdsi"},
    {"podman", Engine::podman, "", "", "pk"},
}};
constexpr std::string_view hook_dir = "/usr/share/containers/oci/hooks.d";

constexpr int help_letter = 'h';
constexpr std::array<option, 13> long_options{{
    {"config", required_argument, nullptr, 'c'},
    {"drop-in", required_argument, nullptr, 'i'},
    {"hook-dir", required_argument, nullptr, 'p'},
    {"hook-path", required_argument, nullptr, 'k'},
    {"runtime-name", required_argument, nullptr, 'r'},
    {"runtime-path", required_argument, nullptr, 'd'},
    {"set-as-default", no_argument, nullptr, 's'},
    {"cdi", no_argument, nullptr, 'x'},
    {"unset", no_argument, nullptr, 'u'},
    {"dry-run", no_argument, nullptr, 'n'},
    {"help", no_argument, nullptr, help_letter},
    {nullptr, 0, nullptr, 0},
}};

constexpr std::string_view tool = "grapnel configure";

Error wrong(std::string what) {
    return usage_error(std::move(what), tool);
}

Error wrong_option(const char* word) {
    std::vector<std::string_view> names;
    for (const auto& option : long_options)
        if (option.name != nullptr)
            names.emplace_back(option.name);
    return unknown_option(word, names, tool);
}

Error wrong_engine(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& engine : engines)
        names.push_back(engine.name);
    return unknown_word("engine", word, names, tool);
}

std::string name_of(int letter) {
    const auto* const found = std::ranges::find(long_options, letter, &option::val);
    return std::string("--") + found->name;
}

Result<HostPath> path_argument(const std::string& text) {
    auto path = sys::argument_path(text);
    if (path)
        if (const auto checked = engines::check_path(path->text()); !checked)
            return checked.error();
    return path;
}

/// An error of an argument is one of the command line.
template <typename T>
Result<T> as_usage(Result<T> result, int letter) {
    if (!result)
        result.error().kind = Error::Kind::usage;
    return std::move(result).note(name_of(letter));
}

Status store_name(Options& options, const char* name) {
    GRAPNEL_TRY(engines::check_runtime_name(name));
    options.entry.name = name;
    return {};
}

Status store(Options& options, int letter, const char* argument) {
    const auto path = [&](HostPath& target) -> Status {
        target = GRAPNEL_TRY(as_usage(path_argument(argument), letter));
        return {};
    };
    switch (letter) {
    case 'c':
        return path(options.config);
    case 'i':
        return path(options.drop_in);
    case 'p':
        return path(options.hook_dir);
    case 'k':
        return path(options.hook);
    case 'r':
        return as_usage(store_name(options, argument), letter);
    case 'd': {
        HostPath program;
        GRAPNEL_TRY(path(program));
        options.entry.path = program.text();
        return {};
    }
    case 's':
        options.entry.set_as_default = true;
        return {};
    case 'x':
        options.entry.cdi = true;
        return {};
    case 'u':
        options.unset = true;
        return {};
    default:
        options.dry_run = true;
        return {};
    }
}

Status check_engine(const Known& known, const std::set<int>& given) {
    if (known.engine == Engine::podman && given.contains('s'))
        return wrong("--set-as-default is not for podman, which is given a hook and no "
                     "runtime: the hook runs for every container anyway");
    for (const int letter : given)
        if (letter != 'u' && letter != 'n' && letter != 'x'
            && known.options.find(static_cast<char>(letter)) == known.options.npos)
            return wrong(name_of(letter) + " is not for " + std::string(known.name));
    return {};
}

void add_defaults(Options& options, const Known& known) {
    options.engine = known.engine;
    if (options.config.empty() && !known.config.empty())
        options.config = host_path(known.config);
    if (options.drop_in.empty() && !known.drop_in.empty())
        options.drop_in = host_path(known.drop_in);
    if (options.hook_dir.empty())
        options.hook_dir = host_path(hook_dir);
    if (options.hook.empty())
        options.hook = host_path(GRAPNEL_BINDIR "/grapnel-hook");
    if (options.entry.path.empty())
        options.entry.path = GRAPNEL_BINDIR "/nvidia-container-runtime";
}

} // namespace

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    std::set<int> given;
    opterr = 0;
    for (int found = 0;
         (found = getopt_long(argc, argv, ":h", long_options.data(), nullptr)) != -1;) {
        if (found == ':')
            return wrong(quote(argv[std::min(optind, argc) - 1]) + " needs a value");
        if (found == '?')
            return wrong_option(argv[std::min(optind, argc) - 1]);
        if (found == help_letter) {
            options.help = true;
            return options;
        }
        GRAPNEL_TRY(store(options, found, optarg));
        given.insert(found);
    }
    if (optind >= argc)
        return wrong("the engine is missing");
    const std::string_view name = argv[optind];
    if (name == "help") {
        options.help = true;
        return options;
    }
    if (optind + 1 < argc)
        return wrong("one engine at a time: " + quote(argv[optind + 1]));
    const auto* const known = std::ranges::find(engines, name, &Known::name);
    if (known == engines.end())
        return wrong_engine(name);
    GRAPNEL_TRY(check_engine(*known, given));
    add_defaults(options, *known);
    return options;
}

std::string usage() {
    return "usage: grapnel configure docker|containerd|crio|podman [OPTION]...\n"
           "\n"
           "Enters Grapnel's runtime in the configuration of a container engine, for podman its\n"
           "hook. What the files hold beside it stays as it is.\n"
           "\n"
           "options:\n"
           "  --config FILE        the engine's configuration, instead of the one below /etc\n"
           "  --drop-in FILE       containerd, crio: where the runtime is entered\n"
           "  --hook-dir DIR       podman: where the hook is entered ("
           + std::string(hook_dir)
           + ")\n"
             "  --hook-path PATH     podman: the hook (" GRAPNEL_BINDIR "/grapnel-hook)\n"
             "  --runtime-name NAME  the runtime's name (nvidia)\n"
             "  --runtime-path PATH  the runtime (" GRAPNEL_BINDIR "/nvidia-container-runtime)\n"
             "  --set-as-default     for all containers that name no runtime\n"
             "  --cdi                have the engine read CDI specifications\n"
             "  --unset              take out what was entered\n"
             "  --dry-run            print the change as a diff, and change nothing\n"
             "  -h, --help           print this\n";
}

} // namespace grapnel::configure_command
