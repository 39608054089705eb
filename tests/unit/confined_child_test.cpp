// SPDX-License-Identifier: Apache-2.0
#include "confine/confined_child.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <new>
#include <string>
#include <unistd.h>

using namespace grapnel;
using test::contains;
using test::error_of;

#ifndef __SANITIZE_ADDRESS__ // it makes system calls of its own at a throw and at the end
TEST_CASE("a confined computation gives result or error") {
    CHECK(confine::compute_confined(10, [] { return Result<std::string>("text"); })
          == std::string("text"));
    CHECK(error_of(confine::compute_confined(
              100, []() -> Result<std::string> { return refused("no text", "write one"); }))
          == "no text: write one");
    CHECK(contains(error_of(confine::compute_confined(
                       10, [] { return Result<std::string>(std::string(11, 'x')); })),
                   "ended by signal"));
    CHECK(contains(error_of(confine::compute_confined(
                       100, []() -> Result<std::string> { throw std::bad_alloc(); })),
                   "internal error"));
}
#endif

TEST_CASE("a confined computation can open nothing") {
    const auto open_something = []() -> Result<std::string> {
        return std::to_string(::open("/dev/null", O_RDONLY));
    };
    CHECK(contains(error_of(confine::compute_confined(10, open_something)), "ended by signal 31"));
}

TEST_CASE("timely work gives its result or error") {
    const auto text = [] { return Result<std::string>("text"); };
    CHECK(confine::work_within(60'000, 10, text) == std::string("text"));
    const auto error = []() -> Result<std::string> { return refused("no text", "write one"); };
    CHECK(error_of(confine::work_within(60'000, 100, error)) == "no text: write one");
}

TEST_CASE("endless work ends at its time limit") {
    const auto hang = []() -> Result<std::string> {
        for (;;)
            pause();
    };
    CHECK(contains(error_of(confine::work_within(1'000, 10, hang)),
                   "took longer than 1 seconds: a file system does not answer"));
}
