// SPDX-License-Identifier: Apache-2.0
// grapnel ps: which container has which GPUs.
#include "base/format.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "containers.hpp"
#include "driver/inventory.hpp"
#include "json.hpp"
#include "look.hpp"
#include "prepare/log.hpp"
#include "terminal.hpp"

#include <algorithm>

namespace grapnel {

namespace {

struct Listing {
    std::string host_driver = {};              ///< empty: not known
    std::vector<GpuContainer> containers = {}; ///< by ID
    Notices notices = {};                      ///< see GpuContainers

    /// A container that has only device nodes has no library that tells its driver.
    [[nodiscard]] bool is_known(const GpuContainer& container) const {
        return !host_driver.empty() && !container.start.driver_version.empty();
    }

    /// The driver was replaced since the container started: its libraries no longer match.
    [[nodiscard]] bool is_stale(const GpuContainer& container) const {
        return is_known(container) && container.start.driver_version != host_driver;
    }
};

/// The first digits of a UUID are enough, as in a request.
bool is_uuid_of(std::string_view uuid, std::string_view name) {
    constexpr std::size_t shortest = std::string_view("GPU-0000").size();
    return name.size() >= shortest && uuid.starts_with(name);
}

/// An index, a UUID, or a MIG device by its own name.
bool is_gpu_name(std::string_view name) {
    const auto is_number = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    };
    const auto colon = name.find(':');
    return name.starts_with("GPU-") || name.starts_with("MIG-") || is_number(name)
           || (colon != std::string_view::npos && is_number(name.substr(0, colon))
               && is_number(name.substr(colon + 1)));
}

bool has_gpu(const GpuContainer& container, std::string_view name) {
    return std::ranges::any_of(container.start.gpus, [&](const auto& gpu) {
        return std::to_string(gpu.index) == name || is_uuid_of(gpu.uuid, name)
               || std::ranges::find(gpu.mig, name) != gpu.mig.end();
    });
}

Json gpus_json(const GpuContainer& container) {
    auto list = Json::array();
    for (const auto& gpu : container.start.gpus)
        list.push_back({{"index", gpu.index},
                        {"minor", gpu.minor},
                        {"uuid", text_or_null(gpu.uuid)},
                        {"mig", gpu.mig}});
    return list;
}

std::string json_text(const Listing& listing) {
    auto list = Json::array();
    for (const auto& container : listing.containers)
        list.push_back(
            {{"id", container.id},
             {"engine", container.engine},
             {"bundle", text_or_null(container.start.bundle)},
             {"user", text_or_null(container.user)},
             {"gpus", gpus_json(container)},
             {"pid", container.process},
             {"pids", container.processes},
             {"cgroup", text_or_null(container.cgroup)},
             {"since", timestamp(container.since)},
             {"driver", text_or_null(container.start.driver_version)},
             {"driver_is_current",
              listing.is_known(container) ? Json(!listing.is_stale(container)) : Json()}});
    return to_text(
        Json{{"driver", text_or_null(listing.host_driver)}, {"containers", std::move(list)}});
}

/// A value of a label (Prometheus exposition formats): backslash, quote and newline are escaped.
std::string label(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        if (c == '\\' || c == '"')
            out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

/// Containers of two containerd namespaces, or of runc with two roots, can have one ID. A metric
/// with the same labels twice has the whole file refused: such containers have a label more.
std::string labels_of(const Listing& listing, const GpuContainer& container) {
    int same = 0;
    for (auto at =
             std::ranges::lower_bound(listing.containers, container.id, {}, &GpuContainer::id);
         at != listing.containers.end() && at->id == container.id; ++at)
        same += at->engine == container.engine ? 1 : 0;
    return format_text(R"(container="{}",engine="{}"{})", label(container.id),
                       label(container.engine),
                       same > 1 ? format_text(R"(,pid="{}")", container.process) : "");
}

std::string metric(std::string_view name, std::string_view help) {
    return format_text("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
}

std::string prometheus_text(const Listing& listing) {
    auto out = metric("grapnel_container_gpu", "A GPU that a container has.");
    for (const auto& container : listing.containers)
        for (const auto& gpu : container.start.gpus)
            out += format_text("grapnel_container_gpu{{{},gpu=\"{}\",uuid=\"{}\"}} 1\n",
                               labels_of(listing, container), gpu.index, label(gpu.uuid));
    out += metric("grapnel_container_start_time_seconds", "Start of the container, since 1970.");
    for (const auto& container : listing.containers)
        out += format_text("grapnel_container_start_time_seconds{{{}}} {}\n",
                           labels_of(listing, container), container.since);
    out += metric("grapnel_container_processes", "Processes of the container.");
    for (const auto& container : listing.containers)
        out += format_text("grapnel_container_processes{{{}}} {}\n", labels_of(listing, container),
                           container.processes.size());
    out += metric("grapnel_container_driver_current",
                  "Whether the container has the driver that the host has now.");
    for (const auto& container : listing.containers)
        if (listing.is_known(container))
            out += format_text("grapnel_container_driver_current{{{},driver=\"{}\"}} {}\n",
                               labels_of(listing, container), label(container.start.driver_version),
                               listing.is_stale(container) ? 0 : 1);
    return out;
}

std::string gpus_text(const GpuContainer& container) {
    std::string out;
    for (const auto& gpu : container.start.gpus) {
        auto names = gpu.mig;
        if (names.empty())
            names = {std::to_string(gpu.index)};
        for (const auto& name : names)
            out += (out.empty() ? "" : ",") + printable(name);
    }
    if (!out.empty())
        return out;
    return container.start.driver_version.empty() ? "not known" : "none";
}

std::string pids_text(const GpuContainer& container) {
    constexpr std::size_t most = 4;
    std::string out;
    for (std::size_t i = 0; i < std::min(most, container.processes.size()); ++i)
        out += (i == 0 ? "" : ",") + std::to_string(container.processes[i]);
    const auto count = container.processes.size();
    return count > most ? out + format_text(",... ({})", count) : out;
}

/// Long IDs as engines show them.
std::string short_id(const std::string& id) {
    constexpr std::size_t long_id = 64;
    constexpr std::size_t shown = 12;
    return printable(id.size() == long_id ? id.substr(0, shown) : id);
}

std::string driver_text(const GpuContainer& container) {
    return container.start.driver_version.empty() ? "not known" : container.start.driver_version;
}

std::string table(const Listing& listing) {
    Cells rows{{"CONTAINER", "ENGINE", "GPUS", "PIDS", "SINCE", "DRIVER"}};
    for (const auto& container : listing.containers)
        rows.push_back(
            {short_id(container.id),
             container.engine + (container.user.empty() ? "" : " of user " + container.user),
             gpus_text(container), pids_text(container), timestamp(container.since),
             printable(driver_text(container))
                 + (listing.is_stale(container)
                        ? " (the host has " + listing.host_driver + ": start it again)"
                        : "")});
    return table_text(rows, Terminal::of_stdout());
}

Listing list_containers() {
    const sys::LinuxHostFs host;
    Listing listing;
    if (const auto branch = driver_branch(host))
        listing.host_driver = branch->driver_version;
    auto found = gpu_containers();
    listing.containers = std::move(found.containers);
    listing.notices = std::move(found.notices);
    return listing;
}

Status run_ps(const LookArguments& arguments) {
    GRAPNEL_TRY(check_no_operand(ps_command(), arguments));
    const auto& options = arguments.options;
    if (options.json && options.prometheus)
        return wrong_operand(ps_command(), "--json and --prometheus exclude each other");
    if (options.gpu && !is_gpu_name(*options.gpu))
        return wrong_operand(ps_command(),
                             "--gpu: " + quote(*options.gpu) + " is neither an index nor a UUID");
    auto listing = list_containers();
    complain(listing.notices);
    if (options.gpu)
        std::erase_if(listing.containers,
                      [&](const auto& container) { return !has_gpu(container, *options.gpu); });
    if (options.json)
        return say(json_text(listing));
    return say(options.prometheus ? prometheus_text(listing) : table(listing));
}

} // namespace

int ps(std::span<const std::string> words) {
    return look(ps_command(), words, run_ps);
}

} // namespace grapnel
