// SPDX-License-Identifier: Apache-2.0
// A host that records its answers: an inventory is the same for as long as the host would give the
// same answers again.
#pragma once

#include "base/path.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grapnel::driver {

/// One question and its answer, which is empty where nothing is at the path:
///
/// | kind   | question                                  | answer                               |
/// | file   | the file at the path, behind links        | type, identity, owner, mode, number  |
/// | link   | the file at the path, a link itself       | of a device; size, time of change    |
/// | text   | the text of a file below /proc or /sys    | the text                             |
/// | target | the target of a link below /proc or /sys  | its text                             |
/// | names  | the names in a directory of these         | the names                            |
///
/// The kernel sets the time of change whenever a file is written, or a name in a directory is added
/// or removed, and no call sets it back. Size and time say nothing in /proc and /sys, and are not
/// part of the answer there.
struct Observation {
    enum class Kind { file, link, text, target, names };
    Kind kind = Kind::file;
    HostPath path = {};
    std::string answer = {};

    bool operator==(const Observation&) const = default;
};

using Observations = std::vector<Observation>;

class ObservedHost final : public sys::HostFs {
  public:
    /// `host` must outlive this object.
    explicit ObservedHost(const sys::HostFs& host) : host_(host) {}

    /// Names that are missing in one directory become one observation of the directory. Nothing if
    /// an answer is not worth keeping: the system could not tell, or a file changed later than at
    /// `unchanged_since_ns`, so that a change of the same moment would not show.
    [[nodiscard]] std::optional<Observations> observations(std::int64_t unchanged_since_ns) const;

    [[nodiscard]] Result<std::string> read(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileView> map(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>> list(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>>
    list_matching(const HostPath& path, const sys::NameFilter& keep) const override;
    [[nodiscard]] Result<sys::FileFacts> stat(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileFacts> stat_link(const HostPath& path) const override;
    [[nodiscard]] Result<std::string> read_link(const HostPath& path) const override;
    [[nodiscard]] Result<HostPath> resolve(const HostPath& path) const override;

  private:
    using Question = std::pair<HostPath, Observation::Kind>;

    void note(Observation::Kind kind, const HostPath& path,
              std::optional<std::string> answer) const;
    void note_facts(Observation::Kind kind, const HostPath& path,
                    const Result<sys::FileFacts>& facts) const;
    void ask(Observation::Kind kind, const HostPath& path) const;
    [[nodiscard]] std::optional<HostPath> lacking_directory(const HostPath& missing) const;

    const sys::HostFs& host_;
    /// The first answer to each question: a later one that differs shows when it is asked again.
    mutable std::map<Question, std::string> answers_ = {};
    mutable std::int64_t newest_ns_ = 0; ///< of the times of change
    mutable bool told_ = true;           ///< the system could answer each question
};

/// The path of the first answer that the host gives no longer; nothing: it gives all of them still.
/// Reads files of the kernel, and looks at others.
[[nodiscard]] std::optional<HostPath> changed_answer(const sys::HostFs& host,
                                                     const Observations& observations);
[[nodiscard]] inline bool gives_same_answers(const sys::HostFs& host,
                                             const Observations& observations) {
    return !changed_answer(host, observations);
}

} // namespace grapnel::driver
