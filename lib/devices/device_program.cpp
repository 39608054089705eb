// SPDX-License-Identifier: Apache-2.0
#include "devices/device_program.hpp"

#include "devices/blinding.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace grapnel::devices {

namespace {

using Type = DeviceRule::Type;

constexpr std::uint8_t r0 = 0; // the answer
constexpr std::uint8_t r1 = 1; // the context, preserved for the following code
constexpr std::uint8_t r2 = 2; // the type of the device
constexpr std::uint8_t r3 = 3; // the accesses that are asked for and not yet decided
constexpr std::uint8_t r4 = 4; // major
constexpr std::uint8_t r5 = 5; // minor

constexpr bpf_insn instruction(int code, std::uint8_t target, std::uint8_t source,
                               std::size_t offset, std::uint32_t immediate) {
    return {.code = static_cast<__u8>(code),
            .dst_reg = static_cast<__u8>(target & 0xf),
            .src_reg = static_cast<__u8>(source & 0xf),
            .off = static_cast<__s16>(offset),
            .imm = static_cast<__s32>(immediate)};
}

constexpr bpf_insn load(std::uint8_t target, std::size_t offset) {
    return instruction(BPF_LDX | BPF_MEM | BPF_W, target, r1, offset, 0);
}

/// 32-bit arithmetic; the upper half becomes zero.
constexpr bpf_insn alu(int operation, std::uint8_t target, std::uint32_t immediate) {
    return instruction(BPF_ALU | operation | BPF_K, target, 0, 0, immediate);
}

constexpr bpf_insn move(std::uint8_t target, std::uint8_t source) {
    return instruction(BPF_ALU | BPF_MOV | BPF_X, target, source, 0, 0);
}

/// Jumps over `count` instructions. Compares 64 bits: the registers hold 32, and a value with
/// the top bit set would be sign-extended, but no device number is that large (makedev(3)).
constexpr bpf_insn jump(int condition, std::uint8_t target, std::uint32_t immediate,
                        std::size_t count) {
    return instruction(BPF_JMP | condition | BPF_K, target, 0, count, immediate);
}

void append_answer(Code& code, std::uint32_t answer) {
    code.push_back(alu(BPF_MOV, r0, answer));
    code.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

void append_prologue(Code& code) {
    code.push_back(load(r2, offsetof(bpf_cgroup_dev_ctx, access_type)));
    code.push_back(move(r3, r2));
    code.push_back(alu(BPF_RSH, r3, 16)); // the upper half of access_type
    code.push_back(alu(BPF_AND, r2, 0xffff));
    code.push_back(load(r4, offsetof(bpf_cgroup_dev_ctx, major)));
    code.push_back(load(r5, offsetof(bpf_cgroup_dev_ctx, minor)));
}

std::uint32_t kernel_type(Type type) {
    return type == Type::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
}

/// A condition under which a rule does not match.
struct Miss {
    int condition;
    std::uint8_t number;
    std::uint32_t value;
};

/// The tests of a rule for the minors from its own to `last_minor`.
std::vector<Miss> misses(const DeviceRule& rule, std::optional<std::uint32_t> last_minor) {
    std::vector<Miss> out;
    if (rule.type != Type::all)
        out.push_back({BPF_JNE, r2, kernel_type(rule.type)});
    if (rule.major)
        out.push_back({BPF_JNE, r4, *rule.major});
    if (rule.minor == last_minor) {
        if (rule.minor)
            out.push_back({BPF_JNE, r5, *rule.minor});
        return out;
    }
    out.push_back({BPF_JLT, r5, *rule.minor});
    out.push_back({BPF_JGT, r5, *last_minor});
    return out;
}

/// Tests that jump behind the `body` after them.
void append_block(Code& code, const std::vector<Miss>& tests, const Code& body) {
    for (std::size_t i = 0; i < tests.size(); ++i)
        code.push_back(jump(tests[i].condition, tests[i].number, tests[i].value,
                            tests.size() - i - 1 + body.size()));
    code.insert(code.end(), body.begin(), body.end());
}

/// The rule for the minor after this one's, and nothing else.
bool continues(const DeviceRule& rule, const DeviceRule& next) {
    auto expected = rule;
    expected.minor = *rule.minor + 1;
    return *expected.minor != 0 && next == expected;
}

/// Allowed: strike the accesses off the list, and answer yes once it is empty.
Code allow_body(std::uint32_t access) {
    Code body{alu(BPF_AND, r3, ~access), jump(BPF_JNE, r3, 0, 2)};
    append_answer(body, 1);
    return body;
}

/// Denied: answer no if one of them is still on the list.
Code deny_body(std::uint32_t access) {
    Code body{move(r0, r3), alu(BPF_AND, r0, access), jump(BPF_JEQ, r0, 0, 2)};
    append_answer(body, 0);
    return body;
}

/// The devices that runc and crun allow in every container, after the rules of the specification.
std::vector<DeviceRule> default_devices() {
    constexpr std::uint32_t any = access_read | access_write | access_mknod;
    const auto node = [](std::uint32_t major, std::optional<std::uint32_t> minor) {
        return DeviceRule{.major = major, .minor = minor, .access = any};
    };
    return {{.type = Type::character, .access = access_mknod},
            {.type = Type::block, .access = access_mknod},
            node(1, 3),
            node(1, 5),
            node(1, 7),
            node(1, 8),
            node(1, 9),
            node(5, 0),
            node(5, 2),
            node(136, std::nullopt)};
}

/// The interpreter's registers; running is undefined until the program said so.
class Machine {
  public:
    Machine(const Code& code, const DeviceRule& query) : code_(code) {
        context_ = {(query.access << 16) | kernel_type(query.type), query.major.value_or(0),
                    query.minor.value_or(0)};
    }

    std::optional<bool> run() {
        for (std::size_t steps = 0; steps < 100'000 && at_ < code_.size(); ++steps) {
            const auto& now = code_[at_++];
            if (now.code == (BPF_JMP | BPF_EXIT))
                return registers_[r0] != 0;
            if (!step(now))
                return std::nullopt;
        }
        return std::nullopt;
    }

  private:
    bool step(const bpf_insn& now) {
        if (now.dst_reg >= registers_.size() || now.src_reg >= registers_.size())
            return false;
        // since Linux 6.6 an offset makes arithmetic sign-extend, and a 32-bit JA long
        const auto kind = BPF_CLASS(now.code);
        if (((kind == BPF_ALU || kind == BPF_ALU64) && now.off != 0)
            || now.code == (BPF_JMP32 | BPF_JA))
            return false;
        switch (BPF_CLASS(now.code)) {
        case BPF_LDX:
            return load_context(now);
        case BPF_ALU:
        case BPF_ALU64:
            return compute(now);
        case BPF_JMP:
        case BPF_JMP32:
            return branch(now);
        default:
            return false;
        }
    }

    bool load_context(const bpf_insn& now) {
        if (now.code != (BPF_LDX | BPF_MEM | BPF_W) || now.src_reg != r1 || now.off % 4 != 0
            || now.off < 0 || now.off / 4 >= static_cast<int>(context_.size()))
            return false;
        registers_[now.dst_reg] = context_[static_cast<std::size_t>(now.off / 4)];
        return true;
    }

    [[nodiscard]] std::uint64_t operand(const bpf_insn& now) const {
        return BPF_SRC(now.code) == BPF_X ? registers_[now.src_reg]
                                          : static_cast<std::uint64_t>(std::int64_t{now.imm});
    }

    bool compute(const bpf_insn& now) {
        auto& target = registers_[now.dst_reg];
        const bool wide = BPF_CLASS(now.code) == BPF_ALU64;
        const auto value = operand(now);
        switch (BPF_OP(now.code)) {
        case BPF_MOV:
            target = value;
            break;
        case BPF_AND:
            target &= value;
            break;
        case BPF_OR:
            target |= value;
            break;
        case BPF_XOR:
            target ^= value;
            break;
        case BPF_ADD:
            target += value;
            break;
        case BPF_RSH:
            target = (wide ? target : target & 0xffffffff) >> (value & (wide ? 63 : 31));
            break;
        case BPF_LSH:
            target <<= value & (wide ? 63 : 31);
            break;
        default:
            return false;
        }
        if (!wide)
            target &= 0xffffffff;
        return true;
    }

    bool branch(const bpf_insn& now) {
        const bool wide = BPF_CLASS(now.code) == BPF_JMP;
        const auto mask = wide ? ~std::uint64_t{0} : std::uint64_t{0xffffffff};
        const auto left = registers_[now.dst_reg] & mask;
        const auto right = operand(now) & mask;
        bool taken = false;
        switch (BPF_OP(now.code)) {
        case BPF_JA:
            taken = true;
            break;
        case BPF_JEQ:
            taken = left == right;
            break;
        case BPF_JNE:
            taken = left != right;
            break;
        case BPF_JGT:
            taken = left > right;
            break;
        case BPF_JGE:
            taken = left >= right;
            break;
        case BPF_JLT:
            taken = left < right;
            break;
        case BPF_JLE:
            taken = left <= right;
            break;
        case BPF_JSET:
            taken = (left & right) != 0;
            break;
        default:
            return false;
        }
        if (taken && now.off < 0)
            return false; // no loops
        if (taken)
            at_ += static_cast<std::size_t>(now.off);
        return true;
    }

    const Code& code_;
    std::array<std::uint32_t, 3> context_{};
    std::array<std::uint64_t, blinding_register + 1> registers_{};
    std::size_t at_ = 0;
};

} // namespace

Code prepend_allow_rules(const std::vector<DeviceRule>& rules, const Code& old) {
    Code code;
    append_prologue(code);
    for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
        // the instances of a MIG device have a hundred minors in a row: the kernel takes only so
        // many instructions
        const auto& first = *rule;
        while (std::next(rule) != rules.end() && continues(*rule, *std::next(rule)))
            ++rule;
        // no rule leaves a mark on r3: each sees everything that is asked for
        Code body{move(r0, r3), alu(BPF_AND, r0, ~first.access), jump(BPF_JNE, r0, 0, 2)};
        append_answer(body, 1);
        append_block(code, misses(first, rule->minor), body);
    }
    code.insert(code.end(), old.begin(), old.end());
    return code;
}

Code from_spec(const std::vector<DeviceRule>& spec_rules) {
    auto rules = spec_rules;
    std::ranges::copy(default_devices(), std::back_inserter(rules));
    Code code;
    append_prologue(code);
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule)
        append_block(code, misses(*rule, rule->minor),
                     rule->allow ? allow_body(rule->access) : deny_body(rule->access));
    append_answer(code, 0);
    return code;
}

bool can_be_loaded_again(const Code& code) {
    return !code.empty() && std::ranges::none_of(code, [](const bpf_insn& one) {
        return one.dst_reg == blinding_register || one.src_reg == blinding_register
               || one.code == (BPF_JMP | BPF_CALL) || one.code == (BPF_LD | BPF_IMM | BPF_DW);
    });
}

std::optional<bool> permits(const Code& code, const DeviceRule& rule) {
    return Machine(code, rule).run();
}

Judgement judge(const Code& code, const std::vector<DeviceRule>& rules) {
    Judgement judged;
    for (const auto& rule : rules) {
        const auto answer = permits(code, rule);
        if (answer == false)
            return {.permits = false, .rule = rule};
        if (!answer && judged.permits)
            judged = {.permits = std::nullopt, .rule = rule};
    }
    return judged;
}

} // namespace grapnel::devices
