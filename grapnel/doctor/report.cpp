// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.hpp"

#include "base/exit_code.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "json.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

struct Count {
    std::size_t errors = 0;
    std::size_t warnings = 0;
};

Count count(const std::vector<Finding>& findings) {
    const auto errors =
        static_cast<std::size_t>(std::ranges::count_if(findings, [](const Finding& finding) {
            return page_of(finding.code).severity == Severity::error;
        }));
    return {.errors = errors, .warnings = findings.size() - errors};
}

Count count(const std::vector<Area>& areas) {
    Count out;
    for (const auto& area : areas) {
        const auto of_area = count(area.findings);
        out.errors += of_area.errors;
        out.warnings += of_area.warnings;
    }
    return out;
}

std::string plural(std::size_t number, std::string_view noun) {
    return format_text("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string in_words(const Count& found) {
    std::vector<std::string> parts;
    if (found.errors > 0)
        parts.push_back(plural(found.errors, "error"));
    if (found.warnings > 0)
        parts.push_back(plural(found.warnings, "warning"));
    return enumerate(parts);
}

Colour colour_of(Severity severity) {
    return severity == Severity::error ? Colour::red : Colour::yellow;
}

/// ✓ without findings, ✗ with an error, ! with warnings alone, - for an area that is not used.
std::string sign_of(const Area& area, const Terminal& terminal) {
    const auto found = count(area.findings);
    if (found.errors > 0)
        return terminal.paint(Colour::red, "\u2717");
    if (found.warnings > 0)
        return terminal.paint(Colour::yellow, "!");
    return area.is_used ? terminal.paint(Colour::green, "\u2713")
                        : terminal.paint(Colour::dim, "-");
}

std::string_view status_of(const Area& area) {
    const auto found = count(area.findings);
    if (found.errors > 0)
        return "error";
    if (found.warnings > 0)
        return "warning";
    return area.is_used ? "ok" : "unused";
}

std::string lines_of(const Finding& finding, const Terminal& terminal) {
    const auto& page = page_of(finding.code);
    const auto head = format_text("{} {}", name_of(page.severity), name_of(page));
    return format_text("    {}: {}\n        {}\n", terminal.paint(colour_of(page.severity), head),
                       fit_line(finding.text),
                       terminal.paint(Colour::bold, fit_line(finding.command)));
}

std::string last_line(const std::vector<Area>& areas) {
    const auto found = count(areas);
    if (found.errors + found.warnings == 0)
        return "No findings.\n";
    for (const auto& area : areas)
        if (!area.findings.empty())
            return format_text("{}. The page of a finding: grapnel explain {}\n", in_words(found),
                               name_of(page_of(area.findings.front().code)));
    return {};
}

Json json_of(const Finding& finding) {
    const auto& page = page_of(finding.code);
    return Json::object({{"code", name_of(page)},
                         {"severity", name_of(page.severity)},
                         {"text", fit_line(finding.text)},
                         {"command", fit_line(finding.command)},
                         {"fixable", !finding.fix.empty()}});
}

} // namespace

int exit_status(const std::vector<Area>& areas) {
    const auto found = count(areas);
    if (found.errors > 0)
        return exit_errors;
    return found.warnings > 0 ? static_cast<int>(exit_warnings) : static_cast<int>(exit_done);
}

std::string text_report(const std::vector<Area>& areas, const Terminal& terminal) {
    std::string out;
    for (const auto& area : areas) {
        out += format_text("{} {:<12} {}\n", sign_of(area, terminal), area.name,
                           fit_line(area.summary));
        for (const auto& finding : area.findings)
            out += lines_of(finding, terminal);
    }
    return out + last_line(areas);
}

std::string json_report(const std::vector<Area>& areas) {
    const auto found = count(areas);
    Json list = Json::array();
    for (const auto& area : areas) {
        Json findings = Json::array();
        for (const auto& finding : area.findings)
            findings.push_back(json_of(finding));
        list.push_back(Json::object({{"name", area.name},
                                     {"status", status_of(area)},
                                     {"summary", fit_line(area.summary)},
                                     {"findings", std::move(findings)}}));
    }
    const auto json = Json::object({{"version", GRAPNEL_VERSION},
                                    {"errors", found.errors},
                                    {"warnings", found.warnings},
                                    {"areas", std::move(list)}});
    return to_text(json);
}

} // namespace grapnel::doctor_command
