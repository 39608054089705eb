// SPDX-License-Identifier: Apache-2.0
#include "devices/blinding.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace grapnel::devices {

// The kernel (bpf_jit_blind_insn) makes of an instruction with a constant
//     r11 = constant ^ random; r11 ^= random; the instruction with r11
// and of a zero that is moved to a register an exclusive or of the register with itself. It does
// so last of all; no program can name r11.

namespace {

constexpr std::size_t length_of_blinded = 3;

bool uses_blinding_register(const bpf_insn& one) {
    return one.dst_reg == blinding_register || one.src_reg == blinding_register;
}

bool is_jump(const bpf_insn& one) {
    const auto kind = BPF_CLASS(one.code);
    const auto operation = BPF_OP(one.code);
    return (kind == BPF_JMP || kind == BPF_JMP32) && operation != BPF_EXIT && operation != BPF_CALL;
}

bool has(const auto& list, int item) {
    return std::ranges::find(list, item) != list.end();
}

/// The class of the two instructions that put the constant of this one into r11; nothing for an
/// instruction that is never blinded.
std::optional<int> class_of_preparation(const bpf_insn& one) {
    constexpr std::array arithmetic{BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR,
                                    BPF_MUL, BPF_MOV, BPF_DIV, BPF_MOD};
    constexpr std::array jumps{BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JLT,  BPF_JGE, BPF_JLE,
                               BPF_JSGT, BPF_JSLT, BPF_JSGE, BPF_JSLE, BPF_JSET};
    const bool from_register = BPF_SRC(one.code) == BPF_X;
    const bool computes = from_register && has(arithmetic, BPF_OP(one.code));
    const bool jumps_on = from_register && has(jumps, BPF_OP(one.code));
    switch (BPF_CLASS(one.code)) {
    case BPF_ALU:
        return computes ? std::optional(BPF_ALU) : std::nullopt;
    case BPF_ALU64:
        return computes ? std::optional(BPF_ALU64) : std::nullopt;
    case BPF_JMP32:
        return jumps_on ? std::optional(BPF_ALU) : std::nullopt;
    case BPF_JMP:
        return jumps_on ? std::optional(BPF_ALU64) : std::nullopt;
    case BPF_STX:
        return BPF_MODE(one.code) == BPF_MEM ? std::optional(BPF_ALU64) : std::nullopt;
    default:
        return std::nullopt;
    }
}

bool sets_blinding_register(const bpf_insn& one, int kind, int operation) {
    return one.code == (kind | operation | BPF_K) && one.dst_reg == blinding_register
           && one.src_reg == 0 && one.off == 0;
}

/// The instruction that begins here with its constant in r11.
std::optional<bpf_insn> with_constant(const Code& code, std::size_t at) {
    if (code.size() - at < length_of_blinded)
        return std::nullopt;
    auto one = code[at + 2];
    const auto kind = class_of_preparation(one);
    if (!kind || one.src_reg != blinding_register || one.dst_reg == blinding_register
        || one.imm != 0 || !sets_blinding_register(code[at], *kind, BPF_MOV)
        || !sets_blinding_register(code[at + 1], *kind, BPF_XOR))
        return std::nullopt;
    one.code = static_cast<__u8>(BPF_CLASS(one.code) == BPF_STX ? one.code - BPF_STX + BPF_ST
                                                                : one.code - BPF_X + BPF_K);
    one.src_reg = 0;
    one.imm = code[at].imm ^ code[at + 1].imm;
    return one;
}

bool is_zero(const bpf_insn& one) {
    return one.code == (BPF_ALU64 | BPF_XOR | BPF_X) && one.dst_reg == one.src_reg && one.off == 0
           && one.imm == 0;
}

bpf_insn moved_zero(std::uint8_t target) {
    return {.code = BPF_ALU64 | BPF_MOV | BPF_K,
            .dst_reg = static_cast<__u8>(target & 0xf),
            .src_reg = 0,
            .off = 0,
            .imm = 0};
}

/// A program with the offset of each of its instructions in the blinded program.
struct Plain {
    Code code = {};
    std::vector<std::size_t> begins = {}; ///< where in the blinded one, for each instruction
    std::vector<std::size_t> jumps_from =
        {}; ///< its last instruction there, which jumps count from
};

std::optional<Plain> constants_restored(const Code& blinded) {
    Plain plain;
    for (std::size_t at = 0; at < blinded.size();) {
        auto one = blinded[at];
        std::size_t length = 1;
        if (const auto restored = with_constant(blinded, at)) {
            one = *restored;
            length = length_of_blinded;
        } else if (uses_blinding_register(one)) {
            return std::nullopt;
        } else if (is_zero(one)) {
            one = moved_zero(one.dst_reg);
        }
        plain.code.push_back(one);
        plain.begins.push_back(at);
        at += length;
        plain.jumps_from.push_back(at - 1);
    }
    return plain;
}

/// Restores the target of each jump.
bool aim_jumps(Plain& plain) {
    for (std::size_t i = 0; i < plain.code.size(); ++i) {
        auto& one = plain.code[i];
        if (one.code == (BPF_JMP32 | BPF_JA)) // a long one
            return false;
        if (!is_jump(one))
            continue;
        const auto target =
            static_cast<std::int64_t>(plain.jumps_from[i]) + 1 + std::int64_t{one.off};
        const auto found = std::ranges::lower_bound(plain.begins, static_cast<std::size_t>(target));
        if (found == plain.begins.end() || *found != static_cast<std::size_t>(target))
            return false;
        const auto distance = found - plain.begins.begin() - static_cast<std::ptrdiff_t>(i) - 1;
        one.off = static_cast<__s16>(distance);
    }
    return true;
}

} // namespace

std::optional<Code> without_blinding(const Code& shown) {
    auto plain = constants_restored(shown);
    if (!plain || !aim_jumps(*plain))
        return std::nullopt;
    return std::move(plain->code);
}

} // namespace grapnel::devices
