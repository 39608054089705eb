// SPDX-License-Identifier: Apache-2.0
// GPUs: their drivers on the PCI bus, persistence, MIG, NVSwitch.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/modules.hpp"
#include "doctor/pci.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

/// "0000:00:06" of 0000:00:06.0, as the driver's lines in the kernel log have it.
std::string slot_of(const std::string& address) {
    return address.substr(0, address.rfind('.'));
}

bool is_in_log(const Facts& facts, const std::string& address) {
    return std::ranges::any_of(facts.here.kernel_log, [&](const std::string& line) {
        return line.find("fallen off the bus") != std::string::npos
               && line.find(slot_of(address)) != std::string::npos;
    });
}

Finding off_the_bus(const std::string& address, const std::string& cause) {
    return {.code = Code::GR0401,
            .text = "GPU " + address + " does not answer: " + cause,
            .command = "dmesg | grep -iE 'xid|nvrm'"};
}

void check_health(const Facts& facts, const std::vector<PciGpu>& gpus,
                  std::vector<Finding>& findings) {
    std::vector<std::string> named;
    for (const auto& gpu : facts.inventory ? facts.inventory->gpus : std::vector<Gpu>())
        if (!gpu.fault.empty() || is_in_log(facts, gpu.pci)) {
            findings.push_back(off_the_bus(
                gpu.pci, is_in_log(facts, gpu.pci) ? "it has fallen off the bus" : gpu.fault));
            named.push_back(gpu.pci);
        }
    for (const auto& gpu : gpus)
        if (gpu.is_gone && std::ranges::find(named, gpu.address) == named.end())
            findings.push_back(off_the_bus(gpu.address, "it has fallen off the bus"));
}

/// The driver's line about a GPU that it could not initialise; empty without one.
std::string line_of_failure(const Facts& facts, const std::string& address) {
    const auto found = std::ranges::find_if(facts.here.kernel_log, [&](const std::string& line) {
        return line.find("RmInitAdapter failed") != std::string::npos
               && line.find(address) != std::string::npos;
    });
    return found == facts.here.kernel_log.end() ? std::string() : *found;
}

void check_initialisation(const Facts& facts, const std::vector<PciGpu>& gpus,
                          std::vector<Finding>& findings) {
    for (const auto& gpu : gpus)
        if (const auto line = line_of_failure(facts, gpu.address); !line.empty() && !gpu.is_gone)
            findings.push_back(
                {.code = Code::GR0412,
                 .text = "GPU " + gpu.address + ": the driver could not initialise it: " + line,
                 .command = "dmesg | grep -iE 'xid|nvrm'"});
}

std::string blacklist_command(const sys::HostFs& host, const std::string& module) {
    if (exists(host, host_path("/run/ostree-booted")))
        return "rpm-ostree kargs --append=" + shell_word("module_blacklist=" + module)
               + " && reboot";
    const auto initramfs = initramfs_command(host);
    return "echo 'blacklist " + module + "' > /etc/modprobe.d/blacklist-nouveau.conf && "
           + (initramfs.empty() ? "" : initramfs + " && ") + "reboot";
}

/// Until the next boot, whatever gave the GPU to the other driver.
std::string bind_command(const sys::HostFs& host, const PciGpu& gpu) {
    if (!find_program(host, "driverctl").empty())
        return "driverctl unset-override " + shell_word(gpu.address);
    const auto device = "/sys/bus/pci/devices/" + gpu.address;
    return "modprobe nvidia && echo nvidia > " + shell_word(device + "/driver_override")
           + " && echo " + shell_word(gpu.address) + " > " + shell_word(device + "/driver/unbind")
           + " && echo " + shell_word(gpu.address) + " > /sys/bus/pci/drivers_probe";
}

Finding held(const sys::HostFs& host, const PciGpu& gpu, bool by_all) {
    constexpr std::array<std::string_view, 5> of_kernel{"nouveau", "nova_core", "nova-core",
                                                        "nvidiafb", "rivafb"};
    const bool is_nouveau = std::ranges::find(of_kernel, gpu.driver) != of_kernel.end();
    if (is_nouveau && by_all)
        return {.code = Code::GR0403,
                .text = "GPU " + gpu.address + " is bound to " + gpu.driver
                        + ", the kernel's own driver",
                .command = blacklist_command(host, gpu.driver)};
    return {.code = by_all ? Code::GR0402 : Code::GR0405,
            .text = "GPU " + gpu.address + " is bound to " + gpu.driver
                    + (is_nouveau ? "" : ", as for a virtual machine"),
            .command = bind_command(host, gpu)};
}

/// The driver's reason for leaving a GPU to no driver; empty without a line that names it.
std::string reason_in_log(const Facts& facts, const std::string& address) {
    for (const auto& line : facts.here.kernel_log)
        for (const auto* const reason :
             {"is not supported by open nvidia.ko", "requires use of the NVIDIA open kernel",
              "Legacy drivers", "is not supported by the"})
            if (line.find(slot_of(address)) != std::string::npos
                && line.find(reason) != std::string::npos)
                return line;
    return {};
}

/// The wrong kind of module, or the wrong branch.
Finding wrong_driver(const Facts& facts, const std::string& address, const std::string& reason) {
    return {.code = Code::GR0414,
            .text = "GPU " + address + " needs another driver: " + reason,
            .command = other_driver_command(facts.host, reason)};
}

/// Gives the device back to the host's driver, until the next boot.
std::string release_command(const std::string& device) {
    const auto place = "/sys/bus/pci/devices/" + device;
    return "echo " + shell_word(device) + " > " + shell_word(place + "/driver/unbind")
           + " && echo > " + shell_word(place + "/driver_override");
}

Finding blocked_by_vfio(const std::string& address, const std::string& device) {
    return {.code = Code::GR0418,
            .text = "GPU " + address + " has no driver: " + device
                    + ", a device of its IOMMU group, is bound to vfio-pci, as for a virtual "
                      "machine",
            .command = release_command(device) + " && echo " + shell_word(address)
                       + " > /sys/bus/pci/drivers_probe"};
}

Finding beside_vfio(const std::string& address, const std::string& device) {
    return {.code = Code::GR0419,
            .text = "GPU " + address + " is the host's, but " + device
                    + ", a device of its IOMMU group, is bound to vfio-pci: no virtual "
                      "machine can take it, because a group goes as a whole",
            .command = release_command(device)};
}

Finding not_taken(const Facts& facts, const std::string& address) {
    const auto reason = reason_in_log(facts, address);
    if (!reason.empty())
        return wrong_driver(facts, address, reason);
    const auto beside = vfio_device_beside(facts.host, address);
    if (!beside.empty())
        return blocked_by_vfio(address, beside);
    return {.code = Code::GR0404,
            .text = "GPU " + address + ": the nvidia driver is loaded but did not take it",
            .command = "dmesg | grep -i nvrm"};
}

void check_drivers(const Facts& facts, const std::vector<PciGpu>& gpus,
                   std::vector<Finding>& findings) {
    const bool has_own = facts.inventory && !facts.inventory->gpus.empty();
    for (const auto& gpu : gpus) {
        if (gpu.driver == "nvidia" && !gpu.is_gone)
            if (const auto beside = vfio_device_beside(facts.host, gpu.address); !beside.empty())
                findings.push_back(beside_vfio(gpu.address, beside));
        if (gpu.driver == "nvidia" || gpu.is_gone)
            continue;
        if (!gpu.driver.empty())
            findings.push_back(held(facts.host, gpu, !has_own));
        else if (is_plain_nvidia(facts)
                 && !exists(facts.host, host_path("/proc/driver/nvidia/gpus") / gpu.address))
            findings.push_back(not_taken(facts, gpu.address));
    }
}

/// Xids after which NVIDIA's catalogue asks for a reset of the GPU: uncorrectable memory errors, a
/// GPU System Processor that does not answer, and the driver's own word for it.
bool needs_reset(const std::string& line, const std::string& address) {
    const auto at = line.find("Xid (PCI:" + slot_of(address));
    if (at == std::string::npos)
        return false;
    const auto after = line.find("): ", at);
    const auto number =
        after == std::string::npos ? std::string_view() : std::string_view(line).substr(after + 3);
    const auto xid =
        parse_number<unsigned>(number.substr(0, number.find_first_not_of("0123456789")));
    if (xid == 154U)
        return line.find("Reset Required") != std::string::npos
               || line.find("Reboot Required") != std::string::npos;
    constexpr std::array<unsigned, 7> asks{48, 62, 64, 95, 119, 120, 140};
    return xid && std::ranges::find(asks, *xid) != asks.end();
}

void check_xids(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& gpu : facts.inventory->gpus) {
        const auto line = std::ranges::find_if(facts.here.kernel_log, [&](const std::string& text) {
            return needs_reset(text, gpu.pci);
        });
        if (line != facts.here.kernel_log.end() && gpu.fault.empty())
            findings.push_back({.code = Code::GR0415,
                                .text = "GPU " + gpu.pci + " reported an error: " + *line,
                                .command = line->find("Reboot Required") != std::string::npos
                                               ? "reboot"
                                               : "nvidia-smi --gpu-reset -i " + gpu.pci});
    }
}

/// Ends the daemon by the directory that it has now, and starts another by the usual one.
std::string mps_command(const Daemon& mps) {
    const auto variable = mps.mps_pipes.empty()
                              ? std::string()
                              : "CUDA_MPS_PIPE_DIRECTORY=" + shell_word(mps.mps_pipes) + " ";
    return mps.mps_pipes.empty()
               ? page_command(Code::GR0417)
               : "echo quit | " + variable + "nvidia-cuda-mps-control && "
                     + "env -u CUDA_MPS_PIPE_DIRECTORY nvidia-cuda-mps-control -d";
}

std::string persistence_command(const Facts& facts) {
    auto enable = enable_command(facts, "nvidia-persistenced");
    return enable.empty() ? "nvidia-smi -pm 1" : enable;
}

void check_persistence(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& gpu : facts.inventory->gpus)
        if (gpu.fault.empty() && gpu.uuid.find('?') != std::string::npos) {
            findings.push_back({.code = Code::GR0406,
                                .text = "GPU " + gpu.pci
                                        + " is not initialised, so its UUID is not known: "
                                          "persistence is off, and each start of a program takes "
                                          "seconds",
                                .command = persistence_command(facts)});
            return;
        }
    if (is_enabled_without(facts, "nvidia-persistenced.service", "nvidia-persiste"))
        findings.push_back({.code = Code::GR0407,
                            .text = "nvidia-persistenced.service is enabled, but "
                                    "nvidia-persistenced does not run: persistence is off",
                            .command = "systemctl restart nvidia-persistenced"});
}

/// Programs of a container reach the daemons through them.
void check_sockets(const Facts& facts, std::vector<Finding>& findings) {
    const auto is_there = [&](const char* path) { return exists(facts.host, host_path(path)); };
    if (find_daemon(facts, "nvidia-persiste") != nullptr
        && !is_there("/run/nvidia-persistenced/socket")
        && !is_there("/var/run/nvidia-persistenced/socket"))
        findings.push_back({.code = Code::GR0416,
                            .text = "nvidia-persistenced runs, and its socket "
                                    "/run/nvidia-persistenced/socket is missing: containers do "
                                    "not get it",
                            .command = restart_command(facts, find_daemon(facts, "nvidia-persiste"),
                                                       "nvidia-persistenced")});
    const auto* const mps = find_daemon(facts, "nvidia-cuda-mps");
    if (mps != nullptr && !is_there("/tmp/nvidia-mps"))
        findings.push_back(
            {.code = Code::GR0417,
             .text = "MPS runs, and its directory /tmp/nvidia-mps is missing, by which containers "
                     "reach it"
                     + (mps->mps_pipes.empty() ? std::string()
                                               : ": CUDA_MPS_PIPE_DIRECTORY is " + mps->mps_pipes),
             .command = mps_command(*mps)});
}

void check_mig(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& gpu : facts.inventory->gpus) {
        for (const auto& device : gpu.mig_devices)
            if (!device.fault.empty())
                findings.push_back({.code = Code::GR0409,
                                    .text = "MIG device " + std::to_string(gpu.index) + ":"
                                            + std::to_string(device.index)
                                            + " cannot be given to a container: " + device.fault,
                                    .command = "nvidia-smi -L",
                                    .needs_root = false});
    }
}

/// Whether the GPU can have MIG devices: /proc shows no difference between MIG mode without a
/// device and no MIG mode, so only the driver's library knows.
bool may_have_mig_mode(const Facts& facts, const Gpu& gpu) {
    return gpu.fault.empty() && gpu.minor && gpu.mig_devices.empty()
           && exists(facts.host, host_path("/proc/driver/nvidia/capabilities")
                                     / ("gpu" + std::to_string(*gpu.minor)) / "mig");
}

/// CUDA finds no device on a GPU in MIG mode without a MIG device.
void check_mig_mode(const Facts& facts, std::vector<Finding>& findings) {
    const auto& gpus = facts.inventory->gpus;
    if (!facts.here.gpus_in_mig_mode || std::ranges::none_of(gpus, [&](const Gpu& gpu) {
            return may_have_mig_mode(facts, gpu);
        }))
        return;
    const auto in_mig_mode = facts.here.gpus_in_mig_mode(*facts.inventory);
    for (const auto& gpu : gpus)
        if (may_have_mig_mode(facts, gpu)
            && std::ranges::find(in_mig_mode, gpu.pci) != in_mig_mode.end())
            findings.push_back(
                {.code = Code::GR0413,
                 .text = "GPU " + std::to_string(gpu.index) + " (" + gpu.pci
                         + ") is in MIG mode and has no MIG device: a program "
                           "that gets it finds no device",
                 .command = "nvidia-smi mig -i " + std::to_string(gpu.index) + " -cgi 0 -C"});
}

std::string fabric_command(const Facts& facts) {
    constexpr std::string_view unit = "nvidia-fabricmanager";
    auto enable = enable_command(facts, unit);
    if (!enable.empty())
        return enable;
    const auto& version = facts.inventory->driver_version;
    const auto name = std::string(unit) + "-" + version.substr(0, version.find('.'));
    const bool has_nvidias = has_repository(facts.host, {"nvidia.com/compute/cuda"});
    const Packages names{.debian = has_nvidias ? name : "",
                         .ubuntu = name,
                         .fedora = {},
                         .rhel = {},
                         .suse = {},
                         .arch = {}};
    const auto install = install_command(facts.host, names, Code::GR0410);
    return install == page_command(Code::GR0410)
               ? install
               : install + " && systemctl enable --now " + std::string(unit);
}

/// The module can be in the initramfs, with its options.
std::string include_command(const Facts& facts) {
    const auto file = file_with_option(facts.host, "NVreg_ExcludedGpus");
    if (file.empty())
        return page_command(Code::GR0420);
    const auto update = initramfs_command(facts.host);
    return R"(sed -i 's/NVreg_ExcludedGpus=\S*//' )" + shell_word(file.text())
           + (update.empty() ? "" : " && " + update) + " && reboot";
}

/// The driver lists such a GPU, and gives it to no program.
void check_excluded(const Facts& facts, std::vector<Finding>& findings) {
    const auto gpus = host_path("/proc/driver/nvidia/gpus");
    for (const auto& address : names_in(facts.host, gpus)) {
        const auto text = text_of(facts.host, gpus / address / "information");
        for (const auto line : split(text, '\n'))
            if (line.starts_with("GPU Excluded:") && line.ends_with("Yes"))
                findings.push_back(
                    {.code = Code::GR0420,
                     .text = "GPU " + address
                             + " is excluded: NVreg_ExcludedGpus of the nvidia module names it",
                     .command = include_command(facts)});
    }
}

/// CUDA waits for the fabric on a system with NVSwitches.
void check_fabric(const Facts& facts, std::vector<Finding>& findings) {
    const auto switches = names_in(facts.host, host_path("/proc/driver/nvidia-nvswitch/devices"));
    if (!switches.empty() && find_daemon(facts, "nv-fabricmanage") == nullptr)
        findings.push_back({.code = Code::GR0410,
                            .text = "nvidia-fabricmanager does not run, which CUDA needs on this "
                                    "host: it has NVSwitches",
                            .command = fabric_command(facts)});
}

} // namespace

Area gpus_area(const Facts& facts) {
    Area area{.name = "GPUs"};
    const auto gpus = pci_gpus(facts.host);
    const bool is_special = facts.inventory && facts.inventory->pass_through;
    area.is_used = facts.inventory.has_value() || !gpus.empty();
    if (is_special || !area.is_used)
        return area;
    check_health(facts, gpus, area.findings);
    check_initialisation(facts, gpus, area.findings);
    check_drivers(facts, gpus, area.findings);
    if (!facts.inventory)
        return area;
    area.summary = std::to_string(facts.inventory->gpus.size());
    check_xids(facts, area.findings);
    check_persistence(facts, area.findings);
    check_sockets(facts, area.findings);
    check_mig(facts, area.findings);
    check_mig_mode(facts, area.findings);
    check_fabric(facts, area.findings);
    check_excluded(facts, area.findings);
    if (facts.inventory->gpus.empty() && area.findings.empty())
        area.findings.push_back({.code = Code::GR0411,
                                 .text = "the nvidia driver is loaded and shows no GPU",
                                 .command = list_pci_command(facts.host),
                                 .needs_root = false});
    return area;
}

} // namespace grapnel::doctor_command
