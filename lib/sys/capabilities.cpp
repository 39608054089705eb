// SPDX-License-Identifier: Apache-2.0
#include "sys/capabilities.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <utility>

namespace grapnel::sys {

namespace {

constexpr std::size_t words = _LINUX_CAPABILITY_U32S_3;

/// The sets as capset(2) takes them. Nothing is ever inheritable.
using Sets = std::array<__user_cap_data_struct, words>;

constexpr std::uint32_t bit(int capability) {
    return CAP_TO_MASK(capability);
}

/// The sets of this process as they were read or set last: nothing but this file and a new user
/// namespace or user changes them.
std::optional<Sets>& known() {
    static std::optional<Sets> sets;
    return sets;
}

/// The capabilities that have left the bounding set.
std::uint64_t& dropped() {
    static std::uint64_t set = 0;
    return set;
}

__user_cap_header_struct header() {
    return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
}

Result<Sets> read_sets() {
    if (known())
        return *known();
    Sets sets{};
    auto version = header();
    if (capget(&version, sets.data()) != 0)
        return system_error("capget");
    return *(known() = sets);
}

Status write_sets(Sets sets) {
    for (auto& word : sets)
        word.inheritable = 0;
    auto version = header();
    if (capset(&version, sets.data()) != 0)
        return system_error("capset");
    known() = sets;
    return {};
}

std::size_t word_of(int capability) {
    return static_cast<std::size_t>(CAP_TO_INDEX(capability));
}

Sets with_effective(Sets sets, const Capabilities& wanted) {
    for (auto& word : sets)
        word.effective = 0;
    for (const auto capability : wanted) {
        auto& word = sets.at(word_of(capability));
        word.effective |= word.permitted & bit(capability);
    }
    return sets;
}

} // namespace

void forget_capabilities() {
    known().reset();
    dropped() = 0;
}

bool is_permitted(int capability) {
    const auto sets = read_sets();
    return sets && (sets->at(word_of(capability)).permitted & bit(capability)) != 0;
}

bool may_mount() {
    return is_permitted(CAP_SYS_ADMIN);
}

Status keep_capabilities(const Capabilities& kept) {
    return set_capabilities(kept, kept);
}

Status set_capabilities(const Capabilities& kept, const Capabilities& effective) {
    auto sets = GRAPNEL_TRY(read_sets());
    Sets mask{};
    for (const auto capability : kept)
        mask.at(word_of(capability)).permitted |= bit(capability);
    for (std::size_t i = 0; i < words; ++i)
        sets[i].permitted &= mask[i].permitted;
    return write_sets(with_effective(sets, effective));
}

Status set_effective(const Capabilities& wanted) {
    return write_sets(with_effective(GRAPNEL_TRY(read_sets()), wanted));
}

Result<EffectiveSet> exchange_effective(const EffectiveSet& wanted) {
    auto sets = GRAPNEL_TRY(read_sets());
    EffectiveSet before{};
    for (std::size_t i = 0; i < words; ++i)
        before[i] = std::exchange(sets[i].effective, wanted[i]);
    GRAPNEL_TRY(write_sets(sets));
    return before;
}

Status drop_bounding_set(const Capabilities& kept) {
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
        const auto one = std::uint64_t{1} << capability;
        if ((dropped() & one) != 0 || std::ranges::find(kept, capability) != kept.end())
            continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) {
            dropped() |= one;
            continue;
        }
        if (errno == EINVAL || errno == EPERM) // beyond the kernel's last one; no CAP_SETPCAP
            return {};
        return system_error("prctl PR_CAPBSET_DROP");
    }
    return {};
}

} // namespace grapnel::sys
