// What a container uses, and what happens to it, as `events` prints it: one JSON object a line, in
// the form of runc's.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "container/cgroup_details.h"
#include "oci/record.h"

namespace bothy::oci {

// {"type":"stats","id":ID,"data":{...}}
[[nodiscard]] boost::json::object stats_event(std::string_view id,
                                              const container::CgroupDetails& details);

using EventSink = std::function<void(const boost::json::object&)>;

// The statistics now.
[[nodiscard]] Result<void> print_statistics(const Records& records, const std::string& id,
                                            const EventSink& sink);
// The statistics at every interval, and each time that the kernel kills for want of memory, until
// the container ends. Blocks.
[[nodiscard]] Result<void> follow_events(const Records& records, const std::string& id,
                                         std::chrono::milliseconds interval, const EventSink& sink);

}  // namespace bothy::oci
