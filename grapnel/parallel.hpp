// SPDX-License-Identifier: Apache-2.0
// Work in several threads, for a command that reads thousands of small files of the kernel. No
// other thread is left when in_parallel() returns: fork and setns are safe in one thread alone.
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <system_error>
#include <vector>

namespace grapnel {

/// `useful` or the number of processors that this process may use; 1 to 4.
[[nodiscard]] std::size_t part_count(std::size_t useful);

/// The results of work(0) to work(count - 1), in this order. This thread does the work of a thread
/// that cannot be started; an exception of `work` is this function's.
template <typename Value>
[[nodiscard]] std::vector<Value> in_parallel(std::size_t count,
                                             const std::function<Value(std::size_t part)>& work) {
    const auto start = [&](std::size_t part) {
        try {
            return std::async(std::launch::async, work, part);
        } catch (const std::system_error&) {
            return std::async(std::launch::deferred, work, part);
        }
    };
    std::vector<std::future<Value>> others;
    for (std::size_t part = 1; part < count; ++part)
        others.push_back(start(part));
    std::vector<Value> out;
    out.push_back(work(0));
    for (auto& other : others)
        out.push_back(other.get());
    return out;
}

} // namespace grapnel
