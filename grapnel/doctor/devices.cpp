// SPDX-License-Identifier: Apache-2.0
// Device nodes in /dev, and the links by which systemd and runc find them.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/modules.hpp"
#include "doctor/shell.hpp"
#include "driver/inventory.hpp"
#include "driver/missing_nodes.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

std::string number_text(const DeviceNumber& number) {
    return std::to_string(number.major) + ":" + std::to_string(number.minor);
}

/// Where the node lies on the host: the device root can be another one.
HostPath place_of(const Facts& facts, const HostPath& path) {
    if (!facts.rooted)
        return path;
    return facts.rooted->place(path, true).value_or(path);
}

/// The hook makes it too, unless the settings or the module's parameters forbid that.
bool may_be_made(const Facts& facts, const Node& node) {
    const auto file =
        node.described_by.empty() ? host_path("/proc/driver/nvidia/params") : node.described_by;
    return facts.settings.settings.load_kmods && driver::node_attributes(facts.host, file);
}

std::string octal(std::uint32_t mode) {
    std::string out;
    for (; mode != 0; mode /= 8)
        out.insert(out.begin(), static_cast<char>('0' + mode % 8));
    return out.empty() ? "0" : out;
}

std::string make_command(const Facts& facts, const Node& node) {
    if (may_be_made(facts, node) || !node.expected)
        return "grapnel nodes create";
    const auto path = place_of(facts, node.path);
    return "mkdir -p " + shell_word(path.parent().text()) + " && mknod -m "
           + octal(node.described_by.empty() ? 0666 : 0444) + " " + shell_word(path.text()) + " c "
           + std::to_string(node.expected->major) + " " + std::to_string(node.expected->minor);
}

std::vector<Node> nodes_of(const Inventory& inventory) {
    auto out = inventory.control_nodes;
    for (const auto& gpu : inventory.gpus) {
        if (gpu.fault.empty())
            out.push_back(gpu.node);
        for (const auto& device : gpu.mig_devices)
            if (device.fault.empty())
                out.insert(out.end(), device.nodes.begin(), device.nodes.end());
    }
    std::erase_if(out, [](const Node& node) { return node.path.empty(); });
    return out;
}

/// Nodes that the hook makes where it may: one finding for all.
void check_creatable(const Facts& facts, const std::vector<Node>& nodes,
                     std::vector<Finding>& findings) {
    std::vector<Node> missing;
    std::vector<std::string> paths;
    for (auto node : nodes) {
        if (node.optional || !node.creation)
            continue;
        node.path = place_of(facts, node.path);
        paths.push_back(node.path.text());
        missing.push_back(std::move(node));
    }
    if (missing.empty())
        return;
    findings.push_back({.code = Code::GR0301,
                        .text = enumerate(paths) + (paths.size() == 1 ? " is" : " are")
                                + " missing: the next container that root starts brings a node, a "
                                  "user's does not",
                        .command = "grapnel nodes create",
                        .fix = {.nodes = std::move(missing)}});
}

void check_missing(const Facts& facts, Node node, std::vector<Finding>& findings) {
    const auto command = make_command(facts, node);
    node.path = place_of(facts, node.path);
    const std::string reason = facts.settings.settings.load_kmods
                                   ? "the nvidia module is not to make nodes (ModifyDeviceFiles: 0)"
                                   : "the setting load-kmods is false";
    findings.push_back({.code = Code::GR0304,
                        .text = node.path.text() + " is missing, and nothing makes it: " + reason,
                        .command = command});
}

/// The hook loads it, where that is possible.
void check_module(const Facts& facts, const Node& node, std::vector<Finding>& findings) {
    if (node.path.name() != "nvidia-uvm")
        return;
    const auto release = text_of(facts.host, host_path("/proc/sys/kernel/osrelease"));
    const auto start = node.path.text() + ": the nvidia-uvm module is not loaded, and ";
    Finding finding{.code = Code::GR0305, .command = "modprobe nvidia-uvm"};
    if (const auto file = file_that_replaces_uvm(facts.host); !file.empty()) {
        finding.text = start + file.text() + " keeps it from being loaded";
        finding.command = R"(sed -i '/^\s*install\s\+nvidia[-_]uvm\s/s/^/#/' )"
                          + shell_word(file.text()) + " && modprobe nvidia-uvm";
    } else if (number_of(facts.host, host_path("/proc/sys/kernel/modules_disabled")) == 1) {
        finding.text = start + "the sysctl kernel.modules_disabled is 1";
        finding.command = "reboot";
    } else if (has_module(facts.host, release, "nvidia")
               && !has_module(facts.host, release, "nvidia-uvm")) {
        finding.text = start + "Linux " + release + " has no such module";
        finding.command = build_module_command(facts.host, release);
    } else if (!facts.settings.settings.load_kmods) {
        finding.text = start + "the setting load-kmods is false";
    } else {
        finding.code = Code::GR0309;
        finding.text = start
                       + "no node for it is there: the next container that root starts loads it, a "
                         "user's does not";
        finding.fix = {.words = {"/sbin/modprobe", "nvidia-uvm"}};
    }
    findings.push_back(std::move(finding));
}

void check_node(const Facts& facts, const Node& node, std::vector<Finding>& findings) {
    const auto path = place_of(facts, node.path).text();
    if (node.other_file) {
        findings.push_back(
            {.code = Code::GR0303,
             .text = path
                     + " is no character device: another program made a file "
                       "or directory of that name",
             .command = "rm -r " + shell_word(path) + " && " + make_command(facts, node)});
    } else if (!node.expected) {
        check_module(facts, node, findings);
    } else if (!node.found) {
        if (!node.optional && !node.creation)
            check_missing(facts, node, findings);
    } else if (node.found != node.expected) {
        findings.push_back(
            {.code = Code::GR0302,
             .text =
                 path + " is " + number_text(*node.found) + ", but the kernel has that device as "
                 + number_text(*node.expected)
                 + (node.found->major == node.expected->major ? "" : ": the dynamic major changed"),
             .command = "rm " + shell_word(path) + " && " + make_command(facts, node)});
    }
}

std::string mode_command(const NodeAttributes& meant, const std::string& path) {
    const auto owner = std::to_string(meant.user) + ":" + std::to_string(meant.group);
    return (owner == "0:0" ? "" : "chown " + owner + " " + shell_word(path) + " && ") + "chmod "
           + octal(meant.mode) + " " + shell_word(path);
}

/// The group root has no member beside root.
bool is_for_others(const NodeAttributes& attributes) {
    constexpr std::uint32_t of_others = 06;
    constexpr std::uint32_t of_group = 060;
    return (attributes.mode & of_others) != 0
           || ((attributes.mode & of_group) != 0 && attributes.group != 0);
}

/// Programs in a container need no way through the host's /dev; a user's engine does.
void check_directory(const Facts& facts, std::vector<Finding>& findings) {
    constexpr std::uint32_t search = 001;
    constexpr std::uint32_t permission_bits = 0777;
    const auto dev = place_of(facts, host_path("/dev"));
    const auto found = facts.host.stat(dev);
    if (found && (found->mode & permission_bits) != 0 && (found->mode & search) == 0)
        findings.push_back({.code = Code::GR0306,
                            .text = dev.text()
                                    + ": only root may enter it, so no other user may "
                                      "open a device node",
                            .command = "chmod 755 " + shell_word(dev.text())});
}

/// Against the module's parameters: a stricter mode there is the administrator's decision.
void check_mode(const Facts& facts, const Node& node, std::vector<Finding>& findings) {
    constexpr std::uint32_t beside_owner = 066;
    if (!node.found || node.found != node.expected || is_for_others(node.attributes))
        return;
    const auto meant = driver::node_attributes(facts.host, host_path("/proc/driver/nvidia/params"));
    if (!meant || (meant->mode & beside_owner) == 0 || !node.described_by.empty())
        return;
    const auto path = place_of(facts, node.path).text();
    findings.push_back({.code = Code::GR0306,
                        .text = path
                                + ": only root may open it, though the nvidia module gives it "
                                  "to others",
                        .command = mode_command(*meant, path)});
}

/// A user's containers open a node with the user's own rights and groups.
void check_user(const Facts& facts, const std::vector<Node>& nodes,
                std::vector<Finding>& findings) {
    constexpr std::uint32_t of_group = 06;
    constexpr std::uint32_t group_shift = 3;
    for (const auto& node : nodes) {
        const auto& owner = node.attributes;
        const auto others = owner.mode & of_group;
        const auto group = (owner.mode >> group_shift) & of_group;
        if (facts.here.user == 0 || !node.found || node.optional || others == of_group
            || owner.user == facts.here.user || group != of_group || owner.group == 0
            || std::ranges::find(facts.here.groups, owner.group) != facts.here.groups.end())
            continue;
        findings.push_back({.code = Code::GR0310,
                            .text = place_of(facts, node.path).text()
                                    + ": its group may open it, and this user is no member",
                            .command = join_group_command(facts, owner.group)});
        return;
    }
}

bool needs_links(const Facts& facts) {
    return exists(facts.host, host_path("/run/systemd/system"))
           && !names_in(facts.host, host_path("/run/grapnel/containers")).empty();
}

/// Links that lead elsewhere; and where systemd keeps the rules of containers that have GPUs,
/// missing ones too: it reads the rules again at its next reload.
void check_links(const Facts& facts, const std::vector<Node>& nodes,
                 std::vector<Finding>& findings) {
    const bool must_exist = needs_links(facts);
    std::vector<Node> missing;
    for (auto node : nodes) {
        if (!node.found || node.found != node.expected)
            continue;
        const auto link = host_path("/dev/char") / number_text(*node.found);
        const auto facts_of_link = facts.host.stat(link);
        const bool is_right =
            facts_of_link && facts_of_link->type == sys::FileFacts::Type::character_device
            && DeviceNumber{facts_of_link->major, facts_of_link->minor} == *node.found;
        node.path = place_of(facts, node.path);
        if (!is_right && facts.host.stat_link(link))
            findings.push_back(
                {.code = Code::GR0308,
                 .text = link.text() + " does not lead to " + node.path.text(),
                 .command = "ln -sfn " + shell_word(node.path.text()) + " " + link.text()});
        else if (!is_right && must_exist)
            missing.push_back(node);
    }
    if (missing.empty())
        return;
    const auto& first = missing.front();
    const auto link = "/dev/char/" + number_text(*first.found);
    findings.push_back({.code = Code::GR0307,
                        .text = link + " is missing: running containers lose " + first.path.text()
                                + " when systemd is reloaded",
                        .command = "grapnel doctor --fix",
                        .fix = {.links = missing}});
}

} // namespace

Area devices_area(const Facts& facts) {
    Area area{.name = "devices", .is_used = is_plain_nvidia(facts)};
    if (!area.is_used)
        return area;
    const auto nodes = nodes_of(*facts.inventory);
    const auto found = std::ranges::count_if(
        nodes, [](const Node& node) { return node.found && node.found == node.expected; });
    area.summary = std::to_string(found) + " nodes";
    for (const auto& node : nodes) {
        check_node(facts, node, area.findings);
        check_mode(facts, node, area.findings);
    }
    check_directory(facts, area.findings);
    check_creatable(facts, nodes, area.findings);
    check_user(facts, nodes, area.findings);
    check_links(facts, nodes, area.findings);
    return area;
}

} // namespace grapnel::doctor_command
