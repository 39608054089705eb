// SPDX-License-Identifier: Apache-2.0
// Results and errors. An Error is written for a person at a terminal: the failing object, the cause
// and the cure, in one line.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace grapnel {

struct Error {
    enum class Kind {
        refused, ///< the request, its input or this host does not allow it: exit code 1
        system,  ///< a system call failed: exit code 1
        usage,   ///< the command line is wrong: exit code 2
    };

    /// The subject, for programs with callers that tell errors apart by a word.
    enum class Subject { other, driver, devices, mig_config, mig_monitor, requirement, ldcache };

    Kind kind = Kind::refused;
    std::string what = {};               ///< the failed action, with its object
    int sys = 0;                         ///< errno, 0 if no system call failed
    std::string cure = {};               ///< the remedy
    std::vector<std::string> notes = {}; ///< the actions of the callers, innermost first
    Subject subject = Subject::other;

    /// One printable line: the notes from the outermost in, the failed action, the errno's text,
    /// the cure. Untrusted values are escaped and cut here, so that no author of a message has to.
    [[nodiscard]] std::string text() const;
};

[[nodiscard]] Error refused(std::string what, std::string cure = {});

/// The calling thread's errno, taken before anything else can change it.
[[nodiscard]] Error system_error(std::string what, std::string cure = {});

/// An Error on the heap, the size of one pointer: a Result stays small, and each of the many
/// places that pass an error on moves a pointer. Empty only after a move.
class Failure {
  public:
    Failure(Error error);
    Failure(const Failure& other);
    Failure& operator=(const Failure& other);
    Failure(Failure&& other) noexcept;
    Failure& operator=(Failure&& other) noexcept;
    ~Failure();

    [[nodiscard]] Error& error() { return *error_; }
    [[nodiscard]] const Error& error() const { return *error_; }

    /// See Result.
    void note(std::string_view doing);
    void about(Error::Subject subject);
    void cure(std::string_view advice);

  private:
    std::unique_ptr<Error> error_;
};

/// Value or Error. tl::expected may be ignored without a warning; this may not.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Failure> {
    using Base = tl::expected<T, Failure>;

  public:
    using Base::Base;
    Result(Base base) : Base(std::move(base)) {}
    Result(Error error) : Base(tl::unexpect, std::move(error)) {}
    Result(Failure failure) : Base(tl::unexpect, std::move(failure)) {}

    [[nodiscard]] Error& error() & { return Base::error().error(); }
    [[nodiscard]] const Error& error() const& { return Base::error().error(); }
    [[nodiscard]] Error&& error() && { return std::move(Base::error().error()); }

    /// The error to be passed on as it is.
    [[nodiscard]] Failure&& failure() && { return std::move(Base::error()); }

    /// Adds the caller's action to the error, if there is one.
    Result note(std::string_view doing) && {
        if (!this->has_value())
            Base::error().note(doing);
        return std::move(*this);
    }

    /// Sets the error's subject, if there is an error without a subject.
    Result about(Error::Subject subject) && {
        if (!this->has_value())
            Base::error().about(subject);
        return std::move(*this);
    }

    /// Replaces the cure of the error, if there is one.
    Result cure(std::string_view advice) && {
        if (!this->has_value())
            Base::error().cure(advice);
        return std::move(*this);
    }
};

using Status = Result<void>;

namespace detail {
template <typename T>
T take(Result<T>&& result) {
    return std::move(*result);
}
inline void take(Status&&) {}
} // namespace detail

} // namespace grapnel

/// The only macro of this code base: the value of `expr`, or return its error. Not to be nested,
/// and not for the range of a for loop: the value would not live as long as the loop.
#define GRAPNEL_TRY(expr)                                                                          \
    __extension__({                                                                                \
        auto result_ = (expr);                                                                     \
        if (!result_)                                                                              \
            return std::move(result_).failure();                                                   \
        ::grapnel::detail::take(std::move(result_));                                               \
    })
