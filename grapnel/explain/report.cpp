// SPDX-License-Identifier: Apache-2.0
#include "explain/report.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "json.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::explanation {

namespace {

constexpr std::array<std::string_view, 4> outcome_names{"given", "nothing", "denied", "not_called"};

std::size_t count(const Plan& plan, Mount::Kind kind) {
    return static_cast<std::size_t>(std::ranges::count(plan.mounts, kind, &Mount::kind));
}

void add_plan(Tree& tree, const Plan& plan) {
    auto& given = tree.add("given", Colour::bold);
    given.add("driver " + printable(plan.driver_version)
              + (plan.cuda_version ? ", CUDA " + *plan.cuda_version : ""));
    for (const auto& gpu : plan.gpus) {
        auto& line = given.add(format_text("GPU {}: {} (PCI {}, /dev/nvidia{})", gpu.index,
                                           printable(gpu.uuid), printable(gpu.pci), gpu.minor));
        for (const auto& device : gpu.mig_devices)
            line.add(format_text("MIG {}:{} {}", gpu.index, device.index, printable(device.uuid)));
    }
    if (plan.gpus.empty())
        given.add("no GPU");
    using enum Mount::Kind;
    given.add(format_text("{} libraries, {} 32-bit libraries, {} programs, {} device nodes",
                          count(plan, library), count(plan, library32), count(plan, binary),
                          count(plan, device)));
    if (plan.compat)
        given.add("the image's " + printable(plan.compat->library)
                  + " comes before the driver's libcuda: it is newer");
}

std::vector<std::string> nodes_of(const Plan& plan) {
    std::vector<std::string> out;
    for (const auto& mount : plan.mounts)
        if (mount.kind == Mount::Kind::device)
            out.push_back(mount.inside.text());
    return out;
}

Colour colour_of(Report::Outcome outcome) {
    switch (outcome) {
    case Report::Outcome::given:
        return Colour::green;
    case Report::Outcome::nothing:
        return Colour::yellow;
    case Report::Outcome::denied:
    case Report::Outcome::not_called:
        break;
    }
    return Colour::red;
}

void add_lines(Tree& tree, const char* head, const std::vector<std::string>& lines, Colour colour) {
    if (lines.empty())
        return;
    auto& below = tree.add(head, Colour::bold);
    for (const auto& line : lines)
        below.add(fit_line(line), colour);
}

} // namespace

std::string json_text(const Report& report) {
    auto decisions = Json::array();
    for (const auto& decision : report.decisions)
        decisions.push_back({{"about", decision.about},
                             {"result", decision.result},
                             {"reason", text_or_null(decision.reason)}});
    Json json{{"container", report.container},
              {"engine", text_or_null(report.engine)},
              {"bundle", text_or_null(report.bundle)},
              {"outcome", outcome_names.at(static_cast<std::size_t>(report.outcome))},
              {"summary", report.summary},
              {"decisions", std::move(decisions)},
              {"devices", report.plan ? Json(nodes_of(*report.plan)) : Json::array()},
              {"plan", report.plan ? parse_ordered_json(to_json(report.plan)) : Json()},
              {"left_out", report.left_out},
              {"warnings", texts(report.warnings)},
              {"log", report.log}};
    return to_text(json);
}

std::string tree_text(const Report& report, const Terminal& terminal) {
    Tree tree{.text = printable(report.container)
                      + (report.engine.empty() ? "" : " (" + report.engine + ")"),
              .colour = Colour::bold};
    tree.add(fit_line(report.summary), colour_of(report.outcome));
    auto& why = tree.add("why", Colour::bold);
    for (const auto& decision : report.decisions) {
        auto& line = why.add(decision.about + ": " + fit_line(decision.result));
        if (!decision.reason.empty())
            line.add(fit_line(decision.reason), Colour::dim);
    }
    if (report.plan)
        add_plan(tree, *report.plan);
    add_lines(tree, "left out", report.left_out, Colour::none);
    add_lines(tree, "warnings", texts(report.warnings), Colour::yellow);
    add_lines(tree, "log of the last start", report.log, Colour::none);
    return to_text(tree, terminal);
}

} // namespace grapnel::explanation
