// SPDX-License-Identifier: Apache-2.0
// File descriptors: one type owns, one borrows.
#pragma once

#include <utility>

namespace grapnel::sys {

/// Borrowed descriptor: never closes, never outlives the call it is passed to.
struct FdRef {
    int value = -1;
};

class Fd {
  public:
    Fd() noexcept = default;
    explicit Fd(int owned) noexcept : fd_(owned) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        Fd(std::move(other)).swap(*this);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd();

    void swap(Fd& other) noexcept { std::swap(fd_, other.fd_); }
    [[nodiscard]] FdRef ref() const noexcept { return {fd_}; }
    [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

} // namespace grapnel::sys
