// SPDX-License-Identifier: Apache-2.0
// grapnel nodes: the driver's device nodes, made where they are missing.
#include "apply/host_nodes.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "host.hpp"
#include "look.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"

#include <array>

namespace grapnel {

namespace {

/// Loads the kernel modules without which there are no numbers of nodes.
Result<Plan> plan_with_modules(const Settings& settings, const Log& log, ModuleLoader& modules) {
    Planner planner(settings, log, modules, Planner::DryRun::no);
    GRAPNEL_TRY(planner.prepare(request_for_all()));
    return planner.plan_without_image();
}

Status create(bool dry_run) {
    const auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    Log log("grapnel");
    log.warnings_to_stderr(true);
    auto modules = dry_run ? ModuleLoader() : ModuleLoader::prepare();
    const auto plan = GRAPNEL_TRY(dry_run ? plan_on_host(loaded.settings, request_for_all(), log)
                                          : plan_with_modules(loaded.settings, log, modules));
    std::vector<std::string> remarks;
    if (!dry_run)
        remarks = GRAPNEL_TRY(apply::make_host_nodes(plan));
    for (const auto& remark : remarks)
        complain(remark);
    if (plan.host_nodes.empty())
        return say("no node is missing\n");
    std::string out;
    for (const auto& node : plan.host_nodes)
        out += (dry_run ? "missing " : "made ") + printable(node.path.text()) + "\n";
    return say(out);
}

Status run(const LookArguments& arguments) {
    const auto& operands = arguments.operands;
    if (operands.empty())
        return wrong_operand(nodes_command(), "the command is missing");
    if (operands.front() != "create")
        return unknown_word("command", operands.front(),
                            std::array<std::string_view, 2>{"create", "help"}, "grapnel nodes");
    if (operands.size() > 1)
        return wrong_operand(nodes_command(), "one word too many: " + quote(operands[1]));
    return create(arguments.options.dry_run);
}

} // namespace

int nodes(std::span<const std::string> words) {
    return look(nodes_command(), words, run);
}

} // namespace grapnel
