// SPDX-License-Identifier: Apache-2.0
#include "cmdline/help.hpp"
#include "command.hpp"
#include "doctor/areas.hpp"
#include "doctor/options.hpp"
#include "doctor/report.hpp"
#include "provision/settings_file.hpp"
#include "sys/process.hpp"
#include "sys/program.hpp"

namespace grapnel {

namespace {

using namespace doctor_command;

Surroundings surroundings() {
    return {.user = sys::own_user().user, .own_program = sys::own_program().value_or(HostPath())};
}

int run(const Options& options) {
    const sys::LinuxHostFs host;
    const auto facts =
        gather_facts(host, load_settings(std::nullopt, Variables::count), surroundings());
    const auto areas = all_areas(facts);
    const auto said =
        say(options.json ? json_report(areas) : text_report(areas, Terminal::of_stdout()));
    return said ? exit_status(areas) : finish(said);
}

} // namespace

int doctor(std::span<const std::string> words) {
    const auto options = doctor_command::parse_options(words);
    if (!options)
        return wrong_usage(options.error());
    if (options->help)
        return answer(cmdline::help(doctor_command::command()));
    return run(*options);
}

} // namespace grapnel
