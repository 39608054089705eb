// SPDX-License-Identifier: Apache-2.0
// grapnel nodes: the driver's device nodes, made where they are missing.
#include "nodes.hpp"
#include "apply/host_nodes.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "host.hpp"
#include "look.hpp"
#include "prepare/modules.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"

#include <array>

namespace grapnel {

namespace {

/// Loads the kernel modules without which there are no numbers of nodes.
Result<Plan> plan_with_modules(const Settings& settings, const Log& log, ModuleLoader& modules) {
    Planner planner(settings, log, modules, Planner::DryRun::no);
    return GRAPNEL_TRY(std::move(planner).prepare(request_for_all())).plan_without_image();
}

Result<Plan> plan_of(const Settings& settings, const NodeCreation& creation, const Log& log) {
    if (creation.dry_run || !creation.load_modules)
        return plan_on_host(settings, request_for_all(), log);
    auto modules = ModuleLoader::prepare();
    return plan_with_modules(settings, log, modules);
}

Status create(bool dry_run) {
    const auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    const NodeCreation creation{.dry_run = dry_run};
    return say_nodes(GRAPNEL_TRY(create_nodes(loaded.settings, creation)), creation);
}

Status run_nodes(const LookArguments& arguments) {
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

Result<std::vector<HostPath>> create_nodes(const Settings& settings, const NodeCreation& creation) {
    Log log("grapnel");
    log.warnings_to_stderr(true);
    const auto plan = GRAPNEL_TRY(plan_of(settings, creation, log));
    Notices notices;
    if (!creation.dry_run)
        GRAPNEL_TRY(apply::make_host_nodes(plan, notices, creation.links));
    complain(notices);
    std::vector<HostPath> nodes;
    for (const auto& node : plan.host_nodes)
        nodes.push_back(node.path);
    return nodes;
}

Status say_nodes(const std::vector<HostPath>& nodes, const NodeCreation& creation) {
    if (nodes.empty())
        return say("no node is missing\n");
    std::string out;
    for (const auto& node : nodes)
        out += (creation.dry_run ? "missing " : "made ") + printable(node.text()) + "\n";
    return say(out);
}

int nodes(std::span<const std::string> words) {
    return look_at_host(nodes_command(), words, run_nodes, modules_time_limit_ms);
}

} // namespace grapnel
