// SPDX-License-Identifier: Apache-2.0
// Device programs of cgroup v2. Input: four bytes for the number of rules, a device's type and
// an access, then twelve bytes a rule, then instructions of eight bytes each.
#include "devices/blinding.hpp"
#include "devices/device_program.hpp"
#include "fuzz.hpp"

#include <cstring>

using namespace grapnel;
using namespace grapnel::devices;
using fuzz::expect;

namespace {

using Type = DeviceRule::Type;

template <typename T>
T take(std::string_view& bytes) {
    T value{};
    const auto size = std::min(sizeof value, bytes.size());
    if (size != 0)
        std::memcpy(&value, bytes.data(), size);
    bytes.remove_prefix(size);
    return value;
}

struct RuleBytes {
    std::uint8_t type = 0;
    std::uint8_t access = 0;
    std::uint8_t flags = 0;
    std::uint8_t padding = 0;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
};

/// Numbers as makedev(3) has them: 12 and 20 bits.
DeviceRule rule_of(const RuleBytes& bytes, bool exact) {
    const auto type = bytes.type % 3;
    DeviceRule rule{.allow = exact || (bytes.flags & 1U) != 0,
                    .type = type == 0 && !exact ? Type::all
                            : type == 1         ? Type::block
                                                : Type::character,
                    .major = bytes.major & 0xfffU,
                    .minor = bytes.minor & 0xfffffU,
                    .access = bytes.access % 7U + 1U};
    if (!exact && (bytes.flags & 2U) != 0)
        rule.major.reset();
    if (!exact && (bytes.flags & 4U) != 0)
        rule.minor.reset();
    return rule;
}

bool matches(const DeviceRule& rule, const DeviceRule& query) {
    return (rule.type == Type::all || rule.type == query.type)
           && (!rule.major || rule.major == query.major)
           && (!rule.minor || rule.minor == query.minor);
}

/// What a runtime allows in every container, after the rules of the specification.
bool allowed_by_default(const DeviceRule& query, std::uint32_t access) {
    if (access == access_mknod)
        return true;
    const auto major = *query.major;
    const auto minor = *query.minor;
    return query.type == Type::character
           && ((major == 1 && (minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9))
               || (major == 5 && (minor == 0 || minor == 2)) || major == 136);
}

bool allowed_by_spec(const std::vector<DeviceRule>& rules, const DeviceRule& query) {
    for (const std::uint32_t access : {access_mknod, access_read, access_write}) {
        if ((query.access & access) == 0)
            continue;
        bool allowed = false;
        for (const auto& rule : rules)
            if (matches(rule, query) && (rule.access & access) != 0)
                allowed = rule.allow;
        if (!allowed && !allowed_by_default(query, access))
            return false;
    }
    return true;
}

/// Clears what prepend_allow_rules leaves behind in registers, which no program of the kernel's
/// reads before it writes it.
Code with_clean_registers(const Code& code) {
    Code out;
    for (const int target : {0, 2, 3, 4, 5})
        out.push_back({.code = BPF_ALU64 | BPF_MOV | BPF_K,
                       .dst_reg = static_cast<__u8>(target & 0xf),
                       .src_reg = 0,
                       .off = 0,
                       .imm = 0});
    out.insert(out.end(), code.begin(), code.end());
    return out;
}

Code code_of(std::string_view bytes) {
    Code code;
    while (bytes.size() >= sizeof(bpf_insn))
        code.push_back(take<bpf_insn>(bytes));
    return code;
}

void expect_as_in_spec(const std::vector<DeviceRule>& rules, const DeviceRule& query) {
    const auto made = from_spec(rules);
    expect(can_be_loaded_again(made), "what is made from rules can be loaded");
    expect(permits(made, query) == allowed_by_spec(rules, query),
           "a program made from rules does what they say");
}

void expect_extended(const std::vector<DeviceRule>& exact, const DeviceRule& query,
                     const Code& raw) {
    const auto old = with_clean_registers(raw);
    const auto extended = prepend_allow_rules(exact, old);
    expect(can_be_loaded_again(extended) == can_be_loaded_again(old),
           "new rules do not change whether a program can be loaded");
    bool covered = false;
    for (const auto& rule : exact) {
        expect(permits(extended, rule) == true, "a new rule is kept");
        covered = covered || (matches(rule, query) && (query.access & ~rule.access) == 0);
    }
    if (!covered)
        expect(permits(extended, query) == permits(old, query),
               "what no new rule mentions is left to the old program");
}

bool has_hidden_constant(const bpf_insn& one) {
    const auto operation = BPF_OP(one.code);
    if (one.src_reg != 0) // nobody can load such a one
        return false;
    switch (BPF_CLASS(one.code)) {
    case BPF_ALU:
    case BPF_ALU64:
        return BPF_SRC(one.code) == BPF_K && operation != BPF_LSH && operation != BPF_RSH
               && operation != BPF_NEG && operation <= BPF_MOV;
    case BPF_JMP:
    case BPF_JMP32:
        return BPF_SRC(one.code) == BPF_K && operation != BPF_JA && operation != BPF_CALL
               && operation != BPF_EXIT && operation <= BPF_JSLE;
    default:
        return false;
    }
}

/// As the kernel does it, with each jump's offset counted from the instruction's new place.
Code blinded(const Code& code, __s32 mask) {
    std::vector<std::size_t> begins;
    std::size_t end = 0;
    for (const auto& one : code) {
        begins.push_back(end);
        end += has_hidden_constant(one) ? 3 : 1;
    }
    Code out;
    for (std::size_t i = 0; i < code.size(); ++i) {
        auto one = code[i];
        const auto kind = BPF_CLASS(one.code);
        const bool jumps = (kind == BPF_JMP || kind == BPF_JMP32) && BPF_OP(one.code) != BPF_CALL
                           && BPF_OP(one.code) != BPF_EXIT;
        const auto target = static_cast<std::int64_t>(i) + 1 + one.off;
        if (has_hidden_constant(one)) {
            const auto prepares = kind == BPF_ALU || kind == BPF_JMP32 ? BPF_ALU : BPF_ALU64;
            for (const auto& [operation, value] :
                 {std::pair(BPF_MOV, one.imm ^ mask), std::pair(BPF_XOR, mask)})
                out.push_back({.code = static_cast<__u8>(prepares | operation | BPF_K),
                               .dst_reg = 11,
                               .src_reg = 0,
                               .off = 0,
                               .imm = value});
            one.code = static_cast<__u8>(one.code | BPF_X);
            one.src_reg = 11;
            one.imm = 0;
        }
        if (jumps && target >= 0 && target < static_cast<std::int64_t>(code.size()))
            one.off = static_cast<__s16>(
                static_cast<std::int64_t>(begins[static_cast<std::size_t>(target)])
                - static_cast<std::int64_t>(out.size()) - 1);
        out.push_back(one);
    }
    return out;
}

void expect_same_without_blinding(const Code& code, const DeviceRule& query, __s32 mask) {
    if (const auto plain = without_blinding(code))
        expect(permits(*plain, query) == permits(code, query), "what is undone changes no answer");
    if (!without_blinding(code) || !can_be_loaded_again(code) || code.size() > 1000)
        return;
    const auto hidden = blinded(code, mask);
    const auto plain = without_blinding(hidden);
    expect(plain.has_value(), "what the kernel does is undone");
    expect(plain->size() == code.size() && can_be_loaded_again(*plain), "all of it");
    expect(permits(*plain, query) == permits(code, query),
           "what was loaded gives the same answers");
    expect(permits(hidden, query) == permits(code, query), "and so does what is blinded");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto bytes = fuzz::as_text(data, size);
    const auto count = take<std::uint8_t>(bytes) % 5U;
    auto query_bytes =
        RuleBytes{.type = take<std::uint8_t>(bytes), .access = take<std::uint8_t>(bytes)};
    const auto same = take<std::uint8_t>(bytes);
    std::vector<DeviceRule> rules;
    std::vector<DeviceRule> exact;
    for (unsigned i = 0; i < count; ++i) {
        const auto rule = take<RuleBytes>(bytes);
        rules.push_back(rule_of(rule, false));
        exact.push_back(rule_of(rule, true));
        // ask about the device of one of the rules, or about its neighbour
        if (i == same % 5U) {
            query_bytes.major = rule.major;
            query_bytes.minor = rule.minor ^ (same >> 7U);
        }
    }
    const auto query = rule_of(query_bytes, true);
    const auto code = code_of(bytes);
    (void)permits(code, query);
    (void)can_be_loaded_again(code);
    expect_as_in_spec(rules, query);
    expect_extended(exact, query, code);
    const auto mask = static_cast<__s32>(query_bytes.major ^ same * 0x01010101U);
    expect_same_without_blinding(code, query, mask);
    expect_same_without_blinding(prepend_allow_rules(exact, from_spec(rules)), query, mask);
    return 0;
}
