// SPDX-License-Identifier: Apache-2.0
// Runs one case: from config.json, the settings and a made-up host to the plan or the refusal,
// which must be those of the golden file. README.md describes the files.
//
//   scenario CASE-DIRECTORY HOSTS-DIRECTORY
#include "base/format.hpp"
#include "base/text.hpp"
#include "driver/inventory.hpp"
#include "driver/inventory_check.hpp"
#include "driver/observed_host.hpp"
#include "driver/probe_answer.hpp"
#include "driver/readable_paths.hpp"
#include "driver/rooted_host.hpp"
#include "driver/serialized_inventory.hpp"
#include "host_file.hpp"
#include "oci/spec.hpp"
#include "plan/cdi_devices.hpp"
#include "plan/make_plan.hpp"
#include "plan/mig_names.hpp"
#include "plan/requirements.hpp"
#include "plan/scope.hpp"
#include "plan/select.hpp"
#include "plan/static_cdi_spec.hpp"
#include "plan_lines.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"
#include "support/golden.hpp"

#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>
#include <set>

namespace {

using namespace grapnel;
namespace fs = std::filesystem;

/// Files that a case is made of; anything else in its directory is a mistake.
const std::set<std::string>& inputs() {
    static const std::set<std::string> names{"config.json", "config.toml", "nvidia.toml",
                                             "host.txt",    "image.txt",   "probe.txt"};
    return names;
}
const std::set<std::string>& goldens() {
    static const std::set<std::string> names{"plan.txt", "plan.json", "cdi.json", "error.txt",
                                             "remarks.txt"};
    return names;
}

Status check_files(const fs::path& directory) {
    if (!fs::is_directory(directory) || fs::is_empty(directory))
        return refused(directory.string() + " holds no case");
    for (const auto& entry : fs::directory_iterator(directory)) {
        const auto name = entry.path().filename().string();
        if (!inputs().contains(name) && !goldens().contains(name))
            return refused(entry.path().string() + " is no file of a case");
    }
    if (!fs::exists(directory / "config.json"))
        return refused(directory.string() + " has no config.json");
    return {};
}

/// "libcuda.so.VERSION", or the same and the text of its note behind a blank.
CompatLibrary compat(std::string_view text) {
    const auto blank = text.find(' ');
    CompatLibrary library{.name = std::string(text.substr(0, blank))};
    if (blank != text.npos)
        library.note = text.substr(blank + 1);
    return library;
}

/// image.txt: "compat NAME [NOTE]", the same for a Jetson's, "compat-jetson", "libraries PATH",
/// "libraries32 PATH" and "no-proc", a line each.
Result<ImageLayout> image(const fs::path& path) {
    ImageLayout layout;
    const auto text = test::file_text(path);
    if (!text)
        return layout;
    for (const auto line : split(*text, '\n')) {
        const auto blank = line.find(' ');
        const auto value = blank == line.npos ? std::string_view() : line.substr(blank + 1);
        if (line.starts_with("libraries "))
            layout.libraries = GRAPNEL_TRY(InsidePath::make(value));
        else if (line.starts_with("libraries32 "))
            layout.libraries_32bit = GRAPNEL_TRY(InsidePath::make(value));
        else if (line.starts_with("compat "))
            layout.compat = compat(value);
        else if (line.starts_with("compat-jetson ")) {
            layout.compat = compat(value);
            layout.compat->directory = jetson_compat_directory();
        } else if (line == "no-proc")
            layout.proc_driver_nvidia = false;
        else if (!line.empty() && !line.starts_with('#'))
            return refused(path.string() + ": unknown line " + quote(line));
    }
    return layout;
}

SettingsReading settings(const fs::path& directory) {
    if (const auto text = test::file_text(directory / "config.toml"))
        return read_settings(*text, Dialect::grapnel, "config.toml");
    if (const auto text = test::file_text(directory / "nvidia.toml"))
        return read_settings(*text, Dialect::nvidia, "nvidia.toml");
    return {};
}

struct Outcome {
    std::optional<std::string> json = {};
    std::optional<std::string> cdi = {};
    std::optional<std::string> error = {};
    std::optional<std::string> notices = {};
};

std::optional<std::string> lines(const std::vector<std::string>& texts) {
    if (texts.empty())
        return std::nullopt;
    std::string out;
    for (const auto& text : texts)
        out += text + "\n";
    return out;
}

/// probe.txt answers in the place of grapnel-probe.
void ask_probe(Inventory& inventory, const std::optional<std::string>& said) {
    const auto answer = said ? parse_probe_answer(*said)
                             : Result<ProbeAnswer>(refused("grapnel-probe does not answer"));
    if (answer)
        add_answer(inventory, *answer);
    else
        inventory.probe_fault = answer.error().text();
}

/// A description can open nothing else: every case must do without.
Status confine(test::MemoryHost& host, const RootedHost* rooted, InventoryScope& scope) {
    const sys::HostFs& seen = rooted != nullptr ? static_cast<const sys::HostFs&>(*rooted) : host;
    scope.readable = readable_paths(seen, scope);
    ReadablePaths on_host;
    for (const auto& path : scope.readable.read)
        on_host.read.push_back(rooted != nullptr ? GRAPNEL_TRY(rooted->place(path, true)) : path);
    for (const auto& path : scope.readable.listed)
        on_host.listed.push_back(rooted != nullptr ? GRAPNEL_TRY(rooted->place(path, true)) : path);
    host.confine_to(on_host);
    return {};
}

/// The container's devices as a static CDI file has them.
Result<std::string> cdi_file(const Request& request, const Inventory& inventory) {
    const auto common =
        GRAPNEL_TRY(make_plan(cdi_request(request, CdiClass::gpu, {}), inventory, ImageLayout()));
    const auto plan = GRAPNEL_TRY(make_plan(request, inventory, ImageLayout()));
    return static_cdi_spec(common, {{.name = "asked", .plan = plan}},
                           {.hook = host_path("/usr/bin/grapnel-hook")});
}

/// As the process does that looks at the host for a start, and the one that takes its inventory
/// over.
Result<Inventory> look_at(const sys::HostFs& host, const InventoryScope& scope) {
    const driver::ObservedHost observed(host);
    auto taken = take_inventory(observed, scope);
    auto look = taken ? Result<ObservedInventory>({.inventory = std::move(*taken)})
                      : Result<ObservedInventory>(taken.error());
    if (look)
        look->observations = observed.observations(std::numeric_limits<std::int64_t>::max());
    auto parsed = GRAPNEL_TRY(parse_serialized_inventory(serialize(look)));
    GRAPNEL_TRY(check_inventory(host, scope, readable_paths(host, scope), parsed.inventory));
    if (parsed.observations && !driver::gives_same_answers(host, *parsed.observations))
        return refused("the host did not change, and gives other answers");
    return std::move(parsed.inventory);
}

/// What the hook does on a dry run, without its system calls.
Result<std::optional<Plan>> plan_of(const fs::path& directory, test::MemoryHost& host,
                                    const ImageLayout& layout, Notices& notices,
                                    std::optional<std::string>& cdi) {
    const auto reading = settings(directory);
    const auto& chosen = reading.settings;
    const auto spec = GRAPNEL_TRY(parse_spec(
        test::file_text(directory / "config.json").value_or(""), annotation_prefixes(chosen)));
    const auto asked = GRAPNEL_TRY(resolve_request(spec, reading));
    notices = asked.notices;
    if (!asked.request)
        return std::optional<Plan>();
    const auto& request = *asked.request;
    const auto rooted = GRAPNEL_TRY(rooted_host(host, chosen.driver_root, chosen.device_root));
    const sys::HostFs& seen = rooted ? static_cast<const sys::HostFs&>(*rooted) : host;
    auto scope = inventory_scope(request, chosen);
    scope.cuda_version = true;
    scope.arch = names_gpu(request);
    scope.may_make_nodes = [&] { return chosen.load_kmods; };
    GRAPNEL_TRY(confine(host, rooted.get(), scope));
    auto inventory = GRAPNEL_TRY(look_at(seen, scope));
    if (needs_gpu_uuids(request, inventory) || needs_mig_uuids(request, inventory)
        || needs_probe(request, inventory))
        ask_probe(inventory, test::file_text(directory / "probe.txt"));
    notices.add(inventory.notices);
    auto plan = GRAPNEL_TRY(make_plan(request, inventory, layout));
    if (fs::exists(directory / "cdi.json"))
        cdi = GRAPNEL_TRY(cdi_file(request, inventory));
    if (rooted)
        GRAPNEL_TRY(relocate(
            plan, [&](const HostPath& path, bool follow) { return rooted->place(path, follow); }));
    return std::optional(std::move(plan));
}

Result<Outcome> run(const fs::path& directory, const fs::path& hosts) {
    GRAPNEL_TRY(check_files(directory));
    test::MemoryHost host;
    if (fs::exists(directory / "host.txt"))
        GRAPNEL_TRY(test::read_host_file((directory / "host.txt").string(), hosts.string(), host));
    const auto layout = GRAPNEL_TRY(image(directory / "image.txt"));
    Outcome outcome;
    Notices notices;
    const auto plan = plan_of(directory, host, layout, notices, outcome.cdi);
    if (plan)
        outcome.json = to_json(*plan);
    else
        outcome.error = plan.error().text() + "\n";
    outcome.notices = lines(texts(notices));
    return outcome;
}

/// The lines of every plan, and the product's JSON and CDI file where the case has a file for them.
test::GoldenFiles golden_files(const fs::path& directory, const Outcome& outcome) {
    std::optional<std::string> lines_of_plan;
    if (outcome.json)
        lines_of_plan = test::plan_lines(*outcome.json);
    test::GoldenFiles files{{"plan.txt", lines_of_plan},
                            {"error.txt", outcome.error},
                            {"remarks.txt", outcome.notices}};
    if (fs::exists(directory / "plan.json"))
        files["plan.json"] = outcome.json;
    if (fs::exists(directory / "cdi.json"))
        files["cdi.json"] = outcome.cdi;
    return files;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) {
            std::cerr << "usage: scenario CASE-DIRECTORY HOSTS-DIRECTORY\n";
            return 2;
        }
        const auto outcome = run(argv[1], argv[2]);
        if (!outcome) {
            std::cerr << format_text("{}\n", outcome.error().text());
            return 1;
        }
        return test::compare_golden(argv[1], golden_files(argv[1], *outcome));
    } catch (const std::exception& bug) {
        std::cerr << format_text("scenario: {}\n", bug.what());
        return 1;
    }
}
