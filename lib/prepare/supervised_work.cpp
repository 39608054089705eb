// SPDX-License-Identifier: Apache-2.0
#include "prepare/supervised_work.hpp"

#include "base/exit_code.hpp"

namespace grapnel {

Result<int> run_supervised(const confine::Supervision& supervision, const Log& log,
                           const std::function<Status()>& work) {
    const auto run = [&]() -> int {
        const auto done = work();
        if (done)
            return exit_done;
        log.error(done.error().text());
        return exit_refused;
    };
    const auto done = GRAPNEL_TRY(confine::supervise(supervision, log.directories(), run));
    if (!done.denied.empty())
        log.record_error(done.denied);
    if (!done.confined)
        log.debug(done.confined.error().text());
    return done.code;
}

confine::Supervision look_with_modules(const ModuleLoader& modules) {
    constexpr int with_modules_ms = 110'000; // grapnel-runtime waits for two minutes
    return {.subject = confine::Supervision::Subject::host,
            .time_limit_ms =
                modules.can_load() ? with_modules_ms : confine::container_time_limit_ms};
}

} // namespace grapnel
