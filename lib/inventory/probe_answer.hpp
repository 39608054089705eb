// SPDX-License-Identifier: Apache-2.0
// What the driver's own library says, as grapnel-probe prints it (probe/main.cpp describes the
// lines). The text comes from a process that ran the driver's code without any right: it is read
// as a stranger's, whole or not at all.
//
// The answer is kept (in /run/grapnel/probe) for as long as the kernel's facts stay what they
// were: see probe_key().
#pragma once

#include "base/result.hpp"
#include "inventory/inventory.hpp"
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

/// What an answer depends on, as lines of text: the start of the machine (boot_id), the driver's
/// version, each GPU's address with the inode of its binding to the driver, and each MIG compute
/// instance with the inode and time of its directory in /proc/driver/nvidia/capabilities, which
/// are new for one that was made anew. Nothing if one of these cannot be had: the answer is
/// then not kept.
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

/// Fills in what the inventory does not know yet: brand and arch of GPUs, the UUIDs of MIG devices
/// (by GPU and instances: one that the library counts in another way is remarked upon).
void add_answer(Inventory& inventory, const ProbeAnswer& answer);

} // namespace grapnel
