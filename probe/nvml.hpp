// SPDX-License-Identifier: Apache-2.0
// The few functions of the driver's management library (NVML) that this program calls, found by
// name when it runs: a library of any driver will do, and a fact that an older one lacks is left
// out. Names, numbers and layouts are those of NVIDIA's published interface.
#pragma once

#include <dlfcn.h>
#include <initializer_list>

namespace grapnel::nvml {

/// Zero is success; nvmlErrorString has words for the others.
using Return = int;
constexpr Return success = 0;

using Device = void*;

/// Versions 1 to 3 of the structure differ after these fields alone; the rest is room for them.
struct PciInfo {
    char legacy_name[16];
    unsigned domain;
    unsigned bus;
    unsigned device;
    char rest[64];
};

constexpr unsigned text_size = 96; ///< of the longest text that the library gives: a UUID
constexpr unsigned mig_enabled = 1;

/// A function of the library, which can be missing.
template <typename... Arguments>
class Function {
  public:
    /// The first of these names that the library has.
    Function(void* library, const char* name, const char* older = nullptr,
             const char* oldest = nullptr) {
        for (const char* const one : {name, older, oldest})
            if (one != nullptr && address_ == nullptr)
                address_ = dlsym(library, one);
    }

    [[nodiscard]] bool there() const { return address_ != nullptr; }

    /// The library's answer.
    [[nodiscard]] Return call(Arguments... arguments) const {
        return reinterpret_cast<Return (*)(Arguments...)>(address_)(arguments...);
    }

    /// False also where the library has no such function.
    [[nodiscard]] bool operator()(Arguments... arguments) const {
        return there() && call(arguments...) == success;
    }

  private:
    void* address_ = nullptr;
};

} // namespace grapnel::nvml
