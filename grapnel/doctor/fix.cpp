// SPDX-License-Identifier: Apache-2.0
#include "doctor/fix.hpp"

#include "sys/node.hpp"
#include "sys/program.hpp"

namespace grapnel::doctor_command {

namespace {

constexpr std::size_t output_limit = std::size_t{1} << 16;

Status run(const std::vector<std::string>& words) {
    const auto program = GRAPNEL_TRY(HostPath::make(words.front()));
    auto arguments = words;
    arguments.front() = program.name();
    GRAPNEL_TRY(sys::ask_program(program, arguments, output_limit));
    return {};
}

Status carry_out(const Fix& fix) {
    for (const auto& node : fix.nodes)
        GRAPNEL_TRY(sys::make_node(node.path, *node.expected,
                                   {.mode = node.creation->mode,
                                    .user = node.creation->user,
                                    .group = node.creation->group}));
    for (const auto& node : fix.links)
        GRAPNEL_TRY(sys::make_number_link(node.path, *node.found));
    return fix.words.empty() ? Status() : run(fix.words);
}

} // namespace

Fixed fix(const std::vector<Area>& areas) {
    Fixed out;
    for (const auto& area : areas)
        for (const auto& finding : area.findings) {
            if (finding.fix.empty())
                continue;
            const auto line = name_of(page_of(finding.code)) + ": " + finding.text;
            if (const auto done = carry_out(finding.fix); done)
                out.done.push_back(line);
            else
                out.failed.push_back(line + ": " + done.error().text());
        }
    return out;
}

} // namespace grapnel::doctor_command
