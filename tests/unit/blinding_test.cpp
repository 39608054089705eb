// SPDX-License-Identifier: Apache-2.0
#include "devices/blinding.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <optional>

namespace {

using namespace grapnel;
using namespace grapnel::devices;

constexpr bpf_insn instruction(int code, std::uint8_t target, std::uint8_t source, int offset,
                               int immediate) {
    return {.code = static_cast<__u8>(code),
            .dst_reg = static_cast<__u8>(target & 0xf),
            .src_reg = static_cast<__u8>(source & 0xf),
            .off = static_cast<__s16>(offset),
            .imm = immediate};
}

/// As it was loaded. Its jumps lead over what is blinded and what is not.
Code loaded() {
    return {
        instruction(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0),
        instruction(BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0),
        instruction(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16),
        instruction(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff),
        instruction(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0),
        instruction(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 3, 195),
        instruction(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 4, 2),
        instruction(BPF_JMP32 | BPF_JGT | BPF_K, 5, 0, 1, -2),
        instruction(BPF_JMP | BPF_JA, 0, 0, 2, 0),
        instruction(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 1),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        instruction(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -1),
        instruction(BPF_ALU | BPF_OR | BPF_K, 3, 0, 0, 8),
        instruction(BPF_ALU64 | BPF_XOR | BPF_K, 3, 0, 0, 8),
        instruction(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 7),
        instruction(BPF_JMP | BPF_JSET | BPF_K, 3, 0, 2, 4),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
}

/// As Linux 6.18 showed it with net.core.bpf_jit_harden = 2.
Code shown() {
    return {
        instruction(0x61, 2, 1, 0, 0),
        instruction(0xbc, 3, 2, 0, 0),
        instruction(0x74, 3, 0, 0, 16),
        instruction(0xb4, 11, 0, 0, 202193886),
        instruction(0xa4, 11, 0, 0, 202228769),
        instruction(0x5c, 2, 11, 0, 0),
        instruction(0x61, 4, 1, 4, 0),
        instruction(0x61, 5, 1, 8, 0),
        instruction(0xaf, 0, 0, 0, 0),
        instruction(0xb7, 11, 0, 0, 1083882984),
        instruction(0xa7, 11, 0, 0, 1083882795),
        instruction(0x1d, 4, 11, 7, 0),
        instruction(0xb7, 11, 0, 0, 1508464913),
        instruction(0xa7, 11, 0, 0, 1508464915),
        instruction(0x5d, 2, 11, 8, 0),
        instruction(0xb4, 11, 0, 0, -1078778562),
        instruction(0xa4, 11, 0, 0, 1078778560),
        instruction(0x2e, 5, 11, 1, 0),
        instruction(0x05, 0, 0, 4, 0),
        instruction(0xb4, 11, 0, 0, -180320492),
        instruction(0xa4, 11, 0, 0, -180320491),
        instruction(0xbc, 0, 11, 0, 0),
        instruction(0x95, 0, 0, 0, 0),
        instruction(0xb7, 11, 0, 0, -342155043),
        instruction(0xa7, 11, 0, 0, 342155042),
        instruction(0x0f, 3, 11, 0, 0),
        instruction(0xb4, 11, 0, 0, 684027512),
        instruction(0xa4, 11, 0, 0, 684027504),
        instruction(0x4c, 3, 11, 0, 0),
        instruction(0xb7, 11, 0, 0, -700263307),
        instruction(0xa7, 11, 0, 0, -700263299),
        instruction(0xaf, 3, 11, 0, 0),
        instruction(0xb7, 11, 0, 0, -118355352),
        instruction(0xa7, 11, 0, 0, -118355345),
        instruction(0x63, 10, 11, -4, 0),
        instruction(0xb7, 11, 0, 0, -1366822367),
        instruction(0xa7, 11, 0, 0, -1366822363),
        instruction(0x4d, 3, 11, 2, 0),
        instruction(0xaf, 0, 0, 0, 0),
        instruction(0x95, 0, 0, 0, 0),
        instruction(0xb7, 11, 0, 0, -598976998),
        instruction(0xa7, 11, 0, 0, -598976997),
        instruction(0xbf, 0, 11, 0, 0),
        instruction(0x95, 0, 0, 0, 0),
    };
}

bool same(const Code& a, const Code& b) {
    return std::ranges::equal(a, b, [](const bpf_insn& one, const bpf_insn& other) {
        return one.code == other.code && one.dst_reg == other.dst_reg
               && one.src_reg == other.src_reg && one.off == other.off && one.imm == other.imm;
    });
}

/// A blinded instruction: what is done to register 11, and what is done with it.
Code hidden(int kind, bpf_insn one, int constant) {
    constexpr int mask = 0x5a5a5a5a;
    return {instruction(kind | BPF_MOV | BPF_K, 11, 0, 0, constant ^ mask),
            instruction(kind | BPF_XOR | BPF_K, 11, 0, 0, mask), one};
}

} // namespace

TEST_CASE("a blinded program becomes what was loaded") {
    const auto plain = without_blinding(shown());
    REQUIRE(plain);
    CHECK(same(*plain, loaded()));
    CHECK_FALSE(can_be_loaded_again(shown()));
    CHECK(can_be_loaded_again(*plain));
}

TEST_CASE("a program without blinding is unchanged") {
    CHECK(same(without_blinding(loaded()).value_or(Code()), loaded()));
    CHECK(without_blinding({}).has_value());
}

TEST_CASE("a zero alone is known as well") {
    // registers that nothing was put into yet cannot be read, be it for this
    const Code blinded{instruction(BPF_ALU64 | BPF_XOR | BPF_X, 0, 0, 0, 0),
                       instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
    const Code plain{instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0), blinded[1]};
    CHECK(same(without_blinding(blinded).value_or(Code()), plain));
}

TEST_CASE("each kind of instruction gets its constant back") {
    struct Row {
        const char* what;
        int kind;
        bpf_insn one;
        bpf_insn plain;
    };
    const auto of = [](const char* what, int kind, int code, int offset) {
        return Row{what, kind, instruction(code | BPF_X, 2, 11, offset, 0),
                   instruction(code | BPF_K, 2, 0, offset, -7)};
    };
    const Row rows[] = {
        of("sub", BPF_ALU, BPF_ALU | BPF_SUB, 0),
        of("mul", BPF_ALU64, BPF_ALU64 | BPF_MUL, 0),
        of("div with a sign", BPF_ALU, BPF_ALU | BPF_DIV, 1),
        of("mod", BPF_ALU64, BPF_ALU64 | BPF_MOD, 0),
        of("and", BPF_ALU64, BPF_ALU64 | BPF_AND, 0),
        of("jge", BPF_ALU64, BPF_JMP | BPF_JGE, 0),
        of("jlt", BPF_ALU, BPF_JMP32 | BPF_JLT, 0),
        of("jle", BPF_ALU64, BPF_JMP | BPF_JLE, 0),
        of("jsgt", BPF_ALU64, BPF_JMP | BPF_JSGT, 0),
        of("jsge", BPF_ALU, BPF_JMP32 | BPF_JSGE, 0),
        of("jslt", BPF_ALU64, BPF_JMP | BPF_JSLT, 0),
        of("jsle", BPF_ALU, BPF_JMP32 | BPF_JSLE, 0),
        {"store", BPF_ALU64, instruction(BPF_STX | BPF_MEM | BPF_DW, 10, 11, -8, 0),
         instruction(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, -7)},
    };
    const auto ends = instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto blinded = hidden(row.kind, row.one, -7);
        blinded.push_back(ends);
        CHECK(same(without_blinding(blinded).value_or(Code()), {row.plain, ends}));
    }
}

TEST_CASE("a jump back leads to the blinded beginning") {
    auto blinded = hidden(BPF_ALU64, instruction(BPF_ALU64 | BPF_ADD | BPF_X, 2, 11, 0, 0), 1);
    const auto jump = hidden(BPF_ALU64, instruction(BPF_JMP | BPF_JLT | BPF_X, 2, 11, -6, 0), 100);
    blinded.insert(blinded.end(), jump.begin(), jump.end());
    blinded.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    const Code plain{instruction(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 1),
                     instruction(BPF_JMP | BPF_JLT | BPF_K, 2, 0, -2, 100), blinded.back()};
    CHECK(same(without_blinding(blinded).value_or(Code()), plain));
}

TEST_CASE("other code than the kernel's is unchanged") {
    const auto add = instruction(BPF_ALU64 | BPF_ADD | BPF_X, 2, 11, 0, 0);
    const auto good = hidden(BPF_ALU64, add, 1);
    const auto changed = [&](std::size_t at, bpf_insn one) {
        auto code = good;
        code[at] = one;
        return code;
    };
    struct Row {
        const char* what;
        Code code;
    };
    const Row rows[] = {
        {"only begun", {good[0], good[1]}},
        {"without its beginning", {good[1], good[2]}},
        {"of another width", hidden(BPF_ALU, add, 1)},
        {"used a second time", {good[0], good[1], good[2], good[2]}},
        {"another operation", changed(1, instruction(BPF_ALU64 | BPF_ADD | BPF_K, 11, 0, 0, 1))},
        {"from a register", changed(0, instruction(BPF_ALU64 | BPF_MOV | BPF_X, 11, 2, 0, 0))},
        {"its own target", changed(2, instruction(BPF_ALU64 | BPF_ADD | BPF_X, 11, 11, 0, 0))},
        {"a shift", changed(2, instruction(BPF_ALU64 | BPF_LSH | BPF_X, 2, 11, 0, 0))},
        {"a jump without condition",
         changed(2, instruction(BPF_JMP | BPF_JA | BPF_X, 0, 11, 0, 0))},
        {"an exchange", changed(2, instruction(BPF_STX | 0xc0 | BPF_W, 10, 11, -4, 0))},
        {"a jump between", {instruction(BPF_JMP | BPF_JA, 0, 0, 1, 0), good[0], good[1], good[2]}},
        {"a jump past the end", {instruction(BPF_JMP | BPF_JA, 0, 0, 1, 0), add}},
        {"a jump before the beginning", {instruction(BPF_JMP | BPF_JA, 0, 0, -2, 0)}},
        {"a long jump", {instruction(BPF_JMP32 | BPF_JA, 0, 0, 0, 0), good[0], good[1], good[2]}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK_FALSE(without_blinding(row.code));
    }
}
