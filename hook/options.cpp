// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>
#include <array>
#include <getopt.h>
#include <vector>

namespace grapnel {

namespace {

constexpr std::array<std::pair<std::string_view, Stage>, 5> stages{{
    {"precreate", Stage::precreate},
    {"prestart", Stage::prestart},
    {"createRuntime", Stage::create_runtime},
    {"poststart", Stage::poststart},
    {"poststop", Stage::poststop},
}};

constexpr std::array<option, 7> long_options{{
    {"config", required_argument, nullptr, 'c'},
    {"container", required_argument, nullptr, 'i'},
    {"debug", no_argument, nullptr, 'd'},
    {"dry-run", no_argument, nullptr, 'n'},
    {"version", no_argument, nullptr, 'v'},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
}};

constexpr std::string_view program = "grapnel-hook";

Error wrong_option(const char* word) {
    std::vector<std::string_view> names;
    for (const auto& option : long_options)
        if (option.name != nullptr)
            names.emplace_back(option.name);
    return unknown_option(word, names, program);
}

Error wrong_stage(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& stage : stages)
        names.push_back(stage.first);
    return unknown_word("stage", word, names, program);
}

} // namespace

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    opterr = 0;
    // long options with one dash or two; nothing after the stage is an option
    for (int found = 0;
         (found = getopt_long_only(argc, argv, "+:hv", long_options.data(), nullptr)) != -1;) {
        switch (found) {
        case 'c':
            options.config = GRAPNEL_TRY(sys::argument_path(optarg).note("--config"));
            break;
        case 'i':
            options.container = optarg;
            break;
        case 'd':
            options.debug = true;
            break;
        case 'n':
            options.dry_run = true;
            break;
        case 'v':
            options.action = Options::Action::version;
            return options;
        case 'h':
            options.action = Options::Action::help;
            return options;
        case ':':
            return usage_error(quote(argv[std::min(optind, argc) - 1]) + " needs a value", program);
        default:
            return wrong_option(argv[std::min(optind, argc) - 1]);
        }
    }
    if (optind >= argc)
        return usage_error("the stage is missing", program);
    const std::string_view name = argv[optind];
    if (name == "help") {
        options.action = Options::Action::help;
        return options;
    }
    const auto* const stage =
        std::ranges::find(stages, name, &std::pair<std::string_view, Stage>::first);
    if (stage == stages.end())
        return wrong_stage(name);
    if (optind + 1 < argc)
        return usage_error("one word too many: " + quote(argv[optind + 1]), program);
    options.stage = stage->second;
    return options;
}

std::string usage() {
    return "usage: grapnel-hook [OPTION]... STAGE\n"
           "\n"
           "An OCI hook that gives a container the NVIDIA driver of its host. The container's\n"
           "state is read on standard input.\n"
           "\n"
           "stages:\n"
           "  precreate                add to a config.json what the runtime must know\n"
           "  prestart, createRuntime  give the container what it asks for\n"
           "  poststart                nothing\n"
           "  poststop                 remove what was made in the root file system\n"
           "\n"
           "options, with one dash or two:\n"
           "  --config FILE   the settings, instead of /etc/grapnel/config.toml\n"
           "  --container ID  precreate: for the log, of a caller that logs a failure itself\n"
           "  --debug         write warnings on standard error too\n"
           "  --dry-run       print the plan as JSON and touch nothing\n"
           "  -v, --version   print the version\n"
           "  -h, --help      print this\n";
}

} // namespace grapnel
