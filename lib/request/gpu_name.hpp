// SPDX-License-Identifier: Apache-2.0
// A name by which a container asks for a GPU or a MIG device, parsed where it enters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace grapnel {

/// all, none and void, in any case: every GPU, the driver without a GPU, and nothing. Where a list
/// has no such word it is the name of a device that no host has.
enum class SpecialWord { all, none, nothing };
[[nodiscard]] std::optional<SpecialWord> special_word(std::string_view word);

/// 0
struct GpuIndex {
    unsigned index = 0;

    bool operator==(const GpuIndex&) const = default;
};

/// 0000:01:00.0, with any padding: without leading zeros, in lower case.
struct PciAddress {
    std::string canonical = {};

    bool operator==(const PciAddress&) const = default;
};

/// GPU-<UUID> or MIG-<UUID>, or its beginning; a GPU's also without its GPU-.
struct UuidName {
    enum class Kind { gpu, mig, without };
    Kind kind = Kind::without;
    /// Hexadecimal digits; nothing: it has other characters, or no kind, and begins no UUID.
    std::optional<std::size_t> digits = {};

    bool operator==(const UuidName&) const = default;
};

struct MigInstances {
    std::uint32_t gpu_instance = 0;
    std::uint32_t compute_instance = 0;

    bool operator==(const MigInstances&) const = default;
};

/// A MIG device by its GPU. What is malformed after the GPU is no MIG device's.
///
///   0:1                          the GPU's index, the index among its MIG devices
///   MIG-<UUID of the GPU>/2/0    GPU instance and compute instance
///   GPU0-MIG1/2/0                all four numbers
struct MigName {
    std::variant<unsigned, std::string> gpu = {}; ///< index or UUID
    std::optional<unsigned> device = {};
    std::optional<MigInstances> instances = {};

    bool operator==(const MigName&) const = default;
};

/// In any case. Any text is a name: one of no form is a UUID without its kind.
class GpuName {
  public:
    using Form = std::variant<SpecialWord, GpuIndex, PciAddress, UuidName, MigName>;

    explicit GpuName(std::string text);

    /// As it was asked for.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const Form& form() const { return form_; }

    /// The name as this form, or null.
    template <typename T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&form_);
    }

    [[nodiscard]] bool is(SpecialWord word) const { return form_ == Form(word); }

    bool operator==(const GpuName&) const = default;

  private:
    std::string text_;
    Form form_;
};

[[nodiscard]] std::vector<GpuName> gpu_names(const std::vector<std::string>& words);

/// domain:bus:device.function without leading zeros, in lower case.
[[nodiscard]] std::string canonical_pci(std::string_view address);

/// The UUID of a GPU without its GPU-.
[[nodiscard]] std::string_view without_gpu_kind(std::string_view uuid);

} // namespace grapnel
