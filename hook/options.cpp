// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "base/text.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>
#include <array>
#include <getopt.h>

namespace grapnel {

namespace {

constexpr std::array<std::pair<std::string_view, Stage>, 5> stages{{
    {"precreate", Stage::precreate},
    {"prestart", Stage::prestart},
    {"createRuntime", Stage::create_runtime},
    {"poststart", Stage::poststart},
    {"poststop", Stage::poststop},
}};

constexpr std::array<option, 6> long_options{{
    {"config", required_argument, nullptr, 'c'},
    {"debug", no_argument, nullptr, 'd'},
    {"dry-run", no_argument, nullptr, 'n'},
    {"version", no_argument, nullptr, 'v'},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
}};

Error usage_error(std::string what) {
    return {.kind = Error::Kind::usage, .what = std::move(what)};
}

} // namespace

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    opterr = 0;
    // long options with one dash or two; nothing after the stage is an option
    for (int found = 0;
         (found = getopt_long_only(argc, argv, "+h", long_options.data(), nullptr)) != -1;) {
        switch (found) {
        case 'c':
            options.config = GRAPNEL_TRY(sys::argument_path(optarg).note("--config"));
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
        default:
            return usage_error("unknown option, or an option without its value: "
                               + quote(argv[std::min(optind, argc) - 1]));
        }
    }
    if (optind >= argc)
        return usage_error("the stage is missing");
    const std::string_view name = argv[optind];
    const auto* const stage =
        std::ranges::find(stages, name, &std::pair<std::string_view, Stage>::first);
    if (stage == stages.end())
        return usage_error("unknown stage " + quote(name));
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
           "  --config FILE  the settings, instead of /etc/grapnel/config.toml\n"
           "  --debug        say on standard error what is noteworthy\n"
           "  --dry-run      print the plan as JSON and touch nothing\n"
           "  --version      print the version\n"
           "  --help         print this\n";
}

} // namespace grapnel
