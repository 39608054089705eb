// SPDX-License-Identifier: Apache-2.0
// Facts from the driver's own library, as grapnel-probe prints them (probe/main.cpp describes the
// lines). The text comes from an unprivileged process that ran the driver's code: it is not
// trusted, and read whole or not at all.
//
// The probe cache (/run/grapnel/probe) is valid as long as the kernel's facts are the same: see
// probe_key().
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// A fact that the GPU did not give is empty.
struct ProbedGpu {
    std::string pci = {}; ///< as /proc/driver/nvidia/gpus names it: 0000:00:06.0
    std::string uuid = {};
    std::optional<std::uint32_t> minor = {};
    std::string brand = {};            ///< one word: Tesla, GeForceRTX
    std::string arch = {};             ///< compute capability: 9.0
    std::optional<bool> mig_mode = {}; ///< nothing also for a GPU that knows no MIG

    bool operator==(const ProbedGpu&) const = default;
};

struct ProbedMig {
    std::string pci = {}; ///< of the GPU that it is a part of
    unsigned index = 0;   ///< as NVML and nvidia-smi count the MIG devices of that GPU
    unsigned gpu_instance = 0;
    unsigned compute_instance = 0;
    std::string uuid = {};

    bool operator==(const ProbedMig&) const = default;
};

struct ProbeAnswer {
    std::string driver_version = {};  ///< empty: not given
    std::string cuda_version = {};    ///< empty: not given
    std::vector<ProbedGpu> gpus = {}; ///< in the order of the library
    std::vector<ProbedMig> migs = {};

    bool operator==(const ProbeAnswer&) const = default;
};

inline constexpr std::size_t probe_answer_limit = std::size_t{64} << 10; ///< bytes

/// Refuses whatever is not of the form, longer than the limit, or said twice.
[[nodiscard]] Result<ProbeAnswer> parse_probe_answer(std::string_view text);

/// In the form that parse_probe_answer() reads.
[[nodiscard]] std::string to_text(const ProbeAnswer& answer);

/// The key of the probe cache, as lines of text: the start of the machine (boot_id), the driver's
/// version, each GPU's address with the inode of its binding to the driver, and each MIG compute
/// instance with the inode and time of its directory in /proc/driver/nvidia/capabilities, which are
/// new for each new instance. Nothing if one of these cannot be read: the answer is then not
/// cached.
[[nodiscard]] std::optional<std::string> probe_key(const sys::HostFs& host,
                                                   const Inventory& inventory);

/// The file that keeps an answer, and the answer of such a file if it was kept under that key;
/// nothing for a damaged one.
[[nodiscard]] std::string kept_answer(const std::string& key, const ProbeAnswer& answer);
[[nodiscard]] std::optional<ProbeAnswer> parse_kept_answer(std::string_view file,
                                                           const std::string& key);

/// Whether every GPU that the inventory found well has given its facts, and every MIG device that
/// it found well its UUID: an answer with holes is not worth keeping.
[[nodiscard]] bool is_complete(const ProbeAnswer& answer, const Inventory& inventory);

/// Adds facts that the inventory lacks: brand and arch of GPUs, UUIDs of MIG devices (by GPU and
/// instances: a warning if the library's index of a device differs).
void add_answer(Inventory& inventory, const ProbeAnswer& answer);

} // namespace grapnel
